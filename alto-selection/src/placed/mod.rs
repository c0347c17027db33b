//! Choice among candidates that are counted by place, as a tracker makes it for its announcing peers.
//!
//! A swarm may have a hundred thousand peers, and most of them announce every few minutes. The functions here therefore
//! never see a candidate: they see [`Group`]s, the numbers of candidates in each place, and return [`Pick`]s, which name
//! a candidate by its group and its position. The work depends on the number of places and of picks only.
//!
//! All policies return the same number of picks, so that they can be compared: the number that `alto` finds. Of `n`
//! wanted peers, `alto` gives
//!
//! 1. those of the own place, seeds first, then
//! 2. those of near places, where a place has a share that grows with its peers and shrinks with the square root of its
//!    cost (the concave transform of P4P, which prevents everybody from choosing the same cheapest few), then
//! 3. at most [`Wanted::outside`] of all others, whatever number of places is left free. Where neither the own nor a near
//!    place has a seed, these are the cheapest seeds, at least one. Otherwise they are drawn with a probability that
//!    shrinks with the cost, near candidates that 2 has left out among them: a peer with more near ones than places, and a
//!    seed among these, lacks nothing and is seldom sent further. Candidates of unknown cost count as the most expensive
//!    near ones.
//!
//! The draw of 3 depends on [`Wanted::identity`] and hardly changes while a swarm grows: a peer that announces again gets
//! the same outsiders again, not a few more each time.
//!
//! Picks are sorted: own place, near places by cost, others by cost, unknown costs last.

mod draw;
mod guided;
mod unguided;

use rand::Rng;

use crate::policy::PolicyName;

/// Location of a group relative to the peer that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Same place.
    Own,
    /// Place that is cheap to reach.
    Near,
    /// Place that is neither, or whose cost is unknown.
    Far,
}

/// Candidates of one place.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Number of candidates that have everything.
    pub seeds: u32,
    /// Number of candidates that have parts.
    pub leechers: u32,
    /// Location relative to the peer that asks.
    pub tier: Tier,
    /// Cost of the routes from the candidates to the peer that asks; `None` where it is unknown.
    pub cost: Option<f64>,
    /// Delay of these routes, by which the policy `nearest` goes; `None` where it is unknown.
    pub delay: Option<f64>,
}

/// Peers that an asking peer is to get.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Greatest number of picks.
    pub peers: usize,
    /// Greatest number of picks outside the own and near places.
    pub outside: usize,
    /// Whether the asking peer has everything, and thus has no use for seeds.
    pub seeding: bool,
    /// Number that is the same whenever the same peer asks about the same content, and that no peer can choose.
    pub identity: u64,
}

/// A candidate that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pick {
    /// Index of the group.
    pub group: usize,
    /// Whether it is one of the seeds of the group.
    pub seed: bool,
    /// Position among the seeds, or among the leechers, of the group.
    pub index: u32,
}

impl Group {
    /// Number of candidates that are of use to the asking peer.
    fn useful(&self, wanted: &Wanted) -> u32 {
        self.leechers + self.useful_seeds(wanted)
    }

    fn useful_seeds(&self, wanted: &Wanted) -> u32 {
        if wanted.seeding { 0 } else { self.seeds }
    }

    /// Candidate at a position among those that are of use, the seeds first.
    fn pick(&self, group: usize, wanted: &Wanted, position: u32) -> Pick {
        let seeds = self.useful_seeds(wanted);
        match position.checked_sub(seeds) {
            None => Pick { group, seed: true, index: position },
            Some(index) => Pick { group, seed: false, index },
        }
    }
}

/// Chooses candidates, without repetition, for a peer that asks.
pub fn choose_placed<R: Rng + ?Sized>(policy: PolicyName, groups: &[Group], wanted: &Wanted, rng: &mut R) -> Vec<Pick> {
    let plan = guided::Plan::new(groups, wanted);
    match policy {
        PolicyName::Alto => plan.picks(rng),
        PolicyName::Random => unguided::random(groups, wanted, plan.count(), rng),
        PolicyName::Nearest => unguided::cheapest(groups, wanted, plan.count(), |group| group.delay, rng),
        PolicyName::Best => unguided::cheapest(groups, wanted, plan.count(), |group| group.cost, rng),
    }
}
