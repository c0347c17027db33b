//! Checks of methods and of fields that every answer has, over raw sockets (RFC 9110 §6.6.1, §8.6, §9).

use super::readable;
use super::requirements::{s6_6_1::DATE, s8_6::HEAD_LENGTH, s9_1::METHOD_CASE, s9_3_2::HEAD_CONTENT};
use crate::check::Check;
use crate::context::Context;
use crate::framing::{bodiless, grade_rejected};
use crate::http::NoAnswer;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("compares HEAD with GET byte by byte", &[HEAD_CONTENT, HEAD_LENGTH], head),
    Check::new("sends methods in lower and mixed case", &[METHOD_CASE], case),
    Check::new("examines `Date` of answers with and without success", &[DATE], date),
];

fn head(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("HEAD is not supported");
    sheet.on(HEAD_LENGTH).skip("no answer to HEAD has a Content-Length");
    for (uri, media_type) in readable(context) {
        let accept = format!("Accept: {media_type}\r\n");
        let got = bodiless(context, "GET", &uri, &accept)?.exchange;
        let raw = bodiless(context, "HEAD", &uri, &accept)?;
        let exchange = &raw.exchange;
        if matches!(exchange.answer.status, 405 | 501) {
            continue;
        }
        let entry = sheet.on(HEAD_CONTENT);
        entry.saw(exchange, 1, "answer to HEAD");
        if !raw.rest.is_empty() {
            entry.fail(Finding::new("no content", format!("{} bytes", raw.rest.len())).from(exchange));
        }
        let length = exchange.answer.header("content-length").filter(|_| exchange.answer.status == got.answer.status);
        if let Some(length) = length {
            let entry = sheet.on(HEAD_LENGTH);
            entry.saw(exchange, 1, "answer to HEAD");
            let again = bodiless(context, "GET", &uri, &accept)?.exchange;
            let lengths = [got.answer.body.len(), again.answer.body.len()];
            if !length.trim().parse().is_ok_and(|length| lengths.contains(&length)) {
                entry.fail(Finding::new(format!("Content-Length: {}", lengths[1]), length).from(&again).from(exchange));
            }
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
