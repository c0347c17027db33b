//! The registry as requests use it: locked, timed, saved and counted.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime};

use alto_types::swarm::{
    Announcement, BestPeer, Credentials, FileId, FileList, FileSummary, Holders, Lease, PeerId, RankedHolder,
    Registered, Registration,
};
use rand::Rng;
use topo::View;

use super::check;
use super::credentials::PeerKey;
use super::leases::Moment;
use super::limits::{Limits, MAX_RANKED};
use super::rank::rank;
use super::redb_store::RedbStore;
use super::refused::Refused;
use super::registry::Registry;
use super::store::{Store, StoreError, Volatile};
use super::writer::{Saving, Writer};

/// How often leases that nobody asked about are looked after.
pub(crate) const SWEEP: Duration = Duration::from_secs(1);

/// The registry of one server.
pub(crate) struct Swarm {
    registry: RwLock<Registry>,
    writer: Writer,
    limits: Limits,
    clock: Box<dyn Clock>,
}

/// Where the time comes from.
pub(super) trait Clock: Send + Sync {
    /// Never goes back; leases are measured by it.
    fn moment(&self) -> Moment;
    /// The time of day.
    fn time(&self) -> SystemTime;
}

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the thread that saves registrations cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// Holders of a file that are still to be ranked, which may take a while.
pub(super) struct Ranking {
    file: FileId,
    candidates: Vec<super::registry::Candidate>,
}

/// A change that is made and yet to be saved.
pub(super) struct Changed<T> {
    answer: T,
    saving: Saving,
}

struct SystemClock(Instant);

