//! Checks of conditional requests and entity tags, over raw sockets (RFC 9110 §8.8.3, §13, §15.4.5).

use super::readable;
use super::requirements::{
    s8_8_3::{STABLE_TAGS, TAG_SYNTAX},
    s13_1_1::{MATCHED, NOT_MATCHED},
    s13_1_2::{ANY_TAG, OTHER_TAG, TAG_LIST, WEAK_TAG},
    s13_1_3::{INVALID_DATE, TAG_FIRST},
    s15_4_5::{NO_CONTENT, TAG_AGAIN},
};
use crate::check::Check;
use crate::context::Context;
use crate::framing::{Raw, bodiless};
use crate::http::NoAnswer;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::{Finding, Grade};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "repeats requests with conditions on the current entity tag and on others, alone, in lists and as weak ones, and with \
     dates, and reads the answers byte by byte",
    &[
        TAG_SYNTAX,
        STABLE_TAGS,
        MATCHED,
        NOT_MATCHED,
        OTHER_TAG,
        TAG_LIST,
        WEAK_TAG,
        ANY_TAG,
        INVALID_DATE,
        TAG_FIRST,
        NO_CONTENT,
        TAG_AGAIN,
    ],
    conditions,
)];

/// Expected effect of a condition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    NotModified,
    Whole,
    Failed,
}

fn conditions(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no answer has an entity tag");
    for (uri, media_type) in readable(context) {
        let accept = format!("Accept: {media_type}\r\n");
        let plain = bodiless(context, "GET", &uri, &accept)?;
        if plain.exchange.answer.status != 200 {
            continue;
        }
        let fields = format!("{accept}If-Modified-Since: yesterday at noon\r\n");
        grade(context, sheet, &plain, INVALID_DATE, Effect::Whole, &uri, &fields)?;
        let Some(tag) = plain.exchange.answer.header("etag").map(str::to_owned) else {
            continue;
        };
        let entry = sheet.on(TAG_SYNTAX);
        entry.saw(&plain.exchange, 1, "entity tag");
        if !is_tag(&tag) {
            entry.fail(Finding::new("a quoted string, after `W/` if it is weak", tag.as_str()).from(&plain.exchange));
            continue;
        }
        let again = bodiless(context, "GET", &uri, &accept)?;
        let entry = sheet.on(STABLE_TAGS);
        entry.saw(&again.exchange, 1, "entity tag");
        let other = again.exchange.answer.header("etag").unwrap_or("none").to_owned();
        if other != tag && again.exchange.answer.body == plain.exchange.answer.body {
            let finding = Finding::new(format!("{tag}, as the content is the same"), other.as_str());
            entry.fail(finding.from(&plain.exchange).from(&again.exchange));
        }
        if other != tag {
            continue;
        }
        let strong = tag.trim_start_matches("W/");
        let (unknown, not_modified) = ("\"no-such-tag\"", Effect::NotModified);
        let mut cases = vec![
            (OTHER_TAG, format!("If-None-Match: {unknown}\r\n"), Effect::Whole),
            (OTHER_TAG, format!("If-None-Match: W/{unknown}, \"\"\r\n"), Effect::Whole),
            (OTHER_TAG, format!("If-None-Match: {}\r\n", around(strong)), Effect::Whole),
            (TAG_LIST, format!("If-None-Match: {unknown}, {tag} ,W/\"x\"\r\n"), not_modified),
            (WEAK_TAG, format!("If-None-Match: W/{strong}\r\n"), not_modified),
            (ANY_TAG, "If-None-Match: *\r\n".to_owned(), not_modified),
            (MATCHED, "If-Match: *\r\n".to_owned(), Effect::Whole),
            (NOT_MATCHED, format!("If-Match: {unknown}, {}\r\n", around(strong)), Effect::Failed),
            (NOT_MATCHED, format!("If-Match: W/{strong}\r\n"), Effect::Failed),
        ];
        let answer = &plain.exchange.answer;
        if let Some(date) = answer.header("last-modified").or_else(|| answer.header("date")) {
            let fields = format!("If-None-Match: {unknown}\r\nIf-Modified-Since: {date}\r\n");
            cases.push((TAG_FIRST, fields, Effect::Whole));
        }
        sheet.on(TAG_FIRST).skip("no answer has both an entity tag and a date");
        if tag == strong {
            cases.push((MATCHED, format!("If-Match: {tag}\r\n"), Effect::Whole));
            cases.push((MATCHED, format!("If-Match: {unknown} , {tag}\r\n"), Effect::Whole));
        }
        let other_case = swapped(strong);
        if other_case != strong {
            cases.push((OTHER_TAG, format!("If-None-Match: {other_case}\r\n"), Effect::Whole));
        }
        for (requirement, condition, effect) in cases {
            grade(context, sheet, &plain, requirement, effect, &uri, &format!("{accept}{condition}"))?;
        }
    }
    Ok(())
}

