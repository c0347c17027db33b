//! Verdicts, and the sheet on which a check notes what it saw. A pass cannot be declared: it is what remains when
//! something was looked at and nothing was found wrong.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::check::{Level, Requirement};
use crate::http::{Exchange, NoAnswer, Record};

/// Findings that are kept for one requirement; more are counted.
const MOST_FINDINGS: usize = 8;
/// Exchanges that are kept to show what a verdict rests on.
const MOST_RECORDS: usize = 3;

/// What became of a requirement.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Something was looked at, and all of it was as required.
    Pass(Looked),
    /// A requirement is violated.
    Fail,
    /// A recommendation is not followed, or something is likely to surprise clients.
    Warn,
    /// Worth knowing, not wrong.
    Info,
    /// There was nothing to look at, and this is why.
    Skipped(String),
    /// The target gave no answer, and this is what happened.
    Error(String),
}

/// What was looked at: never nothing.
#[derive(Clone, Debug)]
pub struct Looked {
    total: NonZeroUsize,
    text: String,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it amounts to.
    pub grade: Grade,
    /// What should have been seen.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Where in the answer, as a JSON pointer.
    pub pointer: Option<String>,
    /// The requests and answers that show it; the pointer leads into the last one's answer.
    pub records: Vec<Arc<Record>>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Worth knowing.
    Info,
    /// Not recommended.
    Warn,
    /// Wrong.
    Fail,
}

/// Where a check notes what it saw, by requirement.
#[derive(Debug)]
pub struct Sheet {
    entries: Vec<Entry>,
}

/// What was seen about one requirement.
#[derive(Clone, Debug)]
pub struct Entry {
    requirement: Requirement,
    /// What was looked at, and how many of it.
    looked: Vec<(String, usize)>,
    findings: Vec<Finding>,
    /// Findings beyond those kept.
    more: usize,
    worst: Option<Grade>,
    nothing: Option<String>,
    trouble: Option<Trouble>,
    records: Vec<Arc<Record>>,
}

/// Why a check could not be finished.
#[derive(Clone, Debug)]
struct Trouble {
    text: String,
    record: Option<Arc<Record>>,
}

/// The end of it: a requirement and its verdict, with what it rests on.
#[derive(Clone, Debug)]
pub struct Line {
    /// What was graded.
    pub requirement: Requirement,
    /// What became of it.
    pub verdict: Verdict,
    /// What was looked at, also where something is wrong: `36 PIDs, 2 network maps`.
    pub looked: String,
    /// What is not as it should be, the gravest first.
    pub findings: Vec<Finding>,
    /// How many findings there are beyond those listed.
    pub more: usize,
    /// Exchanges that show what was looked at.
    pub records: Vec<Arc<Record>>,
}

impl Sheet {
    /// An empty sheet with an entry for each of these requirements.
    pub fn new(grades: &[Requirement]) -> Self {
        Self { entries: grades.iter().map(|requirement| Entry::new(*requirement)).collect() }
    }

    /// Where to note what was seen about a requirement.
    pub fn on(&mut self, requirement: Requirement) -> &mut Entry {
        let place = self.entries.iter().position(|entry| entry.requirement == requirement);
        let place = place.unwrap_or_else(|| {
            self.entries.push(Entry::new(requirement));
            self.entries.len() - 1
        });
        &mut self.entries[place]
    }

    /// Notes for all requirements alike why there is nothing to look at.
    pub fn nothing_at_all(&mut self, why: &str) {
        for entry in &mut self.entries {
            entry.nothing(why);
        }
    }

    /// Notes for all requirements alike that the check could not be finished, because the target gave no answer.
    pub(crate) fn unfinished(&mut self, why: &NoAnswer) {
        let trouble = Trouble { text: why.to_string(), record: Some(Arc::clone(&why.record)) };
        self.entries.iter_mut().for_each(|entry| entry.trouble = Some(trouble.clone()));
    }

    /// Notes for all requirements alike that the check itself failed.
    pub(crate) fn broke_down(&mut self) {
        let text = "the check itself broke down: a fault of the suite, not of the target".to_owned();
        let trouble = Trouble { text, record: None };
        self.entries.iter_mut().for_each(|entry| entry.trouble = Some(trouble.clone()));
    }

    /// Takes over what another sheet has: several checks may have looked at one requirement.
    pub(crate) fn absorb(&mut self, other: Self) {
        for entry in other.entries {
            self.on(entry.requirement).absorb(entry);
        }
    }

