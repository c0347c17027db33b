//! All holders of the file that a download knows, and which of them are neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alto_types::PidName;
use alto_types::swarm::Holder as Listing;

use super::holder::{Holder, Place, RoundTrip, Standing};
use super::policy_in_force::RoundTrips;
use super::protocol::Following;
use super::reselection::Scope;
use crate::content::Bitfield;
use crate::download::helpers::cost_view::CostView;
use crate::policy::Metrics;

/// Maximum number of holders considered at a time.
pub(super) const MAX_HOLDERS: usize = 200;
/// Time after which a neighbour that has nothing for us gives its place to another...
const IDLE: Duration = Duration::from_secs(3);
/// ...and time after which it can have a place again.
const PARKED: Duration = Duration::from_secs(15);
/// Relative change below which a cost changes no choice.
const NOTEWORTHY: f64 = 0.1;
/// Number of missing pieces after which a holder counts as one that left.
const MAX_MISSES: u32 = 3;

/// The known holders.
///
/// Invariants: the rarity of a piece is the number of neighbours with a part of the file that have it; banned holders are
/// no neighbours; complete holders are not followed; there are at most twice [`MAX_HOLDERS`].
#[derive(Debug)]
pub(super) struct Holders {
    known: BTreeMap<SocketAddr, Holder>,
    /// Number of pieces of the file.
    pieces: usize,
    /// Number of neighbours with a part of the file that have each piece.
    rarity: Vec<u32>,
    own_pid: Option<PidName>,
    /// Metrics of the holders' costs.
    metrics: Metrics,
}

/// Consequences of new costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CostChange {
    /// True if any holder has a cost.
    pub(super) useful: bool,
    /// Extent to which neighbours should be chosen again.
    pub(super) reselect: Scope,
    /// True if the costs of a listed holder were not asked for.
    pub(super) incomplete: bool,
}

/// Consequence of a piece that a holder did not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// The holder is not known.
    Unknown,
    /// The piece, or whatever was only assumed, is struck off its list.
    Corrected,
    /// There were too many misses.
    TooMany,
}

impl Holders {
    /// An empty set of holders, for a file with this number of pieces.
    pub(super) fn new(pieces: usize, metrics: Metrics) -> Self {
        Self { known: BTreeMap::new(), pieces, rarity: vec![0; pieces], own_pid: None, metrics }
    }

    /// The holder at this address.
    pub(super) fn get(&self, source: SocketAddr) -> Option<&Holder> {
        self.known.get(&source)
    }

    /// The holder at this address, for changes that concern neither its place nor its pieces.
    pub(super) fn get_mut(&mut self, source: SocketAddr) -> Option<&mut Holder> {
        self.known.get_mut(&source)
    }

