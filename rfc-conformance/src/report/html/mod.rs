//! Report as a self-contained HTML page of bounded size: failures first, with collapsed requests and responses, and a
//! search by text and verdict.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::cause::{Cause, causes};
use super::escape::markup;
use super::{Report, Summary};
use crate::http::Record;
use crate::verdict::{Finding, Grade, Verdict};

/// Style sheet of reports and of the comparison of servers, after the one that the page of `alto-server` has, too.
pub(crate) const STYLE: &str =
    concat!(include_str!("../../../../alto-server/src/ui/assets/base.css"), include_str!("style.css"));

/// Script that hides the requirements that a search does not match.
const FILTER: &str = include_str!("filter.js");
/// Limit on the bytes of all requests and responses in a page; beyond it, only their titles are shown.
const MOST_BYTES: usize = 400 * 1024;

/// A page in the making, with the room that is left for requests and responses.
struct Page {
    out: String,
    room: usize,
}

/// Renders a report as an HTML page.
pub(super) fn render(report: &Report) -> String {
    let mut page = Page { out: String::new(), room: MOST_BYTES };
    let target = markup(&report.target);
    // The random number keeps any script but this one from running, whatever the server has sent.
    let nonce = format!("{:016x}", rand::random::<u64>());
    head_with(&mut page.out, &format!("ALTO conformance of {target}"), &format!("; script-src 'nonce-{nonce}'"));
    let _ = writeln!(page.out, "<h1>ALTO conformance</h1>\n<div class=dim>{target}</div>");
    if let Some(why) = &report.could_not_run {
        let _ = writeln!(page.out, "<p class=\"verdict error\">Could not run: {}</p>", markup(why));
    } else {
        if let Some(why) = &report.not_changed {
            let _ = writeln!(page.out, "<p class=\"verdict error\">Incomplete: {}</p>", markup(why));
        }
        overview(&mut page.out, report);
        search(&mut page.out);
        let wrong =
            |verdict: &Verdict| !matches!(verdict, Verdict::Pass(_) | Verdict::Skipped(_) | Verdict::Blocked(_));
        for (title, word) in [("Failures", "fail"), ("No answer", "error"), ("Warnings", "warn"), ("Notes", "info")] {
            let causes = causes(report.lines.iter().filter(|line| line.verdict.word() == word));
            if !causes.is_empty() {
                let _ = writeln!(page.out, "<h2>{title} <span class=dim>({})</span></h2>", causes.len());
                for cause in &causes {
                    entry(&mut page, cause, word == "fail" || word == "error");
                }
            }
        }
        page.out.push_str("<h2>By section</h2>\n");
        table(&mut page.out, report);
        for chapter in report.chapters() {
            let quiet: Vec<_> = chapter.lines.iter().filter(|line| !wrong(&line.verdict)).collect();
            let _ = writeln!(
                page.out,
                "<h3 id=\"{}-{}\">{} {} {}</h3>",
                chapter.document, chapter.number, chapter.document, chapter.number, chapter.title
            );
            for line in chapter.lines.iter().filter(|line| wrong(&line.verdict)) {
                let (word, id) = (line.verdict.word(), line.requirement.id);
                let _ = writeln!(
                    page.out,
                    "<div><span class=\"tag {word}\">{word}</span> <a href=\"#{id}\">{id}</a> {}</div>",
                    markup(line.requirement.text)
                );
            }
            for line in quiet {
                entry(&mut page, &Cause { line, others: Vec::new() }, false);
            }
        }
        let _ = writeln!(page.out, "<script nonce={nonce}>\n{FILTER}</script>");
    }
    page.out.push_str("</body></html>\n");
    page.out
}

/// Writes the fields of the search.
fn search(out: &mut String) {
    out.push_str(
        "<p class=search><input id=words type=search aria-label=\"Search IDs and text\" placeholder=\"Search IDs and text\"> \
         <select id=verdict aria-label=Verdict>",
    );
    out.push_str("<option value=\"\">all verdicts");
    for (word, _, label) in counts(&Summary::default()) {
        let _ = write!(out, "<option value={word}>{label}");
    }
    out.push_str("</select></p>\n");
}

/// Writes the page up to its content.
pub(crate) fn head(out: &mut String, title: &str) {
    head_with(out, title, "");
}

