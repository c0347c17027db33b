//! Reports on a run in several formats, with all text from the server escaped.

mod cause;
pub(crate) mod escape;
pub(crate) mod html;
mod json;
mod junit;
mod sections;
mod tap;
mod text;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::exit::Exit;
use crate::verdict::{Line, Verdict};

pub(crate) use json::FORM as JSON_FORM;

/// Results of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// URI of the root directory, or a name for the client.
    pub target: String,
    /// Strict mode, in which warnings count as failures.
    pub strict: bool,
    /// Verdicts, in the order of the standards.
    pub lines: Vec<Line>,
    /// Number of requests.
    pub requests: usize,
    /// Duration of the run.
    pub took: Duration,
    /// Reason why there are no verdicts, if the run was not possible.
    pub could_not_run: Option<String>,
    /// Why the data of the server did not change as the user wanted, so that not everything could be examined.
    pub not_changed: Option<String>,
    /// Advice where the URI is probably wrong.
    pub hint: Option<String>,
}

/// Numbers of requirements by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Requirements examined without violations.
    pub pass: usize,
    /// Requirements with at least one violation.
    pub fail: usize,
    /// Recommendations that were not followed.
    pub warn: usize,
    /// Requirements with observations that are not violations.
    pub info: usize,
    /// Requirements for which nothing could be examined.
    pub skipped: usize,
    /// Requirements for which the server did not answer, or not before the time limit of the run.
    pub error: usize,
    /// Requirements that could not be examined because of another failure.
    pub blocked: usize,
}

/// Verdicts on one chapter of a standard.
struct Chapter<'r> {
    document: &'static str,
    number: &'static str,
    title: &'static str,
    lines: Vec<&'r Line>,
}

/// Format of a report, and the file to write it to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Format {
    form: Form,
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Text,
    Json,
    Junit,
    Tap,
    Html,
}

/// Error while writing a report.
#[derive(Debug, thiserror::Error)]
#[error("{}: the report cannot be written: {source}", path.display())]
pub(crate) struct WriteError {
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
            not_changed: None,
            hint: None,
        }
    }

    /// Returns the numbers of requirements by verdict.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.lines)
    }

    /// Returns the verdicts that make the run fail.
    pub fn failures(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.verdict.is_failure(self.strict))
    }

    /// Returns the outcome of the program.
    pub fn exit(&self) -> Exit {
        if self.could_not_run.is_some() {
            Exit::CouldNotRun
        } else if self.failures().next().is_some() {
            Exit::Failed
        } else if self.not_changed.is_some() || self.lines.iter().any(|line| matches!(line.verdict, Verdict::Late(_))) {
            Exit::Incomplete
        } else {
            Exit::Passed
        }
    }

    /// Groups the verdicts by chapter, in the order of the standards.
    fn chapters(&self) -> Vec<Chapter<'_>> {
        let mut chapters: Vec<Chapter<'_>> = Vec::new();
        for line in &self.lines {
            let document = line.requirement.document();
            let (number, title) = sections::chapter(document, line.requirement.section());
            match chapters.last_mut() {
                Some(last) if (last.document, last.number) == (document, number) => last.lines.push(line),
                _ => chapters.push(Chapter { document, number, title, lines: vec![line] }),
            }
        }
        chapters
    }

    /// Returns the number of causes behind the failures: several requirements may be violated by one observation.
    pub fn causes(&self) -> usize {
        cause::causes(self.failures()).len()
    }

    /// Renders the result in a few lines of text.
    pub fn to_summary(&self) -> String {
        text::render_summary(self, text::Style::default())
    }

    /// Renders the report as text without colours.
    pub fn to_text(&self, verbose: bool) -> String {
        text::render(self, text::Style { verbose, colour: false })
    }

    /// Renders the report as JSON.
    pub fn to_json(&self) -> String {
        json::render(self)
    }

    /// Renders the report as `JUnit` XML.
    pub fn to_junit(&self) -> String {
        junit::render(self)
    }

    /// Renders the report in the Test Anything Protocol.
    pub fn to_tap(&self) -> String {
        tap::render(self)
    }

    /// Renders the report as an HTML page.
    pub fn to_html(&self) -> String {
        html::render(self)
    }
}

impl Summary {
    /// Counts the verdicts of all requirements by kind.
    pub fn of<'l>(lines: impl IntoIterator<Item = &'l Line>) -> Self {
        let mut summary = Self::default();
        for line in lines {
            *match line.verdict {
                Verdict::Pass(_) => &mut summary.pass,
                Verdict::Fail => &mut summary.fail,
                Verdict::Warn => &mut summary.warn,
                Verdict::Info => &mut summary.info,
                Verdict::Skipped(_) => &mut summary.skipped,
                Verdict::Error(_) | Verdict::Late(_) => &mut summary.error,
                Verdict::Blocked(_) => &mut summary.blocked,
            } += 1;
        }
        summary
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (form, file) = text.split_once('=').map_or((text, None), |(form, file)| (form, Some(file)));
        let form = match form {
            "text" => Form::Text,
            "json" => Form::Json,
            "junit" => Form::Junit,
            "tap" => Form::Tap,
            "html" => Form::Html,
            other => return Err(format!("{other:?} is none of text, json, junit, tap, html")),
        };
        Ok(Self { form, file: file.map(PathBuf::from) })
    }
}

impl Format {
    /// Tests whether the report goes to standard output.
    pub(crate) fn is_shown(&self) -> bool {
        self.file.is_none()
    }

    /// Writes a report in this format.
    pub(crate) fn write(&self, report: &Report, verbose: bool) -> Result<(), WriteError> {
        let colour = self.file.is_none() && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let text = match self.form {
            Form::Text => text::render(report, text::Style { verbose, colour }),
            Form::Json => report.to_json(),
            Form::Junit => report.to_junit(),
            Form::Tap => report.to_tap(),
            Form::Html => report.to_html(),
        };
        write(self.file.as_deref(), &text)
    }
}

/// Writes text to a file, or to standard output.
pub(crate) fn write(file: Option<&Path>, text: &str) -> Result<(), WriteError> {
    let written = match file {
        Some(path) => std::fs::write(path, text),
        None => command_line::write_out(|out| out.write_all(text.as_bytes())),
    };
    let path = file.unwrap_or(Path::new("standard output"));
    written.map_err(|source| WriteError { path: path.to_owned(), source })
}
