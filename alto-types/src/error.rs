//! ALTO errors: the codes of RFC 7285 §8.5.2 and the message that carries one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::media_type::{MediaType, Message};

/// Longest text of an offending value that is echoed in an error; a longer one is left out.
const MAX_ECHO: usize = 1024;

/// The error codes of RFC 7285 §8.5.2 Table 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The body cannot be parsed.
    Syntax,
    /// A required field is absent.
    MissingField,
    /// A field has the wrong JSON type.
    InvalidFieldType,
    /// A field has the right type and a wrong value, or an array has an element of the wrong type.
    InvalidFieldValue,
}

/// One fault of one request (RFC 7285 §8.5.2): exactly one is reported however many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// `E_SYNTAX`, with a sentence that says where and what.
    Syntax(String),
    /// `E_MISSING_FIELD`, with the path of the field from the root of the request.
    MissingField(String),
    /// `E_INVALID_FIELD_TYPE`, with the path of the field.
    InvalidFieldType(String),
    /// `E_INVALID_FIELD_VALUE`, with the path of the field (for an array element: of the array) and its value as text.
    InvalidFieldValue {
        /// Path of the field, members joined by `/`.
        field: String,
        /// The offending value; left out where its text would be unreasonably long.
        value: Option<String>,
    },
}

/// The message of type `application/alto-error+json` (RFC 7285 §8.5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// Everything there is: an error has no data member.
    pub meta: ErrorMeta,
}

/// The `meta` of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ErrorMeta {
    /// The code as sent: a client must cope with codes it does not know (RFC 7285 §14.5).
    pub code: String,
    /// With `E_SYNTAX`: what is wrong, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syntax_error: Option<String>,
    /// The path of the offending field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The offending value, always a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A code that is not one of the four.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown ALTO error code {0:?}")]
pub struct UnknownErrorCode(String);

impl Message for ErrorMessage {
    const MEDIA_TYPE: MediaType = MediaType::ERROR;
}

impl ErrorCode {
    /// The code as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "E_SYNTAX",
            Self::MissingField => "E_MISSING_FIELD",
            Self::InvalidFieldType => "E_INVALID_FIELD_TYPE",
            Self::InvalidFieldValue => "E_INVALID_FIELD_VALUE",
        }
    }
}

impl FromStr for ErrorCode {
    type Err = UnknownErrorCode;

    fn from_str(code: &str) -> Result<Self, UnknownErrorCode> {
        match code {
            "E_SYNTAX" => Ok(Self::Syntax),
            "E_MISSING_FIELD" => Ok(Self::MissingField),
            "E_INVALID_FIELD_TYPE" => Ok(Self::InvalidFieldType),
            "E_INVALID_FIELD_VALUE" => Ok(Self::InvalidFieldValue),
            _ => Err(UnknownErrorCode(code.to_owned())),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ProtocolError {
    /// `E_INVALID_FIELD_VALUE` for `field` with a value that is known as text.
    pub fn invalid_value(field: impl Into<String>, value: impl Into<String>) -> Self {
        let value = Some(value.into()).filter(|value| value.len() <= MAX_ECHO);
        Self::InvalidFieldValue { field: field.into(), value }
    }

    /// The code of this fault.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Syntax(_) => ErrorCode::Syntax,
            Self::MissingField(_) => ErrorCode::MissingField,
            Self::InvalidFieldType(_) => ErrorCode::InvalidFieldType,
            Self::InvalidFieldValue { .. } => ErrorCode::InvalidFieldValue,
        }
    }

    /// The message that reports this fault.
    pub fn into_message(self) -> ErrorMessage {
        let code = self.code().as_str().to_owned();
        let (syntax_error, field, value) = match self {
            Self::Syntax(description) => (Some(description), None, None),
            Self::MissingField(field) | Self::InvalidFieldType(field) => (None, Some(field), None),
            Self::InvalidFieldValue { field, value } => (None, Some(field), value),
        };
        ErrorMessage { meta: ErrorMeta { code, syntax_error, field, value } }
    }
}

impl fmt::Display for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrorMeta { code, syntax_error, field, value } = &self.meta;
        f.write_str(code)?;
        if let Some(description) = syntax_error {
            write!(f, ": {description}")?;
        }
        if let Some(field) = field {
            write!(f, " in field {field}")?;
        }
        if let Some(value) = value {
            write!(f, ", value {value:?}")?;
        }
        Ok(())
    }
}
