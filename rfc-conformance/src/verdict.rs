//! Verdicts on requirements, and the findings and evidence they rest on.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::http::{Exchange, Record};
use crate::requirement::Requirement;
use crate::wording::counted;

/// Outcome for one requirement.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Everything that was examined is as required.
    Pass(Evidence),
    /// The requirement is violated.
    Fail,
    /// A recommendation is not followed, or the behaviour is likely to surprise clients.
    Warn,
    /// The behaviour is worth knowing, but not wrong.
    Info,
    /// The requirement could not be examined, for the reason given.
    Skipped(String),
    /// The subject gave no answer, for the reason given.
    Error(String),
    /// The time limit of the run was exceeded before the requirement was examined.
    Late(String),
    /// The requirement could not be examined because of another failure, which is the only one that counts.
    Blocked(String),
}

/// Proof that at least one item was examined, which a pass requires.
#[derive(Clone, Debug)]
pub struct Evidence {
    total: NonZeroUsize,
    text: String,
}

/// A deviation from a requirement.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Severity of the deviation.
    pub grade: Grade,
    /// Behaviour that was expected.
    pub expected: String,
    /// Behaviour that was seen.
    pub seen: String,
    /// JSON pointer to the place in the answer.
    pub pointer: Option<String>,
    /// Exchanges that show the deviation; the pointer refers to the answer of the last one.
    pub records: Vec<Arc<Record>>,
}

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Information that is worth knowing.
    Info,
    /// Against a recommendation.
    Warn,
    /// Against a binding requirement.
    Fail,
}

/// Verdict on a requirement with everything that explains it, as reports show it.
#[derive(Clone, Debug)]
pub struct Line {
    /// Requirement that was graded.
    pub requirement: Requirement,
    /// ID of the resource that the verdict is on, where a requirement has a verdict for each resource that violates it.
    pub resource: Option<String>,
    /// Outcome for the requirement.
    pub verdict: Verdict,
    /// Items that were examined, also where something is wrong: `36 PIDs, 2 network maps`.
    pub examined: String,
    /// Deviations, the most severe first.
    pub findings: Vec<Finding>,
    /// Number of findings beyond those listed.
    pub more: usize,
    /// Exchanges that show what was examined.
    pub records: Vec<Arc<Record>>,
    /// Resources, or requirements of the suite, whose failure blocks this requirement.
    pub blocked_by: Vec<String>,
    /// IDs of the requirements that could not be examined because of this failure.
    pub blocks: Vec<&'static str>,
}

impl Verdict {
    /// Returns the word for this verdict in reports and files.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass(_) => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Skipped(_) => "skipped",
            Self::Error(_) | Self::Late(_) => "error",
            Self::Blocked(_) => "blocked",
        }
    }

    /// Tests whether this verdict makes the run fail; warnings do in strict mode only.
    pub fn is_failure(&self, strict: bool) -> bool {
        match self {
            Self::Fail | Self::Error(_) => true,
            Self::Warn => strict,
            Self::Pass(_) | Self::Info | Self::Skipped(_) | Self::Late(_) | Self::Blocked(_) => false,
        }
    }
}

impl Evidence {
    /// Sums up counted items; `None` if there are none.
    pub(crate) fn of(items: &[(String, usize)]) -> Option<Self> {
        let total = NonZeroUsize::new(items.iter().map(|(_, count)| count).sum())?;
        let parts: Vec<_> = items.iter().map(|(noun, count)| counted(*count, noun)).collect();
        Some(Self { total, text: parts.join(", ") })
    }

    /// Returns the number of items examined.
    pub fn total(&self) -> NonZeroUsize {
        self.total
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Finding {
    /// Creates a finding from what was expected and what was seen.
    pub fn new(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { grade: Grade::Fail, expected: expected.into(), seen: seen.into(), pointer: None, records: Vec::new() }
    }

    /// Sets the JSON pointer to the place in the answer.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Adds an exchange that shows the deviation; the pointer refers to the answer of the last one added.
    #[must_use]
    pub fn from(mut self, exchange: &Exchange) -> Self {
        self.records.push(exchange.record());
        self
    }

    /// Tests whether another finding reads the same, whatever exchanges it comes from.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        self.grade == other.grade
            && self.expected == other.expected
            && self.seen == other.seen
            && self.pointer == other.pointer
    }
}

impl Line {
    /// Creates a line without findings or evidence.
    pub(crate) fn new(requirement: Requirement, verdict: Verdict) -> Self {
        Self {
            requirement,
            resource: None,
            verdict,
            examined: String::new(),
            findings: Vec::new(),
            more: 0,
            records: Vec::new(),
            blocked_by: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// Returns the ID of the requirement, with that of the resource if there is one.
    pub fn name(&self) -> String {
        match &self.resource {
            Some(resource) => format!("{} ({resource})", self.requirement.id),
            None => self.requirement.id.to_owned(),
        }
    }

    /// Tests whether an answer shows a deviation, not only a missing one.
    pub(crate) fn has_answer(&self) -> bool {
        let mut records = self.findings.iter().filter_map(|finding| finding.records.last());
        records.any(|record| record.status.is_some())
    }

    /// Tests whether nothing but missing answers and status 5xx since a request speaks against the subject.
    pub(crate) fn is_silence_since(&self, number: usize) -> bool {
        let failed = |record: &Record| record.status.is_none_or(|status| status >= 500);
        let silent =
            |records: &[Arc<Record>]| records.last().is_some_and(|record| failed(record) && record.number >= number);
        match self.verdict {
            Verdict::Fail | Verdict::Warn => self.findings.iter().all(|finding| silent(&finding.records)),
            Verdict::Error(_) => silent(&self.records),
            _ => false,
        }
    }
}
