//! The one decision whether work runs on the event loop or in a bounded pool of threads, and the end of work that no
//! client waits for any more.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::HttpError;
use super::admission::refused;
use super::turns::{Payer, Turns};

/// Heaviest work done on the event loop, counted in costs looked up and written. More would stall other requests.
const INLINE_WEIGHT: usize = 10_000;

/// Weight of work that always leaves the event loop, such as computing a view or writing to disk.
pub(crate) const HEAVY: usize = usize::MAX;

/// Requests that may wait for each thread of a pool. Of more, those of the client with most of them are answered 503.
const WAITING_PER_THREAD: usize = 64;

/// Pool of threads for heavy work, with a bounded queue that clients share equally.
#[derive(Clone)]
pub(crate) struct WorkPool(Turns);

/// Flag that is set once no client waits for the work. Work on the event loop has none, because nothing interrupts it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancel(Option<Arc<AtomicBool>>);

/// End of work that no client waits for; the answer it becomes is never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abandoned;

/// Guard that sets the flag of running work unless the work has returned.
struct Waiting(Arc<AtomicBool>);

impl WorkPool {
    /// Creates a pool of one thread per core of this machine.
    pub(crate) fn of_all_cores() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }

    /// Creates a pool of some threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self(Turns::new(threads, threads.saturating_mul(WAITING_PER_THREAD)))
    }

    /// Runs `work` of a client on the event loop if it is light, else on a thread of the pool when it is the client's
    /// turn. Work holds its thread until it returns, even if no client waits for it any more.
    ///
    /// If this future is dropped, because the client has gone, its time is over or the server ends, work that still
    /// waits never starts, and work that runs finds its flag set.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        client: Payer,
        weight: usize,
        work: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> Result<T, HttpError> {
        if weight <= INLINE_WEIGHT {
            return Ok(work(&Cancel::default()));
        }
        let turn = self.0.take(client).await.map_err(|_| refused("work"))?;
        let flag = Arc::new(AtomicBool::new(false));
        let waiting = Waiting(Arc::clone(&flag));
        let working = tokio::task::spawn_blocking(move || {
            let result = work(&Cancel(Some(flag)));
            drop(turn);
            result
        });
        // Work is dropped only at the end of the process, or if it panicked, which the panic hook has logged.
        let result = working.await.map_err(|_| HttpError::Internal);
        drop(waiting);
        result
    }
}

impl Cancel {
    /// Ends the work if no client waits for it. Loops call this at least every few milliseconds.
    pub(crate) fn check(&self) -> Result<(), Abandoned> {
        match &self.0 {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(Abandoned),
            _ => Ok(()),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl From<Abandoned> for HttpError {
    fn from(_: Abandoned) -> Self {
        Self::Internal
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn only_heavy_work_leaves_the_thread_of_the_event_loop() {
        let here = std::thread::current().id();
        let pool = WorkPool::new(1);
        let thread = |weight| pool.run(None, weight, |_| std::thread::current().id());
        assert_eq!(thread(0).await.ok(), Some(here));
        assert_eq!(thread(INLINE_WEIGHT).await.ok(), Some(here));
        assert_ne!(thread(INLINE_WEIGHT + 1).await.ok(), Some(here));
        assert_ne!(thread(HEAVY).await.ok(), Some(here));
    }

    /// Work that runs until it is abandoned, and tells when it starts and why it ends.
    fn endless(told: mpsc::Sender<&'static str>) -> impl FnOnce(&Cancel) + Send + 'static {
        move |cancel| {
            let _gone = told.send("started");
            while cancel.check().is_ok() {
                std::thread::yield_now();
            }
            let _gone = told.send("abandoned");
        }
    }

    #[tokio::test]
    async fn work_of_a_client_that_has_gone_stops_and_waiting_work_never_starts() {
        let pool = WorkPool::new(1);
        let (told, news) = mpsc::channel();
        let start = || {
            let (pool, told) = (pool.clone(), told.clone());
            tokio::spawn(async move { pool.run(None, HEAVY, endless(told)).await })
        };
        let running = start();
        let first = tokio::task::spawn_blocking(move || (news.recv(), news));
        let (first, news) = first.await.unwrap();
        assert_eq!(first, Ok("started"));
        let waiting = start();
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        running.abort();
        // The thread is free again once the first work has stopped.
        assert_eq!(pool.run(None, HEAVY, |_| 7).await.ok(), Some(7));
        assert_eq!(news.try_iter().collect::<Vec<_>>(), ["abandoned"]);
    }

    #[tokio::test]
    async fn a_full_queue_is_refused_with_a_time_to_retry() {
        let pool = WorkPool::new(1);
        let (told, _news) = mpsc::channel();
        let tasks: Vec<_> = (0..=WAITING_PER_THREAD)
            .map(|_| {
                let (pool, told) = (pool.clone(), told.clone());
                tokio::spawn(async move { pool.run(None, HEAVY, endless(told)).await })
            })
            .collect();
        // One runs, and all places of the queue are taken, once each task was polled.
        for _ in 0..=WAITING_PER_THREAD {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pool.run(None, HEAVY, |_| ()).await, Err(HttpError::Overloaded(_))));
        assert!(pool.run(None, 0, |_| ()).await.is_ok(), "light work needs no place");
        for task in tasks {
            task.abort();
        }
    }
}
