//! Refusal of requests that are invalid by their head alone, before any route sees them.

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Version};

use super::HttpError;
use super::client_address::ForwardedError;

/// Longest request target, in bytes; RFC 9112 §3 recommends to support at least 8000.
const MAX_TARGET_BYTES: usize = 8192;

/// Lets a request pass, unless its head is invalid, or what a trusted proxy reports of its client cannot be read.
pub(super) fn admit(request: &Parts, unreadable: Option<&ForwardedError>) -> Result<(), HttpError> {
    inspect(request)?;
    unreadable.map_or(Ok(()), |error| Err(HttpError::BadRequest(error.to_string())))
}

/// Checks target, `Host` and `Transfer-Encoding`.
fn inspect(request: &Parts) -> Result<(), HttpError> {
    // CONNECT is for proxies.
    let Parts { uri, headers, .. } = request;
    if request.method == Method::CONNECT || uri.path().is_empty() {
        return Err(HttpError::MethodNotImplemented(request.method.clone()));
    }
    if uri.path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return Err(HttpError::TargetTooLong(MAX_TARGET_BYTES));
    }
    if uri.authority().is_some_and(has_userinfo) {
        return Err(HttpError::BadRequest("the authority of the request must not have user information".to_owned()));
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (None, _) => None,
        (Some(host), None) => Some(host.to_str().ok().filter(|host| is_host(host)).ok_or_else(bad_host)?),
        (Some(_), Some(_)) => return Err(bad_host()),
    };
    match request.version {
        // HTTP/1.1 requires exactly one valid Host (RFC 9112 §3.2).
        Version::HTTP_11 if host.is_none() => return Err(bad_host()),
        Version::HTTP_2 => check_authority(uri.authority(), host)?,
        _ => {}
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        // Who applied chunked twice, or meant to, disagrees with this server about the end of the body (RFC 9112 §6.1).
        (Some(_), Some(_)) => Err(bad_codings()),
        (Some(coding), None) => check_coding(coding.as_bytes()),
    }
}

/// Checks the authority of an HTTP/2 request, which must not differ from its `Host` (RFC 9113 §8.3.1).
fn check_authority(authority: Option<&Authority>, host: Option<&str>) -> Result<(), HttpError> {
    match (authority, host) {
        (None, None) => {
            Err(HttpError::BadRequest("the request must have :authority or Host (RFC 9113 §8.3.1)".to_owned()))
        }
        (Some(authority), Some(host)) if !authority.as_str().eq_ignore_ascii_case(host) => {
            Err(HttpError::BadRequest(":authority and Host must be equal (RFC 9113 §8.3.1)".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Checks a transfer coding; one that the server does not know is answered with 501 (RFC 9112 §6.1).
fn check_coding(codings: &[u8]) -> Result<(), HttpError> {
    let is_chunked = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
    match codings.split(|octet| *octet == b',').filter(|coding| is_chunked(coding)).count() {
        1 if is_chunked(codings) => Ok(()),
        0 | 1 => Err(HttpError::TransferCodingNotImplemented),
        _ => Err(bad_codings()),
    }
}

fn bad_codings() -> HttpError {
    HttpError::BadFraming("the request must have one Transfer-Encoding field, with chunked once".to_owned())
}

fn bad_host() -> HttpError {
    HttpError::BadRequest("the request must have exactly one valid Host field (RFC 9112 §3.2)".to_owned())
}

fn is_host(host: &str) -> bool {
    // Names and IPv4 addresses, as nearly all clients send them, need not be parsed.
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let is_port = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    if host.is_empty() || !name.is_empty() && name.bytes().all(is_plain) && is_port {
        return true;
    }
    host.parse::<Authority>().is_ok_and(|authority| !has_userinfo(&authority))
}

fn has_userinfo(authority: &Authority) -> bool {
    authority.as_str().contains('@')
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn status(version: Version, target: &str, fields: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().version(version).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        inspect(&request.body(()).unwrap().into_parts().0)
            .map_or_else(|error| error.into_response().status().as_u16(), |()| 200)
    }

    #[test]
    fn http2_requests_name_one_authority() {
        for (target, fields, expected) in [
            ("http://a/directory", &[][..], 200),
            ("http://a/directory", &[("host", "A")], 200),
            ("/directory", &[("host", "a")], 200),
            ("/directory", &[], 400),
            ("http://a/directory", &[("host", "b")], 400),
            ("http://a/directory", &[("host", "a"), ("host", "a")], 400),
            ("http://u@a/directory", &[], 400),
            ("/directory", &[("host", "u@a")], 400),
        ] {
            assert_eq!(status(Version::HTTP_2, target, fields), expected, "{target} {fields:?}");
        }
    }

    #[test]
    fn http1_requests_have_one_host_whatever_their_target() {
        for (target, fields, expected) in [
            ("/directory", &[("host", "a")][..], 200),
            ("/directory", &[("host", "")], 200),
            ("/directory", &[], 400),
            ("/directory", &[("host", "a"), ("host", "b")], 400),
            ("/directory", &[("host", "u@a")], 400),
            // The target decides, not Host (RFC 9112 §3.2.2).
            ("http://a/directory", &[("host", "b")], 200),
            ("http://u@a/directory", &[("host", "a")], 400),
        ] {
            assert_eq!(status(Version::HTTP_11, target, fields), expected, "{target} {fields:?}");
        }
        assert_eq!(status(Version::HTTP_10, "/directory", &[]), 200);
    }

    #[test]
    fn chunked_is_applied_once_or_refused() {
        for (codings, expected) in [
            (&["chunked"][..], 200),
            (&["Chunked "], 200),
            (&["gzip"], 501),
            (&["gzip, chunked"], 501),
            (&["chunked, chunked"], 400),
            (&["chunked", "chunked"], 400),
            (&["chunked", "identity"], 400),
        ] {
            let mut fields = vec![("host", "a")];
            fields.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            assert_eq!(status(Version::HTTP_11, "/directory", &fields), expected, "{codings:?}");
        }
    }

    #[test]
    fn a_long_target_is_refused_as_such() {
        let target = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert_eq!(status(Version::HTTP_11, &target(MAX_TARGET_BYTES), &[("host", "a")]), 200);
        assert_eq!(status(Version::HTTP_11, &target(MAX_TARGET_BYTES + 1), &[("host", "a")]), 414);
    }
}
