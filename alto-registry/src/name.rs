//! Names that people give to peers and files, checked when they are made.

use std::sync::Arc;

use unicode_general_category::{GeneralCategory, get_general_category};

/// Display name of a peer: 1 to 64 bytes without control and invisible characters; not unique.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName(Box<str>);

/// Name of a file: 1 to 255 bytes without control and invisible characters and path separators; not unique. Cheap to
/// clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Arc<str>);

/// Reason why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text has no characters.
    #[error("is empty")]
    Empty,
    /// The text is too long.
    #[error("is {length} bytes long; the longest allowed is {maximum}")]
    TooLong {
        /// Length of the text, in bytes.
        length: usize,
        /// Greatest length allowed, in bytes.
        maximum: usize,
    },
    /// The text would disturb the terminal it is shown on.
    #[error("contains a control character")]
    ControlCharacter,
    /// The text would be shown in another order than it is read, or look like another text.
    #[error("contains the invisible character U+{:04X}; leave it out", u32::from(*.0))]
    InvisibleCharacter(char),
    /// The text is a path, or leads to another folder.
    #[error("is a path; give only its last part")]
    Path,
}

impl From<PeerName> for String {
    fn from(name: PeerName) -> Self {
        name.0.into()
    }
}

impl PeerName {
    /// Greatest length, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Checks a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check(text, Self::MAX_BYTES)?;
        Ok(Self(text.into()))
    }

    /// Text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FileName {
    /// Greatest length, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Checks a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check(text, Self::MAX_BYTES)?;
        if matches!(text, "." | "..") || text.contains(['/', '\\']) {
            return Err(NameError::Path);
        }
        Ok(Self(text.into()))
    }

    /// Text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str, maximum: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > maximum {
        return Err(NameError::TooLong { length: text.len(), maximum });
    }
    if text.chars().any(char::is_control) {
        return Err(NameError::ControlCharacter);
    }
    match text.chars().find(|character| is_invisible(*character)) {
        Some(invisible) => Err(NameError::InvisibleCharacter(invisible)),
        None => Ok(()),
    }
}

/// Tells whether a character reorders, joins or separates what is shown, but does not show itself: directions, joiners,
/// tags and line ends (the general categories Cf, Zl and Zp of Unicode).
fn is_invisible(character: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator};
    matches!(get_general_category(character), Format | LineSeparator | ParagraphSeparator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_printable_and_no_paths() {
        let (long, longer) = ("n".repeat(64), "n".repeat(255));
        assert!(PeerName::new(&long).is_ok() && FileName::new(&longer).is_ok() && PeerName::new("a/b").is_ok());
        let too_long = |length, maximum| Err(NameError::TooLong { length, maximum });
        assert_eq!(PeerName::new(&(long + "n")).map(drop), too_long(65, 64));
        assert_eq!(FileName::new(&(longer + "n")).map(drop), too_long(256, 255));
        assert_eq!(PeerName::new(""), Err(NameError::Empty));
        assert_eq!(FileName::new("a\u{7f}b"), Err(NameError::ControlCharacter));
        for (name, invisible) in [
            ("annexe\u{202e}fdp.exe", '\u{202e}'),
            ("a\u{200b}b", '\u{200b}'),
            ("a\u{2066}b", '\u{2066}'),
            ("\u{feff}a", '\u{feff}'),
            ("a\u{ad}b", '\u{ad}'),
            ("a\u{2028}b", '\u{2028}'),
            ("a\u{e0041}", '\u{e0041}'),
        ] {
            assert_eq!(FileName::new(name), Err(NameError::InvisibleCharacter(invisible)), "{name:?}");
            assert_eq!(PeerName::new(name), Err(NameError::InvisibleCharacter(invisible)), "{name:?}");
        }
        assert!(FileName::new("Überraschung – 映画.mkv").is_ok());
        for path in [".", "..", "../etc/passwd", "a\\b"] {
            assert_eq!(FileName::new(path), Err(NameError::Path), "{path}");
        }
    }
}
