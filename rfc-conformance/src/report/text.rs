//! Report for terminals: verdicts by section, then the findings with expected and observed values and a command that
//! repeats the request.

use std::fmt::Write as _;

use super::cause::{Cause, causes};
use super::escape::terminal;
use super::{Report, sections};
use crate::json::shorten;
use crate::requirement::Level;
use crate::verdict::{Finding, Grade, Line, Verdict};

/// Limit on the characters shown of a text from the server.
const MOST_SHOWN: usize = 400;
/// Limit on the findings shown per requirement.
const MOST_FINDINGS: usize = 3;

/// Options for the text report.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    /// Also shows requirements that passed or were skipped.
    pub(super) verbose: bool,
    pub(super) colour: bool,
}

/// Renders a report as text.
pub(super) fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "rfc-conformance {}: {}\n", env!("CARGO_PKG_VERSION"), terminal(&report.target));
    if let Some(why) = &report.could_not_run {
        let _ = writeln!(out, "{} {}", style.paint("31;1", "could not run:"), terminal(why));
        return out;
    }
    tree(&mut out, report, style);
    for (title, word) in [("Failures", "fail"), ("Warnings", "warn"), ("Notes", "info"), ("Errors", "error")] {
        let chosen = causes(report.lines.iter().filter(|line| line.verdict.word() == word));
        if !chosen.is_empty() {
            let _ = writeln!(out, "{}\n", style.paint("1", title));
        }
        for cause in &chosen {
            details(&mut out, cause, style);
        }
    }
    summary(&mut out, report, style);
    out
}

/// Renders the result in a few lines, for runs whose reports go to files.
pub(super) fn render_summary(report: &Report, style: Style) -> String {
    let mut out = String::new();
    if let Some(why) = &report.could_not_run {
        let _ = writeln!(out, "could not run: {}", terminal(why));
        return out;
    }
    for cause in causes(report.failures()) {
        let _ = writeln!(out, "{} {}", style.paint("31;1", &terminal(&cause.line.name())), cause.line.requirement.text);
    }
    summary(&mut out, report, style);
    out
}

fn tree(out: &mut String, report: &Report, style: Style) {
    let mut document = "";
    for chapter in report.chapters() {
        if chapter.document != document {
            document = chapter.document;
            let _ = writeln!(out, "{}", style.paint("1", sections::document(document)));
        }
        let passed = chapter.lines.iter().filter(|line| matches!(line.verdict, Verdict::Pass(_))).count();
        let skipped = chapter.lines.iter().filter(|line| matches!(line.verdict, Verdict::Skipped(_))).count();
        let blocked = chapter.lines.iter().filter(|line| matches!(line.verdict, Verdict::Blocked(_))).count();
        let counts = [(passed, "passed"), (skipped, "skipped"), (blocked, "blocked")];
        let counts: Vec<_> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        let counts = counts.join(", ");
        let (number, title) = (chapter.number, chapter.title);
        let _ = writeln!(out, "  {number:<8} {title:<42} {}", style.paint("2", &counts));
        for line in &chapter.lines {
            let quiet = matches!(line.verdict, Verdict::Pass(_) | Verdict::Skipped(_) | Verdict::Blocked(_));
            if style.verbose || !quiet {
                branch(out, line, style);
            }
        }
    }
    out.push('\n');
}

fn branch(out: &mut String, line: &Line, style: Style) {
    let (colour, mark) = match line.verdict {
        Verdict::Pass(_) => ("32", "✔"),
        Verdict::Fail => ("31;1", "✘"),
        Verdict::Warn => ("33", "!"),
        Verdict::Info => ("36", "i"),
        Verdict::Skipped(_) => ("2", "○"),
        Verdict::Error(_) | Verdict::Late(_) => ("35;1", "E"),
        Verdict::Blocked(_) => ("2", "b"),
    };
    let requirement = &line.requirement;
    let number = requirement.id.strip_prefix(requirement.document()).unwrap_or(requirement.id).trim_start_matches('/');
    let level = if requirement.level == Level::Def { "def" } else { word(requirement.level) };
    let _ = write!(out, "    {} {number:<13} {level:<6} {}", style.paint(colour, mark), requirement.text);
    let remark = match &line.verdict {
        Verdict::Pass(looked) => format!("({looked})"),
        Verdict::Skipped(why) | Verdict::Blocked(why) => format!("({})", terminal(why)),
        _ => String::new(),
    };
    let _ = writeln!(out, " {}", style.paint("2", &remark));
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Must => "MUST",
        Level::Should => "SHOULD",
        Level::May => "MAY",
        Level::Def => "DEF",
    }
}