impl Clock for SystemClock {
    fn moment(&self) -> Moment {
        Moment(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn time(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl<T> Changed<T> {
    pub(super) fn answer(&self) -> &T {
        &self.answer
    }

    /// What may be acknowledged, once it may be.
    pub(super) async fn saved(self) -> Result<T, Refused> {
        self.saving.done().await?;
        Ok(self.answer)
    }
}

impl Swarm {
    /// The registry with what an earlier run saved in the folder `state`, if there is one.
    pub(crate) fn open(limits: Limits, state: Option<&Path>) -> Result<Self, StartError> {
        let clock = Box::new(SystemClock(Instant::now()));
        match state {
            Some(folder) => Self::start(limits, RedbStore::open(folder)?, clock),
            None => Self::start(limits, Volatile, clock),
        }
    }

    pub(super) fn start(limits: Limits, mut store: impl Store, clock: Box<dyn Clock>) -> Result<Self, StartError> {
        let mut registry = Registry::new(limits);
        let now = clock.moment();
        store.load(&mut |saved| registry.restore(saved, now))?;
        count(&registry);
        Ok(Self { registry: RwLock::new(registry), writer: Writer::start(store)?, limits, clock })
    }

    pub(super) fn register(
        &self,
        address: IpAddr,
        wanted: &Registration,
        rng: &mut impl Rng,
    ) -> Result<Changed<Registered>, Refused> {
        check::registration(wanted, &self.limits)?;
        let mut registry = self.write();
        self.writer.admit()?;
        let now = (self.clock.moment(), self.clock.time());
        let (answer, changes) = registry.register(address, wanted, now, rng)?;
        count(&registry);
        Ok(Changed { answer, saving: self.writer.save(changes) })
    }

    /// Takes back a registration that could not be saved, so that the peer can try again.
    pub(super) fn retract(&self, peer: &PeerId) {
        if let Some(key) = PeerKey::from_id(peer) {
            let mut registry = self.write();
            registry.retract(key);
            self.writer.expired(&[key]);
            count(&registry);
        }
    }

    pub(super) fn heartbeat(&self, credentials: &Credentials) -> Result<Lease, Refused> {
        self.write().heartbeat(credentials, self.clock.moment())?;
        Ok(self.lease())
    }

    pub(super) fn announce(&self, said: &Announcement) -> Result<Changed<Lease>, Refused> {
        check::announcement(said, &self.limits)?;
        let mut registry = self.write();
        self.writer.admit()?;
        let changes = registry.announce(said, self.clock.moment())?;
        count(&registry);
        Ok(Changed { answer: self.lease(), saving: self.writer.save(changes) })
    }

    pub(super) fn unregister(&self, credentials: &Credentials) -> Result<Changed<()>, Refused> {
        let mut registry = self.write();
        self.writer.admit()?;
        let key = registry.unregister(credentials)?;
        count(&registry);
        Ok(Changed { answer: (), saving: self.writer.save(vec![super::store::Change::Forget(vec![key])]) })
    }

    pub(super) fn list(&self, name: Option<&str>, after: Option<FileId>, rows: usize) -> FileList {
        self.read().list(name, after, rows)
    }

    pub(super) fn file(&self, id: FileId) -> Result<FileSummary, Refused> {
        self.read().file(id)
    }

    pub(super) fn holders(
        &self,
        id: FileId,
        except: Option<&PeerId>,
        rows: usize,
        rng: &mut impl Rng,
    ) -> Result<Holders, Refused> {
        let registry = self.read();
        let holders = registry.holders(id, except.and_then(PeerKey::from_id), rows, rng)?;
        Ok(Holders { file: registry.file(id)?, holders })
    }

    /// The holders to be ranked; with [`Swarm::best`], which takes its time where there are many.
    pub(super) fn candidates(
        &self,
        file: FileId,
        except: Option<&PeerId>,
        rng: &mut impl Rng,
    ) -> Result<Ranking, Refused> {
        let candidates = self.read().candidates(file, except.and_then(PeerKey::from_id), MAX_RANKED, rng)?;
        Ok(Ranking { file, candidates })
    }

    /// Ranks holders by their cost to the client. Nobody waits for this: the registry is not locked meanwhile.
    pub(super) fn best(&self, ranking: Ranking, view: &View, client: IpAddr, rows: usize) -> BestPeer {
        let ranked = rank(view, client, ranking.candidates, rows);
        let registry = self.read();
        let row = |ranked: super::rank::Ranked| {
            let holder = registry.holder_by_key(ranked.candidate.key, ranking.file)?;
            Some(RankedHolder { holder, cost: ranked.cost.map(topo::Value::as_f64) })
        };
        // Whoever left meanwhile is left out.
        let ranking: Vec<_> = ranked.into_iter().filter_map(row).collect();
        BestPeer { client, best: ranking.first().cloned(), ranking }
    }

    /// Ends registrations whose lease has ended. Every request does this first, so that none sees them; this is for
    /// the time when there are no requests.
    pub(crate) fn sweep(&self) {
        drop(self.write());
    }

    fn lease(&self) -> Lease {
        Lease { lease: self.limits.lease.as_secs() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Registry> {
        let now = self.clock.moment();
        let lock = || self.registry.read().unwrap_or_else(PoisonError::into_inner);
        let registry = lock();
        if !registry.has_expired(now) {
            return registry;
        }
        drop(registry);
        self.sweep();
        lock()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Registry> {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        let expired = registry.expire(self.clock.moment());
        if !expired.is_empty() {
            metrics::counter!("alto_swarm_expired_total").increment(expired.len() as u64);
            self.writer.expired(&expired);
            count(&registry);
        }
        registry
    }
}

impl Ranking {
    /// How much work it is to rank them.
    pub(super) fn weight(&self) -> usize {
        self.candidates.len()
    }
}

fn count(registry: &Registry) {
    let [peers, files, holdings] = registry.counts();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    {
        metrics::gauge!("alto_swarm_peers").set(peers as f64);
        metrics::gauge!("alto_swarm_files").set(files as f64);
        metrics::gauge!("alto_swarm_holdings").set(holdings as f64);
    }
}
