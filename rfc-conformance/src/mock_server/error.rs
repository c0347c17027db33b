//! ALTO errors (RFC 7285 §8.5).

use serde_json::{Map, Value, json};

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.code())]
pub enum AltoError {
    /// The body is not JSON, or not an object.
    Syntax(String),
    /// A member is absent, named by its path from the root.
    MissingField(String),
    /// A member has the wrong JSON type.
    InvalidFieldType(String),
    /// A member or an element of an array has a wrong value.
    InvalidFieldValue {
        /// The path of the member or of the array.
        field: String,
        /// The offending value.
        value: String,
    },
}

impl AltoError {
    /// A wrong value; what is not a string is written as JSON text.
    pub fn value(field: impl Into<String>, value: &Value) -> Self {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self::InvalidFieldValue { field: field.into(), value }
    }

    /// The code of §8.5.2.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "E_SYNTAX",
            Self::MissingField(_) => "E_MISSING_FIELD",
            Self::InvalidFieldType(_) => "E_INVALID_FIELD_TYPE",
            Self::InvalidFieldValue { .. } => "E_INVALID_FIELD_VALUE",
        }
    }

    /// The error message.
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
