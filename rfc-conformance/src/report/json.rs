//! Report as JSON, which `matrix` reads back.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Report;
use super::escape::is_harmless;
use crate::http::Record;
use crate::verdict::{Finding, Grade, Line, Verdict};

/// Identifier of the format, in the member `form`.
pub(crate) const FORM: &str = "rfc-conformance/1";

/// Renders a report as JSON.
pub(super) fn render(report: &Report) -> String {
    let mut exchanges: BTreeMap<usize, &Record> = BTreeMap::new();
    for line in &report.lines {
        let records = line.records.iter().chain(line.findings.iter().flat_map(|finding| &finding.records));
        exchanges.extend(records.map(|record| (record.number, &**record)));
    }
    let summary = report.summary();
    let value = json!({
        "form": FORM,
        "version": env!("CARGO_PKG_VERSION"),
        "target": report.target,
        "strict": report.strict,
        "could-not-run": report.could_not_run,
        "not-changed": report.not_changed,
        "requests": report.requests,
        "seconds": report.took.as_secs_f64(),
        "summary": {
            "pass": summary.pass,
            "fail": summary.fail,
            "warn": summary.warn,
            "info": summary.info,
            "skipped": summary.skipped,
            "error": summary.error,
            "blocked": summary.blocked,
        },
        "causes": report.causes(),
        "hint": report.hint,
        "results": report.lines.iter().map(result).collect::<Vec<_>>(),
        "exchanges": exchanges.into_values().map(exchange).collect::<Vec<_>>(),
    });
    // Whoever looks at it on a terminal is safe, too: such characters stand in strings only, where escapes are the same.
    let escaped = |c: char| if is_harmless(c) { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    format!("{value:#}\n").chars().map(escaped).collect()
}

fn result(line: &Line) -> Value {
    let reason = match &line.verdict {
        Verdict::Skipped(why) | Verdict::Error(why) | Verdict::Late(why) | Verdict::Blocked(why) => Some(why),
        _ => None,
    };
    json!({
        "id": line.requirement.id,
        "level": line.requirement.level.to_string(),
        "requirement": line.requirement.text,
        "verdict": line.verdict.word(),
        "looked-at": line.examined,
        "reason": reason,
        "resource": line.resource,
        "blocked-by": line.blocked_by,
        "blocks": line.blocks,
        "findings": line.findings.iter().map(finding).collect::<Vec<_>>(),
        "more-findings": line.more,
        "exchanges": numbers(&line.records),
    })
}

fn finding(finding: &Finding) -> Value {
    let grade = match finding.grade {
        Grade::Fail => "fail",
        Grade::Warn => "warn",
        Grade::Info => "info",
    };
    json!({
        "grade": grade,
        "expected": finding.expected,
        "seen": finding.seen,
        "pointer": finding.pointer,
        "exchanges": numbers(&finding.records),
    })
}

fn numbers(records: &[Arc<Record>]) -> Vec<usize> {
    records.iter().map(|record| record.number).collect()
}

fn exchange(record: &Record) -> Value {
    json!({
        "number": record.number,
        "request": record.request,
        "answer": record.answer,
        "status": record.status,
        "seconds": record.took.as_secs_f64(),
        "curl": record.curl,
    })
}