/// Writes the page up to its content, with an addition to its Content-Security-Policy.
fn head_with(out: &mut String, title: &str, policy: &str) {
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\n\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'{policy}\">\n\
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
        let class = if count == 0 { "dim" } else { word };
        let _ = write!(out, "<div class=count><b class={class}>{count}</b>{label}</div>");
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

fn counts(summary: &Summary) -> [(&'static str, usize, &'static str); 7] {
    [
        ("fail", summary.fail, "failed"),
        ("error", summary.error, "no answer"),
        ("warn", summary.warn, "warnings"),
        ("info", summary.info, "notes"),
        ("pass", summary.pass, "passed"),
        ("skipped", summary.skipped, "skipped"),
        ("blocked", summary.blocked, "blocked"),
    ]
}

fn bar(out: &mut String, summary: &Summary) {
    out.push_str("<div class=bar>");
    for (word, count, label) in counts(summary).into_iter().filter(|(_, count, _)| *count > 0) {
        let _ = write!(out, "<i class=b-{word} style=\"flex:{count}\" title=\"{count} {label}\"></i>");
    }
    out.push_str("</div>");
}

fn entry(page: &mut Page, cause: &Cause<'_>, open: bool) {
    let line = cause.line;
    let (word, requirement) = (line.verdict.word(), &line.requirement);
    let open = if open { " open" } else { "" };
    let out = &mut page.out;
    let _ = writeln!(
        out,
        "<details class=\"line {word}\" id=\"{id}\"{open}><summary><span class=\"tag {word}\">{word}</span><code>{name}</code>\
         <span class=dim>{level}</span><span>{text}</span></summary><div class=inside>",
        id = requirement.id,
        name = markup(&line.name()),
        level = requirement.level,
        text = markup(requirement.text)
    );
    match &line.verdict {
        Verdict::Skipped(why) | Verdict::Error(why) | Verdict::Late(why) | Verdict::Blocked(why) => {
            let _ = writeln!(out, "<p>{}</p>", markup(why));
        }
        _ if line.examined.is_empty() => {}
        _ => drop(writeln!(out, "<p class=dim>Looked at {}.</p>", markup(&line.examined))),
    }
    if !cause.others.is_empty() {
        let others: Vec<_> = cause.others.iter().map(|other| markup(&other.name())).collect();
        let _ = writeln!(out, "<p>The same violates {}.</p>", others.join(", "));
    }
    if !line.blocks.is_empty() {
        let _ = writeln!(out, "<p>Blocks {}.</p>", line.blocks.join(", "));
    }
    let mut shown = BTreeSet::new();
    for finding in &line.findings {
        found(page, finding, &mut shown);
    }
    if line.more > 0 {
        let _ = writeln!(page.out, "<p class=dim>… and {} more.</p>", line.more);
    }
    let is_quiet = matches!(line.verdict, Verdict::Pass(_));
    for record in line.records.iter().take(if is_quiet { 1 } else { line.records.len() }) {
        if is_quiet {
            let _ = writeln!(page.out, "<p class=dim>{}</p>", markup(&record.title));
        } else {
            exchange(page, record, &mut shown);
        }
    }
    page.out.push_str("</div></details>\n");
}

fn found(page: &mut Page, finding: &Finding, shown: &mut BTreeSet<usize>) {
    let grade = match finding.grade {
        Grade::Fail => "fail",
        Grade::Warn => "warn",
        Grade::Info => "info",
    };
    let out = &mut page.out;
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
        exchange(page, record, shown);
    }
    page.out.push_str("</div>\n");
}

/// Writes a request with its response, at most once per entry and as long as there is room.
fn exchange(page: &mut Page, record: &Record, shown: &mut BTreeSet<usize>) {
    if !shown.insert(record.number) {
        return;
    }
    let status = record.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let title = format!("{} → {status}, {:.0} ms", markup(&record.title), record.took.as_secs_f64() * 1000.0);
    let text = format!("<pre>{}</pre><pre>{}</pre>", markup(&record.request), markup(&record.answer));
    if text.len() > page.room {
        let _ = writeln!(page.out, "<p class=dim>{title} (not shown here; the JSON report has all exchanges)</p>");
        return;
    }
    page.room -= text.len();
    let _ = writeln!(page.out, "<details class=exchange><summary>{title}</summary>{text}</details>");
}
