//! Policy `random`: what a swarm does that knows nothing of the network.

use rand::Rng;

use super::draw::draw;
use super::{Candidates, Policy, PolicyName, kept};

/// Every holder is as good as any other: the control of every experiment, and what is left when nothing is known.
#[derive(Clone, Copy, Debug)]
pub struct Random;

impl Policy for Random {
    fn name(&self) -> PolicyName {
        PolicyName::Random
    }

    fn choose(&self, candidates: Candidates<'_>, keep: &[usize], limit: usize, rng: &mut dyn Rng) -> Vec<usize> {
        let mut chosen = kept(keep, candidates.all.len(), limit);
        let others: Vec<_> = (0..candidates.all.len()).filter(|i| !chosen.contains(i)).map(|i| (i, 1.0)).collect();
        chosen.extend(draw(&others, limit - chosen.len(), rng));
        chosen
    }

    fn order(&self, _: Candidates<'_>, holders: &[usize], rng: &mut dyn Rng) -> Vec<usize> {
        let holders: Vec<_> = holders.iter().map(|&i| (i, 1.0)).collect();
        draw(&holders, holders.len(), rng)
    }
}
