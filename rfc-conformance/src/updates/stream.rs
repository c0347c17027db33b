//! One update stream (RFC 8895): opened, read in bounded time, and replayed, so that the documents of a client are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::patch::{self, Unfit};
use super::sse::{Event, Parser};
use super::target::{Target, adding};
use super::{EVENT_STREAM, JSON_PATCH, MERGE_PATCH, STREAM_CONTROL, STREAM_PARAMS};
use crate::context::Context;
use crate::http::{Client, Exchange, Live, NoAnswer, Opened, Piece, Request, resolve};
use crate::json;
use crate::subject::Resource;

/// Maximum number of bytes that are read.
const MOST_BYTES: usize = 64 << 20;
/// Media types that a client of a stream reads.
const ACCEPT: &str = "text/event-stream,application/alto-error+json";

/// An open stream with everything that has arrived.
pub(crate) struct Stream<'a> {
    client: &'a Client,
    live: Live,
    parser: Parser,
    /// Events in order, without their data.
    pub(crate) events: Vec<Event>,
    /// Control events, each with its position among all events.
    pub(crate) controls: Vec<(usize, Value)>,
    /// Substreams by ID.
    pub(crate) substreams: BTreeMap<String, Substream<'a>>,
    /// What is wrong with events, in the order of their arrival.
    pub(crate) faults: Vec<Fault>,
    /// Substreams whose documents differ from the resources, and are not waited for any more.
    pub(crate) lost: BTreeSet<String>,
    /// True once the stream has ended, or more has arrived than is read.
    pub(crate) ended: bool,
    bytes: usize,
}

/// A substream with the document that a client has.
pub(crate) struct Substream<'a> {
    pub(crate) target: Target<'a>,
    /// Document after the last update; `None` before the first.
    pub(crate) document: Option<Value>,
    pub(crate) updates: Vec<Update>,
    /// True if the content has changed since its tag has.
    pub(crate) stale: bool,
    /// Position of the control event that announced the end.
    pub(crate) stopped: Option<usize>,
}

/// An update of a substream.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// Position of the event among all events.
    pub(crate) event: usize,
    pub(crate) form: Form,
    /// Media type in the `event` field.
    pub(crate) media_type: String,
    /// True if the document after the update differs from the one before.
    pub(crate) changed: bool,
    /// Pointers to members that a merge patch deletes.
    pub(crate) nulls: Vec<String>,
    /// Tags of the documents that the one after the update depends on, by resource ID.
    pub(crate) depends: Vec<(String, String)>,
    /// Tag of the document after the update.
    pub(crate) tag: Option<String>,
}

/// Form of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A whole document.
    Full,
    Merge,
    Json,
}

/// Something wrong with an event.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) wrong: Wrong,
    pub(crate) seen: String,
}

/// Rule that an event breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The `event` field is no media type with a data-id.
    Name,
    /// The data-id is none of the substreams.
    DataId,
    /// The media type is neither that of the resource nor that of a patch.
    MediaType,
    /// The data are not JSON.
    Json,
    /// The data are not one JSON object where they have to be one.
    Object,
    /// A patch comes before the first full replacement.
    PatchFirst,
    /// A JSON patch does not fit.
    Patch(Unfit),
}

/// Answer to a request for a stream.
pub(crate) enum Answered<'a> {
    Stream(Box<Stream<'a>>),
    /// Answer that is no stream.
    Refused(Arc<Exchange>),
}

impl<'a> Stream<'a> {
    /// Opens a stream with substreams, each with its `add` member.
    pub(crate) fn open(
        context: &Context<'a>,
        service: &Resource,
        add: Vec<(String, Target<'a>, Value)>,
    ) -> Result<Answered<'a>, NoAnswer> {
        let body = adding(add.iter().map(|(id, _, value)| (id.clone(), value.clone())));
        Self::open_with(context, &request(service, &body), add)
    }

