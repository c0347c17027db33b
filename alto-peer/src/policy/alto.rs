//! Policy `alto`: mostly cheap holders, and a bounded share of others so that a swarm never falls apart.
//!
//! The shape is that of the P4P application tracker (Xie et al., "P4P: Provider Portal for Applications", SIGCOMM 2008,
//! §6.2), with ALTO endpoint costs in the place of p-distances; RFC 5632 (the field trial at Comcast) found 90 % guided
//! and 10 % other neighbours to do well. Of `n` neighbours:
//!
//! 1. up to `own-pid` (70 %) come from the PID we are in ourselves;
//! 2. together with these, up to `own-neighbourhood` (80 %) from PIDs that are near;
//! 3. the rest from anywhere outside our own PID, near or far;
//! 4. places still free (a small swarm, all of it in one PID) go to whoever is left.
//!
//! **Near** is a PID that costs no more than the mean over all other PIDs that have holders. One link with a very high
//! price raises the mean, so then all that need not cross it are near; where there are two groups, the mean lies between
//! them. Without a network map every holder counts as a PID of its own.
//!
//! **Weights.** In 1 and 2 holders are drawn with weight `cost^-1/2`: the square root is P4P's concave transform, which
//! keeps the cheapest few from being everybody's choice. In 3 and 4 the weight is `1/cost`, so that a holder behind a
//! link of very high price is nearly never drawn while there are others, but always can be. A cost of zero counts as a
//! tenth of the least positive cost; a missing one (RFC 7285 leaves out what is undefined, such as a way that is down)
//! as ten times the largest.
//!
//! **Order.** Small swarms are neighbours all, so costs have to count once more when one of them is asked. With a chance
//! of `own-neighbourhood` (80 %) those of the neighbourhood come first, and only else does everybody take part; both
//! times the next is drawn with weight `1/cost`. Who is busy with us is passed over for the next one. Neighbours that
//! cost more than ten times the cheapest one are not asked at all as long as a cheaper one has something we want, even
//! where all of those are busy.

use std::collections::BTreeMap;

use alto_types::PidName;
use rand::{Rng, RngExt};

use super::draw::draw;
use super::{Candidate, Candidates, Policy, PolicyName, kept};

/// A neighbour that costs this many times the cheapest one is a last resort.
const LAST_RESORT: f64 = 10.0;

/// Upper bounds on the neighbours from where we are ourselves, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// From our own PID.
    pub own_pid: f64,
    /// From our own PID and those near to it.
    pub own_neighbourhood: f64,
}

/// Cost-weighted selection; see the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct Alto {
    shares: Shares,
}

/// Where a candidate is, seen from us.
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

impl Alto {
    /// With these bounds; what is no share counts as the nearest one.
    pub fn new(shares: Shares) -> Self {
        let sane = |share: f64| if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        Self { shares: Shares { own_pid: sane(shares.own_pid), own_neighbourhood: sane(shares.own_neighbourhood) } }
    }
}

impl Policy for Alto {
    fn name(&self) -> PolicyName {
        PolicyName::Alto
    }

    fn choose(&self, candidates: Candidates<'_>, keep: &[usize], limit: usize, rng: &mut dyn Rng) -> Vec<usize> {
        let limit = limit.min(candidates.all.len());
        let costs = relative_costs(candidates.all);
        let places = places(candidates, &costs);
        let mut chosen = kept(keep, candidates.all.len(), limit);
        let mut stage = |from: &[Place], counted: &[Place], up_to: usize, exponent: f64| {
            let have = chosen.iter().filter(|&&i| counted.contains(&places[i])).count();
            let room = up_to.saturating_sub(have).min(limit - chosen.len());
            let pool: Vec<_> = (0..places.len())
                .filter(|i| from.contains(&places[*i]) && !chosen.contains(i))
                .map(|i| (i, costs[i].powf(-exponent)))
                .collect();
            chosen.extend(draw(&pool, room, rng));
        };
        let all = &[Place::Own, Place::Near, Place::Far];
        stage(&[Place::Own], &[Place::Own], part(limit, self.shares.own_pid), 0.5);
        stage(&[Place::Near], &[Place::Own, Place::Near], part(limit, self.shares.own_neighbourhood), 0.5);
        stage(&[Place::Near, Place::Far], all, limit, 1.0);
        stage(all, all, limit, 1.0);
        chosen
    }

