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
const IDLE: Duration = Duration::from_secs(8);
/// ...or sooner while nobody else has anything, either...
const STARVING: Duration = Duration::from_secs(3);
/// ...and time after which it can have a place again.
const PARKED: Duration = Duration::from_secs(15);
/// Relative change below which a cost changes no choice.
const NOTEWORTHY: f64 = 0.1;
/// Number of missing pieces after which a holder counts as one that left.
const MAX_MISSES: u32 = 3;

/// Smallest number of neighbours by which it is judged what most have.
const ENOUGH: usize = 4;

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

    /// True if most of the neighbours with a part of the file have a piece. Those that have sent none may only claim to have
    /// what they say.
    pub(super) fn is_common(&self, piece: usize) -> bool {
        let sent = self.neighbours().filter(|holder| holder.contribution.pieces > 0);
        let (having, lacking): (Vec<_>, Vec<_>) =
            sent.filter_map(Holder::counted_pieces).partition(|have| have.get(piece));
        having.len() + lacking.len() >= ENOUGH && having.len() > lacking.len()
    }

    /// PID of this peer.
    pub(super) fn own_pid(&self) -> Option<&PidName> {
        self.own_pid.as_ref()
    }

    /// True if a holder is in the PID of this peer.
    pub(super) fn is_near(&self, holder: &Holder) -> bool {
        self.own_pid.is_some() && holder.pid == self.own_pid
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

    /// Has a neighbour that is too busy make room for a holder that has no place, if there is one: those who came last have
    /// the fewest whom they send to. The only holder of the whole file keeps its place, as nobody can replace it.
    pub(super) fn make_room(&mut self, source: SocketAddr, now: Instant) {
        let is_irreplaceable = self.only_source().is_some_and(|only| only.source == source);
        let is_other = |holder: &Holder| !holder.is_neighbour() && holder.is_eligible(now) && !holder.is_parked(now);
        if !is_irreplaceable && self.iter().any(is_other) {
            self.dismiss(source, Place::Parked { until: now + PARKED });
        }
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
    /// A neighbour is idle while it is not `busy` and has no pieces that are `useful`; for less time if the download is
    /// `starving`.
    pub(super) fn park_idle(
        &mut self,
        busy: impl Fn(SocketAddr) -> bool,
        useful: impl Fn(&Bitfield) -> bool,
        starving: bool,
        now: Instant,
    ) -> bool {
        let after = if starving { STARVING } else { IDLE };
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
            if now >= since + after && longest.is_none_or(|(other, _)| since < other) {
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
mod tests;
