//! Sheets on which checks note what they see. A pass cannot be declared: it is the verdict on a requirement for which
//! something was examined and no finding was noted.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::http::{Exchange, Failure, NoAnswer, Record};
use crate::requirement::{Level, Requirement};
use crate::verdict::{Evidence, Finding, Grade, Line, Verdict};

/// Maximum number of findings kept for one requirement; further ones are counted.
const MOST_FINDINGS: usize = 8;
/// Maximum number of exchanges kept to show what was examined.
const MOST_RECORDS: usize = 3;

/// Notes of a check, by requirement.
#[derive(Debug)]
pub struct Sheet {
    entries: Vec<Entry>,
}

/// Notes on one requirement.
#[derive(Clone, Debug)]
pub struct Entry {
    requirement: Requirement,
    /// Items examined, by noun.
    examined: Vec<(String, usize)>,
    findings: Vec<Finding>,
    /// Number of findings beyond those kept.
    more: usize,
    worst: Option<Grade>,
    skip_reason: Option<String>,
    interruption: Option<Interruption>,
    /// IDs of resources that would have been examined if they answered ordinary requests.
    blocked_by: BTreeSet<String>,
    records: Vec<Arc<Record>>,
}

/// Reason why a check could not be finished.
#[derive(Clone, Debug)]
struct Interruption {
    text: String,
    record: Option<Arc<Record>>,
    cause: Cause,
}

/// Cause of an interruption, which decides whether it is held against the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The request that interrupted the check got no answer, or the check panicked.
    Check,
    /// The time limit of the run is exceeded.
    Deadline,
    /// The subject has stopped answering before.
    Dead,
}

impl Sheet {
    /// Creates a sheet with an empty entry for each requirement.
    pub fn new(grades: &[Requirement]) -> Self {
        Self { entries: grades.iter().map(|requirement| Entry::new(*requirement)).collect() }
    }

    /// Returns the entry for a requirement; creates it if there is none.
    pub fn on(&mut self, requirement: Requirement) -> &mut Entry {
        let place = self.entries.iter().position(|entry| entry.requirement == requirement);
        let place = place.unwrap_or_else(|| {
            self.entries.push(Entry::new(requirement));
            self.entries.len() - 1
        });
        &mut self.entries[place]
    }

    /// Notes for every requirement why there is nothing to examine.
    pub fn skip_all(&mut self, reason: &str) {
        for entry in &mut self.entries {
            entry.skip(reason);
        }
    }

    /// Notes for every requirement that the check was interrupted because the subject gave no answer.
    pub(crate) fn interrupt(&mut self, cause: &NoAnswer) {
        self.interrupt_all(&Interruption::by(cause));
    }

    /// Notes for requirements for which nothing was examined which resources gave no answer to an ordinary request.
    pub(crate) fn block(&mut self, resources: &BTreeSet<String>) {
        for entry in &mut self.entries {
            entry.blocked_by.extend(resources.iter().cloned());
        }
    }

    /// Notes for every requirement that the check itself panicked.
    pub(crate) fn interrupt_by_panic(&mut self) {
        let text = "the check panicked: this is a fault of the suite, not of the server".to_owned();
        self.interrupt_all(&Interruption { text, record: None, cause: Cause::Check });
    }

    fn interrupt_all(&mut self, interruption: &Interruption) {
        for entry in &mut self.entries {
            entry.interruption = Some(interruption.clone());
        }
    }

    /// Merges the notes of another check into this sheet, which may have graded the same requirements.
    pub(crate) fn absorb(&mut self, other: Self) {
        for entry in other.entries {
            self.on(entry.requirement).absorb(entry);
        }
    }

    /// Merges the notes of another sheet on the requirements that this sheet has.
    pub(crate) fn absorb_own(&mut self, other: &Self) {
        for entry in &mut self.entries {
            if let Some(other) = other.entries.iter().find(|other| other.requirement == entry.requirement) {
                entry.absorb(other.clone());
            }
        }
    }

    /// Turns the notes into verdicts.
    pub fn verdicts(self) -> Vec<Line> {
        self.entries.into_iter().map(Entry::line).collect()
    }
}

impl Entry {
    fn new(requirement: Requirement) -> Self {
        Self {
            requirement,
            examined: Vec::new(),
            findings: Vec::new(),
            more: 0,
            worst: None,
            skip_reason: None,
            interruption: None,
            blocked_by: BTreeSet::new(),
            records: Vec::new(),
        }
    }

    /// Notes that `count` items, named by a singular noun, were examined in an answer.
    pub fn saw(&mut self, exchange: &Exchange, count: usize, noun: &str) -> &mut Self {
        if count > 0 {
            self.add_examined(noun, count);
            self.show(exchange);
        }
        self
    }

    /// Notes a deviation, graded by the level of the requirement: MUST fails, SHOULD warns, MAY informs.
    pub fn fail(&mut self, finding: Finding) -> &mut Self {
        let grade = match self.requirement.level {
            Level::Must | Level::Def => Grade::Fail,
            Level::Should => Grade::Warn,
            Level::May => Grade::Info,
        };
        self.note(grade, finding)
    }

    /// Notes behaviour that the text does not forbid but that may surprise clients.
    pub fn warn(&mut self, finding: Finding) -> &mut Self {
        self.note(Grade::Warn, finding)
    }

    /// Notes behaviour that is worth knowing.
    pub fn info(&mut self, finding: Finding) -> &mut Self {
        self.note(Grade::Info, finding)
    }

