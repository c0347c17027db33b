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

    /// Tests whether type, subtype and parameters have the form of RFC 9110 §8.3.1.
    pub(crate) fn is_well_formed(&self) -> bool {
        let token = |text: &str| {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            !text.is_empty() && text.bytes().all(legal)
        };
        let quoted = |text: &str| text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
        let essence = self.essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype));
        // A semicolon inside quotes does not occur in parameters of ALTO or of text, and would only be let pass.
        let mut parameters = self.parameters.iter().flat_map(|text| text.split(';')).map(str::trim);
        let parameter = |text: &str| {
            let part = text.split_once('=');
            text.is_empty()
                || text.contains('"')
                || part.is_some_and(|(name, value)| token(name) && (token(value) || quoted(value)))
        };
        essence && parameters.all(parameter)
    }

    /// Tests whether two media types are equal, ignoring case and parameters.
    pub fn is(&self, other: &str) -> bool {
        Self::read(other).essence == self.essence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_values() {
        for (value, valid) in [
            ("application/json", true),
            ("Text/Plain; charset=utf-8", true),
            ("text/plain;charset=\"utf-8\" ;", true),
            ("application/json; charset", false),
            ("application/json; =x", false),
            ("json", false),
            ("a/b c", false),
        ] {
            assert_eq!(MediaType::read(value).is_well_formed(), valid, "{value}");
        }
    }
}