    fn order(&self, candidates: Candidates<'_>, holders: &[usize], rng: &mut dyn Rng) -> Vec<usize> {
        let costs = relative_costs(candidates.all);
        // Not below 1, the least positive cost: what is free must not make everything else a last resort.
        let cheapest = holders.iter().map(|&i| costs[i]).fold(f64::INFINITY, f64::min).max(1.0);
        let asked: Vec<_> =
            holders.iter().filter(|&&i| costs[i] <= cheapest * LAST_RESORT).map(|&i| (i, costs[i].recip())).collect();
        let order = draw(&asked, asked.len(), rng);
        if !rng.random_bool(self.shares.own_neighbourhood) {
            return order;
        }
        let places = places(candidates, &costs);
        let (mut order, far): (Vec<_>, Vec<_>) = order.into_iter().partition(|&i| places[i] != Place::Far);
        order.extend(far);
        order
    }
}

/// How many of `limit` a share is; never none, so that a peer with few neighbours still prefers its own place.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a clamped share of a small number")]
#[expect(clippy::cast_precision_loss, reason = "neighbours are few")]
fn part(limit: usize, share: f64) -> usize {
    if share <= 0.0 { 0 } else { ((limit as f64 * share).round() as usize).max(1) }
}

/// Costs in units of the least positive one, every one of them positive and finite.
fn relative_costs(candidates: &[Candidate]) -> Vec<f64> {
    let known = |candidate: &Candidate| candidate.cost.filter(|cost| !cost.is_nan());
    let positive = || candidates.iter().filter_map(known).filter(|cost| *cost > 0.0);
    let least = positive().fold(f64::INFINITY, f64::min);
    let unit = if least.is_finite() { least } else { 1.0 };
    let missing = positive().fold(unit, f64::max) / unit * 10.0;
    candidates.iter().map(|c| known(c).map_or(missing, |cost| cost / unit).clamp(0.1, 1e9)).collect()
}

/// Where each candidate is.
fn places(candidates: Candidates<'_>, costs: &[f64]) -> Vec<Place> {
    let own = |candidate: &Candidate| candidates.own_pid.is_some() && candidate.pid.as_ref() == candidates.own_pid;
    // The mean cost of each PID but our own; holders without a PID stand for themselves.
    let mut pids: BTreeMap<&PidName, (f64, f64)> = BTreeMap::new();
    let mut alone = Vec::new();
    for (candidate, &cost) in candidates.all.iter().zip(costs).filter(|(candidate, _)| !own(candidate)) {
        if let Some(pid) = &candidate.pid {
            let (sum, count) = pids.entry(pid).or_default();
            *sum += cost;
            *count += 1.0;
        } else {
            alone.push(cost);
        }
    }
    let means: BTreeMap<&PidName, f64> = pids.into_iter().map(|(pid, (sum, count))| (pid, sum / count)).collect();
    let groups = || means.values().chain(&alone);
    let (sum, count) = groups().fold((0.0, 0.0), |(sum, count), cost| (sum + cost, count + 1.0));
    // A little more than the mean, so that rounding does not tear equals apart.
    let near = sum / count * (1.0 + 1e-9);
    let place = |candidate: &Candidate, cost: f64| {
        let cost = candidate.pid.as_ref().and_then(|pid| means.get(pid)).copied().unwrap_or(cost);
        if cost <= near { Place::Near } else { Place::Far }
    };
    let of = |(candidate, &cost)| if own(candidate) { Place::Own } else { place(candidate, cost) };
    candidates.all.iter().zip(costs).map(of).collect()
}
