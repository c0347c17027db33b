//! Policy `random`: a uniform choice, as in a swarm that knows nothing of the network.

use rand::Rng;

use super::{Needs, Policy, Shares};
use crate::candidate::{Candidate, Candidates};
use crate::choice::{Choice, shuffle};

/// Chooses uniformly: the control of every experiment, and the fallback when nothing is known.
#[derive(Clone, Copy, Debug)]
pub struct Random;

impl Policy for Random {
    const SUMMARY: &str = "any holder";
    const NEEDS: Needs = Needs::Nothing;

    fn new(_: Shares) -> Self {
        Self
    }

    fn choose<C: Candidate, R: Rng + ?Sized>(
        &self,
        candidates: Candidates<'_, C>,
        keep: &[usize],
        limit: usize,
        rng: &mut R,
    ) -> Vec<usize> {
        let mut choice = Choice::keeping(keep, candidates.all.len(), limit);
        choice.draw(choice.free(), |_| Some(1.0), rng);
        choice.finish()
    }

    fn order<C: Candidate, R: Rng + ?Sized>(&self, _: Candidates<'_, C>, among: &[usize], rng: &mut R) -> Vec<usize> {
        shuffle(among.iter().map(|&index| (index, 1.0)), rng)
    }
}
