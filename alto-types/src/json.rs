//! Strict JSON parsing: what `serde_json` accepts, except duplicate members and excessive nesting.
//!
//! Parsers disagree about the meaning of duplicate members (RFC 7159 §4), so these are rejected rather than resolved.
//! Nesting is bounded before anything else recurses over the value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use plain_words::syntax;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// Largest accepted nesting depth. Requests of RFC 7285 need 3; the rest leaves room for members of extensions, which
/// must be ignored.
pub const MAX_DEPTH: usize = 32;

/// A JSON value, whose strings are where they were read from if they have no escapes.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(BTreeMap<Cow<'a, str>, Self>),
}

/// A description of a syntax error in plain words, with line and column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SyntaxError(String);

/// Parses a single JSON value that spans all of `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Json<'_>, SyntaxError> {
    // A byte order mark before JSON may be ignored (RFC 8259 §8.1), and some programs write one.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        SyntaxError(format!("the body is not UTF-8: what begins at byte {} is no character", error.valid_up_to()))
    })?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| SyntaxError(syntax::describe(text, &error, "{}").about("the body")))
}

impl Json<'_> {
    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// Returns the truth of a boolean.
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(is_true) = self { Some(*is_true) } else { None }
    }

    /// Returns the elements of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }
}

impl From<&Json<'_>> for Value {
    fn from(json: &Json<'_>) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(is_true) => Self::Bool(*is_true),
            Json::Number(number) => Self::Number(number.clone()),
            Json::String(text) => Self::String(text.clone().into_owned()),
            Json::Array(elements) => Self::Array(elements.iter().map(Self::from).collect()),
            Json::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.clone().into_owned(), value.into())).collect())
            }
        }
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Value::from(self).fmt(f)
    }
}

/// A visitor that builds a [`Json`] and rejects duplicate members and excessive depth.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("is nested deeper than {MAX_DEPTH} levels, which no message needs")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json<'de>, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(seed)? {
            array.push(element);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut object = BTreeMap::new();
        while let Some(Name(name)) = members.next_key()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "member {name:?} appears twice in one object: remove one of them"
                )));
            }
            object.insert(name, members.next_value_seed(seed)?);
        }
        Ok(Json::Object(object))
    }
}

/// Name of a member. The implementation for [`Cow`] itself copies.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn syntax_errors_name_their_position() {
        for (body, says) in [
            (&b""[..], "empty"),
            (b" \r\n", "empty"),
            (b"{", "the body is not complete"),
            (b"{\"pids\":[],}", "line 1"),
            (b"{'pids':[]}", "line 1"),
            (b"{\"pids\":[NaN]}", "line 1"),
            (b"{} x", "line 1, column 4 of the body: is not JSON at \"x\": the text goes on after its end"),
            (b"{\"a\":\"\xff\"}", "the body is not UTF-8: what begins at byte 6"),
            (b"{\"a\":1,\n\"\\u0061\":2}", "line 2, column 8 of the body: member \"a\" appears twice in one object"),
            (b"<map/>", "the body is not JSON but XML or HTML: it begins with \"<map/>\""),
            (b"{\"pids\":[]} // all", "\"// all\" is a comment, and JSON has none"),
        ] {
            let error = parse(body).unwrap_err().to_string();
            assert!(error.contains(says), "{error:?} should say {says:?}");
            for word in ["expected", "trailing", "EOF", " at line ", "key must"] {
                assert!(!error.contains(word), "{error:?} has a word of the parser");
            }
        }
        assert!(parse(b"\xef\xbb\xbf{}").is_ok(), "a byte order mark");
    }

    #[test]
    fn strings_are_copied_only_for_their_escapes() {
        let Ok(Json::Object(members)) = parse(br#"{"a": ["plain", "esc\u0061ped"], "\u0062": {}}"#) else { panic!() };
        let borrowed = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
        assert_eq!(members.keys().map(borrowed).collect::<Vec<_>>(), [true, false]);
        let Some(elements) = members["a"].as_array() else { panic!() };
        assert!(matches!(&elements[0], Json::String(text) if borrowed(text)));
        assert_eq!(elements[1].as_str(), Some("escaped"));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn accepted_values_equal_those_of_serde_json(text in "[\\[\\]{}:,\"0-9a-e .truefalsn-]{0,40}") {
            if let Ok(value) = parse(text.as_bytes()) {
                prop_assert_eq!(Some(Value::from(&value)), serde_json::from_str(&text).ok());
            }
        }
    }
}
