//! Views and their edges (RFC 9569).

use std::time::{Duration, Instant};

use rand::RngExt as _;
use serde_json::{Value, json};

use super::parameters::{object, wanted};
use super::{Documents, State, Updates, patch, refusal};
use crate::mock_server::admits;
use crate::mock_server::error::AltoError;
use crate::mock_server::http::{ReceivedRequest, Response};
use crate::mock_server::media_type;
use crate::mock_server::resource::{Followed, ServedResource};
use crate::updates::{JSON_PATCH, MERGE_PATCH, TIPS, TIPS_PARAMS};

/// Longest time that a request is held.
const HELD: Duration = Duration::from_mins(1);

/// Open views.
#[derive(Default)]
pub(super) struct Views(Vec<View>);

struct View {
    id: String,
    resource: ServedResource,
    input: Option<Value>,
    followed: Followed,
    /// Documents of all versions, the first of which has number 1.
    documents: Vec<Value>,
    /// Number of versions of the network that have been looked at.
    seen: usize,
    /// Smallest number of a version that is kept.
    start: usize,
}

/// Edge that a view has or not.
enum Edge {
    Item(&'static str, Value),
    Future,
    Error(u16),
}

impl Updates {
    pub(super) fn open_view(
        &self,
        service: &dyn Documents,
        followed: &[Followed],
        request: &ReceivedRequest,
    ) -> Response {
        let read = object(&request.body).and_then(|members| wanted(service, followed, &members, "", request));
        let wanted = match read {
            Ok(wanted) => wanted,
            Err(error) => return refusal(&error),
        };
        let mut state = self.state();
        state.sync(service, self.kept, request);
        let same = |view: &&View| view.resource.id == wanted.resource.id && view.input == wanted.input;
        if !state.views.0.iter().any(|view| same(&view)) {
            let first = service.document(None, &wanted.resource, wanted.input.as_ref(), request.peer.ip());
            let first = match first {
                Ok(first) => first,
                Err(error) => return refusal(&error),
            };
            let types = followed.iter().find(|followed| followed.id == wanted.resource.id).cloned();
            let Some(types) = types else { return Response::plain(404, "no such resource") };
            let (id, seen) = (format!("{:032x}", rand::rng().random::<u128>()), state.later.len());
            let (resource, input) = (wanted.resource.clone(), wanted.input.clone());
            state.views.0.push(View { id, resource, input, followed: types, documents: vec![first], seen, start: 1 });
        }
        let Some(view) = state.views.0.iter().find(same) else {
            return Response::plain(404, "no such view");
        };
        let prefix = request.path.strip_suffix("tips").unwrap_or("/");
        let authority = request.field("host").unwrap_or_else(|| request.server.to_string());
        let answer = json!({
            "tips-view-uri": format!("http://{authority}{prefix}tips/{}", view.id),
            "tips-view-summary": { "updates-graph-summary": view.summary(wanted.tag.as_deref()) }
        });
        Response::new(200, TIPS, answer.to_string()).with("Cache-Control", "no-store")
    }

    pub(super) fn recommend(&self, service: &dyn Documents, id: &str, request: &ReceivedRequest) -> Response {
        if request.method != "POST" {
            return Response::plain(405, "method not allowed").with("Allow", "POST");
        }
        if request.media_type().as_deref() != Some(TIPS_PARAMS) {
            return Response::plain(415, "the body must be parameters of TIPS");
        }
        let mut state = self.state();
        state.sync(service, self.kept, request);
        let Some(view) = state.views.0.iter().find(|view| view.id == id) else { return error(404) };
        let members = match object(&request.body) {
            Ok(members) => members,
            Err(error) => return refusal(&error),
        };
        if members.get("resource-id").and_then(Value::as_str) != Some(view.resource.id.as_str()) {
            let value = members.get("resource-id").cloned().unwrap_or_default();
            return refusal(&AltoError::value("resource-id", &value));
        }
        let tag = members.get("tag").and_then(Value::as_str);
        let answer = json!({ "tips-view-summary": { "updates-graph-summary": view.summary(tag) } });
        Response::new(200, MERGE_PATCH, answer.to_string()).with("Cache-Control", "no-store")
    }

