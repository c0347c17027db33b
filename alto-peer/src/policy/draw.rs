//! Weighted draws without replacement.

use rand::{Rng, RngExt};

/// Draws up to `count` of the items, each time with probabilities in proportion to the weights of those left.
///
/// One exponential variate of rate `weight` per item, the smallest first, is the same lottery without drawing again
/// and again (Efraimidis and Spirakis, 2006). Weights must be positive.
pub(super) fn draw(items: &[(usize, f64)], count: usize, rng: &mut dyn Rng) -> Vec<usize> {
    let mut arrivals: Vec<(f64, usize)> = items
        .iter()
        .map(|&(item, weight)| {
            // In (0, 1], so that the logarithm is finite.
            let uniform = 1.0 - rng.random::<f64>();
            (-uniform.ln() / weight, item)
        })
        .collect();
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    arrivals.into_iter().take(count).map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_first_draw_follows_the_weights() {
        let mut rng = StdRng::seed_from_u64(1);
        let firsts = |rng: &mut StdRng| draw(&[(0, 1.0), (1, 3.0)], 1, rng)[0];
        let ones: usize = (0..4000).map(|_| firsts(&mut rng)).sum();
        assert!((2850..=3150).contains(&ones), "{ones} of 4000, 3000 expected");
    }

    #[test]
    fn everything_is_drawn_once() {
        let mut rng = StdRng::seed_from_u64(2);
        let items: Vec<_> = (0..20).map(|i| (i, 10f64.powi(i32::try_from(i).unwrap() - 10))).collect();
        let mut drawn = draw(&items, 100, &mut rng);
        drawn.sort_unstable();
        assert_eq!(drawn, (0..20).collect::<Vec<_>>());
        assert!(draw(&[], 3, &mut rng).is_empty());
    }
}
