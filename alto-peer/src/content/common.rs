//! The pieces of a download that most others have as well, so that nobody waits to be told of them.

use std::sync::{Mutex, PoisonError};

use super::bitfield::Bitfield;

/// Pieces that were common when they arrived. They stay so, as no peer loses a piece.
#[derive(Debug)]
pub struct CommonPieces(Mutex<Bitfield>);

impl CommonPieces {
    /// None of this number of pieces.
    pub fn none_of(pieces: usize) -> Self {
        Self(Mutex::new(Bitfield::new(pieces)))
    }

    /// Adds a piece.
    pub fn add(&self, piece: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).set(piece);
    }

    /// True if all these pieces are common.
    pub fn include(&self, pieces: &[usize]) -> bool {
        let common = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.iter().all(|piece| common.get(*piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pieces_that_are_all_common_are_in_no_hurry() {
        let common = CommonPieces::none_of(8);
        assert!(!common.include(&[1]));
        common.add(1);
        common.add(3);
        assert!(common.include(&[1]) && common.include(&[3, 1]) && !common.include(&[1, 2]) && !common.include(&[9]));
    }
}
