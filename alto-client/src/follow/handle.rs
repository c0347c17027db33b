//! What other threads see of a follower that waits, and how they end its wait.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Way;
use crate::exchange::Line;

/// Handle on a follower for other threads.
#[derive(Clone, Debug, Default)]
pub struct Handle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    interrupted: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_interrupted: bool,
    /// Way of the open session.
    way: Option<Way>,
    /// Connections of the open session.
    line: Option<Line>,
}

impl Handle {
    /// Way in which the follower is told of changes at present; none while it is not.
    pub fn way(&self) -> Option<Way> {
        self.state().way
    }

    /// Ends the present wait of the follower, or else the next one, with
    /// [`Error::Interrupted`](crate::Error::Interrupted). Afterwards it can go on.
    pub fn interrupt(&self) {
        let mut state = self.state();
        state.is_interrupted = true;
        state.way = None;
        let line = state.line.take();
        drop(state);
        self.0.interrupted.notify_all();
        if let Some(line) = line {
            line.close();
        }
    }

    /// Tells whether the wait was interrupted, and forgets it.
    pub(super) fn take_interruption(&self) -> bool {
        std::mem::take(&mut self.state().is_interrupted)
    }

    /// Tells whether the wait was interrupted.
    pub(super) fn is_interrupted(&self) -> bool {
        self.state().is_interrupted
    }

    /// Records the connections of a session that begins, or closes them if the wait is over already.
    pub(super) fn connect(&self, line: &Line) {
        let mut state = self.state();
        if state.is_interrupted {
            drop(state);
            line.close();
        } else {
            state.line = Some(line.clone());
        }
    }

    /// Records the way of the open session, or that there is none.
    pub(super) fn set_way(&self, way: Option<Way>) {
        let mut state = self.state();
        state.way = way.filter(|_| !state.is_interrupted);
    }

    /// Sleeps until the time has passed or the wait is interrupted.
    pub(super) fn sleep(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut state = self.state();
        while !state.is_interrupted {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.interrupted.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