    /// Notes a finding with an explicit grade.
    pub fn note(&mut self, grade: Grade, mut finding: Finding) -> &mut Self {
        finding.grade = grade;
        self.worst = self.worst.max(Some(grade));
        if self.findings.iter().any(|known| known.repeats(&finding)) {
            self.more += 1;
            return self;
        }
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        } else if let Some(milder) = self.findings.iter_mut().rev().find(|kept| kept.grade < grade) {
            *milder = finding;
            self.more += 1;
        } else {
            self.more += 1;
        }
        self
    }

    /// Notes why there is nothing to examine. The first reason counts, and only if nothing else is noted.
    pub fn skip(&mut self, reason: impl Into<String>) -> &mut Self {
        self.skip_reason.get_or_insert_with(|| reason.into());
        self
    }

    /// Notes that the check could not go on; what has been noted so far still counts.
    pub(crate) fn interrupt(&mut self, cause: &NoAnswer) {
        self.interruption.get_or_insert_with(|| Interruption::by(cause));
    }

    fn add_examined(&mut self, noun: &str, count: usize) {
        match self.examined.iter_mut().find(|(known, _)| known == noun) {
            Some((_, total)) => *total += count,
            None => self.examined.push((noun.to_owned(), count)),
        }
    }

    fn show(&mut self, exchange: &Exchange) {
        let known = self.records.iter().any(|record| record.number == exchange.number);
        if !known && self.records.len() < MOST_RECORDS {
            self.records.push(exchange.record());
        }
    }

    fn absorb(&mut self, other: Self) {
        for (noun, count) in other.examined {
            self.add_examined(&noun, count);
        }
        for finding in other.findings {
            self.note(finding.grade, finding);
        }
        self.more += other.more;
        self.skip_reason = self.skip_reason.take().or(other.skip_reason);
        self.interruption = self.interruption.take().or(other.interruption);
        self.blocked_by.extend(other.blocked_by);
        let room = MOST_RECORDS.saturating_sub(self.records.len());
        self.records.extend(other.records.into_iter().take(room));
    }

    fn line(mut self) -> Line {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
        let evidence = Evidence::of(&self.examined);
        let examined = evidence.as_ref().map_or_else(String::new, Evidence::to_string);
        let mut records = self.records;
        let mut blocked_by = Vec::new();
        let verdict = match (self.worst, self.interruption, evidence) {
            (Some(Grade::Fail), _, _) => Verdict::Fail,
            (_, Some(interruption), _) => match interruption.cause {
                Cause::Check => {
                    records.extend(interruption.record);
                    Verdict::Error(interruption.text)
                }
                Cause::Deadline => Verdict::Late(interruption.text),
                Cause::Dead => Verdict::Blocked(interruption.text),
            },
            (Some(Grade::Warn), None, _) => Verdict::Warn,
            (Some(Grade::Info), None, _) => Verdict::Info,
            (None, None, Some(evidence)) => Verdict::Pass(evidence),
            (None, None, None) if !self.blocked_by.is_empty() => {
                blocked_by = self.blocked_by.into_iter().collect();
                Verdict::Blocked(format!("no answer to an ordinary request: {}", blocked_by.join(", ")))
            }
            (None, None, None) => {
                Verdict::Skipped(self.skip_reason.unwrap_or_else(|| "the server has nothing to examine".to_owned()))
            }
        };
        let (findings, more) = (self.findings, self.more);
        Line { examined, findings, more, records, blocked_by, ..Line::new(self.requirement, verdict) }
    }
}

impl Interruption {
    fn by(cause: &NoAnswer) -> Self {
        let of_run = match cause.failure {
            Failure::Deadline => Cause::Deadline,
            Failure::Dead(_) => Cause::Dead,
            _ => Cause::Check,
        };
        Self { text: cause.to_string(), record: Some(Arc::clone(&cause.record)), cause: of_run }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_without_evidence_do_not_pass() {
        const A: Requirement = Requirement::must("rfc0/1/1", "");
        let mut sheet = Sheet::new(&[A]);
        sheet.on(A).skip("no reason").skip("another");
        assert!(matches!(&sheet.verdicts()[0].verdict, Verdict::Skipped(why) if why == "no reason"));
        let mut sheet = Sheet::new(&[A]);
        sheet.on(A).fail(Finding::new("a", "b"));
        assert!(matches!(sheet.verdicts()[0].verdict, Verdict::Fail));
    }

    #[test]
    fn recommendations_warn_and_permissions_inform() {
        let verdict = |requirement: Requirement| {
            let mut sheet = Sheet::new(&[requirement]);
            sheet.on(requirement).fail(Finding::new("a", "b"));
            sheet.verdicts().remove(0).verdict
        };
        let should = verdict(Requirement::should("rfc0/1/1", ""));
        assert!(matches!(should, Verdict::Warn));
        assert_eq!((should.is_failure(false), should.is_failure(true)), (false, true));
        assert!(matches!(verdict(Requirement::may("rfc0/1/1", "")), Verdict::Info));
    }

    #[test]
    fn the_most_severe_findings_are_kept() {
        const A: Requirement = Requirement::must("rfc0/1/1", "");
        let mut sheet = Sheet::new(&[A]);
        for number in 0..20 {
            sheet.on(A).info(Finding::new("a", format!("{}", number / 2)));
        }
        sheet.on(A).fail(Finding::new("c", "d"));
        let line = sheet.verdicts().remove(0);
        assert_eq!((line.findings.len(), line.more, line.findings[0].expected.as_str()), (MOST_FINDINGS, 13, "c"));
    }
}
