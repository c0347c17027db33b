//! What is due every second: the heartbeats that were collected, and the leases that have ended.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{rows, scripts};
use crate::id::PeerId;
use crate::shared::{Confirmation, Reply, SharedLog, StoreError};

/// Pause between two rounds.
const TICK: Duration = Duration::from_secs(1);
/// Number of heartbeats in one script, which nobody else can interrupt.
const BEATS: usize = 1000;

/// Peers whose leases are to be renewed.
#[derive(Default)]
pub(super) struct Beats(Mutex<HashSet<PeerId>>);

/// The thread that does it.
pub(super) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Beats {
    /// Remembers to renew the lease of a peer.
    pub(super) fn add(&self, peer: PeerId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(peer);
    }

    /// Sends all of them. Those that could not be sent are kept.
    fn send(&self, log: &SharedLog, lease: Duration) -> Result<(), StoreError> {
        let due: Vec<PeerId> =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect();
        for (number, some) in due.chunks(BEATS).enumerate() {
            if let Err(error) = renew(log, "", lease, some) {
                let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(&due[number * BEATS..]);
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Keeper {
    pub(super) fn start(log: Arc<SharedLog>, beats: Arc<Beats>, lease: Duration) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let work = move || run(&log, &beats, lease, &stopped);
        let thread = std::thread::Builder::new().name("registry-keeper".to_owned()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn run(log: &SharedLog, beats: &Beats, lease: Duration, stopped: &Receiver<()>) {
    let mut is_known = false;
    loop {
        let is_last = !matches!(stopped.recv_timeout(TICK), Err(RecvTimeoutError::Timeout));
        let done = beats.send(log, lease).and_then(|()| if is_last { Ok(None) } else { expire(log, "", lease) });
        match &done {
            Err(error) if !is_known => tracing::warn!(%error, "leases can neither be renewed nor ended"),
            _ => {}
        }
        is_known = done.is_err();
        if is_last {
            return;
        }
    }
}

/// Renews leases at once.
pub(super) fn renew(log: &SharedLog, now: &str, lease: Duration, peers: &[PeerId]) -> Result<(), StoreError> {
    let mut words = vec![now.as_bytes().to_vec(), lease.as_millis().to_string().into_bytes()];
    words.extend(peers.iter().map(|peer| rows::key(*peer)));
    log.run(scripts::beat(), words, Confirmation::Master).map(drop)
}

/// Ends everything that is due. Returns the number of the last entry that says so.
pub(super) fn expire(log: &SharedLog, now: &str, lease: Duration) -> Result<Option<Vec<u8>>, StoreError> {
    let mut last = None;
    loop {
        let words = vec![now.as_bytes().to_vec(), lease.as_millis().to_string().into_bytes()];
        let reply = log.run(scripts::expire(), words, Confirmation::Master)?;
        match reply.items() {
            [tag, id, ..] if tag.bytes() == Some(b"ok") => last = id.bytes().map(<[u8]>::to_vec),
            [tag, Reply::Number(_)] if tag.bytes() == Some(b"same") => return Ok(last),
            _ => return Err(StoreError::Unknown(format!("{reply:?} as the answer of a script"))),
        }
    }
}
