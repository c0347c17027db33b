//! Who the neighbours are, and what is known about all holders.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alto_types::swarm::Holder as Listing;

use super::chooser::{RoundTrips, Verdict};
use super::holder::{Holder, RoundTrip};
use super::{Engine, MAX_HOLDERS};
use crate::content::Bitfield;
use crate::events::Event;
use crate::fetch::background;
use crate::fetch::costs::CostView;
use crate::fetch::pace::Pace;
use crate::fetch::prober;
use crate::fetch::rendezvous::RendezvousError;
use crate::fetch::transport::Cancel;
use crate::fetch::watcher::Watcher;
use crate::policy::{Candidates, Metrics, Needs};

/// Neighbours are not chosen more often than this, unless there are none.
const CHOICE: Duration = Duration::from_secs(1);
/// A neighbour that has had nothing for us for so long gives its place to another one...
const IDLE: Duration = Duration::from_secs(3);
/// ...and can have it back after this.
const PARKED: Duration = Duration::from_secs(15);
/// A cost that changed by a smaller part than this changes no choice.
const NOTEWORTHY: f64 = 0.1;

impl Engine<'_> {
    /// The registry said who has the file.
    pub(super) fn listed(&mut self, listed: Result<Vec<Listing>, RendezvousError>, now: Instant) {
        let listed = match listed {
            Ok(listed) => listed,
            Err(RendezvousError::NotFound) => Vec::new(),
            // Those known are still there, whatever became of the registry.
            Err(error) => {
                self.complaint.get_or_insert_with(|| error.to_string());
                return;
            }
        };
        let pieces = self.task.partial.manifest().piece_count();
        let others = !listed.is_empty();
        let same: Vec<Listing> = listed.into_iter().filter(|holder| holder.manifest == self.task.manifest).collect();
        let orphaned = same.is_empty() && others;
        self.orphaned_since = orphaned.then(|| self.orphaned_since.unwrap_or(now));
        let sources: BTreeSet<SocketAddr> = same.iter().map(|h| SocketAddr::new(h.address, h.port)).collect();
        for holder in self.holders.values_mut() {
            holder.listed = sources.contains(&holder.source);
        }
        // Whoever is neither named any more nor of use to anybody is forgotten; liars are not.
        self.holders.retain(|_, holder| {
            holder.listed || holder.neighbour || holder.jobs > 0 || holder.banned || holder.contribution.pieces > 0
        });
        let mut news = false;
        for listing in same {
            let source = SocketAddr::new(listing.address, listing.port);
            if let Some(holder) = self.holders.get_mut(&source) {
                holder.name.clone_from(&listing.name);
                if listing.complete && !holder.is_complete() && holder.misses == 0 {
                    self.learned(source, Bitfield::full(pieces));
                }
            } else if self.holders.len() < 2 * MAX_HOLDERS {
                self.holders.insert(source, Holder::new(&listing, pieces));
                news |= self.addresses.add(source.ip());
                self.choose_again.get_or_insert(false);
            }
        }
        if news && self.chooser.wanted().needs() == Needs::Costs {
            self.pacing.costs_wanted(true);
            if !self.asking_for_costs {
                self.ask_for_costs();
            }
        }
        let eligible = self.holders.values().filter(|holder| holder.is_eligible(now)).count();
        // Who came first must not keep all places for ever: all are chosen again once there are many more.
        if self.chosen_at.is_some() && eligible * 4 >= self.chosen_among * 5 + 4 {
            self.choose_again = Some(true);
        }
    }

    /// The ALTO server said what the holders cost, or did not.
    pub(super) fn costs(&mut self, view: Result<CostView, String>, now: Instant) {
        let view = match view {
            Ok(view) => view,
            Err(reason) => return self.chooser.costs_failed(reason),
        };
        self.tell_metrics(&view);
        let same = self.metrics == view.metrics;
        self.metrics = view.metrics;
        let (mut useful, mut changed, mut news, mut unasked) = (false, !same, false, false);
        for holder in self.holders.values_mut() {
            let address = holder.source.ip();
            let costs = view.costs.get(&address).cloned().unwrap_or_default();
            let any = |costs: &[Option<f64>]| costs.iter().any(Option::is_some);
            useful |= any(&costs);
            unasked |= holder.listed && !view.asked.contains(&address);
            news |= !any(&holder.costs) && any(&costs);
            changed |= any(&holder.costs) && is_noteworthy(&holder.costs, &costs);
            (holder.costs, holder.pid) = (costs, view.pids.get(&address).cloned());
        }
        let rows: Vec<&[Option<f64>]> = self.holders.values().map(|holder| holder.costs.as_slice()).collect();
        let ratings = self.metrics.ratings(&rows);
        for (holder, rating) in self.holders.values_mut().zip(ratings) {
            holder.rating = rating;
        }
        changed |= self.own_pid.is_some() && self.own_pid != view.own_pid;
        self.own_pid = view.own_pid;
        self.chooser.costs_known(now, useful);
        self.pacing.costs_wanted(unasked);
        if changed {
            self.choose_again = Some(true);
        } else if news {
            self.choose_again.get_or_insert(false);
        }
    }

    /// Says which costs are gone by, where that is something else than was said before.
    fn tell_metrics(&mut self, view: &CostView) {
        let asked_for = &self.task.options.metrics;
        let usual = *asked_for == Metrics::default() && view.lacking.is_none();
        let news = Some((view.metrics.clone(), view.lacking.clone()));
        if usual || self.metrics_told == news {
            return;
        }
        self.metrics_told = news;
        self.emit(Event::Metrics {
            file: self.task.file,
            wanted: asked_for.clone(),
            used: view.metrics.clone(),
            reason: view.lacking.clone(),
        });
    }

    /// A round trip was measured.
    pub(super) fn measured(&mut self, source: SocketAddr, round_trip: Option<Duration>) {
        if let Some(holder) = self.holders.get_mut(&source) {
            holder.round_trip = round_trip.map_or(RoundTrip::Unreachable, RoundTrip::Measured);
            self.choose_again.get_or_insert(false);
        }
    }

    /// A neighbour has these.
    pub(super) fn learned(&mut self, source: SocketAddr, have: Bitfield) {
        let Some(holder) = self.holders.get_mut(&source) else { return };
        if holder.neighbour {
            if let Some(before) = holder.have.as_ref().filter(|before| !before.is_complete()) {
                self.picker.uncount(before);
            }
            if !have.is_complete() {
                self.picker.count(&have);
            }
        }
        if have.is_complete() {
            holder.unfollow();
        }
        holder.have = Some(have);
    }

    /// What depends on time.
    pub(super) fn look_after_neighbours(&mut self, now: Instant) {
        self.measure_round_trips(now);
        self.follow_neighbours(now);
        self.park_idle_neighbours(now);
        let eligible = self.holders.values().filter(|holder| holder.is_eligible(now) && !holder.is_parked(now)).count();
        let neighbours = self.holders.values().filter(|holder| holder.neighbour).count();
        if neighbours < eligible.min(self.task.options.neighbours) {
            self.choose_again.get_or_insert(false);
        }
        let early = self.chosen_at.is_some_and(|at| now < at + CHOICE) && neighbours > 0;
        match self.chooser.decide(now, self.round_trips()) {
            Verdict::Wait => return,
            Verdict::Same => {}
            Verdict::Changed(reason) => {
                if let Some(reason) = reason {
                    let (from, to) = (self.chooser.wanted().to_string(), self.chooser.policy().name().to_string());
                    self.emit(Event::Fallback { file: self.task.file, from, to, reason });
                }
                self.choose_again = Some(true);
            }
        }
        if let Some(all) = self.choose_again.filter(|_| !early && eligible > 0) {
            self.choose_again = None;
            self.choose(all, now);
        }
    }

    /// Lets the policy choose: all neighbours, or those for the places that are free.
    fn choose(&mut self, all: bool, now: Instant) {
        let mut eligible: Vec<SocketAddr> =
            self.holders.values().filter(|h| h.is_eligible(now) && !h.is_parked(now)).map(|h| h.source).collect();
        // A holder that has no time for us now keeps its place.
        eligible.extend(self.holders.values().filter(|h| h.neighbour && h.rests(now)).map(|h| h.source));
        eligible.truncate(2 * MAX_HOLDERS);
        let candidates: Vec<&Holder> = eligible.iter().filter_map(|source| self.holders.get(source)).collect();
        let keep: Vec<usize> = (0..eligible.len())
            .filter(|i| !all && self.holders.get(&eligible[*i]).is_some_and(|holder| holder.neighbour))
            .collect();
        let view = Candidates { own_pid: self.own_pid.as_ref(), all: &candidates };
        let chosen = self.chooser.policy().choose(view, &keep, self.task.options.neighbours, &mut self.rng);
        let chosen: BTreeSet<SocketAddr> = chosen.into_iter().map(|i| eligible[i]).collect();
        let before: BTreeSet<SocketAddr> = self.holders.values().filter(|h| h.neighbour).map(|h| h.source).collect();
        for source in before.difference(&chosen) {
            self.no_neighbour(*source);
        }
        for source in &chosen {
            self.neighbour(*source);
        }
        self.follow_neighbours(now);
        let first = self.chosen_at.replace(now).is_none();
        if all || first {
            self.chosen_among = eligible.len();
        }
        if first || all || before != chosen {
            let known = self.holders.values().filter(|holder| holder.listed && !holder.banned);
            let holders = known.take(MAX_HOLDERS).map(|holder| holder.event(&self.metrics)).collect();
            self.emit(Event::Candidates { file: self.task.file, holders });
        }
    }

    /// Becomes a neighbour, if it is none yet.
    fn neighbour(&mut self, source: SocketAddr) {
        let Some(holder) = self.holders.get_mut(&source) else { return };
        if !holder.neighbour {
            holder.neighbour = true;
            holder.idle_since = None;
            if let Some(have) = holder.have.as_ref().filter(|have| !have.is_complete()) {
                self.picker.count(have);
            }
        }
    }

    /// Follows all neighbours that can have news.
    fn follow_neighbours(&mut self, now: Instant) {
        let pieces = self.task.partial.manifest().piece_count();
        for holder in self.holders.values_mut() {
            if !holder.neighbour || holder.following.is_some() || holder.is_complete() || holder.rests(now) {
                continue;
            }
            let (cancel, pace) = (Cancel::default(), Pace::new(self.pacing.following()));
            let following = (cancel.clone(), pace.clone());
            let watcher = Watcher {
                agent: self.task.agent.clone(),
                file: self.task.file,
                source: holder.source,
                pieces,
                pace,
                cancel,
                messages: self.messages.clone(),
            };
            // Without a thread now, there may be one at the next tick.
            holder.following = background::start("following", move || watcher.run()).ok().map(|()| following);
        }
    }

    /// Is a neighbour no more. Its requests go on.
    pub(super) fn no_neighbour(&mut self, source: SocketAddr) {
        let Some(holder) = self.holders.get_mut(&source) else { return };
        holder.unfollow();
        if std::mem::take(&mut holder.neighbour)
            && let Some(have) = holder.have.as_ref().filter(|have| !have.is_complete())
        {
            self.picker.uncount(have);
        }
    }

    /// A neighbour that has nothing for us makes room for another one, one at a time, if there is another one and we
    /// could ask more than we do.
    fn park_idle_neighbours(&mut self, now: Instant) {
        let busy = self.jobs.len() >= self.task.options.parallel;
        let useful: BTreeSet<SocketAddr> =
            self.holders.values().filter(|h| self.has_something(h.have.as_ref())).map(|h| h.source).collect();
        let mut longest: Option<(Instant, SocketAddr)> = None;
        for holder in self.holders.values_mut().filter(|holder| holder.neighbour) {
            // What it has is not known at first; to be asked takes its time, too.
            if useful.contains(&holder.source) || holder.jobs > 0 || busy || holder.have.is_none() {
                holder.idle_since = None;
                continue;
            }
            let since = *holder.idle_since.get_or_insert(now);
            if now >= since + IDLE && longest.is_none_or(|(other, _)| since < other) {
                longest = Some((since, holder.source));
            }
        }
        let Some((_, source)) = longest else { return };
        let mut others = self.holders.values().filter(|h| !h.neighbour && h.is_eligible(now));
        if others.clone().any(|holder| !holder.is_parked(now)) {
            if let Some(holder) = self.holders.get_mut(&source) {
                holder.parked_until = Some(now + PARKED);
            }
            self.no_neighbour(source);
            self.choose_again.get_or_insert(false);
        } else if others.any(|holder| useful.contains(&holder.source)) {
            // Everybody has been tried; what they have may have changed.
            self.holders.values_mut().for_each(|holder| holder.parked_until = None);
        }
    }

    fn round_trips(&self) -> RoundTrips {
        let mut round_trips = RoundTrips::default();
        for holder in self.holders.values().filter(|holder| holder.listed) {
            match holder.round_trip {
                RoundTrip::Measured(_) => round_trips.measured += 1,
                RoundTrip::Unknown | RoundTrip::Asked => round_trips.asked += 1,
                RoundTrip::Unreachable => {}
            }
        }
        round_trips
    }

    fn measure_round_trips(&mut self, now: Instant) {
        if !self.chooser.needs_round_trips(now) {
            return;
        }
        let mut targets = Vec::new();
        for holder in self.holders.values_mut().filter(|h| h.listed && h.round_trip == RoundTrip::Unknown) {
            holder.round_trip = RoundTrip::Asked;
            targets.push(holder.source);
        }
        if !targets.is_empty() {
            prober::probe(targets, self.task.setup.source, &self.over, &self.messages);
        }
    }
}

/// Whether any of the costs changed so much that neighbours are chosen again.
fn is_noteworthy(before: &[Option<f64>], after: &[Option<f64>]) -> bool {
    let changed = |(before, after): (&Option<f64>, &Option<f64>)| match (before, after) {
        (Some(before), Some(after)) => (after - before).abs() > before.abs().max(after.abs()) * NOTEWORTHY,
        (None, None) => false,
        _ => true,
    };
    before.len() != after.len() || before.iter().zip(after).any(changed)
}
