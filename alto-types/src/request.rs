//! Decoding of request bodies into validated requests, or into the single error that the RFC prescribes.
//!
//! A generic deserialiser cannot do this: RFC 7285 §8.5.2 distinguishes a missing field, a field of the wrong type and an
//! array *element* of the wrong type (a *value* error), each with its path from the root. [`Fields`] keeps these apart,
//! and every request type decodes itself with it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::ProtocolError;
use crate::json::{self, Json};
use crate::media_type::Message;

/// A request body that can be decoded.
pub trait Request: Message + Sized {
    /// Decodes the members of the request; unknown members are ignored (RFC 7285 §8.3.7).
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError>;
}

/// Decodes a request body, or reports exactly one error (RFC 7285 §8.5.2).
pub fn decode_request<R: Request>(body: &[u8]) -> Result<R, ProtocolError> {
    match json::parse(body).map_err(|e| ProtocolError::Syntax(e.to_string()))? {
        Json::Object(object) => R::decode(Fields { path: String::new(), object: &object }),
        other => Err(ProtocolError::Syntax(format!("the body is {}: a JSON object is expected", kind(&other)))),
    }
}

/// The members of an object within a request, with the object's path.
pub struct Fields<'a> {
    path: String,
    object: &'a BTreeMap<Cow<'a, str>, Json<'a>>,
}

impl<'a> Fields<'a> {
    /// Returns the path of a member from the root of the request.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }

    /// Returns a member, or `None` if it is absent; JSON `null` is a value, not absence.
    fn optional(&self, name: &str) -> Option<&'a Json<'a>> {
        self.object.get(name)
    }

    fn required(&self, name: &str) -> Result<&'a Json<'a>, ProtocolError> {
        self.optional(name).ok_or_else(|| ProtocolError::MissingField(self.path(name)))
    }

    fn wrong_type(&self, name: &str) -> ProtocolError {
        ProtocolError::InvalidFieldType(self.path(name))
    }

