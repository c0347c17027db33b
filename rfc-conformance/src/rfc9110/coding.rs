//! Checks of content codings and ranges, over raw sockets, as HTTP libraries decode answers (RFC 9110 §8.4, §12.5.3, §14).

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::readable;
use super::requirements::{
    s8_4::CODED,
    s8_8_3::DISTINCT_TAGS,
    s12_5_3::EXCLUDED_CODING,
    s12_5_5::VARY,
    s13_1_5::IF_RANGE,
    s14_2::{RANGE_FORMS, RANGE_UNITS},
    s15_3_7::{PARTIAL, PARTIAL_FIELDS},
};
use crate::check::Check;
use crate::context::Context;
use crate::framing::{bodiless, grade_steadfast};
use crate::http::{Answer, NoAnswer};
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "reads resources plain and compressed, and compares content, entity tags and `Vary`",
        &[CODED, DISTINCT_TAGS, EXCLUDED_CODING, VARY],
        codings,
    ),
    Check::new("asks for ranges of bytes", &[PARTIAL, PARTIAL_FIELDS, IF_RANGE], ranges),
    Check::new("asks for ranges in unknown units and beyond the end", &[RANGE_UNITS, RANGE_FORMS], odd_ranges),
];

/// Limit on the bytes that a compressed answer may become.
const MOST_DECODED: u64 = 256 << 20;

/// Returns the content coding of an answer; `identity` if there is none.
fn coding(answer: &Answer) -> String {
    answer.header("content-encoding").unwrap_or("identity").trim().to_ascii_lowercase()
}

fn codings(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no resource can be read");
    for requirement in [CODED, DISTINCT_TAGS, VARY] {
        sheet.on(requirement).skip("no answer is compressed");
    }
    for (uri, media_type) in readable(context) {
        let accept = format!("Accept: {media_type}\r\n");
        // Without Accept-Encoding, any coding is permitted.
        let plain = format!("{accept}Accept-Encoding: identity\r\n");
        let plain = bodiless(context, "GET", &uri, &plain)?.exchange;
        for fields in
            ["gzip;q=0, identity", "gzip;q=0", "identity;q=1, *;q=0", "br;q=0, gzip;q=0, deflate;q=0, zstd;q=0"]
        {
            let exchange = bodiless(context, "GET", &uri, &format!("{accept}Accept-Encoding: {fields}\r\n"))?.exchange;
            let entry = sheet.on(EXCLUDED_CODING);
            entry.saw(&exchange, 1, "form of Accept-Encoding");
            let used = coding(&exchange.answer);
            if used != "identity" && (fields.contains(&format!("{used};q=0")) || fields.contains("*;q=0")) {
                entry.fail(Finding::new(format!("no coding that {fields:?} excludes"), used).from(&exchange));
            } else if exchange.answer.status != plain.answer.status {
                entry.fail(Finding::new(plain.outline(), exchange.outline()).from(&plain).from(&exchange));
            }
        }
        let packed = bodiless(context, "GET", &uri, &format!("{accept}Accept-Encoding: gzip\r\n"))?.exchange;
        let codings = (coding(&plain.answer), coding(&packed.answer));
        if codings != ("identity".into(), "gzip".into()) || packed.answer.status != 200 || plain.answer.status != 200 {
            continue;
        }
        let mut decoded = Vec::new();
        let read = MultiGzDecoder::new(&packed.answer.body[..]).take(MOST_DECODED).read_to_end(&mut decoded);
        let again = format!("{accept}Accept-Encoding: identity\r\n");
        let again = bodiless(context, "GET", &uri, &again)?.exchange;
        let unchanged = again.answer.body == plain.answer.body;
        let entry = sheet.on(CODED);
        entry.saw(&packed, 1, "compressed answer");
        match read {
            Err(error) => drop(entry.fail(Finding::new("gzip", error.to_string()).from(&packed))),
            Ok(_) if decoded != plain.answer.body && unchanged => {
                let seen = format!("{} other bytes after decoding", decoded.len());
                let finding = Finding::new(format!("the {} bytes of the plain answer", plain.answer.body.len()), seen);
                entry.fail(finding.from(&plain).from(&packed));
            }
            Ok(_) => {}
        }
        let entry = sheet.on(DISTINCT_TAGS);
        let tags = [plain.answer.header("etag"), packed.answer.header("etag")];
        if let [Some(one), Some(other)] = tags {
            entry.saw(&packed, 1, "entity tag");
            if one == other && !one.starts_with("W/") && unchanged {
                let finding = Finding::new(format!("another entity tag than {one}, or a weak one"), other);
                entry.fail(finding.from(&plain).from(&packed));
            }
        }
        let entry = sheet.on(VARY);
        for exchange in [&plain, &packed] {
            entry.saw(exchange, 1, "answer");
            let mut names = exchange.answer.headers("vary").flat_map(|value| value.split(','));
            if !names.any(|name| matches!(name.trim().to_ascii_lowercase().as_str(), "accept-encoding" | "*")) {
                let seen = exchange.answer.header("vary").unwrap_or("none");
                entry.fail(Finding::new("Vary: Accept-Encoding", seen).from(exchange));
            }
        }
    }
    Ok(())
}

