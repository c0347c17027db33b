//! The registry of several servers as front ends call it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use rand::Rng;

use super::keeper::{self, Beats, Keeper};
use super::replica::{self, Replica};
use super::{entry, rows, scripts};
use crate::check;
use crate::credentials::{Credentials, Secret, SecretHash};
use crate::holding::Holding;
use crate::id::{ContentId, PeerId};
use crate::limits::Limits;
use crate::local::state::State;
use crate::local::store::SavedPeer;
use crate::observer::{Observer, Stats};
use crate::peer::{Announcer, Peer, PeerAddress, Registration};
use crate::pending::Pending;
use crate::query::{FileList, FileQuery, FileSummary, Holder, HolderQuery, Holders};
use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::shared::{Confirmation, Connector, Reply, Report, Script, SharedLog, StoreError};
use crate::time::Timestamp;

/// Registry of several servers, which all give the same answers.
pub struct RedisRegistry {
    log: Arc<SharedLog>,
    state: Arc<RwLock<State>>,
    limits: Limits,
    clock: Clock,
    /// Latest time that a caller has told.
    latest: AtomicU64,
    beats: Arc<Beats>,
    /// Absent where callers tell the time.
    _keeper: Option<Keeper>,
}

/// Clock by which leases end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Clock of the store, which all servers share. The times that callers tell count for IDs only.
    Store,
    /// Times that callers tell, of whom there is one: leases end before any call that is made after their end.
    Caller,
}

/// Name of the log, with the version of the format of its entries and keys.
const NAME: &str = "registry-1";
/// Number of attempts to make a change that others make impossible each time.
const ATTEMPTS: usize = 8;

/// Answer of a script.
enum Outcome {
    /// The change is made and followed.
    Done,
    /// The circumstances have changed since they were looked at.
    Again,
}

impl RedisRegistry {
    /// Opens the registry, and returns when everything is in memory that it has.
    pub fn open(
        connector: Arc<Connector>,
        limits: Limits,
        observer: Arc<dyn Observer>,
        clock: Clock,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        let state = Arc::new(RwLock::new(replica::empty(limits)));
        let peers = format!("{}:{NAME}:peer:", connector.address().prefix());
        let replica = Replica { state: Arc::clone(&state), limits, observer, peers };
        let log = SharedLog::open(connector, NAME, scripts::all(), Box::new(replica), patience)?;
        let (log, beats) = (Arc::new(log), Arc::<Beats>::default());
        let keeper = match clock {
            Clock::Caller => None,
            Clock::Store => Some(Keeper::start(Arc::clone(&log), Arc::clone(&beats), limits.lease)),
        };
        let keeper = keeper.transpose().map_err(|error| StoreError::Away(format!("no thread for it: {error}")))?;
        Ok(Self { log, state, limits, clock, latest: AtomicU64::new(0), beats, _keeper: keeper })
    }

