//! Stays registered: a thread that enters this peer, tells what it shares, and proves that it lives.
//!
//! It wakes when the library changes and when the lease wants it. A server that is away is tried again and again, less
//! and less often; one that has forgotten this peer is told anew.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use alto_types::swarm::{Announcement, Credentials, FileEntry, FileId, PeerId, Registration};
use http::StatusCode;

use super::backoff::Backoff;
use super::keepsake::Keepsake;
use super::registry::{Registry, RegistryError};
use crate::content::Library;
use crate::events::{Event, Events};

/// Files told in one message, so that it stays below the length that servers take.
const TOGETHER: usize = 500;
/// Changes that come in quick succession are told together.
const LINGER: Duration = Duration::from_millis(100);
/// As long as nothing is to be done, for lack of an endless wait.
const IDLE: Duration = Duration::from_mins(10);
/// How long the thread gets to unregister at the end.
const FAREWELL: Duration = Duration::from_secs(5);
/// No lease is so short that it needs more heartbeats than this.
const SHORTEST_BEAT: Duration = Duration::from_millis(300);

/// As what this peer registers.
#[derive(Clone, Debug)]
pub struct UpkeepSettings {
    /// What people call it.
    pub name: String,
    /// Where it serves.
    pub port: u16,
    /// Where its registration is kept for the process after this one.
    pub keepsake: Option<Keepsake>,
    /// For the random part of waits; random itself if absent.
    pub seed: Option<u64>,
    /// Whether to register at once.
    pub register: bool,
}

/// Keeps this peer registered until it is dropped.
pub struct Upkeep {
    shared: Arc<Shared>,
    /// Closed when the thread ends.
    ended: Mutex<mpsc::Receiver<()>>,
}

/// How things stand with the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The registration, if there is one.
    pub peer: Option<PeerId>,
    /// Seconds it lasts without a heartbeat.
    pub lease: u64,
    /// Files it tells of.
    pub files: usize,
    /// What went wrong last, unless it has gone right since.
    pub problem: Option<String>,
}

struct Shared {
    library: Arc<Library>,
    wanted: Mutex<Wanted>,
    status: Mutex<Status>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Registered,
    Unregistered,
    Ended,
}

/// What the thread works with.
struct Keeper {
    settings: UpkeepSettings,
    registry: Arc<Registry>,
    events: Events,
    shared: Arc<Shared>,
    backoff: Backoff,
    credentials: Option<Credentials>,
    announced: BTreeMap<FileId, FileEntry>,
    lease: u64,
    beat_due: Instant,
}

impl Upkeep {
    /// Starts the thread.
    pub fn start(
        settings: UpkeepSettings,
        registry: Arc<Registry>,
        library: Arc<Library>,
        events: Events,
    ) -> io::Result<Self> {
        let wanted = if settings.register { Wanted::Registered } else { Wanted::Unregistered };
        let shared = Arc::new(Shared { library, wanted: Mutex::new(wanted), status: Mutex::default() });
        let keeper = Keeper {
            backoff: Backoff::new(settings.seed),
            settings,
            registry,
            events,
            shared: Arc::clone(&shared),
            credentials: None,
            announced: BTreeMap::new(),
            lease: 0,
            beat_due: Instant::now(),
        };
        let (running, ended) = mpsc::channel::<()>();
        let run = move || {
            let _running = running;
            keeper.run();
        };
        std::thread::Builder::new().name("registration".to_owned()).spawn(run)?;
        Ok(Self { shared, ended: Mutex::new(ended) })
    }

    /// Registers, and stays so.
    pub fn register(&self) {
        self.shared.want(Wanted::Registered);
    }

    /// Unregisters, and stays so.
    pub fn unregister(&self) {
        self.shared.want(Wanted::Unregistered);
    }

    /// How things stand.
    pub fn status(&self) -> Status {
        self.shared.status().clone()
    }

    /// Unregisters and ends. Dropping does the same.
    pub fn stop(&self) {
        self.shared.want(Wanted::Ended);
        // A server that takes a question and never answers does not hold up the end.
        let _ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(FAREWELL);
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn want(&self, wanted: Wanted) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        self.library.notify();
    }

