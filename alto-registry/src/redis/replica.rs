//! The copy of the registry in the memory of this server.

use std::sync::{Arc, PoisonError, RwLock};

use super::entry::{self, Event};
use super::rows;
use crate::limits::Limits;
use crate::local::state::State;
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

impl Follower for Replica {
    fn load(&mut self, session: &mut Session) -> Result<Option<Position>, StoreError> {
        let mut state = empty(self.limits);
        let pattern = format!("{}*", self.peers);
        let mut cursor = b"0".to_vec();
        loop {
            let found = session.call(&[b"SCAN", &cursor, b"MATCH", pattern.as_bytes(), b"COUNT", STEP])?;
            let (next, keys) = match found.items() {
                [next, keys] => (next.bytes().unwrap_or(b"0").to_vec(), keys.items()),
                _ => return Err(StoreError::Unknown(format!("{found:?} as the answer to SCAN"))),
            };
            let keys: Vec<&[u8]> = keys.iter().filter_map(Reply::bytes).collect();
            let commands: Vec<[&[u8]; 2]> = keys.iter().map(|key| [&b"HGETALL"[..], *key]).collect();
            let hashes = if commands.is_empty() { Vec::new() } else { session.call_all(&commands)? };
            for (key, hash) in keys.into_iter().zip(hashes) {
                // One that ended since its key was found.
                if hash.items().is_empty() {
                    continue;
                }
                let read = rows::read_key(&key[self.peers.len()..]).and_then(|id| rows::read_hash(id, &hash));
                match read {
                    Some((peer, holdings)) => state.put(peer, &holdings),
                    None => return Err(StoreError::Unknown(format!("the key {}", String::from_utf8_lossy(key)))),
                }
            }
            cursor = next;
            if cursor == b"0" {
                break;
            }
        }
        self.observer.counted(state.stats());
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
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

/// A registry without peers. Its time never moves: leases are not kept here.
pub(super) fn empty(limits: Limits) -> State {
    State::new(limits, Timestamp::default())
}
