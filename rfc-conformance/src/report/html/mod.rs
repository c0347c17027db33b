//! Report as a self-contained HTML page: failures first, with collapsed requests and responses.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::escape::markup;
use super::{Report, Summary};
use crate::http::Record;
use crate::verdict::{Finding, Grade, Line, Verdict};

/// Style sheet of reports and of the comparison of servers.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Renders a report as an HTML page.
pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    let target = markup(&report.target);
    head(&mut out, &format!("ALTO conformance of {target}"));
    let _ = writeln!(out, "<h1>ALTO conformance</h1>\n<div class=dim>{target}</div>");
    if let Some(why) = &report.could_not_run {
        let _ = writeln!(out, "<p class=\"verdict error\">Could not run: {}</p>", markup(why));
    } else {
        overview(&mut out, report);
        let wrong = |verdict: &Verdict| !matches!(verdict, Verdict::Pass(_) | Verdict::Skipped(_));
        for (title, word) in [("Failures", "fail"), ("No answer", "error"), ("Warnings", "warn"), ("Notes", "info")] {
            let lines: Vec<_> = report.lines.iter().filter(|line| line.verdict.word() == word).collect();
            if !lines.is_empty() {
                let _ = writeln!(out, "<h2>{title} <span class=dim>({})</span></h2>", lines.len());
                for line in lines {
                    entry(&mut out, line, word == "fail" || word == "error");
                }
            }
        }
        out.push_str("<h2>By section</h2>\n");
        table(&mut out, report);
        for chapter in report.chapters() {
            let quiet: Vec<_> = chapter.lines.iter().filter(|line| !wrong(&line.verdict)).collect();
            let _ = writeln!(
                out,
                "<h3 id=\"{}-{}\">{} {} {}</h3>",
                chapter.document, chapter.number, chapter.document, chapter.number, chapter.title
            );
            for line in chapter.lines.iter().filter(|line| wrong(&line.verdict)) {
                let (word, id) = (line.verdict.word(), line.requirement.id);
                let _ = writeln!(
                    out,
                    "<div><span class=\"tag {word}\">{word}</span> <a href=\"#{id}\">{id}</a> {}</div>",
                    markup(line.requirement.text)
                );
            }
            for line in quiet {
                entry(&mut out, line, false);
            }
        }
    }
    out.push_str("</body></html>\n");
    out
}

/// Writes the page up to its content.
pub(crate) fn head(out: &mut String, title: &str) {
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\n\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style></head><body>\n"
    );
}

fn overview(out: &mut String, report: &Report) {
    let summary = report.summary();
    let strict = if report.strict { ", warnings counted as failures" } else { "" };
    let failures = report.failures().count();
    let _ = if failures == 0 {
        writeln!(out, "<p class=\"verdict pass\">Conforms: everything required was found as required{strict}.</p>")
    } else {
        let noun = crate::wording::counted(failures, "requirement");
        writeln!(out, "<p class=\"verdict fail\">Does not conform: {noun} not met{strict}.</p>")
    };
    out.push_str("<div class=counts>");
    for (word, count, label) in counts(&summary) {
        let _ = write!(out, "<div class=count><b class={word}>{count}</b>{label}</div>");
    }
    let _ = writeln!(
        out,
        "</div>\n<p class=dim>{} requirements, {} requests, {:.1} s, rfc-conformance {}</p>",
        report.lines.len(),
        report.requests,
        report.took.as_secs_f32(),
        env!("CARGO_PKG_VERSION")
    );
}

/// Writes a table with the verdicts by chapter.
fn table(out: &mut String, report: &Report) {
    out.push_str("<table><tr><th>Section<th>Title<th>Checked<th style=\"width:30%\">\n");
    for chapter in report.chapters() {
        let summary = Summary::of(chapter.lines.iter().copied());
        let checked = chapter.lines.len() - summary.skipped;
        let _ = write!(
            out,
            "<tr><td><a href=\"#{0}-{1}\">{0} {1}</a><td>{2}<td class=n>{checked} of {3}<td>",
            chapter.document,
            chapter.number,
            chapter.title,
            chapter.lines.len()
        );
        bar(out, &summary);
        out.push('\n');
    }
    out.push_str("</table>\n");
}

fn counts(summary: &Summary) -> [(&'static str, usize, &'static str); 6] {
    [
        ("fail", summary.fail, "failed"),
        ("error", summary.error, "no answer"),
        ("warn", summary.warn, "warnings"),
        ("info", summary.info, "notes"),
        ("pass", summary.pass, "passed"),
        ("skipped", summary.skipped, "skipped"),
    ]
}

fn bar(out: &mut String, summary: &Summary) {
    out.push_str("<div class=bar>");
    for (word, count, label) in counts(summary).into_iter().filter(|(_, count, _)| *count > 0) {
        let _ = write!(out, "<i class=b-{word} style=\"flex:{count}\" title=\"{count} {label}\"></i>");
    }
    out.push_str("</div>");
}

fn entry(out: &mut String, line: &Line, open: bool) {
    let (word, requirement) = (line.verdict.word(), &line.requirement);
    let open = if open { " open" } else { "" };
    let _ = writeln!(
        out,
        "<details class=\"line {word}\" id=\"{id}\"{open}><summary><span class=\"tag {word}\">{word}</span><code>{id}</code>\
         <span class=dim>{level}</span><span>{text}</span></summary><div class=inside>",
        id = requirement.id,
        level = requirement.level,
        text = markup(requirement.text)
    );
    match &line.verdict {
        Verdict::Skipped(why) | Verdict::Error(why) => drop(writeln!(out, "<p>{}</p>", markup(why))),
        _ if line.examined.is_empty() => {}
        _ => drop(writeln!(out, "<p class=dim>Looked at {}.</p>", markup(&line.examined))),
    }
    let mut shown = BTreeSet::new();
    for finding in &line.findings {
        found(out, finding, &mut shown);
    }
    if line.more > 0 {
        let _ = writeln!(out, "<p class=dim>… and {} more.</p>", line.more);
    }
    for record in &line.records {
        exchange(out, record, &mut shown);
    }
    out.push_str("</div></details>\n");
}

fn found(out: &mut String, finding: &Finding, shown: &mut BTreeSet<usize>) {
    let grade = match finding.grade {
        Grade::Fail => "fail",
        Grade::Warn => "warn",
        Grade::Info => "info",
    };
    let _ = write!(
        out,
        "<div class=finding><dl><dt>expected<dd class=pass>{}<dt>seen<dd class={grade}>{}",
        markup(&finding.expected),
        markup(&finding.seen)
    );
    if let Some(pointer) = &finding.pointer {
        let _ = write!(out, "<dt>where<dd><code>{}</code>", markup(pointer));
    }
    if let Some(record) = finding.records.last() {
        let _ = write!(out, "<dt>again<dd><code>{}</code>", markup(&record.curl));
    }
    out.push_str("</dl>\n");
    for record in &finding.records {
        exchange(out, record, shown);
    }
    out.push_str("</div>\n");
}

/// Writes a request with its response, at most once per entry.
fn exchange(out: &mut String, record: &Record, shown: &mut BTreeSet<usize>) {
    if !shown.insert(record.number) {
        return;
    }
    let status = record.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let _ = writeln!(
        out,
        "<details class=exchange><summary>{} → {status}, {:.0} ms</summary><pre>{}</pre><pre>{}</pre><pre>{}</pre></details>",
        markup(&record.title),
        record.took.as_secs_f64() * 1000.0,
        markup(&record.request),
        markup(&record.answer),
        markup(&record.curl)
    );
}
