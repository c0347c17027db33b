//! A set of the pieces of a file.

/// A set of piece numbers, with a fixed number of pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitfield {
    total: usize,
    present: usize,
    /// Bits of the pieces, with the first piece in the highest bit of the first byte, as on the wire.
    bytes: Vec<u8>,
}

/// A text that is not the bitfield of a file with the expected number of pieces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BitfieldError {
    /// The text has the wrong length.
    #[error("a bitfield of {pieces} pieces has {expected} hexadecimal digits, not {found}")]
    Length {
        /// Number of pieces of the file.
        pieces: usize,
        /// Expected number of digits.
        expected: usize,
        /// Number of digits found.
        found: usize,
    },
    /// A character is not a hexadecimal digit.
    #[error("a bitfield consists of hexadecimal digits")]
    Digit,
    /// Bits are set beyond the last piece.
    #[error("the bitfield has bits beyond the last of {0} pieces")]
    Beyond(usize),
}

impl Bitfield {
    /// An empty set, for a file of `count` pieces.
    pub fn new(count: usize) -> Self {
        Self { total: count, present: 0, bytes: vec![0; count.div_ceil(8)] }
    }

    /// The set of all `count` pieces.
    pub fn full(count: usize) -> Self {
        let mut bytes = vec![0xff; count.div_ceil(8)];
        if let (Some(last), spare @ 1..) = (bytes.last_mut(), count.next_multiple_of(8) - count) {
            *last <<= spare;
        }
        Self { total: count, present: count, bytes }
    }

    /// Number of pieces of the file.
    pub fn len(&self) -> usize {
        self.total
    }

    /// True if the file has no pieces at all, which is so for an empty file.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// True if the piece is in the set.
    pub fn get(&self, piece: usize) -> bool {
        piece < self.total && self.bytes[piece / 8] & bit(piece) != 0
    }

    /// Adds a piece; false if it is in the set already, or does not exist.
    pub fn set(&mut self, piece: usize) -> bool {
        if piece >= self.total || self.get(piece) {
            return false;
        }
        self.bytes[piece / 8] |= bit(piece);
        self.present += 1;
        true
    }

    /// Number of pieces in the set.
    pub fn count(&self) -> usize {
        self.present
    }

    /// True if all pieces are in the set.
    pub fn is_complete(&self) -> bool {
        self.present == self.total
    }

    /// The pieces in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.total).filter(|piece| self.get(*piece))
    }

    /// The pieces not in the set, in order.
    pub fn missing(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.total).filter(|piece| !self.get(*piece))
    }

    /// The pieces of this set that are not in another one.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Self::new(self.total);
        for piece in self.iter().filter(|piece| !other.get(*piece)) {
            rest.set(piece);
        }
        rest
    }

    /// Encodes the set in hexadecimal, as it is sent.
    pub fn to_hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])).collect()
    }

    /// Decodes the hexadecimal set of a file with `count` pieces.
    pub fn from_hex(count: usize, text: &str) -> Result<Self, BitfieldError> {
        let expected = count.div_ceil(8) * 2;
        if text.len() != expected {
            return Err(BitfieldError::Length { pieces: count, expected, found: text.len() });
        }
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(BitfieldError::Digit);
        let bytes: Vec<u8> = text
            .as_bytes()
            .chunks_exact(2)
            .map(|pair| Ok(digit(pair[0])? << 4 | digit(pair[1])?))
            .collect::<Result<_, _>>()?;
        let spare = count.next_multiple_of(8) - count;
        if bytes.last().is_some_and(|last| last & !(0xff_u8 << spare) != 0) {
            return Err(BitfieldError::Beyond(count));
        }
        let present = bytes.iter().map(|b| b.count_ones() as usize).sum();
        Ok(Self { total: count, present, bytes })
    }
}

/// The bit of a piece within its byte.
fn bit(piece: usize) -> u8 {
    0x80 >> (piece % 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_piece_is_the_highest_bit() {
        let mut field = Bitfield::new(10);
        assert!(field.set(0) && field.set(9) && !field.set(9) && !field.set(10));
        assert_eq!(field.to_hex(), "8040");
        assert_eq!(field.iter().collect::<Vec<_>>(), [0, 9]);
        assert_eq!(Bitfield::full(10).to_hex(), "ffc0");
        assert_eq!(Bitfield::full(8).to_hex(), "ff");
        assert!(Bitfield::new(0).is_complete() && Bitfield::full(0).to_hex().is_empty());
    }

    #[test]
    fn a_text_that_is_not_the_bitfield_of_the_file_is_refused() {
        assert!(matches!(Bitfield::from_hex(10, "80"), Err(BitfieldError::Length { expected: 4, .. })));
        assert_eq!(Bitfield::from_hex(10, "80g0"), Err(BitfieldError::Digit));
        assert_eq!(Bitfield::from_hex(10, "é80"), Err(BitfieldError::Digit));
        assert_eq!(Bitfield::from_hex(10, "8020"), Err(BitfieldError::Beyond(10)));
        assert_eq!(Bitfield::from_hex(10, "FFC0"), Ok(Bitfield::full(10)));
    }

    proptest! {
        #[test]
        fn a_bitfield_is_a_set(count in 0..200_usize, pieces in prop::collection::vec(0..220_usize, 0..100)) {
            let mut field = Bitfield::new(count);
            let mut set = std::collections::BTreeSet::new();
            for piece in pieces {
                prop_assert_eq!(field.set(piece), piece < count && set.insert(piece));
            }
            prop_assert_eq!(field.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(field.missing().count(), count - set.len());
            prop_assert_eq!(field.count(), set.len());
            prop_assert_eq!(field.is_complete(), set.len() == count);
            prop_assert_eq!(field.without(&Bitfield::new(count)), field.clone());
            prop_assert!(field.without(&field).iter().next().is_none());
            prop_assert_eq!(Bitfield::full(count).without(&field).iter().count(), count - set.len());
            prop_assert_eq!(Bitfield::from_hex(count, &field.to_hex()), Ok(field));
        }
    }
}
