//! `/admin/prefixes`: prefixes of PIDs from programs that follow routers.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Serialize;

use super::service::{self, Admin};
use crate::http::body::{self, Sink};
use crate::http::error::json;
use crate::http::offload::{self, Cancel};
use crate::http::router::Route;
use crate::http::{Exchange, HttpError, Response};
use crate::state::network::feeds::{Applied, FeedRefused, FeedRequest, SourceReport};
use crate::state::prefix_lines::{Form, LinesError, LinesReader, Statements};

/// Longest request body, in bytes. A topology in its first line is in memory as a whole, lines are not.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Largest length of the name of a source.
const MAX_NAME: usize = 64;

/// State of a source in JSON.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct SourceState {
    source: String,
    sequence: u64,
    prefixes: usize,
    /// Number of prefixes that are left out, because the topology does not have their PID.
    unknown_pids: usize,
    /// True if a network map with the present prefixes is still to be published.
    pending: bool,
    /// Time until then, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    publish_in: Option<f64>,
}

/// Answer to a request that was applied, or had been before.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    #[serde(flatten)]
    state: SourceState,
    applied: bool,
    added: usize,
    removed: usize,
    durable: bool,
    network_map_tag: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<String>,
}

/// Answer to `GET /admin/prefixes`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Overview<'a> {
    sources: Vec<SourceState>,
    network_map_tag: &'a str,
}

/// Problem document (RFC 9457) with the members that a source acts on.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Conflict {
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown_pids: Vec<String>,
}

/// Creates the handlers. `route` creates a route with the guard of the API.
pub(super) fn routes(admin: &Arc<Admin>, route: impl Fn(&'static str) -> Route) -> Vec<Route> {
    vec![
        route("admin/prefixes").on(Method::GET, admin.handler(overview)),
        route("admin/prefixes/{}")
            .on(Method::GET, admin.handler(source))
            .on(Method::PUT, admin.handler(replace))
            .on(Method::PATCH, admin.handler(change))
            .on(Method::DELETE, admin.handler(delete)),
    ]
}

async fn overview(admin: Arc<Admin>, _exchange: Exchange) -> Result<Response, HttpError> {
    let network = Arc::clone(&admin.network);
    // A change in progress may take a while.
    let sources =
        admin.pool.run(None, offload::HEAVY, move |_: &Cancel| network.sources(None)).await?.map_err(refused)?;
    let published = admin.network.current();
    let tag = published.snapshot().view().network_map().tag();
    let sources = sources.into_iter().map(SourceState::from).collect();
    Ok(json(StatusCode::OK, "application/json", &Overview { sources, network_map_tag: tag }))
}

async fn source(admin: Arc<Admin>, exchange: Exchange) -> Result<Response, HttpError> {
    let (name, network) = (name(&exchange)?, Arc::clone(&admin.network));
    let mut sources =
        admin.pool.run(None, offload::HEAVY, move |_: &Cancel| network.sources(Some(&name))).await?.map_err(refused)?;
    let report = sources.pop().ok_or(HttpError::Internal)?;
    Ok(json(StatusCode::OK, "application/json", &SourceState::from(report)))
}

async fn replace(admin: Arc<Admin>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let (source, sequence) = (name(&exchange)?, number(&exchange, "sequence")?);
    let statements = statements(&mut exchange, Form::Set, admin.max_prefixes).await?;
    apply(admin, source, None, sequence, statements).await
}

async fn change(admin: Arc<Admin>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let source = name(&exchange)?;
    let (after, sequence) = (number(&exchange, "after")?, number(&exchange, "sequence")?);
    let statements = statements(&mut exchange, Form::Difference, admin.max_prefixes).await?;
    apply(admin, source, Some(after), sequence, statements).await
}

async fn apply(
    admin: Arc<Admin>,
    source: String,
    after: Option<u64>,
    sequence: u64,
    statements: Statements,
) -> Result<Response, HttpError> {
    let network = Arc::clone(&admin.network);
    let work = move |_: &Cancel| network.apply_prefixes(FeedRequest { source: &source, after, sequence, statements });
    let Applied { report, is_new, added, removed, dropped } = match admin.pool.run(None, offload::HEAVY, work).await? {
        Ok(applied) => applied,
        Err(error) => return conflict(error),
    };
    let published = admin.network.current();
    let report = Report {
        state: report.into(),
        applied: is_new,
        added,
        removed,
        durable: admin.network.is_durable(),
        network_map_tag: published.snapshot().view().network_map().tag(),
        dropped,
    };
    Ok(json(StatusCode::OK, "application/json", &report))
}

async fn delete(admin: Arc<Admin>, exchange: Exchange) -> Result<Response, HttpError> {
    let (name, network) = (name(&exchange)?, Arc::clone(&admin.network));
    let work = move |_: &Cancel| network.delete_prefixes(&name);
    admin.pool.run(None, offload::HEAVY, work).await?.map_err(refused)?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Reads the name of the source from the path.
fn name(exchange: &Exchange) -> Result<String, HttpError> {
    let name = exchange.segment(2);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(legal) {
        return Err(HttpError::BadRequest(format!(
            "the name of a source has 1 to {MAX_NAME} letters, digits, \"-\", \"_\" or \".\""
        )));
    }
    Ok(name.to_owned())
}

/// Reads a number from the query.
fn number(exchange: &Exchange, key: &str) -> Result<u64, HttpError> {
    let query = exchange.target().and_then(http::Uri::query).unwrap_or_default();
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == key).map(|(_, value)| value);
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value.parse().ok(),
        _ => None,
    };
    value.ok_or_else(|| HttpError::BadRequest(format!("the query needs {key}=N once, N being a whole number")))
}

