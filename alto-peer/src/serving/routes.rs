//! What a peer answers to other peers, as `docs/swarm.md` lists it. A route matches its path only; whatever else is
//! wrong, the handler answers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use alto_types::swarm::FileId;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::problem::{Problem, json};
use super::range::{self, Asked};
use super::turns::Turns;
use super::upload::{Content, Uplink};
use crate::content::library::Shared;
use crate::content::{Have, Library};

/// What the handlers work with.
pub(super) struct Peer {
    pub(super) library: Arc<Library>,
    pub(super) turns: Arc<Turns>,
    pub(super) uplink: Arc<Uplink>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// What the accept loop knows of a request beyond its head.
#[derive(Clone)]
pub(super) struct Facts {
    pub(super) client: SocketAddr,
    /// Ends the connection.
    pub(super) cut: Arc<Notify>,
}

/// A request to a peer. Its body, if it has one, is of no use to anybody.
struct Call {
    peer: Arc<Peer>,
    method: Method,
    headers: HeaderMap,
    facts: Option<Facts>,
}

/// The query of `have`.
#[derive(Default, Deserialize)]
struct HaveQuery {
    version: Option<u64>,
    wait: Option<u64>,
}

/// When to ask again where no turn was to be had.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Longest wait for news of a file, in seconds.
const MAX_WAIT: u64 = 30;
/// News that come in quick succession are told together.
const TOGETHER: Duration = Duration::from_millis(50);
/// Files that are listed at a time, so that the list of very many takes little memory.
const LISTED_AT_A_TIME: usize = 500;
/// Content that is named by its hash never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Every route.
pub(super) fn routes(peer: &Arc<Peer>) -> BoxedFilter<(Response,)> {
    let (files, param, end) = (warp::path("files"), warp::path::param::<String>, warp::path::end);
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let here = end().and(call(peer)).then(|call| answer(call, |_| async { Ok(empty(StatusCode::NO_CONTENT)) }));
    let list = files.and(end()).and(call(peer)).then(|call| answer(call, |call| async move { Ok(list(&call)) }));
    let whole = files.and(param()).and(end()).and(call(peer)).then(|id, call| answer(call, |call| whole(call, id)));
    let manifest = files
        .and(param())
        .and(warp::path("manifest"))
        .and(end())
        .and(call(peer))
        .then(|id: String, call| answer(call, |call| async move { manifest(&call, &id) }));
    let piece = files
        .and(param())
        .and(warp::path("pieces"))
        .and(param())
        .and(end())
        .and(call(peer))
        .then(|id, n, call| answer(call, |call| piece(call, id, n)));
    let have = files
        .and(param())
        .and(warp::path("have"))
        .and(end())
        .and(query)
        .and(call(peer))
        .then(|id, query, call| answer(call, |call| have(call, id, query)));
    let routes = piece.or(have).unify().or(manifest).unify().or(whole).unify().or(list).unify().or(here).unify();
    routes.recover(not_found).unify().boxed()
}

async fn not_found(_: Rejection) -> Result<Response, Infallible> {
    let detail = "nothing is here; what this peer shares is listed at /files".to_owned();
    Ok(Problem::NotFound(detail).into_response())
}

/// Takes a request apart. Never rejects.
fn call(peer: &Arc<Peer>) -> impl Filter<Extract = (Call,), Error = Infallible> + Clone + use<> {
    let peer = Arc::clone(peer);
    let peer = warp::any().map(move || Arc::clone(&peer));
    peer.and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Facts>())
        .map(|peer, method, headers, facts| Call { peer, method, headers, facts })
}

async fn answer<F: Future<Output = Result<Response, Problem>>>(
    call: Call,
    handler: impl FnOnce(Call) -> F,
) -> Response {
    if call.method != Method::GET && call.method != Method::HEAD {
        return Problem::MethodNotAllowed.into_response();
    }
    handler(call).await.unwrap_or_else(Problem::into_response)
}

