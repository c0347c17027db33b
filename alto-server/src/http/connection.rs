//! The state of one open connection, from which results when it has to end.
//!
//! A connection ends when it was idle for too long, when an answer on it makes no progress, when it has served its number
//! of requests, or when its place is needed for another client. The HTTP library knows only some of these: it does not
//! time idle HTTP/2 connections, nor a stream whose window the client keeps closed.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::admission::Admission;
use super::shares::Client;

/// Times and counts that bound a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionBounds {
    /// Time without a request after which the connection is closed.
    pub(crate) idle: Duration,
    /// Longest time in which no part of an answer leaves.
    pub(crate) stall: Duration,
    /// Number of requests after which the connection is closed.
    pub(crate) requests: u64,
}

/// Open connection.
pub(crate) struct Connection {
    admission: Arc<Admission>,
    client: Arc<Client>,
    bounds: ConnectionBounds,
    is_of_proxy: bool,
    requests: AtomicU64,
    /// Bytes of answers that wait to be sent.
    waiting: AtomicUsize,
    /// Whether data of the client may arrive after the last answer.
    lingers: AtomicBool,
    /// Whether an answer on it stays open until something changes.
    is_live: AtomicBool,
    /// True while the socket may not have taken all data of the connection.
    is_unsent: AtomicBool,
    /// True over HTTP/2, where several requests may be in progress and the client is told before the connection ends.
    is_multiplexed: AtomicBool,
    /// True over HTTP/1, where bodies are written to the socket without a copy, and a write counts as progress.
    writes_whole: AtomicBool,
    activity: Mutex<Activity>,
    ordered: Notify,
}

/// Requests in progress, and what was ordered from outside.
struct Activity {
    /// Last time at which a request began or ended, or a part of an answer left.
    last: Instant,
    /// Requests in progress. Those whose answer is on its way have the time at which a part of it last left.
    requests: Slab<Option<Instant>>,
    /// True if a request came since the connection last gave its buffers back.
    is_awake: bool,
    /// Time at which the state is looked at next, unless something is ordered before.
    next_look: Instant,
    /// Whether the connection should finish its requests and end.
    finish: bool,
    /// Time at which a connection that was told to finish is closed in any case.
    close_at: Option<Instant>,
    evicted: bool,
}

