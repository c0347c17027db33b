//! Policy `nearest`: the candidates with the shortest round-trip times.

use rand::Rng;

use super::{Needs, Policy, Random, Shares};
use crate::candidate::{Candidate, Candidates};

/// Chooses the candidates with the shortest round-trip times, nearest first.
///
/// This is the "delay-localised" selection that P4P (Xie et al., SIGCOMM 2008, §7) was compared with. It needs no
/// server, and takes no account of what a path costs those who operate it. Candidates that could not be measured come
/// last.
#[derive(Clone, Copy, Debug)]
pub struct Nearest;

impl Policy for Nearest {
    const SUMMARY: &str = "holders with the shortest measured round trips";
    const NEEDS: Needs = Needs::RoundTrips;

    fn new(_: Shares) -> Self {
        Self
    }

    fn choose<C: Candidate, R: Rng + ?Sized>(
        &self,
        candidates: Candidates<'_, C>,
        _: &[usize],
        limit: usize,
        rng: &mut R,
    ) -> Vec<usize> {
        let all: Vec<usize> = (0..candidates.all.len()).collect();
        let mut chosen = self.order(candidates, &all, rng);
        chosen.truncate(limit);
        chosen
    }

    fn order<C: Candidate, R: Rng + ?Sized>(
        &self,
        candidates: Candidates<'_, C>,
        among: &[usize],
        rng: &mut R,
    ) -> Vec<usize> {
        // Shuffled before a stable sort, so that equally near candidates share the load.
        let mut order = Random.order(candidates, among, rng);
        order.sort_by_key(|&index| {
            let measured = candidates.all[index].round_trip();
            (measured.is_none(), measured)
        });
        order
    }
}