    /// Takes over what another sheet has on the requirements of this one.
    pub(crate) fn absorb_own(&mut self, other: &Self) {
        for entry in &mut self.entries {
            if let Some(other) = other.entries.iter().find(|other| other.requirement == entry.requirement) {
                entry.absorb(other.clone());
            }
        }
    }

    /// The verdicts.
    pub fn verdicts(self) -> Vec<Line> {
        self.entries.into_iter().map(Entry::line).collect()
    }
}

impl Entry {
    fn new(requirement: Requirement) -> Self {
        Self {
            requirement,
            looked: Vec::new(),
            findings: Vec::new(),
            more: 0,
            worst: None,
            nothing: None,
            trouble: None,
            records: Vec::new(),
        }
    }

    /// Notes that `count` things, named in the singular, were looked at in an answer.
    pub fn saw(&mut self, exchange: &Exchange, count: usize, what: &str) -> &mut Self {
        if count > 0 {
            match self.looked.iter_mut().find(|(known, _)| known == what) {
                Some((_, total)) => *total += count,
                None => self.looked.push((what.to_owned(), count)),
            }
            self.show(exchange);
        }
        self
    }

    /// Notes a violation: a failure where the requirement binds, a warning where it recommends, else an information.
    pub fn broken(&mut self, finding: Finding) -> &mut Self {
        let grade = match self.requirement.level {
            Level::Must | Level::Def => Grade::Fail,
            Level::Should => Grade::Warn,
            Level::May => Grade::Info,
        };
        self.note(grade, finding)
    }

    /// Notes something that may surprise clients, although the letter does not forbid it.
    pub fn warn(&mut self, finding: Finding) -> &mut Self {
        self.note(Grade::Warn, finding)
    }

    /// Notes something worth knowing.
    pub fn info(&mut self, finding: Finding) -> &mut Self {
        self.note(Grade::Info, finding)
    }

    /// Notes a finding with its grade.
    pub fn note(&mut self, grade: Grade, mut finding: Finding) -> &mut Self {
        finding.grade = grade;
        self.worst = self.worst.max(Some(grade));
        if self.findings.iter().any(|known| known.says_the_same(&finding)) {
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

    /// Notes why there is nothing to look at. It counts only if nothing else is noted.
    pub fn nothing(&mut self, why: impl Into<String>) -> &mut Self {
        self.nothing.get_or_insert_with(|| why.into());
        self
    }

    fn show(&mut self, exchange: &Exchange) {
        let known = self.records.iter().any(|record| record.number == exchange.number);
        if !known && self.records.len() < MOST_RECORDS {
            self.records.push(exchange.record());
        }
    }

    fn absorb(&mut self, other: Self) {
        for (what, count) in other.looked {
            match self.looked.iter_mut().find(|(known, _)| *known == what) {
                Some((_, total)) => *total += count,
                None => self.looked.push((what, count)),
            }
        }
        for finding in other.findings {
            self.note(finding.grade, finding);
        }
        self.more += other.more;
        self.nothing = self.nothing.take().or(other.nothing);
        self.trouble = self.trouble.take().or(other.trouble);
        let room = MOST_RECORDS.saturating_sub(self.records.len());
        self.records.extend(other.records.into_iter().take(room));
    }

    fn line(mut self) -> Line {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
        let looked = Looked::at(&self.looked);
        let text = looked.as_ref().map_or_else(String::new, |looked| looked.text.clone());
        let mut records = self.records;
        let verdict = match (self.worst, self.trouble, looked) {
            (Some(Grade::Fail), _, _) => Verdict::Fail,
            (_, Some(trouble), _) => {
                records.extend(trouble.record);
                Verdict::Error(trouble.text)
            }
            (Some(Grade::Warn), None, _) => Verdict::Warn,
            (Some(Grade::Info), None, _) => Verdict::Info,
            (None, None, Some(looked)) => Verdict::Pass(looked),
            (None, None, None) => {
                Verdict::Skipped(self.nothing.unwrap_or_else(|| "the target has nothing to look at".to_owned()))
            }
        };
        Line { requirement: self.requirement, verdict, looked: text, findings: self.findings, more: self.more, records }
    }
}

#[cfg(test)]
impl Line {
    /// A verdict on which nothing was noted.
    pub(crate) fn without_evidence(requirement: Requirement, verdict: Verdict) -> Self {
        Self { requirement, verdict, looked: String::new(), findings: Vec::new(), more: 0, records: Vec::new() }
    }
}

impl Looked {
    fn at(looked: &[(String, usize)]) -> Option<Self> {
        let total = NonZeroUsize::new(looked.iter().map(|(_, count)| count).sum())?;
        let parts: Vec<_> = looked.iter().map(|(what, count)| counted(*count, what)).collect();
        Some(Self { total, text: parts.join(", ") })
    }

    /// How many things were looked at.
    pub fn total(&self) -> NonZeroUsize {
        self.total
    }
}

impl fmt::Display for Looked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Words after which a noun is only described further: `2 requests without a body`.
const DESCRIBING: &[&str] =
    &["after", "as", "asked", "from", "in", "of", "on", "over", "that", "to", "whose", "with", "without", "written"];

/// `1 prefix`, `2 prefixes`, `3 entries`, `4 costs of a pair`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        return format!("1 {what}");
    }
    let words: Vec<_> = what.split(' ').collect();
    let noun = words.iter().position(|word| DESCRIBING.contains(word)).unwrap_or(words.len()).saturating_sub(1);
    let words =
        words.iter().enumerate().map(|(index, word)| if index == noun { plural(word) } else { (*word).to_owned() });
    format!("{count} {}", words.collect::<Vec<_>>().join(" "))
}

