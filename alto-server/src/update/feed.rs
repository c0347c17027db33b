//! The history of what somebody follows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use alto_history::{History, Item, Limits, Missing, Sequence, Successor};
use alto_types::{ClientNet, MediaType, UpdatesGraphSummary};

use super::query::{Query, Sources};
use crate::http::HttpError;
use crate::http::live::Place;
use crate::http::offload::Cancel;
use crate::resource::catalogue::Previous;
use crate::state::snapshot::Snapshot;

/// History of the answers to one query.
pub(super) struct Feed {
    query: Query,
    /// Media type of whole documents.
    media_type: MediaType,
    rank: usize,
    state: Mutex<State>,
    /// Sequence number of the newest version, which is read without waiting.
    newest: AtomicU64,
    /// Reason why no more versions come.
    ended: OnceLock<String>,
    /// Time at which it was last in use.
    used: Mutex<Duration>,
    /// Place among the requests that are followed, if it has input.
    place: Option<Place>,
    /// Client that the place is counted for.
    payer: Option<ClientNet>,
}

struct State {
    history: History,
    snapshot: Arc<Snapshot>,
}

/// Update that leads to a version.
pub(super) struct Update {
    pub(super) to: Sequence,
    pub(super) item: Item,
    /// Whether the client had a version that is too old to be led on by a patch.
    pub(super) is_late: bool,
}

impl Feed {
    /// Begins the history of a query with its answer for a snapshot.
    pub(super) fn begin(
        query: Query,
        sources: &Sources,
        snapshot: Arc<Snapshot>,
        (limits, now): (Limits, Duration),
        (place, payer): (Option<Place>, Option<ClientNet>),
        cancel: &Cancel,
    ) -> Result<Self, HttpError> {
        let catalogue = &sources.catalogue;
        let content = query.content(sources, &snapshot, None, cancel)?;
        let tag = content.tag().unwrap_or_else(|| snapshot.view().tag()).to_owned();
        let history = History::new(content, &tag, query.patches(catalogue), limits, now);
        Ok(Self {
            media_type: query.media_type(catalogue),
            rank: query.rank(catalogue),
            newest: AtomicU64::new(history.end()),
            state: Mutex::new(State { history, snapshot }),
            ended: OnceLock::new(),
            used: Mutex::new(now),
            query,
            place,
            payer,
        })
    }

    /// What is followed.
    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// Tells whether it takes one of the places for requests that are followed.
    pub(super) fn has_place(&self) -> bool {
        self.place.is_some()
    }

    /// Client that its place is counted for.
    pub(super) fn payer(&self) -> Option<ClientNet> {
        self.payer
    }

    /// Media type of whole documents.
    pub(super) fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// Place in the order of updates.
    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// Sequence number of the newest version.
    pub(super) fn newest(&self) -> Sequence {
        self.newest.load(Ordering::Acquire)
    }

    /// Reason why no more versions come; none while they do.
    pub(super) fn ended(&self) -> Option<&str> {
        self.ended.get().map(String::as_str)
    }

    /// Adds the version of a snapshot, if it is one. Only one thread may do this at a time.
    pub(super) fn refresh(&self, sources: &Sources, snapshot: &Arc<Snapshot>, now: Duration, cancel: &Cancel) {
        let (before, newest, patches) = {
            let state = self.state();
            (Arc::clone(&state.snapshot), Arc::clone(state.history.newest()), state.history.patches())
        };
        if self.ended.get().is_some() || Arc::ptr_eq(&before, snapshot) {
            return;
        }
        if self.query.is_unchanged(&before, snapshot, &sources.catalogue) {
            self.state().snapshot = Arc::clone(snapshot);
            return;
        }
        let previous = Previous { snapshot: &before, content: &newest };
        match self.query.content(sources, snapshot, Some(previous), cancel) {
            Ok(content) => {
                let tag = content.tag().unwrap_or_else(|| snapshot.view().tag()).to_owned();
                // Compared and written while others read the history.
                let successor = Successor::new(newest, content, patches);
                let mut state = self.state();
                state.history.extend(successor, &tag, now);
                state.snapshot = Arc::clone(snapshot);
                self.newest.store(state.history.end(), Ordering::Release);
            }
            // The network became too large for the request, or lost a property that it names.
            Err(error) => {
                let reason = format!("the request is refused for the present network: {}", error.detail());
                // Only this thread sets it.
                let _ = self.ended.set(reason);
            }
        }
    }

    /// Returns one update from a version to the newest one; none if that is the newest. `patches` allows patches.
    pub(super) fn update(&self, from: Option<Sequence>, patches: bool) -> Option<Update> {
        let mut state = self.state();
        let to = state.history.end();
        let is_late = from.is_some_and(|from| from < state.history.start());
        let item = match from {
            Some(from) if from >= to => return None,
            _ if !patches => state.history.whole(),
            from => state.history.update(from)?,
        };
        Some(Update { to, item, is_late })
    }

    /// Tells whether an update from a version is at hand, or soon made: a long document has to be rendered first.
    pub(super) fn is_ready(&self, from: Option<Sequence>, patches: bool) -> bool {
        let state = self.state();
        let is_whole = !patches || from.is_none_or(|from| from < state.history.start());
        !is_whole || state.history.newest().is_ready()
    }

    /// Renders the whole newest version.
    pub(super) fn render(&self) {
        let newest = Arc::clone(self.state().history.newest());
        newest.whole();
    }

    /// Returns an edge of the updates graph.
    pub(super) fn item(&self, from: Sequence, to: Sequence) -> Result<Item, Missing> {
        self.state().history.item(from, to)
    }

    /// Version that is known by a tag. Tags of answers to requests are those of the network, which many answers share.
    pub(super) fn find(&self, tag: &str) -> Option<Sequence> {
        if self.query.has_input() { None } else { self.state().history.find(tag) }
    }

    /// Summary of the updates graph, with an edge for a client that has a version.
    pub(super) fn summary(&self, from: Option<Sequence>) -> UpdatesGraphSummary {
        let mut state = self.state();
        let (seq_i, seq_j) = state.history.recommended(from);
        let start_edge_rec = alto_types::Edge { seq_i, seq_j };
        UpdatesGraphSummary { start_seq: state.history.start(), end_seq: state.history.end(), start_edge_rec }
    }

    /// Records that it is in use, and drops versions that are too old.
    pub(super) fn keep(&self, now: Duration) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = now;
        self.state().history.trim(now);
    }

    /// Time at which it was last in use.
    pub(super) fn used(&self) -> Duration {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