/// Reads the statements of a body while it arrives.
async fn statements(exchange: &mut Exchange, form: Form, most: usize) -> Result<Statements, HttpError> {
    let is_text = |content_type: &str| {
        content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/plain")
    };
    let mut reader = LinesReader::new(form, most);
    body::read_into(exchange, "text/plain", MAX_BYTES, is_text, &mut reader).await?;
    reader.finish().map_err(|error| unreadable(&error))
}

impl Sink for LinesReader {
    fn take(&mut self, piece: &[u8]) -> Result<(), HttpError> {
        Self::take(self, piece).map_err(|error| unreadable(&error))
    }

    fn held(&self) -> usize {
        Self::held(self)
    }
}

fn unreadable(error: &LinesError) -> HttpError {
    match error {
        LinesError::TooMany(_) => HttpError::ContentTooLarge(error.to_string()),
        LinesError::Line { .. } => HttpError::BadRequest(error.to_string()),
    }
}

impl From<SourceReport> for SourceState {
    fn from(report: SourceReport) -> Self {
        let SourceReport { source, sequence, prefixes, unknown_pids, publish_in, seen: _ } = report;
        let publish_in = publish_in.map(|time| time.as_secs_f64());
        Self { source, sequence, prefixes, unknown_pids, pending: publish_in.is_some(), publish_in }
    }
}

/// Answers a refusal with what the source needs to go on.
fn conflict(error: FeedRefused) -> Result<Response, HttpError> {
    let detail = error.to_string();
    let (sequence, unknown_pids) = match error {
        FeedRefused::Sequence { present, .. } => (Some(present), Vec::new()),
        FeedRefused::UnknownPids { names, .. } => (None, names),
        other => return Err(refused(other)),
    };
    let status = StatusCode::CONFLICT;
    let title = status.canonical_reason().unwrap_or("Conflict");
    let problem = Conflict { title, status: status.as_u16(), detail, sequence, unknown_pids };
    Ok(json(status, "application/problem+json", &problem))
}

fn refused(error: FeedRefused) -> HttpError {
    match error {
        FeedRefused::Change(error) => service::refused(error),
        FeedRefused::UnknownSource(_) => HttpError::NotFound(error.to_string()),
        FeedRefused::TooManyPrefixes { .. } | FeedRefused::TooManySources => {
            HttpError::ContentTooLarge(error.to_string())
        }
        other => HttpError::BadRequest(other.to_string()),
    }
}
