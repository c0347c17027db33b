//! What users call a file: its ID, the beginning of its ID, or its name.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use alto_types::swarm::FileId;

/// Smallest number of digits that can stand for an ID.
const MIN_DIGITS: usize = 6;
/// Number of digits of a whole ID.
const ID_DIGITS: usize = 64;

/// A file as users refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// ID: the hash of its content.
    Id(FileId),
    /// Name that a holder gave it, or else the beginning of its ID; either has to be unique.
    Name(String),
}

/// The beginning of an ID, in at least six hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPrefix(String);

/// A text that is not the beginning of an ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the beginning of an ID has {MIN_DIGITS} to {} hexadecimal digits", ID_DIGITS - 1)]
pub struct NoIdPrefix;

impl IdPrefix {
    /// True if an ID begins like this.
    pub fn begins(&self, id: FileId) -> bool {
        id.to_string().starts_with(&self.0)
    }

    /// The last ID before all that begin like this; `None` if there is none.
    pub fn before(&self) -> Option<FileId> {
        let mut digits = self.0.clone().into_bytes();
        let last = digits.iter().rposition(|digit| *digit != b'0')?;
        digits[last] = match digits[last] {
            b'a' => b'9',
            digit => digit - 1,
        };
        digits[last + 1..].fill(b'f');
        digits.resize(ID_DIGITS, b'f');
        std::str::from_utf8(&digits).ok()?.parse().ok()
    }
}

impl FromStr for IdPrefix {
    type Err = NoIdPrefix;

    fn from_str(text: &str) -> Result<Self, NoIdPrefix> {
        let fits = (MIN_DIGITS..ID_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(NoIdPrefix) }
    }
}

impl FromStr for Wanted {
    type Err = Infallible;

    /// Takes a text with the form of an ID for one, and any other for a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_stands_for_all_ids_that_begin_like_it() {
        let before = |text: &str| text.parse::<IdPrefix>().unwrap().before().map(|id| id.to_string());
        assert_eq!(before("12ab00"), Some(format!("12aaff{}", "f".repeat(58))));
        assert_eq!(before("A00000"), Some(format!("9fffff{}", "f".repeat(58))));
        assert_eq!(before("000001"), Some(format!("000000{}", "f".repeat(58))));
        assert_eq!(before("000000"), None);
        let prefix: IdPrefix = "12AB00".parse().unwrap();
        assert!(prefix.begins(format!("12ab00{}", "0".repeat(58)).parse().unwrap()));
        assert!(!prefix.begins(format!("12ab01{}", "0".repeat(58)).parse().unwrap()));
        for wrong in ["12ab0", "movie.bin", "12ab0g", "", &"0".repeat(64)] {
            assert_eq!(wrong.parse::<IdPrefix>(), Err(NoIdPrefix), "{wrong}");
        }
    }
}
