//! Random choice of a few out of many.

use rand::Rng;

/// Chooses indexes below `length` other than `except`: all where at most `limit` remain, else a random sample.
pub(super) fn sample(
    length: usize,
    except: Option<usize>,
    limit: usize,
    rng: &mut dyn Rng,
) -> impl Iterator<Item = usize> + use<> {
    let remaining = length - usize::from(except.is_some());
    let chosen = (remaining > limit).then(|| rand::seq::index::sample(rng, remaining, limit));
    let all = if chosen.is_some() { 0..0 } else { 0..remaining };
    // Indexes from the exception on move up by one.
    let skip = move |index: usize| index + usize::from(except.is_some_and(|except| index >= except));
    all.chain(chosen.into_iter().flatten()).map(skip)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn samples_are_distinct_and_leave_out_the_exception() {
        let mut rng = SmallRng::seed_from_u64(1);
        for except in [None, Some(0), Some(4), Some(9)] {
            for limit in 0..12 {
                let chosen: Vec<_> = sample(10, except, limit, &mut rng).collect();
                let distinct: BTreeSet<_> = chosen.iter().copied().collect();
                assert_eq!(distinct.len(), chosen.len());
                assert_eq!(chosen.len(), limit.min(10 - usize::from(except.is_some())));
                assert!(distinct.iter().all(|index| *index < 10 && Some(*index) != except));
            }
        }
    }
}
