//! Longest-prefix match over a table that shares what did not change with its predecessor.
//!
//! Prefixes are sorted by first address and then by length, so that a prefix precedes everything it covers. The sorted list
//! is cut into parts of about a hundred prefixes. A part knows, for each of its prefixes, the closest one around it, and for
//! its first prefix all those around it that are in earlier parts; a lookup searches one part and walks outwards. A change
//! copies the parts it touches and shares all others, and readers of the old table are not disturbed.

use std::sync::Arc;

use super::tree::Prefix;

/// The number of prefixes that a part has after it was cut.
const PART: usize = 128;
/// The largest number of prefixes in a part.
const MAX_PART: usize = 2 * PART;
/// The value in [`Part::parents`] of a prefix with no prefix around it in the same part.
const OUTSIDE: u16 = u16::MAX;

/// A set of prefixes with a value for each.
#[derive(Clone, Debug)]
pub(crate) struct PrefixTable<N> {
    parts: Vec<Cut<N>>,
    /// First prefix of each part, side by side, because a search that followed each part would wait for memory at every step.
    firsts: Vec<N>,
    len: usize,
}

/// A part, and the prefixes of earlier parts that cover its first prefix, from the outside in.
#[derive(Clone, Debug)]
struct Cut<N> {
    part: Arc<Part<N>>,
    around: Arc<[(N, u32)]>,
}

/// Consecutive prefixes of the sorted list, at least one.
#[derive(Debug)]
struct Part<N> {
    nets: Box<[N]>,
    values: Box<[u32]>,
    /// Index of the closest prefix around each prefix, or [`OUTSIDE`].
    parents: Box<[u16]>,
}

/// A change of one prefix: its new value, or its removal.
pub(crate) type Change<N> = (N, Option<u32>);

impl<N> Default for PrefixTable<N> {
    fn default() -> Self {
        Self { parts: Vec::new(), firsts: Vec::new(), len: 0 }
    }
}

impl<N: Prefix> PrefixTable<N> {
    /// Builds the table from sorted, distinct prefixes.
    pub(crate) fn new(sorted: &[(N, u32)]) -> Self {
        let mut parts = Vec::with_capacity(sorted.len() / PART + 1);
        cut(sorted, &mut parts);
        Self::of_parts(parts, &[])
    }

    /// Returns the table after changes, which are sorted and distinct. Changes to what is already so have no effect.
    pub(crate) fn with(&self, changes: &[Change<N>]) -> Self {
        let mut parts: Vec<Arc<Part<N>>> = Vec::with_capacity(self.parts.len() + 1);
        let mut rest = changes;
        let mut merged: Vec<(N, u32)> = Vec::new();
        for (place, Cut { part, .. }) in self.parts.iter().enumerate() {
            let next = self.firsts.get(place + 1);
            let count = next.map_or(rest.len(), |next| rest.partition_point(|(net, _)| net < next));
            let (here, later) = rest.split_at(count);
            rest = later;
            if here.is_empty() {
                parts.push(Arc::clone(part));
                continue;
            }
            merged.clear();
            part.merge(here, &mut merged);
            // A small part joins the one before it, so that parts do not become ever smaller.
            if merged.len() < PART / 4
                && let Some(before) = parts.pop()
            {
                merged.splice(0..0, before.iter());
            }
            cut(&merged, &mut parts);
        }
        if self.parts.is_empty() {
            let added: Vec<(N, u32)> = rest.iter().filter_map(|(net, value)| Some((*net, (*value)?))).collect();
            cut(&added, &mut parts);
        }
        Self::of_parts(parts, &self.parts)
    }

    /// Finds what surrounds each part; `known` are the parts of an earlier table, whose lists are shared where equal.
    fn of_parts(parts: Vec<Arc<Part<N>>>, known: &[Cut<N>]) -> Self {
        let len = parts.iter().map(|part| part.nets.len()).sum();
        let firsts = parts.iter().map(|part| part.nets[0]).collect();
        let empty: Arc<[(N, u32)]> = Arc::new([]);
        let mut cuts: Vec<Cut<N>> = Vec::with_capacity(parts.len());
        let mut known = known.iter().peekable();
        let mut around: Vec<(N, u32)> = Vec::new();
        for part in parts {
            let first = part.nets[0];
            if let Some(before) = cuts.last() {
                around.extend(before.part.outwards_from_end());
                around.retain(|(net, _)| net.holds(&first));
                around.sort_unstable();
                around.dedup();
            }
            while known.next_if(|known| known.part.nets[0] < first).is_some() {}
            let shared = known.peek().map(|known| &known.around).filter(|shared| shared[..] == around[..]);
            let list = match shared {
                Some(shared) => Arc::clone(shared),
                None if around.is_empty() => Arc::clone(&empty),
                None => around.as_slice().into(),
            };
            cuts.push(Cut { part, around: list });
        }
        Self { parts: cuts, firsts, len }
    }

