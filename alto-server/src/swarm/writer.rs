//! Saves changes in the order they were made, on a thread of its own. What arrives while one transaction goes to disk
//! goes together in the next, so that a thousand registrations at a time do not wait for a thousand disk writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use super::credentials::PeerKey;
use super::refused::Refused;
use super::store::{Change, Store};

/// Changes waiting at most; a disk that cannot keep up must not fill the memory.
const MAX_WAITING: usize = 10_000;
/// Sets of changes, and expired registrations, in one transaction at most.
const MAX_TOGETHER: usize = 4096;

/// The way to the store.
pub(super) struct Writer {
    /// Absent where nothing is kept.
    queue: Option<Sender<Task>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Something to be saved.
enum Task {
    /// Somebody waits for this. Dropping the sender tells that it failed.
    Save(Vec<Change>, oneshot::Sender<()>),
    /// Nobody waits for this, so it gives way to the rest. It may: keys are not used twice.
    Expired(Vec<PeerKey>),
}

/// A change on its way to the store.
#[must_use = "a change is to be acknowledged once it is saved"]
pub(super) struct Saving(Option<oneshot::Receiver<()>>);

impl Saving {
    /// Waits until the change is saved.
    pub(super) async fn done(self) -> Result<(), Refused> {
        match self.0 {
            Some(saved) => saved.await.map_err(|_| Refused::NotSaved),
            None => Ok(()),
        }
    }
}

impl Writer {
    pub(super) fn start(mut store: impl Store) -> std::io::Result<Self> {
        let waiting = Arc::new(AtomicUsize::new(0));
        if !store.keeps() {
            return Ok(Self { queue: None, waiting, thread: None });
        }
        let (queue, tasks) = channel();
        let counter = Arc::clone(&waiting);
        let thread = std::thread::Builder::new()
            .name("swarm-writer".to_owned())
            .spawn(move || work(&mut store, &tasks, &counter))?;
        Ok(Self { queue: Some(queue), waiting, thread: Some(thread) })
    }

    /// Refuses where too many changes wait already; to be asked before anything is changed.
    pub(super) fn admit(&self) -> Result<(), Refused> {
        if self.waiting.load(Ordering::Relaxed) < MAX_WAITING { Ok(()) } else { Err(Refused::Busy) }
    }

    /// Puts changes in the queue. Whoever has the registry locked calls this, so that the order is kept.
    pub(super) fn save(&self, changes: Vec<Change>) -> Saving {
        let Some(queue) = &self.queue else { return Saving(None) };
        let (done, saved) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // Where the writer is gone the task is dropped, and so is `done`: whoever waits is told that nothing was saved.
        let _gone = queue.send(Task::Save(changes, done));
        Saving(Some(saved))
    }

    pub(super) fn expired(&self, keys: Vec<PeerKey>) {
        if let Some(queue) = &self.queue {
            let _gone = queue.send(Task::Expired(keys));
        }
    }
}

impl Drop for Writer {
    /// Saves what is in the queue, and lets the store close in order.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn work(store: &mut impl Store, tasks: &Receiver<Task>, waiting: &AtomicUsize) {
    let mut expired: Vec<PeerKey> = Vec::new();
    loop {
        // Sleeps only where nothing at all is left to do. At the end, those that are left over expire once more after
        // the next start.
        let first =
            if expired.is_empty() { tasks.recv().map_err(|_| TryRecvError::Disconnected) } else { tasks.try_recv() };
        if matches!(first, Err(TryRecvError::Disconnected)) {
            return;
        }
        let (mut changes, mut waiters) = (Vec::new(), Vec::new());
        for task in first.into_iter().chain(tasks.try_iter()).take(MAX_TOGETHER) {
            match task {
                Task::Expired(keys) => expired.extend(keys),
                Task::Save(more, done) => {
                    changes.extend(more);
                    waiters.push(done);
                }
            }
        }
        let forgotten = expired.split_off(expired.len().saturating_sub(MAX_TOGETHER));
        changes.extend(forgotten.into_iter().map(Change::Forget));
        let (start, together) = (Instant::now(), waiters.len());
        match store.save(&changes) {
            Ok(()) => {
                for done in waiters {
                    let _no_longer_waited_for = done.send(());
                }
            }
            Err(error) => {
                tracing::error!(%error, changes = changes.len(), "changes of the registry could not be saved");
            }
        }
        waiting.fetch_sub(together, Ordering::Relaxed);
        metrics::histogram!("alto_swarm_save_seconds").record(start.elapsed().as_secs_f64());
        metrics::counter!("alto_swarm_saved_changes_total").increment(changes.len() as u64);
    }
}
