//! Absolute `http` and `https` URIs, and the resolution of references against them (RFC 3986 §5, RFC 7285 §9.2.2).

use std::fmt;

use fluent_uri::{Uri, UriRef};

/// Longest URI accepted, in bytes.
const MAX_LENGTH: usize = 8192;

/// An absolute `http` or `https` URI with a host, without user information and fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HttpUri(Uri<String>);

/// Scheme, host and port, which credentials are bound to (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    https: bool,
    host: String,
    port: u16,
}

/// Reason why a string is no usable URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Longer than 8192 bytes.
    #[error("is longer than 8192 bytes, the most this client takes")]
    TooLong,
    /// Syntax that RFC 3986 does not allow.
    #[error("is not a URI (RFC 3986): write it as http://HOST/PATH")]
    Syntax,
    /// Scheme other than `http` and `https`.
    #[error("is not an http or https URI")]
    Scheme,
    /// Missing host, as in `http:///path`.
    #[error("names no host")]
    NoHost,
    /// Port above 65535.
    #[error("has a port above 65535")]
    Port,
    /// User name or password, as in `http://user:password@host/`, which would be shown and logged.
    #[error("has a user name in it: give credentials separately")]
    UserInfo,
}

impl HttpUri {
    /// Parses an absolute URI.
    pub(crate) fn parse(text: &str) -> Result<Self, UriError> {
        if text.len() > MAX_LENGTH {
            return Err(UriError::TooLong);
        }
        Self::checked(&Uri::parse(text).map_err(|_| UriError::Syntax)?)
    }

    /// Resolves a reference found in the document at this URI.
    pub(crate) fn resolve(&self, reference: &str) -> Result<Self, UriError> {
        if reference.len() > MAX_LENGTH {
            return Err(UriError::TooLong);
        }
        let reference = UriRef::parse(reference).map_err(|_| UriError::Syntax)?;
        let resolved = reference.resolve_against(&self.0).map_err(|_| UriError::Syntax)?;
        Self::checked(&resolved.borrow())
    }

    /// URI of what lies below the path of this one.
    pub(crate) fn below(&self, path: &str) -> Result<Self, UriError> {
        Self::parse(&format!("{}/{path}", self.as_str().trim_end_matches('/')))
    }

    fn checked(uri: &Uri<&str>) -> Result<Self, UriError> {
        if !["http", "https"].iter().any(|scheme| uri.scheme().as_str().eq_ignore_ascii_case(scheme)) {
            return Err(UriError::Scheme);
        }
        let authority = uri.authority().filter(|authority| !authority.host().is_empty()).ok_or(UriError::NoHost)?;
        if authority.has_userinfo() {
            return Err(UriError::UserInfo);
        }
        authority.port_to_u16().map_err(|_| UriError::Port)?;
        Ok(Self(uri.strip_fragment().to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme().as_str().eq_ignore_ascii_case("https")
    }

    pub(crate) fn origin(&self) -> Origin {
        let authority = self.0.authority();
        let port = authority.and_then(|authority| authority.port_to_u16().ok().flatten());
        Origin {
            https: self.is_https(),
            host: authority.map(|authority| authority.host().to_ascii_lowercase()).unwrap_or_default(),
            port: port.unwrap_or(if self.is_https() { 443 } else { 80 }),
        }
    }

    /// Host in lower case, an IPv6 address in brackets, and port.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let Origin { host, port, .. } = self.origin();
        (host, port)
    }

    /// True if this is the same host and the connection is as secure as before or more so.
    pub(crate) fn is_upgrade_of(&self, other: &Self) -> bool {
        self.is_https() && !other.is_https() && self.origin().host == other.origin().host
    }

    /// Normal form, equal for all spellings of one place.
    pub(crate) fn key(&self) -> String {
        let normal = self.0.normalize();
        let path = if normal.path().as_str().is_empty() { "/" } else { normal.path().as_str() };
        let query = normal.query().map(|query| format!("?{query}")).unwrap_or_default();
        let Origin { https, host, port } = self.origin();
        format!("{}://{host}:{port}{path}{query}", if https { "https" } else { "http" })
    }

    /// Path and query, as in a request line.
    pub(crate) fn target(&self) -> String {
        let path = if self.0.path().as_str().is_empty() { "/" } else { self.0.path().as_str() };
        match self.0.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }
}

impl fmt::Display for HttpUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_resolve_as_in_rfc_3986() {
        let base = HttpUri::parse("http://host:8080/a/b/ird?x=1").unwrap();
        for (reference, absolute) in [
            ("x", "http://host:8080/a/b/x"),
            ("./x", "http://host:8080/a/b/x"),
            ("../x", "http://host:8080/a/x"),
            ("../../../x", "http://host:8080/x"),
            ("/x", "http://host:8080/x"),
            ("//other/x", "http://other/x"),
            ("?q", "http://host:8080/a/b/ird?q"),
            ("", "http://host:8080/a/b/ird?x=1"),
            ("#part", "http://host:8080/a/b/ird?x=1"),
            ("https://other:1/y#f", "https://other:1/y"),
            ("HTTP://other/y", "HTTP://other/y"),
        ] {
            assert_eq!(base.resolve(reference).unwrap().as_str(), absolute, "{reference:?}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (text, error) in [
            ("directory", UriError::Syntax),
            ("ftp://host/", UriError::Scheme),
            ("http:/path", UriError::NoHost),
            ("http:///path", UriError::NoHost),
            ("http://user:secret@host/", UriError::UserInfo),
            ("http://host:99999/", UriError::Port),
            ("http://host/a b", UriError::Syntax),
        ] {
            assert_eq!(HttpUri::parse(text), Err(error), "{text}");
        }
        assert_eq!(HttpUri::parse(&format!("http://h/{}", "a".repeat(9000))), Err(UriError::TooLong));
    }

    #[test]
    fn spellings_of_one_place_have_one_key() {
        let key = |text| HttpUri::parse(text).unwrap().key();
        assert_eq!(key("http://Host"), key("HTTP://host:80/"));
        assert_eq!(key("https://h/%7euser"), key("https://h:443/~user"));
        assert_ne!(key("http://h/a"), key("https://h/a"));
        assert_ne!(key("http://h/a"), key("http://h/a?"));
    }

    proptest! {
        #[test]
        fn resolving_anything_never_panics(reference in ".{0,60}") {
            let base = HttpUri::parse("http://[::1]:8080/a/b/ird").unwrap();
            if let Ok(uri) = base.resolve(&reference) {
                prop_assert!(HttpUri::parse(uri.as_str()).is_ok());
                let _ = (uri.key(), uri.origin(), uri.target());
            }
        }
    }
}
