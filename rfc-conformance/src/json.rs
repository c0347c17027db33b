//! JSON parser that detects duplicate members and bounds nesting depth, and helpers for messages.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Maximum number of duplicates listed.
const MOST_DUPLICATES: usize = 20;

/// A parsed JSON document.
#[derive(Clone, Debug)]
pub struct Document {
    /// Value of the document; the last of duplicate members counts.
    pub value: Value,
    /// JSON pointers to duplicate members.
    pub duplicates: Vec<String>,
}

/// Syntax error in a JSON document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {0}")]
pub struct NotJson(pub String);

/// Parses a document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Document, NotJson> {
    let places = Places::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Seed(&places).deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    match value {
        Ok(value) => Ok(Document { value, duplicates: places.duplicates.into_inner() }),
        Err(error) => Err(NotJson(error.to_string())),
    }
}

/// Appends a step to a JSON pointer (RFC 6901).
pub(crate) fn pointer(base: &str, step: &str) -> String {
    format!("{base}/{}", step.replace('~', "~0").replace('/', "~1"))
}

/// Returns a value on one line, shortened.
pub(crate) fn brief(value: &Value) -> String {
    shorten(&value.to_string(), 200)
}

/// Shortens a text to a number of characters.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the JSON type of a value with its article.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Pointers to the duplicates found so far, relative to the value that is being read.
#[derive(Default)]
struct Places {
    duplicates: RefCell<Vec<String>>,
}

impl Places {
    fn note(&self, key: &str) {
        let mut duplicates = self.duplicates.borrow_mut();
        if duplicates.len() < MOST_DUPLICATES {
            duplicates.push(pointer("", key));
        }
    }

    /// Reads a value below a step. Steps are written down only for duplicates, which are rare.
    fn within<T>(&self, step: impl Fn() -> String, read: impl FnOnce() -> T) -> T {
        let before = self.duplicates.borrow().len();
        let value = read();
        for duplicate in self.duplicates.borrow_mut().iter_mut().skip(before) {
            *duplicate = pointer("", &step()) + duplicate;
        }
        value
    }
}

#[derive(Clone, Copy)]
struct Seed<'a>(&'a Places);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = self.0.within(|| array.len().to_string(), || elements.next_element_seed(self))? {
            array.push(element);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = self.0.within(|| key.clone(), || members.next_value_seed(self))?;
            read.push((key, value));
        }
        // Most objects are sorted, and so have no duplicates and are built at once.
        if !read.is_sorted_by(|(one, _), (next, _)| one < next) {
            let mut seen = HashSet::new();
            read.iter().filter(|(key, _)| !seen.insert(key)).for_each(|(key, _)| self.0.note(key));
        }
        let object: Map<String, Value> = read.into_iter().collect();
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_found_at_any_depth() {
        let document = parse(br#"{"a":{"b":[{},{"x/y":1,"x/y":2}],"b":0},"c":1,"\u0063":2}"#).unwrap();
        assert_eq!(document.duplicates, ["/a/b/1/x~1y", "/a/b", "/c"]);
        assert_eq!(document.value["a"]["b"], 0, "the last one counts");
        assert_eq!(document.value["c"], 2);
    }

    #[test]
    fn depth_is_bounded_and_trailing_data_is_rejected() {
        assert!(parse(&vec![b'['; 1_000_000]).is_err());
        assert!(parse(b"{} x").is_err());
        assert!(parse(b"\xef\xbb\xbf{}").is_err());
    }

    proptest::proptest! {
        #[test]
        fn values_equal_those_of_serde_json(text in r#"[\[\]{}",:a0-9.eE+-]{0,40}"#) {
            let ours = parse(text.as_bytes()).map(|document| document.value).ok();
            proptest::prop_assert_eq!(ours, serde_json::from_str::<Value>(&text).ok());
        }
    }
}