    /// Returns a required object.
    pub fn object(&self, name: &str) -> Result<Fields<'a>, ProtocolError> {
        self.required(name).and_then(|value| self.as_object(name, value))
    }

    /// Returns an optional object.
    pub fn optional_object(&self, name: &str) -> Result<Option<Fields<'a>>, ProtocolError> {
        self.optional(name).map(|value| self.as_object(name, value)).transpose()
    }

    /// Returns the members of an optional object whose keys are data and whose values are objects, sorted by key.
    pub fn optional_entries(&self, name: &str) -> Result<Option<Vec<(&'a str, Fields<'a>)>>, ProtocolError> {
        let Some(entries) = self.optional_object(name)? else { return Ok(None) };
        let entry = |key: &'a Cow<'a, str>| Ok((&**key, entries.object(key)?));
        entries.object.keys().map(entry).collect::<Result<_, _>>().map(Some)
    }

    /// Returns an optional member as it is.
    pub fn value(&self, name: &str) -> Option<&'a Json<'a>> {
        self.optional(name)
    }

    /// Returns an optional string.
    pub fn optional_string(&self, name: &str) -> Result<Option<&'a str>, ProtocolError> {
        let text = |value: &'a Json<'a>| value.as_str().ok_or_else(|| self.wrong_type(name));
        self.optional(name).map(text).transpose()
    }

    /// Returns an optional boolean.
    pub fn optional_bool(&self, name: &str) -> Result<Option<bool>, ProtocolError> {
        let flag = |value: &Json<'_>| value.as_bool().ok_or_else(|| self.wrong_type(name));
        self.optional(name).map(flag).transpose()
    }

    /// Returns whether a member is present, with any value.
    pub fn has(&self, name: &str) -> bool {
        self.optional(name).is_some()
    }

    /// Returns whether the object has no members.
    pub fn is_empty(&self) -> bool {
        self.object.is_empty()
    }

    /// Returns an optional list of objects; the path of each is that of the list.
    pub fn optional_objects(&self, name: &str) -> Result<Option<Vec<Fields<'a>>>, ProtocolError> {
        let Some(value) = self.optional(name) else { return Ok(None) };
        let elements = value.as_array().ok_or_else(|| self.wrong_type(name))?;
        let object = |element: &'a Json<'a>| match element {
            Json::Object(object) => Ok(Fields { path: self.path(name), object }),
            other => Err(self.invalid(name, &other.to_string())),
        };
        elements.iter().map(object).collect::<Result<_, _>>().map(Some)
    }

    /// Returns an optional list of lists of strings.
    pub fn optional_string_lists(&self, name: &str) -> Result<Option<Vec<Vec<&'a str>>>, ProtocolError> {
        let Some(value) = self.optional(name) else { return Ok(None) };
        let elements = value.as_array().ok_or_else(|| self.wrong_type(name))?;
        let list = |element: &'a Json<'a>| match element {
            Json::Array(_) => self.as_strings(name, element),
            other => Err(self.invalid(name, &other.to_string())),
        };
        elements.iter().map(list).collect::<Result<_, _>>().map(Some)
    }

    fn as_object(&self, name: &str, value: &'a Json<'a>) -> Result<Fields<'a>, ProtocolError> {
        match value {
            Json::Object(object) => Ok(Fields { path: self.path(name), object }),
            _ => Err(self.wrong_type(name)),
        }
    }

    /// Returns a required string, parsed into a type.
    pub fn string<T: std::str::FromStr>(&self, name: &str) -> Result<T, ProtocolError> {
        let text = self.required(name)?.as_str().ok_or_else(|| self.wrong_type(name))?;
        text.parse().map_err(|_| self.invalid(name, text))
    }

    /// Returns a required list of strings.
    pub fn strings(&self, name: &str) -> Result<Vec<&'a str>, ProtocolError> {
        self.required(name).and_then(|value| self.as_strings(name, value))
    }

    /// Returns an optional list of strings, empty if it is absent.
    pub fn optional_strings(&self, name: &str) -> Result<Vec<&'a str>, ProtocolError> {
        self.optional(name).map_or(Ok(Vec::new()), |value| self.as_strings(name, value))
    }

    /// Returns an optional list of strings, where absence differs from an empty list.
    pub fn strings_if_present(&self, name: &str) -> Result<Option<Vec<&'a str>>, ProtocolError> {
        self.optional(name).map(|value| self.as_strings(name, value)).transpose()
    }

    fn as_strings(&self, name: &str, value: &'a Json<'a>) -> Result<Vec<&'a str>, ProtocolError> {
        let elements = value.as_array().ok_or_else(|| self.wrong_type(name))?;
        let text = |element: &'a Json<'a>| element.as_str().ok_or_else(|| self.invalid(name, &element.to_string()));
        elements.iter().map(text).collect()
    }

    /// Parses each element of a list; `E_INVALID_FIELD_VALUE` reports the first invalid element.
    pub fn parse_each<T: std::str::FromStr>(&self, name: &str, elements: &[&str]) -> Result<Vec<T>, ProtocolError> {
        elements.iter().map(|element| element.parse().map_err(|_| self.invalid(name, element))).collect()
    }

    /// Returns a required list that must not be empty; an empty one is a value error.
    pub fn non_empty_strings(&self, name: &str) -> Result<Vec<&'a str>, ProtocolError> {
        let elements = self.strings(name)?;
        if elements.is_empty() { Err(self.invalid(name, "[]")) } else { Ok(elements) }
    }

    /// Creates an `E_INVALID_FIELD_VALUE` error for a member of this object.
    pub fn invalid(&self, name: &str, value: &str) -> ProtocolError {
        ProtocolError::invalid_value(self.path(name), value)
    }
}

/// Names the type of a JSON value with its article.
fn kind(value: &Json<'_>) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
