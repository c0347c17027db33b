//! Request bodies, read member by member so that each fault has its place.

use std::collections::HashSet;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::error::AltoError;

/// An object of a request, with its path from the root.
pub(super) struct Object {
    path: String,
    members: Map<String, Value>,
}

/// A member of a request, with its path from the root.
pub(super) struct Member {
    pub(super) path: String,
    pub(super) value: Value,
}

impl Object {
    pub(super) fn parse(body: &[u8]) -> Result<Self, AltoError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self { path: String::new(), members }),
            Ok(_) => Err(AltoError::Syntax("the body is not an object".into())),
            Err(error) => Err(AltoError::Syntax(error.to_string())),
        }
    }

    pub(super) fn optional(&self, name: &str) -> Option<Member> {
        self.members.get(name).map(|value| Member { path: self.path_of(name), value: value.clone() })
    }

    pub(super) fn required(&self, name: &str) -> Result<Member, AltoError> {
        self.optional(name).ok_or_else(|| AltoError::MissingField(self.path_of(name)))
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }
}

impl Member {
    /// The elements of an array.
    pub(super) fn elements(&self) -> Result<&[Value], AltoError> {
        self.value.as_array().map(Vec::as_slice).ok_or_else(|| AltoError::InvalidFieldType(self.path.clone()))
    }

    pub(super) fn object(self) -> Result<Object, AltoError> {
        match self.value {
            Value::Object(members) => Ok(Object { path: self.path, members }),
            _ => Err(AltoError::InvalidFieldType(self.path)),
        }
    }

    pub(super) fn string(self) -> Result<String, AltoError> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => Err(AltoError::InvalidFieldType(self.path)),
        }
    }

    pub(super) fn strings(&self) -> Result<Vec<String>, AltoError> {
        let text = |element: &Value| element.as_str().map(str::to_owned).ok_or(AltoError::value(&self.path, element));
        self.elements()?.iter().map(text).collect()
    }

    /// Addresses with the spelling they came in; the first one where an address comes several times.
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

/// A typed address of §10.4.1.
pub fn parse_address(text: &str) -> Option<IpAddr> {
    match text.split_once(':')? {
        ("ipv4", address) => address.parse().ok().map(IpAddr::V4),
        ("ipv6", address) => address.parse().ok().map(IpAddr::V6),
        _ => None,
    }
}

/// An address as §10.4.1 writes it.
pub fn spell(address: IpAddr) -> String {
    format!("{}:{address}", if address.is_ipv4() { "ipv4" } else { "ipv6" })
}
