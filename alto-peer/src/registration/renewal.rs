//! Thread that keeps this peer registered: it registers, announces what is shared, and renews the lease.
//!
//! It wakes when the library changes and when the lease is due. While the server does not answer, it tries again at
//! growing intervals; if the server has lost the registration, it registers again.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use alto_types::swarm::{Announcement, Credentials, FileEntry, FileId, Lease, PeerId, Registration};
use http::StatusCode;

use super::backoff::Backoff;
use super::registry_client::{RegistryClient, RegistryError};
use super::saved::SavedRegistration;
use crate::content::Library;
use crate::events::{Event, Events};

/// Number of files in one message, which keeps it below the size that servers accept.
const FILES_PER_MESSAGE: usize = 500;
/// Time in which further changes are collected into one announcement.
const COLLECT_TIME: Duration = Duration::from_millis(100);
/// Longest sleep while nothing is due.
const IDLE: Duration = Duration::from_mins(10);
/// Time for which [`Renewal::stop`] waits for the thread to unregister.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Shortest interval between heartbeats, however short the lease.
const MIN_HEARTBEAT_INTERVAL: Duration = Duration::from_millis(300);

/// Time after which the first heartbeat is sent, longer than a registry tries to connect to a peer.
const FIRST_HEARTBEAT: Duration = Duration::from_secs(4);

/// Settings of the registration of this peer.
#[derive(Clone, Debug)]
pub struct RenewalSettings {
    /// Name of the peer, for people.
    pub name: String,
    /// Port at which it serves.
    pub port: u16,
    /// File that hands the registration over to the next process, if wanted.
    pub saved: Option<SavedRegistration>,
    /// Seed of the random part of waits; random if absent.
    pub seed: Option<u64>,
    /// Registers the peer at the start if true.
    pub register: bool,
}

/// Handle of the thread that keeps this peer registered until the handle is dropped.
pub struct Renewal {
    shared: Arc<Shared>,
    /// Channel that closes when the thread ends.
    ended: Mutex<mpsc::Receiver<()>>,
    /// Reasons why the registry refuses this peer for good.
    refusals: Mutex<mpsc::Receiver<String>>,
}

/// State of the registration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrationStatus {
    /// ID of this peer, if it is registered.
    pub peer: Option<PeerId>,
    /// Seconds for which the registration lasts without a heartbeat.
    pub lease: u64,
    /// Number of files announced.
    pub files: usize,
    /// True if the registry could not connect to this peer.
    pub unreachable: bool,
    /// Files that the registry does not take, if there are any, and why.
    pub left_out: Option<String>,
    /// Last failure, if no attempt has succeeded since.
    pub problem: Option<String>,
}

struct Shared {
    library: Arc<Library>,
    wanted: Mutex<Wanted>,
    status: Mutex<RegistrationStatus>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Registered,
    Unregistered,
    Ended,
}

/// State of the thread.
struct RenewalThread {
    settings: RenewalSettings,
    registry: Arc<RegistryClient>,
    events: Events,
    shared: Arc<Shared>,
    backoff: Backoff,
    credentials: Option<Credentials>,
    announced: BTreeMap<FileId, FileEntry>,
    lease: u64,
    heartbeat_due: Instant,
    refusals: mpsc::Sender<String>,
    /// Largest number of files that the registry takes in one message, as far as is known.
    files_per_message: usize,
    /// State of the library in which the registry took no more files; it is asked again when that has changed.
    full_at: Option<u64>,
}

impl Renewal {
    /// Starts the thread.
    pub fn start(
        settings: RenewalSettings,
        registry: Arc<RegistryClient>,
        library: Arc<Library>,
        events: Events,
    ) -> io::Result<Self> {
        let wanted = if settings.register { Wanted::Registered } else { Wanted::Unregistered };
        let (refuse, refusals) = mpsc::channel();
        let shared = Arc::new(Shared { library, wanted: Mutex::new(wanted), status: Mutex::default() });
        let thread = RenewalThread {
            backoff: Backoff::new(settings.seed),
            settings,
            registry,
            events,
            shared: Arc::clone(&shared),
            credentials: None,
            announced: BTreeMap::new(),
            lease: 0,
            heartbeat_due: Instant::now(),
            refusals: refuse,
            files_per_message: FILES_PER_MESSAGE,
            full_at: None,
        };
        let (running, ended) = mpsc::channel::<()>();
        let run = move || {
            let _running = running;
            thread.run();
        };
        std::thread::Builder::new().name("registration".to_owned()).spawn(run)?;
        Ok(Self { shared, ended: Mutex::new(ended), refusals: Mutex::new(refusals) })
    }

    /// Registers this peer and keeps it registered.
    pub fn register(&self) {
        self.shared.want(Wanted::Registered);
    }

    /// Unregisters this peer until [`Renewal::register`] is called.
    pub fn unregister(&self) {
        self.shared.want(Wanted::Unregistered);
    }