fn ranges(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(PARTIAL_FIELDS).skip("no answer is partial");
    sheet.on(IF_RANGE).skip("no answer is partial");
    sheet.skip_all("no resource can be read");
    for (uri, media_type) in readable(context) {
        let accept = format!("Accept: {media_type}\r\n");
        let whole = bodiless(context, "GET", &uri, &accept)?.exchange;
        let length = whole.answer.body.len();
        if whole.answer.status != 200 || length < 4 {
            continue;
        }
        let mut partial = false;
        for (range, from, to) in [("0-1", 0, 2), ("2-", 2, length), ("-2", length - 2, length)] {
            let exchange = bodiless(context, "GET", &uri, &format!("{accept}Range: bytes={range}\r\n"))?.exchange;
            sheet.on(PARTIAL).saw(&exchange, 1, "request for a range");
            // Ignoring ranges is permitted.
            if exchange.answer.status != 206 {
                continue;
            }
            partial = true;
            let expected = format!("bytes {from}-{}/{length}", to - 1);
            let seen = exchange.answer.header("content-range").unwrap_or("none");
            if seen != expected || exchange.answer.body != whole.answer.body[from..to] {
                let seen = format!("{seen} with {} bytes", exchange.answer.body.len());
                sheet.on(PARTIAL).fail(Finding::new(expected, seen).from(&whole).from(&exchange));
            }
            let entry = sheet.on(PARTIAL_FIELDS);
            entry.saw(&exchange, 1, "partial answer");
            for name in ["etag", "vary"] {
                let (expected, seen) = (whole.answer.header(name), exchange.answer.header(name));
                if let Some(expected) = expected.filter(|_| seen.is_none()) {
                    entry.fail(Finding::new(format!("{name}: {expected}"), "none").from(&whole).from(&exchange));
                }
            }
        }
        if partial && whole.answer.header("etag").is_some() {
            let fields = format!("{accept}Range: bytes=0-1\r\nIf-Range: \"no-such-tag\"\r\n");
            let exchange = bodiless(context, "GET", &uri, &fields)?.exchange;
            let entry = sheet.on(IF_RANGE);
            entry.saw(&exchange, 1, "request with If-Range");
            if exchange.answer.status == 206 {
                entry.fail(Finding::new("the whole answer", exchange.outline()).from(&exchange));
            }
        }
    }
    Ok(())
}

fn odd_ranges(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no resource can be read");
    let Some((uri, media_type)) = readable(context).into_iter().next() else { return Ok(()) };
    let accept = format!("Accept: {media_type}\r\n");
    let whole = bodiless(context, "GET", &uri, &accept)?.exchange;
    let unknown = bodiless(context, "GET", &uri, &format!("{accept}Range: pids=1-2\r\n"))?.exchange;
    let entry = sheet.on(RANGE_UNITS);
    entry.saw(&unknown, 1, "request for a range");
    if unknown.answer.status != whole.answer.status {
        let expected = format!("{}, as without a range", whole.outline());
        entry.fail(Finding::new(expected, unknown.outline()).from(&whole).from(&unknown));
    }
    let entry = sheet.on(RANGE_FORMS);
    for range in [
        "bytes=99999999-",
        "bytes=18446744073709551615-18446744073709551616",
        "bytes=5-2",
        "bytes=-0",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-0,1-1,-1",
        "bytes=0-,0-,0-,0-,0-,0-,0-,0-",
        "=",
        "bytes",
    ] {
        let answer = bodiless(context, "GET", &uri, &format!("{accept}Range: {range}\r\n"));
        grade_steadfast(entry, answer.map(|raw| raw.exchange), "form of Range", &format!("Range: {range}"));
    }
    Ok(())
}
