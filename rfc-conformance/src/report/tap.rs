//! Report in the Test Anything Protocol, version 13.

use std::fmt::Write as _;

use super::Report;
use super::escape::{tap, terminal};
use crate::verdict::{Line, Verdict};

/// Renders a report in the Test Anything Protocol.
pub(super) fn render(report: &Report) -> String {
    let mut out = format!("TAP version 13\n1..{}\n", report.lines.len());
    if let Some(why) = &report.could_not_run {
        let _ = writeln!(out, "Bail out! {}", tap(why));
        return out;
    }
    for (index, line) in report.lines.iter().enumerate() {
        let ok = if line.verdict.is_failure(report.strict) { "not ok" } else { "ok" };
        let requirement = &line.requirement;
        let directive = match &line.verdict {
            Verdict::Skipped(why) | Verdict::Blocked(why) => format!(" # SKIP {}", tap(why)),
            _ => String::new(),
        };
        let _ = writeln!(out, "{ok} {} - {} {}{directive}", index + 1, tap(&line.name()), tap(requirement.text));
        diagnosis(&mut out, line);
    }
    if let Some(why) = &report.not_changed {
        let _ = writeln!(out, "# Incomplete: {}", tap(why));
    }
    out
}

/// Writes findings as a YAML block, with its strings in JSON syntax.
fn diagnosis(out: &mut String, line: &Line) {
    let why = match &line.verdict {
        Verdict::Error(why) | Verdict::Late(why) => Some(why),
        _ => None,
    };
    if line.findings.is_empty() && why.is_none() {
        return;
    }
    let text = |text: &str| serde_json::Value::from(terminal(text)).to_string();
    let _ = writeln!(out, "  ---\n  severity: {}", line.verdict.word());
    if let Some(why) = why {
        let _ = writeln!(out, "  message: {}", text(why));
    }
    if !line.findings.is_empty() {
        out.push_str("  findings:\n");
    }
    for finding in &line.findings {
        let _ = writeln!(out, "    - expected: {}\n      seen: {}", text(&finding.expected), text(&finding.seen));
        if let Some(pointer) = &finding.pointer {
            let _ = writeln!(out, "      pointer: {}", text(pointer));
        }
        if let Some(record) = finding.records.last() {
            let _ = writeln!(out, "      again: {}", text(&record.curl));
        }
    }
    out.push_str("  ...\n");
}