    /// Present state of the registration.
    pub fn status(&self) -> RegistrationStatus {
        self.shared.status().clone()
    }

    /// Waits until the registry refuses this peer for good, and returns the reason; `None` once the thread has ended.
    pub fn wait_for_refusal(&self) -> Option<String> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }

    /// Unregisters this peer and ends the thread. Dropping does the same.
    pub fn stop(&self) {
        self.shared.want(Wanted::Ended);
        // A server that takes a request and never answers must not delay the end.
        let _ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(STOP_TIMEOUT);
    }
}

impl Drop for Renewal {
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

    fn status(&self) -> MutexGuard<'_, RegistrationStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RenewalThread {
    fn run(mut self) {
        loop {
            // Read before the wish, so that no change in between is missed.
            let seen = self.shared.library.generation();
            match self.shared.wanted() {
                Wanted::Ended => return self.unregister(),
                Wanted::Unregistered => {
                    self.unregister();
                    self.shared.library.wait_changed(seen, IDLE);
                }
                Wanted::Registered => match self.renew() {
                    Ok(()) => {
                        self.succeed();
                        let until_heartbeat = self.heartbeat_due.saturating_duration_since(Instant::now());
                        if self.shared.library.wait_changed(seen, until_heartbeat) != seen {
                            self.pause(COLLECT_TIME);
                        }
                    }
                    Err(error) if self.credentials.is_none() && error.is_final() => self.give_up(&error),
                    Err(error) => {
                        self.fail(&error);
                        let pause = self.backoff.next(error.retry_after());
                        // A refused announcement is no reason to let the lease lapse.
                        let registered = self.credentials.is_some() && error.status().is_some();
                        let until_heartbeat =
                            self.heartbeat_due.saturating_duration_since(Instant::now()).max(MIN_HEARTBEAT_INTERVAL);
                        self.pause(if registered { pause.min(until_heartbeat) } else { pause });
                    }
                },
            }
        }
    }

    /// Sleeps until the time has passed or something else is wanted, whatever changes in the library.
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

    /// Registers if necessary, renews the lease if due, and announces changes.
    fn renew(&mut self) -> Result<(), RegistryError> {
        let result = self.renew_once();
        match result.as_ref().err().and_then(RegistryError::status) {
            // The server has lost the registration, for example by a restart or because the lease ended.
            Some(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) if self.credentials.is_some() => {
                self.forget();
                self.renew_once()
            }
            _ => result,
        }
    }

    fn renew_once(&mut self) -> Result<(), RegistryError> {
        match &self.credentials {
            None => self.register()?,
            Some(credentials) if self.heartbeat_due <= Instant::now() => {
                let Lease { lease, reachable } = self.registry.heartbeat(credentials)?;
                self.lease = lease;
                self.schedule_heartbeat();
                self.tell_reachable(reachable != Some(false));
                // Finds changes on disk, which are then announced.
                self.shared.library.check();
            }
            Some(_) => {}
        }
        self.announce_changes()
    }

    /// Registers this peer, taking over a saved registration if there is one.
    fn register(&mut self) -> Result<(), RegistryError> {
        let files = self.shared.library.entries().into_iter().take(self.files_per_message).collect();
        let renew = self.settings.saved.as_ref().and_then(SavedRegistration::load);
        let renewing = renew.is_some();
        let mut wanted =
            Registration { name: self.settings.name.clone(), port: self.settings.port, files, renew, probe: true };
        let registered = match self.registry.register(&wanted) {
            Err(error) if error.is_too_much() && wanted.files.len() > 1 => {
                // The rest is announced as far as the registry takes it.
                self.files_per_message = wanted.files.len() / 2;
                return self.register();
            }
            // The secret that was saved is no longer valid.
            Err(error) if renewing && error.status() == Some(StatusCode::FORBIDDEN) => {
                wanted.renew = None;
                self.registry.register(&wanted)?
            }
            registered => registered?,
        };
        let credentials = Credentials { peer: registered.peer.clone(), secret: registered.secret };
        if let Some(saved) = &self.settings.saved
            && let Err(error) = saved.save(&credentials)
        {
            tracing::warn!(%error, "the registration cannot be saved, so the next start may have to wait until its lease ends");
        }
        self.registry.set_own(Some(registered.peer.clone()));
        self.credentials = Some(credentials);
        self.announced = wanted.files.into_iter().map(|entry| (entry.id, entry)).collect();
        self.lease = registered.lease;
        self.schedule_heartbeat();
        // Soon, because by then the registry has tried to connect to this peer.
        self.heartbeat_due = self.heartbeat_due.min(Instant::now() + FIRST_HEARTBEAT);
        self.events.emit(Event::Registered { peer: registered.peer, lease: registered.lease });
        Ok(())
    }

