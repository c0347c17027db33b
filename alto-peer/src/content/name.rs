//! Names of files, as peers tell them to each other: a name, never a path.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Longest name in bytes: what file systems take.
pub const MAX_NAME_BYTES: usize = 255;

/// A name that is safe to use within a folder: it leads nowhere else, and it can be printed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

/// A name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or more than a file system takes.
    #[error("a file name has 1 to {MAX_NAME_BYTES} bytes, and {0:?} has {1}")]
    Length(String, usize),
    /// Would lead out of the folder, or upset a terminal.
    #[error("{0:?} is not a file name: no slash or backslash, no control character, neither . nor .. is allowed")]
    NotAName(String),
    /// Not text.
    #[error("{0:?} is not UTF-8, and names are told to others as text; rename the file")]
    NotText(String),
}

impl FileName {
    /// The last part of a path.
    pub fn of_path(path: &Path) -> Result<Self, NameError> {
        let name = path.file_name().ok_or_else(|| NameError::NotAName(path.display().to_string()))?;
        name.to_str().ok_or_else(|| NameError::NotText(path.display().to_string()))?.parse()
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether listings leave it out, and so does sharing a folder.
    pub fn is_hidden(&self) -> bool {
        self.0.starts_with('.')
    }

    /// `NAME (2)`, `NAME (3)`..., with the number before the extension. Cut where it would be too long.
    #[must_use]
    pub fn numbered(&self, number: usize) -> Self {
        let (stem, extension) = match self.0.rfind('.') {
            Some(dot) if dot > 0 => self.0.split_at(dot),
            _ => (self.0.as_str(), ""),
        };
        let number = format!(" ({number})");
        // An extension that fills the name is none.
        let (stem, extension) =
            if extension.len() + number.len() < MAX_NAME_BYTES { (stem, extension) } else { (self.0.as_str(), "") };
        let stem = cut(stem, MAX_NAME_BYTES - extension.len() - number.len());
        Self(format!("{stem}{number}{extension}"))
    }
}

/// The longest beginning of a text with at most `bytes` bytes.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

impl FromStr for FileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > MAX_NAME_BYTES {
            return Err(NameError::Length(cut(text, 40).to_owned(), text.len()));
        }
        if text == "." || text == ".." || text.chars().any(|c| matches!(c, '/' | '\\') || c.is_control()) {
            return Err(NameError::NotAName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_no_paths() {
        for good in ["movie.bin", "a", "..a", "a b", "Überraschung", &"x".repeat(255)] {
            assert_eq!(good.parse::<FileName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "/etc/passwd", "../x", "a/b", "a\\b", "a\0b", "a\nb", "\u{1b}[2J", &"x".repeat(256)]
        {
            assert!(bad.parse::<FileName>().is_err(), "{bad:?}");
        }
        assert_eq!(FileName::of_path(Path::new("/a/b.c")).unwrap().as_str(), "b.c");
        assert!(FileName::of_path(Path::new("/")).is_err());
        assert!(FileName::of_path(Path::new("a/..")).is_err());
    }

    #[test]
    fn numbers_go_before_the_extension() {
        let numbered = |name: &str| name.parse::<FileName>().unwrap().numbered(2).to_string();
        assert_eq!(numbered("movie.bin"), "movie (2).bin");
        assert_eq!(numbered("movie"), "movie (2)");
        assert_eq!(numbered(".hidden"), ".hidden (2)");
    }

    proptest! {
        #[test]
        fn a_numbered_name_is_a_name(name in "[^/\\\\\\p{Cc}]{1,300}", number in 2..100_000_usize) {
            if let Ok(name) = name.parse::<FileName>() {
                let numbered = name.numbered(number);
                prop_assert_eq!(numbered.to_string().parse::<FileName>(), Ok(numbered.clone()));
                prop_assert_ne!(numbered, name);
            }
        }
    }
}
