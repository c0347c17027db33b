//! Checks with extreme requests to every kind of resource (RFC 8259 §6 to §8).

use super::requirements::{
    s6::NUMBERS,
    s7::STRINGS,
    s8_1::{BYTE_ORDER_MARK, NOT_UTF8},
    s8_2::SURROGATES,
};
use crate::check::Check;
use crate::context::{Context, post_request};
use crate::framing::{grade_alive, grade_steadfast};
use crate::http::NoAnswer;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::{Finding, Grade};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "puts extreme numbers and strings into valid requests, as unknown members and in place of names",
        &[NUMBERS, STRINGS, SURROGATES],
        extremes,
    ),
    Check::new("sends a valid request after a byte order mark", &[BYTE_ORDER_MARK], byte_order_mark),
    Check::new("puts bytes that are no UTF-8 into strings and between them", &[NOT_UTF8], not_utf8),
];

const NOTHING: &str = "no resource that takes requests is listed";

/// Extreme values as JSON text, with the requirement that each grades.
fn values() -> Vec<(Requirement, String)> {
    let numbers =
        ["1e400", "-1e400", "1e-400", "-0", "0.1e99999999999", "123456789012345678901234567890", "9007199254740993"];
    let strings =
        [r#""\u0000""#, r#""\"\\\/\b\f\n\r\t""#, r#""\u202e\u2066""#, "\"\u{feff}\"", "\"\u{10ffff}\"", "\"\""];
    let surrogates = [r#""\ud800""#, r#""\udc00\ud800""#, r#""a\udfffb""#, r#""\ud83d\ude00""#];
    let long =
        [format!("\"{}\"", "x".repeat(100_000)), format!("{}1", "9".repeat(5000)), format!("0.{}1", "0".repeat(5000))];
    let graded = |requirement: Requirement, texts: &[&str]| -> Vec<(Requirement, String)> {
        texts.iter().map(|text| (requirement, (*text).to_owned())).collect()
    };
    let mut all = graded(NUMBERS, &numbers);
    all.extend(graded(STRINGS, &strings));
    all.extend(graded(SURROGATES, &surrogates));
    let [string, large, small] = long;
    all.extend([(STRINGS, string), (NUMBERS, large), (NUMBERS, small)]);
    all
}

fn extremes(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NOTHING);
    let mut kinds = Vec::new();
    for (resource, body) in context.valid_requests()? {
        // One resource of each kind is enough.
        if kinds.contains(&resource.kind) {
            continue;
        }
        kinds.push(resource.kind);
        let text = body.to_string();
        let Some(rest) = text.strip_prefix('{') else { continue };
        // The first string in an array: a PID, an endpoint, a property.
        let name = text.find("[\"").and_then(|from| Some((from + 1, from + 2 + text[from + 2..].find('"')? + 1)));
        for (requirement, value) in values() {
            let mut bodies = vec![format!("{{\"x-unknown\":{value},{rest}")];
            if let Some((from, to)) = name {
                bodies.push(format!("{}{value}{}", &text[..from], &text[to..]));
            }
            for body in bodies {
                let answer = context.send(post_request(resource, body));
                let what = format!("{} in a request to {}", crate::json::shorten(&value, 40), resource.id);
                grade_steadfast(sheet.on(requirement), answer, "request", &what);
            }
        }
    }
    if !kinds.is_empty() {
        grade_alive(context, sheet.on(STRINGS), "extreme requests");
    }
    Ok(())
}

fn byte_order_mark(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(BYTE_ORDER_MARK);
    entry.skip(NOTHING);
    for (resource, body) in context.valid_requests()?.into_iter().take(2) {
        let bytes = [b"\xef\xbb\xbf".as_slice(), body.to_string().as_bytes()].concat();
        match context.send(post_request(resource, bytes)) {
            Ok(exchange) => {
                entry.saw(&exchange, 1, "request");
                if !matches!(exchange.answer.status, 200 | 303 | 400..=499) {
                    // The permission is to ignore the mark; a failure is never permitted.
                    let finding = Finding::new("an answer or status 400", exchange.outline()).from(&exchange);
                    entry.note(Grade::Fail, finding);
                }
            }
            Err(trouble) => entry.unanswered(&trouble, "an answer or status 400"),
        }
    }
    Ok(())
}

fn not_utf8(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(NOT_UTF8);
    entry.skip(NOTHING);
    for (resource, body) in context.valid_requests()?.into_iter().take(2) {
        let text = body.to_string();
        // Latin-1, a surrogate, an overlong form, a part of a character, and UTF-16.
        let strings: [&[u8]; 4] = [b"\xe9t\xe9", b"\xed\xa0\x80", b"\xc0\x80", b"\xe2\x82"];
        let inside = strings.map(|bytes| {
            let rest = text.strip_prefix('{').unwrap_or_default().as_bytes();
            [b"{\"x-unknown\":\"", bytes, b"\",", rest].concat()
        });
        let before = [b"\xff", text.as_bytes()].concat();
        let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in inside.into_iter().chain([before, wide]) {
            let answer = context.send(post_request(resource, bytes));
            grade_steadfast(
                entry,
                answer,
                "request",
                &format!("bytes that are no UTF-8 in a request to {}", resource.id),
            );
        }
    }
    Ok(())
}
