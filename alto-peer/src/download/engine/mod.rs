//! The download of a file's pieces: a [`Coordinator`] that decides, and the loop that feeds and obeys it.
//!
//! The loop runs in the caller's thread, which owns all state, so there are no locks. Everything that waits does so in
//! [helper threads](super::helpers), whose reports arrive over a channel.

mod coordinator;
mod holder;
mod holders;
mod jobs;
mod picker;
mod policy_in_force;
mod poll_intervals;
mod protocol;
mod reselection;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use ureq::Agent;

use self::coordinator::Coordinator;
use self::holders::MAX_HOLDERS;
use self::protocol::{Action, Following, Input};
use super::cancel::Cancel;
use super::helpers::availability_poller::AvailabilityPoller;
use super::helpers::cost_poller::CostPoller;
use super::helpers::flusher::Flusher;
use super::helpers::workers::Workers;
use super::helpers::{self, Reporter, holder_poller, round_trip_prober};
use super::pace::Pace;
use super::parts::Parts;
use super::request::{Gate, Job, Requester};
use super::{FetchError, Options, Setup};
use crate::content::PartialFile;
use crate::events::Contribution;

/// Interval at which the coordinator looks after what depends on time.
const TICK: Duration = Duration::from_millis(200);

/// A download: the file, its manifest and where to put it.
pub(super) struct Task<'a> {
    pub(super) setup: &'a Setup,
    pub(super) options: &'a Options,
    pub(super) agent: Agent,
    pub(super) pace: Arc<Pace>,
    pub(super) file: FileId,
    /// Digest of the manifest: only holders that announce the same one have the same pieces.
    pub(super) manifest: FileId,
    pub(super) partial: Arc<PartialFile>,
    pub(super) cancel: &'a Cancel,
}

/// The file to download, as far as the coordinator has to know it.
#[derive(Clone, Copy, Debug)]
struct Target {
    file: FileId,
    /// Digest of the manifest.
    manifest: FileId,
    size: u64,
    /// Number of pieces.
    pieces: usize,
    piece_size: u32,
}

/// Ways in which a download ends without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Every piece is there.
    Complete,
    /// Nobody announces the manifest any more, and others announce another one.
    Orphaned,
}

/// Bytes received, and who they came from.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) bytes: u64,
    pub(super) wasted: u64,
    pub(super) sources: BTreeMap<SocketAddr, Contribution>,
}

/// Downloads all missing pieces. `tally` is added to, also where this fails.
pub(super) fn run(task: Task<'_>, tally: &mut Tally) -> Result<End, FetchError> {
    let (inputs, inbox) = channel();
    let mut engine = Engine::new(task, std::mem::take(tally), inputs);
    let result = engine.run(&inbox);
    *tally = engine.finish();
    result
}

/// The coordinator with the threads and files it works with.
struct Engine<'a> {
    task: Task<'a>,
    coordinator: Coordinator,
    inputs: Sender<Input>,
    workers: Workers,
    flusher: Flusher,
    /// Bytes of all bodies received, right or wrong.
    received: Arc<AtomicU64>,
    gate: Gate,
    /// Ends the threads that measure round-trip times.
    over: Cancel,
}

impl<'a> Engine<'a> {
    fn new(task: Task<'a>, tally: Tally, inputs: Sender<Input>) -> Self {
        let (received, gate) = (Arc::new(AtomicU64::new(0)), Gate::default());
        let requester = {
            let (agent, file, partial) = (task.agent.clone(), task.file, Arc::clone(&task.partial));
            let (stall, received, gate) = (task.options.stall, Arc::clone(&received), gate.clone());
            let (pace, parts) = (Arc::clone(&task.pace), Arc::new(Parts::default()));
            move || Requester {
                agent: agent.clone(),
                file,
                partial: Arc::clone(&partial),
                parts: Arc::clone(&parts),
                stall,
                received: Arc::clone(&received),
                gate: gate.clone(),
                pace: Arc::clone(&pace),
                buffer: Vec::new(),
            }
        };
        let manifest = task.partial.manifest();
        let target = Target {
            file: task.file,
            manifest: task.manifest,
            size: manifest.size,
            pieces: manifest.piece_count(),
            piece_size: manifest.piece_size,
        };
        let rng = task.options.seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
        let have = task.partial.have();
        Self {
            coordinator: Coordinator::new(target, task.options, &have, tally, rng, Instant::now()),
            workers: Workers::new(requester, Reporter::new(&inputs, Input::Job)),
            flusher: Flusher::default(),
            received,
            gate,
            over: Cancel::default(),
            inputs,
            task,
        }
    }

