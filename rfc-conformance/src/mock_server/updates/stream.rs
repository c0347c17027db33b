//! Update streams and their control (RFC 8895 §6, §7).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use rand::RngExt as _;
use serde_json::{Map, Value, json};

use super::parameters::{Wanted, added, object};
use super::{Documents, State, Updates, patch, refusal};
use crate::mock_server::error::AltoError;
use crate::mock_server::http::{Live, ReceivedRequest, Response};
use crate::mock_server::resource::{Followed, ResourceKind};
use crate::updates::{EVENT_STREAM, JSON_PATCH, MERGE_PATCH, STREAM_CONTROL, STREAM_PARAMS};

/// Maximum number of substreams over the life of a stream.
const MOST_SUBSTREAMS: usize = 128;

/// Open streams by the last part of their control URIs.
#[derive(Default)]
pub(super) struct Streams {
    open: BTreeMap<String, Stream>,
    /// Number of streams so far.
    count: usize,
}

struct Stream {
    number: usize,
    followed: Vec<Followed>,
    /// Active substreams, those that others depend on first.
    substreams: Vec<Substream>,
    used: BTreeSet<String>,
    /// Control events that are due.
    due: Vec<SentEvent>,
    closing: bool,
}

#[derive(Clone)]
struct Substream {
    id: String,
    wanted: Wanted,
    /// Document that the client has, and the number of network versions that it has seen.
    held: Option<Value>,
}

/// Event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentEvent {
    /// Value of the `event` field.
    pub name: String,
    /// Value of the `data` field.
    pub data: String,
    /// Bytes to send instead.
    pub raw: Option<String>,
}

/// Stream as hooks see it.
pub struct StreamView<'a> {
    /// Number of the stream, from 1.
    pub number: usize,
    /// Resource IDs by substream.
    pub resources: &'a BTreeMap<String, String>,
    /// Number of batches of events before this one.
    pub batch: usize,
}

impl SentEvent {
    /// Creates an event.
    pub fn new(name: impl Into<String>, data: &Value) -> Self {
        Self { name: name.into(), data: data.to_string(), raw: None }
    }

    /// Creates a control event.
    pub fn control(members: &Value) -> Self {
        Self::new(STREAM_CONTROL, members)
    }

    fn write(&self, text: &mut String) {
        match &self.raw {
            Some(raw) => text.push_str(raw),
            None => {
                let _ = write!(text, "event: {}\ndata: {}\n\n", self.name, self.data);
            }
        }
    }
}

impl Updates {
    pub(super) fn open_stream(
        self: &Arc<Self>,
        service: &dyn Documents,
        followed: &[Followed],
        request: &ReceivedRequest,
    ) -> Response {
        let opened = self.begin_stream(service, followed, request);
        let handle = match opened {
            Ok(Some(handle)) => handle,
            Ok(None) => return Response::plain(503, "too many substreams"),
            Err(error) => {
                let mut response = refusal(&error);
                response.delivery.close = true;
                return response;
            }
        };
        let (updates, service, request) = (Arc::clone(self), service.kept(), request.clone());
        let mut response = Response::new(200, EVENT_STREAM, Vec::new()).with("Cache-Control", "no-store");
        response.delivery.live = Some(Live::new(move |out| {
            let result = updates.write_stream(service.as_ref(), &handle, &request, out);
            updates.state().streams.open.remove(&handle);
            result
        }));
        response
    }