    /// Returns the number of prefixes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns the value of exactly this prefix.
    pub(crate) fn get(&self, net: &N) -> Option<u32> {
        let part = &self.parts.get(self.part_of(net)?)?.part;
        part.nets.binary_search(net).ok().map(|place| part.values[place])
    }

    /// Returns the longest prefix that covers `net` or equals it, with its value.
    pub(crate) fn closest(&self, net: &N) -> Option<(N, u32)> {
        let Cut { part, around } = &self.parts[self.part_of(net)?];
        let before = part.nets.partition_point(|known| known <= net).checked_sub(1)?;
        // A prefix that covers `net` also covers everything sorted between the two, so walking outwards finds it.
        part.outwards(before).chain(around.iter().rev().copied()).find(|(known, _)| known.holds(net))
    }

    /// Iterates over all prefixes, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (N, u32)> {
        self.parts.iter().flat_map(|cut| cut.part.iter())
    }

    /// Iterates over the prefixes that `net` covers, itself included.
    pub(crate) fn inside(&self, net: N) -> impl Iterator<Item = (N, u32)> {
        let end = net.end();
        let first = self.part_of(&net).unwrap_or_default();
        let candidates = self.parts[first.min(self.parts.len())..].iter().flat_map(|cut| cut.part.iter());
        candidates.skip_while(move |(known, _)| *known < net).take_while(move |(known, _)| *known <= end)
    }

    /// Finds the last part that begins with `net` or before it.
    fn part_of(&self, net: &N) -> Option<usize> {
        self.firsts.partition_point(|first| first <= net).checked_sub(1)
    }
}

impl<N: Prefix> Part<N> {
    fn new(sorted: &[(N, u32)]) -> Self {
        let mut parents = Vec::with_capacity(sorted.len());
        let mut open: Vec<u16> = Vec::new();
        for (place, (net, _)) in (0_u16..).zip(sorted) {
            while open.last().is_some_and(|&around| !sorted[around as usize].0.holds(net)) {
                open.pop();
            }
            parents.push(open.last().copied().unwrap_or(OUTSIDE));
            open.push(place);
        }
        let nets = sorted.iter().map(|(net, _)| *net).collect();
        let values = sorted.iter().map(|(_, value)| *value).collect();
        Self { nets, values, parents: parents.into() }
    }

    fn iter(&self) -> impl Iterator<Item = (N, u32)> {
        self.nets.iter().copied().zip(self.values.iter().copied())
    }

    /// Iterates over a prefix and those around it within the part, from the inside out.
    fn outwards(&self, place: usize) -> impl Iterator<Item = (N, u32)> {
        let parent = |place: &usize| Some(self.parents[*place] as usize).filter(|parent| *parent != OUTSIDE as usize);
        std::iter::successors(Some(place), parent).map(|place| (self.nets[place], self.values[place]))
    }

    fn outwards_from_end(&self) -> impl Iterator<Item = (N, u32)> {
        self.outwards(self.nets.len() - 1)
    }

    /// Merges sorted changes into the prefixes of the part.
    fn merge(&self, changes: &[Change<N>], merged: &mut Vec<(N, u32)>) {
        let mut old = self.iter().peekable();
        for (net, value) in changes {
            while let Some(before) = old.next_if(|(known, _)| known < net) {
                merged.push(before);
            }
            old.next_if(|(known, _)| known == net);
            merged.extend(value.map(|value| (*net, value)));
        }
        merged.extend(old);
    }
}

