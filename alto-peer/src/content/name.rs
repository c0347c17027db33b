//! File names exchanged between peers: a single path component, never a path.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Maximum length of a name in bytes, as in file systems.
pub const MAX_NAME_BYTES: usize = 255;

/// A file name that stays within a folder and is safe to print.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

/// An invalid file name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty or too long.
    #[error("{0:?} has {1} bytes, and a file name has 1 to {MAX_NAME_BYTES}")]
    Length(String, usize),
    /// The name would lead out of the folder, or contains control characters.
    #[error("{0:?} is not a file name: slashes, backslashes, control characters, . and .. are not allowed")]
    NotAName(String),
    /// The name is not UTF-8.
    #[error("{0:?} is not valid UTF-8, as names of shared files have to be; rename the file")]
    NotText(String),
}

impl FileName {
    /// The last component of a path.
    pub fn of_path(path: &Path) -> Result<Self, NameError> {
        let name = path.file_name().ok_or_else(|| NameError::NotAName(path.display().to_string()))?;
        name.to_str().ok_or_else(|| NameError::NotText(path.display().to_string()))?.parse()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the file is hidden, and left out when a folder is shared.
    pub fn is_hidden(&self) -> bool {
        self.0.starts_with('.')
    }

    /// The name as it may be given to a file that somebody else named: visible, and read as it is written. Leading dots,
    /// which would hide the file or make it a setting of a program, become underscores, and so do characters that are
    /// not seen or reverse the direction of text (Unicode category Cf).
    #[must_use]
    pub fn from_others(&self) -> Self {
        let dots = self.0.len() - self.0.trim_start_matches('.').len();
        let shown = self.0[dots..].chars().map(|c| if is_format(c) { '_' } else { c });
        // An underscore is no longer than what it replaces.
        Self("_".repeat(dots) + &shown.collect::<String>())
    }

    /// The name with a number before the extension, as in `NAME (2)`; shortened where it would be too long.
    #[must_use]
    pub fn numbered(&self, number: usize) -> Self {
        let (stem, extension) = match self.0.rfind('.') {
            Some(dot) if dot > 0 => self.0.split_at(dot),
            _ => (self.0.as_str(), ""),
        };
        let number = format!(" ({number})");
        // An extension that leaves no room for a stem counts as part of the stem.
        let (stem, extension) =
            if extension.len() + number.len() < MAX_NAME_BYTES { (stem, extension) } else { (self.0.as_str(), "") };
        let stem = cut(stem, MAX_NAME_BYTES - extension.len() - number.len());
        Self(format!("{stem}{number}{extension}"))
    }
}

/// The longest prefix of a text with at most `bytes` bytes.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// True for characters that are not seen or reverse the direction of text: those of category Cf in use in names.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
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
    fn a_path_is_not_a_name() {
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
    fn a_name_given_by_others_is_visible() {
        let given = |name: &str| name.parse::<FileName>().unwrap().from_others().to_string();
        assert_eq!(given(".bashrc"), "_bashrc");
        assert_eq!(given("...x"), "___x");
        assert_eq!(given("photo\u{202e}gpj.exe"), "photo_gpj.exe");
        assert_eq!(given("movie.bin"), "movie.bin");
    }

    #[test]
    fn the_number_goes_before_the_extension() {
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
