//! Commits, and what follows them.

use std::fmt;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use alto_registry::shared::{
    Confirmation, Connector, Entry, Follower, Position, Reply, Script, Session, SharedLog, StoreError,
};
use sha2::{Digest, Sha256};

use super::stored::{self, place};
use crate::state::network::Network;
use crate::state::network::following::FollowError;
use crate::state::replication::{CommitError, Committed, Following, LogPosition, Operation, Record, Replication};

/// Name of the log, with the version of the format of its entries and keys.
const NAME: &str = "network-1";
/// Kind of the entries, as the script of commits writes it.
const KIND: &[u8] = b"network";
/// Length of the pieces in which large values are brought, in bytes: a script that takes one stops all others.
const CHUNK: usize = 512 * 1024;
/// Time in which a server that starts has to have everything.
const START: Duration = Duration::from_mins(1);

/// Store that several servers share.
pub(crate) struct SharedStore(SharedLog);

/// Follower of the log of the network.
struct Changes(Weak<Network>);

fn commit() -> &'static Script {
    static COMMIT: LazyLock<Script> = LazyLock::new(|| Script::new("commit", include_str!("commit.lua")));
    &COMMIT
}

fn bring() -> &'static Script {
    static BRING: LazyLock<Script> = LazyLock::new(|| Script::new("bring", include_str!("bring.lua")));
    &BRING
}

impl SharedStore {
    /// Brings the network to the state that the store has, and follows it from then on.
    pub(crate) fn open(connector: Arc<Connector>, network: &Arc<Network>) -> Result<Self, StoreError> {
        let follower = Changes(Arc::downgrade(network));
        SharedLog::open(connector, NAME, vec![commit(), bring()], Box::new(follower), START).map(Self)
    }
}

impl Replication for SharedStore {
    fn commit(
        &self,
        position: &LogPosition,
        record: &Record,
        operations: &[Operation],
    ) -> Result<Committed, CommitError> {
        // The position as the script compares it: number and hash.
        let (id, chain) = position.text.rsplit_once('-').unwrap_or_default();
        let expected = if position.text.is_empty() { String::new() } else { format!("{id} {chain}") };
        let record = serde_json::to_vec(record).expect("records are plain data");
        let mut words = vec![expected.into_bytes(), record];
        for operation in operations {
            push(&mut words, operation);
        }
        let reply = self.0.run(commit(), words, Confirmation::Copies).map_err(|error| failed(&error))?;
        match reply.items() {
            [tag] if tag.bytes() == Some(b"behind") => Err(CommitError::Behind),
            [tag, Reply::Bytes(id), Reply::Bytes(chain)] if tag.bytes() == Some(b"ok") => {
                let unreadable = || CommitError::Away("its answer is not understood".to_owned());
                let position = Position::read(id, chain).ok_or_else(unreadable)?;
                Ok(Committed { time: position.time(), position: place(&position) })
            }
            _ => Err(CommitError::Away(format!("{reply:?} as the answer of a script"))),
        }
    }

    fn bring(&self, kind: &str, salt: &str, bytes: &[u8]) -> Result<String, CommitError> {
        let digest = Sha256::new().chain_update(salt).chain_update([0]).chain_update(bytes).finalize();
        let hash = digest[..16].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let name = format!("{kind}-{hash}");
        // What is empty is brought, too.
        for (number, chunk) in bytes.chunks(CHUNK).chain(bytes.is_empty().then_some(&[][..])).enumerate() {
            let words = vec![name.clone().into_bytes(), number.to_string().into_bytes(), chunk.to_vec()];
            self.0.run(bring(), words, Confirmation::Master).map_err(|error| failed(&error))?;
        }
        Ok(name)
    }

    fn catch_up(&self) -> Result<(), CommitError> {
        self.0.catch_up().map_err(|error| failed(&error))
    }

    fn following(&self) -> Following {
        let report = self.0.report();
        Following {
            silent_for: report.silent_for,
            problem: report.problem,
            is_stopped: report.is_stopped,
            starts: report.starts,
        }
    }
}

impl Follower for Changes {
    fn load(&mut self, session: &mut Session) -> Result<Option<Position>, StoreError> {
        let found = stored::read(session, &base(session))?;
        let Some((position, state)) = found else { return Ok(Some(Position::default())) };
        let Some(network) = self.0.upgrade() else { return Ok(Some(position)) };
        network.restore(state).map_err(unknown)?;
        Ok(Some(position))
    }

    fn apply(&mut self, entry: &Entry<'_>, session: &mut Session) -> Result<(), StoreError> {
        let Some(network) = self.0.upgrade() else { return Ok(()) };
        let unreadable =
            |problem: &dyn fmt::Display| StoreError::Unknown(format!("the change at {}: {problem}", entry.position));
        if entry.kind != KIND {
            return Err(unreadable(&format_args!("the kind {:?}", String::from_utf8_lossy(entry.kind))));
        }
        let record: Record = serde_json::from_slice(entry.data).map_err(|error| unreadable(&error))?;
        let base = base(session);
        let mut fetch = |name: &str| {
            stored::fetch(session, &base, name).map_err(|error| match error {
                StoreError::Gone(name) => FollowError::Gone(name),
                other => CommitError::Away(other.to_string()).into(),
            })
        };
        network.follow(record, place(entry.position), entry.position.time(), &mut fetch).map_err(unknown)
    }
}

/// Start of the names of all keys.
fn base(session: &Session) -> String {
    format!("{}:{NAME}:", session.prefix())
}

/// Words of an operation for the script.
fn push(words: &mut Vec<Vec<u8>>, operation: &Operation) {
    let mut add = |name: &str, parts: &[&[u8]]| {
        words.extend([name.as_bytes().to_vec(), parts.len().to_string().into_bytes()]);
        words.extend(parts.iter().map(|part| part.to_vec()));
    };
    match operation {
        Operation::Set(key, field, value) => add("HSET", &[key.as_bytes(), field.as_bytes(), value]),
        Operation::Stamp(key, field) => add("STAMP", &[key.as_bytes(), field.as_bytes()]),
        Operation::Unset(key, field) => add("HDEL", &[key.as_bytes(), field.as_bytes()]),
        Operation::Clear(key) => add("DEL", &[key.as_bytes()]),
        Operation::Keep(name) => add("PERSIST", &[name.as_bytes()]),
        Operation::Drop(name) => add("DEL", &[name.as_bytes()]),
        Operation::Note(number, entry) => add("NOTE", &[b"audit", number.to_string().as_bytes(), entry]),
    }
}

fn failed(error: &StoreError) -> CommitError {
    match error {
        StoreError::Unconfirmed { .. } => CommitError::Unconfirmed(error.to_string()),
        other => CommitError::Away(other.to_string()),
    }
}

fn unknown(error: FollowError) -> StoreError {
    match error {
        FollowError::Gone(name) => StoreError::Gone(name),
        FollowError::Refused(crate::state::network::ChangeRefused::Replication(error)) => {
            StoreError::Away(error.to_string())
        }
        other => StoreError::Unknown(other.to_string()),
    }
}
