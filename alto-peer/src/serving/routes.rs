//! The HTTP interface between peers (`docs/swarm.md`). A route matches its path only; its handler answers everything,
//! errors included.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use alto_types::swarm::FileId;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue,
    IF_NONE_MATCH,
};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use tokio::sync::watch;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::connections::ConnectionInfo;
use super::copies::Copies;
use super::news;
use super::problem::{Problem, json};
use super::range::{self, Requested};
use super::rate_limiter::CHUNK;
use super::upload::{Content, Uploader};
use super::upload_queue::{UploadPermit, UploadQueue};
use crate::content::library::Shared;
use crate::content::{Bitfield, Have, Library};

/// State shared by all handlers.
pub(super) struct Context {
    pub(super) library: Arc<Library>,
    pub(super) queue: Arc<UploadQueue>,
    pub(super) uploader: Arc<Uploader>,
    pub(super) copies: Copies,
    /// Becomes true when the server stops.
    pub(super) stopping: watch::Receiver<bool>,
}

/// A request from another peer; its body is ignored.
struct Call {
    context: Arc<Context>,
    method: Method,
    headers: HeaderMap,
    connection: Option<ConnectionInfo>,
}

/// Query parameters of `/files/{id}/have`.
#[derive(Default, Deserialize)]
struct HaveQuery {
    version: Option<u64>,
    wait: Option<u64>,
    follow: Option<u64>,
}

/// Time after which a client that was not admitted may retry.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Longest wait for a new version of a list, in seconds.
const MAX_WAIT: u64 = 30;
/// Longest time for which a client is told of new pieces in one answer, in seconds.
const MAX_FOLLOW: u64 = 300;
/// Delay that lets pieces arriving in quick succession be reported together.
const COLLECT: Duration = Duration::from_millis(50);
/// Number of files listed at a time, so that a long list takes little memory.
const LIST_CHUNK: usize = 500;
/// Last part of the path `pieces/any`, with which the client leaves the choice of the piece to this peer.
const ANY: &str = "any";
/// `Cache-Control` of content that is named by its hash and never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The routes of all resources.
pub(super) fn routes(context: &Arc<Context>) -> BoxedFilter<(Response,)> {
    let (files, param, end) = (warp::path("files"), warp::path::param::<String>, warp::path::end);
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let here = end().and(call(context)).then(|call| answer(call, |_| async { Ok(empty(StatusCode::NO_CONTENT)) }));
    let list = files.and(end()).and(call(context)).then(|call| answer(call, |call| async move { Ok(list(&call)) }));
    let whole = files.and(param()).and(end()).and(call(context)).then(|id, call| answer(call, |call| whole(call, id)));
    let manifest = files
        .and(param())
        .and(warp::path("manifest"))
        .and(end())
        .and(call(context))
        .then(|id: String, call| answer(call, |call| async move { manifest(&call, &id).await }));
    let piece =
        files.and(param()).and(warp::path("pieces")).and(param()).and(end()).and(query).and(call(context)).then(
            |id: String, n: String, query: String, call| {
                answer(call, |call| async move {
                    if n == ANY { any_piece(&call, &id, &query).await } else { piece(&call, &id, &n).await }
                })
            },
        );
    let have = files
        .and(param())
        .and(warp::path("have"))
        .and(end())
        .and(query)
        .and(call(context))
        .then(|id, query, call| answer(call, |call| have(call, id, query)));
    let routes = piece.or(have).unify().or(manifest).unify().or(whole).unify().or(list).unify().or(here).unify();
    routes.recover(not_found).unify().boxed()
}

async fn not_found(_: Rejection) -> Result<Response, Infallible> {
    let detail = "there is no such resource; the files this peer shares are listed at /files".to_owned();
    Ok(Problem::NotFound(detail).into_response())
}

/// Extracts a request. Never rejects.
fn call(context: &Arc<Context>) -> impl Filter<Extract = (Call,), Error = Infallible> + Clone + use<> {
    let context = Arc::clone(context);
    let context = warp::any().map(move || Arc::clone(&context));
    context
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<ConnectionInfo>())
        .map(|context, method, headers, connection| Call { context, method, headers, connection })
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