    /// Registers a stream; `None` if it has too many substreams.
    fn begin_stream(
        &self,
        service: &dyn Documents,
        followed: &[Followed],
        request: &ReceivedRequest,
    ) -> Result<Option<String>, AltoError> {
        let members = object(&request.body)?;
        if members.get("add").is_none_or(|add| add.as_object().is_some_and(Map::is_empty)) {
            return Err(AltoError::MissingField("add".into()));
        }
        let add = added(service, followed, &members, request)?;
        if add.len() > MOST_SUBSTREAMS {
            return Ok(None);
        }
        let handle = format!("{:032x}", rand::rng().random::<u128>());
        let mut state = self.state();
        state.streams.count += 1;
        let control = json!({ "control-uri": format!("updates/control/{handle}") });
        let mut stream = Stream {
            number: state.streams.count,
            followed: followed.to_vec(),
            substreams: Vec::new(),
            used: BTreeSet::new(),
            due: vec![SentEvent::control(&control)],
            closing: false,
        };
        stream.add(service, add, request);
        state.streams.open.insert(handle.clone(), stream);
        Ok(Some(handle))
    }

    /// Writes a stream until it is closed or its client is gone.
    fn write_stream(
        &self,
        service: &dyn Documents,
        handle: &str,
        request: &ReceivedRequest,
        out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut batch = 0;
        loop {
            let (mut events, view, closes) = {
                let mut state = self.state();
                let mut next = state.next(service, handle, request);
                if next.as_ref().is_some_and(|(events, ..)| events.is_empty()) {
                    state =
                        self.changed.wait_timeout(state, self.keep_alive).map_or_else(|e| e.into_inner().0, |w| w.0);
                    next = state.next(service, handle, request);
                }
                match next {
                    Some((events, resources, closes, number)) => (events, (resources, number), closes),
                    None => return Ok(()),
                }
            };
            if let Some(change) = self.on_events.as_ref().filter(|_| !events.is_empty()) {
                change(&StreamView { number: view.1, resources: &view.0, batch }, &mut events);
                batch += 1;
            }
            let mut text = String::new();
            for event in &events {
                event.write(&mut text);
            }
            if text.is_empty() && !closes {
                self.advance();
                text.push_str(": hb\n\n");
            }
            if !text.is_empty() {
                out(text.as_bytes())?;
            }
            if closes {
                return Ok(());
            }
        }
    }

    pub(super) fn control(&self, service: &dyn Documents, handle: &str, request: &ReceivedRequest) -> Response {
        if request.method != "POST" {
            return Response::plain(405, "method not allowed").with("Allow", "POST");
        }
        if request.media_type().as_deref() != Some(STREAM_PARAMS) {
            return Response::plain(415, "the body must be parameters of a stream");
        }
        self.change(service, handle, request)
    }

    /// Changes an open stream as a control request says.
    pub fn change(&self, service: &dyn Documents, handle: &str, request: &ReceivedRequest) -> Response {
        let mut state = self.state();
        let Some(stream) = state.streams.open.get_mut(handle).filter(|stream| !stream.closing) else {
            return Response::plain(404, "no stream");
        };
        if let Err(error) = stream.change(service, request) {
            return refusal(&error);
        }
        drop(state);
        self.changed.notify_all();
        Response { status: 204, ..Response::default() }
    }
}

type NextEvents = (Vec<SentEvent>, BTreeMap<String, String>, bool, usize);

impl State {
    /// Returns the events that are due, with the substreams and whether the stream ends after them; `None` if there is no
    /// such stream any more.
    fn next(&mut self, service: &dyn Documents, handle: &str, request: &ReceivedRequest) -> Option<NextEvents> {
        let (later, over) = (self.later.last().cloned(), self.over);
        let stream = self.streams.open.get_mut(handle)?;
        if over {
            stream.stop(&|_| true, "the server ends");
        }
        let mut events = std::mem::take(&mut stream.due);
        let mut resources = BTreeMap::new();
        for substream in &mut stream.substreams {
            let wanted = &substream.wanted;
            resources.insert(substream.id.clone(), wanted.resource.id.clone());
            let new = service.document(later.as_ref(), &wanted.resource, wanted.input.as_ref(), request.peer.ip());
            let Ok(new) = new else { continue };
            if substream.held.as_ref() == Some(&new) {
                continue;
            }
            let types = stream.followed.iter().find(|followed| followed.id == wanted.resource.id);
            let types = types.map_or("", |followed| followed.patches.as_str());
            events.push(substream.update(&new, types));
            substream.held = Some(new);
        }
        Some((events, resources, stream.closing, stream.number))
    }
}