    pub(super) fn edge(
        &self,
        service: &dyn Documents,
        id: &str,
        (from, to): (&str, &str),
        request: &ReceivedRequest,
    ) -> Response {
        if request.method != "GET" {
            return Response::plain(405, "method not allowed").with("Allow", "GET");
        }
        let number = |text: &str| text.parse::<usize>().ok().filter(|_| text == "0" || !text.starts_with(['0', '+']));
        let (Some(from), Some(to)) = (number(from), number(to)) else { return error(404) };
        let (end, mut state) = (Instant::now() + HELD, self.state());
        let mut response = loop {
            state.sync(service, self.kept, request);
            let Some(view) = state.views.0.iter().find(|view| view.id == id) else { break error(404) };
            match view.edge(from, to) {
                Edge::Error(status) => break error(status),
                Edge::Item(media_type, item) if admits(request.field("accept").as_deref(), media_type) => {
                    let response = Response::new(200, media_type, item.to_string());
                    break response.with("Cache-Control", "public, max-age=60, immutable");
                }
                Edge::Item(..) => break error(415),
                Edge::Future if state.over || Instant::now() >= end => break Response::plain(503, "nothing new"),
                Edge::Future => {
                    let waited = self.changed.wait_timeout(state, self.keep_alive);
                    let (locked, timeout) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
                    state = locked;
                    if timeout.timed_out() {
                        drop(state);
                        self.advance();
                        state = self.state();
                    }
                }
            }
        };
        drop(state);
        if let Some(change) = &self.on_edge {
            change(from as u64, to as u64, &mut response);
        }
        response
    }

    /// Closes all views, as a server may at any time.
    pub fn close_views(&self) {
        self.state().views.0.clear();
        self.changed.notify_all();
    }
}

impl State {
    /// Adds the versions of the network that views have not seen.
    fn sync(&mut self, service: &dyn Documents, kept: usize, request: &ReceivedRequest) {
        for view in &mut self.views.0 {
            for network in &self.later[view.seen..] {
                let new = service.document(Some(network), &view.resource, view.input.as_ref(), request.peer.ip());
                if let Ok(new) = new
                    && view.documents.last() != Some(&new)
                {
                    view.documents.push(new);
                }
            }
            view.seen = self.later.len();
            // Compaction ends at a version with a snapshot.
            let least = (view.end() + 1).saturating_sub(kept).max(1);
            view.start =
                (view.start.max(least)..=view.end()).find(|version| View::has_snapshot(*version)).unwrap_or(view.start);
        }
    }
}

impl View {
    fn end(&self) -> usize {
        self.documents.len()
    }

    /// Tests whether a version can be had as a whole: the first one, and every second.
    fn has_snapshot(version: usize) -> bool {
        version % 2 == 1
    }

    fn tag(document: &Value) -> Option<&str> {
        document.pointer("/meta/vtag/tag")?.as_str()
    }

    fn summary(&self, tag: Option<&str>) -> Value {
        let end = self.end();
        let held = |version: &usize| tag.is_some() && View::tag(&self.documents[version - 1]) == tag;
        let held = (self.start..=end).rev().find(held).filter(|_| self.input.is_none());
        let (from, to) = match held {
            Some(version) => (version, version + 1),
            None => (0, (self.start..=end).rev().find(|version| View::has_snapshot(*version)).unwrap_or(end)),
        };
        json!({ "start-seq": self.start, "end-seq": end, "start-edge-rec": { "seq-i": from, "seq-j": to } })
    }

    fn edge(&self, from: usize, to: usize) -> Edge {
        let end = self.end();
        let document = |version: usize| self.documents[version - 1].clone();
        let media_type = self.resource.kind.media_type();
        if from >= to {
            return Edge::Error(404);
        }
        if to < self.start || (from > 0 && from < self.start) {
            return Edge::Error(410);
        }
        match (from, to) {
            (0, to) if to <= end && Self::has_snapshot(to) => Edge::Item(media_type, document(to)),
            (from, to) if from > 0 && to <= end && (to == from + 1 || (from % 2 == 1 && to == from + 2)) => {
                let (old, new) = (document(from), document(to));
                if self.followed.patches.contains(MERGE_PATCH)
                    && let Some(merged) = patch::merge(&old, &new)
                {
                    return Edge::Item(MERGE_PATCH, merged);
                }
                if self.followed.patches.contains(JSON_PATCH) {
                    return Edge::Item(JSON_PATCH, patch::json(&old, &new));
                }
                Edge::Item(media_type, new)
            }
            (from, to) if from == end && to == end + 1 => Edge::Future,
            (_, to) if to > end + 1 => Edge::Error(425),
            _ => Edge::Error(404),
        }
    }
}

/// Returns an ALTO error for an edge that cannot be had: no registered code fits.
fn error(status: u16) -> Response {
    let body = json!({ "meta": { "code": "E_INVALID_FIELD_VALUE" } });
    Response::new(status, media_type::ERROR, body.to_string()).with("Cache-Control", "no-store")
}
