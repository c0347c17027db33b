//! File names exchanged between peers: a single path component, never a path.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use alto_client::is_printable;

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
    /// The name would be shown in another order than it is read, or look like another name.
    #[error("{name:?} has the invisible character U+{:04X}, and registries refuse such names; rename the file", u32::from(*.character))]
    Invisible {
        /// The name.
        name: String,
        /// The first such character in it.
        character: char,
    },
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

    /// The name of a file that somebody else named: visible, and read as it is written. Leading dots, which would hide the
    /// file or make it a setting of a program, become underscores, and so do control characters and those that are not
    /// seen or reverse the direction of text. A path is refused.
    pub fn from_others(name: &str) -> Result<Self, NameError> {
        let dots = name.len() - name.trim_start_matches('.').len();
        let shown = name[dots..].chars().map(|c| if is_printable(c) { c } else { '_' });
        // An underscore is no longer than what it replaces.
        ("_".repeat(dots) + &shown.collect::<String>()).parse()
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

impl FromStr for FileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > MAX_NAME_BYTES {
            return Err(NameError::Length(cut(text, 40).to_owned(), text.len()));
        }
        if text == "." || text == ".." || text.chars().any(|c| matches!(c, '/' | '\\') || c.is_control()) {
            return Err(NameError::NotAName(text.to_owned()));
        }
        if let Some(character) = text.chars().find(|c| !is_printable(*c)) {
            return Err(NameError::Invisible { name: text.to_owned(), character });
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
        for hidden in ["photo\u{202e}gpj.exe", "a\u{200b}b", "a\u{2028}b", "\u{feff}a"] {
            let error = FileName::of_path(&Path::new("/a").join(hidden)).unwrap_err();
            assert!(matches!(error, NameError::Invisible { .. }), "{error}");
        }
    }

    #[test]
    fn a_name_given_by_others_is_visible() {
        let given = |name: &str| FileName::from_others(name).unwrap().to_string();
        assert_eq!(given(".bashrc"), "_bashrc");
        assert_eq!(given("...x"), "___x");
        assert_eq!(given("photo\u{202e}gpj.exe"), "photo_gpj.exe");
        assert_eq!(given("a\u{200b}\u{1b}[2J\nb\u{2066}"), "a__[2J_b_");
        assert_eq!(given("movie.bin"), "movie.bin");
        for path in ["../x", "/etc/passwd", "a\\b", ""] {
            assert!(FileName::from_others(path).is_err(), "{path:?}");
        }
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
        fn a_numbered_name_is_a_name(name in "[^/\\\\\\p{C}]{1,300}", number in 2..100_000_usize) {
            if let Ok(name) = name.parse::<FileName>() {
                let numbered = name.numbered(number);
                prop_assert_eq!(numbered.to_string().parse::<FileName>(), Ok(numbered.clone()));
                prop_assert_ne!(numbered, name);
            }
        }
    }
}
