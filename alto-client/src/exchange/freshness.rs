//! Freshness of answers by their header fields, and validators for conditional requests (RFC 7285 §8.3.6, RFC 7234,
//! RFC 7232).

use std::time::{Duration, Instant, SystemTime};

use http::header::{
    AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, VARY,
};

/// Longest time for which an answer is used without validation, whatever the server allows.
const LONGEST: Duration = Duration::from_hours(24);

/// Reuse of an answer that its server allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// True if the answer may be stored at all.
    pub(crate) storable: bool,
    /// Time for which it may be used without validation; zero if it must be validated each time.
    pub(crate) lifetime: Duration,
    pub(crate) validators: Validators,
}

/// Header fields that identify the version of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Freshness {
    /// Reads the header fields of an answer that came at `now`.
    pub(crate) fn of(headers: &HeaderMap, now: SystemTime) -> Self {
        let directives = Directives::of(headers);
        let varies_by_all = values(headers, &VARY).any(|value| value.split(',').any(|name| name.trim() == "*"));
        let lifetime = if directives.no_cache || varies_by_all {
            Duration::ZERO
        } else {
            // What caches on the way kept it for is time that has passed (RFC 7234 §4.2.3).
            let age = values(headers, &AGE).next().and_then(seconds).unwrap_or_default();
            let lifetime = directives.max_age.or_else(|| expires(headers, now)).unwrap_or_default();
            lifetime.saturating_sub(age).min(LONGEST)
        };
        Self {
            storable: !directives.no_store,
            lifetime,
            validators: Validators {
                etag: headers.get(ETAG).cloned(),
                last_modified: headers.get(LAST_MODIFIED).cloned(),
            },
        }
    }

    /// Moment until which an answer that came at `now` may be used without validation.
    pub(crate) fn until(&self, now: Instant) -> Instant {
        now + self.lifetime
    }
}

impl Validators {
    /// True if a conditional request is impossible.
    pub(crate) fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// Header fields of a conditional request.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (HeaderName, &HeaderValue)> {
        let etag = self.etag.iter().map(|value| (IF_NONE_MATCH, value));
        etag.chain(self.last_modified.iter().map(|value| (IF_MODIFIED_SINCE, value)))
    }

    /// These validators, from a 304, or the earlier ones if it has none.
    pub(crate) fn or(self, earlier: &Self) -> Self {
        if self.is_empty() { earlier.clone() } else { self }
    }
}

/// Directives of `Cache-Control` that concern a private cache.
#[derive(Debug, Default)]
struct Directives {
    no_store: bool,
    no_cache: bool,
    max_age: Option<Duration>,
}

impl Directives {
    fn of(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for directive in values(headers, &CACHE_CONTROL).flat_map(|line| line.split(',')) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => directives.no_store = true,
                "no-cache" => directives.no_cache = true,
                // A value that is no number of seconds means "expired".
                "max-age" => directives.max_age = Some(seconds(value.trim().trim_matches('"')).unwrap_or_default()),
                _ => {}
            }
        }
        directives
    }
}

fn expires(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let expires = values(headers, &EXPIRES).next()?;
    let date = values(headers, &DATE).next().and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    // `Expires: 0` and the like mean "expired" (RFC 7234 §5.3).
    Some(httpdate::parse_http_date(expires).ok().and_then(|at| at.duration_since(date).ok()).unwrap_or_default())
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// Parses seconds, as in `Age` and `max-age`; a number too large for 64 bits is the largest.
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freshness(fields: &[(&str, &str)]) -> Freshness {
        let now = httpdate::parse_http_date("Thu, 01 Jan 2026 00:00:00 GMT").unwrap();
        let fields = fields.iter().map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        });
        Freshness::of(&fields.collect(), now)
    }

    #[test]
    fn lifetimes() {
        let later = ("expires", "Thu, 01 Jan 2026 00:01:00 GMT");
        for (fields, lifetime) in [
            (&[][..], 0),
            (&[("cache-control", "max-age=60")], 60),
            (&[("cache-control", "Private, Max-Age=\"60\"")], 60),
            (&[("cache-control", "max-age=60"), ("age", "25")], 35),
            (&[("cache-control", "max-age=60"), ("age", "61")], 0),
            (&[("cache-control", "max-age=60, no-cache")], 0),
            (&[("cache-control", "max-age=sixty"), later], 0),
            (&[("cache-control", "max-age=99999999999999999999999")], 86400),
            (&[("cache-control", "max-age=60"), ("vary", "Accept, *")], 0),
            (&[later], 60),
            (&[later, ("date", "Thu, 01 Jan 2026 00:00:59 GMT")], 1),
            (&[("expires", "0")], 0),
            (&[("cache-control", "max-age=5"), later], 5),
        ] {
            assert_eq!(freshness(fields).lifetime, Duration::from_secs(lifetime), "{fields:?}");
        }
    }

    #[test]
    fn no_store_is_not_stored() {
        assert!(!freshness(&[("cache-control", "no-store")]).storable);
        assert!(freshness(&[("cache-control", "private, no-cache")]).storable);
    }

    #[test]
    fn validators_make_a_conditional_request() {
        let date = "Thu, 01 Jan 2026 00:00:00 GMT";
        let both = freshness(&[("etag", "W/\"a\""), ("last-modified", date)]).validators;
        let fields: Vec<_> = both.fields().map(|(name, value)| (name, value.to_str().unwrap())).collect();
        assert_eq!(fields, [(IF_NONE_MATCH, "W/\"a\""), (IF_MODIFIED_SINCE, date)]);
        assert_eq!(Validators::default().or(&both), both);
    }
}
