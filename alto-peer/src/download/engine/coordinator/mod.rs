//! The decisions of a download: reports of helper threads in, actions out.
//!
//! The coordinator starts no thread, waits for nothing and reads no clock. It keeps [`Holders`] (who has the file) apart
//! from [`Jobs`] (which pieces are requested) and connects the two: each [`Input`] changes one or both, [`Self::tick`]
//! looks after what depends on time, and [`Self::assign`] makes requests for whatever can be asked for.
//!
//! [`Self::tick`]: Coordinator::tick
//! [`Self::assign`]: Coordinator::assign

mod assignment;
mod outcome;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alto_types::swarm::Holder as Listing;
use rand::RngExt;
use rand::rngs::StdRng;

use super::holder::RoundTrip;
use super::holders::{Holders, MAX_HOLDERS};
use super::jobs::Jobs;
use super::policy_in_force::{PolicyInForce, Verdict};
use super::poll_intervals::PollIntervals;
use super::protocol::{Action, Following, Input};
use super::reselection::{Reselection, Scope};
use super::{Tally, Target};
use crate::content::{Bitfield, Written};
use crate::download::cancel::Cancel;
use crate::download::helpers::availability_poller::News;
use crate::download::helpers::cost_poller::CostTargets;
use crate::download::helpers::cost_view::{CostReport, CostView};
use crate::download::helpers::holder_poller::HolderReport;
use crate::download::helpers::workers::Progress;
use crate::download::interval::Interval;
use crate::download::rendezvous::RendezvousError;
use crate::download::request::{Arrival, Step};
use crate::download::{FetchError, Options};
use crate::events::{CostSource, Event, SourceState};
use crate::policy::{Candidates, Metrics, Needs};

/// Time without a holder of the manifest after which another manifest is tried, if there is one.
const ORPHANED: Duration = Duration::from_secs(5);
/// Time without a piece or a request after which it is reported that the download waits.
const DRY: Duration = Duration::from_secs(3);

/// The state of a download.
pub(super) struct Coordinator {
    target: Target,
    options: Options,
    holders: Holders,
    jobs: Jobs,
    policy: PolicyInForce,
    reselection: Reselection,
    intervals: PollIntervals,
    cost_targets: CostTargets,
    polling_costs: bool,
    rng: StdRng,
    tally: Tally,
    actions: VecDeque<Action>,
    /// Way in which costs are kept current, as last told.
    costs_by: CostSource,
    /// Metrics and reason of the last event about them.
    metrics_told: Option<(Metrics, Option<String>)>,
    last_piece: Instant,
    /// True once it was reported that the download waits, until the next piece.
    waiting_told: bool,
    /// Time since when the registry lists holders of other manifests only.
    orphaned_since: Option<Instant>,
    /// Description of the last problem with a holder or the registry.
    last_problem: Option<String>,
}

impl Coordinator {
    /// Starts a download of the pieces that are not there yet.
    pub(super) fn new(
        target: Target,
        options: &Options,
        have: &Bitfield,
        tally: Tally,
        rng: StdRng,
        now: Instant,
    ) -> Self {
        Self {
            holders: Holders::new(target.pieces, options.metrics.clone()),
            jobs: Jobs::new(have),
            policy: PolicyInForce::new(options.policy, options.shares, options.refresh, now),
            reselection: Reselection::new(),
            intervals: PollIntervals::new(options.refresh, now),
            cost_targets: CostTargets::default(),
            polling_costs: false,
            rng,
            tally,
            actions: VecDeque::new(),
            costs_by: CostSource::default(),
            metrics_told: None,
            last_piece: now,
            waiting_told: false,
            orphaned_since: None,
            last_problem: None,
            target,
            options: options.clone(),
        }
    }

    /// True if every piece is there.
    pub(super) fn is_finished(&self) -> bool {
        self.jobs.missing() == 0
    }

    /// True if nobody announces the manifest any more, while others announce another one.
    pub(super) fn is_orphaned(&self, now: Instant) -> bool {
        self.jobs.running() == 0 && self.orphaned_since.is_some_and(|since| now >= since + ORPHANED)
    }

    /// Number of running requests.
    pub(super) fn running(&self) -> usize {
        self.jobs.running()
    }

    /// Interval of the registry poller.
    pub(super) fn registry_interval(&self) -> Interval {
        self.intervals.registry.clone()
    }

