//! The copy of the registry in the memory of this server.

use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, PoisonError, RwLock};

use super::entry::{self, Event};
use super::rows;
use crate::holding::Holding;
use crate::limits::Limits;
use crate::local::state::State;
use crate::local::store::SavedPeer;
use crate::observer::Observer;
use crate::shared::{Entry, Follower, Position, Reply, Session, StoreError};
use crate::time::Timestamp;

/// Follower of the registry's log.
pub(super) struct Replica {
    pub(super) state: Arc<RwLock<State>>,
    pub(super) limits: Limits,
    pub(super) observer: Arc<dyn Observer>,
    /// Start of the names of the keys of all registrations.
    pub(super) peers: String,
}

/// Number of keys in one step of the way through all of them.
const STEP: &[u8] = b"1000";
/// Number of steps whose registrations may wait to be put into memory.
const READ_AHEAD: usize = 4;
/// Number of files of one registration that does not wait for the rest of its step.
const MANY: usize = 1000;

/// Registrations with what they hold.
type Registrations = Vec<(SavedPeer, Vec<Holding>)>;

impl Follower for Replica {
    fn load(&mut self, session: &mut Session) -> Result<Option<Position>, StoreError> {
        let mut state = empty(self.limits);
        // Several servers may exceed a limit, but not by that much.
        let [peers_at_most, holdings_at_most] = [self.limits.peers, self.limits.holdings].map(|most| 2 * most as usize);
        let (sender, found) = mpsc::sync_channel(READ_AHEAD);
        let prefix = &self.peers;
        // One thread asks and decodes while the other fills the memory.
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || read_all(session, prefix, &sender));
            for (peer, holdings) in found.into_iter().flatten() {
                state.put(peer, &holdings);
                let found = state.stats();
                if found.peers > peers_at_most || found.holdings > holdings_at_most {
                    let problem = format!(
                        "more than {peers_at_most} registrations or {holdings_at_most} holdings, twice the limits of this \
                         server"
                    );
                    return Err(StoreError::Unknown(problem));
                }
            }
            reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        self.observer.counted(state.stats());
        let mut present = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *present, state);
        // What has millions of parts is given back while others read.
        drop(present);
        drop(before);
        Ok(None)
    }

    fn apply(&mut self, entry: &Entry<'_>, _session: &mut Session) -> Result<(), StoreError> {
        let unknown = || StoreError::Unknown(format!("an entry of the kind {:?}", String::from_utf8_lossy(entry.kind)));
        let event = entry::read(entry.kind, entry.data).ok_or_else(unknown)?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Put(peer, holdings) => state.put(peer, &holdings),
            Event::Change(peer, add, dropped) => state.change(peer, &add, &dropped),
            Event::Forget { peers, expired } => {
                for peer in &peers {
                    state.forget(*peer);
                }
                if expired {
                    self.observer.expired(peers.len());
                }
            }
            Event::Drop(dropped) => {
                for (peer, file) in dropped {
                    state.change(peer, &[], &[file]);
                }
            }
        }
        self.observer.counted(state.stats());
        Ok(())
    }
}

/// Reads all registrations, in steps.
fn read_all(session: &mut Session, prefix: &str, found: &SyncSender<Registrations>) -> Result<(), StoreError> {
    let pattern = format!("{prefix}*");
    let mut cursor = b"0".to_vec();
    loop {
        let reply = session.call(&[b"SCAN", &cursor, b"MATCH", pattern.as_bytes(), b"COUNT", STEP])?;
        let (next, keys) = match reply.items() {
            [next, keys] => (next.bytes().unwrap_or(b"0").to_vec(), keys.items()),
            _ => return Err(StoreError::Unknown(format!("{reply:?} as the answer to SCAN"))),
        };
        let keys: Vec<&[u8]> = keys.iter().filter_map(Reply::bytes).collect();
        let commands: Vec<[&[u8]; 2]> = keys.iter().map(|key| [&b"HGETALL"[..], *key]).collect();
        let (mut some, mut is_wanted) = (Registrations::new(), true);
        session.call_each(&commands, |place, hash| {
            if let Reply::Refused(reason) = hash {
                return Err(StoreError::Refused(reason));
            }
            // Those without fields have ended since their keys were found.
            if hash.items().is_empty() {
                return Ok(());
            }
            let unknown = || StoreError::Unknown(format!("the key {}", String::from_utf8_lossy(keys[place])));
            let id = keys[place].strip_prefix(prefix.as_bytes()).and_then(rows::read_key).ok_or_else(unknown)?;
            some.push(rows::read_hash(id, &hash).ok_or_else(unknown)?);
            if some.last().is_some_and(|(_, holdings)| holdings.len() > MANY) {
                is_wanted &= found.send(std::mem::take(&mut some)).is_ok();
            }
            Ok(())
        })?;
        // Nobody takes them any more where there are too many.
        if !is_wanted || found.send(some).is_err() || next == b"0" {
            return Ok(());
        }
        cursor = next;
    }
}

/// A registry without peers. Its time never moves: leases are not kept here.
pub(super) fn empty(limits: Limits) -> State {
    State::new(limits, Timestamp::default())
}
