//! Client authentication, and the caching rules that follow from it.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::header::AUTHORIZATION;

use super::digest::Authenticator;
use super::{Exchange, HttpError};
use crate::clock::Clock;

/// Access rules shared by every resource that clients read.
pub(crate) struct Access {
    /// Present if clients must authenticate.
    authenticator: Option<Authenticator>,
    cache_control: HeaderValue,
    clock: Clock,
}

impl Access {
    /// Creates the rules. A `max_age` of zero makes caches revalidate every time.
    pub(crate) fn new(authenticator: Option<Authenticator>, max_age: Duration, clock: Clock) -> Self {
        // A shared cache must not give one user's answer to another.
        let scope = if authenticator.is_some() { "private" } else { "public" };
        let freshness = match max_age.as_secs() {
            0 => "no-cache".to_owned(),
            seconds => format!("max-age={seconds}"),
        };
        let cache_control = HeaderValue::try_from(format!("{scope}, {freshness}")).expect("ASCII words and digits");
        Self { authenticator, cache_control, clock }
    }

    /// Verifies the credentials of a request, or returns the challenges to send (RFC 7285 §8.3.5).
    pub(crate) fn authenticate(&self, exchange: &Exchange) -> Result<(), HttpError> {
        let Some(authenticator) = &self.authenticator else { return Ok(()) };
        let authorization = exchange.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let target = exchange.target().map(ToString::to_string).unwrap_or_default();
        // The target is absolute in HTTP/2 and in requests to proxies, but Digest signs only its path and query.
        let signed =
            exchange.target().and_then(|target| target.path_and_query()).map_or(target.as_str(), |p| p.as_str());
        let now = self.now();
        authenticator
            .check(authorization, exchange.method.as_str(), signed, now)
            .map_err(|denied| HttpError::Unauthorized(authenticator.challenges(&denied, now)))
    }

    /// Value of `Cache-Control` for documents.
    pub(crate) fn cache_control(&self) -> HeaderValue {
        self.cache_control.clone()
    }

    /// Time of day that answers are computed for.
    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }
}
