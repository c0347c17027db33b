//! The turn of one change: others wait for it, while questions are answered from the layers as they were before.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Layers;

/// Layers, and what says whose turn it is to change them.
pub(super) struct Turns {
    /// Held from the begin of a change to its end.
    order: Mutex<()>,
    /// Locked for moments, and never while a store of several servers is waited for.
    layers: Mutex<Layers>,
}

/// Right to change the layers, which nobody else has at the time.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    /// Absent during a pause only.
    layers: Option<MutexGuard<'a, Layers>>,
    _order: MutexGuard<'a, ()>,
}

impl Turns {
    pub(super) fn new(layers: Layers) -> Self {
        Self { order: Mutex::new(()), layers: Mutex::new(layers) }
    }

    /// Waits for a turn.
    pub(super) fn take(&self) -> Turn<'_> {
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { turns: self, layers: Some(self.look()), _order: order }
    }

    /// Looks at the layers, whoever changes them.
    pub(super) fn look(&self) -> MutexGuard<'_, Layers> {
        // A change that panicked has swapped nothing in, so the layers are consistent.
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the layers, unless a change is being computed.
    pub(super) fn look_at_once(&self) -> Option<MutexGuard<'_, Layers>> {
        self.layers.try_lock().ok()
    }
}

impl Turn<'_> {
    /// Does what may take long, while others look at the layers but do not change them.
    pub(super) fn pause<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.layers = None;
        let done = work();
        self.layers = Some(self.turns.look());
        done
    }
}

impl Deref for Turn<'_> {
    type Target = Layers;

    fn deref(&self) -> &Layers {
        self.layers.as_ref().expect("whoever pauses has no access meanwhile")
    }
}

impl DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Layers {
        self.layers.as_mut().expect("whoever pauses has no access meanwhile")
    }
}
