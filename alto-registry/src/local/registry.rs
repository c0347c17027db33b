//! The local registry as front ends call it: locked, expired and saved.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use rand::Rng;

use super::redb_store::RedbStore;
use super::state::{Made, State};
use super::store::{Store, Volatile};
use super::writer::Writer;
use crate::check;
use crate::credentials::Credentials;
use crate::holding::Holding;
use crate::id::ContentId;
use crate::limits::Limits;
use crate::observer::{Observer, Stats};
use crate::peer::{Announcer, Peer, Registration};
use crate::pending::Pending;
use crate::query::{FileList, FileQuery, FileSummary, Holder, HolderQuery, Holders};
use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::store_file::StoreError;
use crate::time::Timestamp;

/// Registry of one process.
pub struct LocalRegistry {
    state: Arc<RwLock<State>>,
    writer: Writer,
    limits: Limits,
    observer: Arc<dyn Observer>,
}

/// Reason why a registry cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system refuses another thread.
    #[error("cannot start the thread that saves registrations: {0}")]
    Thread(#[from] io::Error),
}

impl LocalRegistry {
    /// Opens a registry that ends with the process, or, given a folder, one that continues what the folder has.
    pub fn open(
        limits: Limits,
        folder: Option<&Path>,
        observer: Arc<dyn Observer>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        match folder {
            Some(folder) => Self::start(limits, RedbStore::open(folder)?, observer, now),
            None => Self::start(limits, Volatile, observer, now),
        }
    }

    pub(super) fn start(
        limits: Limits,
        mut store: impl Store,
        observer: Arc<dyn Observer>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let mut state = State::new(limits, now);
        store.load(&mut |saved| state.restore(saved))?;
        observer.counted(state.stats());
        let state = Arc::new(RwLock::new(state));
        let writer = Writer::start(store, &state, Arc::clone(&observer))?;
        Ok(Self { state, writer, limits, observer })
    }

    fn read(&self, now: Timestamp) -> RwLockReadGuard<'_, State> {
        let lock = || self.state.read().unwrap_or_else(PoisonError::into_inner);
        let state = lock();
        if !state.has_expired(now) {
            return state;
        }
        drop(state);
        drop(self.write(now));
        lock()
    }

    fn write(&self, now: Timestamp) -> RwLockWriteGuard<'_, State> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let expired = state.advance(now);
        if !expired.peers.is_empty() || !expired.holdings.is_empty() {
            self.observer.expired(expired.peers.len());
            self.observer.counted(state.stats());
            self.writer.expire(expired);
        }
        state
    }

    /// Makes a change and queues it for the disk, in one critical section.
    fn change<T>(
        &self,
        now: Timestamp,
        make: impl FnOnce(&mut State) -> Result<Made<T>, Refusal>,
    ) -> Result<Pending<T>, Refusal> {
        let mut state = self.write(now);
        self.writer.admit()?;
        let Made { answer, changes, creates } = make(&mut state)?;
        self.observer.counted(state.stats());
        Ok(self.writer.save(answer, changes, creates))
    }
}

impl Registry for LocalRegistry {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn register(&self, peer: &Peer, now: Timestamp, rng: &mut dyn Rng) -> Result<Pending<Registration>, Refusal> {
        check::holdings(&peer.holdings, &self.limits)?;
        self.change(now, |state| state.register(peer, rng))
    }

    fn renew(&self, caller: &Credentials, peer: &Peer, now: Timestamp) -> Result<Pending<Registration>, Refusal> {
        check::holdings(&peer.holdings, &self.limits)?;
        self.change(now, |state| state.renew(caller, peer))
    }

    fn announce(
        &self,
        announcer: &Announcer,
        add: &[Holding],
        remove: &[ContentId],
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Pending<Duration>, Refusal> {
        check::announcement(add, remove, &self.limits)?;
        self.change(now, |state| state.announce(announcer, add, remove, rng))
    }

    fn heartbeat(&self, caller: &Credentials, now: Timestamp) -> Result<Duration, Refusal> {
        self.write(now).heartbeat(caller)
    }

    fn leave(&self, caller: &Credentials, now: Timestamp) -> Result<Pending<()>, Refusal> {
        self.change(now, |state| state.leave(caller))
    }

    fn files(&self, query: &FileQuery<'_>, now: Timestamp) -> Result<FileList, Refusal> {
        Ok(self.read(now).files(query))
    }

    fn file(&self, file: ContentId, now: Timestamp) -> Result<FileSummary, Refusal> {
        self.read(now).file(file)
    }

    fn holders(&self, query: &HolderQuery, now: Timestamp, rng: &mut dyn Rng) -> Result<Holders, Refusal> {
        self.read(now).holders(query, rng)
    }

    fn candidates(&self, query: &HolderQuery, now: Timestamp, rng: &mut dyn Rng) -> Result<Vec<Holder>, Refusal> {
        self.read(now).candidates(query, rng)
    }

    fn sweep(&self, now: Timestamp) {
        drop(self.write(now));
    }

    fn stats(&self, now: Timestamp) -> Result<Stats, Refusal> {
        Ok(self.read(now).stats())
    }
}
