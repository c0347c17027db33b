//! Checks of methods and of fields that every answer has, over raw sockets (RFC 9110 §6.6.1, §8.6, §9).

use super::readable;
use super::requirements::{
    s5_1::UNKNOWN_FIELDS,
    s6_6_1::DATE,
    s8_6::HEAD_LENGTH,
    s8_8_2::LAST_MODIFIED,
    s9_1::METHOD_CASE,
    s9_3_2::{HEAD_CONTENT, HEAD_FIELDS},
};
use crate::check::Check;
use crate::context::Context;
use crate::framing::{bodiless, grade_rejected};
use crate::http::NoAnswer;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("compares HEAD with GET byte by byte", &[HEAD_CONTENT, HEAD_FIELDS, HEAD_LENGTH], head),
    Check::new("sends methods in lower and mixed case", &[METHOD_CASE], case),
    Check::new("examines `Date` of answers with and without success", &[DATE], date),
    Check::new("examines `Last-Modified` of answers", &[LAST_MODIFIED], last_modified),
    Check::new("adds fields of its own to a request", &[UNKNOWN_FIELDS], unknown_fields),
];

fn head(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("HEAD is not supported");
    sheet.on(HEAD_LENGTH).skip("no answer to HEAD has a Content-Length");
    for (uri, media_type) in readable(context) {
        for coding in ["", "Accept-Encoding: gzip\r\n"] {
            head_of(context, sheet, &uri, &format!("Accept: {media_type}\r\n{coding}"))?;
        }
    }
    Ok(())
}

fn head_of(context: &Context<'_>, sheet: &mut Sheet, uri: &str, fields: &str) -> Result<(), NoAnswer> {
    let got = bodiless(context, "GET", uri, fields)?.exchange;
    let raw = bodiless(context, "HEAD", uri, fields)?;
    let exchange = &raw.exchange;
    if matches!(exchange.answer.status, 405 | 501) {
        return Ok(());
    }
    let entry = sheet.on(HEAD_CONTENT);
    entry.saw(exchange, 1, "answer to HEAD");
    if !raw.rest.is_empty() {
        entry.fail(Finding::new("no content", format!("{} bytes", raw.rest.len())).from(exchange));
    }
    if exchange.answer.status != got.answer.status {
        return Ok(());
    }
    let again = bodiless(context, "GET", uri, fields)?.exchange;
    let entry = sheet.on(HEAD_FIELDS);
    entry.saw(exchange, 1, "answer to HEAD");
    for name in ["content-type", "content-encoding", "etag", "last-modified", "vary"] {
        let (before, seen, after) = (got.answer.header(name), exchange.answer.header(name), again.answer.header(name));
        // Fields may be left out, and may change with the content.
        if seen.is_some() && seen != before && before == after {
            let finding = Finding::new(format!("{name}: {}", before.unwrap_or("none")), seen.unwrap_or("none"));
            entry.fail(finding.from(&again).from(exchange));
        }
    }
    if let Some(length) = exchange.answer.header("content-length") {
        let entry = sheet.on(HEAD_LENGTH);
        entry.saw(exchange, 1, "answer to HEAD");
        let lengths = [got.answer.body.len(), again.answer.body.len()];
        if !length.trim().parse().is_ok_and(|length| lengths.contains(&length)) {
            entry.fail(Finding::new(format!("Content-Length: {}", lengths[1]), length).from(&again).from(exchange));
        }
    }
    Ok(())
}

fn case(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(METHOD_CASE);
    for method in ["get", "Get", "gET"] {
        let answer = bodiless(context, method, &context.subject.first.request.uri, "Accept: */*\r\n");
        grade_rejected(entry, answer.map(|raw| raw.exchange), "method", &format!("the method {method}"));
    }
    Ok(())
}

fn date(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(DATE);
    let root = &context.subject.first.request.uri;
    let nowhere = crate::http::resolve("/no-such-path-for-a-date", root);
    for uri in [Some(root.clone()), nowhere].into_iter().flatten() {
        let exchange = bodiless(context, "GET", &uri, "Accept: */*\r\n")?.exchange;
        if exchange.answer.status >= 500 {
            continue;
        }
        entry.saw(&exchange, 1, "answer");
        let date = exchange.answer.header("date");
        if date.is_none_or(|date| httpdate::parse_http_date(date).is_err()) {
            entry.fail(Finding::new("Date with an HTTP date", date.unwrap_or("none")).from(&exchange));
        }
    }
    Ok(())
}

fn last_modified(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(LAST_MODIFIED);
    entry.skip("no answer has `Last-Modified`");
    for (uri, media_type) in readable(context) {
        let exchange = bodiless(context, "GET", &uri, &format!("Accept: {media_type}\r\n"))?.exchange;
        let Some(modified) = exchange.answer.header("last-modified") else { continue };
        entry.saw(&exchange, 1, "answer");
        let date = exchange.answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
        match (httpdate::parse_http_date(modified), date) {
            (Err(_), _) => drop(entry.fail(Finding::new("an HTTP date", modified).from(&exchange))),
            (Ok(time), Some(date)) if time > date => {
                let expected = format!("a date up to {}", httpdate::fmt_http_date(date));
                entry.fail(Finding::new(expected, modified).from(&exchange));
            }
            _ => {}
        }
    }
    Ok(())
}

fn unknown_fields(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let (entry, root) = (sheet.on(UNKNOWN_FIELDS), &context.subject.first);
    for fields in ["X-No-Such-Field: 1\r\n", "priv.field!: \"a, b\"; c=d\r\nX-No-Such-Field:\r\n"] {
        let exchange = bodiless(context, "GET", &root.request.uri, &format!("Accept: */*\r\n{fields}"))?.exchange;
        entry.saw(&exchange, 1, "request with unknown fields");
        if exchange.answer.status != root.answer.status {
            let expected = format!("status {}, as without these fields", root.answer.status);
            entry.fail(Finding::new(expected, exchange.outline()).from(&exchange));
        }
    }
    Ok(())
}
