//! One value for each thread that serves connections.
//!
//! What every request changes is changed by all cores at once: in one place, each would wait for the others, and so would
//! readers of whatever lies beside it in memory.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A value for each thread, in memory that it shares with nothing else. Where there are more threads than cores, some share
/// a value.
pub(super) struct PerThread<T>(Box<[Line<T>]>);

#[repr(align(128))]
#[derive(Default)]
struct Line<T>(T);

impl<T: Default> PerThread<T> {
    /// Creates values for as many threads as there are cores.
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self((0..cores).map(|_| Line::default()).collect())
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Value of this thread, and its place among all.
    pub(super) fn own(&self) -> (usize, &T) {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
        }
        let number = NUMBER.get().unwrap_or_else(|| {
            let number = THREADS.fetch_add(1, Ordering::Relaxed);
            NUMBER.set(Some(number));
            number
        });
        let place = number % self.0.len();
        (place, &self.0[place].0)
    }

    /// Values of all threads.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|Line(value)| value)
    }
}
