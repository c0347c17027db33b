//! What one stream tells its client: its substreams, and the version that the client has of each.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alto_history::Sequence;
use alto_types::{ControlEvent, ResourceId};
use bytes::Bytes;
use tokio::sync::Notify;

use super::event::{self, DataEvent};
use super::feed::Feed;
use crate::http::live::Budget;

/// State of a stream, which its session reads and control requests change.
pub(super) struct Stream {
    budget: Option<Budget>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Active substreams, those that others depend on first.
    substreams: Vec<Substream>,
    /// IDs of all substreams that ever were.
    used: BTreeSet<ResourceId>,
    /// Control events that are to be written before anything else.
    events: VecDeque<Bytes>,
    /// Whether the stream ends after these events.
    is_closing: bool,
    /// Number of times that the client was too slow for patches.
    lags: u32,
}

/// Resource whose updates the stream has.
pub(super) struct Substream {
    pub(super) id: ResourceId,
    pub(super) feed: Arc<Feed>,
    /// Version that the client has.
    pub(super) at: Option<Sequence>,
    /// Whether patches may be sent.
    pub(super) patches: bool,
}

/// What a session does next.
pub(super) enum Next {
    /// Writes a piece.
    Piece(Bytes),
    /// Writes an event.
    Event(DataEvent),
    /// Renders a large document first.
    Render(Arc<Feed>),
    /// Waits until something changes.
    Wait,
    /// Ends the stream.
    End,
}

/// Reason for refusing a change to a stream, which then has no effect.
#[derive(Debug)]
pub(super) enum Refused {
    /// ID that was used before.
    Used(String),
    /// ID that no earlier request added.
    NeverAdded(String),
    /// More substreams than a stream may have, or more changes than the client has read.
    TooMany,
    /// The stream has ended.
    Closed,
}

/// Largest number of substreams over the life of a stream.
const SUBSTREAMS: usize = 256;
/// Largest number of control events that wait to be read.
const WAITING_EVENTS: usize = 64;
/// Number of times that a client may be too slow for patches.
const LAGS: u32 = 3;

impl Stream {
    /// Creates a stream, whose first event has the URI for changes to it.
    pub(super) fn new(
        budget: Option<Budget>,
        control_uri: String,
        substreams: Vec<Substream>,
    ) -> Result<Self, Refused> {
        let mut state = State::default();
        state.say(&ControlEvent { control_uri: Some(Some(control_uri)), ..ControlEvent::default() });
        state.check(substreams.iter().map(|substream| &substream.id), &[])?;
        state.add(substreams);
        Ok(Self { budget, state: Mutex::new(state), changed: Notify::new() })
    }