fn plural(noun: &str) -> String {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| noun.ends_with(suffix));
    match noun.strip_suffix('y') {
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        _ if ends(&["s", "x", "ch"]) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

impl Finding {
    /// What should have been, and what was.
    pub fn new(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { grade: Grade::Fail, expected: expected.into(), seen: seen.into(), pointer: None, records: Vec::new() }
    }

    /// Where in the answer.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.grade == other.grade
            && self.expected == other.expected
            && self.seen == other.seen
            && self.pointer == other.pointer
    }

    /// The exchange that shows it; of several, the last one's answer is the one the pointer leads into.
    #[must_use]
    pub fn from(mut self, exchange: &Exchange) -> Self {
        self.records.push(exchange.record());
        self
    }
}

impl Verdict {
    /// One word for it, as in reports and files.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass(_) => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Skipped(_) => "skipped",
            Self::Error(_) => "error",
        }
    }

    /// Whether this makes the target fail.
    pub fn is_failure(&self, strict: bool) -> bool {
        match self {
            Self::Fail | Self::Error(_) => true,
            Self::Warn => strict,
            Self::Pass(_) | Self::Info | Self::Skipped(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_in_words() {
        assert_eq!(counted(1, "prefix"), "1 prefix");
        assert_eq!(counted(2, "ipv4 prefix"), "2 ipv4 prefixes");
        assert_eq!(counted(3, "dependency"), "3 dependencies");
        assert_eq!(counted(0, "valid request after a malformed one"), "0 valid requests after a malformed one");
        assert_eq!(counted(2, "pair without a cost"), "2 pairs without a cost");
    }

    #[test]
    fn nothing_passes_that_was_not_looked_at() {
        const A: Requirement = Requirement::must("rfc0/1/1", "");
        let mut sheet = Sheet::new(&[A]);
        sheet.on(A).nothing("no reason").nothing("another");
        assert!(matches!(&sheet.verdicts()[0].verdict, Verdict::Skipped(why) if why == "no reason"));
        let mut sheet = Sheet::new(&[A]);
        sheet.on(A).broken(Finding::new("a", "b"));
        assert!(matches!(sheet.verdicts()[0].verdict, Verdict::Fail));
    }

    #[test]
    fn recommendations_warn_and_permissions_inform() {
        let verdict = |requirement: Requirement| {
            let mut sheet = Sheet::new(&[requirement]);
            sheet.on(requirement).broken(Finding::new("a", "b"));
            sheet.verdicts().remove(0).verdict
        };
        let should = verdict(Requirement::should("rfc0/1/1", ""));
        assert!(matches!(should, Verdict::Warn));
        assert_eq!((should.is_failure(false), should.is_failure(true)), (false, true));
        assert!(matches!(verdict(Requirement::may("rfc0/1/1", "")), Verdict::Info));
    }

    #[test]
    fn the_gravest_findings_are_kept() {
        const A: Requirement = Requirement::must("rfc0/1/1", "");
        let mut sheet = Sheet::new(&[A]);
        for number in 0..20 {
            sheet.on(A).info(Finding::new("a", format!("{}", number / 2)));
        }
        sheet.on(A).broken(Finding::new("c", "d"));
        let line = sheet.verdicts().remove(0);
        assert_eq!((line.findings.len(), line.more, line.findings[0].expected.as_str()), (MOST_FINDINGS, 13, "c"));
    }
}
