//! Weighted draws without replacement, and a choice that is built up from several of them.

use std::cmp::Ordering;

use rand::{Rng, RngExt};

/// A choice under construction: the indices chosen so far, without repetition.
#[derive(Debug)]
pub(crate) struct Choice {
    chosen: Vec<usize>,
    taken: Vec<bool>,
    limit: usize,
    /// Buffer shared by the draws.
    lottery: Lottery,
}

/// Buffer of a weighted draw: arrival times and items.
#[derive(Debug, Default)]
struct Lottery(Vec<(f64, usize)>);

impl Choice {
    /// Starts with the indices in `keep` that exist, as far as the limit allows.
    pub(crate) fn keeping(keep: &[usize], len: usize, limit: usize) -> Self {
        let limit = limit.min(len);
        let mut choice =
            Self { chosen: Vec::with_capacity(limit), taken: vec![false; len], limit, lottery: Lottery::default() };
        keep.iter().filter(|&&index| index < len).for_each(|&index| choice.take(index));
        choice
    }

    /// Number of places that are still free.
    pub(crate) fn free(&self) -> usize {
        self.limit - self.chosen.len()
    }

    /// Number of chosen indices that satisfy the predicate.
    pub(crate) fn count(&self, predicate: impl Fn(usize) -> bool) -> usize {
        self.chosen.iter().filter(|&&index| predicate(index)).count()
    }

    /// Fills up to `places` free places by a draw among the indices not chosen yet that have a weight.
    pub(crate) fn draw<R: Rng + ?Sized>(&mut self, places: usize, weight: impl Fn(usize) -> Option<f64>, rng: &mut R) {
        let places = places.min(self.free());
        if places == 0 {
            return;
        }
        let remaining = (0..self.taken.len()).filter(|&index| !self.taken[index]);
        self.lottery.fill(remaining.filter_map(|index| Some((index, weight(index)?))), rng);
        for &(_, index) in self.lottery.first(places) {
            self.taken[index] = true;
            self.chosen.push(index);
        }
    }

    /// The chosen indices, in the order in which they were chosen.
    pub(crate) fn finish(self) -> Vec<usize> {
        self.chosen
    }

    fn take(&mut self, index: usize) {
        if self.free() > 0 && !std::mem::replace(&mut self.taken[index], true) {
            self.chosen.push(index);
        }
    }
}

impl Lottery {
    /// Enters items with positive weights.
    ///
    /// Each item gets an exponentially distributed arrival time at the rate of its weight. The order of arrival is that
    /// of successive draws without replacement, each with probabilities in proportion to the weights of those left
    /// (Efraimidis and Spirakis, 2006).
    fn fill<R: Rng + ?Sized>(&mut self, items: impl Iterator<Item = (usize, f64)>, rng: &mut R) {
        self.0.clear();
        self.0.extend(items.map(|(item, weight)| {
            // In (0, 1], so that the logarithm is finite.
            let uniform = 1.0 - rng.random::<f64>();
            (-uniform.ln() / weight, item)
        }));
    }

    /// The first `count` entries in order of arrival. The others are not sorted.
    fn first(&mut self, count: usize) -> &[(f64, usize)] {
        let by_arrival = |a: &(f64, usize), b: &(f64, usize)| -> Ordering { a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)) };
        let count = count.min(self.0.len());
        if (1..self.0.len()).contains(&count) {
            self.0.select_nth_unstable_by(count - 1, by_arrival);
        }
        let first = &mut self.0[..count];
        first.sort_unstable_by(by_arrival);
        first
    }
}

/// Orders all items by successive weighted draws. Weights must be positive.
pub(crate) fn shuffle<R: Rng + ?Sized>(items: impl Iterator<Item = (usize, f64)>, rng: &mut R) -> Vec<usize> {
    let mut lottery = Lottery::default();
    lottery.fill(items, rng);
    lottery.first(usize::MAX).iter().map(|&(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn drawn(weights: &[f64], count: usize, rng: &mut StdRng) -> Vec<usize> {
        let mut choice = Choice::keeping(&[], weights.len(), count);
        choice.draw(count, |index| Some(weights[index]), rng);
        choice.finish()
    }

    #[test]
    fn the_first_draw_follows_the_weights() {
        let mut rng = StdRng::seed_from_u64(1);
        let ones: usize = (0..4000).map(|_| drawn(&[1.0, 3.0], 1, &mut rng)[0]).sum();
        assert!((2850..=3150).contains(&ones), "{ones} of 4000, 3000 expected");
    }

    #[test]
    fn every_item_is_drawn_exactly_once() {
        let mut rng = StdRng::seed_from_u64(2);
        let weights: Vec<f64> = (0..20).map(|i| 10f64.powi(i - 10)).collect();
        let mut all = shuffle(weights.iter().copied().enumerate(), &mut rng);
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert!(shuffle(std::iter::empty(), &mut rng).is_empty());
        assert!(drawn(&[], 3, &mut rng).is_empty());
    }

    #[test]
    fn a_short_draw_is_the_beginning_of_a_long_one() {
        let weights: Vec<f64> = (1..=50).map(f64::from).collect();
        let long = drawn(&weights, 50, &mut StdRng::seed_from_u64(3));
        for count in [0, 1, 7, 49] {
            assert_eq!(drawn(&weights, count, &mut StdRng::seed_from_u64(3)), long[..count]);
        }
    }

    #[test]
    fn kept_indices_come_first_and_only_once() {
        let mut choice = Choice::keeping(&[3, 9, 3, 1, 0], 5, 4);
        assert_eq!((choice.free(), choice.count(|index| index > 0)), (1, 2));
        choice.draw(9, |index| (index != 2).then_some(1.0), &mut StdRng::seed_from_u64(1));
        assert_eq!(choice.finish(), [3, 1, 0, 4]);
    }
}
