//! Saves changes in the order they were made, on a thread of its own. What arrives while one transaction goes to disk
//! goes together in the next, so that a thousand registrations at a time do not wait for a thousand disk writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use super::credentials::PeerKey;
use super::refused::Refused;
use super::store::{Change, Store};

/// Changes that somebody waits for, about; a disk that cannot keep up must not fill the memory.
const MAX_WAITING: usize = 100_000;
/// Changes in one transaction, about; more make whoever came first wait for too many others.
const MAX_TOGETHER: usize = 10_000;
/// Expired registrations that are handed over at a time.
const EXPIRED_TOGETHER: usize = 1000;

/// The way to the store.
pub(super) struct Writer {
    /// Absent where nothing is kept.
    queue: Option<Sender<Task>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Changes that are saved together or not at all.
struct Task {
    changes: Vec<Change>,
    /// Whoever waits. Dropping the sender tells that it failed.
    done: Option<oneshot::Sender<()>>,
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

    /// Refuses where too many changes wait already. To be asked before anything is changed, with the registry locked.
    pub(super) fn admit(&self) -> Result<(), Refused> {
        if self.waiting.load(Ordering::Relaxed) < MAX_WAITING { Ok(()) } else { Err(Refused::Busy) }
    }

    /// Puts changes in the queue. Whoever has the registry locked calls this, so that the order is kept.
    pub(super) fn save(&self, changes: Vec<Change>) -> Saving {
        if self.queue.is_none() {
            return Saving(None);
        }
        let (done, saved) = oneshot::channel();
        self.waiting.fetch_add(changes.len(), Ordering::Relaxed);
        self.send(Task { changes, done: Some(done) });
        Saving(Some(saved))
    }

    /// Puts the end of registrations in the queue, which nobody waits for. They have their place in the order all the
    /// same: whoever registers where somebody else was must not be saved while that one still is.
    pub(super) fn expired(&self, keys: &[PeerKey]) {
        for some in keys.chunks(EXPIRED_TOGETHER) {
            self.send(Task { changes: vec![Change::Forget(some.to_vec())], done: None });
        }
    }

    /// Where the writer is gone the task is dropped, and so is `done`: whoever waits is told that nothing was saved.
    fn send(&self, task: Task) {
        if let Some(queue) = &self.queue {
            let _gone = queue.send(task);
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
    // Ends of registrations that could not be saved. Nobody asks for them again, so they go with what comes next.
    let mut owed = Vec::new();
    while let Ok(first) = tasks.recv() {
        let (mut changes, mut waiters, mut weight, mut waited) = (std::mem::take(&mut owed), Vec::new(), 0, 0);
        let mut next = Some(first);
        while let Some(task) = next {
            weight += task.changes.iter().map(Change::weight).sum::<usize>();
            waited += if task.done.is_some() { task.changes.len() } else { 0 };
            changes.extend(task.changes);
            waiters.extend(task.done);
            next = if weight < MAX_TOGETHER { tasks.try_recv().ok() } else { None };
        }
        let start = Instant::now();
        match store.save(&changes) {
            Ok(()) => {
                for done in waiters {
                    let _no_longer_waited_for = done.send(());
                }
            }
            Err(error) => {
                tracing::error!(%error, changes = weight, "changes of the registry could not be saved");
                owed.extend(changes.into_iter().filter(|change| matches!(change, Change::Forget(_))));
            }
        }
        waiting.fetch_sub(waited, Ordering::Relaxed);
        metrics::histogram!("alto_swarm_save_seconds").record(start.elapsed().as_secs_f64());
        metrics::counter!("alto_swarm_saved_changes_total").increment(weight as u64);
    }
}
