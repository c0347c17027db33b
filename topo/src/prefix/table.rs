//! Longest-prefix match: the value of the most specific prefix that covers an address.
//!
//! Prefixes nest or are disjoint, so they divide the address space into ranges with one answer each. The table holds
//! these ranges in order; a lookup is a binary search among the few that an index selects. The index divides the space
//! between the first and the last range into slots, because all IPv6 addresses in use share their first bits.

/// A table of prefixes and their values, over addresses of type `A`.
#[derive(Clone, Debug)]
pub(crate) struct PrefixTable<A> {
    /// First address of each range.
    starts: Vec<A>,
    /// Answer for each range.
    values: Vec<Option<u32>>,
    index: Index<A>,
}

/// An index from slots of the address space to ranges.
#[derive(Clone, Debug)]
struct Index<A> {
    /// First address of the first slot: the start of the second range, because the first always starts at zero.
    base: A,
    /// Number of address bits within a slot.
    shift: u32,
    /// Number of ranges that start before each slot, followed by the number of all ranges.
    places: Vec<u32>,
}

/// The binary logarithm of the largest number of slots: a few megabytes for a table the size of the Internet's.
const MAX_INDEX_BITS: u32 = 20;

/// A prefix as its first and last address, with its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range<A> {
    pub(crate) first: A,
    pub(crate) last: A,
    pub(crate) value: u32,
}

/// An address as an unsigned integer.
pub(crate) trait Number: Copy + Ord {
    /// Smallest address.
    const ZERO: Self;
    /// Returns the next address; `None` after the last.
    fn successor(self) -> Option<Self>;
    /// Returns the number of bits in the distance from `from`, which must not be larger.
    fn distance_bits(self, from: Self) -> u32;
    /// Returns the distance from `from`, which must not be larger, shifted right by `shift` bits.
    fn slot(self, from: Self, shift: u32) -> usize;
}

impl Number for u32 {
    const ZERO: Self = 0;

    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn distance_bits(self, from: Self) -> u32 {
        Self::BITS - (self - from).leading_zeros()
    }

    fn slot(self, from: Self, shift: u32) -> usize {
        usize::try_from((self - from).checked_shr(shift).unwrap_or(0)).unwrap_or(usize::MAX)
    }
}

impl Number for u128 {
    const ZERO: Self = 0;

    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn distance_bits(self, from: Self) -> u32 {
        Self::BITS - (self - from).leading_zeros()
    }

    fn slot(self, from: Self, shift: u32) -> usize {
        usize::try_from((self - from).checked_shr(shift).unwrap_or(0)).unwrap_or(usize::MAX)
    }
}

impl<A: Number> PrefixTable<A> {
    /// Builds the table; of several equal prefixes, the last one wins.
    pub(crate) fn new(mut ranges: Vec<Range<A>>) -> Self {
        // Covering ranges sort before covered ones, which then simply interrupt them.
        ranges.sort_by(|a, b| a.first.cmp(&b.first).then(b.last.cmp(&a.last)));
        let mut table = Self { starts: vec![A::ZERO], values: vec![None], index: Index::of(&[]) };
        let mut open: Vec<Range<A>> = Vec::new();
        for range in ranges {
            table.close(&mut open, Some(range.first));
            table.start_range(range.first, Some(range.value));
            open.push(range);
        }
        table.close(&mut open, None);
        table.index = Index::of(&table.starts);
        table
    }

    /// Ends the open ranges that end before `next`; the range around each continues after it.
    fn close(&mut self, open: &mut Vec<Range<A>>, next: Option<A>) {
        while let Some(range) = open.last().copied().filter(|range| next.is_none_or(|next| range.last < next)) {
            open.pop();
            if let Some(after) = range.last.successor() {
                self.start_range(after, open.last().map(|outer| outer.value));
            }
        }
    }

    /// Starts a range with the answer `value`.
    fn start_range(&mut self, start: A, value: Option<u32>) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        if self.values.last() != Some(&value) || self.starts.is_empty() {
            self.starts.push(start);
            self.values.push(value);
        }
    }

    /// Returns the value of the longest prefix that covers an address.
    pub(crate) fn lookup(&self, address: A) -> Option<u32> {
        let among = self.index.among(address);
        let after = among.start + self.starts[among].partition_point(|start| *start <= address);
        self.values.get(after.checked_sub(1)?).copied().flatten()
    }

    /// Increments all values from `first` on, to make room for a new value.
    pub(crate) fn shift_values_from(&mut self, first: u32) {
        self.values.iter_mut().flatten().filter(|value| **value >= first).for_each(|value| *value += 1);
    }

    /// Assigns a value to every address that has none.
    pub(crate) fn fill_gaps(&mut self, value: u32) {
        for known in &mut self.values {
            known.get_or_insert(value);
        }
    }

    /// Returns whether every address has a value.
    pub(crate) fn is_complete(&self) -> bool {
        self.values.iter().all(Option::is_some)
    }
}

