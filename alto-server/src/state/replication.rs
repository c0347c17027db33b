//! What the network needs of a store that several servers share: one order of all changes.
//!
//! A change is computed from a state with a position, and counts only if nothing was changed since. What it does is a
//! [`Record`], from which every other server makes the same change, and [`Operation`]s on the state in the store, from which
//! a server starts.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use topo::LinkChange;

use super::audit::AuditEntry;

/// Store in which the servers agree.
pub(crate) trait Replication: Send + Sync {
    /// Appends a change, unless there is one after `position`.
    fn commit(
        &self,
        position: &LogPosition,
        record: &Record,
        operations: &[Operation],
    ) -> Result<Committed, CommitError>;

    /// Stores bytes that a record refers to, and returns their name, which is that of equal bytes with equal salt. They stay
    /// once a change keeps them.
    fn bring(&self, kind: &str, salt: &str, bytes: &[u8]) -> Result<String, CommitError>;

    /// Waits until this server has made every change that was acknowledged when this was called.
    fn catch_up(&self) -> Result<(), CommitError>;

    /// Tells how this server follows the others.
    fn following(&self) -> Following;
}

/// Place in the order of changes. Equal texts mean equal histories, and equal labels equal answers as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogPosition {
    /// Milliseconds and number of the entry.
    pub(crate) order: (u64, u64),
    pub(crate) text: String,
    /// Text, and what this program makes of a network, in which two releases may differ.
    pub(crate) label: String,
}

/// Change that counts.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) position: LogPosition,
    /// Time of the change, by the clock of the store.
    pub(crate) time: SystemTime,
}

/// Reason why a change does not count, or is not known to.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "only a store gives these reasons"))]
pub(crate) enum CommitError {
    /// Another change came first.
    #[error("other changes came first, again and again")]
    Behind,
    /// The store did not answer, or refused.
    #[error("the store that the servers share cannot take the change: {0}")]
    Away(String),
    /// The change is made, but too few copies have it.
    #[error("{0}")]
    Unconfirmed(String),
}

/// How a server follows the others.
#[derive(Clone, Debug)]
pub(crate) struct Following {
    /// Time since the store answered the last time; absent if it never has.
    pub(crate) silent_for: Option<Duration>,
    /// Why it does not follow at present.
    pub(crate) problem: Option<String>,
    /// Whether the store answers, and has what this version does not understand.
    pub(crate) is_stopped: bool,
    /// Number of snapshots from which it started.
    pub(crate) starts: u64,
}

/// Change as the log has it. A member that this version does not know may be what makes the change another one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Record {
    /// Entry of the audit trail, if the change has one; its time is that of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) audit: Option<AuditEntry>,
    pub(crate) change: Change,
}

/// What a change does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Change {
    /// Changes to single links, each with its key.
    Links(Links),
    /// Changes to links, in place of all others.
    AllLinks(Links),
    /// A topology, and the changes to its links.
    Topology {
        /// Name of its JSON in the store.
        base: String,
        /// Whether it takes the place of the topology file.
        replaced: bool,
        links: Links,
        /// What was in force before; absent if that stays as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Previous>,
    },
    /// Prefixes of a source.
    Prefixes {
        source: String,
        sequence: u64,
        /// Pieces of its set, the first of which is whole.
        pieces: Vec<String>,
    },
    /// The end of a source.
    DeletePrefixes(String),
    /// A network map with all prefixes.
    Publish,
    /// Nothing that is served.
    Nothing,
}

#[cfg(feature = "redis")]
impl Change {
    /// Names of what has to be read beside the log to make the change.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Topology { base, previous, .. } => {
                let before = previous.as_ref().and_then(|previous| previous.replacement.as_ref());
                [Some(base), before].into_iter().flatten().map(String::as_str).collect()
            }
            Self::Prefixes { pieces, .. } => pieces.last().map(String::as_str).into_iter().collect(),
            Self::Links(_) | Self::AllLinks(_) | Self::DeletePrefixes(_) | Self::Publish | Self::Nothing => Vec::new(),
        }
    }
}

/// Changes to links with their keys.
pub(crate) type Links = Vec<(String, LinkChange)>;

/// What was in force before a topology was replaced.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Previous {
    /// Name of the JSON of a topology that had replaced the file; absent if it was the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replacement: Option<String>,
    pub(crate) links: Links,
}

/// Operation on the state in the store. Keys are names within it.
#[derive(Debug)]
#[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "only a store reads them"))]
pub(crate) enum Operation {
    /// Sets a field.
    Set(&'static str, String, Vec<u8>),
    /// Sets a field to the time of the change, in milliseconds.
    Stamp(&'static str, String),
    /// Removes a field.
    Unset(&'static str, String),
    /// Removes all fields.
    Clear(&'static str),
    /// Keeps what was brought.
    Keep(String),
    /// Removes what was kept.
    Drop(String),
    /// Sets an entry of the audit trail.
    Note(u64, Vec<u8>),
}

/// Hashes of the state in the store.
pub(crate) mod key {
    /// Changes to links, by their keys.
    pub(crate) const LINKS: &str = "links";
    /// Changes to links of the topology before.
    pub(crate) const PREVIOUS_LINKS: &str = "previous-links";
    /// The fields of [`super::field`].
    pub(crate) const TOPOLOGY: &str = "topology";
    /// Sequence number and pieces of each source.
    pub(crate) const PREFIXES: &str = "prefixes";
    /// The same as the present network map has it.
    pub(crate) const PUBLISHED: &str = "published";
    /// Times of documents, by their IDs.
    pub(crate) const SINCE: &str = "since";
}

/// Fields of [`key::TOPOLOGY`].
pub(crate) mod field {
    /// Name of the JSON of the topology in force.
    pub(crate) const BASE: &str = "base";
    /// Whether it takes the place of the topology file.
    pub(crate) const REPLACED: &str = "replaced";
    /// Name of the JSON of the topology before, or [`FILE`].
    pub(crate) const PREVIOUS: &str = "previous";
    /// Time of the last map that prefixes of sources changed.
    pub(crate) const PUBLISHED: &str = "published";
    /// Value of [`PREVIOUS`] where that was the file.
    pub(crate) const FILE: &str = "file";
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.label.is_empty() { "0-0" } else { &self.label })
    }
}
