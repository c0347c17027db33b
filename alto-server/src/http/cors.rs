//! Cross-origin requests of web pages (the CORS protocol of the Fetch standard), for the origins that the operator names.
//!
//! A page reads answers without credentials: neither cookies nor a browser's stored passwords are asked for. `/admin` is
//! never opened to pages.

use std::sync::Arc;

use http::Method;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, HeaderMap,
    HeaderValue, ORIGIN, VARY,
};

use super::head::Head;

/// Path below which no page may read anything.
const PRIVATE: &str = "/admin";
/// Fields of answers that pages may read beside the few that all may.
const EXPOSED: &str = "ETag, Retry-After, WWW-Authenticate, X-Request-Id";
/// Fields of requests that pages may send.
const ALLOWED: &str = "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match";
/// Time for which a browser may keep the answer to its question, in seconds.
const MAX_AGE: &str = "600";

/// Origins whose pages may read answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Arc<[HeaderValue]>);

/// Fields of an answer that tell web pages of other origins whether they may read it.
pub(super) struct CrossOrigin {
    /// True if pages of allowed origins may read answers of the path.
    is_open: bool,
    /// Value of `Access-Control-Allow-Origin`.
    allowed: Option<HeaderValue>,
    /// Whether the request asks what another one may have.
    asks: bool,
}

impl Origins {
    /// Takes origins such as `https://app.example`, or `*` for all pages.
    pub(crate) fn new(origins: &[String]) -> Self {
        Self(origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect())
    }

    /// Tells whether a text is an origin in the form in which browsers send it, or `*`.
    pub(crate) fn is_origin(text: &str) -> bool {
        let Some(authority) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
            return text == "*";
        };
        let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte);
        !authority.is_empty() && authority.bytes().all(is_legal)
    }

    /// Decides what the answer to a request tells.
    pub(super) fn decide(&self, head: &Head) -> CrossOrigin {
        let is_open = !self.0.is_empty() && !head.target.path().starts_with(PRIVATE);
        let allowed = head.headers.get(ORIGIN).filter(|_| is_open).and_then(|origin| self.allowed(origin));
        let asks = head.method == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        CrossOrigin { is_open, allowed, asks }
    }

    /// Value of `Access-Control-Allow-Origin` for pages of an origin, if they may read.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        self.0.iter().find(|allowed| *allowed == "*" || *allowed == origin).cloned()
    }
}

impl CrossOrigin {
    /// Adds the fields. An answer that depends on the origin must say so to caches, whatever it was for this one.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        let Self { is_open, allowed, asks } = self;
        if !is_open {
            return;
        }
        if allowed.as_ref().is_none_or(|origin| origin != "*") {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = allowed else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if !asks {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
            return;
        }
        if let Some(methods) = headers.get(ALLOW).cloned() {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send() {
        for good in ["*", "https://app.example", "http://localhost:3000", "http://[2001:db8::1]:80"] {
            assert!(Origins::is_origin(good), "{good}");
        }
        for bad in
            ["app.example", "https://", "https://app.example/", "https://App.example", "https://*.example", "null", ""]
        {
            assert!(!Origins::is_origin(bad), "{bad}");
        }
    }
}
