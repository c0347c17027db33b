//! The length that a search compares routes by: cost, then number of links, in one number, to which an edge adds.

use std::fmt::Debug;

use crate::value::Value;

/// A cost and a number of links in one number, the cost in the higher bits.
///
/// The number of lower bits that count links, `bits`, is the same for all lengths of a search.
pub(crate) trait Length: Copy + Ord + Debug {
    /// Length where there is no route, greater than all others.
    const UNREACHED: Self;

    /// Creates a length.
    fn new(cost: Value, links: u32, bits: u32) -> Self;

    /// Returns the length of a route that is longer by one edge of this cost.
    fn with_edge(self, cost: Value, bits: u32) -> Self;

    /// Returns the cost.
    fn cost(self, bits: u32) -> Value;

    /// Returns the number of links.
    fn links(self, bits: u32) -> u32;
}

/// Returns the number of bits that count links where 64 bits are enough for every length that a search in a network of this
/// size may meet; `None` if they are not.
pub(crate) fn narrow_bits(switches: usize, dearest_edge: Value, dearest_seed: Value) -> Option<u32> {
    // A search also looks at edges that close a circle.
    let links = switches as u64 + 2;
    let bits = links.ilog2() + 1;
    let cost = u128::from(dearest_edge.micros()) * u128::from(links) + u128::from(dearest_seed.micros());
    (cost < 1 << (u64::BITS - bits)).then_some(bits)
}

/// The number of bits that count links in a length of 128 bits.
pub(crate) const WIDE_BITS: u32 = 64;

/// Lengths that are known not to overflow.
impl Length for u64 {
    const UNREACHED: Self = Self::MAX;

    fn new(cost: Value, links: u32, bits: u32) -> Self {
        cost.micros() << bits | Self::from(links)
    }

    fn with_edge(self, cost: Value, bits: u32) -> Self {
        self + (cost.micros() << bits) + 1
    }

    fn cost(self, bits: u32) -> Value {
        Value::from_micros(self >> bits)
    }

    #[expect(clippy::cast_possible_truncation, reason = "links are counted in the lower bits, fewer than 32")]
    fn links(self, bits: u32) -> u32 {
        (self & ((1 << bits) - 1)) as u32
    }
}

/// Lengths of any cost; sums that are too large saturate.
impl Length for u128 {
    const UNREACHED: Self = Self::MAX;

    fn new(cost: Value, links: u32, _: u32) -> Self {
        Self::from(cost.micros()) << WIDE_BITS | Self::from(links)
    }

    fn with_edge(self, cost: Value, bits: u32) -> Self {
        Self::new(self.cost(bits).plus(cost), self.links(bits).saturating_add(1), bits)
    }

    fn cost(self, _: u32) -> Value {
        Value::from_micros((self >> WIDE_BITS) as u64)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half was made from 32 bits")]
    fn links(self, _: u32) -> u32 {
        self as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn narrow_and_wide_lengths_agree_where_narrow_ones_are_enough(
            edges in prop::collection::vec((0..3_000_000_000_000_u64).prop_map(Value::from_micros), 1..40), seed in 0..9_000_000_u64,
        ) {
            let seed = Value::from_micros(seed);
            let dearest = edges.iter().copied().max().unwrap_or_default();
            let bits = narrow_bits(edges.len(), dearest, seed);
            prop_assume!(bits.is_some());
            let bits = bits.unwrap();
            let (mut narrow, mut wide) = (u64::new(seed, 1, bits), u128::new(seed, 1, WIDE_BITS));
            for edge in &edges {
                let before = (narrow, wide);
                (narrow, wide) = (narrow.with_edge(*edge, bits), wide.with_edge(*edge, WIDE_BITS));
                prop_assert_eq!((narrow.cost(bits), narrow.links(bits)), (wide.cost(WIDE_BITS), wide.links(WIDE_BITS)));
                prop_assert!(narrow > before.0 && wide > before.1 && narrow < u64::UNREACHED);
            }
        }
    }

    #[test]
    fn costs_that_narrow_lengths_have_no_room_for_are_found_out() {
        assert_eq!(narrow_bits(500, Value::from_integer(100), Value::ZERO), Some(9));
        assert_eq!(narrow_bits(500, Value::from_micros(u64::MAX / 500), Value::ZERO), None);
        assert_eq!(narrow_bits(1, Value::ZERO, Value::from_micros(u64::MAX)), None);
        let wide = u128::new(Value::from_micros(u64::MAX - 1), u32::MAX, WIDE_BITS);
        assert_eq!(wide.with_edge(Value::from_integer(7), WIDE_BITS).cost(WIDE_BITS), Value::from_micros(u64::MAX));
    }
}