    /// Interval and targets of the cost poller.
    pub(super) fn cost_polling(&self) -> (Interval, CostTargets) {
        (self.intervals.costs.clone(), self.cost_targets.clone())
    }

    /// The next thing to be done.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Notes that a neighbour cannot be followed for want of a thread; the next tick tries again.
    pub(super) fn not_followed(&mut self, source: SocketAddr) {
        self.holders.set_following(source, None);
    }

    /// Notes that the ALTO server cannot be polled, and why.
    pub(super) fn costs_not_polled(&mut self, reason: String) {
        self.polling_costs = false;
        self.policy.costs_failed(reason);
    }

    /// Takes over a report. Fails where the download cannot go on.
    pub(super) fn handle(&mut self, input: Input, now: Instant) -> Result<(), FetchError> {
        match input {
            Input::Job(report) => match report.progress {
                Progress::Step(Step::Begun(piece)) => self.begun(report.job, piece, now),
                Progress::Step(Step::Arrived(arrival)) => self.arrived(report.job, &arrival, now),
                Progress::Ended { outcome, wasted } => self.request_ended(report.job, outcome, wasted, now)?,
            },
            Input::Availability(report) => match report.news {
                News::Has(have) => self.holders.set_pieces(report.source, have),
                News::Failed(outcome) => self.following_ended(report.source, outcome, now)?,
            },
            Input::Holders(report) => self.listed(report, now),
            Input::Costs(report) => self.costs(report, now),
            Input::RoundTrip(report) => {
                if let Some(holder) = self.holders.get_mut(report.source) {
                    holder.round_trip = report.round_trip.map_or(RoundTrip::Unreachable, RoundTrip::Measured);
                    self.reselection.need(Scope::FreePlaces);
                }
            }
        }
        Ok(())
    }

    /// Looks after what depends on time. `received` is the number of bytes received so far.
    pub(super) fn tick(&mut self, received: u64, now: Instant) -> Result<(), FetchError> {
        self.look_after_neighbours(now);
        let starving = self.jobs.running() == 0;
        let rate = self.intervals.tick(now, received, starving, self.holders.neighbours().count());
        for following in self.holders.followings() {
            following.interval.set(self.intervals.availability());
        }
        if let Some(rate) = rate {
            let (bytes, sources) = (self.bytes_there(), self.jobs.sources());
            self.emit(Event::Progress { file: self.target.file, bytes, rate, sources });
        }
        let after = self.options.patience;
        if now >= self.last_piece + after {
            let (missing, pieces, reason) = (self.jobs.missing(), self.target.pieces, self.why_none());
            return Err(FetchError::GaveUp { after, missing, pieces, reason });
        }
        if starving && !self.is_finished() && !self.waiting_told && now >= self.last_piece + DRY {
            self.waiting_told = true;
            let left = after.saturating_sub(now - self.last_piece).as_secs_f64();
            self.emit(Event::Waiting { file: Some(self.target.file), reason: self.why_none(), seconds: Some(left) });
        }
        Ok(())
    }

    /// Reason why no piece arrives.
    fn why_none(&self) -> String {
        let missing = self.jobs.missing();
        let nobody = format!("nobody who can be reached has the rest ({missing} of {} pieces)", self.target.pieces);
        self.last_problem.as_ref().map_or(nobody.clone(), |problem| format!("{nobody}; {problem}"))
    }