impl<A: Number> Index<A> {
    /// Builds the index over ranges with these starts, the first of which is zero.
    fn of(starts: &[A]) -> Self {
        let (Some(&base), Some(&last)) = (starts.get(1), starts.last()) else {
            return Self { base: A::ZERO, shift: 0, places: Vec::new() };
        };
        // More slots than ranges would cost memory without speeding up lookups.
        let bits = starts.len().ilog2().min(MAX_INDEX_BITS);
        let shift = last.distance_bits(base).saturating_sub(bits);
        let mut places = vec![1];
        for (place, start) in (1..).zip(&starts[1..]) {
            places.resize(start.slot(base, shift) + 1, place);
        }
        places.push(u32::try_from(starts.len()).unwrap_or(u32::MAX));
        Self { base, shift, places }
    }

    /// Selects the ranges to search: the answer is the last of them that does not start after `address`, or, if all of
    /// them do, the range before them.
    fn among(&self, address: A) -> std::ops::Range<usize> {
        if self.places.is_empty() {
            return 0..1;
        }
        if address < self.base {
            return 1..1;
        }
        // Every range starts before the end of the last slot.
        let slot = address.slot(self.base, self.shift).min(self.places.len() - 2);
        self.places[slot] as usize..self.places[slot + 1] as usize
    }
}

#[cfg(test)]
mod tests {
    use ipnet::{Ipv4Net, Ipv6Net};
    use prefix_trie::PrefixMap;
    use proptest::prelude::*;

    use super::*;

    /// Prefixes with few distinct bits, so that they nest and addresses match.
    fn ipv4() -> impl Strategy<Value = Ipv4Net> {
        (prop::sample::select(vec![0u32, 1, 2, 3, 0x80, 0xff]), 0u8..=32, any::<u8>()).prop_map(
            |(low, length, high)| {
                let bits = (u32::from(high & 0xc3) << 24) | (low << 12) | low;
                Ipv4Net::new(bits.into(), length).unwrap().trunc()
            },
        )
    }

    fn ipv6() -> impl Strategy<Value = Ipv6Net> {
        (any::<u128>(), 0u8..=128, any::<u8>()).prop_map(|(bits, length, mask)| {
            let bits = bits & (u128::from(mask & 0x11) << 120 | 0xf);
            Ipv6Net::new(bits.into(), length).unwrap().trunc()
        })
    }

    proptest! {
        #[test]
        fn ipv4_agrees_with_a_trie_and_a_scan(
            nets in prop::collection::btree_map(ipv4(), 0u32..50, 0..60),
            addresses in prop::collection::vec(ipv4().prop_map(|net| net.addr()), 1..60),
        ) {
            let range = |(net, value): (&Ipv4Net, &u32)| Range { first: net.network().into(), last: net.broadcast().into(), value: *value };
            let table = PrefixTable::<u32>::new(nets.iter().map(range).collect());
            let trie: PrefixMap<Ipv4Net, u32> = nets.iter().map(|(net, value)| (*net, *value)).collect();
            for address in addresses {
                let scan = nets.iter().filter(|(net, _)| net.contains(&address)).max_by_key(|(net, _)| net.prefix_len());
                let scan = scan.map(|(_, value)| *value);
                prop_assert_eq!(table.lookup(address.into()), scan);
                prop_assert_eq!(trie.get_lpm(&address.into()).map(|(_, value)| *value), scan);
            }
        }

        #[test]
        fn ipv6_agrees_with_a_scan(
            nets in prop::collection::btree_map(ipv6(), 0u32..50, 0..60),
            addresses in prop::collection::vec(ipv6().prop_map(|net| net.addr()), 1..60),
        ) {
            let range = |(net, value): (&Ipv6Net, &u32)| Range { first: net.network().into(), last: net.broadcast().into(), value: *value };
            let table = PrefixTable::<u128>::new(nets.iter().map(range).collect());
            for address in addresses {
                let scan = nets.iter().filter(|(net, _)| net.contains(&address)).max_by_key(|(net, _)| net.prefix_len());
                prop_assert_eq!(table.lookup(address.into()), scan.map(|(_, value)| *value));
            }
        }
    }

    #[test]
    fn the_first_and_last_address_are_covered() {
        let half = |first: u32, last: u32, value| Range { first, last, value };
        let table = PrefixTable::<u32>::new(vec![half(0, 0x7fff_ffff, 1), half(0x8000_0000, u32::MAX, 2)]);
        assert!(table.is_complete());
        assert_eq!([0, 0x7fff_ffff, 0x8000_0000, u32::MAX].map(|a| table.lookup(a)), [1, 1, 2, 2].map(Some));
        let table = PrefixTable::<u32>::new(vec![half(u32::MAX, u32::MAX, 3)]);
        assert!(!table.is_complete());
        assert_eq!((table.lookup(u32::MAX), table.lookup(u32::MAX - 1)), (Some(3), None));
        assert_eq!(PrefixTable::<u32>::new(Vec::new()).lookup(0), None);
    }
}