/// Decision about an open connection: whether it goes on, rests or ends, and the reason of an end for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Goes on without its buffers, because nothing has happened for a moment.
    Rest,
    /// Answers the requests in progress, then closes.
    Finish(&'static str),
    /// Closes at once.
    Close(&'static str),
}

/// Request in progress on a connection, until its answer has left.
pub(super) struct Ongoing {
    connection: Arc<Connection>,
    key: usize,
    /// Time of the end, once it is known.
    ended: Option<Instant>,
}

/// Bytes that wait on a connection, until dropped.
pub(super) struct WaitingBytes {
    connection: Arc<Connection>,
    bytes: usize,
}

/// Time without a request after which a connection rests: longer than between requests that follow each other, and short
/// beside the time for which clients keep connections.
const REST: Duration = Duration::from_millis(100);

impl Connection {
    /// Creates the state of a connection that was accepted just now, from a client or from a trusted proxy.
    pub(super) fn new(
        admission: Arc<Admission>,
        client: Arc<Client>,
        bounds: ConnectionBounds,
        is_of_proxy: bool,
    ) -> Arc<Self> {
        let now = Instant::now();
        let activity = Activity {
            last: now,
            requests: Slab::new(),
            is_awake: false,
            next_look: now,
            finish: false,
            close_at: None,
            evicted: false,
        };
        Arc::new(Self {
            admission,
            client,
            bounds,
            is_of_proxy,
            requests: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            lingers: AtomicBool::new(false),
            is_live: AtomicBool::new(false),
            is_unsent: AtomicBool::new(false),
            is_multiplexed: AtomicBool::new(false),
            writes_whole: AtomicBool::new(false),
            activity: Mutex::new(activity),
            ordered: Notify::new(),
        })
    }

    /// Limits that the connection shares with all others.
    pub(super) fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// Client at the other end of the connection.
    pub(super) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Whether the other end is a proxy that the operator trusts.
    pub(super) fn is_of_proxy(&self) -> bool {
        self.is_of_proxy
    }

    /// Counts a request that begins at a time.
    pub(super) fn begin(self: &Arc<Self>, now: Instant) -> Ongoing {
        let served = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut activity = self.activity();
        activity.last = now;
        activity.is_awake = true;
        let key = activity.requests.insert(None);
        if served == self.bounds.requests {
            activity.finish = true;
            self.ordered.notify_one();
        }
        drop(activity);
        Ongoing { connection: Arc::clone(self), key, ended: None }
    }

    /// Counts bytes that wait on this connection; none if that is more than `limit`, unless they are the only ones.
    pub(super) fn hold(self: &Arc<Self>, bytes: usize, limit: usize) -> Option<WaitingBytes> {
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let held = WaitingBytes { connection: Arc::clone(self), bytes };
        (before == 0 || before.saturating_add(bytes) <= limit).then_some(held)
    }

    /// Makes the connection read on for a moment after its last answer.
    pub(super) fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    /// Tells whether the connection should read on for a moment after its last answer.
    pub(super) fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }

    /// Marks the connection as one with an answer that stays open until something changes.
    pub(super) fn go_live(&self) {
        self.is_live.store(true, Ordering::Relaxed);
    }

    /// Tells whether an answer stays open until something changes.
    pub(super) fn is_live(&self) -> bool {
        self.is_live.load(Ordering::Relaxed)
    }

    /// Records whether the socket may still have to take data that it was given.
    pub(super) fn set_unsent(&self, is_unsent: bool) {
        self.is_unsent.store(is_unsent, Ordering::Relaxed);
    }

    /// Marks the connection as one on which several requests may be in progress at a time.
    pub(super) fn multiplex(&self) {
        self.is_multiplexed.store(true, Ordering::Relaxed);
    }

    /// Marks the connection as one that writes data from where it is, one answer after the other.
    pub(super) fn write_whole(&self) {
        self.writes_whole.store(true, Ordering::Relaxed);
    }

    /// Tells whether an answer may be given to the connection in large pieces: they are not copied, and a part of one that
    /// leaves counts.
    pub(super) fn writes_whole(&self) -> bool {
        self.writes_whole.load(Ordering::Relaxed)
    }

    /// Records that the socket has taken a part of what it was given.
    pub(super) fn wrote_part(&self) {
        if !self.writes_whole() {
            return;
        }
        let mut activity = self.activity();
        let now = Instant::now();
        activity.last = now;
        for moved in activity.requests.iter_mut().filter_map(|(_, moved)| moved.as_mut()) {
            *moved = now;
        }
    }

    /// Makes the connection close at once.
    pub(super) fn evict(&self) {
        self.activity().evicted = true;
        self.ordered.notify_one();
    }

    /// Last time at which something happened, and whether requests are in progress.
    pub(super) fn last_active(&self) -> (Instant, bool) {
        let activity = self.activity();
        (activity.last, !activity.requests.is_empty())
    }

    /// Waits until the connection should rest, or end.
    pub(super) async fn verdict(&self) -> Verdict {
        loop {
            match self.judge(Instant::now()) {
                Ok(verdict) => return verdict,
                Err(next) => tokio::select! {
                    () = sleep_until(next) => {}
                    () = self.ordered.notified() => {}
                },
            }
        }
    }

    /// Waits until another client needs the place of the connection.
    pub(super) async fn evicted(&self) {
        while !self.activity().evicted {
            self.ordered.notified().await;
        }
    }

    /// Returns the verdict at a time, or the time at which to look again.
    fn judge(&self, now: Instant) -> Result<Verdict, Instant> {
        let ConnectionBounds { idle, stall, .. } = self.bounds;
        let mut activity = self.activity();
        if activity.evicted {
            return Ok(Verdict::Close("full"));
        }
        // Every deadline that begins after this lies beyond that time.
        let mut next = now + idle.min(stall);
        if let Some(oldest) = activity.requests.iter().filter_map(|(_, moved)| *moved).min() {
            if now >= oldest + stall {
                return Ok(Verdict::Close("stalled"));
            }
            next = next.min(oldest + stall);
        }
        if let Some(at) = activity.close_at {
            return if now >= at { Ok(Verdict::Close("unfinished")) } else { Err(next.min(at)) };
        }
        let is_idle = activity.requests.is_empty() && now >= activity.last + idle;
        if activity.finish || is_idle {
            let reason = if activity.finish { "requests" } else { "idle" };
            activity.finish = false;
            let time = match (is_idle, self.is_multiplexed.load(Ordering::Relaxed)) {
                // What the HTTP library does not end by itself then is the wait for the rest of a head.
                (true, false) => Duration::ZERO,
                (true, true) => stall,
                // Long answers that progress are cut off by nothing else.
                (false, _) => stall.saturating_mul(20),
            };
            activity.close_at = Some(now + time);
            return Ok(Verdict::Finish(reason));
        }
        if activity.requests.is_empty() {
            next = next.min(activity.last + idle);
            if activity.is_awake && !self.is_unsent.load(Ordering::Relaxed) {
                if now >= activity.last + REST {
                    activity.is_awake = false;
                    return Ok(Verdict::Rest);
                }
                next = next.min(activity.last + REST);
            }
        }
        activity.next_look = next;
        Err(next)
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ongoing {
    /// Connection that the request came on.
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Records that the answer, or a part of it, is given to the connection or has left now.
    pub(super) fn moved(&self, now: Instant) {
        let mut activity = self.connection.activity();
        activity.last = now;
        if let Some(moved) = activity.requests.get_mut(self.key) {
            *moved = Some(now);
        }
    }

    /// Records that all of the answer is given to the connection now.
    pub(super) fn end(mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// Records that everything given to the connection has left, and that the answer waits for something to change.
    pub(super) fn rests(&self) {
        let mut activity = self.connection.activity();
        activity.last = Instant::now();
        if let Some(moved) = activity.requests.get_mut(self.key) {
            *moved = None;
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let now = self.ended.unwrap_or_else(Instant::now);
        let mut activity = self.connection.activity();
        activity.last = now;
        activity.requests.try_remove(self.key);
        // Requests that follow each other find that the look is soon.
        if activity.requests.is_empty() && activity.next_look > activity.last + REST {
            self.connection.ordered.notify_one();
        }
    }
}

impl Drop for WaitingBytes {
    fn drop(&mut self) {
        self.connection.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::http::admission::AdmissionLimits;

    const BOUNDS: ConnectionBounds =
        ConnectionBounds { idle: Duration::from_secs(30), stall: Duration::from_secs(10), requests: 4 };

    fn connection() -> Arc<Connection> {
        let admission = Admission::new(AdmissionLimits::default());
        let client = admission.client(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Connection::new(admission, client, BOUNDS, false)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_requests_finishes_after_the_idle_time() {
        for (is_multiplexed, cut_off) in [(false, 30), (true, 40)] {
            let connection = connection();
            if is_multiplexed {
                connection.multiplex();
            }
            let start = Instant::now();
            assert_eq!((connection.verdict().await, start.elapsed().as_secs()), (Verdict::Finish("idle"), 30));
            // A client that does not let it finish is cut off.
            assert_eq!(connection.verdict().await, Verdict::Close("unfinished"));
            assert_eq!(start.elapsed().as_secs(), cut_off);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_stops_moving_ends_the_connection() {
        let connection = connection();
        let working = connection.begin(Instant::now());
        let answering = connection.begin(Instant::now());
        answering.moved(Instant::now());
        tokio::time::sleep(Duration::from_secs(9)).await;
        answering.moved(Instant::now());
        // Another answer that moves does not hide the one that does not.
        let start = Instant::now();
        let other = connection.begin(Instant::now());
        let moving = async {
            loop {
                other.moved(Instant::now());
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            () = moving => {}
            verdict = connection.verdict() => assert_eq!(verdict, Verdict::Close("stalled")),
        }
        assert_eq!(start.elapsed().as_secs(), 10);
        drop(working);
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_leaves_is_progress_where_answers_are_written_whole() {
        for (is_whole, expected) in [(false, 10), (true, 19)] {
            let connection = connection();
            if is_whole {
                connection.write_whole();
            }
            let start = Instant::now();
            let answering = connection.begin(start);
            answering.moved(start);
            let writing = async {
                tokio::time::sleep(Duration::from_secs(9)).await;
                connection.wrote_part();
            };
            let (verdict, ()) = tokio::join!(connection.verdict(), writing);
            assert_eq!((verdict, start.elapsed().as_secs()), (Verdict::Close("stalled"), expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_worked_on_is_neither_idle_nor_stalled() {
        let connection = connection();
        let working = connection.begin(Instant::now());
        let verdict = tokio::time::timeout(Duration::from_mins(10), connection.verdict()).await;
        assert!(verdict.is_err());
        drop(working);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_request_of_its_number_finishes_a_connection() {
        let connection = connection();
        for _ in 0..4 {
            connection.begin(Instant::now());
        }
        assert_eq!(connection.verdict().await, Verdict::Finish("requests"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_rests_once_after_its_requests_and_not_while_data_is_unsent() {
        let connection = connection();
        let verdicts = async {
            // Times in hundredths of a second, because timers may be late by some milliseconds.
            let mut verdicts = Vec::new();
            let start = Instant::now();
            while verdicts.len() < 3 {
                verdicts.push((connection.verdict().await, start.elapsed().as_millis() / 10));
            }
            verdicts
        };
        let requests = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            for _ in 0..2 {
                connection.begin(Instant::now());
                tokio::time::sleep(REST / 2).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            let request = connection.begin(Instant::now());
            connection.set_unsent(true);
            drop(request);
        };
        let (verdicts, ()) = tokio::join!(verdicts, requests);
        let expected = [(Verdict::Rest, 115), (Verdict::Finish("idle"), 3210), (Verdict::Close("unfinished"), 3210)];
        assert_eq!(verdicts, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_evicted_connection_closes_at_once() {
        let connection = connection();
        let _working = connection.begin(Instant::now());
        let start = Instant::now();
        connection.evict();
        connection.evicted().await;
        assert_eq!(connection.verdict().await, Verdict::Close("full"));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[test]
    fn a_single_answer_may_exceed_the_bytes_of_a_connection() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _context = runtime.enter();
        let connection = connection();
        let large = connection.hold(1000, 100);
        assert!(large.is_some());
        assert!(connection.hold(1, 100).is_none());
        drop(large);
        assert!(connection.hold(1, 100).is_some());
    }
}
