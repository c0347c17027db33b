//! Checks of content codings and ranges, over raw sockets, as HTTP libraries decode answers (RFC 9110 §8.4, §12.5.3, §14).

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::readable;
use super::requirements::{
    s8_4::CODED, s8_8_3::DISTINCT_TAGS, s12_5_3::EXCLUDED_CODING, s12_5_5::VARY, s15_3_7::PARTIAL,
};
use crate::check::Check;
use crate::context::Context;
use crate::framing::bodiless;
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
    Check::new("asks for ranges of bytes", &[PARTIAL], ranges),
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
        let plain = bodiless(context, "GET", &uri, &accept)?.exchange;
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
        if coding(&packed.answer) != "gzip" || packed.answer.status != 200 || plain.answer.status != 200 {
            continue;
        }
        let mut decoded = Vec::new();
        let read = MultiGzDecoder::new(&packed.answer.body[..]).take(MOST_DECODED).read_to_end(&mut decoded);
        let again = bodiless(context, "GET", &uri, &accept)?.exchange;
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
    let entry = sheet.on(PARTIAL);
    entry.skip("no resource can be read");
    for (uri, media_type) in readable(context) {
        let accept = format!("Accept: {media_type}\r\n");
        let whole = bodiless(context, "GET", &uri, &accept)?.exchange;
        let length = whole.answer.body.len();
        if whole.answer.status != 200 || length < 4 {
            continue;
        }
        for (range, from, to) in [("0-1", 0, 2), ("2-", 2, length), ("-2", length - 2, length)] {
            let exchange = bodiless(context, "GET", &uri, &format!("{accept}Range: bytes={range}\r\n"))?.exchange;
            entry.saw(&exchange, 1, "request for a range");
            // Ignoring ranges is permitted.
            if exchange.answer.status != 206 {
                continue;
            }
            let expected = format!("bytes {from}-{}/{length}", to - 1);
            let seen = exchange.answer.header("content-range").unwrap_or("none");
            if seen != expected || exchange.answer.body != whole.answer.body[from..to] {
                let seen = format!("{seen} with {} bytes", exchange.answer.body.len());
                entry.fail(Finding::new(expected, seen).from(&whole).from(&exchange));
            }
        }
    }
    Ok(())
}
