//! A set of nested prefixes with queries for covering and covered prefixes.
//!
//! Sorted by first address and then by length, a prefix directly precedes all prefixes it covers. Every query is
//! therefore a binary search in the sorted list, followed by a walk outwards.

use ipnet::{Ipv4Net, Ipv6Net};

/// A prefix of one address family.
pub(crate) trait Prefix: Copy + Ord {
    /// Returns the prefix with all bits beyond its length cleared.
    fn network(&self) -> Self;

    /// Returns whether this prefix covers another or equals it.
    fn holds(&self, other: &Self) -> bool;

    /// Returns the last address as a prefix of full length, which no covered prefix sorts after.
    fn end(&self) -> Self;

    /// Returns whether the prefix begins with the first address of its family.
    fn is_first(&self) -> bool;

    /// Returns whether the prefix ends with the last address of its family.
    fn is_last(&self) -> bool;

    /// Returns whether the prefix begins where another one ends.
    fn follows(&self, other: &Self) -> bool;

    /// Returns the first address as a number, and the length.
    fn bits(&self) -> (u128, u8);

    /// Appends the address and the length, in as many bytes for every prefix of the family.
    fn append_to(&self, bytes: &mut Vec<u8>);
}

/// A sorted set of prefixes and the closest covering prefix of each.
#[derive(Clone, Debug)]
pub(crate) struct PrefixTree<N> {
    nets: Vec<N>,
    /// Index of the closest covering prefix of each prefix.
    parents: Vec<Option<usize>>,
}

/// Implements [`Prefix`] for the prefixes of a family, whose addresses are numbers of type `$number`.
macro_rules! prefix {
    ($net:ty, $number:ty) => {
        impl Prefix for $net {
            fn network(&self) -> Self {
                self.trunc()
            }

            fn holds(&self, other: &Self) -> bool {
                self.contains(other)
            }

            fn end(&self) -> Self {
                Self::from(self.broadcast())
            }

            fn is_first(&self) -> bool {
                <$number>::from(self.network()) == 0
            }

            fn is_last(&self) -> bool {
                <$number>::from(self.broadcast()) == <$number>::MAX
            }

            fn follows(&self, other: &Self) -> bool {
                <$number>::from(other.broadcast()).checked_add(1) == Some(self.network().into())
            }

            fn bits(&self) -> (u128, u8) {
                (<$number>::from(self.addr()).into(), self.prefix_len())
            }

            fn append_to(&self, bytes: &mut Vec<u8>) {
                bytes.extend(self.addr().octets());
                bytes.push(self.prefix_len());
            }
        }
    };
}

prefix!(Ipv4Net, u32);
prefix!(Ipv6Net, u128);

impl<N: Prefix> PrefixTree<N> {
    /// Builds the set from prefixes without bits beyond their length.
    pub(crate) fn new(mut nets: Vec<N>) -> Self {
        nets.sort_unstable();
        nets.dedup();
        let mut open: Vec<usize> = Vec::new();
        let mut parents = Vec::with_capacity(nets.len());
        for (place, net) in nets.iter().enumerate() {
            while open.last().is_some_and(|&around| !nets[around].holds(net)) {
                open.pop();
            }
            parents.push(open.last().copied());
            open.push(place);
        }
        Self { nets, parents }
    }

    /// Returns all prefixes, sorted.
    pub(crate) fn nets(&self) -> &[N] {
        &self.nets
    }

    /// Finds the longest prefix that covers `net` or equals it.
    pub(crate) fn closest(&self, net: &N) -> Option<usize> {
        let before = self.nets.partition_point(|known| known <= net).checked_sub(1)?;
        // A prefix that covers `net` also covers everything sorted between the two, so walking outwards finds it.
        self.outwards(before).find(|&place| self.nets[place].holds(net))
    }

    /// Iterates over a prefix and the prefixes that cover it, from the inside out.
    pub(crate) fn outwards(&self, place: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(place), |&place| self.parents[place])
    }

    /// Returns the closest prefix that covers another one.
    pub(crate) fn parent(&self, place: usize) -> Option<usize> {
        self.parents[place]
    }

    /// Returns the index range of the prefixes that `net` covers, itself included.
    pub(crate) fn inside(&self, net: &N) -> std::ops::Range<usize> {
        let end = net.end();
        self.nets.partition_point(|known| known < net)..self.nets.partition_point(|known| *known <= end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Prefixes that share their first bits, so that they nest.
    fn ipv4() -> impl Strategy<Value = Ipv4Net> {
        (0u32..64, 0u8..=32).prop_map(|(bits, len)| Ipv4Net::new((bits << 26).into(), len).unwrap().trunc())
    }

    fn ipv6() -> impl Strategy<Value = Ipv6Net> {
        let len = prop_oneof![0u8..=12, 120u8..=128];
        (0u128..64, 0u128..16, len)
            .prop_map(|(high, low, len)| Ipv6Net::new((high << 122 | low << 2).into(), len).unwrap().trunc())
    }

    /// Compares every answer with a scan of all prefixes.
    fn check<N: Prefix + std::fmt::Debug>(
        nets: &[N],
        asked: &[N],
        len: impl Fn(&N) -> u8,
    ) -> Result<(), TestCaseError> {
        let tree = PrefixTree::new(nets.to_vec());
        for net in asked {
            let around = |net: &N| nets.iter().filter(|known| known.holds(net)).max_by_key(|known| len(known)).copied();
            let closest = tree.closest(net);
            prop_assert_eq!(closest.map(|place| tree.nets()[place]), around(net));
            let outwards: Vec<N> =
                closest.into_iter().flat_map(|at| tree.outwards(at)).map(|at| tree.nets()[at]).collect();
            let mut scan: Vec<N> = nets.iter().filter(|known| known.holds(net)).copied().collect();
            scan.sort_unstable_by_key(|known| std::cmp::Reverse(len(known)));
            scan.dedup();
            prop_assert_eq!(outwards, scan);
            let mut scan: Vec<N> = nets.iter().filter(|known| net.holds(known)).copied().collect();
            scan.sort_unstable();
            scan.dedup();
            prop_assert_eq!(&tree.nets()[tree.inside(net)], &scan[..]);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn ipv4_agrees_with_a_scan(nets in prop::collection::vec(ipv4(), 0..60), asked in prop::collection::vec(ipv4(), 1..40)) {
            check(&nets, &asked, Ipv4Net::prefix_len)?;
        }

        #[test]
        fn ipv6_agrees_with_a_scan(nets in prop::collection::vec(ipv6(), 0..60), asked in prop::collection::vec(ipv6(), 1..40)) {
            check(&nets, &asked, Ipv6Net::prefix_len)?;
        }
    }
}
