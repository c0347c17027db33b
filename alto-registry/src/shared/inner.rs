//! What the threads of a log have in common: where it is, and how far this server is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::connector::Connector;
use super::position::Position;
use super::progress::Progress;
use super::reply::{Reply, StoreError};
use super::session::Session;

/// Keys and progress of one log.
pub(super) struct Inner {
    pub(super) connector: Arc<Connector>,
    pub(super) progress: Progress,
    pub(super) log: String,
    head: String,
    base: String,
    is_closed: AtomicBool,
}

/// How long a write lasts before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Enough copies have it.
    Copies,
    /// The master has it.
    Master,
}

impl Inner {
    /// Names the keys below a start of their names.
    pub(super) fn new(connector: Arc<Connector>, base: String) -> Self {
        let (log, head) = (format!("{base}log"), format!("{base}head"));
        Self { connector, progress: Progress::default(), log, head, base, is_closed: AtomicBool::new(false) }
    }

    /// Tells both threads to end.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Keys of every script.
    pub(super) fn keys(&self) -> [&str; 3] {
        [&self.log, &self.head, &self.base]
    }

    /// Latest position in the store.
    pub(super) fn head(&self, session: &mut Session) -> Result<Position, StoreError> {
        match session.call(&[b"GET", self.head.as_bytes()])? {
            Reply::Nothing => Ok(Position::default()),
            Reply::Bytes(text) => {
                Position::read_head(&text).ok_or_else(|| StoreError::Unknown(format!("the position {}", self.head)))
            }
            other => Err(StoreError::Unknown(format!("{other:?} as the position"))),
        }
    }
}