    /// Tells whether a change would be refused.
    pub(super) fn check<'a>(
        &self,
        add: impl Iterator<Item = &'a ResourceId> + Clone,
        remove: Option<&[String]>,
    ) -> Result<(), Refused> {
        self.state().check(add, remove.unwrap_or_default())
    }

    /// Adds substreams, and then removes others: all of them if the list is empty (RFC 8895 §7.5, §7.6).
    pub(super) fn change(&self, add: Vec<Substream>, remove: Option<&[String]>) -> Result<(), Refused> {
        let mut state = self.state();
        // Another request may have come in between.
        state.check(add.iter().map(|substream| &substream.id), remove.unwrap_or_default())?;
        if !add.is_empty() {
            let started = add.iter().map(|substream| substream.id.to_string()).collect();
            state.say(&ControlEvent { started, ..ControlEvent::default() });
            state.add(add);
        }
        if let Some(remove) = remove {
            let is_removed = |id: &ResourceId| remove.is_empty() || remove.iter().any(|removed| removed == id.as_str());
            state.stop(is_removed, "removed by a control request");
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Ends the stream after one more event, which says why.
    pub(super) fn close(&self, description: &str) {
        self.state().stop(|_| true, description);
        self.changed.notify_one();
    }

    /// Waits until a control request has changed the stream.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Returns what is to be written next.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        if let Some(piece) = state.events.pop_front() {
            return Next::Piece(piece);
        }
        if state.is_closing {
            return Next::End;
        }
        let ended = state
            .substreams
            .iter()
            .find_map(|substream| Some((substream.id.clone(), substream.feed.ended()?.to_owned())));
        if let Some((id, reason)) = ended {
            state.stop(|other| *other == id, &reason);
            return state.events.pop_front().map_or(Next::Wait, Next::Piece);
        }
        self.next_update(&mut state)
    }

    /// Returns the update that is due: of resources that others depend on first (RFC 8895 §6.7.1).
    fn next_update(&self, state: &mut State) -> Next {
        let mut place = 0;
        while let Some(substream) = state.substreams.get(place) {
            if !substream.is_behind() {
                place += 1;
                continue;
            }
            if !substream.feed.is_ready(substream.at, substream.patches) {
                return Next::Render(Arc::clone(&substream.feed));
            }
            let Some(update) = substream.feed.update(substream.at, substream.patches) else {
                place += 1;
                continue;
            };
            // A version of what this depends on may have come in between; it was there before this one.
            if let Some(earlier) = state.substreams[..place].iter().position(Substream::is_behind) {
                place = earlier;
                continue;
            }
            let is_slow = update.is_late && {
                state.lags += 1;
                state.lags > LAGS
            };
            if is_slow {
                state.stop(|_| true, "too slow: the client did not read its updates in time");
                return state.events.pop_front().map_or(Next::End, Next::Piece);
            }
            let body = update.item.text.body();
            // What stays in memory for a client that does not read is counted.
            let reader = match &self.budget {
                Some(budget) if body.len() > 64 * 1024 => budget.reader(body).map(Some),
                _ => Ok(None),
            };
            let Ok(reader) = reader else {
                state.stop(|_| true, "the server has no memory for more updates that wait to be read");
                return state.events.pop_front().map_or(Next::End, Next::Piece);
            };
            let substream = &mut state.substreams[place];
            substream.at = Some(update.to);
            let event = DataEvent::new(update.item, substream.feed.media_type(), substream.id.as_str(), reader);
            return Next::Event(event);
        }
        Next::Wait
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check<'a>(&self, add: impl Iterator<Item = &'a ResourceId> + Clone, remove: &[String]) -> Result<(), Refused> {
        if self.is_closing {
            return Err(Refused::Closed);
        }
        if let Some(used) = add.clone().find(|id| self.used.contains(*id)) {
            return Err(Refused::Used(used.to_string()));
        }
        // An ID that was removed before may be removed again.
        let was_added = |id: &String| self.used.iter().any(|used| used.as_str() == id);
        if let Some(unknown) = remove.iter().find(|id| !was_added(id)) {
            return Err(Refused::NeverAdded(unknown.clone()));
        }
        if self.used.len() + add.count() > SUBSTREAMS || self.events.len() >= WAITING_EVENTS {
            return Err(Refused::TooMany);
        }
        Ok(())
    }

    fn add(&mut self, substreams: Vec<Substream>) {
        self.used.extend(substreams.iter().map(|substream| substream.id.clone()));
        self.substreams.extend(substreams);
        self.substreams.sort_by_key(|substream| substream.feed.rank());
    }

    /// Ends substreams; the stream as well if none is left.
    fn stop(&mut self, is_stopped: impl Fn(&ResourceId) -> bool, description: &str) {
        let stopped = self.substreams.extract_if(.., |substream| is_stopped(&substream.id));
        let stopped: Vec<String> = stopped.map(|substream| substream.id.to_string()).collect();
        if !stopped.is_empty() {
            let description = Some(description.to_owned());
            self.say(&ControlEvent { stopped, description, ..ControlEvent::default() });
        }
        self.is_closing |= self.substreams.is_empty();
    }

    fn say(&mut self, event: &ControlEvent) {
        self.events.push_back(event::control(event));
    }
}

impl Substream {
    fn is_behind(&self) -> bool {
        self.at.is_none_or(|at| at < self.feed.newest())
    }
}
