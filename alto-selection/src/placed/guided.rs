//! The policy `alto` over groups: own place, near places, and a bounded number of others.

use rand::{Rng, RngExt};

use super::draw::{consistent, distinct, fraction, mix};
use super::{Group, Pick, Tier, Wanted};

/// Numbers of peers of each tier that a peer gets.
pub(super) struct Plan<'a> {
    groups: &'a [Group],
    wanted: &'a Wanted,
    /// Indices of the groups that have a useful candidate, sorted by tier and cost, unknown costs last.
    order: Vec<usize>,
    own: u32,
    near: u32,
    far: u32,
    /// Whether the own or a near place has a seed, or none is needed.
    seeded: bool,
}

/// Tries for each place of an outsider before the next free candidate is taken.
const TRIES: u64 = 8;

impl<'a> Plan<'a> {
    pub(super) fn new(groups: &'a [Group], wanted: &'a Wanted) -> Self {
        let mut order: Vec<usize> = (0..groups.len()).filter(|&index| groups[index].useful(wanted) > 0).collect();
        let rank = |index: &usize| (groups[*index].tier, known(&groups[*index]).unwrap_or(f64::INFINITY));
        order.sort_unstable_by(|a, b| {
            let (one, other) = (rank(a), rank(b));
            one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)).then(a.cmp(b))
        });
        let total = |tier: Tier| {
            let of_tier = order.iter().map(|&index| &groups[index]).filter(|group| group.tier == tier);
            of_tier.fold(0_u32, |sum, group| sum.saturating_add(group.useful(wanted)))
        };
        let has_seed = |far: bool| {
            let of_tier = order.iter().map(|&index| &groups[index]).filter(|group| (group.tier == Tier::Far) == far);
            of_tier.map(|group| group.seeds).any(|seeds| seeds > 0)
        };
        let seeded = wanted.seeding || has_seed(false);
        let peers = u32::try_from(wanted.peers).unwrap_or(u32::MAX);
        // Without a seed inside and outside, nobody can be sure to finish.
        let outside = u32::try_from(wanted.outside).unwrap_or(u32::MAX).max(u32::from(!seeded && has_seed(true)));
        let outside = outside.min(total(Tier::Far));
        let inside = total(Tier::Own).saturating_add(total(Tier::Near)).min(peers - outside.min(peers / 2));
        let own = total(Tier::Own).min(inside);
        Self { groups, wanted, order, own, near: inside - own, far: outside.min(peers - inside), seeded }
    }

    /// Number of picks.
    pub(super) fn count(&self) -> u32 {
        self.own + self.near + self.far
    }

    pub(super) fn picks<R: Rng + ?Sized>(&self, rng: &mut R) -> Vec<Pick> {
        let mut picks = Vec::with_capacity(self.count() as usize);
        self.inside(Tier::Own, self.own, &mut picks, rng);
        self.inside(Tier::Near, self.near, &mut picks, rng);
        if self.seeded {
            // Near candidates without a place take part: where they abound, hardly anybody has to look further.
            self.fill(&[Tier::Near, Tier::Far], picks.len(), &mut picks);
        } else {
            self.seeds_outside(&mut picks);
        }
        let rank = |pick: &Pick| {
            let group = &self.groups[pick.group];
            (group.tier, known(group).unwrap_or(f64::INFINITY))
        };
        picks[self.own as usize..].sort_by(|a, b| {
            let (one, other) = (rank(a), rank(b));
            one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
        });
        picks
    }

    fn tier(&self, tier: Tier) -> impl Iterator<Item = (usize, &'a Group)> {
        let groups = self.groups;
        self.order.iter().map(move |&index| (index, &groups[index])).filter(move |(_, group)| group.tier == tier)
    }

    /// Takes `count` candidates of a tier: from each group a share by size and cost, then what is missing from the
    /// cheapest.
    fn inside<R: Rng + ?Sized>(&self, tier: Tier, count: u32, picks: &mut Vec<Pick>, rng: &mut R) {
        if count == 0 {
            return;
        }
        let mut shares: Vec<(usize, &Group, u32)> = self.tier(tier).map(|(index, group)| (index, group, 0)).collect();
        let weight =
            |group: &Group| f64::from(group.useful(self.wanted)) / known(group).unwrap_or(1.0).max(1e-6).sqrt();
        let total: f64 = shares.iter().map(|(_, group, _)| weight(group)).sum();
        let mut left = count;
        for (_, group, share) in &mut shares {
            let part = f64::from(count) * weight(group) / total;
            // Rounded at random, so that small places get their share over time.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the count")]
            let rounded = (part + rng.random::<f64>()) as u32;
            *share = rounded.min(group.useful(self.wanted)).min(left);
            left -= *share;
        }
        for (index, group, share) in shares {
            let more = left.min(group.useful(self.wanted) - share);
            left -= more;
            self.take(index, group, share + more, picks, rng);
        }
    }

    /// Takes `count` candidates of a group, seeds first. If not all fit, half of them are leechers, which need pieces.
    fn take<R: Rng + ?Sized>(&self, index: usize, group: &Group, count: u32, picks: &mut Vec<Pick>, rng: &mut R) {
        let seeds = group.useful_seeds(self.wanted);
        let leechers = group.leechers.min(count - seeds.min(count.div_ceil(2)));
        let drawn = distinct(seeds, count - leechers, rng).into_iter().map(|index| (true, index));
        let drawn = drawn.chain(distinct(group.leechers, leechers, rng).into_iter().map(|index| (false, index)));
        picks.extend(drawn.map(|(seed, place)| Pick { group: index, seed, index: place }));
    }

    /// Takes seeds from the cheapest places outside, then other candidates if there are not enough of them.
    fn seeds_outside(&self, picks: &mut Vec<Pick>) {
        let first = picks.len();
        let mut left = self.far;
        for (index, group) in self.tier(Tier::Far) {
            let count = left.min(group.seeds);
            let salt = index as u64;
            for number in 0..count {
                let key = mix(self.wanted.identity, salt ^ u64::from(number) << 32);
                let place = consistent(key, group.seeds);
                // Distinct, because fewer are taken than there are.
                let free = (0..group.seeds).map(|step| (place + step) % group.seeds);
                let pick = |place| Pick { group: index, seed: true, index: place };
                picks.extend(free.map(pick).find(|pick| !picks[first..].contains(pick)));
            }
            left -= count;
        }
        if left > 0 {
            // Without near seeds, pieces may be far away only.
            self.fill(&[Tier::Far], first, picks);
        }
    }

    /// Draws further candidates of some tiers until there are enough from position `first` of the picks on. The same peer
    /// gets the same ones whenever it asks.
    fn fill(&self, tiers: &[Tier], first: usize, picks: &mut Vec<Pick>) {
        let groups: Vec<(usize, &Group)> = tiers.iter().flat_map(|tier| self.tier(*tier)).collect();
        let greatest = |tier: Tier| {
            let of_tier = groups.iter().filter(|(_, group)| group.tier == tier);
            of_tier.filter_map(|(_, group)| known(group)).reduce(f64::max)
        };
        let unknown = greatest(Tier::Near).or_else(|| greatest(Tier::Far)).unwrap_or(1.0);
        let cost = |group: &Group| known(group).unwrap_or(unknown).max(1e-6);
        let mut ends = Vec::with_capacity(groups.len());
        let total = groups.iter().fold(0.0, |sum, (_, group)| {
            let end = sum + f64::from(group.useful(self.wanted)) / cost(group);
            ends.push(end);
            end
        });
        let enough = first + self.far as usize;
        let mut salt = 1;
        while picks.len() < enough && salt <= u64::from(self.far) * TRIES {
            let key = mix(self.wanted.identity, salt);
            let place = ends.partition_point(|end| *end <= fraction(key) * total).min(groups.len() - 1);
            let (index, group) = groups[place];
            let pick = group.pick(index, self.wanted, consistent(mix(key, salt), group.useful(self.wanted)));
            if !picks.contains(&pick) {
                picks.push(pick);
            }
            salt += 1;
        }
        // What the tries did not fill is almost all that there is, so the next free candidates are soon found.
        let all = groups.iter().flat_map(|&(index, group)| {
            (0..group.useful(self.wanted)).map(move |position| group.pick(index, self.wanted, position))
        });
        let missing = enough.saturating_sub(picks.len());
        let chosen: Vec<Pick> = if missing > 0 { picks.clone() } else { Vec::new() };
        picks.extend(all.filter(|pick| !chosen.contains(pick)).take(missing));
    }
}

fn known(group: &Group) -> Option<f64> {
    group.cost.filter(|cost| cost.is_finite())
}
