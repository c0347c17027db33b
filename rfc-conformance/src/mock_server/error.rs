//! ALTO protocol errors (RFC 7285 §8.5).

use serde_json::{Map, Value, json};

/// Error in a request body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.code())]
pub enum AltoError {
    /// The body is not a JSON object.
    Syntax(String),
    /// A required member is absent; holds its path from the root.
    MissingField(String),
    /// A member has the wrong JSON type; holds its path from the root.
    InvalidFieldType(String),
    /// A member or an array element has an invalid value.
    InvalidFieldValue {
        /// Path of the member or the array, from the root.
        field: String,
        /// The invalid value.
        value: String,
    },
}

impl AltoError {
    /// Creates an error for an invalid value; anything but a string is written as JSON text.
    pub fn value(field: impl Into<String>, value: &Value) -> Self {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self::InvalidFieldValue { field: field.into(), value }
    }

    /// Returns the error code of RFC 7285 §8.5.2.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "E_SYNTAX",
            Self::MissingField(_) => "E_MISSING_FIELD",
            Self::InvalidFieldType(_) => "E_INVALID_FIELD_TYPE",
            Self::InvalidFieldValue { .. } => "E_INVALID_FIELD_VALUE",
        }
    }

    /// Returns the error as an ALTO message.
    pub fn to_json(&self) -> Value {
        let mut meta = Map::new();
        meta.insert("code".into(), self.code().into());
        match self {
            Self::Syntax(text) => {
                meta.insert("syntax-error".into(), text.as_str().into());
            }
            Self::MissingField(field) | Self::InvalidFieldType(field) => {
                meta.insert("field".into(), field.as_str().into());
            }
            Self::InvalidFieldValue { field, value } => {
                meta.insert("field".into(), field.as_str().into());
                meta.insert("value".into(), value.as_str().into());
            }
        }
        json!({ "meta": meta })
    }
}
