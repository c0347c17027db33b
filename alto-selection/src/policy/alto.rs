//! Policy `alto`: mostly cheap candidates, and a bounded share of others so that a swarm stays connected.
//!
//! The design is that of the P4P application tracker (Xie et al., "P4P: Provider Portal for Applications", SIGCOMM 2008,
//! §6.2), with ALTO endpoint costs in the place of p-distances; RFC 5632 (the field trial at Comcast) found 90 % guided
//! and 10 % other neighbours to work well. Of `n` neighbours:
//!
//! 1. up to `own-pid` (70 %) come from the downloader's own PID;
//! 2. together with these, up to `own-neighbourhood` (80 %) come from PIDs that are near;
//! 3. the rest come from anywhere outside the own PID, near or far;
//! 4. places still free (a small swarm, or one within a single PID) are filled with any that are left.
//!
//! **Near** is a PID whose cost is at most the mean over all other PIDs with candidates. One link with a very high price
//! raises the mean, so that all PIDs this side of it are near; where there are two groups, the mean lies between them.
//! Without a network map every candidate counts as a PID of its own.
//!
//! **Weights.** In 1 and 2 candidates are drawn with weight `cost^-1/2`: the square root is P4P's concave transform,
//! which prevents everybody from choosing the same cheapest few. In 3 and 4 the weight is `1/cost`, so that a candidate
//! behind a link of very high price is hardly ever drawn while there are others, but always can be. A cost of zero counts
//! as a tenth of the least positive cost; a missing one (RFC 7285 omits what is undefined, such as a route that is down)
//! as ten times the largest.
//!
//! **Order.** In a small swarm everybody is a neighbour, so costs have to count again when a neighbour is asked for a
//! piece. With probability `own-neighbourhood` (80 %) the neighbours within the neighbourhood come first, otherwise all
//! take part; either way the next is drawn with weight `1/cost`. A neighbour that is busy with us is passed over for the
//! next one. Neighbours that cost more than ten times the cheapest are not asked at all while a cheaper one has something
//! that is wanted, even if all of those are busy.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};

use super::{Needs, Policy};
use crate::candidate::{Candidate, Candidates};
use crate::choice::{Choice, shuffle};

/// Multiple of the cheapest neighbour's cost above which a neighbour is a last resort.
const LAST_RESORT: f64 = 10.0;

/// Upper bounds on the share of neighbours from the downloader's surroundings, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Share from the downloader's own PID.
    pub own_pid: f64,
    /// Share from the own PID and near ones together.
    pub own_neighbourhood: f64,
}

/// Draws candidates by cost, within bounds on how many come from the own PID and from near ones.
#[derive(Clone, Copy, Debug)]
pub struct Alto {
    shares: Shares,
}

/// Location of a candidate relative to the downloader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Own,
    Near,
    Far,
}

impl Default for Shares {
    /// The defaults of P4P.
    fn default() -> Self {
        Self { own_pid: 0.7, own_neighbourhood: 0.8 }
    }
}

impl Policy for Alto {
    const SUMMARY: &str = "mostly holders of low cost, the lower the likelier, and a bounded share of others";
    const NEEDS: Needs = Needs::Costs;

    /// The policy with these bounds; values outside 0 to 1 count as the nearer end.
    fn new(shares: Shares) -> Self {
        let bounded = |share: f64| if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        Self {
            shares: Shares { own_pid: bounded(shares.own_pid), own_neighbourhood: bounded(shares.own_neighbourhood) },
        }
    }

    fn choose<C: Candidate, R: Rng + ?Sized>(
        &self,
        candidates: Candidates<'_, C>,
        keep: &[usize],
        limit: usize,
        rng: &mut R,
    ) -> Vec<usize> {
        let limit = limit.min(candidates.all.len());
        let costs = relative_costs(candidates.all);
        let places = places(candidates, &costs);
        let mut choice = Choice::keeping(keep, candidates.all.len(), limit);
        let mut stage = |from: &[Place], counted: &[Place], bound: usize, exponent: f64| {
            let room = bound.saturating_sub(choice.count(|index| counted.contains(&places[index])));
            let weight = |index: usize| from.contains(&places[index]).then(|| costs[index].powf(-exponent));
            choice.draw(room, weight, rng);
        };
        let all = &[Place::Own, Place::Near, Place::Far];
        stage(&[Place::Own], &[Place::Own], part(limit, self.shares.own_pid), 0.5);
        stage(&[Place::Near], &[Place::Own, Place::Near], part(limit, self.shares.own_neighbourhood), 0.5);
        stage(&[Place::Near, Place::Far], all, limit, 1.0);
        stage(all, all, limit, 1.0);
        choice.finish()
    }

