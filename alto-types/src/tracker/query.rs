//! Query strings whose values are bytes rather than text, as those of BitTorrent clients are.

use std::borrow::Cow;

/// Greatest number of parameters that are read; further ones are ignored.
const MAX_PARAMETERS: usize = 128;

/// Query string with a `%` that two hexadecimal digits do not follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value of {0} has a % without two hexadecimal digits")]
pub struct QueryError(String);

/// Iterates over the parameters of a query string: names as they are written, values decoded.
///
/// A `+` stands for itself, because clients escape all bytes that are not safe.
pub fn parameters(query: &str) -> impl Iterator<Item = (&str, Result<Cow<'_, [u8]>, QueryError>)> {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty()).take(MAX_PARAMETERS);
    parameters.map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        (name, decode(value).ok_or_else(|| QueryError(name.chars().take(40).collect())))
    })
}

/// Decodes percent-escapes; `None` if one is malformed.
fn decode(value: &str) -> Option<Cow<'_, [u8]>> {
    if !value.contains('%') {
        return Some(Cow::Borrowed(value.as_bytes()));
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { digit(bytes.next()?)? << 4 | digit(bytes.next()?)? } else { byte });
    }
    Some(Cow::Owned(decoded))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Escapes all bytes but letters, digits and `-._~`.
pub fn escape(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 3), |escaped, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped + &char::from(*byte).to_string(),
        other => escaped + &format!("%{other:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_bytes_and_names_are_not_decoded() {
        let query = "info_hash=%00%fF+a&&left&x=%2&y=%zz&port=1";
        let read: Vec<_> = parameters(query).map(|(name, value)| (name, value.map(Cow::into_owned).ok())).collect();
        let expected = [
            ("info_hash", Some(b"\x00\xff+a".to_vec())),
            ("left", Some(Vec::new())),
            ("x", None),
            ("y", None),
            ("port", Some(b"1".to_vec())),
        ];
        assert_eq!(read, expected);
    }

    proptest! {
        #[test]
        fn escaped_bytes_are_read_back(bytes: Vec<u8>) {
            let query = format!("a={}", escape(&bytes));
            let (_, value) = parameters(&query).next().unwrap();
            prop_assert_eq!(value.unwrap().into_owned(), bytes);
        }

        #[test]
        fn any_query_is_read(query: String) {
            prop_assert!(parameters(&query).count() <= MAX_PARAMETERS);
        }
    }
}