    /// Tells how far this server follows.
    pub fn report(&self) -> Report {
        self.log.report()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time for the scripts: that of the caller, or nothing. Leases that have ended by then are ended first.
    fn time(&self, now: Timestamp) -> Result<String, Refusal> {
        if self.clock == Clock::Store {
            return Ok(String::new());
        }
        let before = self.latest.fetch_max(now.unix_milliseconds(), Ordering::Relaxed);
        let time = now.unix_milliseconds().max(before).to_string();
        if now.unix_milliseconds() > before
            && let Some(last) = keeper::expire(&self.log, &time, self.limits.lease).map_err(|error| refused(&error))?
        {
            self.log.follow_own(&last);
        }
        Ok(time)
    }

    /// Asks the state in memory, where no change that is still to be followed can make the answer another one.
    fn settled<T>(&self, check: impl Fn(&State) -> Result<T, Refusal>) -> Option<Result<T, Refusal>> {
        let first = check(&self.read());
        // The secret of a registration never changes.
        matches!(first, Ok(_) | Err(Refusal::WrongSecret)).then_some(first)
    }

    /// Asks the state in memory. A refusal counts only once nothing is left to follow: what another server has changed
    /// may have made the call possible.
    fn agreed<T>(&self, check: impl Fn(&State) -> Result<T, Refusal>) -> Result<T, Refusal> {
        if let Some(decided) = self.settled(&check) {
            return decided;
        }
        self.log.catch_up().map_err(|error| refused(&error))?;
        check(&self.read())
    }

    /// Repeats an attempt while others change what it depends on.
    fn attempt<T>(&self, mut attempt: impl FnMut() -> Result<Option<T>, Refusal>) -> Result<T, Refusal> {
        for _ in 0..ATTEMPTS {
            if let Some(done) = attempt()? {
                return Ok(done);
            }
            self.log.catch_up().map_err(|error| refused(&error))?;
        }
        Err(Refusal::Busy)
    }

    /// Runs a script and follows what it has done.
    fn run(&self, script: &'static Script, words: Vec<Vec<u8>>) -> Result<Outcome, Refusal> {
        let reply = self.log.run(script, words, Confirmation::Copies).map_err(|error| refused(&error))?;
        let (tag, value) = (reply.items().first().and_then(Reply::bytes), reply.items().get(1));
        match (tag, value) {
            (Some(b"ok"), Some(Reply::Bytes(id))) => {
                self.log.follow_own(id);
                Ok(Outcome::Done)
            }
            (Some(b"same"), _) => Ok(Outcome::Done),
            (Some(b"again"), _) => Ok(Outcome::Again),
            (Some(b"unknown"), _) => Err(Refusal::UnknownPeer),
            (Some(b"taken"), Some(Reply::Number(left))) => {
                Err(Refusal::AddressTaken { remaining: Duration::from_millis(u64::try_from(*left).unwrap_or(0)) })
            }
            _ => Err(refused(&StoreError::Unknown(format!("{reply:?} as the answer of a script")))),
        }
    }

    /// Says how long an address is taken, which only the store knows.
    fn taken<T>(&self, time: &str, address: PeerAddress) -> Result<Option<T>, Refusal> {
        self.run(scripts::remaining(), vec![time.into(), place(address)]).map(|_gone| None)
    }

    fn lease(&self) -> Vec<u8> {
        self.limits.lease.as_millis().to_string().into_bytes()
    }

    /// Puts a registration with its holdings into the store.
    fn put(
        &self,
        script: &'static Script,
        time: &str,
        peer: &SavedPeer,
        holdings: &[Holding],
    ) -> Result<Outcome, Refusal> {
        let [secret, row] = rows::fields(peer);
        let data = entry::put(peer, holdings);
        let mut words = vec![time.into(), self.lease(), rows::key(peer.id), secret, row, data];
        // Without a lease of its own, a registration lasts as long as its holdings.
        rows::push_holdings(&mut words, holdings, peer.secret.is_none().then_some(self.limits.lease));
        self.run(script, words)
    }

    fn announce_from(
        &self,
        address: PeerAddress,
        (add, remove): (&[Holding], &[ContentId]),
        (now, time): (Timestamp, &str),
        rng: &mut dyn Rng,
    ) -> Result<(), Refusal> {
        self.attempt(|| {
            let (present, dropped) = match self.agreed(|state| state.may_announce_from(address, add, remove)) {
                Err(Refusal::AddressTaken { .. }) => return self.taken(time, address),
                decided => decided?,
            };
            let outcome = match present {
                None if add.is_empty() => Outcome::Done,
                None => {
                    let id = PeerId::generate(now, rng);
                    let peer = SavedPeer { id, secret: SecretHash::NONE, address, name: None };
                    self.put(scripts::register(), time, &peer, add)?
                }
                Some(_) if add.is_empty() && dropped.is_empty() => Outcome::Done,
                Some(id) => {
                    let data = entry::change(id, add, &dropped);
                    let mut words = vec![time.into(), place(address), rows::key(id), data];
                    rows::push_holdings(&mut words, add, Some(self.limits.lease));
                    rows::push_files(&mut words, &dropped);
                    self.run(scripts::announce_from(), words)?
                }
            };
            Ok(matches!(outcome, Outcome::Done).then_some(()))
        })
    }
}

impl Registry for RedisRegistry {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn may_block(&self) -> bool {
        true
    }

    fn register(&self, peer: &Peer, now: Timestamp, rng: &mut dyn Rng) -> Result<Pending<Registration>, Refusal> {
        check::holdings(&peer.holdings, &self.limits)?;
        let time = self.time(now)?;
        let registration = self.attempt(|| {
            match self.agreed(|state| state.may_register(peer)) {
                Err(Refusal::AddressTaken { .. }) => return self.taken(&time, peer.address),
                decided => decided?,
            }
            let (secret, id) = (Secret::generate(rng), PeerId::generate(now, rng));
            let (address, name) = (peer.address, peer.name.clone());
            let saved = SavedPeer { id, secret: SecretHash::of(&secret), address, name };
            let outcome = self.put(scripts::register(), &time, &saved, &peer.holdings)?;
            let registration = Registration { peer: id, secret, lease: self.limits.lease };
            Ok(matches!(outcome, Outcome::Done).then_some(registration))
        });
        registration.map(Pending::settled)
    }

