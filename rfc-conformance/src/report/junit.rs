//! Report as `JUnit` XML for continuous integration, with a suite per chapter and a case per requirement.

use std::fmt::Write as _;

use super::Report;
use super::escape::markup;
use crate::verdict::{Line, Verdict};

/// Renders a report as `JUnit` XML.
pub(super) fn render(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let took = report.took.as_secs_f64();
    let failed = |line: &&Line| !is_error(line) && line.verdict.is_failure(report.strict);
    let (tests, failures) = (report.lines.len(), report.lines.iter().filter(failed).count());
    let errors =
        report.lines.iter().filter(|line| is_error(line)).count() + usize::from(report.could_not_run.is_some());
    let _ = writeln!(
        out,
        "<testsuites name=\"rfc-conformance {}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{}\" time=\"{took:.3}\">",
        markup(&report.target),
        report.lines.iter().filter(|line| is_skipped(line)).count()
    );
    if let Some(why) = &report.could_not_run {
        let _ = writeln!(
            out,
            "  <testsuite name=\"suite\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    \
             <testcase classname=\"suite\" name=\"could not run\"><error message=\"{}\"/></testcase>\n  </testsuite>",
            markup(why)
        );
    }
    for chapter in report.chapters() {
        let count = |wanted: &dyn Fn(&&Line) -> bool| chapter.lines.iter().copied().filter(wanted).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}/{} {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
            chapter.document,
            chapter.number,
            chapter.title,
            chapter.lines.len(),
            count(&failed),
            count(&|line: &&Line| is_error(line)),
            count(&|line: &&Line| is_skipped(line)),
            chapter.lines.iter().copied().map(seconds).sum::<f64>(),
        );
        for line in chapter.lines {
            case(&mut out, line, report.strict);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn is_error(line: &Line) -> bool {
    matches!(line.verdict, Verdict::Error(_) | Verdict::Late(_))
}

fn is_skipped(line: &Line) -> bool {
    matches!(line.verdict, Verdict::Skipped(_) | Verdict::Blocked(_))
}

/// Returns the duration of the exchanges that a verdict shows, which is all that is known of its share in the run.
fn seconds(line: &Line) -> f64 {
    let records = line.records.iter().chain(line.findings.iter().flat_map(|finding| &finding.records));
    records.map(|record| record.took.as_secs_f64()).sum()
}

fn case(out: &mut String, line: &Line, strict: bool) {
    let requirement = &line.requirement;
    let _ = write!(
        out,
        "    <testcase classname=\"{}.{}\" name=\"{} {}\" time=\"{:.3}\"",
        requirement.document(),
        // Dots would make a package of every level of the section.
        requirement.section().replace('.', "_"),
        markup(&line.name()),
        markup(requirement.text),
        seconds(line)
    );
    let text = markup(&text(line));
    let first = markup(&line.findings.first().map_or_else(String::new, |finding| finding.seen.clone()));
    let _ = match &line.verdict {
        Verdict::Pass(_) => writeln!(out, "/>"),
        Verdict::Skipped(why) | Verdict::Blocked(why) => {
            writeln!(out, "><skipped message=\"{}\"/></testcase>", markup(why))
        }
        Verdict::Error(why) | Verdict::Late(why) => {
            writeln!(out, "><error message=\"{}\">{text}</error></testcase>", markup(why))
        }
        verdict if verdict.is_failure(strict) => {
            writeln!(out, "><failure message=\"{first}\" type=\"{}\">{text}</failure></testcase>", verdict.word())
        }
        verdict => writeln!(out, "><system-out>{}: {text}</system-out></testcase>", verdict.word()),
    };
}

/// Formats findings as lines of text.
fn text(line: &Line) -> String {
    let mut out = String::new();
    if !line.blocks.is_empty() {
        let _ = writeln!(out, "blocks:   {}", line.blocks.join(", "));
    }
    for finding in &line.findings {
        let _ = writeln!(out, "expected: {}\nactual:   {}", finding.expected, finding.seen);
        if let Some(pointer) = &finding.pointer {
            let _ = writeln!(out, "where:    {pointer}");
        }
        if let Some(record) = finding.records.last() {
            let _ = writeln!(out, "again:    {}", record.curl);
        }
    }
    out
}