impl Stream {
    fn add(&mut self, service: &dyn Documents, add: Vec<(String, Wanted)>, request: &ReceivedRequest) {
        for (id, wanted) in add {
            self.used.insert(id.clone());
            // The tag of an answer to a request may be that of other answers, too.
            let now = service.document(None, &wanted.resource, wanted.input.as_ref(), request.peer.ip()).ok();
            let known = wanted.patches && wanted.input.is_none() && wanted.tag.is_some();
            let current =
                |document: &Value| document.pointer("/meta/vtag/tag").and_then(Value::as_str) == wanted.tag.as_deref();
            let held = now.filter(|document| known && current(document));
            self.substreams.push(Substream { id, wanted, held });
        }
        let depends = |substream: &Substream| !substream.wanted.resource.kind.uses().is_empty();
        self.substreams.sort_by_key(|substream| {
            let kind = &substream.wanted.resource.kind;
            let later = matches!(kind, ResourceKind::EndpointCost(_) | ResourceKind::EndpointProperty(_));
            depends(substream) || later
        });
    }

    fn change(&mut self, service: &dyn Documents, request: &ReceivedRequest) -> Result<(), AltoError> {
        let members = object(&request.body)?;
        let ids = members.get("add").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        if let Some(used) = ids.clone().find(|id| self.used.contains(*id)) {
            return Err(AltoError::value("add", &used.as_str().into()));
        }
        let add = added(service, &self.followed, &members, request)?;
        let remove = match members.get("remove") {
            None => None,
            Some(Value::Array(remove)) => Some(remove.iter().filter_map(Value::as_str).collect::<Vec<_>>()),
            Some(_) => return Err(AltoError::InvalidFieldType("remove".into())),
        };
        if !add.is_empty() && remove.as_ref().is_some_and(Vec::is_empty) {
            return Err(AltoError::value("remove", &json!([])));
        }
        if let Some(unknown) = remove.iter().flatten().find(|id| !self.used.contains(**id)) {
            return Err(AltoError::value("remove", &(**unknown).into()));
        }
        if add.is_empty() && remove.is_none() {
            return Err(AltoError::MissingField("add".into()));
        }
        if !add.is_empty() {
            let started: Vec<_> = add.iter().map(|(id, _)| id.as_str()).collect();
            self.due.push(SentEvent::control(&json!({ "started": started })));
            self.add(service, add, request);
        }
        if let Some(remove) = remove {
            self.stop(&|id| remove.is_empty() || remove.contains(&id), "removed by stream control");
        }
        Ok(())
    }

    fn stop(&mut self, is_stopped: &dyn Fn(&str) -> bool, why: &str) {
        let stopped: Vec<_> = self.substreams.iter().map(|s| s.id.clone()).filter(|id| is_stopped(id)).collect();
        self.substreams.retain(|substream| !is_stopped(&substream.id));
        if !stopped.is_empty() {
            self.due.push(SentEvent::control(&json!({ "stopped": stopped, "description": why })));
        }
        self.closing |= self.substreams.is_empty();
    }
}

impl Substream {
    /// Returns the event that leads to a document: a patch of one of the announced types, or the document itself.
    fn update(&self, new: &Value, types: &str) -> SentEvent {
        let held = self.held.as_ref().filter(|_| self.wanted.patches);
        if let Some(held) = held {
            if types.contains(MERGE_PATCH)
                && let Some(merged) = patch::merge(held, new)
            {
                return SentEvent::new(format!("{MERGE_PATCH},{}", self.id), &merged);
            }
            if types.contains(JSON_PATCH) {
                return SentEvent::new(format!("{JSON_PATCH},{}", self.id), &patch::json(held, new));
            }
        }
        SentEvent::new(format!("{},{}", self.wanted.resource.kind.media_type(), self.id), new)
    }
}
