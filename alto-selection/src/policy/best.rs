//! Policy `best`: the single cheapest candidate.

use std::net::SocketAddr;

use rand::Rng;

use super::{Needs, Policy, Shares};
use crate::candidate::{Candidate, Candidates};

/// Chooses the candidate of least cost; the next one only once that has failed or has nothing that is wanted.
///
/// Simple to explain and to predict, but it concentrates load: all downloaders at one location choose the same holder.
/// Candidates without a cost come last; ties go to the lower address, so that two runs agree.
#[derive(Clone, Copy, Debug)]
pub struct Best;

impl Best {
    fn cheapest<C: Candidate>(candidates: Candidates<'_, C>, among: impl Iterator<Item = usize>) -> Option<usize> {
        let rank = |index: usize| -> (f64, SocketAddr) {
            let candidate = &candidates.all[index];
            let cost = candidate.cost().filter(|cost| !cost.is_nan());
            (cost.unwrap_or(f64::INFINITY), candidate.address())
        };
        among.min_by(|&a, &b| {
            let (a, b) = (rank(a), rank(b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        })
    }
}

impl Policy for Best {
    const SUMMARY: &str =
        "always the holder of least cost, and the next one only if that fails or has no piece to give";
    const NEEDS: Needs = Needs::Costs;

    fn new(_: Shares) -> Self {
        Self
    }

    fn choose<C: Candidate, R: Rng + ?Sized>(
        &self,
        candidates: Candidates<'_, C>,
        _: &[usize],
        limit: usize,
        _: &mut R,
    ) -> Vec<usize> {
        Self::cheapest(candidates, 0..candidates.all.len()).into_iter().take(limit).collect()
    }

    fn order<C: Candidate, R: Rng + ?Sized>(
        &self,
        candidates: Candidates<'_, C>,
        among: &[usize],
        _: &mut R,
    ) -> Vec<usize> {
        Self::cheapest(candidates, among.iter().copied()).into_iter().collect()
    }
}
