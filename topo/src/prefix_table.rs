//! Longest-prefix match: which of many prefixes with values is the most specific that holds an address.
//!
//! Prefixes nest or are disjoint, so they cut the line of all addresses into ranges with one answer each. The table is
//! those ranges, sorted; a lookup is one binary search.

/// An immutable table over addresses of type `A`.
#[derive(Clone, Debug)]
pub(crate) struct PrefixTable<A> {
    starts: Vec<A>,
    /// The answer from each start up to the next.
    values: Vec<Option<u32>>,
}

/// One prefix: its first and last address, and its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range<A> {
    pub(crate) first: A,
    pub(crate) last: A,
    pub(crate) value: u32,
}

/// An address as a number.
pub(crate) trait Number: Copy + Ord {
    const ZERO: Self;
    /// The next number; nothing after the last.
    fn successor(self) -> Option<Self>;
}

impl Number for u32 {
    const ZERO: Self = 0;

    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Number for u128 {
    const ZERO: Self = 0;

    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl<A: Number> PrefixTable<A> {
    /// Builds the table. Of equal prefixes the last wins.
    pub(crate) fn new(mut ranges: Vec<Range<A>>) -> Self {
        // Outer before inner: an inner range then simply interrupts the outer one.
        ranges.sort_by(|a, b| a.first.cmp(&b.first).then(b.last.cmp(&a.last)));
        let mut table = Self { starts: vec![A::ZERO], values: vec![None] };
        let mut open: Vec<Range<A>> = Vec::new();
        for range in ranges {
            table.close(&mut open, Some(range.first));
            table.from(range.first, Some(range.value));
            open.push(range);
        }
        table.close(&mut open, None);
        table
    }

    /// Ends the ranges that are over before `next`; what holds them goes on after them.
    fn close(&mut self, open: &mut Vec<Range<A>>, next: Option<A>) {
        while let Some(range) = open.last().copied().filter(|range| next.is_none_or(|next| range.last < next)) {
            open.pop();
            if let Some(after) = range.last.successor() {
                self.from(after, open.last().map(|outer| outer.value));
            }
        }
    }

    /// From `start` on, the answer is `value`.
    fn from(&mut self, start: A, value: Option<u32>) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        if self.values.last() != Some(&value) || self.starts.is_empty() {
            self.starts.push(start);
            self.values.push(value);
        }
    }

    /// The value of the longest prefix that holds an address.
    pub(crate) fn lookup(&self, address: A) -> Option<u32> {
        let after = self.starts.partition_point(|start| *start <= address);
        self.values.get(after.checked_sub(1)?).copied().flatten()
    }

    /// Whether every address has a value.
    pub(crate) fn is_complete(&self) -> bool {
        self.values.iter().all(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use ipnet::{Ipv4Net, Ipv6Net};
    use prefix_trie::PrefixMap;
    use proptest::prelude::*;

    use super::*;

    /// Few different bits, so that prefixes nest and addresses hit.
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
    fn the_ends_of_the_line_are_held() {
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
