//! `/admin/prefixes`: prefixes of PIDs from programs that follow routers.

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Call, Table, answer};
use super::operator::Scope;
use super::parameters::required_number;
use super::service::{self, Admin};
use crate::http::body::{self, Sink};
use crate::http::error::json;
use crate::http::router::Route;
use crate::http::{Exchange, HttpError, Response};
use crate::state::network::feeds::{Applied, FeedRefused, FeedRequest, SourceReport};
use crate::state::prefix_lines::{Form, LinesError, LinesReader, Statements};

/// Longest request body, in bytes. A topology in its first line is in memory as a whole, lines are not.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Largest length of the name of a source.
const MAX_NAME: usize = 64;

/// State of a source in JSON.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SourceState {
    source: String,
    sequence: u64,
    prefixes: usize,
    /// Number of prefixes that are left out, because the topology does not have their PID.
    unknown_pids: usize,
    /// True if a network map with the present prefixes is still to be published.
    pending: bool,
    /// Time until then, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    publish_in: Option<f64>,
}

/// Answer to a request that was applied, or had been before.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PrefixReport {
    #[serde(flatten)]
    state: SourceState,
    applied: bool,
    added: usize,
    removed: usize,
    durable: bool,
    network_map_tag: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<String>,
}

/// Answer to `GET /admin/prefixes`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Overview {
    sources: Vec<SourceState>,
    network_map_tag: String,
}

/// Problem document (RFC 9457) with the members that a source acts on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Conflict {
    title: String,
    status: u16,
    detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unknown_pids: Vec<String>,
}

/// Creates the routes.
pub(super) fn routes(table: &Table<'_>) -> Vec<Route> {
    vec![
        table.path("admin/prefixes").on(Method::GET, table.handler(Scope::Read, overview)),
        // Each source has a scope of its own, which the path names.
        table
            .path("admin/prefixes/{}")
            .on(Method::GET, table.handler(Scope::Read, source))
            .on(Method::PUT, table.handler(Scope::Read, replace))
            .on(Method::PATCH, table.handler(Scope::Read, change))
            .on(Method::DELETE, table.handler(Scope::Read, delete)),
    ]
}

async fn overview(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    // A change in progress may take a while.
    let sources = call.ask(|admin| admin.network.sources(None).map_err(refused)).await?;
    let published = call.admin.network.current();
    let network_map_tag = published.snapshot().view().network_map().tag().to_owned();
    let sources = sources.into_iter().map(SourceState::from).collect();
    Ok(answer(&Overview { sources, network_map_tag }))
}

async fn source(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    let name = name(&call.exchange)?;
    let mut sources = call.ask(move |admin| admin.network.sources(Some(&name)).map_err(refused)).await?;
    Ok(answer(&SourceState::from(sources.pop().ok_or(HttpError::Internal)?)))
}

async fn replace(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    let sequence = required_number(&call.exchange, "sequence")?;
    apply(call, None, sequence).await
}

async fn change(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    let after = required_number(&call.exchange, "after")?;
    let sequence = required_number(&call.exchange, "sequence")?;
    apply(call, Some(after), sequence).await
}

async fn apply(mut call: Call, after: Option<u64>, sequence: u64) -> Result<Response, HttpError> {
    let source = own_name(&call)?;
    let form = if after.is_some() { Form::Difference } else { Form::Set };
    let statements = statements(&mut call.exchange, form, call.admin.max_prefixes).await?;
    let by = call.actor();
    let may_replace_topology = call.operator.has(&Scope::Everything);
    let work = move |admin: &Admin| {
        let request = FeedRequest { source: &source, after, sequence, statements, by: &by, may_replace_topology };
        Ok(admin.network.apply_prefixes(request))
    };
    let Applied { report, is_new, added, removed, dropped } = match call.make(work).await? {
        Ok(applied) => applied,
        Err(error) => return conflict(error),
    };
    let published = call.admin.network.current();
    let report = PrefixReport {
        state: report.into(),
        applied: is_new,
        added,
        removed,
        durable: call.admin.network.is_durable(),
        network_map_tag: published.snapshot().view().network_map().tag().to_owned(),
        dropped,
    };
    Ok(answer(&report))
}

async fn delete(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    let (name, by) = (own_name(&call)?, call.actor());
    call.make(move |admin| admin.network.delete_prefixes(&name, &by).map_err(refused)).await?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Reads the name of the source, and refuses those who may not change it.
fn own_name(call: &Call) -> Result<String, HttpError> {
    let name = name(&call.exchange)?;
    call.operator.require(&Scope::Prefixes(name.clone()))?;
    Ok(name)
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
    let title = status.canonical_reason().unwrap_or("Conflict").to_owned();
    let problem = Conflict { title, status: status.as_u16(), detail, sequence, unknown_pids };
    Ok(json(status, "application/problem+json", &problem))
}

fn refused(error: FeedRefused) -> HttpError {
    match error {
        FeedRefused::Change(error) => service::refused(error),
        FeedRefused::TopologyForbidden => HttpError::Forbidden(error.to_string()),
        FeedRefused::UnknownSource(_) => HttpError::NotFound(error.to_string()),
        FeedRefused::TooManyPrefixes { .. } | FeedRefused::TooManySources => {
            HttpError::ContentTooLarge(error.to_string())
        }
        other => HttpError::BadRequest(other.to_string()),
    }
}
