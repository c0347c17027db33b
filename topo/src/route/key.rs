//! The key that routes from one switch are compared by: cost, then number of links, then name of the next switch.

use super::switches::SwitchId;
use crate::value::Value;

/// The value of [`RouteKey::next`] where the route ends.
pub(crate) const END: SwitchId = u32::MAX;

/// The key of a route: its cost, number of links and next switch in one number, from the highest bits to the lowest, so
/// that one comparison orders routes and the best one has the least key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteKey(u128);

/// A switch with the cost and number of links of a route from it, and ordered by these.
///
/// The entry is a key with the switch itself in place of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry(RouteKey);

impl Entry {
    /// Creates the entry of `switch` with a route of this key.
    pub(crate) fn new(key: RouteKey, switch: SwitchId) -> Self {
        Self(RouteKey::new(key.cost(), key.links(), switch))
    }

    /// Returns the switch.
    pub(crate) fn switch(self) -> SwitchId {
        self.0.next()
    }
}

impl RouteKey {
    /// Key where there is no route, worse than all others.
    pub(crate) const UNREACHED: Self = Self(u128::MAX);

    /// Creates a key. The next switch is [`END`] where the route passes no other switch.
    pub(crate) fn new(cost: Value, links: u32, next: SwitchId) -> Self {
        Self(u128::from(cost.micros()) << 64 | u128::from(links) << 32 | u128::from(next))
    }

    /// Returns the key of a route that takes an edge of this cost to `next` and continues with the route of this key.
    pub(crate) fn over(self, cost: Value, next: SwitchId) -> Self {
        Self::new(self.cost().plus(cost), self.links().saturating_add(1), next)
    }

    /// Returns whether there is a route.
    pub(crate) fn is_reached(self) -> bool {
        self != Self::UNREACHED
    }

    pub(crate) fn cost(self) -> Value {
        Value::from_micros((self.0 >> 64) as u64)
    }

    #[expect(clippy::cast_possible_truncation, reason = "32 of the bits are wanted")]
    pub(crate) fn links(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Returns the next switch on the route, or [`END`].
    #[expect(clippy::cast_possible_truncation, reason = "the lowest 32 bits are wanted")]
    pub(crate) fn next(self) -> SwitchId {
        self.0 as u32
    }
}