    fn wanted(&self) -> Wanted {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    fn run(mut self) {
        loop {
            // Before looking at what is wanted, so that no change in between is slept through.
            let seen = self.shared.library.generation();
            match self.shared.wanted() {
                Wanted::Ended => return self.leave(),
                Wanted::Unregistered => {
                    self.leave();
                    self.shared.library.wait_changed(seen, IDLE);
                }
                Wanted::Registered => match self.keep() {
                    Ok(()) => {
                        self.content();
                        let until_beat = self.beat_due.saturating_duration_since(Instant::now());
                        if self.shared.library.wait_changed(seen, until_beat) != seen {
                            self.pause(LINGER);
                        }
                    }
                    Err(error) => {
                        self.complain(&error);
                        let pause = self.backoff.next(error.retry_after());
                        // What it does not take is no reason to let the registration lapse.
                        let registered = self.credentials.is_some() && error.status().is_some();
                        let until_beat = self.beat_due.saturating_duration_since(Instant::now()).max(SHORTEST_BEAT);
                        self.pause(if registered { pause.min(until_beat) } else { pause });
                    }
                },
            }
        }
    }

    /// Sleeps, unless something else is wanted. Changes of the library are no reason to hurry.
    fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            let seen = self.shared.library.generation();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.shared.wanted() != Wanted::Registered {
                return;
            }
            self.shared.library.wait_changed(seen, left);
        }
    }

    /// Sees to it that the registry knows this peer and all it shares.
    fn keep(&mut self) -> Result<(), RegistryError> {
        let result = self.keep_once();
        match result.as_ref().err().and_then(RegistryError::status) {
            // A server that has forgotten this peer, for it was away for long, or one of us was.
            Some(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) if self.credentials.is_some() => {
                self.forget();
                self.keep_once()
            }
            _ => result,
        }
    }

    fn keep_once(&mut self) -> Result<(), RegistryError> {
        match &self.credentials {
            None => self.enter()?,
            Some(credentials) if self.beat_due <= Instant::now() => {
                self.lease = self.registry.heartbeat(credentials)?.lease;
                self.beat();
                // What has changed on the disk is told with the rest.
                self.shared.library.check();
            }
            Some(_) => {}
        }
        self.tell_changes()
    }

    fn enter(&mut self) -> Result<(), RegistryError> {
        let files: Vec<FileEntry> = self.shared.library.entries().into_iter().take(TOGETHER).collect();
        let renew = self.settings.keepsake.as_ref().and_then(Keepsake::load);
        let renewing = renew.is_some();
        let mut wanted = Registration { name: self.settings.name.clone(), port: self.settings.port, files, renew };
        let registered = match self.registry.register(&wanted) {
            // What was kept is of no use: the secret is another one now.
            Err(error) if renewing && error.status() == Some(StatusCode::FORBIDDEN) => {
                wanted.renew = None;
                self.registry.register(&wanted)?
            }
            registered => registered?,
        };
        let credentials = Credentials { peer: registered.peer.clone(), secret: registered.secret };
        if let Some(keepsake) = &self.settings.keepsake
            && let Err(error) = keepsake.save(&credentials)
        {
            tracing::warn!(%error, "the registration cannot be kept for the next start");
        }
        self.registry.set_own(Some(registered.peer.clone()));
        self.credentials = Some(credentials);
        self.announced = wanted.files.into_iter().map(|entry| (entry.id, entry)).collect();
        self.lease = registered.lease;
        self.beat();
        self.events.emit(Event::Registered { peer: registered.peer, lease: registered.lease });
        Ok(())
    }

    /// Tells what is shared now and was not before, and the reverse.
    fn tell_changes(&mut self) -> Result<(), RegistryError> {
        let Some(credentials) = self.credentials.clone() else { return Ok(()) };
        let present = self.shared.library.entries();
        let add: Vec<FileEntry> =
            present.iter().filter(|entry| self.announced.get(&entry.id) != Some(entry)).cloned().collect();
        let remove: Vec<FileId> = self
            .announced
            .keys()
            .filter(|id| present.binary_search_by_key(id, |entry| &entry.id).is_err())
            .copied()
            .collect();
        let batches = add.len().div_ceil(TOGETHER).max(remove.len().div_ceil(TOGETHER));
        for batch in 0..batches {
            let part = |length: usize| (batch * TOGETHER).min(length)..((batch + 1) * TOGETHER).min(length);
            let (add, remove) = (&add[part(add.len())], &remove[part(remove.len())]);
            let message = Announcement { credentials: credentials.clone(), add: add.to_vec(), remove: remove.to_vec() };
            self.lease = self.registry.announce(&message)?.lease;
            self.beat();
            self.announced.retain(|id, _| !remove.contains(id));
            self.announced.extend(add.iter().map(|entry| (entry.id, entry.clone())));
        }
        Ok(())
    }

    /// The registry has just heard from us.
    fn beat(&mut self) {
        self.beat_due = Instant::now() + (Duration::from_secs(self.lease) / 3).max(SHORTEST_BEAT);
        let mut status = self.shared.status();
        status.peer = self.credentials.as_ref().map(|credentials| credentials.peer.clone());
        status.lease = self.lease;
    }

    /// All is well.
    fn content(&mut self) {
        self.backoff.reset();
        let mut status = self.shared.status();
        status.files = self.announced.len();
        if status.problem.take().is_some() {
            tracing::info!("the registry answers again");
        }
    }

    /// Says so once, however long it lasts.
    fn complain(&self, error: &RegistryError) {
        let mut status = self.shared.status();
        if status.problem.is_none() {
            tracing::warn!("{error}; trying again, and again");
        }
        status.problem = Some(error.to_string());
    }

    /// The registration is over.
    fn forget(&mut self) {
        if let Some(keepsake) = &self.settings.keepsake {
            keepsake.forget();
        }
        self.credentials = None;
        self.announced.clear();
        self.registry.set_own(None);
        let mut status = self.shared.status();
        *status = Status { problem: status.problem.take(), ..Status::default() };
    }

    /// Ends the registration, if there is one.
    fn leave(&mut self) {
        let Some(credentials) = self.credentials.clone() else { return };
        match self.registry.unregister(&credentials) {
            Ok(()) => self.events.emit(Event::Unregistered { peer: credentials.peer, lease: self.lease }),
            Err(error) => tracing::warn!("{error}; the registration ends with its lease"),
        }
        self.forget();
    }
}
