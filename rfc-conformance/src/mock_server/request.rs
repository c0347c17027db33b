//! Access to request bodies member by member, so that each error names the member it is in.

use std::collections::HashSet;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::error::AltoError;

/// JSON object in a request body, with its path from the root.
pub(super) struct Object {
    path: String,
    members: Map<String, Value>,
}

/// Member of a JSON object in a request body, with its path from the root.
pub(super) struct Member {
    pub(super) path: String,
    pub(super) value: Value,
}

impl Object {
    /// Parses a request body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, AltoError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self { path: String::new(), members }),
            Ok(_) => Err(AltoError::Syntax("the body is not a JSON object".into())),
            Err(error) => Err(AltoError::Syntax(error.to_string())),
        }
    }

    /// Returns a member, if it is present.
    pub(super) fn optional(&self, name: &str) -> Option<Member> {
        self.members.get(name).map(|value| Member { path: self.path_of(name), value: value.clone() })
    }

    /// Returns a member that must be present.
    pub(super) fn required(&self, name: &str) -> Result<Member, AltoError> {
        self.optional(name).ok_or_else(|| AltoError::MissingField(self.path_of(name)))
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }
}

impl Member {
    /// Returns the elements of an array.
    pub(super) fn elements(&self) -> Result<&[Value], AltoError> {
        self.value.as_array().map(Vec::as_slice).ok_or_else(|| AltoError::InvalidFieldType(self.path.clone()))
    }

    /// Returns the value as an object.
    pub(super) fn object(self) -> Result<Object, AltoError> {
        match self.value {
            Value::Object(members) => Ok(Object { path: self.path, members }),
            _ => Err(AltoError::InvalidFieldType(self.path)),
        }
    }

    /// Returns the value as a string.
    pub(super) fn string(self) -> Result<String, AltoError> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => Err(AltoError::InvalidFieldType(self.path)),
        }
    }

    /// Returns the elements of an array of strings.
    pub(super) fn strings(&self) -> Result<Vec<String>, AltoError> {
        let text = |element: &Value| element.as_str().map(str::to_owned).ok_or(AltoError::value(&self.path, element));
        self.elements()?.iter().map(text).collect()
    }

    /// Returns the distinct addresses of an array, each as it is spelled first.
    pub(super) fn addresses(&self) -> Result<Vec<(IpAddr, String)>, AltoError> {
        let mut list: Vec<(IpAddr, String)> = Vec::new();
        let mut seen = HashSet::new();
        for text in self.strings()? {
            let address = parse_address(&text).ok_or_else(|| AltoError::value(&self.path, &json!(text)))?;
            if seen.insert(address) {
                list.push((address, text));
            }
        }
        Ok(list)
    }
}

/// Parses a typed address (RFC 7285 §10.4.1).
pub fn parse_address(text: &str) -> Option<IpAddr> {
    match text.split_once(':')? {
        ("ipv4", address) => address.parse().ok().map(IpAddr::V4),
        ("ipv6", address) => address.parse().ok().map(IpAddr::V6),
        _ => None,
    }
}

/// Formats an address as a typed address (RFC 7285 §10.4.1).
pub fn spell(address: IpAddr) -> String {
    format!("{}:{address}", if address.is_ipv4() { "ipv4" } else { "ipv6" })
}
