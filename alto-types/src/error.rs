//! ALTO protocol errors: the error codes of RFC 7285 §8.5.2 and the error message.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::media_type::{MediaType, Message};

/// Largest length of an offending value that an error repeats; longer values are left out.
const MAX_ECHO: usize = 1024;

/// An error code of RFC 7285 §8.5.2, Table 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Unparsable body.
    Syntax,
    /// Absent required field.
    MissingField,
    /// Field of the wrong JSON type.
    InvalidFieldType,
    /// Field of the right type with an invalid value, or array with an element of the wrong type.
    InvalidFieldValue,
}

/// The error of a request (RFC 7285 §8.5.2); only one is reported even if there are several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// `E_SYNTAX`, with a description that includes the position.
    Syntax(String),
    /// `E_MISSING_FIELD`, with the path of the field from the root of the request.
    MissingField(String),
    /// `E_INVALID_FIELD_TYPE`, with the path of the field.
    InvalidFieldType(String),
    /// `E_INVALID_FIELD_VALUE`, with the path of the field (for an array element: of the array) and its value as text.
    InvalidFieldValue {
        /// Path of the field, members joined by `/`.
        field: String,
        /// Offending value; `None` if its text would be too long.
        value: Option<String>,
    },
}

/// An error message, media type `application/alto-error+json` (RFC 7285 §8.5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// Content of the error; there is no data member.
    pub meta: ErrorMeta,
}

/// The `meta` member of an error message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ErrorMeta {
    /// Error code as received; clients must accept unknown codes (RFC 7285 §14.5).
    pub code: String,
    /// Description with position, for `E_SYNTAX` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syntax_error: Option<String>,
    /// Path of the offending field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Offending value as a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A text that is not one of the four error codes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown ALTO error code {0:?}")]
pub struct UnknownErrorCode(String);

impl Message for ErrorMessage {
    const MEDIA_TYPE: MediaType = MediaType::ERROR;
}

impl ErrorCode {
    /// Returns the code on the wire.
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
    /// Creates an `E_INVALID_FIELD_VALUE` error for a field and the text of its value.
    pub fn invalid_value(field: impl Into<String>, value: impl Into<String>) -> Self {
        let value = Some(value.into()).filter(|value| value.len() <= MAX_ECHO);
        Self::InvalidFieldValue { field: field.into(), value }
    }

    /// Moves the error to a member of a larger request: the paths of fields then begin there.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        let longer = |field: String| format!("{path}/{field}");
        match self {
            Self::Syntax(description) => Self::Syntax(description),
            Self::MissingField(field) => Self::MissingField(longer(field)),
            Self::InvalidFieldType(field) => Self::InvalidFieldType(longer(field)),
            Self::InvalidFieldValue { field, value } => Self::InvalidFieldValue { field: longer(field), value },
        }
    }

    /// Returns the error code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Syntax(_) => ErrorCode::Syntax,
            Self::MissingField(_) => ErrorCode::MissingField,
            Self::InvalidFieldType(_) => ErrorCode::InvalidFieldType,
            Self::InvalidFieldValue { .. } => ErrorCode::InvalidFieldValue,
        }
    }

    /// Converts the error into the message that reports it.
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
