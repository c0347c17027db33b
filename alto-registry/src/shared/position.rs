//! Positions in the log.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Place after an entry: its number, and the hash of all entries up to it. Equal positions mean equal histories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    milliseconds: u64,
    count: u64,
    chain: String,
}

/// Greatest length of a hash, in digits.
const CHAIN: usize = 16;

impl Position {
    /// Reads the number of an entry, as Redis writes it.
    pub fn read(id: &[u8], chain: &[u8]) -> Option<Self> {
        let (milliseconds, count) = std::str::from_utf8(id).ok()?.split_once('-')?;
        if chain.len() > CHAIN || !chain.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let chain = std::str::from_utf8(chain).ok()?.to_owned();
        Some(Self { milliseconds: milliseconds.parse().ok()?, count: count.parse().ok()?, chain })
    }

    /// Reads a number with a hash behind it, as the key of the latest position has it.
    pub fn read_head(text: &[u8]) -> Option<Self> {
        let space = text.iter().position(|byte| *byte == b' ')?;
        Self::read(&text[..space], &text[space + 1..])
    }

    /// Milliseconds since 1970 and the number within, by which positions are ordered.
    pub fn order(&self) -> (u64, u64) {
        (self.milliseconds, self.count)
    }

    /// Number of the entry, as Redis writes it.
    pub(super) fn id(&self) -> String {
        format!("{}-{}", self.milliseconds, self.count)
    }

    /// Hash of all entries up to here; empty where there are none.
    pub(super) fn chain(&self) -> &str {
        &self.chain
    }

    /// Whether the place is this one or behind it.
    pub fn has_reached(&self, other: &Self) -> bool {
        (self.milliseconds, self.count) >= (other.milliseconds, other.count)
    }

    /// Time at which the entry was written, by the clock of the store.
    pub fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.milliseconds)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.count)?;
        if self.chain.is_empty() { Ok(()) } else { write!(f, "-{}", self.chain) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_ordered_by_number_and_told_apart_by_history() {
        let read = |text: &str| Position::read_head(text.as_bytes()).unwrap();
        let (first, second) = (read("1790000000000-9 ab"), read("1790000000000-10 cd"));
        assert!(second.has_reached(&first) && !first.has_reached(&second) && first.has_reached(&Position::default()));
        assert_ne!(first, read("1790000000000-9 ac"));
        assert_eq!((first.to_string(), first.id()), ("1790000000000-9-ab".to_owned(), "1790000000000-9".to_owned()));
        assert_eq!(Position::default().to_string(), "0-0");
        for wrong in ["", "1-2", "1 2", "a-b c", "1-2-3 c", "1-2 g", "1-2 00112233445566778"] {
            assert_eq!(Position::read_head(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