    /// Opens a stream with plain substreams.
    pub(crate) fn of(
        context: &Context<'a>,
        service: &Resource,
        targets: &[(&str, &Target<'a>)],
    ) -> Result<Answered<'a>, NoAnswer> {
        let add = targets.iter().map(|(id, target)| ((*id).to_owned(), (*target).clone(), target.add()));
        Self::open(context, service, add.collect())
    }

    /// Opens a stream with a request that was made for it.
    pub(crate) fn open_with(
        context: &Context<'a>,
        request: &Request,
        add: Vec<(String, Target<'a>, Value)>,
    ) -> Result<Answered<'a>, NoAnswer> {
        Ok(match context.client.open(request)? {
            Opened::Answer(exchange, _) => Answered::Refused(exchange),
            Opened::Stream(live) => {
                let mut stream = Self {
                    client: context.client,
                    live: *live,
                    parser: Parser::default(),
                    events: Vec::new(),
                    controls: Vec::new(),
                    substreams: BTreeMap::new(),
                    faults: Vec::new(),
                    lost: BTreeSet::new(),
                    ended: false,
                    bytes: 0,
                };
                for (id, target, _) in add {
                    stream.expect(&id, target);
                }
                Answered::Stream(Box::new(stream))
            }
        })
    }

    /// Expects updates of a substream from now on.
    pub(crate) fn expect(&mut self, id: &str, target: Target<'a>) {
        let substream = Substream { target, document: None, updates: Vec::new(), stale: false, stopped: None };
        self.substreams.insert(id.to_owned(), substream);
    }

    /// Returns the exchange so far, for reports.
    pub(crate) fn exchange(&self) -> Exchange {
        self.live.exchange()
    }

    /// Returns the Content-Type of the stream.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.live.head().header("content-type")
    }

    /// Returns the number of comments so far.
    pub(crate) fn comments(&self) -> usize {
        self.parser.comments
    }

    /// Reads until a condition holds, the stream ends or the time is over; tells whether the condition holds.
    pub(crate) fn until(&mut self, patience: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + self.client.at_most(patience);
        while !done(self) && !self.ended {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.live.read(left) {
                Ok(Piece::Bytes(bytes)) => {
                    self.bytes += bytes.len();
                    for event in self.parser.push(&bytes) {
                        self.take(event);
                    }
                    self.ended |= self.is_cut_off();
                }
                Ok(Piece::Nothing) => break,
                Ok(Piece::End) | Err(_) => self.ended = true,
            }
        }
        done(self)
    }

    /// Number of bytes that have arrived.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Tells whether reading has ended because more arrived than is read: what lacks then may still have come.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.bytes > MOST_BYTES
    }

    /// Reads until every substream that is not stopped has a document.
    pub(crate) fn until_full(&mut self) -> bool {
        self.until(self.client.patience(), Self::is_full)
    }

    /// Tells whether every substream that is not stopped has a document.
    pub(crate) fn is_full(&self) -> bool {
        let mut substreams = self.substreams.values();
        substreams.all(|substream| substream.document.is_some() || substream.stopped.is_some())
            && !self.controls.is_empty()
    }

    /// Reads until a control event lists a substream as stopped.
    pub(crate) fn until_stopped(&mut self, id: &str) -> bool {
        self.until(self.client.patience(), |stream| {
            stream.substreams.get(id).is_some_and(|substream| substream.stopped.is_some())
        })
    }

    /// Reads until the stream ends.
    pub(crate) fn until_ended(&mut self) -> bool {
        self.until(self.client.patience(), |stream| stream.ended)
    }

    /// Returns `control-uri` of the first event, which may be null.
    pub(crate) fn control_member(&self) -> Option<&Value> {
        let first = self.controls.first().filter(|(position, _)| *position == 0)?;
        first.1.get("control-uri")
    }

    /// Returns the absolute control URI.
    pub(crate) fn control_uri(&self) -> Option<String> {
        resolve(self.control_member()?.as_str()?, &self.live.request().uri)
    }

    /// Sends a control request; `None` if the stream has no control.
    pub(crate) fn control(&self, body: &Value) -> Result<Option<Arc<Exchange>>, NoAnswer> {
        self.control_uri().map(|uri| control(self.client, &uri, body)).transpose()
    }

    /// Returns the substreams that control events list in `started` or `stopped`, with the positions of the events.
    pub(crate) fn listed(&self, member: &str) -> Vec<(usize, Vec<&str>)> {
        let lists = self.controls.iter().filter_map(|(position, control)| Some((*position, control.get(member)?)));
        lists
            .map(|(position, list)| {
                (position, list.as_array().into_iter().flatten().filter_map(Value::as_str).collect())
            })
            .collect()
    }

    /// Takes an event, whose data are kept as the document of its substream only.
    fn take(&mut self, mut event: Event) {
        let position = self.events.len();
        let (media_type, id) = event.parts();
        let (media_type, id) = (media_type.to_ascii_lowercase(), id.map(str::to_owned));
        let document = serde_json::from_str::<Value>(&std::mem::take(&mut event.data));
        let name = event.name.clone();
        self.events.push(event);
        let mut fault = |wrong, seen: String| self.faults.push(Fault { wrong, seen });
        let Ok(document) = document else {
            fault(Wrong::Json, format!("data of {name} that are not JSON"));
            return;
        };
        if media_type == STREAM_CONTROL {
            if id.is_some() || !document.is_object() {
                fault(Wrong::Name, format!("control event {name:?} with {}", json::kind(&document)));
            }
            let stopped: Vec<_> =
                document["stopped"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            for id in stopped {
                if let Some(substream) = self.substreams.get_mut(id) {
                    substream.stopped.get_or_insert(position);
                }
            }
            self.controls.push((position, document));
            return;
        }
        let Some(id) = id.clone().filter(|_| media_type.contains('/')) else {
            fault(Wrong::Name, format!("{name:?}"));
            return;
        };
        let Some(substream) = self.substreams.get_mut(&id) else {
            fault(Wrong::DataId, format!("{name:?}"));
            return;
        };
        if let Err((wrong, seen)) = substream.take(position, &media_type, document) {
            self.faults.push(Fault { wrong, seen });
        }
    }
}

