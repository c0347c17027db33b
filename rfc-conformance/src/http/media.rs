//! Media types in header fields, compared without case and parameters (RFC 7231 §3.1.1.1).

/// A media type with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// Type and subtype in lower case, such as `text/plain`.
    pub essence: String,
    /// Text after the first semicolon, if any.
    pub parameters: Option<String>,
}

impl MediaType {
    /// Parses a field value.
    pub fn read(value: &str) -> Self {
        let (essence, parameters) = match value.split_once(';') {
            Some((essence, parameters)) => (essence, Some(parameters.trim().to_owned())),
            None => (value, None),
        };
        Self { essence: essence.trim().to_ascii_lowercase(), parameters }
    }

    /// Tests whether two media types are equal, ignoring case and parameters.
    pub fn is(&self, other: &str) -> bool {
        Self::read(other).essence == self.essence
    }
}
