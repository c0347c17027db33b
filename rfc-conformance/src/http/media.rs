//! Media types as they stand in header fields: compared without case, parameters apart (RFC 7231 §3.1.1.1).

/// A media type of a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// `type/subtype` in lower case.
    pub essence: String,
    /// Everything after the first semicolon, if any.
    pub parameters: Option<String>,
}

impl MediaType {
    /// Reads a field value.
    pub fn read(value: &str) -> Self {
        let (essence, parameters) = match value.split_once(';') {
            Some((essence, parameters)) => (essence, Some(parameters.trim().to_owned())),
            None => (value, None),
        };
        Self { essence: essence.trim().to_ascii_lowercase(), parameters }
    }

    /// Whether two types are the same, whatever the spelling and the parameters.
    pub fn is(&self, other: &str) -> bool {
        Self::read(other).essence == self.essence
    }
}
