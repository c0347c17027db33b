//! Draws of a few positions out of many.

use rand::{Rng, RngExt};

/// Draws `count` distinct numbers below `length`, in random order; all of them if there are no more.
pub(super) fn distinct<R: Rng + ?Sized>(length: u32, count: u32, rng: &mut R) -> Vec<u32> {
    let count = count.min(length);
    // Few out of many seldom collide, so that another try is cheaper than a list of all.
    if length / 4 > count {
        let mut drawn: Vec<u32> = Vec::with_capacity(count as usize);
        while drawn.len() < count as usize {
            let number = rng.random_range(0..length);
            if !drawn.contains(&number) {
                drawn.push(number);
            }
        }
        return drawn;
    }
    let mut all: Vec<u32> = (0..length).collect();
    for place in 0..count {
        all.swap(place as usize, rng.random_range(place..length) as usize);
    }
    all.truncate(count as usize);
    all
}

/// Mixes two numbers into one that looks random (the finalizer of `SplitMix64`).
pub(super) const fn mix(number: u64, salt: u64) -> u64 {
    let mut mixed = number.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Converts a mixed number to a fraction, from 0 to below 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
pub(super) fn fraction(mixed: u64) -> f64 {
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// Number below `length` that hardly changes when `length` does (jump consistent hash, Lamping and Veach, 2014).
///
/// If `length` grows by one, the number moves to the new place with probability 1/`length` and stays otherwise.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "below 2^32")]
pub(super) fn consistent(mut key: u64, length: u32) -> u32 {
    let (mut chosen, mut next) = (0, 0);
    while next < u64::from(length) {
        chosen = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((chosen + 1) as f64 * ((1_u64 << 31) as f64 / ((key >> 33) + 1) as f64)) as u64;
    }
    chosen as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn draws_are_distinct_and_reach_every_number() {
        let mut rng = StdRng::seed_from_u64(1);
        for (length, count) in [(0, 3), (1, 1), (5, 9), (10, 10), (10, 3), (1000, 20)] {
            let drawn = distinct(length, count, &mut rng);
            let set: BTreeSet<_> = drawn.iter().copied().collect();
            assert_eq!((set.len(), drawn.len()), (drawn.len(), length.min(count) as usize));
            assert!(set.iter().all(|number| *number < length));
        }
        let reached: BTreeSet<u32> = (0..2000).flat_map(|_| distinct(100, 3, &mut rng)).collect();
        assert_eq!(reached.len(), 100);
    }

    #[test]
    fn a_consistent_choice_moves_only_to_the_new_place() {
        for key in (0..500).map(|key| mix(key, 7)) {
            let mut before = consistent(key, 1);
            for length in 2..200 {
                let after = consistent(key, length);
                assert!(after == before || after == length - 1, "{before} to {after} of {length}");
                before = after;
            }
        }
        let counts = (0..10_000).fold([0; 10], |mut counts, key| {
            counts[consistent(mix(key, 0), 10) as usize] += 1;
            counts
        });
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
