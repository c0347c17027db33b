//! Evaluation of conditional requests (RFC 9110 §13).

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};

/// Tells whether the representation is the one that the request demands (§13.1.1, §13.1.4); if not, the answer is 412.
pub(super) fn holds(headers: &HeaderMap, entity_tag: &str, last_modified: Option<SystemTime>) -> bool {
    // If-Match takes precedence over If-Unmodified-Since (§13.2.2). The comparison is strong, so a weak tag never matches.
    if headers.contains_key(IF_MATCH) {
        return tags(headers, IF_MATCH).any(|tag| tag == "*" || tag == entity_tag);
    }
    match (date(headers, &IF_UNMODIFIED_SINCE), last_modified) {
        (Some(since), Some(modified)) => modified <= since,
        _ => true,
    }
}

/// Tells whether the client's copy is current, so that the answer is 304.
pub(crate) fn is_current(headers: &HeaderMap, entity_tag: &str, last_modified: Option<SystemTime>) -> bool {
    // If-None-Match takes precedence over If-Modified-Since (§13.1.3).
    if headers.contains_key(IF_NONE_MATCH) {
        // The comparison is weak (§13.1.2).
        let is_same = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == entity_tag;
        return tags(headers, IF_NONE_MATCH).any(is_same);
    }
    let since = date(headers, &IF_MODIFIED_SINCE);
    matches!((since, last_modified), (Some(since), Some(modified)) if modified <= since)
}

/// Entity tags in a field. This server's tags contain no comma, so splitting at commas is enough.
fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let value = headers.get(name).and_then(|value| value.to_str().ok())?;
    httpdate::parse_http_date(value).ok()
}

/// Returns `Last-Modified` for content that changed at `since`; none during the second of the change.
///
/// The field has a resolution of a second. Another change in the same second would get the same value, and clients could
/// not tell the two apart.
pub(super) fn last_modified(since: SystemTime, now: SystemTime) -> Option<SystemTime> {
    let second = since.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let truncated = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    (now >= truncated + Duration::from_secs(1)).then_some(truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn entity_tags_are_compared_weakly() {
        for (value, current) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"x\", \"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            assert_eq!(is_current(&headers(IF_NONE_MATCH, value), "\"a\"", None), current, "{value}");
        }
    }

    #[test]
    fn demanded_entity_tags_are_compared_strongly() {
        for (value, held) in
            [("\"a\"", true), ("W/\"a\"", false), ("\"x\", \"a\"", true), ("*", true), ("\"b\"", false), ("", false)]
        {
            assert_eq!(holds(&headers(IF_MATCH, value), "\"a\"", None), held, "{value}");
        }
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let at = |offset: u64| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(offset));
        for (since, held) in [(1_700_000_000, true), (1_699_999_999, false)] {
            let headers = headers(IF_UNMODIFIED_SINCE, &at(since));
            assert_eq!(holds(&headers, "\"a\"", Some(modified)), held, "{since}");
        }
        assert!(holds(&HeaderMap::new(), "\"a\"", Some(modified)));
    }

    #[test]
    fn dates_count_once_their_second_has_passed() {
        let change = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        assert_eq!(last_modified(change, change + Duration::from_millis(100)), None);
        let modified = last_modified(change, change + Duration::from_secs(1));
        assert_eq!(modified, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)));
        let at = |offset: u64| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(offset));
        assert!(is_current(&headers(IF_MODIFIED_SINCE, &at(1_700_000_000)), "\"a\"", modified));
        assert!(!is_current(&headers(IF_MODIFIED_SINCE, &at(1_699_999_999)), "\"a\"", modified));
        assert!(!is_current(&headers(IF_MODIFIED_SINCE, "yesterday"), "\"a\"", modified));
    }
}
