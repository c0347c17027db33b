//! The place where all feeds meet: it adds versions to them when the network changes, and wakes those who wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use alto_history::Limits;
use alto_types::ClientNet;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::feed::Feed;
use super::query::{Query, Sources};
use super::stream::Stream;
use super::view::View;
use crate::http::live::{Budget, Place};
use crate::http::offload::{self, Cancel, WorkPool};
use crate::http::{Exchange, HttpError};
use crate::resource::catalogue::Catalogue;
use crate::resource::limits::WorkLimits;
use crate::state::network::Network;

/// Limits on updates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpdateLimits {
    /// Shortest time between two versions that clients are told of.
    pub(crate) interval: Duration,
    /// Bounds on the history of each feed.
    pub(crate) history: Limits,
    /// Time after which a feed or view that nobody uses is dropped.
    pub(crate) idle: Duration,
    /// Longest time without a line on a stream.
    pub(crate) keep_alive: Duration,
}

/// All feeds, streams and views.
pub(crate) struct Hub {
    network: Arc<Network>,
    sources: Sources,
    pool: WorkPool,
    limits: UpdateLimits,
    start: Instant,
    feeds: Mutex<HashMap<Query, Arc<Feed>>>,
    /// Feeds that begin at the moment, so that the answer to many requests at once is computed once for each payer.
    beginnings: Mutex<Beginnings>,
    streams: Mutex<HashMap<String, Weak<Stream>>>,
    views: Mutex<HashMap<String, Arc<View>>>,
    /// Clients that are woken one slice after the other, so that other requests are answered in between.
    slices: Vec<watch::Sender<u64>>,
    next_slice: AtomicUsize,
    /// Tells that a feed may have begun with an old state.
    begun: Notify,
    stopping: watch::Receiver<bool>,
}

/// Lock that a request holds while the feed of its query begins.
type Beginning = tokio::sync::Mutex<()>;

/// Feeds that begin, by query and by the client that pays for it.
type Beginnings = HashMap<(Query, Option<ClientNet>), Weak<Beginning>>;

/// Who asks for a feed.
pub(super) struct Asker {
    pub(super) client: IpAddr,
    payer: Option<ClientNet>,
    pub(super) budget: Option<Budget>,
}

/// Number of slices.
const SLICES: usize = 64;
/// Time between two looks for what nobody uses.
const SWEEP: Duration = Duration::from_secs(5);

impl Asker {
    /// Takes from a request what is needed of it.
    pub(super) fn of(exchange: &Exchange) -> Self {
        Self { client: exchange.client(), payer: exchange.payer(), budget: Some(exchange.budget()) }
    }
}

