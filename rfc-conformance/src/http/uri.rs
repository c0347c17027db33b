//! URIs: resolution, origins, and the parts that a request names.

use fluent_uri::{Uri, UriRef};

/// Resolves a URI reference against a base (RFC 3986 §5) and drops the fragment; `None` unless the result is http(s).
pub(crate) fn resolve(reference: &str, base: &str) -> Option<String> {
    let base = Uri::parse(base.split('#').next()?).ok()?;
    let resolved = UriRef::parse(reference).ok()?.resolve_against(&base).ok()?;
    let text = resolved.as_str().split('#').next()?.to_owned();
    (text.starts_with("http://") || text.starts_with("https://")).then_some(text)
}

/// Returns scheme, host and port of a URI: `http://example.com:80`.
pub(crate) fn origin_of(uri: &str) -> Option<String> {
    let uri = Uri::parse(uri).ok()?;
    let scheme = uri.scheme().as_str().to_ascii_lowercase();
    let authority = uri.authority()?;
    let default = if scheme == "https" { 443 } else { 80 };
    let port =
        if authority.port().is_some_and(|port| !port.is_empty()) { authority.port_to_u16().ok()?? } else { default };
    Some(format!("{scheme}://{}:{port}", authority.host().to_ascii_lowercase()))
}

/// Returns the value of the `Host` field for a URI.
pub(crate) fn host_and_port(uri: &str) -> String {
    let origin = origin_of(uri).unwrap_or_default();
    origin.split("//").nth(1).unwrap_or_default().to_owned()
}

/// Returns the request target of a URI: path and query.
pub(crate) fn request_target(uri: &str) -> Option<String> {
    let uri = Uri::parse(uri).ok()?;
    let path = uri.path().as_str();
    let path = if path.is_empty() { "/" } else { path };
    Some(uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{}", query.as_str())))
}

/// Returns the host of a URI as certificates name it: IPv6 addresses without brackets.
pub(super) fn host_of(uri: &str) -> Option<String> {
    let host = Uri::parse(uri).ok()?.authority().map(|authority| authority.host().to_owned()).unwrap_or_default();
    Some(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_against_the_directory_that_holds_them() {
        let base = "http://a.example/b/c/ird?x#y";
        let cases = [
            ("m", "http://a.example/b/c/m"),
            ("../m", "http://a.example/b/m"),
            ("/m", "http://a.example/m"),
            ("//b.example/m", "http://b.example/m"),
            ("?q", "http://a.example/b/c/ird?q"),
            ("", "http://a.example/b/c/ird?x"),
            ("https://c.example/#f", "https://c.example/"),
        ];
        for (reference, absolute) in cases {
            assert_eq!(resolve(reference, base).as_deref(), Some(absolute), "{reference}");
        }
        assert_eq!(resolve("mailto:a@b", base), None);
        assert_eq!(resolve("a b", base), None);
    }

    #[test]
    fn origins_always_have_a_port() {
        assert_eq!(origin_of("HTTP://A.example/x").as_deref(), Some("http://a.example:80"));
        assert_eq!(origin_of("https://[::1]:8443/x").as_deref(), Some("https://[::1]:8443"));
        assert_eq!(request_target("http://a?x=1").as_deref(), Some("/?x=1"));
    }
}