/// Answers `GET /files` with a list that is written as it is sent.
fn list(call: &Call) -> Response {
    let library = Arc::clone(&call.context.library);
    let entries = stream::unfold((library, Some(None::<FileId>)), |(library, from)| async move {
        let after = from?;
        let entries = library.entries_after(after, LIST_CHUNK);
        let mut text = if after.is_none() { "{\"files\":[".to_owned() } else { String::new() };
        for (n, entry) in entries.iter().enumerate() {
            text.push_str(if n > 0 || after.is_some() { "," } else { "" });
            text.push_str(&serde_json::to_string(entry).ok()?);
        }
        let next = entries.last().filter(|_| entries.len() == LIST_CHUNK).map(|last| Some(last.id));
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

/// Answers `GET /files/{id}`.
async fn whole(call: Call, id: String) -> Result<Response, Problem> {
    let shared = call.shared(&id)?;
    if !shared.is_complete() {
        return Err(Problem::NotFound(
            "this peer does not have the whole file yet; single pieces are at pieces/N".to_owned(),
        ));
    }
    let size = shared.manifest().size;
    let tag = format!("\"{}\"", shared.manifest().id);
    if call.has(&tag) {
        return Ok(cacheable(empty(StatusCode::NOT_MODIFIED), &tag));
    }
    call.upload_requested(&shared, 0..size, &tag).await
}

/// Answers `GET /files/{id}/pieces/{n}`.
async fn piece(call: &Call, id: &str, n: &str) -> Result<Response, Problem> {
    let shared = call.shared(id)?;
    let count = shared.manifest().piece_count();
    let piece = n.parse().ok().filter(|piece| *piece < count);
    let piece = piece.ok_or_else(|| Problem::NotFound(format!("the file has {count} pieces, counted from 0")))?;
    if !shared.has(piece) {
        return Err(Problem::NotFound(format!(
            "this peer does not have piece {piece} yet; the pieces it has are listed at have"
        )));
    }
    let tag = format!("\"{}\"", shared.manifest().pieces[piece]);
    let response = call.upload_requested(&shared, shared.manifest().piece_range(piece), &tag).await?;
    if !call.head_only() && response.status() == StatusCode::OK {
        call.context.copies.sent(shared.manifest().id, piece, count);
    }
    Ok(response)
}

/// Answers `GET /files/{id}/pieces/any?want=SET` with one of these pieces. It is chosen when the client is admitted, so that
/// clients that wait at the same time get different ones.
async fn any_piece(call: &Call, id: &str, query: &str) -> Result<Response, Problem> {
    let shared = call.shared(id)?;
    if call.head_only() {
        return Err(Problem::MethodNotAllowed);
    }
    let want = query.split('&').find_map(|pair| pair.strip_prefix("want=")).unwrap_or_default();
    let want = Bitfield::from_hex(shared.manifest().piece_count(), want);
    let want = want.map_err(|error| Problem::BadRequest(format!("want: {error}")))?;
    let connection = call.connection.clone().ok_or(Problem::Internal)?;
    let permit = call.admit(&connection).await?;
    let piece = call.context.copies.choose(shared.manifest().id, &want, &shared.have());
    let piece = piece.ok_or_else(|| Problem::NotFound("this peer has none of these pieces yet".to_owned()))?;
    let mut response = call.send(&shared, shared.manifest().piece_range(piece), permit, connection).await?;
    let location = format!("/files/{}/pieces/{piece}", shared.manifest().id);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(CONTENT_LOCATION, location);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Answers `GET /files/{id}/manifest`.
async fn manifest(call: &Call, id: &str) -> Result<Response, Problem> {
    let shared = call.shared(id)?;
    let (json, tag) = (shared.manifest_json().clone(), format!("\"{}\"", shared.manifest_digest()));
    if call.has(&tag) {
        return Ok(cacheable(empty(StatusCode::NOT_MODIFIED), &tag));
    }
    let length = json.len() as u64;
    let mut response = if call.head_only() {
        with_length(empty(StatusCode::OK), length)
    } else {
        let connection = call.connection.clone().ok_or(Problem::Internal)?;
        // A short one is not queued: with the manifest a client can turn to other peers.
        let permit = if length > CHUNK as u64 { Some(call.admit(&connection).await?) } else { None };
        call.context.uploader.send(Content::Bytes(json), 0..length, permit, connection)
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(cacheable(response, &tag))
}

/// Answers `GET /files/{id}/have`: at once, after a wait for a new version, or with news for a while, as the client wants.
async fn have(call: Call, id: String, query: String) -> Result<Response, Problem> {
    let shared = call.shared(&id)?;
    let query = HaveQuery::parse(&query)?;
    if let Some(seconds) = query.follow.filter(|_| !call.head_only()) {
        let time = Duration::from_secs(seconds.min(MAX_FOLLOW));
        return Ok(news::news(shared, time, call.context.stopping.clone()));
    }
    if let (Some(version), Some(wait), Some(partial)) = (query.version, query.wait, shared.partial())
        && !call.head_only()
    {
        let (mut versions, mut stopping) = (partial.versions(), call.context.stopping.clone());
        // A version that differs in any way is news, as a higher one dates from an earlier run of this peer.
        let news = async {
            drop(versions.wait_for(|now| *now != version).await);
            tokio::time::sleep(COLLECT).await;
        };
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep(Duration::from_secs(wait.min(MAX_WAIT))) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }
    // Looked up again, as the file may be complete or gone by now.
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
                "follow" => &mut query.follow,
                _ => continue,
            };
            let value = value.parse().map_err(|_| Problem::BadRequest(format!("{key}: {value:?} is not a number")))?;
            *target = Some(value);
        }
        Ok(query)
    }
}

impl Call {
    /// True if only the head of the response is wanted.
    fn head_only(&self) -> bool {
        self.method == Method::HEAD
    }

    /// The requested file.
    fn shared(&self, id: &str) -> Result<Arc<Shared>, Problem> {
        let id: FileId =
            id.parse().map_err(|error: alto_types::swarm::FileIdError| Problem::NotFound(error.to_string()))?;
        let shared = self.context.library.get(id);
        shared.ok_or_else(|| {
            Problem::NotFound("this peer does not share that file; the files it shares are listed at /files".to_owned())
        })
    }

    /// True if the client has the content with this entity tag already (RFC 9110 §13.1.2).
    fn has(&self, tag: &str) -> bool {
        let lines = self.headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
        tags.any(|theirs| theirs == "*" || theirs.strip_prefix("W/").unwrap_or(theirs) == tag)
    }

    /// Waits for permission to upload to the client.
    async fn admit(&self, connection: &ConnectionInfo) -> Result<UploadPermit, Problem> {
        self.context.queue.admit(connection.client).await.map_err(|_| Problem::Busy(RETRY_AFTER))
    }

    /// Responds with a content, which is these bytes of a file, or with the part of it that is requested.
    async fn upload_requested(
        &self,
        shared: &Arc<Shared>,
        content: Range<u64>,
        tag: &str,
    ) -> Result<Response, Problem> {
        let size = content.end - content.start;
        // Range means something for GET only (RFC 9110 §14.2).
        let requested = if self.head_only() { Requested::Whole } else { range::requested(&self.headers, size, tag) };
        let (status, range) = match requested {
            Requested::Whole => (StatusCode::OK, 0..size),
            Requested::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Requested::Unsatisfiable => return Err(Problem::RangeNotSatisfiable(size)),
        };
        let content_range = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
        let bytes = content.start + range.start..content.start + range.end;
        let mut response = cacheable(self.upload(shared, bytes).await?, tag);
        *response.status_mut() = status;
        response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if status == StatusCode::PARTIAL_CONTENT
            && let Ok(value) = HeaderValue::try_from(content_range)
        {
            response.headers_mut().insert(CONTENT_RANGE, value);
        }
        Ok(response)
    }

    /// Responds with bytes of a file once the client is admitted.
    async fn upload(&self, shared: &Arc<Shared>, range: Range<u64>) -> Result<Response, Problem> {
        let length = range.end - range.start;
        if self.head_only() {
            return Ok(with_length(octets(empty(StatusCode::OK)), length));
        }
        let connection = self.connection.clone().ok_or(Problem::Internal)?;
        let permit = self.admit(&connection).await?;
        self.send(shared, range, permit, connection).await
    }

    /// Responds with bytes of a file to a client that was admitted.
    async fn send(
        &self,
        shared: &Arc<Shared>,
        range: Range<u64>,
        permit: UploadPermit,
        connection: ConnectionInfo,
    ) -> Result<Response, Problem> {
        let library = Arc::clone(&self.context.library);
        // Opened after the wait, as the file may have changed meanwhile. The first bytes are verified before the head of
        // the response is sent, so that the client gets an error instead of a broken body.
        let shared = Arc::clone(shared);
        let first = range.start..range.end.min(range.start + 1);
        let opened = tokio::task::spawn_blocking(move || {
            let source = library.open(&shared).map_err(|_| ())?;
            let mut byte = vec![0; usize::from(!first.is_empty())];
            library.read_at(&shared, &source, &mut byte, first.start).map_err(|_| ())?;
            Ok::<_, ()>(Content::File { library, shared, source })
        });
        let content = opened.await.map_err(|_| Problem::Internal)?;
        let content =
            content.map_err(|()| Problem::NotFound("the file has changed and is no longer shared".to_owned()))?;
        Ok(octets(self.context.uploader.send(content, range, Some(permit), connection)))
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

/// Sets the length that the body of a response to GET would have.
fn with_length(mut response: Response, length: u64) -> Response {
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Marks a response as one that may be cached for ever, under this entity tag.
fn cacheable(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
    response
}
