//! Checks of request lines and header sections (RFC 9112 §3, §5).

use super::requirements::{
    s3::{BAD_LINE, LONG_TARGET},
    s5::LONG_FIELDS,
};
use crate::check::Check;
use crate::context::Context;
use crate::framing::{grade_alive, grade_rejected, grade_steadfast, head};
use crate::http::{NoAnswer, Request, host_and_port, request_target};
use crate::sheet::Sheet;
use crate::verdict::{Finding, Grade};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("sends request lines with missing, superfluous and forbidden parts", &[BAD_LINE], request_lines),
    Check::new("sends request targets of 8000 and of 100,000 octets", &[LONG_TARGET], long_targets),
    Check::new("sends long, numerous and folded header fields", &[LONG_FIELDS], long_fields),
];

fn request_lines(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(BAD_LINE);
    let uri = &context.subject.first.request.uri;
    let (target, host) = (request_target(uri).unwrap_or_default(), host_and_port(uri));
    for line in [
        "GET".to_owned(),
        format!("GET {target} extra HTTP/1.1"),
        format!("GET {target} HTTP/1.1 extra"),
        format!("GET{target}HTTP/1.1"),
        format!("G@T {target} HTTP/1.1"),
        format!("GET {target}\u{0}x HTTP/1.1"),
        format!("GET {target} HTTP/x.y"),
        format!("GET {target} HTTP/11"),
        format!("GET {target} ICY/1.1"),
        format!("\u{1}\u{2}\u{3} {target} HTTP/1.1"),
        "GET x HTTP/1.1".to_owned(),
    ] {
        let answer = context.client.send_raw(uri, || {
            format!("{line}\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n\r\n").into_bytes()
        });
        grade_rejected(entry, answer, "request line", &format!("the request line {line:?}"));
    }
    grade_alive(context, entry, "invalid request lines");
    Ok(())
}

fn long_targets(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(LONG_TARGET);
    let root = &context.subject.first.request.uri;
    for length in [8000, 100_000] {
        let separator = if root.contains('?') { '&' } else { '?' };
        let uri = format!("{root}{separator}x={}", "y".repeat(length));
        let request = Request::new("GET", &uri);
        let answer = context.client.send_raw(&uri, || {
            format!("{}Accept: */*\r\nConnection: close\r\n\r\n", head(context, &request, "")).into_bytes()
        });
        let too_long = answer.as_ref().is_ok_and(|exchange| matches!(exchange.answer.status, 414 | 431));
        if let Ok(exchange) = answer.as_ref()
            && length == 8000
            && too_long
        {
            let finding = Finding::new("a target of 8000 octets to be read", exchange.outline()).from(exchange);
            entry.saw(exchange, 1, "request target").fail(finding);
            continue;
        }
        if let Err(trouble) = &answer
            && matches!(trouble.failure, crate::http::Failure::Closed(_))
        {
            let mut finding = Finding::new("status 414", trouble.failure.to_string());
            finding.records.push(trouble.record.clone());
            entry.note(Grade::Warn, finding);
            continue;
        }
        grade_steadfast(entry, answer, "request target", &format!("a target of {length} octets"));
    }
    grade_alive(context, entry, "long request targets");
    Ok(())
}

fn long_fields(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(LONG_FIELDS);
    let uri = &context.subject.first.request.uri;
    let request = Request::new("GET", uri);
    for (what, fields) in [
        ("a field of 4000 octets", format!("X-Long: {}\r\n", "x".repeat(4000))),
        ("a field of 9000 octets", format!("X-Long: {}\r\n", "x".repeat(9000))),
        ("a field of 20,000 octets", format!("X-Long: {}\r\n", "x".repeat(20_000))),
        ("a field of 200,000 octets", format!("X-Long: {}\r\n", "x".repeat(200_000))),
        ("a field name of 4000 octets", format!("{}: x\r\n", "x".repeat(4000))),
        ("300 fields", "X-Many: x\r\n".repeat(300)),
        ("a folded field", "X-Folded: a\r\n  b\r\n".to_owned()),
        ("a field without a value", "X-Empty:\r\n".to_owned()),
    ] {
        let answer = context.client.send_raw(uri, || {
            format!("{}Accept: */*\r\n{fields}Connection: close\r\n\r\n", head(context, &request, "")).into_bytes()
        });
        if let Err(trouble) = &answer
            && matches!(trouble.failure, crate::http::Failure::Closed(_))
        {
            let mut finding = Finding::new(format!("an answer or status 4xx for {what}"), trouble.failure.to_string());
            finding.records.push(trouble.record.clone());
            entry.note(Grade::Warn, finding);
            continue;
        }
        grade_steadfast(entry, answer, "header section", what);
    }
    grade_alive(context, entry, "long header fields");
    Ok(())
}
