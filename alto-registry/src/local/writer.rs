//! Thread that saves changes in the order in which they were made. Changes that arrive while one transaction goes to
//! disk share the next, so that a thousand registrations at a time do not wait for a thousand disk writes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

use super::state::{Expired, State};
use super::store::{Change, Store};
use crate::id::PeerId;
use crate::observer::Observer;
use crate::pending::{Committer, Pending};
use crate::refusal::Refusal;

/// Greatest number of changes that wait, approximately: a slow disk must not fill the memory.
const MAX_WAITING: usize = 100_000;
/// Greatest number of changes in one transaction, approximately: with more, the first would wait for too many others.
const MAX_TOGETHER: usize = 10_000;
/// Number of expired registrations in one task.
const EXPIRED_TOGETHER: usize = 1000;

/// Sender of changes to the thread.
pub(super) struct Writer {
    /// Absent where the store keeps nothing.
    queue: Option<Sender<Task>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Changes that are saved together or not at all.
struct Task {
    changes: Vec<Change>,
    /// Registration that the changes make, to be taken back if they cannot be saved.
    creates: Option<PeerId>,
    /// Absent for changes that no caller waits for.
    committer: Option<Committer>,
}

impl Writer {
    /// Starts the thread, unless the store keeps nothing.
    pub(super) fn start(
        mut store: impl Store,
        state: &Arc<RwLock<State>>,
        observer: Arc<dyn Observer>,
    ) -> std::io::Result<Self> {
        let waiting = Arc::new(AtomicUsize::new(0));
        if !store.is_durable() {
            return Ok(Self { queue: None, waiting, thread: None });
        }
        let (queue, tasks) = channel();
        let (counter, state) = (Arc::clone(&waiting), Arc::clone(state));
        let work = move || work(&mut store, &tasks, &counter, &state, &*observer);
        let thread = std::thread::Builder::new().name("registry-writer".to_owned()).spawn(work)?;
        Ok(Self { queue: Some(queue), waiting, thread: Some(thread) })
    }

    /// Refuses further changes where too many wait already. Called before a change is made.
    pub(super) fn admit(&self) -> Result<(), Refusal> {
        if self.waiting.load(Ordering::Relaxed) < MAX_WAITING { Ok(()) } else { Err(Refusal::Busy) }
    }

    /// Queues changes. Called with the state locked, so that they are saved in the order in which they were made.
    pub(super) fn save<T>(&self, answer: T, changes: Vec<Change>, creates: Option<PeerId>) -> Pending<T> {
        if self.queue.is_none() || changes.is_empty() {
            return Pending::settled(answer);
        }
        let (pending, committer) = Pending::new(answer);
        self.waiting.fetch_add(changes.len(), Ordering::Relaxed);
        self.send(Task { changes, creates, committer: Some(committer) });
        pending
    }

    /// Queues the deletion of what has expired. No caller waits for it, but it keeps its place in the order: a new
    /// registration at the address of an expired one must not be saved before that one is deleted.
    pub(super) fn expire(&self, expired: Expired) {
        let Expired { peers, holdings } = expired;
        if !holdings.is_empty() {
            let changes = holdings.into_iter().map(|(peer, file)| Change::Drop(peer, file)).collect();
            self.send(Task { changes, creates: None, committer: None });
        }
        for some in peers.chunks(EXPIRED_TOGETHER) {
            self.send(Task { changes: vec![Change::Forget(some.to_vec())], creates: None, committer: None });
        }
    }

    /// Sends a task. If the thread has ended, the task is dropped with its committer, which reports it as not saved.
    fn send(&self, task: Task) {
        if let Some(queue) = &self.queue {
            let _ignored = queue.send(task);
        }
    }
}

impl Drop for Writer {
    /// Saves what is in the queue, then closes the store.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn work(
    store: &mut impl Store,
    tasks: &Receiver<Task>,
    waiting: &AtomicUsize,
    state: &RwLock<State>,
    observer: &dyn Observer,
) {
    // Deletions that could not be saved. No caller repeats them, so they go with the next changes.
    let mut owed = Vec::new();
    while let Ok(first) = tasks.recv() {
        let (mut changes, mut committers, mut created) = (std::mem::take(&mut owed), Vec::new(), Vec::new());
        let (mut weight, mut waited) = (0, 0);
        let mut next = Some(first);
        while let Some(task) = next {
            weight += task.changes.iter().map(Change::weight).sum::<usize>();
            waited += if task.committer.is_some() { task.changes.len() } else { 0 };
            changes.extend(task.changes);
            committers.extend(task.committer);
            created.extend(task.creates);
            next = if weight < MAX_TOGETHER { tasks.try_recv().ok() } else { None };
        }
        let start = Instant::now();
        match store.save(&changes) {
            Ok(()) => committers.drain(..).for_each(Committer::confirm),
            Err(error) => {
                tracing::error!(%error, changes = weight, "changes of the registry could not be saved");
                owed.extend(
                    changes.into_iter().filter(|change| matches!(change, Change::Drop(..) | Change::Forget(_))),
                );
                let mut state = state.write().unwrap_or_else(PoisonError::into_inner);
                for peer in &created {
                    state.retract(*peer);
                }
                observer.counted(state.stats());
                // The disk may have part of what it reported as failed.
                owed.push(Change::Forget(created));
            }
        }
        // Reports failures only now, after the registrations are taken back.
        drop(committers);
        waiting.fetch_sub(waited, Ordering::Relaxed);
        observer.save_attempted(weight, start.elapsed());
    }
}
