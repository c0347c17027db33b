//! One download from the first request to the last piece.
//!
//! The engine is a loop over messages. Each changes what is known; then requests are made for whatever can be asked
//! for now ([`assign`]). Now and then ([`TICK`]) it looks after what depends on time: neighbours ([`neighbours`]), how
//! often others ask ([`pacing`]), progress, and whether to give up.

mod assign;
mod chooser;
mod flusher;
mod holder;
mod neighbours;
mod outcome;
mod pacing;
mod workers;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use alto_types::swarm::{FileId, Holder as Listing};
use rand::SeedableRng;
use rand::rngs::StdRng;
use ureq::Agent;

use self::chooser::Chooser;
use self::flusher::Flusher;
use self::holder::Holder;
use self::pacing::Pacing;
use self::workers::Workers;
use super::background;
use super::costs::{Addresses, CostAsker, CostView};
use super::picker::Picker;
use super::rendezvous::RendezvousError;
use super::request::{Arrival, Gate, Outcome, Requester};
use super::transport::Cancel;
use super::{FetchError, Options, Setup};
use crate::content::{Bitfield, PartialFile, Written};
use crate::events::{Contribution, Event, SourceState};
use crate::policy::Metrics;

/// How often the engine looks at the clock.
const TICK: Duration = Duration::from_millis(200);
/// After so long without a holder of the manifest, another one is taken if there is one.
const ORPHANED: Duration = Duration::from_secs(5);
/// Most holders that are kept in mind.
const MAX_HOLDERS: usize = 200;

/// What the threads of a download tell the engine.
#[derive(Debug)]
pub(super) enum Message {
    /// A piece came, and is right.
    Arrived { job: u64, arrival: Arrival },
    /// A request is over; so many bytes of it were for nothing.
    Over { job: u64, outcome: Outcome, wasted: u64 },
    /// What a neighbour has.
    Have { source: SocketAddr, have: Bitfield },
    /// Why it does not say so any more.
    Unfollowed { source: SocketAddr, outcome: Outcome },
    /// Who has the file.
    Holders(Result<Vec<Listing>, RendezvousError>),
    /// What they cost.
    Costs(Result<CostView, String>),
    /// How far one of them is.
    RoundTrip { source: SocketAddr, round_trip: Option<Duration> },
}

/// What a download is about.
pub(super) struct Task<'a> {
    pub(super) setup: &'a Setup,
    pub(super) options: &'a Options,
    pub(super) agent: Agent,
    pub(super) file: FileId,
    /// The digest of the manifest: only who announces the same one has the same pieces.
    pub(super) manifest: FileId,
    pub(super) partial: Arc<PartialFile>,
    pub(super) cancel: &'a Cancel,
}

/// How a download went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Every piece is there.
    Whole,
    /// Nobody announces the manifest any more, and others announce another one.
    Orphaned,
}

/// What came from whom.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) bytes: u64,
    pub(super) wasted: u64,
    pub(super) sources: BTreeMap<SocketAddr, Contribution>,
}

/// A request that is running.
struct Running {
    source: SocketAddr,
    pieces: Range<usize>,
    cancel: Cancel,
    since: Instant,
}

struct Engine<'a> {
    task: Task<'a>,
    picker: Picker,
    have: usize,
    holders: BTreeMap<SocketAddr, Holder>,
    own_pid: Option<alto_types::PidName>,
    /// What the costs of holders are.
    metrics: Metrics,
    metrics_told: Option<(Metrics, Option<String>)>,
    jobs: HashMap<u64, Running>,
    next_job: u64,
    workers: Workers,
    chooser: Chooser,
    rng: StdRng,
    tally: Tally,
    /// All bytes of all bodies, right or wrong.
    received: Arc<AtomicU64>,
    gate: Gate,
    flusher: Flusher,
    pacing: Pacing,
    addresses: Addresses,
    asking_for_costs: bool,
    messages: Sender<Message>,
    /// Ends the threads that measure.
    over: Cancel,
    /// Neighbours have to be chosen again, all of them if true.
    choose_again: Option<bool>,
    chosen_at: Option<Instant>,
    /// Candidates there were when all neighbours were chosen last.
    chosen_among: usize,
    last_piece: Instant,
    /// Since when the registry names holders of other manifests only.
    orphaned_since: Option<Instant>,
    /// How long a piece takes of late, from request to end, in seconds.
    usual: f64,
    /// What went wrong last, for whoever asks why nothing comes.
    complaint: Option<String>,
}