/// Cuts sorted prefixes into parts.
fn cut<N: Prefix>(sorted: &[(N, u32)], parts: &mut Vec<Arc<Part<N>>>) {
    let size = if sorted.len() <= MAX_PART { MAX_PART } else { PART };
    parts.extend(sorted.chunks(size).map(|part| Arc::new(Part::new(part))));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use ipnet::{Ipv4Net, Ipv6Net};
    use prefix_trie::{Prefix as TriePrefix, PrefixMap};
    use proptest::prelude::*;

    use super::*;

    /// Prefixes with few distinct bits, so that they nest and addresses match.
    fn ipv4() -> impl Strategy<Value = Ipv4Net> {
        (0u32..1 << 12, 8u8..=32).prop_map(|(bits, length)| {
            let bits = (bits >> 6) << 20 | (bits & 63);
            Ipv4Net::new(bits.into(), length).unwrap().trunc()
        })
    }

    fn ipv6() -> impl Strategy<Value = Ipv6Net> {
        (0u128..64, 0u128..16, prop_oneof![0u8..=12, 120u8..=128])
            .prop_map(|(high, low, length)| Ipv6Net::new((high << 122 | low << 2).into(), length).unwrap().trunc())
    }

    fn changes<N: Ord + Debug>(net: impl Strategy<Value = N>) -> impl Strategy<Value = Vec<BTreeMap<N, Option<u32>>>> {
        let value = prop_oneof![3 => (0u32..9).prop_map(Some), 1 => Just(None)];
        prop::collection::vec(prop::collection::btree_map(net, value, 0..1500), 1..4)
    }

    /// Applies changes one after the other, and compares every answer with a trie and with a table built at once.
    fn check<N: Prefix + TriePrefix + Debug>(
        changes: Vec<BTreeMap<N, Option<u32>>>,
        asked: &[N],
    ) -> Result<(), TestCaseError> {
        let mut table = PrefixTable::<N>::default();
        let mut trie: PrefixMap<N, u32> = PrefixMap::new();
        let mut all: BTreeMap<N, u32> = BTreeMap::new();
        for batch in changes {
            for (net, value) in &batch {
                if let Some(value) = value {
                    trie.insert(*net, *value);
                    all.insert(*net, *value);
                } else {
                    trie.remove(net);
                    all.remove(net);
                }
            }
            table = table.with(&batch.into_iter().collect::<Vec<_>>());
            let sorted: Vec<(N, u32)> = all.iter().map(|(net, value)| (*net, *value)).collect();
            let anew = PrefixTable::new(&sorted);
            prop_assert_eq!(table.len(), all.len());
            prop_assert_eq!(table.iter().collect::<Vec<_>>(), sorted);
            for net in asked {
                let expected = trie.get_lpm(net).map(|(_, value)| *value);
                prop_assert_eq!(table.closest(net).map(|(_, value)| value), expected);
                prop_assert_eq!(table.closest(net), anew.closest(net));
                prop_assert_eq!(table.get(net), all.get(net).copied());
                let inside: Vec<_> =
                    all.iter().filter(|(known, _)| net.holds(known)).map(|(net, v)| (*net, *v)).collect();
                prop_assert_eq!(table.inside(*net).collect::<Vec<_>>(), inside);
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn ipv4_agrees_with_a_trie_after_changes(changes in changes(ipv4()), asked in prop::collection::vec(ipv4(), 1..60)) {
            check(changes, &asked)?;
        }

        #[test]
        fn ipv6_agrees_with_a_trie_after_changes(changes in changes(ipv6()), asked in prop::collection::vec(ipv6(), 1..60)) {
            check(changes, &asked)?;
        }
    }

    #[test]
    fn a_change_shares_all_parts_it_does_not_touch() {
        let net = |i: u32| Ipv4Net::new((i << 8).into(), 24).unwrap();
        let sorted: Vec<_> = (0..100_000).map(|i| (net(i), i % 7)).collect();
        let table = PrefixTable::new(&sorted);
        let changed = table.with(&[(net(5), Some(9)), (net(70_000), None)]);
        let shared = changed.parts.iter().filter(|cut| table.parts.iter().any(|old| Arc::ptr_eq(&old.part, &cut.part)));
        assert_eq!(shared.count(), table.parts.len() - 2);
        assert_eq!((changed.get(&net(5)), changed.get(&net(70_000)), changed.len()), (Some(9), None, 99_999));
    }
}
