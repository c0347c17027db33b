//! Keys of routes in 64 bits, as trees store those that have room there.

use super::key::{END, RouteKey};
use super::switches::SwitchId;
use crate::value::Value;

/// Numbers of bits that a packed key has for the links of a route and for its next switch; the higher bits have the cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    links: u32,
    next: u32,
}

/// The most bits that count links. A route with more links is not packed.
const MOST_LINK_BITS: u32 = 10;

/// The key of a route in one number of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedKey(u64);

impl Layout {
    /// Returns the layout for a network of this number of switches.
    pub(crate) fn of(switches: usize) -> Self {
        // One number more than there are switches stands for the end of a route.
        let next = (switches as u64 + 1).ilog2() + 1;
        Self { links: next.min(MOST_LINK_BITS), next }
    }

    fn below_cost(self) -> u32 {
        self.links + self.next
    }

    /// Largest number in the place of the next switch, which stands for the end of a route.
    fn end(self) -> u64 {
        (1 << self.next) - 1
    }

    /// Largest number of links.
    fn most_links(self) -> u64 {
        (1 << self.links) - 1
    }

    /// Largest number in the place of the cost, which no cost has.
    fn most_cost(self) -> u64 {
        u64::MAX >> self.below_cost()
    }
}

impl PackedKey {
    /// Key where there is no route.
    pub(crate) const UNREACHED: Self = Self(u64::MAX);

    /// Packs a key; `None` if there is no room for it.
    pub(crate) fn of(key: RouteKey, layout: Layout) -> Option<Self> {
        if !key.is_reached() {
            return Some(Self::UNREACHED);
        }
        let next = if key.next() == END { layout.end() } else { u64::from(key.next()) };
        let (cost, links) = (key.cost().micros(), u64::from(key.links()));
        let has_room = cost < layout.most_cost() && links <= layout.most_links() && next <= layout.end();
        has_room.then_some(Self(cost << layout.below_cost() | links << layout.next | next))
    }

    /// Returns the key.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "links and switches have at most 32 bits")]
    pub(crate) fn key(self, layout: Layout) -> RouteKey {
        if self == Self::UNREACHED {
            return RouteKey::UNREACHED;
        }
        let cost = Value::from_micros(self.0 >> layout.below_cost());
        let links = (self.0 >> layout.next & layout.most_links()) as u32;
        let next = self.0 & layout.end();
        RouteKey::new(cost, links, if next == layout.end() { END } else { next as SwitchId })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_unpacked_as_they_were_packed(
            switches in 1..100_000_u32, cost in any::<u64>(), shift in 0..64_u32, links in 0..1100_u32, next in any::<u32>(), ends: bool,
        ) {
            let layout = Layout::of(switches as usize);
            let next = if ends { END } else { next % switches };
            let key = RouteKey::new(Value::from_micros(cost >> shift), links, next);
            if let Some(packed) = PackedKey::of(key, layout) {
                prop_assert_eq!(packed.key(layout), key);
            } else {
                prop_assert!(cost >> shift >= u64::MAX >> layout.below_cost() || u64::from(links) > layout.most_links());
            }
        }
    }

    #[test]
    fn keys_without_room_are_found_out() {
        let layout = Layout::of(500);
        let has_room = |cost: u64, links: u32| {
            PackedKey::of(RouteKey::new(Value::from_micros(cost), links, 499), layout).is_some()
        };
        let most = u64::MAX >> 18;
        assert!(has_room(most - 1, 511) && !has_room(most, 1) && !has_room(1, 512));
        assert_eq!(PackedKey::of(RouteKey::UNREACHED, layout), Some(PackedKey::UNREACHED));
        assert_eq!(PackedKey::UNREACHED.key(layout), RouteKey::UNREACHED);
    }
}