    /// All holders, by address.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Holder> + Clone {
        self.known.values()
    }

    /// The neighbours, by address.
    pub(super) fn neighbours(&self) -> impl Iterator<Item = &Holder> + Clone {
        self.iter().filter(|holder| holder.is_neighbour())
    }

    /// Number of neighbours with a part of the file that have each piece.
    pub(super) fn rarity(&self) -> &[u32] {
        &self.rarity
    }

    /// PID of this peer.
    pub(super) fn own_pid(&self) -> Option<&PidName> {
        self.own_pid.as_ref()
    }

    /// Metrics of the holders' costs.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// True if every holder that could be asked has the whole file, so that nobody else is downloading it.
    pub(super) fn are_all_complete(&self) -> bool {
        self.iter().filter(|holder| holder.listed && !holder.is_banned()).all(Holder::is_complete)
    }

    /// The only holder of the whole file, while several others download it and can pass on what it sends.
    pub(super) fn only_source(&self) -> Option<&Holder> {
        let known = self.iter().filter(|holder| holder.listed && !holder.is_banned());
        let (complete, others): (Vec<_>, Vec<_>) = known.partition(|holder| holder.is_complete());
        if let [only] = complete[..] { (others.len() >= 2).then_some(only) } else { None }
    }

    /// Number of holders that can be chosen as neighbours, or are.
    pub(super) fn eligible(&self, now: Instant) -> usize {
        self.iter().filter(|holder| holder.is_eligible(now)).count()
    }

    /// Takes over the registry's list; returns the holders that are new. Holders that are neither listed, nor of use, nor
    /// `busy` are forgotten; banned ones are not.
    pub(super) fn list(&mut self, listed: &[Listing], busy: impl Fn(SocketAddr) -> bool) -> Vec<SocketAddr> {
        let sources: BTreeSet<SocketAddr> = listed.iter().map(|h| SocketAddr::new(h.address, h.port)).collect();
        for holder in self.known.values_mut() {
            holder.listed = sources.contains(&holder.source);
        }
        self.known.retain(|_, holder| {
            let used = holder.is_neighbour() || busy(holder.source) || holder.contribution.pieces > 0;
            holder.listed || holder.is_banned() || used
        });
        let mut added = Vec::new();
        for listing in listed {
            let source = SocketAddr::new(listing.address, listing.port);
            if let Some(holder) = self.known.get_mut(&source) {
                holder.name.clone_from(&listing.name);
                if listing.complete && !holder.is_complete() && holder.misses == 0 {
                    self.set_pieces(source, Bitfield::full(self.pieces));
                }
            } else if self.known.len() < 2 * MAX_HOLDERS {
                self.known.insert(source, Holder::new(listing, self.pieces));
                added.push(source);
            }
        }
        added
    }

    /// Takes over new costs.
    pub(super) fn set_costs(&mut self, view: CostView) -> CostChange {
        let (mut useful, mut incomplete, mut added, mut changed) = (false, false, false, self.metrics != view.metrics);
        self.metrics = view.metrics;
        let any = |costs: &[Option<f64>]| costs.iter().any(Option::is_some);
        for holder in self.known.values_mut() {
            let address = holder.source.ip();
            let costs = view.costs.get(&address).cloned().unwrap_or_default();
            useful |= any(&costs);
            incomplete |= holder.listed && !view.asked.contains(&address);
            added |= !any(&holder.costs) && any(&costs);
            changed |= any(&holder.costs) && is_noteworthy(&holder.costs, &costs);
            (holder.costs, holder.pid) = (costs, view.pids.get(&address).cloned());
        }
        let rows: Vec<&[Option<f64>]> = self.known.values().map(|holder| holder.costs.as_slice()).collect();
        let ratings = self.metrics.ratings(&rows);
        for (holder, rating) in self.known.values_mut().zip(ratings) {
            holder.rating = rating;
        }
        changed |= self.own_pid.is_some() && self.own_pid != view.own_pid;
        self.own_pid = view.own_pid;
        let reselect = match (changed, added) {
            (true, _) => Scope::All,
            (false, true) => Scope::FreePlaces,
            (false, false) => Scope::Nothing,
        };
        CostChange { useful, reselect, incomplete }
    }

    /// Takes over the pieces that a holder has.
    pub(super) fn set_pieces(&mut self, source: SocketAddr, have: Bitfield) {
        let Some(holder) = self.known.get_mut(&source) else { return };
        add(&mut self.rarity, holder.counted_pieces(), -1);
        if have.is_complete() {
            holder.unfollow();
        }
        holder.have = Some(have);
        add(&mut self.rarity, holder.counted_pieces(), 1);
    }

    /// Notes that a holder did not have a piece that it was believed to have.
    pub(super) fn missed(&mut self, source: SocketAddr, piece: usize) -> Miss {
        let Some(holder) = self.known.get_mut(&source) else { return Miss::Unknown };
        holder.misses += 1;
        if holder.misses >= MAX_MISSES {
            return Miss::TooMany;
        }
        let Some(have) = holder.have.clone() else { return Miss::Unknown };
        let mut rest = Bitfield::new(have.len());
        if !have.is_complete() {
            for n in have.iter().filter(|n| *n != piece) {
                rest.set(n);
            }
        }
        self.set_pieces(source, rest);
        Miss::Corrected
    }

    /// Leaves a holder that refused alone for at least this time; as a neighbour it keeps its place. True if that is news:
    /// not while it is left alone already, and not again before it has sent a piece.
    pub(super) fn refused(&mut self, source: SocketAddr, time: Duration, now: Instant) -> bool {
        let holder = self.known.get_mut(&source).filter(|holder| !holder.is_backing_off(now) && !holder.is_banned());
        holder.is_some_and(|holder| holder.refuse(time, now))
    }

    /// Leaves a holder that failed alone for a while, and frees its place. False if that was done already: two requests
    /// that end with one connection are one failure.
    pub(super) fn failed(&mut self, source: SocketAddr, weight: u32, now: Instant) -> bool {
        let Some(holder) = self.known.get_mut(&source) else { return false };
        if holder.is_backing_off(now) || holder.is_banned() {
            return false;
        }
        holder.back_off(weight, now);
        holder.connected = false;
        self.dismiss(source, Place::Outside);
        true
    }

    /// Excludes a holder for the rest of the download. False if that was done already.
    pub(super) fn ban(&mut self, source: SocketAddr) -> bool {
        let Some(holder) = self.known.get_mut(&source).filter(|holder| !holder.is_banned()) else { return false };
        holder.standing = Standing::Banned;
        self.dismiss(source, Place::Outside);
        true
    }

    /// Candidates for the places of neighbours: those that are eligible and not parked, and the neighbours that refused,
    /// which keep their places if the policy agrees.
    pub(super) fn candidates(&self, now: Instant) -> Vec<&Holder> {
        let eligible = self.iter().filter(|holder| holder.is_eligible(now) && !holder.is_parked(now));
        let refused = self.neighbours().filter(|holder| holder.is_backing_off(now));
        eligible.chain(refused).take(2 * MAX_HOLDERS).collect()
    }

    /// Makes exactly these holders the neighbours. False if they were already.
    pub(super) fn appoint(&mut self, chosen: &BTreeSet<SocketAddr>) -> bool {
        let before: BTreeSet<SocketAddr> = self.neighbours().map(|holder| holder.source).collect();
        for source in before.difference(chosen) {
            self.dismiss(*source, Place::Outside);
        }
        for source in chosen.difference(&before) {
            if let Some(holder) = self.known.get_mut(source) {
                holder.place = Place::Neighbour { following: None, idle_since: None };
                add(&mut self.rarity, holder.counted_pieces(), 1);
            }
        }
        before != *chosen
    }

    /// Neighbours whose pieces can change and are not being followed yet.
    pub(super) fn to_follow(&self, now: Instant) -> Vec<SocketAddr> {
        let news = self.neighbours().filter(|holder| {
            let followed = matches!(holder.place, Place::Neighbour { following: Some(_), .. });
            !followed && !holder.is_complete() && !holder.is_backing_off(now)
        });
        news.map(|holder| holder.source).collect()
    }

    /// Notes how a neighbour is followed, or that it is not.
    pub(super) fn set_following(&mut self, source: SocketAddr, new: Option<Following>) {
        if let Some(Place::Neighbour { following, .. }) = self.known.get_mut(&source).map(|holder| &mut holder.place) {
            *following = new;
        }
    }

    /// Handles on the pollers of all neighbours that are being followed.
    pub(super) fn followings(&self) -> impl Iterator<Item = &Following> {
        self.iter().filter_map(|holder| match &holder.place {
            Place::Neighbour { following, .. } => following.as_ref(),
            Place::Outside | Place::Parked { .. } => None,
        })
    }

    /// Has the neighbour that has been idle for longest make room for another one, if there is another; true if it has.
    /// A neighbour is idle while it is not `busy` and has no pieces that are `useful`.
    pub(super) fn park_idle(
        &mut self,
        busy: impl Fn(SocketAddr) -> bool,
        useful: impl Fn(&Bitfield) -> bool,
        now: Instant,
    ) -> bool {
        let mut longest: Option<(Instant, SocketAddr)> = None;
        for holder in self.known.values_mut() {
            let Place::Neighbour { idle_since, .. } = &mut holder.place else { continue };
            // Its pieces are not known at first, and finding out takes a while.
            let idle = !busy(holder.source) && holder.have.as_ref().is_some_and(|have| !useful(have));
            if !idle {
                *idle_since = None;
                continue;
            }
            let since = *idle_since.get_or_insert(now);
            if now >= since + IDLE && longest.is_none_or(|(other, _)| since < other) {
                longest = Some((since, holder.source));
            }
        }
        let Some((_, source)) = longest else { return false };
        let others: Vec<&Holder> = self.iter().filter(|h| !h.is_neighbour() && h.is_eligible(now)).collect();
        let any_useful = others.iter().any(|holder| holder.have.as_ref().is_some_and(&useful));
        if others.iter().any(|holder| !holder.is_parked(now)) {
            self.dismiss(source, Place::Parked { until: now + PARKED });
            return true;
        }
        if any_useful {
            // All have been tried, and their pieces may have changed since.
            for holder in self.known.values_mut().filter(|holder| holder.is_parked(now)) {
                holder.place = Place::Outside;
            }
        }
        false
    }

    /// Listed holders whose round-trip times were never measured; from now on they count as being measured.
    pub(super) fn begin_measuring(&mut self) -> Vec<SocketAddr> {
        let mut targets = Vec::new();
        for holder in self.known.values_mut().filter(|h| h.listed && h.round_trip == RoundTrip::Unknown) {
            holder.round_trip = RoundTrip::Measuring;
            targets.push(holder.source);
        }
        targets
    }

    /// Counts of the round-trip measurements of listed holders.
    pub(super) fn round_trips(&self) -> RoundTrips {
        let mut round_trips = RoundTrips::default();
        for holder in self.iter().filter(|holder| holder.listed) {
            match holder.round_trip {
                RoundTrip::Measured(_) => round_trips.measured += 1,
                RoundTrip::Unknown | RoundTrip::Measuring => round_trips.pending += 1,
                RoundTrip::Unreachable => {}
            }
        }
        round_trips
    }

    fn dismiss(&mut self, source: SocketAddr, to: Place) {
        let Some(holder) = self.known.get_mut(&source) else { return };
        add(&mut self.rarity, holder.counted_pieces(), -1);
        holder.unfollow();
        if holder.is_neighbour() {
            holder.place = to;
        }
    }
}

