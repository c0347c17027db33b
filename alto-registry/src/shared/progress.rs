//! How far this server has followed the log, for those who wait for it and those who ask.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::position::Position;

/// Progress of the follower.
#[derive(Default)]
pub(super) struct Progress {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    position: Position,
    /// Whether the state in memory is that of the position, which it is not while a snapshot is read.
    is_complete: bool,
    /// Time of the latest answer of the store to the follower.
    heard: Option<Instant>,
    /// Why the follower does not follow at present.
    problem: Option<String>,
    /// True once the follower has met something in the store that it cannot follow.
    is_stopped: bool,
    /// Number of snapshots from which the follower started.
    starts: u64,
}

/// State of a follower.
#[derive(Clone, Debug)]
pub struct Report {
    /// Position that it has reached.
    pub position: Position,
    /// Whether it has read everything that the log had when it started.
    pub is_complete: bool,
    /// Time since the store answered the last time; absent if it never has.
    pub silent_for: Option<Duration>,
    /// Why it does not follow at present.
    pub problem: Option<String>,
    /// Whether the reason is something in the store that this version does not understand.
    pub is_stopped: bool,
    /// Number of times that it read a snapshot.
    pub starts: u64,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that the state in memory is now that of a position.
    pub(super) fn reach(&self, position: Position) {
        let mut state = self.lock();
        state.position = position;
        state.is_stopped = false;
        self.moved.notify_all();
    }

    /// Remembers that a snapshot is being read.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        state.is_complete = false;
        state.starts += 1;
    }

    /// Remembers that nothing is missing any more of what the log had.
    pub(super) fn complete(&self) {
        self.lock().is_complete = true;
        self.moved.notify_all();
    }

    /// Remembers that the store has answered, and that nothing in it is unknown so far.
    pub(super) fn hear(&self) {
        let mut state = self.lock();
        if state.is_stopped {
            return;
        }
        state.heard = Some(Instant::now());
        if state.problem.take().is_some() {
            self.moved.notify_all();
        }
    }

    /// Remembers why there is no answer. Returns whether that is news.
    pub(super) fn fail(&self, problem: String) -> bool {
        self.lock().problem.replace(problem).is_none()
    }

    /// Remembers why the follower cannot go on, until it does. Returns whether that is news.
    pub(super) fn stop(&self, problem: String) -> bool {
        let mut state = self.lock();
        state.problem = Some(problem);
        !std::mem::replace(&mut state.is_stopped, true)
    }

    /// Why the follower cannot go on although the store answers.
    pub(super) fn stopped(&self) -> Option<String> {
        let state = self.lock();
        state.problem.clone().filter(|_| state.is_stopped)
    }

    pub(super) fn position(&self) -> Position {
        self.lock().position.clone()
    }

    /// Waits until a position is reached with a complete state. Returns false if that takes too long.
    pub(super) fn wait_for(&self, position: &Position, patience: Duration) -> bool {
        let is_missing = |state: &mut State| !state.is_complete || !state.position.has_reached(position);
        let waited = self.moved.wait_timeout_while(self.lock(), patience, is_missing);
        let (_state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    pub(super) fn report(&self) -> Report {
        let State { position, is_complete, heard, problem, is_stopped, starts } = &*self.lock();
        Report {
            position: position.clone(),
            is_complete: *is_complete,
            silent_for: heard.map(|heard| heard.elapsed()),
            problem: problem.clone(),
            is_stopped: *is_stopped,
            starts: *starts,
        }
    }
}
