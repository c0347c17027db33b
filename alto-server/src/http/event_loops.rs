//! Threads that each serve a part of the connections, with an event loop of their own.
//!
//! A connection stays on the loop that it was given to, so that its tasks never move to another core, and its timers and
//! wake-ups take no lock that another core holds. What all connections share (limits, turns, news of changes, the end of
//! the server) does not depend on the loop.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Event loops of a server, to hand out connections to.
#[derive(Clone)]
pub(crate) struct EventLoops(Arc<[EventLoop]>);

struct EventLoop {
    handle: Handle,
    connections: Arc<AtomicUsize>,
}

/// Threads that the loops run on.
pub(crate) struct Threads(Vec<(oneshot::Sender<Duration>, JoinHandle<()>)>);

/// Connection counted on a loop, until dropped.
struct Place(Arc<AtomicUsize>);

impl EventLoops {
    /// Starts a loop for each core.
    pub(crate) fn start() -> io::Result<(Self, Threads)> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (mut loops, mut threads) = (Vec::with_capacity(cores), Vec::with_capacity(cores));
        for number in 0..cores {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            loops.push(EventLoop { handle: runtime.handle().clone(), connections: Arc::default() });
            let (end, ended) = oneshot::channel();
            let run = move || {
                // A sender that is gone ends the loop as well.
                let time = runtime.block_on(ended).unwrap_or_default();
                runtime.shutdown_timeout(time);
            };
            threads.push((end, std::thread::Builder::new().name(format!("event-loop-{number}")).spawn(run)?));
        }
        Ok((Self(loops.into()), Threads(threads)))
    }

    /// Serves a connection on the loop that has the fewest.
    pub(super) fn serve(&self, set: &mut JoinSet<()>, connection: impl Future<Output = ()> + Send + 'static) {
        let fewest = self.0.iter().min_by_key(|each| each.connections.load(Ordering::Relaxed));
        let Some(EventLoop { handle, connections }) = fewest else { return };
        connections.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(connections));
        let counted = async move {
            connection.await;
            drop(place);
        };
        set.spawn_on(counted, handle);
    }
}

impl Threads {
    /// Ends the loops, whose heavy work has some time to notice. Returns what waits for their end.
    pub(crate) fn end(self, time: Duration) -> impl FnOnce() {
        let end = |(end, thread): (oneshot::Sender<Duration>, JoinHandle<()>)| {
            let _has_ended = end.send(time);
            thread
        };
        let threads: Vec<JoinHandle<()>> = self.0.into_iter().map(end).collect();
        move || {
            for thread in threads {
                let _panicked = thread.join();
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::thread::{ThreadId, current};

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn connections_are_spread_over_the_loops_and_each_stays_on_its_own() {
        let (loops, threads) = EventLoops::start().unwrap();
        let (told, mut heard) = mpsc::unbounded_channel::<(ThreadId, ThreadId)>();
        let (finish, finished) = tokio::sync::watch::channel(false);
        let mut set = JoinSet::new();
        for _ in 0..loops.0.len() * 3 {
            let (told, mut finished) = (told.clone(), finished.clone());
            loops.serve(&mut set, async move {
                let before = current().id();
                let _ = finished.wait_for(|finished| *finished).await;
                let _ = told.send((before, current().id()));
            });
        }
        assert!(loops.0.iter().all(|each| each.connections.load(Ordering::Relaxed) == 3));
        finish.send_replace(true);
        while set.join_next().await.is_some() {}
        drop(told);
        let mut by_thread = HashMap::new();
        while let Some((before, after)) = heard.recv().await {
            assert_eq!(before, after);
            *by_thread.entry(after).or_insert(0) += 1;
        }
        assert_eq!(by_thread.into_values().collect::<Vec<_>>(), vec![3; loops.0.len()]);
        assert!(loops.0.iter().all(|each| each.connections.load(Ordering::Relaxed) == 0));
        tokio::task::spawn_blocking(threads.end(Duration::ZERO)).await.unwrap();
    }
}
