//! Decoding of answers by the media type they state, never by the one asked for (RFC 7285 §8.3.4.2).

use alto_types::error::ErrorMeta;
use alto_types::{MediaType, Message, ResourceId, VersionTag};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{AltoError, Error};
use crate::exchange::Answer;
use crate::printable::printable;

/// Decodes the message in an answer; an answer of any other kind becomes an error.
pub(crate) fn message<M: Message + DeserializeOwned>(answer: &Answer) -> Result<M, Error> {
    expect(answer, M::MEDIA_TYPE)?;
    json(answer)
}

/// Checks that an answer is a success of this media type.
pub(crate) fn expect(answer: &Answer, expected: MediaType) -> Result<(), Error> {
    let got = answer.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let got = got.as_deref().unwrap_or_default();
    // Some servers send errors with a status of success.
    if MediaType::ERROR.names(got) {
        return Err(alto_error(answer));
    }
    let (uri, status) = (answer.uri.to_string(), answer.status.as_u16());
    if !matches!(answer.status, StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION) {
        return Err(Error::Status { uri, status, detail: detail(got, &answer.body) });
    }
    if !expected.names(got) {
        return Err(Error::MediaType { uri, expected, got: printable(got) });
    }
    Ok(())
}

/// Decodes the body as JSON of some type; the error names the paths of what is wrong in the document.
pub(crate) fn json<T: DeserializeOwned>(answer: &Answer) -> Result<T, Error> {
    plain_words::parse(&answer.body, "{}").map_err(|faults| malformed(answer, &faults.to_string()))
}

/// Error for an answer that cannot be used.
pub(crate) fn malformed(answer: &Answer, reason: &str) -> Error {
    Error::Malformed { uri: answer.uri.to_string(), reason: printable(reason) }
}

/// Decodes an ALTO error as far as possible: one that is slightly malformed is still worth showing.
fn alto_error(answer: &Answer) -> Error {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| match body.get("meta").and_then(|meta| meta.get(name)) {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    let (uri, status) = (answer.uri.as_str(), answer.status.as_u16());
    match text("code") {
        Some(code) => {
            let meta =
                ErrorMeta { code, syntax_error: text("syntax-error"), field: text("field"), value: text("value") };
            Error::Alto(Box::new(AltoError::new(uri, status, meta)))
        }
        None if answer.status.is_success() => malformed(answer, "an ALTO error without code"),
        None => Error::Status { uri: uri.to_owned(), status, detail: "with an ALTO error that has no code".to_owned() },
    }
}

/// Text for people in the body of an error: plain text, or the detail of a problem document (RFC 9457).
fn detail(content_type: &str, body: &[u8]) -> String {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "text/plain" => printable(String::from_utf8_lossy(body).trim()),
        "application/problem+json" => {
            let problem: Value = serde_json::from_slice(body).unwrap_or_default();
            let says = problem.get("detail").or_else(|| problem.get("title")).and_then(Value::as_str);
            printable(says.unwrap_or_default())
        }
        _ => String::new(),
    }
}

/// Version of this network map that an answer depends on.
pub(crate) fn depends_on(
    answer: &Answer,
    tags: Vec<VersionTag>,
    network_map: &ResourceId,
) -> Result<VersionTag, Error> {
    let tag = tags.into_iter().find(|tag| tag.resource_id == *network_map);
    let missing = || format!("meta.dependent-vtags has no tag of the network map {network_map}");
    tag.ok_or_else(|| malformed(answer, &missing()))
}