fn details(out: &mut String, cause: &Cause<'_>, style: Style) {
    let line = cause.line;
    let (requirement, name) = (&line.requirement, terminal(&line.name()));
    let _ = writeln!(out, "  {} {} {}", style.paint("1", &name), requirement.level, requirement.text);
    if !cause.others.is_empty() {
        let others: Vec<_> = cause.others.iter().map(|other| other.name()).collect();
        let _ = writeln!(out, "    also:     {}", cut(&others.join(", ")));
    }
    if !line.blocks.is_empty() {
        let count = crate::wording::counted(line.blocks.len(), "requirement");
        let _ = writeln!(out, "    blocks:   {count}: {}", cut(&line.blocks.join(", ")));
    }
    if !line.examined.is_empty() {
        let _ = writeln!(out, "    looked at: {}", line.examined);
    }
    if let Verdict::Error(why) | Verdict::Late(why) = &line.verdict {
        let _ = writeln!(out, "    {}", cut(why));
        if let Some(record) = line.records.last() {
            let _ = writeln!(out, "    again:    {}", terminal(&record.curl));
        }
    }
    for finding in line.findings.iter().take(MOST_FINDINGS) {
        found(out, finding, style);
    }
    let more = line.more + line.findings.len().saturating_sub(MOST_FINDINGS);
    if more > 0 {
        let _ = writeln!(out, "    … and {more} more");
    }
    out.push('\n');
}

fn found(out: &mut String, finding: &Finding, style: Style) {
    let colour = match finding.grade {
        Grade::Fail => "31",
        Grade::Warn => "33",
        Grade::Info => "36",
    };
    let _ = writeln!(out, "    expected: {}", style.paint("32", &cut(&finding.expected)));
    let _ = writeln!(out, "    seen:     {}", style.paint(colour, &cut(&finding.seen)));
    if let Some(pointer) = &finding.pointer {
        let _ = writeln!(out, "    where:    {}", cut(pointer));
    }
    if let Some(record) = finding.records.last() {
        let _ = writeln!(out, "    again:    {}", terminal(&record.curl));
    }
}

fn cut(text: &str) -> String {
    terminal(&shorten(text, MOST_SHOWN)).replace('\n', " ")
}

fn summary(out: &mut String, report: &Report, style: Style) {
    let summary = report.summary();
    let parts = [
        ("32", summary.pass, "passed"),
        ("31;1", summary.fail, "failed"),
        ("33", summary.warn, "warned"),
        ("36", summary.info, "noted"),
        ("2", summary.skipped, "skipped"),
        ("35;1", summary.error, "without an answer"),
        ("2", summary.blocked, "blocked"),
    ];
    let text = |(colour, count, word): (&str, usize, &str)| {
        let text = format!("{count} {word}");
        if count > 0 { style.paint(colour, &text) } else { text }
    };
    let parts: Vec<_> = parts.into_iter().map(text).collect();
    let (failures, causes) = (report.failures().count(), report.causes());
    if causes < failures {
        let _ = writeln!(out, "{failures} failures have {}", crate::wording::counted(causes, "cause"));
    }
    if let Some(why) = &report.not_changed {
        let _ = writeln!(out, "Incomplete: {}", terminal(why));
    }
    if let Some(hint) = &report.hint {
        let _ = writeln!(out, "Hint: {}", terminal(hint));
    }
    let took = report.took.as_secs_f32();
    let _ = writeln!(out, "{} requirements: {}", report.lines.len(), parts.join(", "));
    let _ = writeln!(out, "{} requests in {took:.1} s{}", report.requests, if report.strict { ", strict" } else { "" });
}

impl Style {
    fn paint(self, colour: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
