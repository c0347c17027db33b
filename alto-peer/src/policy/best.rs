//! Policy `best`: the single cheapest holder.

use rand::Rng;

use super::{Candidates, Policy, PolicyName};

/// Always the one holder of least cost, and the next one only once that has failed or has nothing we lack.
///
/// Simple to explain and to predict, and unkind: all that live in the same place choose the same holder. Holders
/// without a cost come last; ties go to the lower address, so that two runs agree.
#[derive(Clone, Copy, Debug)]
pub struct Best;

impl Best {
    fn of(candidates: Candidates<'_>, among: impl Iterator<Item = usize>) -> Option<usize> {
        let rank = |&i: &usize| {
            let candidate = &candidates.all[i];
            (candidate.cost.filter(|cost| !cost.is_nan()).unwrap_or(f64::INFINITY), candidate.source)
        };
        among.min_by(|a, b| {
            let (a, b) = (rank(a), rank(b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        })
    }
}

impl Policy for Best {
    fn name(&self) -> PolicyName {
        PolicyName::Best
    }

    fn choose(&self, candidates: Candidates<'_>, _: &[usize], limit: usize, _: &mut dyn Rng) -> Vec<usize> {
        Self::of(candidates, 0..candidates.all.len()).into_iter().take(limit).collect()
    }

    fn order(&self, candidates: Candidates<'_>, holders: &[usize], _: &mut dyn Rng) -> Vec<usize> {
        Self::of(candidates, holders.iter().copied()).into_iter().collect()
    }
}