/// `GET /files`, written as it is sent.
fn list(call: &Call) -> Response {
    let library = Arc::clone(&call.peer.library);
    let entries = stream::unfold((library, Some(None::<FileId>)), |(library, from)| async move {
        let after = from?;
        let entries = library.entries_after(after, LISTED_AT_A_TIME);
        let mut text = if after.is_none() { "{\"files\":[".to_owned() } else { String::new() };
        for (n, entry) in entries.iter().enumerate() {
            text.push_str(if n > 0 || after.is_some() { "," } else { "" });
            text.push_str(&serde_json::to_string(entry).ok()?);
        }
        let next = entries.last().filter(|_| entries.len() == LISTED_AT_A_TIME).map(|last| Some(last.id));
        if next.is_none() {
            text.push_str("]}");
        }
        Some((Ok::<_, std::io::Error>(text), (library, next)))
    });
    let mut response =
        if call.head_only() { empty(StatusCode::OK) } else { warp::reply::stream(entries).into_response() };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /files/{id}`
async fn whole(call: Call, id: String) -> Result<Response, Problem> {
    let shared = call.shared(&id)?;
    if !shared.is_complete() {
        return Err(Problem::NotFound("the file is not complete here yet; its pieces are at pieces/N".to_owned()));
    }
    let size = shared.manifest().size;
    let tag = format!("\"{}\"", shared.manifest().id);
    if call.has(&tag) {
        return Ok(labelled(empty(StatusCode::NOT_MODIFIED), &tag));
    }
    // Range means something for GET only (RFC 9110 §14.2).
    let asked = if call.head_only() { Asked::Whole } else { range::asked(&call.headers, size, &tag) };
    let (status, range) = match asked {
        Asked::Whole => (StatusCode::OK, 0..size),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Nothing => return Err(Problem::RangeNotSatisfiable(size)),
    };
    let content_range = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
    let mut response = labelled(call.upload(&shared, range).await?, &tag);
    *response.status_mut() = status;
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::try_from(content_range)
    {
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
    Ok(response)
}

/// `GET /files/{id}/pieces/{n}`
async fn piece(call: Call, id: String, n: String) -> Result<Response, Problem> {
    let shared = call.shared(&id)?;
    let count = shared.manifest().piece_count();
    let piece = n.parse().ok().filter(|piece| *piece < count);
    let piece = piece.ok_or_else(|| Problem::NotFound(format!("the file has {count} pieces, counted from 0")))?;
    if !shared.has(piece) {
        return Err(Problem::NotFound(format!("piece {piece} is not here yet; have tells which are")));
    }
    let tag = format!("\"{}\"", shared.manifest().pieces[piece]);
    Ok(labelled(call.upload(&shared, shared.manifest().piece_range(piece)).await?, &tag))
}

/// `GET /files/{id}/manifest`
fn manifest(call: &Call, id: &str) -> Result<Response, Problem> {
    let shared = call.shared(id)?;
    let (json, tag) = (shared.manifest_json().clone(), format!("\"{}\"", shared.manifest_digest()));
    if call.has(&tag) {
        return Ok(labelled(empty(StatusCode::NOT_MODIFIED), &tag));
    }
    let length = json.len() as u64;
    let mut response = if call.head_only() {
        with_length(empty(StatusCode::OK), length)
    } else {
        // It counts for the rate, and has no turn to wait for: a peer that has it can do without us.
        call.peer.uplink.send(Content::Bytes(json), 0..length, None, call.cut())
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(labelled(response, &tag))
}

/// `GET /files/{id}/have`
async fn have(call: Call, id: String, query: String) -> Result<Response, Problem> {
    let shared = call.shared(&id)?;
    let query = HaveQuery::parse(&query)?;
    if let (Some(version), Some(wait), Some(partial)) = (query.version, query.wait, shared.partial())
        && !call.head_only()
    {
        let (mut versions, mut stopping) = (partial.versions(), call.peer.stopping.clone());
        // A version that is not reached yet is from an earlier life of this peer.
        let news = async {
            drop(versions.wait_for(|now| *now != version).await);
            tokio::time::sleep(TOGETHER).await;
        };
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep(Duration::from_secs(wait.min(MAX_WAIT))) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }
    // It may have become whole, or be gone.
    let have = call.shared(&id)?.have();
    let (pieces, version, complete) = (have.len(), have.count() as u64, have.is_complete());
    Ok(json(&Have { pieces, version, have: have.to_hex(), complete }))
}

impl HaveQuery {
    fn parse(text: &str) -> Result<Self, Problem> {
        let mut query = Self::default();
        for (key, value) in text.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| pair.split_once('=')) {
            let target = match key {
                "version" => &mut query.version,
                "wait" => &mut query.wait,
                _ => continue,
            };
            let value = value.parse().map_err(|_| Problem::BadRequest(format!("{key}: {value:?} is not a number")))?;
            *target = Some(value);
        }
        Ok(query)
    }
}

impl Call {
    fn head_only(&self) -> bool {
        self.method == Method::HEAD
    }

    /// The file that is asked for.
    fn shared(&self, id: &str) -> Result<Arc<Shared>, Problem> {
        let id: FileId =
            id.parse().map_err(|error: alto_types::swarm::FileIdError| Problem::NotFound(error.to_string()))?;
        let shared = self.peer.library.get(id);
        shared.ok_or_else(|| Problem::NotFound("this peer does not share that file; see /files".to_owned()))
    }

    /// Whether the client has the content with this entity tag (RFC 9110 §13.1.2).
    fn has(&self, tag: &str) -> bool {
        let lines = self.headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
        tags.any(|theirs| theirs == "*" || theirs.strip_prefix("W/").unwrap_or(theirs) == tag)
    }

    fn cut(&self) -> Arc<Notify> {
        self.facts.as_ref().map_or_else(Arc::default, |facts| Arc::clone(&facts.cut))
    }

    /// Answers with bytes of a file when it is this client's turn.
    async fn upload(&self, shared: &Arc<Shared>, range: Range<u64>) -> Result<Response, Problem> {
        let library = Arc::clone(&self.peer.library);
        let length = range.end - range.start;
        if self.head_only() {
            return Ok(with_length(octets(empty(StatusCode::OK)), length));
        }
        let facts = self.facts.as_ref().ok_or(Problem::Internal)?;
        let turn = self.peer.turns.take(facts.client.ip()).await.map_err(|_| Problem::Busy(RETRY_AFTER))?;
        // After the wait: it may have changed meanwhile.
        let shared = Arc::clone(shared);
        let source = tokio::task::spawn_blocking(move || library.open(&shared)).await.map_err(|_| Problem::Internal)?;
        let source = source.map_err(|_| Problem::NotFound("the file changed, and is no longer shared".to_owned()))?;
        Ok(octets(self.peer.uplink.send(Content::Source(source), range, Some(turn), self.cut())))
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

fn octets(mut response: Response) -> Response {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

/// An answer to HEAD says how long the body would be.
fn with_length(mut response: Response, length: u64) -> Response {
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Content that is its hash may be kept for ever.
fn labelled(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(FOR_EVER));
    response
}
