//! Client authentication, and the caching rules that follow from it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use http::HeaderValue;
use http::header::AUTHORIZATION;

use super::digest::Authenticator;
use super::nonce::Nonces;
use super::representation::copy;
use super::{Exchange, HttpError};
use crate::clock::Clock;

/// Access rules shared by every resource that clients read, which a reload may replace.
pub(crate) struct Access {
    rules: ArcSwap<Rules>,
    nonces: Arc<Nonces>,
    clock: Clock,
}

/// Rules in force.
struct Rules {
    /// Present if clients must authenticate.
    authenticator: Option<Authenticator>,
    cache_control: HeaderValue,
}

impl Access {
    /// Creates the rules. A `max_age` of zero makes caches revalidate every time.
    pub(crate) fn new(
        authenticator: Option<Authenticator>,
        max_age: Duration,
        nonces: Arc<Nonces>,
        clock: Clock,
    ) -> Self {
        Self { rules: ArcSwap::from_pointee(Rules::new(authenticator, max_age)), nonces, clock }
    }

    /// Replaces the rules, for the next request.
    pub(crate) fn replace(&self, authenticator: Option<Authenticator>, max_age: Duration) {
        self.rules.store(Arc::new(Rules::new(authenticator, max_age)));
    }

    /// Nonces of this server, which survive a change of users.
    pub(crate) fn nonces(&self) -> &Arc<Nonces> {
        &self.nonces
    }

    /// Verifies the credentials of a request, or returns the challenges to send (RFC 7285 §8.3.5).
    pub(crate) fn authenticate(&self, exchange: &Exchange) -> Result<(), HttpError> {
        let rules = self.rules.load();
        let Some(authenticator) = &rules.authenticator else { return Ok(()) };
        let authorization = exchange.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let target = exchange.target.to_string();
        // The target is absolute in HTTP/2 and in requests to proxies, but Digest signs only its path and query.
        let signed = exchange.target.path_and_query().map_or(target.as_str(), |p| p.as_str());
        let now = self.now();
        let user = authenticator.check(authorization, exchange.method.as_str(), signed, now).map_err(|denied| {
            // The first request of a client has no credentials, and one with an old nonce has the right ones.
            if authorization.is_some() && !denied.is_stale() {
                metrics::counter!("alto_authentication_failures_total", "for" => "clients").increment(1);
            }
            HttpError::Unauthorized {
                challenges: authenticator.challenges(&denied, now),
                detail: "this resource wants HTTP Digest authentication; see WWW-Authenticate for the algorithms"
                    .to_owned(),
            }
        })?;
        exchange.authenticated(&user);
        Ok(())
    }

    /// Whether clients must authenticate.
    pub(crate) fn is_restricted(&self) -> bool {
        self.rules.load().authenticator.is_some()
    }

    /// Value of `Cache-Control` for documents.
    pub(crate) fn cache_control(&self) -> HeaderValue {
        copy(&self.rules.load().cache_control)
    }

    /// Value of `Cache-Control` for what never changes and is available for a time.
    pub(crate) fn immutable(&self, available: Duration) -> HeaderValue {
        let scope = if self.is_restricted() { "private" } else { "public" };
        let value = format!("{scope}, max-age={}, immutable", available.as_secs());
        HeaderValue::try_from(value).expect("ASCII words and digits")
    }

    /// Time of day that answers are computed for.
    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }
}

impl Rules {
    fn new(authenticator: Option<Authenticator>, max_age: Duration) -> Self {
        // A shared cache must not give one user's answer to another.
        let scope = if authenticator.is_some() { "private" } else { "public" };
        let freshness = match max_age.as_secs() {
            0 => "no-cache".to_owned(),
            seconds => format!("max-age={seconds}"),
        };
        let cache_control = HeaderValue::try_from(format!("{scope}, {freshness}")).expect("ASCII words and digits");
        Self { authenticator, cache_control }
    }
}
