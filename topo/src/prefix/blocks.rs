//! Digests of sorted prefixes, in blocks, so that a change rehashes only the blocks it touches.
//!
//! Where a block begins depends on nothing but the prefix there, so that equal lists have equal blocks whatever changes led
//! to them.

use super::tree::Prefix;
use crate::tag::Hasher;

/// Logarithm of the mean number of prefixes in a block.
const LOG_SIZE: u32 = 6;
/// Multiplier whose products have well mixed upper bits: 2^64 divided by the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The digest of each block of a list, by the first prefix of the block.
#[derive(Clone, Debug)]
pub(super) struct Blocks<N>(Vec<(N, [u8; 32])>);

impl<N: Prefix> Blocks<N> {
    /// Hashes sorted prefixes.
    pub(super) fn of(nets: &[N]) -> Self {
        Self(blocks(nets).map(|block| (block[0], digest(block))).collect())
    }

    /// Returns the blocks of a list after changes; `changed` are the prefixes that were added or removed, sorted.
    pub(super) fn after(&self, nets: &[N], changed: impl Iterator<Item = N>) -> Self {
        let known = &self.0[..];
        let mut all = Vec::with_capacity(known.len());
        let mut done = 0;
        let mut changed = changed.peekable();
        while let Some(net) = changed.next() {
            let mut first = known.partition_point(|(begin, _)| *begin <= net).saturating_sub(1);
            let mut last = first + 1;
            // Without its first prefix, a block is a part of the one before it.
            if first > 0 && known[first].0 == net {
                first -= 1;
            }
            while let Some(next) = changed.next_if(|next| known.get(last).is_none_or(|(begin, _)| next <= begin)) {
                last += usize::from(known.get(last).is_some_and(|(begin, _)| *begin == next));
            }
            let place = |block: usize| nets.partition_point(|net| *net < known[block].0);
            let begin = if first == 0 { 0 } else { place(first) };
            let end = if last < known.len() { place(last) } else { nets.len() };
            all.extend_from_slice(&known[done..first]);
            all.extend(blocks(&nets[begin..end]).map(|block| (block[0], digest(block))));
            done = last.min(known.len());
        }
        all.extend_from_slice(&known[done..]);
        Self(all)
    }

    /// Adds all digests to a hash.
    pub(super) fn add_to(&self, hasher: &mut Hasher) {
        hasher.number(self.0.len() as u64);
        for (_, digest) in &self.0 {
            hasher.bytes(digest);
        }
    }
}

/// Cuts a list into blocks.
fn blocks<N: Prefix>(nets: &[N]) -> impl Iterator<Item = &[N]> {
    nets.chunk_by(|_, next| !begins_block(next))
}

/// Returns whether a prefix begins a block, which one of 64 does.
fn begins_block<N: Prefix>(net: &N) -> bool {
    let (bits, length) = net.bits();
    #[expect(clippy::cast_possible_truncation, reason = "both halves are folded into one")]
    let folded = (bits >> 64) as u64 ^ bits as u64 ^ u64::from(length);
    folded.wrapping_mul(MIX) >> (u64::BITS - LOG_SIZE) == 0
}

fn digest<N: Prefix>(block: &[N]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(block.len() * (size_of::<N>() + 1));
    for net in block {
        net.append_to(&mut bytes);
    }
    let mut hasher = Hasher::new("prefixes");
    hasher.number(block.len() as u64);
    hasher.bytes(&bytes);
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipnet::Ipv4Net;
    use proptest::prelude::*;

    use super::*;

    fn net(number: u32) -> Ipv4Net {
        Ipv4Net::new((number << 8).into(), 24).unwrap()
    }

    #[test]
    fn blocks_are_short_and_a_change_leaves_most_of_them() {
        let nets: Vec<_> = (0..100_000).map(net).collect();
        let blocks = Blocks::of(&nets);
        assert!((1000..2500).contains(&blocks.0.len()), "{} blocks", blocks.0.len());
        let mut fewer = nets.clone();
        fewer.remove(70_000);
        let after = blocks.after(&fewer, [nets[70_000]].into_iter());
        let shared = after.0.iter().filter(|block| blocks.0.contains(block)).count();
        assert!(shared + 2 >= blocks.0.len(), "{shared} of {} blocks are shared", blocks.0.len());
        assert_eq!(after.0, Blocks::of(&fewer).0);
    }

    proptest! {
        #[test]
        fn blocks_after_changes_are_those_of_the_list(
            before in prop::collection::btree_set(0_u32..4000, 0..1500),
            changes in prop::collection::btree_map(0_u32..4000, any::<bool>(), 0..400),
        ) {
            let nets: Vec<_> = before.iter().copied().map(net).collect();
            let mut after = before.clone();
            let mut changed: BTreeSet<Ipv4Net> = BTreeSet::new();
            for (number, added) in changes {
                let is_new = if added { after.insert(number) } else { after.remove(&number) };
                changed.extend(is_new.then(|| net(number)));
            }
            let list: Vec<_> = after.into_iter().map(net).collect();
            let blocks = Blocks::of(&nets).after(&list, changed.into_iter());
            prop_assert_eq!(blocks.0, Blocks::of(&list).0);
        }
    }
}
