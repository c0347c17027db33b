//! A future that is polled only after it was woken.
//!
//! What a connection waits for beside the HTTP library (its limits, the end of the server) happens seldom, and would be
//! polled with every request: timers and news that all connections share have locks and counters of their own.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Future that is polled once at first, and then only after it was woken.
pub(super) struct OnWake<F> {
    future: F,
    woken: Arc<Woken>,
    /// Wakes the task, and remembers for what.
    waker: Waker,
}

/// Waker of an [`OnWake`]: remembers that its future is due, and wakes the task that polls it.
struct Woken {
    is_due: AtomicBool,
    task: AtomicWaker,
}

impl<F: Future + Unpin> OnWake<F> {
    /// Wraps a future.
    pub(super) fn new(future: F) -> Self {
        let woken = Arc::new(Woken { is_due: AtomicBool::new(true), task: AtomicWaker::new() });
        let waker = Waker::from(Arc::clone(&woken));
        Self { future, woken, waker }
    }
}

impl<F: Future + Unpin> Future for OnWake<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, woken, waker } = &mut *self;
        // Before the look, so that a wake after it reaches the task.
        woken.task.register(cx.waker());
        if !woken.is_due.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        Pin::new(future).poll(&mut Context::from_waker(waker))
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_due.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_at_first_and_when_it_was_woken() {
        let polls = Cell::new(0);
        let (tell, mut told) = oneshot::channel();
        let counted = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            told.poll_unpin(cx)
        });
        let mut future = OnWake::new(counted);
        for _ in 0..3 {
            assert_eq!((&mut future).now_or_never(), None);
        }
        assert_eq!(polls.get(), 1);
        let sending = async {
            tokio::task::yield_now().await;
            tell.send(7).unwrap();
        };
        let (result, ()) = tokio::join!(future, sending);
        assert_eq!((result, polls.get()), (Ok(7), 2));
    }
}
