//! The copies of each piece that this peer has sent, so that a client that leaves the choice to it gets what the fewest
//! others got. A peer that is the only one with the whole file sends every piece once before it sends any twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use alto_types::swarm::FileId;

use crate::content::Bitfield;

/// Number of uploads of each piece of each file that was asked for.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<HashMap<FileId, Vec<u32>>>);

impl Copies {
    /// Chooses one of the pieces that are wanted and there, the first of those sent the fewest times, and counts it.
    pub(super) fn choose(&self, file: FileId, wanted: &Bitfield, have: &Bitfield) -> Option<usize> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let copies = files.entry(file).or_insert_with(|| vec![0; have.len()]);
        let there = wanted.iter().filter(|piece| have.get(*piece));
        let piece = there.min_by_key(|piece| copies.get(*piece).copied().unwrap_or(u32::MAX))?;
        count(copies, piece);
        Some(piece)
    }

    /// Counts a piece that the client has chosen.
    pub(super) fn sent(&self, file: FileId, piece: usize, pieces: usize) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count(files.entry(file).or_insert_with(|| vec![0; pieces]), piece);
    }
}

fn count(copies: &mut [u32], piece: usize) {
    if let Some(count) = copies.get_mut(piece) {
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_sent_once_before_any_is_sent_twice() {
        let (copies, file, all) = (Copies::default(), FileId::from_digest([1; 32]), Bitfield::full(8));
        copies.sent(file, 2, 8);
        let first: Vec<_> = (0..7).filter_map(|_| copies.choose(file, &all, &all)).collect();
        assert_eq!(first, [0, 1, 3, 4, 5, 6, 7]);
        assert_eq!(copies.choose(file, &all, &all), Some(0));
        assert_eq!(copies.choose(FileId::from_digest([2; 32]), &all, &all), Some(0), "another file");
    }

    #[test]
    fn only_what_is_wanted_and_there_is_chosen() {
        let (copies, file) = (Copies::default(), FileId::from_digest([1; 32]));
        let field = |hex: &str| Bitfield::from_hex(8, hex).unwrap();
        assert_eq!(copies.choose(file, &field("06"), &field("0c")), Some(5));
        assert_eq!(copies.choose(file, &field("03"), &field("0c")), None);
    }
}