/// Fetches all pieces that are missing. `tally` counts on what was fetched before, and counts what came even where
/// this fails.
pub(super) fn run(task: Task<'_>, tally: &mut Tally) -> Result<End, FetchError> {
    let (messages, inbox) = channel();
    let mut engine = Engine::new(task, std::mem::take(tally), messages);
    let result = engine.work(&inbox);
    *tally = engine.end();
    result
}

impl<'a> Engine<'a> {
    fn new(task: Task<'a>, tally: Tally, messages: Sender<Message>) -> Self {
        let now = Instant::now();
        let received = Arc::new(AtomicU64::new(0));
        let gate = Gate::default();
        let make = {
            let gate = gate.clone();
            let (agent, file, partial) = (task.agent.clone(), task.file, Arc::clone(&task.partial));
            let (stall, received) = (task.options.stall, Arc::clone(&received));
            move || Requester {
                agent: agent.clone(),
                file,
                partial: Arc::clone(&partial),
                stall,
                received: Arc::clone(&received),
                gate: gate.clone(),
                buffer: Vec::new(),
            }
        };
        let options = task.options;
        let have = task.partial.have();
        Self {
            picker: Picker::new(&have),
            have: have.count(),
            holders: BTreeMap::new(),
            own_pid: None,
            metrics: options.metrics.clone(),
            metrics_told: None,
            jobs: HashMap::new(),
            next_job: 0,
            workers: Workers::new(make, messages.clone()),
            chooser: Chooser::new(options.policy, options.shares, options.refresh, now),
            rng: options.seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64),
            tally,
            received,
            gate,
            flusher: Flusher::default(),
            pacing: Pacing::new(options.refresh, now),
            addresses: Addresses::default(),
            asking_for_costs: false,
            messages,
            over: Cancel::default(),
            choose_again: None,
            chosen_at: None,
            chosen_among: 0,
            last_piece: now,
            orphaned_since: None,
            usual: 0.0,
            complaint: None,
            task,
        }
    }

    fn work(&mut self, inbox: &Receiver<Message>) -> Result<End, FetchError> {
        self.ask_for_holders()?;
        let mut ticked = Instant::now();
        while self.picker.missing() > 0 {
            match inbox.recv_timeout(TICK.saturating_sub(ticked.elapsed())) {
                Ok(message) => {
                    self.take(message)?;
                    while let Ok(message) = inbox.try_recv() {
                        self.take(message)?;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if self.task.cancel.is_cancelled() {
                return Err(FetchError::Cancelled);
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick(ticked)?;
            } else if self.choose_again.is_some() {
                self.look_after_neighbours(Instant::now());
            }
            self.assign(Instant::now())?;
            if self.jobs.is_empty() && self.orphaned_since.is_some_and(|since| since.elapsed() >= ORPHANED) {
                return Ok(End::Orphaned);
            }
        }
        Ok(End::Whole)
    }

    /// Tells all threads to end, which takes them a moment: what still arrives is not written any more.
    fn end(mut self) -> Tally {
        self.over.cancel();
        self.pacing.stop();
        for job in self.jobs.values() {
            job.cancel.cancel();
        }
        self.gate.shut();
        for (source, mut holder) in self.holders {
            holder.unfollow();
            if holder.contribution.pieces > 0 {
                holder.contribution.cost = holder.first_cost();
                let total = self.tally.sources.entry(source).or_default();
                holder.contribution.bytes += total.bytes;
                holder.contribution.pieces += total.pieces;
                *total = holder.contribution;
            }
        }
        self.tally
    }

    fn take(&mut self, message: Message) -> Result<(), FetchError> {
        let now = Instant::now();
        match message {
            Message::Arrived { job, arrival } => self.arrived(job, &arrival, now),
            Message::Over { job, outcome, wasted } => self.over(job, outcome, wasted, now)?,
            Message::Have { source, have } => self.learned(source, have),
            Message::Unfollowed { source, outcome } => self.unfollowed(source, outcome, now)?,
            Message::Holders(listed) => self.listed(listed, now),
            Message::Costs(view) => self.costs(view, now),
            Message::RoundTrip { source, round_trip } => self.measured(source, round_trip),
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant) -> Result<(), FetchError> {
        self.look_after_neighbours(now);
        let starving = self.jobs.is_empty();
        let neighbours = self.holders.values().filter(|holder| holder.neighbour).count();
        let unasked = self.pacing.tick(now, self.received.load(Ordering::Relaxed), starving, neighbours);
        for (_, pace) in self.holders.values().filter_map(|holder| holder.following.as_ref()) {
            pace.set(self.pacing.following());
        }
        if let Some(rate) = unasked {
            let sources = self.jobs.values().map(|job| job.source).collect::<std::collections::BTreeSet<_>>().len();
            self.emit(Event::Progress { file: self.task.file, bytes: self.bytes_there(), rate, sources });
        }
        let after = self.task.options.patience;
        if now >= self.last_piece + after {
            let manifest = self.task.partial.manifest();
            return Err(FetchError::GaveUp {
                after,
                missing: self.picker.missing(),
                pieces: manifest.piece_count(),
                reason: self.complaint.clone().unwrap_or_else(|| "nobody has what is missing".to_owned()),
            });
        }
        Ok(())
    }

    /// A right piece was written.
    fn arrived(&mut self, job: u64, arrival: &Arrival, now: Instant) {
        let Some(source) = self.jobs.get(&job).map(|running| running.source) else { return };
        if arrival.written == Written::Duplicate || !self.picker.got(arrival.piece) {
            self.tally.wasted += arrival.bytes;
            return;
        }
        self.have += 1;
        self.last_piece = now;
        self.usual += (arrival.took.as_secs_f64() - self.usual) * if self.usual > 0.0 { 0.2 } else { 1.0 };
        self.tally.bytes += arrival.bytes;
        self.flusher.wrote(arrival.bytes, &self.task.partial);
        self.connected(source);
        if let Some(holder) = self.holders.get_mut(&source) {
            holder.sent(arrival);
            holder.contribution.bytes += arrival.bytes;
            holder.contribution.pieces += 1;
        }
        self.emit(Event::Piece {
            file: self.task.file,
            piece: arrival.piece,
            bytes: arrival.bytes,
            seconds: arrival.took.as_secs_f64(),
            source,
            have: self.have,
        });
        // Others that were asked for it, too, need not send it.
        for (_, running) in
            self.jobs.iter().filter(|(id, running)| **id != job && running.pieces.contains(&arrival.piece))
        {
            if running.pieces.clone().all(|piece| self.picker.has(piece)) {
                running.cancel.cancel();
            }
        }
    }

    /// Says once that a holder answers.
    fn connected(&mut self, source: SocketAddr) {
        if let Some(holder) = self.holders.get_mut(&source).filter(|holder| !holder.connected) {
            holder.connected = true;
            self.tell(source, SourceState::Connected, None);
        }
    }

    fn tell(&self, source: SocketAddr, state: SourceState, reason: Option<String>) {
        self.emit(Event::Source { file: self.task.file, source, state, reason });
    }

    fn emit(&self, event: Event) {
        self.task.setup.events.emit(event);
    }

    /// The last piece may be shorter, which makes this a little too much while others are missing.
    fn bytes_there(&self) -> u64 {
        let manifest = self.task.partial.manifest();
        (self.have as u64).saturating_mul(manifest.piece_size.into()).min(manifest.size)
    }

    /// Asks the registry now and then.
    fn ask_for_holders(&self) -> Result<(), FetchError> {
        let (rendezvous, messages) = (Arc::clone(&self.task.setup.rendezvous), self.messages.clone());
        let (file, pace) = (self.task.file, self.pacing.registry.clone());
        let ask = move || {
            loop {
                let asked = Instant::now();
                let holders = rendezvous.holders(file, MAX_HOLDERS).map(|holders| holders.holders);
                let busy = match &holders {
                    Err(RendezvousError::Busy(time)) => *time,
                    Ok(_) | Err(_) => Duration::ZERO,
                };
                if messages.send(Message::Holders(holders)).is_err() || !pace.rest(asked) {
                    return;
                }
                // In short naps, so that the thread does not outlive its download for long.
                while asked.elapsed() < busy && pace.rest(Instant::now()) {}
            }
        };
        background::start("holders", ask).map_err(FetchError::System)
    }

    fn ask_for_costs(&mut self) {
        let asker = CostAsker {
            client: self.task.setup.client.clone(),
            metrics: self.task.options.metrics.clone(),
            own: self.task.setup.source.filter(|address| !address.is_unspecified()),
            addresses: self.addresses.clone(),
            pace: self.pacing.costs.clone(),
            messages: self.messages.clone(),
        };
        match background::start("costs", move || asker.run()) {
            Ok(()) => self.asking_for_costs = true,
            Err(error) => self.chooser.costs_failed(error.to_string()),
        }
    }
}