impl Hub {
    /// Creates the hub of a network, without feeds.
    pub(crate) fn new(
        network: &Arc<Network>,
        catalogue: &Arc<Catalogue>,
        (pool, work): (WorkPool, WorkLimits),
        limits: UpdateLimits,
        stopping: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            network: Arc::clone(network),
            sources: Sources { catalogue: Arc::clone(catalogue), limits: work },
            pool,
            limits,
            start: Instant::now(),
            feeds: Mutex::default(),
            beginnings: Mutex::default(),
            streams: Mutex::default(),
            views: Mutex::default(),
            slices: (0..SLICES).map(|_| watch::Sender::new(0)).collect(),
            next_slice: AtomicUsize::new(0),
            begun: Notify::new(),
            stopping,
        })
    }

    /// Adds versions as the network changes, and drops what nobody uses, until the process ends.
    pub(crate) async fn keep(self: Arc<Self>) {
        let mut states = self.network.states();
        let mut sweeps = interval(SWEEP);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next = Instant::now();
        loop {
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                () = self.begun.notified() => {}
                _ = sweeps.tick() => {
                    self.sweep();
                    continue;
                }
            }
            sleep_until(next).await;
            states.mark_unchanged();
            self.refresh().await;
            next = Instant::now() + self.limits.interval;
        }
    }

    /// Returns the feed of a query, which begins for an exchange if there is none.
    pub(super) async fn feed(&self, query: Query, asker: &Asker) -> Result<Arc<Feed>, HttpError> {
        if let Some(feed) = self.known(&query) {
            return Ok(feed);
        }
        // What many clients may follow alike is the work of the server. No client waits for the turn of another.
        let payer = asker.payer.filter(|_| query.has_input());
        let beginning = self.beginning(&query, payer);
        let _alone = beginning.lock().await;
        // Another request may have been faster.
        if let Some(feed) = self.known(&query) {
            return Ok(feed);
        }
        let place = match &asker.budget {
            Some(budget) if query.has_input() => Some(self.place(budget, payer)?),
            _ => None,
        };
        let sources = Sources { catalogue: Arc::clone(&self.sources.catalogue), limits: self.sources.limits };
        let (snapshot, limits, now) = (Arc::clone(self.network.current().snapshot()), self.limits.history, self.now());
        let begin = {
            let (query, snapshot) = (query.clone(), Arc::clone(&snapshot));
            move |cancel: &Cancel| Feed::begin(query, &sources, snapshot, (limits, now), (place, payer), cancel)
        };
        let feed = Arc::new(self.pool.run(payer, offload::HEAVY, begin).await??);
        metrics::counter!("alto_followed_begun_total").increment(1);
        let feed = {
            let mut feeds = self.feeds();
            let known = feeds.get(&query).filter(|feed| feed.ended().is_none()).cloned();
            known.unwrap_or_else(|| {
                feeds.insert(query, Arc::clone(&feed));
                feed
            })
        };
        if !Arc::ptr_eq(&snapshot, self.network.current().snapshot()) {
            self.begun.notify_one();
        }
        Ok(feed)
    }

    /// Feed of a query that goes on.
    fn known(&self, query: &Query) -> Option<Arc<Feed>> {
        self.feeds().get(query).filter(|feed| feed.ended().is_none()).cloned()
    }

    /// Lock that a request holds while the feed of its query begins at the expense of `payer`.
    fn beginning(&self, query: &Query, payer: Option<ClientNet>) -> Arc<Beginning> {
        let mut beginnings = self.beginnings.lock().unwrap_or_else(PoisonError::into_inner);
        beginnings.retain(|_, beginning| beginning.strong_count() > 0);
        let beginning = beginnings.entry((query.clone(), payer)).or_default();
        beginning.upgrade().unwrap_or_else(|| {
            let new = Arc::default();
            *beginning = Arc::downgrade(&new);
            new
        })
    }

    /// Takes a place for a request that is followed. What nobody follows any more makes room: first what the client itself
    /// followed, then what others did, one for each request.
    fn place(&self, budget: &Budget, payer: Option<ClientNet>) -> Result<Place, HttpError> {
        let refused = match budget.followed() {
            Ok(place) => return Ok(place),
            Err(refused) => refused,
        };
        while self.drop_longest_unused(|feed| feed.payer() == payer) {
            if let Ok(place) = budget.followed() {
                return Ok(place);
            }
        }
        if self.drop_longest_unused(|_| true) { budget.followed() } else { Err(refused) }
    }

    /// Drops, of the feeds that have a place and may go, the one that nobody has used for the longest time. Returns false if
    /// all are in use.
    fn drop_longest_unused(&self, may_go: impl Fn(&Feed) -> bool) -> bool {
        let mut feeds = self.feeds();
        let unused = feeds.iter().filter(|(_, feed)| feed.has_place() && Arc::strong_count(feed) == 1 && may_go(feed));
        let oldest = unused.min_by_key(|(_, feed)| feed.used()).map(|(query, _)| query.clone());
        oldest.is_some_and(|query| feeds.remove(&query).is_some())
    }

    /// Renders the whole newest version of a feed off the event loop, unless that takes little time.
    pub(super) async fn render(&self, feed: &Arc<Feed>, asker: &Asker) -> Result<(), HttpError> {
        if feed.is_ready(None, false) {
            return Ok(());
        }
        let feed = Arc::clone(feed);
        self.pool.run(asker.payer, offload::HEAVY, move |_: &Cancel| feed.render()).await
    }

    /// Catalogue of the resources that are followed.
    pub(super) fn catalogue(&self) -> &Catalogue {
        &self.sources.catalogue
    }

    /// Limits on updates.
    pub(super) fn limits(&self) -> UpdateLimits {
        self.limits
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns what tells a client of new versions. Clients are spread over the slices.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        let slice = self.next_slice.fetch_add(1, Ordering::Relaxed) % SLICES;
        self.slices[slice].subscribe()
    }

    /// Returns what tells that the server ends.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// Streams by the secret part of their control URI.
    pub(super) fn streams(&self) -> MutexGuard<'_, HashMap<String, Weak<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Views by the last part of their URI.
    pub(super) fn views(&self) -> MutexGuard<'_, HashMap<String, Arc<View>>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feeds(&self) -> MutexGuard<'_, HashMap<Query, Arc<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the versions of the present state, and wakes everybody.
    async fn refresh(self: &Arc<Self>) {
        let mut feeds: Vec<Arc<Feed>> = self.feeds().values().cloned().collect();
        if feeds.is_empty() {
            return;
        }
        // What others depend on comes first, so that whoever sees a version sees those it depends on.
        feeds.sort_by_key(|feed| feed.rank());
        let (hub, now) = (Arc::clone(self), self.now());
        let work = move || {
            let started = Instant::now();
            let snapshot = Arc::clone(hub.network.current().snapshot());
            for feed in feeds {
                feed.refresh(&hub.sources, &snapshot, now, &Cancel::default());
            }
            metrics::histogram!("alto_update_seconds").record(started.elapsed().as_secs_f64());
        };
        if tokio::task::spawn_blocking(work).await.is_err() {
            tracing::error!("versions could not be added; clients that follow are told of the next change");
        }
        for slice in &self.slices {
            if slice.receiver_count() > 0 {
                slice.send_modify(|count| *count += 1);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Drops feeds and views that nobody uses.
    fn sweep(&self) {
        let (now, idle) = (self.now(), self.limits.idle);
        self.views().retain(|_, view| view.is_used() || view.used() + idle > now);
        let mut feeds = self.feeds();
        feeds.retain(|_, feed| {
            // Somebody beside this table has it.
            if Arc::strong_count(feed) > 1 {
                feed.keep(now);
            }
            feed.ended().is_none() && feed.used() + idle > now
        });
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        {
            metrics::gauge!("alto_followed").set(feeds.len() as f64);
            drop(feeds);
            metrics::gauge!("alto_update_streams").set(self.streams().len() as f64);
            metrics::gauge!("alto_tips_views").set(self.views().len() as f64);
        }
    }
}