/// Adds to the rarity counts of these pieces.
fn add(rarity: &mut [u32], pieces: Option<&Bitfield>, change: i32) {
    for piece in pieces.into_iter().flat_map(Bitfield::iter) {
        rarity[piece] = rarity[piece].saturating_add_signed(change);
    }
}

/// True if any of the costs changed so much that neighbours should be chosen again.
fn is_noteworthy(before: &[Option<f64>], after: &[Option<f64>]) -> bool {
    let changed = |(before, after): (&Option<f64>, &Option<f64>)| match (before, after) {
        (Some(before), Some(after)) => (after - before).abs() > before.abs().max(after.abs()) * NOTEWORTHY,
        (None, None) => false,
        _ => true,
    };
    before.len() != after.len() || before.iter().zip(after).any(changed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alto_types::swarm::{FileId, PeerId};

    use super::*;
    use crate::download::cancel::Cancel;
    use crate::download::interval::Interval;

    const PIECES: usize = 8;

    fn source(last: u8) -> SocketAddr {
        ([127, 0, 0, last], 1).into()
    }

    fn listing(last: u8, complete: bool) -> Listing {
        let (address, port) = (source(last).ip(), source(last).port());
        let manifest = FileId::from_digest([1; 32]);
        Listing { peer: PeerId(last.to_string()), name: last.to_string(), address, port, manifest, complete }
    }

    fn holders(listed: &[Listing]) -> Holders {
        let mut holders = Holders::new(PIECES, Metrics::default());
        holders.list(listed, |_| false);
        holders
    }

    fn appoint(holders: &mut Holders, chosen: &[u8]) -> bool {
        holders.appoint(&chosen.iter().map(|last| source(*last)).collect::<BTreeSet<_>>())
    }

    fn some(hex: &str) -> Bitfield {
        Bitfield::from_hex(PIECES, hex).unwrap()
    }

    fn known(holders: &Holders) -> Vec<SocketAddr> {
        holders.iter().map(|holder| holder.source).collect()
    }

    #[test]
    fn rarity_counts_the_pieces_of_incomplete_neighbours() {
        let mut holders = holders(&[listing(1, false), listing(2, false), listing(3, true)]);
        holders.set_pieces(source(1), some("c0"));
        assert_eq!(holders.rarity(), [0; PIECES], "nobody is a neighbour yet");
        assert!(appoint(&mut holders, &[1, 2, 3]) && !appoint(&mut holders, &[1, 2, 3]));
        assert_eq!(holders.rarity(), [1, 1, 0, 0, 0, 0, 0, 0]);
        holders.set_pieces(source(2), some("60"));
        assert_eq!(holders.rarity(), [1, 2, 1, 0, 0, 0, 0, 0]);
        holders.set_pieces(source(2), some("ff"));
        assert_eq!(holders.rarity(), [1, 1, 0, 0, 0, 0, 0, 0], "a complete holder does not count");
        assert!(holders.ban(source(1)) && !holders.ban(source(1)));
        assert_eq!(holders.rarity(), [0; PIECES]);
        assert!(!appoint(&mut holders, &[2, 3]), "the banned one has lost its place");
    }

    #[test]
    fn unlisted_holders_are_forgotten_unless_they_are_of_use_or_banned() {
        let mut holders = holders(&[1, 2, 3, 4].map(|last| listing(last, true)));
        appoint(&mut holders, &[1]);
        holders.ban(source(2));
        assert!(holders.list(&[], |at| at == source(3)).is_empty());
        assert_eq!(known(&holders), [source(1), source(2), source(3)]);
        assert_eq!(holders.list(&[listing(4, true), listing(1, true)], |_| false), [source(4)]);
        assert_eq!(known(&holders), [source(1), source(2), source(4)]);
        let now = Instant::now();
        assert_eq!(
            holders.candidates(now).iter().map(|holder| holder.source).collect::<Vec<_>>(),
            [source(1), source(4)]
        );
    }

    #[test]
    fn a_neighbour_that_fails_loses_its_place_and_one_that_refuses_keeps_it() {
        let (mut holders, now) = (holders(&[listing(1, true), listing(2, true)]), Instant::now());
        appoint(&mut holders, &[1, 2]);
        assert!(holders.failed(source(1), 1, now) && !holders.failed(source(1), 1, now), "one failure");
        assert!(holders.refused(source(2), Duration::from_secs(5), now));
        assert_eq!(holders.neighbours().map(|holder| holder.source).collect::<Vec<_>>(), [source(2)]);
        assert_eq!(holders.eligible(now), 0);
        assert_eq!(holders.candidates(now).len(), 1, "only to keep its place");
        assert_eq!(holders.eligible(now + Duration::from_secs(5)), 2);
    }

    #[test]
    fn only_incomplete_neighbours_are_followed_until_they_are_complete() {
        let (mut holders, now) = (holders(&[listing(1, false), listing(2, true), listing(3, false)]), Instant::now());
        appoint(&mut holders, &[1, 2]);
        assert_eq!(holders.to_follow(now), [source(1)]);
        let following = Following { cancel: Cancel::default(), interval: Interval::new(Duration::ZERO) };
        holders.set_following(source(1), Some(following.clone()));
        assert!(holders.to_follow(now).is_empty() && holders.followings().count() == 1);
        holders.set_pieces(source(1), some("ff"));
        assert!(following.cancel.is_cancelled() && holders.followings().count() == 0);
        assert!(!holders.are_all_complete(), "the third is listed");
    }

    #[test]
    fn the_longest_idle_neighbour_is_parked_and_can_return_later() {
        let (mut holders, now) = (holders(&[1, 2, 3].map(|last| listing(last, false))), Instant::now());
        (1..=3).for_each(|last| holders.set_pieces(source(last), some("80")));
        appoint(&mut holders, &[1, 2]);
        let park = |holders: &mut Holders, now| holders.park_idle(|at| at == source(2), |_| false, now);
        assert!(!park(&mut holders, now) && !park(&mut holders, now + IDLE / 2));
        assert!(park(&mut holders, now + IDLE), "the third can have the place");
        assert_eq!(holders.neighbours().map(|holder| holder.source).collect::<Vec<_>>(), [source(2)]);
        let parked = |holders: &Holders, now| holders.get(source(1)).unwrap().is_parked(now);
        assert!(parked(&holders, now + IDLE) && !parked(&holders, now + IDLE + PARKED));
        assert_eq!(holders.candidates(now + IDLE).len(), 2);
    }

    #[test]
    fn costs_are_noteworthy_when_they_change_by_a_tenth() {
        let mut holders = holders(&[listing(1, true), listing(2, true)]);
        let view = |cost: f64| CostView {
            costs: [(source(1).ip(), vec![Some(cost)])].into(),
            asked: [source(1).ip()].into(),
            ..CostView::default()
        };
        let change = holders.set_costs(view(10.0));
        assert_eq!(change, CostChange { useful: true, reselect: Scope::FreePlaces, incomplete: true });
        assert_eq!(holders.get(source(1)).unwrap().rating, Some(10.0));
        assert_eq!(holders.set_costs(view(10.5)).reselect, Scope::Nothing);
        assert_eq!(holders.set_costs(view(20.0)).reselect, Scope::All);
        let change = holders.set_costs(CostView::default());
        assert!(change.reselect == Scope::All && !change.useful, "it has no cost any more");
    }
}