/// Returns an entity tag that contains the text of another one.
fn around(strong: &str) -> String {
    format!("\"x{}x\"", strong.trim_matches('"'))
}

/// Returns an entity tag with small letters for capitals and the other way round.
fn swapped(strong: &str) -> String {
    let swap = |letter: char| {
        if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    strong.chars().map(swap).collect()
}

/// Tests whether a text is an entity tag (RFC 9110 §8.8.3).
fn is_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    opaque.len() >= 2
        && inner.is_some_and(|inner| inner.bytes().all(|byte| byte > b' ' && byte != b'"' && byte != 0x7f))
}

/// Sends a conditional request and grades its effect, and what an answer with status 304 consists of.
fn grade(
    context: &Context<'_>,
    sheet: &mut Sheet,
    plain: &Raw,
    requirement: Requirement,
    effect: Effect,
    uri: &str,
    fields: &str,
) -> Result<(), NoAnswer> {
    let raw = bodiless(context, "GET", uri, fields)?;
    let (exchange, answer) = (&raw.exchange, &raw.exchange.answer);
    let entry = sheet.on(requirement);
    entry.saw(exchange, 1, "condition");
    let whole = &plain.exchange.answer;
    // The content may have changed meanwhile; but what has not been modified has the tag of before.
    let other_tag = answer.header("etag").is_some() && answer.header("etag") != whole.header("etag");
    let changed = other_tag && answer.status != 304;
    match effect {
        Effect::NotModified if answer.status != 304 && !changed => {
            entry.fail(Finding::new("status 304", exchange.outline()).from(&plain.exchange).from(exchange));
        }
        Effect::Whole if answer.status != 200 || (answer.body != whole.body && !changed) => {
            let seen = format!("{} and {} bytes", exchange.outline(), answer.body.len());
            entry.fail(Finding::new("status 200 with the whole answer", seen).from(&plain.exchange).from(exchange));
        }
        Effect::Failed if answer.status != 412 && !changed => {
            entry.fail(Finding::new("status 412", exchange.outline()).from(&plain.exchange).from(exchange));
        }
        _ => {}
    }
    if answer.status != 304 {
        return Ok(());
    }
    let entry = sheet.on(NO_CONTENT);
    entry.saw(exchange, 1, "answer with status 304");
    if !raw.rest.is_empty() {
        entry.fail(Finding::new("no content", format!("{} bytes", raw.rest.len())).from(exchange));
    }
    if let Some(length) = answer.header("content-length").filter(|length| *length != "0")
        && length.parse() != Ok(whole.body.len())
    {
        let expected = format!("no Content-Length, or {} as in the whole answer", whole.body.len());
        entry.fail(Finding::new(expected, length).from(&plain.exchange).from(exchange));
    }
    let entry = sheet.on(TAG_AGAIN);
    entry.saw(exchange, 1, "answer with status 304");
    for name in ["etag", "vary"] {
        if let Some(value) = whole.header(name).filter(|value| answer.header(name) != Some(*value) && !changed) {
            let seen = answer.header(name).unwrap_or("none");
            // A missing Vary makes caches store less; a missing ETag makes them unable to update what they have.
            let grade = if name == "etag" { Grade::Fail } else { Grade::Warn };
            entry.note(grade, Finding::new(format!("{name}: {value}"), seen).from(&plain.exchange).from(exchange));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_quoted() {
        for (text, valid) in [
            ("\"\"", true),
            ("\"a b\"", false),
            ("\"a'b\"", true),
            ("W/\"x\"", true),
            ("w/\"x\"", false),
            ("x", false),
            ("\"", false),
            ("\"a\"b\"", false),
        ] {
            assert_eq!(is_tag(text), valid, "{text}");
        }
    }
}
