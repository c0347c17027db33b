//! Failures with one cause, shown as one: those that rest on the same place of the same answer.

use crate::verdict::{Line, Verdict};

/// A failure, and the others that rest on the same observation.
pub(super) struct Cause<'r> {
    pub(super) line: &'r Line,
    /// Further requirements that are violated by what was observed.
    pub(super) others: Vec<&'r Line>,
}

/// Groups verdicts of one kind by what was observed, in the order of the report.
pub(super) fn causes<'r>(lines: impl IntoIterator<Item = &'r Line>) -> Vec<Cause<'r>> {
    let mut causes: Vec<Cause<'r>> = Vec::new();
    for line in lines {
        let same = observation(line).and_then(|observed| {
            causes.iter_mut().find(|cause| observation(cause.line).is_some_and(|other| other == observed))
        });
        match same {
            Some(cause) => cause.others.push(line),
            None => causes.push(Cause { line, others: Vec::new() }),
        }
    }
    causes
}

/// Returns what a failure rests on: request, place in the answer, and what was seen there; `None` if it has more findings
/// than this one.
fn observation(line: &Line) -> Option<(&str, Option<&str>, &str)> {
    if !matches!(line.verdict, Verdict::Fail | Verdict::Warn) {
        return None;
    }
    let finding = line.findings.first()?;
    let record = finding.records.last()?;
    Some((&record.title, finding.pointer.as_deref(), &finding.seen))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::http::Record;
    use crate::requirement::Requirement;
    use crate::verdict::Finding;

    fn failure(id: &'static str, title: &str, seen: &str) -> Line {
        let record = Record {
            number: 1,
            title: title.to_owned(),
            request: String::new(),
            answer: String::new(),
            status: Some(200),
            took: Duration::ZERO,
            curl: String::new(),
        };
        let mut finding = Finding::new("another", seen).at("/meta/vtag");
        finding.records.push(Arc::new(record));
        let mut line = Line::new(Requirement::must(id, ""), Verdict::Fail);
        line.findings.push(finding);
        line
    }

    #[test]
    fn failures_by_one_observation_are_one_cause() {
        let lines =
            [failure("a/1/1", "GET x", "old"), failure("a/2/1", "GET y", "old"), failure("a/3/1", "GET x", "old")];
        let causes = causes(&lines);
        let ids: Vec<_> = causes.iter().map(|cause| (cause.line.requirement.id, cause.others.len())).collect();
        assert_eq!(ids, [("a/1/1", 1), ("a/2/1", 0)]);
    }
}
