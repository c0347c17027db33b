//! What is made of a run: a report, in several forms. Whatever comes from the target is escaped on its way into one.

mod text;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::check::Requirement;
use crate::checks;
use crate::exit::Exit;
use crate::verdict::{Line, Verdict};

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The root directory's URI.
    pub target: String,
    /// Whether warnings count.
    pub strict: bool,
    /// Verdicts, in the order of the standards.
    pub lines: Vec<Line>,
    /// Requests sent.
    pub requests: usize,
    /// How long it took.
    pub took: Duration,
    /// Why there are no verdicts, if so.
    pub could_not_run: Option<String>,
}

/// How many requirements came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Looked at and found in order.
    pub pass: usize,
    /// Violated.
    pub fail: usize,
    /// Not as recommended.
    pub warn: usize,
    /// Worth knowing.
    pub info: usize,
    /// Nothing to look at.
    pub skipped: usize,
    /// No answer.
    pub error: usize,
}

/// A form of report, and where it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    form: Form,
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Text,
}

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: the report cannot be written: {source}", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: std::io::Error,
}

impl Report {
    pub(crate) fn empty(target: &str, strict: bool) -> Self {
        Self {
            target: target.to_owned(),
            strict,
            lines: Vec::new(),
            requests: 0,
            took: Duration::ZERO,
            could_not_run: None,
        }
    }

    /// How many came out how.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for line in &self.lines {
            *match line.verdict {
                Verdict::Pass(_) => &mut summary.pass,
                Verdict::Fail => &mut summary.fail,
                Verdict::Warn => &mut summary.warn,
                Verdict::Info => &mut summary.info,
                Verdict::Skipped(_) => &mut summary.skipped,
                Verdict::Error(_) => &mut summary.error,
            } += 1;
        }
        summary
    }

    /// What makes the target fail.
    pub fn failures(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.verdict.is_failure(self.strict))
    }

    /// What the program ends with.
    pub fn exit(&self) -> Exit {
        if self.could_not_run.is_some() {
            Exit::CouldNotRun
        } else if self.failures().next().is_some() {
            Exit::Failed
        } else {
            Exit::Passed
        }
    }

    /// The report as text for a terminal.
    pub fn to_text(&self, verbose: bool) -> String {
        text::render(self, verbose)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (form, file) = text.split_once('=').map_or((text, None), |(form, file)| (form, Some(file)));
        let form = match form {
            "text" => Form::Text,
            other => return Err(format!("{other:?} is none of text, json, junit, tap, html")),
        };
        Ok(Self { form, file: file.map(PathBuf::from) })
    }
}

impl Format {
    /// Writes a report in this form.
    pub fn write(&self, report: &Report, verbose: bool) -> Result<(), WriteError> {
        let text = match self.form {
            Form::Text => report.to_text(verbose),
        };
        match &self.file {
            Some(path) => std::fs::write(path, text).map_err(|source| WriteError { path: path.clone(), source }),
            None => {
                print!("{text}");
                Ok(())
            }
        }
    }
}

/// All requirements that are checked, one a line.
pub(crate) fn list(only: &[String]) -> String {
    let chosen = |requirement: &Requirement| only.is_empty() || only.iter().any(|prefix| requirement.is_within(prefix));
    let line =
        |requirement: &Requirement| format!("{:<24} {:<6} {}\n", requirement.id, requirement.level, requirement.text);
    checks::requirements().iter().filter(|requirement| chosen(requirement)).map(line).collect()
}
