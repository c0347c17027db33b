//! Policy `nearest`: what a peer can find out by itself.

use rand::Rng;

use super::{Candidates, Policy, PolicyName, Random};

/// The holders of the shortest round trips, nearest first.
///
/// This is the "delay-localised" selection that P4P (Xie et al., SIGCOMM 2008, §7) was compared with. It needs no
/// server, and knows nothing of what a path costs those who run it. Holders that could not be measured come last.
#[derive(Clone, Copy, Debug)]
pub struct Nearest;

impl Policy for Nearest {
    fn name(&self) -> PolicyName {
        PolicyName::Nearest
    }

    fn choose(&self, candidates: Candidates<'_>, _: &[usize], limit: usize, rng: &mut dyn Rng) -> Vec<usize> {
        let all: Vec<usize> = (0..candidates.all.len()).collect();
        let mut chosen = self.order(candidates, &all, rng);
        chosen.truncate(limit);
        chosen
    }

    fn order(&self, candidates: Candidates<'_>, holders: &[usize], rng: &mut dyn Rng) -> Vec<usize> {
        // Shuffled before a stable sort: equals share the load.
        let mut order = Random.order(candidates, holders, rng);
        order.sort_by_key(|&i| {
            let measured = candidates.all[i].round_trip;
            (measured.is_none(), measured)
        });
        order
    }
}