    fn order<C: Candidate, R: Rng + ?Sized>(
        &self,
        candidates: Candidates<'_, C>,
        among: &[usize],
        rng: &mut R,
    ) -> Vec<usize> {
        let costs = relative_costs(candidates.all);
        // Not below 1, the least positive cost: a free candidate must not make everything else a last resort.
        let cheapest = among.iter().map(|&index| costs[index]).fold(f64::INFINITY, f64::min).max(1.0);
        let affordable = among.iter().filter(|&&index| costs[index] <= cheapest * LAST_RESORT);
        let order = shuffle(affordable.map(|&index| (index, costs[index].recip())), rng);
        if !rng.random_bool(self.shares.own_neighbourhood) {
            return order;
        }
        let places = places(candidates, &costs);
        let (mut order, far): (Vec<_>, Vec<_>) = order.into_iter().partition(|&index| places[index] != Place::Far);
        order.extend(far);
        order
    }
}

/// Number of places that a share of `limit` is; at least one for a positive share, so that a peer with few neighbours
/// still prefers its own surroundings.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a clamped share of a small number")]
#[expect(clippy::cast_precision_loss, reason = "neighbours are few")]
fn part(limit: usize, share: f64) -> usize {
    if share <= 0.0 { 0 } else { ((limit as f64 * share).round() as usize).max(1) }
}

/// Costs in units of the least positive one, all of them positive and finite.
fn relative_costs<C: Candidate>(candidates: &[C]) -> Vec<f64> {
    let known = |candidate: &C| candidate.cost().filter(|cost| !cost.is_nan());
    let positive = || candidates.iter().filter_map(known).filter(|cost| *cost > 0.0);
    let least = positive().fold(f64::INFINITY, f64::min);
    let unit = if least.is_finite() { least } else { 1.0 };
    let missing = positive().fold(unit, f64::max) / unit * 10.0;
    candidates.iter().map(|c| known(c).map_or(missing, |cost| cost / unit).clamp(0.1, 1e9)).collect()
}

/// Locations of the candidates.
fn places<C: Candidate>(candidates: Candidates<'_, C>, costs: &[f64]) -> Vec<Place> {
    let is_own = |candidate: &C| candidates.own_pid.is_some() && candidate.pid() == candidates.own_pid;
    // Sum and count of the costs in each PID but the own; candidates without a PID stand for themselves.
    let mut pids: BTreeMap<&C::Pid, (f64, f64)> = BTreeMap::new();
    let (mut sum_of_means, mut groups) = (0.0, 0.0);
    for (candidate, &cost) in candidates.all.iter().zip(costs).filter(|(candidate, _)| !is_own(candidate)) {
        if let Some(pid) = candidate.pid() {
            let (sum, count) = pids.entry(pid).or_default();
            *sum += cost;
            *count += 1.0;
        } else {
            sum_of_means += cost;
            groups += 1.0;
        }
    }
    for (sum, count) in pids.values() {
        sum_of_means += sum / count;
        groups += 1.0;
    }
    // Slightly more than the mean, so that rounding does not separate equal costs.
    let near = sum_of_means / groups * (1.0 + 1e-9);
    let place = |(candidate, &cost): (&C, &f64)| {
        if is_own(candidate) {
            return Place::Own;
        }
        let mean = candidate.pid().and_then(|pid| pids.get(pid)).map_or(cost, |(sum, count)| sum / count);
        if mean <= near { Place::Near } else { Place::Far }
    };
    candidates.all.iter().zip(costs).map(place).collect()
}
