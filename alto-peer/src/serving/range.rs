//! The `Range` field of requests (RFC 9110 §14): a single byte range is served; malformed and multiple ranges are ignored.

use std::ops::Range;

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};

/// The part of a content that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Requested {
    /// The whole content.
    Whole,
    /// These bytes; at least one.
    Part(Range<u64>),
    /// Bytes beyond the content: status 416.
    Unsatisfiable,
}

/// Determines the part that a request with these header fields is for. The content has `size` bytes and this entity tag.
pub(super) fn requested(headers: &HeaderMap, size: u64, entity_tag: &str) -> Requested {
    // A client that continues a download of other content wants all of this one (§13.1.5).
    if headers.get(IF_RANGE).is_some_and(|tag| tag.as_bytes() != entity_tag.as_bytes()) {
        return Requested::Whole;
    }
    let mut lines = headers.get_all(RANGE).iter();
    match (lines.next().and_then(|line| line.to_str().ok()), lines.next()) {
        (Some(line), None) => parse(line, size).unwrap_or(Requested::Whole),
        _ => Requested::Whole,
    }
}

/// Parses a single byte range; `None` for anything else.
fn parse(value: &str, size: u64) -> Option<Requested> {
    let (unit, range) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = (position(first)?, position(last)?);
    let range = match (first, last) {
        (None, None) => return None,
        (Some(first), Some(last)) if first > last => return None,
        (Some(first), last) => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
        (None, Some(0)) => return Some(Requested::Unsatisfiable),
        // An empty range cannot be expressed, so empty content is sent as a whole.
        (None, Some(_)) if size == 0 => return Some(Requested::Whole),
        (None, Some(length)) => size.saturating_sub(length)..size,
    };
    Some(if range.start < size { Requested::Part(range) } else { Requested::Unsatisfiable })
}

/// Parses a position of any length, or its absence. Numbers too large for a position count as beyond any content.
#[expect(clippy::option_option, reason = "malformed, absent and present are three cases")]
fn position(digits: &str) -> Option<Option<u64>> {
    if digits.is_empty() {
        return Some(None);
    }
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| Some(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(value: &str, size: u64) -> Requested {
        requested(&HeaderMap::from_iter([(RANGE, value.parse().unwrap())]), size, "\"x\"")
    }

    #[test]
    fn a_single_range_is_parsed() {
        assert_eq!(of("bytes=0-0", 10), Requested::Part(0..1));
        assert_eq!(of("bytes=2-5", 10), Requested::Part(2..6));
        assert_eq!(of("bytes=2-", 10), Requested::Part(2..10));
        assert_eq!(of("bytes=-3", 10), Requested::Part(7..10));
        assert_eq!(of("bytes=-30", 10), Requested::Part(0..10));
        assert_eq!(of("BYTES=5-99999999999999999999999", 10), Requested::Part(5..10));
    }

    #[test]
    fn a_range_beyond_the_content_is_unsatisfiable() {
        for value in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of(value, 10), Requested::Unsatisfiable, "{value}");
        }
        assert_eq!(of("bytes=0-", 0), Requested::Unsatisfiable);
        assert_eq!(of("bytes=-1", 0), Requested::Whole);
    }

    #[test]
    fn malformed_and_multiple_ranges_are_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=0-1,3-4",
            "lines=0-1",
            "0-1",
        ] {
            assert_eq!(of(value, 10), Requested::Whole, "{value}");
        }
        let twice = HeaderMap::from_iter([(RANGE, "bytes=0-1".parse().unwrap())]);
        let mut headers = twice.clone();
        headers.append(RANGE, "bytes=2-3".parse().unwrap());
        assert_eq!(requested(&headers, 10, "\"x\""), Requested::Whole);
    }

    #[test]
    fn a_range_of_other_content_is_ignored() {
        let mut headers = HeaderMap::from_iter([(RANGE, "bytes=0-1".parse().unwrap())]);
        headers.insert(IF_RANGE, "\"x\"".parse().unwrap());
        assert_eq!(requested(&headers, 10, "\"x\""), Requested::Part(0..2));
        headers.insert(IF_RANGE, "\"y\"".parse().unwrap());
        assert_eq!(requested(&headers, 10, "\"x\""), Requested::Whole);
    }

    proptest! {
        #[test]
        fn a_range_never_exceeds_the_content(value in "(bytes=)?[0-9]{0,21}-?[0-9]{0,21}[ -~]{0,2}", size in any::<u64>()) {
            if let Requested::Part(range) = of(&value, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