    /// Announces files that were added or removed since the last announcement.
    fn announce_changes(&mut self) -> Result<(), RegistryError> {
        let Some(credentials) = self.credentials.clone() else { return Ok(()) };
        let generation = self.shared.library.generation();
        if self.full_at == Some(generation) {
            return Ok(());
        }
        let present = self.shared.library.entries();
        let add: Vec<FileEntry> =
            present.iter().filter(|entry| self.announced.get(&entry.id) != Some(entry)).cloned().collect();
        let remove: Vec<FileId> = self
            .announced
            .keys()
            .filter(|id| present.binary_search_by_key(id, |entry| &entry.id).is_err())
            .copied()
            .collect();
        for remove in remove.chunks(FILES_PER_MESSAGE) {
            self.announce(&credentials, &[], remove)?;
        }
        let (mut add, mut length) = (add.as_slice(), FILES_PER_MESSAGE);
        while !add.is_empty() {
            let (part, rest) = add.split_at(length.min(add.len()));
            match self.announce(&credentials, part, &[]) {
                Ok(()) => add = rest,
                // As many as fit, and then no more.
                Err(error) if error.is_too_much() && part.len() > 1 => length = part.len() / 2,
                Err(error) if error.is_too_much() => {
                    self.full_at = Some(generation);
                    self.tell_full(add.len(), present.len(), &error);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.full_at = None;
        self.shared.status().left_out = None;
        Ok(())
    }

    fn announce(
        &mut self,
        credentials: &Credentials,
        add: &[FileEntry],
        remove: &[FileId],
    ) -> Result<(), RegistryError> {
        let message = Announcement { credentials: credentials.clone(), add: add.to_vec(), remove: remove.to_vec() };
        self.lease = self.registry.announce(&message)?.lease;
        self.schedule_heartbeat();
        self.announced.retain(|id, _| !remove.contains(id));
        self.announced.extend(add.iter().map(|entry| (entry.id, entry.clone())));
        Ok(())
    }

    /// Reports files that the registry does not take.
    fn tell_full(&self, left_out: usize, all: usize, error: &RegistryError) {
        let problem = format!(
            "{left_out} of {all} files are not registered, so that nobody finds them: {error}; the setting \
             swarm-max-files-per-peer of the server decides how many it takes"
        );
        tracing::warn!("{problem}");
        self.shared.status().left_out = Some(problem);
    }

    /// Stops trying to register, until that is wanted again.
    fn give_up(&self, error: &RegistryError) {
        let reason = match error.status() {
            Some(StatusCode::NOT_FOUND) => {
                format!("the server of {} has no registry of peers", self.registry.directory_uri())
            }
            _ => error.to_string(),
        };
        tracing::error!("not registered: {reason}");
        self.shared.status().problem = Some(reason.clone());
        self.shared.want(Wanted::Unregistered);
        // Whoever waits for it may be gone.
        let _nobody = self.refusals.send(reason);
    }

    /// Reports, once for each registration, that the registry could not connect to this peer.
    fn tell_reachable(&mut self, is_reachable: bool) {
        let before = std::mem::replace(&mut self.shared.status().unreachable, !is_reachable);
        if !is_reachable && !before {
            self.events.emit(Event::Unreachable { port: self.settings.port });
        }
    }

    /// Schedules the next heartbeat after a message to the registry.
    fn schedule_heartbeat(&mut self) {
        self.heartbeat_due = Instant::now() + (Duration::from_secs(self.lease) / 3).max(MIN_HEARTBEAT_INTERVAL);
        let mut status = self.shared.status();
        status.peer = self.credentials.as_ref().map(|credentials| credentials.peer.clone());
        status.lease = self.lease;
    }

    /// Records a success.
    fn succeed(&mut self) {
        self.backoff.reset();
        let mut status = self.shared.status();
        status.files = self.announced.len();
        if status.problem.take().is_some() {
            tracing::info!("the registry answers again");
        }
    }

    /// Records a failure, and logs the first of a series.
    fn fail(&self, error: &RegistryError) {
        let mut status = self.shared.status();
        if status.problem.is_none() {
            tracing::warn!("{error}; trying again at growing intervals");
        }
        status.problem = Some(error.to_string());
    }

    /// Drops everything that belongs to the registration that has ended.
    fn forget(&mut self) {
        if let Some(saved) = &self.settings.saved {
            saved.forget();
        }
        self.credentials = None;
        self.announced.clear();
        self.registry.set_own(None);
        let mut status = self.shared.status();
        *status = RegistrationStatus { problem: status.problem.take(), ..RegistrationStatus::default() };
    }

    /// Ends the registration, if there is one.
    fn unregister(&mut self) {
        let Some(credentials) = self.credentials.clone() else { return };
        match self.registry.unregister(&credentials) {
            Ok(()) => self.events.emit(Event::Unregistered { peer: credentials.peer, lease: self.lease }),
            Err(error) => tracing::warn!("{error}; the registration will end with its lease"),
        }
        self.forget();
    }
}
