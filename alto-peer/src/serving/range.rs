//! The `Range` of a request (RFC 9110 §14): one range of bytes; what is malformed or has several is ignored.

use std::ops::Range;

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};

/// Which part of a content is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Bytes that it does not have: 416.
    Nothing,
}

/// What these headers ask for, of a content of `size` bytes with this entity tag.
pub(super) fn asked(headers: &HeaderMap, size: u64, entity_tag: &str) -> Asked {
    // A client that continues another content wants all of this one (§13.1.5).
    if headers.get(IF_RANGE).is_some_and(|tag| tag.as_bytes() != entity_tag.as_bytes()) {
        return Asked::Whole;
    }
    let mut lines = headers.get_all(RANGE).iter();
    match (lines.next().and_then(|line| line.to_str().ok()), lines.next()) {
        (Some(line), None) => parse(line, size).unwrap_or(Asked::Whole),
        _ => Asked::Whole,
    }
}

/// Nothing where the value is not a single byte range.
fn parse(value: &str, size: u64) -> Option<Asked> {
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
        (None, Some(0)) => return Some(Asked::Nothing),
        // There is no way to say "no bytes of none", so an empty content is sent whole.
        (None, Some(_)) if size == 0 => return Some(Asked::Whole),
        (None, Some(length)) => size.saturating_sub(length)..size,
    };
    Some(if range.start < size { Asked::Part(range) } else { Asked::Nothing })
}

/// A number of any length, or none. Beyond any content is as good as very far.
#[expect(clippy::option_option, reason = "malformed, absent, and present are three things")]
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

    fn of(value: &str, size: u64) -> Asked {
        asked(&HeaderMap::from_iter([(RANGE, value.parse().unwrap())]), size, "\"x\"")
    }

    #[test]
    fn one_range() {
        assert_eq!(of("bytes=0-0", 10), Asked::Part(0..1));
        assert_eq!(of("bytes=2-5", 10), Asked::Part(2..6));
        assert_eq!(of("bytes=2-", 10), Asked::Part(2..10));
        assert_eq!(of("bytes=-3", 10), Asked::Part(7..10));
        assert_eq!(of("bytes=-30", 10), Asked::Part(0..10));
        assert_eq!(of("BYTES=5-99999999999999999999999", 10), Asked::Part(5..10));
    }

    #[test]
    fn what_is_not_there() {
        for value in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of(value, 10), Asked::Nothing, "{value}");
        }
        assert_eq!(of("bytes=0-", 0), Asked::Nothing);
        assert_eq!(of("bytes=-1", 0), Asked::Whole);
    }

    #[test]
    fn what_is_malformed_or_too_much_is_ignored() {
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
            assert_eq!(of(value, 10), Asked::Whole, "{value}");
        }
        let twice = HeaderMap::from_iter([(RANGE, "bytes=0-1".parse().unwrap())]);
        let mut headers = twice.clone();
        headers.append(RANGE, "bytes=2-3".parse().unwrap());
        assert_eq!(asked(&headers, 10, "\"x\""), Asked::Whole);
    }

    #[test]
    fn a_range_of_another_content_is_ignored() {
        let mut headers = HeaderMap::from_iter([(RANGE, "bytes=0-1".parse().unwrap())]);
        headers.insert(IF_RANGE, "\"x\"".parse().unwrap());
        assert_eq!(asked(&headers, 10, "\"x\""), Asked::Part(0..2));
        headers.insert(IF_RANGE, "\"y\"".parse().unwrap());
        assert_eq!(asked(&headers, 10, "\"x\""), Asked::Whole);
    }

    proptest! {
        #[test]
        fn never_beyond_the_content(value in "(bytes=)?[0-9]{0,21}-?[0-9]{0,21}[ -~]{0,2}", size in any::<u64>()) {
            if let Asked::Part(range) = of(&value, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