    /// Chooses neighbours between two ticks, if a report has made that necessary.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.reselection.is_pending() {
            self.look_after_neighbours(now);
        }
    }

    /// Ends all requests and pollers, and returns what came from whom.
    pub(super) fn finish(mut self) -> Tally {
        self.intervals.stop();
        self.jobs.cancel_all();
        self.holders.followings().for_each(Following::stop);
        for holder in self.holders.iter().filter(|holder| holder.contribution.bytes > 0) {
            let total = self.tally.sources.entry(holder.source).or_default();
            let mut contribution = holder.contribution.clone();
            contribution.cost = holder.first_cost();
            contribution.bytes += total.bytes;
            contribution.pieces += total.pieces;
            *total = contribution;
        }
        self.tally
    }

    /// Notes that a holder has begun to answer.
    fn begun(&mut self, job: u64, piece: usize, now: Instant) {
        if let Some((source, waited)) = self.jobs.begun(job, piece, now) {
            self.note_wait(source, waited, now);
        }
    }

    fn note_wait(&mut self, source: SocketAddr, waited: Duration, now: Instant) {
        if let Some(holder) = self.holders.get_mut(source) {
            holder.note_wait(waited, now);
        }
    }

    /// Counts a piece that arrived.
    fn arrived(&mut self, job: u64, arrival: &Arrival, now: Instant) {
        let Some(source) = self.jobs.source(job) else { return };
        if arrival.written == Written::Duplicate || !self.jobs.arrived(job, arrival.piece, arrival.transfer) {
            self.tally.wasted += arrival.bytes;
            self.jobs.note_overtaken(arrival.bytes);
            return;
        }
        self.last_piece = now;
        self.waiting_told = false;
        self.tally.bytes += arrival.bytes;
        self.jobs.note_useful(arrival.bytes);
        self.actions.push_back(Action::CountWritten(arrival.bytes));
        self.actions.push_back(Action::NoteGiven(source, arrival.own_bytes()));
        if self.holders.is_common(arrival.piece) {
            self.actions.push_back(Action::NoteCommon(arrival.piece));
        }
        if let Some(holder) = self.holders.get_mut(source) {
            holder.contributed(arrival);
            if !std::mem::replace(&mut holder.connected, true) {
                self.tell(source, SourceState::Connected, None);
            }
        }
        for (other, bytes) in &arrival.from_others {
            if let Some(holder) = self.holders.get_mut(*other) {
                holder.contribution.bytes += bytes;
            }
            self.actions.push_back(Action::NoteGiven(*other, *bytes));
        }
        self.emit(Event::Piece {
            file: self.target.file,
            piece: arrival.piece,
            bytes: arrival.bytes,
            seconds: arrival.took.as_secs_f64(),
            source,
            others: arrival.from_others.iter().copied().collect(),
            have: self.jobs.done(),
        });
    }

    /// Takes over the registry's answer.
    fn listed(&mut self, report: HolderReport, now: Instant) {
        let listed = match report {
            Ok(listed) => listed,
            Err(RendezvousError::NotFound) => Vec::new(),
            // The known holders are still there, whatever has become of the registry.
            Err(error) => {
                self.last_problem.get_or_insert_with(|| error.to_string());
                return;
            }
        };
        let any = !listed.is_empty();
        let same: Vec<Listing> = listed.into_iter().filter(|holder| holder.manifest == self.target.manifest).collect();
        let orphaned = same.is_empty() && any;
        self.orphaned_since = orphaned.then(|| self.orphaned_since.unwrap_or(now));
        let added = self.holders.list(&same, |source| self.jobs.running_at(source) > 0);
        let has_free_places = self.holders.neighbours().count() < self.options.neighbours;
        self.intervals.note_listed(has_free_places || !added.is_empty());
        if !added.is_empty() {
            self.reselection.need(Scope::FreePlaces);
        }
        // Every address is added, whether or not an earlier one was new.
        let new_addresses = added.iter().filter(|source| self.cost_targets.add(source.ip())).count();
        if new_addresses > 0 && self.policy.wanted().needs() == Needs::Costs {
            self.intervals.set_costs_urgent(true);
            if !std::mem::replace(&mut self.polling_costs, true) {
                self.actions.push_back(Action::PollCosts);
            }
        }
        self.reselection.note_candidates(self.holders.eligible(now));
    }

    /// Takes over the ALTO server's answer.
    fn costs(&mut self, report: CostReport, now: Instant) {
        let view = match report {
            Ok(view) => view,
            Err(reason) => return self.policy.costs_failed(reason),
        };
        if std::mem::replace(&mut self.costs_by, view.by) != view.by {
            self.emit(Event::Costs { file: self.target.file, by: view.by });
        }
        self.tell_metrics(&view);
        let change = self.holders.set_costs(view);
        self.policy.costs_known(now, change.useful);
        self.intervals.set_costs_urgent(change.incomplete);
        self.reselection.need(change.reselect);
    }

    /// Measures, follows, parks and chooses neighbours as far as that is due.
    fn look_after_neighbours(&mut self, now: Instant) {
        if self.policy.needs_round_trips(now) {
            let targets = self.holders.begin_measuring();
            if !targets.is_empty() {
                self.actions.push_back(Action::MeasureRoundTrips(targets));
            }
        }
        self.follow_neighbours(now);
        if self.park_idle_neighbour(now) {
            self.reselection.need(Scope::FreePlaces);
        }
        let choosable = self.holders.iter().filter(|h| h.is_eligible(now) && !h.is_parked(now)).count();
        let neighbours = self.holders.neighbours().count();
        if neighbours < choosable.min(self.options.neighbours) {
            self.reselection.need(Scope::FreePlaces);
        }
        match self.policy.decide(now, self.holders.round_trips()) {
            Verdict::Wait => return,
            Verdict::Same => {}
            Verdict::Changed(reason) => {
                if let Some(reason) = reason {
                    let (from, to) = (self.policy.wanted().to_string(), self.policy.policy().name().to_string());
                    self.emit(Event::Fallback { file: self.target.file, from, to, reason });
                }
                self.reselection.need(Scope::All);
            }
        }
        if let Some(scope) = self.reselection.due(neighbours, now).filter(|_| choosable > 0) {
            self.choose_neighbours(scope, now);
        }
    }

    fn park_idle_neighbour(&mut self, now: Instant) -> bool {
        let starving = self.jobs.running() == 0;
        // While no further request could be made, nobody is idle for want of pieces.
        let saturated = self.jobs.running() >= self.options.parallel;
        let busy = |source| saturated || self.jobs.running_at(source) > 0;
        self.holders.park_idle(busy, |have| self.jobs.misses(have), starving, now)
    }

    /// Has the policy choose the neighbours that are within this scope.
    fn choose_neighbours(&mut self, scope: Scope, now: Instant) {
        let candidates = self.holders.candidates(now);
        let kept = self.reselection.kept(scope, candidates.len());
        let keep = (0..candidates.len()).filter(|index| candidates[*index].is_neighbour());
        let keep: Vec<usize> = keep.filter(|_| self.rng.random_bool(kept)).collect();
        let view = Candidates { own_pid: self.holders.own_pid(), all: &candidates };
        let chosen = self.policy.policy().choose(view, &keep, self.options.neighbours, &mut self.rng);
        let chosen: BTreeSet<SocketAddr> = chosen.into_iter().map(|index| candidates[index].source).collect();
        let first = self.reselection.made(scope, candidates.len(), now);
        let changed = self.holders.appoint(&chosen);
        self.follow_neighbours(now);
        if first || changed || scope >= Scope::Newcomers {
            let known = self.holders.iter().filter(|holder| holder.listed && !holder.is_banned());
            let metrics = self.holders.metrics();
            let holders = known.take(MAX_HOLDERS).map(|holder| holder.event(metrics)).collect();
            self.emit(Event::Candidates { file: self.target.file, holders });
        }
    }

    /// Follows all neighbours that can get new pieces.
    fn follow_neighbours(&mut self, now: Instant) {
        for source in self.holders.to_follow(now) {
            let interval = Interval::new(self.intervals.availability());
            let following = Following { cancel: Cancel::default(), interval };
            self.holders.set_following(source, Some(following.clone()));
            self.actions.push_back(Action::Follow(source, following));
        }
    }

    /// Emits which metrics are used, unless that is as usual or as said before.
    fn tell_metrics(&mut self, view: &CostView) {
        let wanted = &self.options.metrics;
        let usual = *wanted == Metrics::default() && view.lacking.is_none();
        let news = Some((view.metrics.clone(), view.lacking.clone()));
        if usual || self.metrics_told == news {
            return;
        }
        self.metrics_told = news;
        self.emit(Event::Metrics {
            file: self.target.file,
            wanted: wanted.clone(),
            used: view.metrics.clone(),
            reason: view.lacking.clone(),
        });
    }

    fn tell(&mut self, source: SocketAddr, state: SourceState, reason: Option<String>) {
        self.emit(Event::Source { file: self.target.file, source, state, reason });
    }

    fn emit(&mut self, event: Event) {
        self.actions.push_back(Action::Emit(event));
    }

    /// Bytes that are there; slightly too many where the last piece is there and others are not.
    fn bytes_there(&self) -> u64 {
        (self.jobs.done() as u64).saturating_mul(self.target.piece_size.into()).min(self.target.size)
    }
}