    fn run(&mut self, inbox: &Receiver<Input>) -> Result<End, FetchError> {
        self.poll_registry()?;
        let mut ticked = Instant::now();
        while !self.coordinator.is_finished() {
            match inbox.recv_timeout(TICK.saturating_sub(ticked.elapsed())) {
                Ok(input) => {
                    self.handle(input)?;
                    while let Ok(input) = inbox.try_recv() {
                        self.handle(input)?;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if self.task.cancel.is_cancelled() {
                return Err(FetchError::Cancelled);
            }
            let now = Instant::now();
            if now >= ticked + TICK {
                ticked = now;
                let result = self.coordinator.tick(self.received.load(Ordering::Relaxed), now);
                self.act()?;
                result?;
            } else {
                self.coordinator.settle(now);
            }
            self.coordinator.assign(now);
            self.act()?;
            if self.coordinator.is_orphaned(now) {
                return Ok(End::Orphaned);
            }
        }
        Ok(End::Complete)
    }

    /// Tells all threads to end, which takes them a moment. Pieces that still arrive are not written any more.
    fn finish(self) -> Tally {
        self.over.cancel();
        let tally = self.coordinator.finish();
        self.gate.shut();
        tally
    }

    fn handle(&mut self, input: Input) -> Result<(), FetchError> {
        let result = self.coordinator.handle(input, Instant::now());
        self.act()?;
        result
    }

    /// Does what the coordinator wants done.
    fn act(&mut self) -> Result<(), FetchError> {
        while let Some(action) = self.coordinator.next_action() {
            match action {
                Action::Request(job) => self.request(job)?,
                Action::Follow(source, following) => self.follow(source, following),
                Action::MeasureRoundTrips(targets) => {
                    let reporter = Reporter::new(&self.inputs, Input::RoundTrip);
                    let Task { setup, pace, .. } = &self.task;
                    round_trip_prober::start(targets, setup.source, pace, &self.over, &reporter);
                }
                Action::PollCosts => self.poll_costs(),
                Action::NoteCommon(piece) => self.task.partial.common().add(piece),
                Action::NoteGiven(source, bytes) => {
                    if let Some(library) = &self.task.setup.library {
                        library.exchange().gave(source.ip(), bytes);
                    }
                }
                Action::CountWritten(bytes) => self.flusher.wrote(bytes, &self.task.partial),
                Action::Emit(event) => self.task.setup.events.emit(event),
            }
        }
        Ok(())
    }

    fn request(&mut self, job: Job) -> Result<(), FetchError> {
        self.workers.start(job, self.coordinator.running()).map_err(FetchError::System)
    }

    fn follow(&mut self, source: SocketAddr, following: Following) {
        let poller = AvailabilityPoller {
            agent: self.task.agent.clone(),
            file: self.task.file,
            source,
            pieces: self.task.partial.manifest().piece_count(),
            interval: following.interval,
            cancel: following.cancel,
            reporter: Reporter::new(&self.inputs, Input::Availability),
        };
        if helpers::spawn("availability", move || poller.run()).is_err() {
            self.coordinator.not_followed(source);
        }
    }

    fn poll_registry(&self) -> Result<(), FetchError> {
        let interval = self.coordinator.registry_interval();
        let reporter = Reporter::new(&self.inputs, Input::Holders);
        let rendezvous = Arc::clone(&self.task.setup.rendezvous);
        holder_poller::start(rendezvous, self.task.file, MAX_HOLDERS, interval, reporter).map_err(FetchError::System)
    }

    fn poll_costs(&mut self) {
        let (interval, targets) = self.coordinator.cost_polling();
        let poller = CostPoller {
            client: self.task.setup.client.clone(),
            metrics: self.task.options.metrics.clone(),
            own: self.task.setup.source.filter(|address| !address.is_unspecified()),
            targets,
            interval,
            follow: self.task.options.follow,
            reporter: Reporter::new(&self.inputs, Input::Costs),
        };
        if let Err(error) = helpers::spawn("costs", move || poller.run()) {
            self.coordinator.costs_not_polled(error.to_string());
        }
    }
}