impl Substream<'_> {
    /// Replays an update.
    fn take(&mut self, event: usize, media_type: &str, document: Value) -> Result<(), (Wrong, String)> {
        let form = match media_type {
            MERGE_PATCH => Form::Merge,
            JSON_PATCH => Form::Json,
            full if full == self.target.resource.media_type => Form::Full,
            other => return Err((Wrong::MediaType, other.to_owned())),
        };
        if form == Form::Full && !document.is_object() {
            return Err((Wrong::Object, format!("a full replacement that is {}", json::kind(&document))));
        }
        let before = self.document.clone();
        let nulls = if form == Form::Merge { patch::nulls(&document) } else { Vec::new() };
        match (form, &mut self.document) {
            (Form::Full, held) => *held = Some(document),
            (_, None) => return Err((Wrong::PatchFirst, media_type.to_owned())),
            (Form::Merge, Some(held)) => patch::merge(held, &document),
            (Form::Json, Some(held)) => patch::apply(held, &document).map_err(|unfit| {
                let seen = format!("{unfit}, in {}", json::brief(&document));
                (Wrong::Patch(unfit), seen)
            })?,
        }
        let changed = match (&before, &self.document) {
            (Some(before), Some(after)) => !patch::same(before, after),
            _ => true,
        };
        let meta = self.document.as_ref().and_then(|document| document.get("meta"));
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let depends = meta.and_then(|meta| meta.get("dependent-vtags")).and_then(Value::as_array);
        let depends =
            depends.into_iter().flatten().filter_map(|vtag| Some((text(vtag, "resource-id")?, text(vtag, "tag")?)));
        let depends = depends.collect();
        let tag = meta.and_then(|meta| text(meta.get("vtag")?, "tag"));
        let media_type = media_type.to_owned();
        let had = self.updates.last().and_then(|update| update.tag.as_ref());
        if let (Some(before), Some(after)) = (&before, &self.document)
            && !without_tag_equal(before, after)
        {
            self.stale = had.is_some() && had == tag.as_ref();
        }
        self.updates.push(Update { event, form, media_type, changed, nulls, depends, tag });
        Ok(())
    }

    /// Returns the tag of the document.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.updates.last()?.tag.as_deref()
    }
}

/// Tests whether two documents are equal, their own tags aside.
fn without_tag_equal(one: &Value, other: &Value) -> bool {
    let without = |value: &Value| {
        let mut value = value.clone();
        if let Some(meta) = value.get_mut("meta").and_then(Value::as_object_mut) {
            meta.remove("vtag");
        }
        value
    };
    patch::same(&without(one), &without(other))
}

/// Creates the request for a stream.
pub(crate) fn request(service: &Resource, body: &Value) -> Request {
    Request::post(&service.uri, STREAM_PARAMS, body.to_string()).with("Accept", ACCEPT)
}

/// Sends a control request to a URI.
pub(crate) fn control(client: &Client, uri: &str, body: &Value) -> Result<Arc<Exchange>, NoAnswer> {
    let request = Request::post(uri, STREAM_PARAMS, body.to_string());
    client.follow(request.with("Accept", "application/alto-error+json"))
}

/// Tests whether a Content-Type is that of streams.
pub(crate) fn is_stream(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|text| crate::http::MediaType::read(text).is(EVENT_STREAM))
}
