//! Trees of least-cost routes from every switch to one root, which is one switch or several.
//!
//! A tree has no more than the key of each route: all other values follow from the links along it
//! ([`Routes`](super::along::Routes)). It is immutable and stored in chunks, so that it shares unchanged chunks with the
//! tree before a change. Most keys are packed, which halves the memory.

use std::sync::Arc;

use super::key::{END, RouteKey};
use super::measures::Attributes;
use super::packed::{Layout, PackedKey};
use super::switches::{self, SwitchId};
use crate::value::Value;

/// The number of keys in one chunk of a tree.
const CHUNK: usize = 128;

/// The destination of the routes of a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Root(Vec<Seed>);

/// A switch where routes end, or from where one more edge leads to the host where they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Seed {
    switch: SwitchId,
    exit: Option<Attributes>,
}

/// The least-cost routes from every switch to one root.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    chunks: Arc<[Chunk]>,
    layout: Layout,
}

/// The keys of the routes from some switches.
#[derive(Clone, Debug)]
enum Chunk {
    Packed(Arc<[PackedKey; CHUNK]>),
    /// Keys of which at least one had no room to be packed.
    Whole(Arc<[RouteKey; CHUNK]>),
}

impl Root {
    /// Creates a root at the nearest of several switches.
    pub(crate) fn switches(switches: impl IntoIterator<Item = SwitchId>) -> Self {
        let mut seeds: Vec<Seed> = switches.into_iter().map(|switch| Seed { switch, exit: None }).collect();
        seeds.sort_unstable();
        Self(seeds)
    }

    /// Creates a root at a host that is linked to several switches.
    pub(crate) fn host(entries: &[switches::Entry]) -> Self {
        let mut seeds: Vec<Seed> =
            entries.iter().map(|entry| Seed { switch: entry.switch, exit: Some(entry.attributes) }).collect();
        seeds.sort_unstable();
        Self(seeds)
    }

    /// Returns the switch at which all routes end, if it is one without another edge after it.
    pub(crate) fn only_switch(&self) -> Option<SwitchId> {
        match self.0[..] {
            [Seed { switch, exit: None }] => Some(switch),
            _ => None,
        }
    }

    /// Iterates over the routes that use no edge between switches.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = (SwitchId, RouteKey)> {
        self.0.iter().map(|seed| (seed.switch, seed.key()))
    }

    /// Returns the greatest cost of a route that uses no edge between switches.
    pub(crate) fn dearest(&self) -> Value {
        self.seeds().map(|(_, key)| key.cost()).max().unwrap_or_default()
    }

    /// Returns the key of the route that starts at `switch` and passes no other switch; the worst one if there is none.
    pub(crate) fn seed(&self, switch: SwitchId) -> RouteKey {
        self.at(switch).map_or(RouteKey::UNREACHED, Seed::key)
    }

    /// Returns the edge that leads on from the switch where a route ends.
    pub(crate) fn exit(&self, switch: SwitchId) -> Option<&Attributes> {
        self.at(switch)?.exit.as_ref()
    }

    /// Returns whether all edges that lead on are plain.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.iter().filter_map(|seed| seed.exit.as_ref()).all(Attributes::is_plain)
    }

    fn at(&self, switch: SwitchId) -> Option<&Seed> {
        self.0.iter().find(|seed| seed.switch == switch)
    }
}

impl Seed {
    fn key(&self) -> RouteKey {
        match self.exit {
            None => RouteKey::new(Value::ZERO, 0, END),
            Some(exit) => RouteKey::new(exit.cost, 1, END),
        }
    }
}

impl Tree {
    /// Creates the tree of the routes from all switches.
    pub(crate) fn of(mut keys: impl ExactSizeIterator<Item = RouteKey>) -> Self {
        let (chunks, layout) = (keys.len().div_ceil(CHUNK), Layout::of(keys.len()));
        Self { chunks: (0..chunks).map(|_| Chunk::of(&mut keys, layout)).collect(), layout }
    }

    /// Returns the key of the route from a switch.
    #[inline]
    pub(crate) fn key(&self, from: SwitchId) -> RouteKey {
        let place = from as usize % CHUNK;
        match &self.chunks[from as usize / CHUNK] {
            Chunk::Packed(keys) => keys[place].key(self.layout),
            Chunk::Whole(keys) => keys[place],
        }
    }

    /// Lists the switches on the route from a switch, both ends included.
    pub(crate) fn path(&self, from: SwitchId) -> Option<Vec<SwitchId>> {
        let mut key = self.key(from);
        if !key.is_reached() {
            return None;
        }
        let mut path = vec![from];
        while key.next() != END {
            path.push(key.next());
            key = self.key(key.next());
        }
        Some(path)
    }

    /// Returns the tree with new keys for some switches.
    pub(crate) fn with(&self, keys: impl IntoIterator<Item = (SwitchId, RouteKey)>) -> Self {
        let mut next = self.clone();
        let chunks = Arc::make_mut(&mut next.chunks);
        for (switch, key) in keys {
            chunks[switch as usize / CHUNK].set(switch as usize % CHUNK, key, self.layout);
        }
        next
    }
}

impl Chunk {
    /// Takes the keys of one chunk, or those that are left.
    fn of(keys: &mut impl Iterator<Item = RouteKey>, layout: Layout) -> Self {
        let mut packed = [PackedKey::UNREACHED; CHUNK];
        for place in 0..CHUNK {
            let Some(key) = keys.next() else { break };
            let Some(fitting) = PackedKey::of(key, layout) else {
                let mut whole = packed.map(|key| key.key(layout));
                whole[place] = key;
                whole[place + 1..].iter_mut().zip(keys).for_each(|(place, key)| *place = key);
                return Self::Whole(Arc::new(whole));
            };
            packed[place] = fitting;
        }
        Self::Packed(Arc::new(packed))
    }

    /// Replaces one key. Copies the chunk only if other trees have it, or the key has no room in it.
    fn set(&mut self, place: usize, key: RouteKey, layout: Layout) {
        match (&mut *self, PackedKey::of(key, layout)) {
            (Self::Packed(keys), Some(packed)) => Arc::make_mut(keys)[place] = packed,
            (Self::Packed(keys), None) => {
                let mut whole = keys.map(|key| key.key(layout));
                whole[place] = key;
                *self = Self::Whole(Arc::new(whole));
            }
            (Self::Whole(keys), _) => Arc::make_mut(keys)[place] = key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_cannot_be_packed_are_stored_whole_beside_those_that_can() {
        let dear = |micros: u64| RouteKey::new(Value::from_micros(u64::MAX - micros), 1, 7);
        let cheap = |switch: u32| RouteKey::new(Value::from_integer(switch.into()), 2, switch);
        let mut keys: Vec<RouteKey> = (0..300).map(cheap).collect();
        (keys[5], keys[299]) = (dear(5), RouteKey::UNREACHED);
        let tree = Tree::of(keys.iter().copied());
        let is_packed: Vec<bool> = tree.chunks.iter().map(|chunk| matches!(chunk, Chunk::Packed(_))).collect();
        assert_eq!(is_packed, [false, true, true]);
        let changes = [(6, dear(6)), (130, dear(130)), (131, RouteKey::UNREACHED), (299, cheap(0))];
        let after = tree.with(changes);
        for (switch, key) in (0..).zip(&keys) {
            assert_eq!(tree.key(switch), *key);
            let new = changes.iter().find(|(place, _)| *place == switch);
            assert_eq!(after.key(switch), new.map_or(*key, |(_, key)| *key));
        }
    }
}