    fn renew(&self, caller: &Credentials, peer: &Peer, now: Timestamp) -> Result<Pending<Registration>, Refusal> {
        check::holdings(&peer.holdings, &self.limits)?;
        let time = self.time(now)?;
        self.attempt(|| {
            match self.agreed(|state| state.may_renew(caller, peer)) {
                Err(Refusal::AddressTaken { .. }) => return self.taken(&time, peer.address),
                decided => decided?,
            }
            let (address, name) = (peer.address, peer.name.clone());
            let saved = SavedPeer { id: caller.peer, secret: SecretHash::of(&caller.secret), address, name };
            let outcome = self.put(scripts::renew(), &time, &saved, &peer.holdings)?;
            Ok(matches!(outcome, Outcome::Done).then_some(()))
        })?;
        let lease = self.limits.lease;
        Ok(Pending::settled(Registration { peer: caller.peer, secret: caller.secret.clone(), lease }))
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
        let time = self.time(now)?;
        match announcer {
            Announcer::Address(address) => {
                self.announce_from(*address, (add, remove), (now, &time), rng)?;
                let lease = add.iter().filter_map(|holding| holding.lease).min().unwrap_or(self.limits.lease);
                Ok(Pending::settled(lease))
            }
            Announcer::Registered(caller) => {
                let dropped = self.agreed(|state| state.may_announce(caller, add, remove))?;
                let is_empty = add.is_empty() && dropped.is_empty();
                let data = if is_empty { Vec::new() } else { entry::change(caller.peer, add, &dropped) };
                let mut words = vec![time.into(), self.lease(), rows::key(caller.peer), data];
                rows::push_holdings(&mut words, add, None);
                rows::push_files(&mut words, &dropped);
                self.run(scripts::announce(), words)?;
                Ok(Pending::settled(self.limits.lease))
            }
        }
    }

    /// The heartbeat is sent within a second, with those of others.
    fn heartbeat(&self, caller: &Credentials, now: Timestamp) -> Result<Duration, Refusal> {
        let time = self.time(now)?;
        self.agreed(|state| state.may_change(caller))?;
        match self.clock {
            Clock::Store => self.beats.add(caller.peer),
            Clock::Caller => {
                let renewed = keeper::renew(&self.log, &time, self.limits.lease, &[caller.peer]);
                renewed.map_err(|error| refused(&error))?;
            }
        }
        Ok(self.limits.lease)
    }

    /// Nearly all are decided so: the registration is known here, and there is nothing to wait for.
    fn heartbeat_at_once(&self, caller: &Credentials, _now: Timestamp) -> Option<Result<Duration, Refusal>> {
        if self.clock == Clock::Caller {
            return None;
        }
        let decided = self.settled(|state| state.may_change(caller))?;
        Some(decided.map(|()| {
            self.beats.add(caller.peer);
            self.limits.lease
        }))
    }

    fn leave(&self, caller: &Credentials, now: Timestamp) -> Result<Pending<()>, Refusal> {
        self.time(now)?;
        self.agreed(|state| state.may_change(caller))?;
        self.run(scripts::leave(), vec![rows::key(caller.peer)])?;
        Ok(Pending::settled(()))
    }

    fn files(&self, query: &FileQuery<'_>, now: Timestamp) -> Result<FileList, Refusal> {
        self.time(now)?;
        Ok(self.read().files(query))
    }

    fn file(&self, file: ContentId, now: Timestamp) -> Result<FileSummary, Refusal> {
        self.time(now)?;
        self.read().file(file)
    }

    fn holders(&self, query: &HolderQuery, now: Timestamp, rng: &mut dyn Rng) -> Result<Holders, Refusal> {
        self.time(now)?;
        self.read().holders(query, rng)
    }

    fn candidates(&self, query: &HolderQuery, now: Timestamp, rng: &mut dyn Rng) -> Result<Vec<Holder>, Refusal> {
        self.time(now)?;
        self.read().candidates(query, rng)
    }

    fn sweep(&self, now: Timestamp) {
        if let Err(refusal) = self.time(now) {
            tracing::warn!(%refusal, "leases cannot be ended");
        }
    }

    fn stats(&self, now: Timestamp) -> Result<Stats, Refusal> {
        self.time(now)?;
        Ok(self.read().stats())
    }
}

/// Address and port as scripts know them.
fn place(address: PeerAddress) -> Vec<u8> {
    let nobody = SavedPeer { id: PeerId(0), secret: SecretHash::NONE, address, name: None };
    let [_, row] = rows::fields(&nobody);
    row[..rows::ADDRESS].to_vec()
}

/// Reason as front ends know it.
fn refused(error: &StoreError) -> Refusal {
    match error {
        StoreError::Unconfirmed { .. } => Refusal::Unconfirmed,
        error => {
            tracing::debug!(%error, "the store of the registry did not answer");
            Refusal::Unavailable
        }
    }
}
