//! `/swarm` on HTTP.

use std::sync::Arc;
use std::time::Duration;

use alto_types::swarm::{Announcement, Credentials, FileId, PeerId, Registration};
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::limits::{DEFAULT_ROWS, MAX_ROWS};
use super::refused::Refused;
use super::service::Swarm;
use crate::http::access::Access;
use crate::http::error::json;
use crate::http::router::Route;
use crate::http::{Exchange, HttpError, Response, body, offload};
use crate::state::network::Network;

/// Work to rank one candidate, in the unit of [`offload`].
const WEIGHT_PER_CANDIDATE: usize = 5;

/// Everything the handlers need.
struct Registry {
    network: Arc<Network>,
    access: Arc<Access>,
    swarm: Arc<Swarm>,
    /// Longest request body, in bytes.
    body_bytes: u64,
}

/// What a request may say behind the question mark.
#[derive(Default)]
struct Query {
    name: Option<String>,
    after: Option<FileId>,
    limit: Option<usize>,
    except: Option<PeerId>,
}

/// Creates the routes of the peer registry.
pub(crate) fn routes(network: &Arc<Network>, access: &Arc<Access>, swarm: &Arc<Swarm>, body_bytes: u64) -> Vec<Route> {
    let registry = Arc::new(Registry {
        network: Arc::clone(network),
        access: Arc::clone(access),
        swarm: Arc::clone(swarm),
        body_bytes,
    });
    vec![
        registry.route("swarm/register", Method::POST, register),
        registry.route("swarm/heartbeat", Method::POST, heartbeat),
        registry.route("swarm/announce", Method::POST, announce),
        registry.route("swarm/unregister", Method::POST, unregister),
        registry.route("swarm/files", Method::GET, files),
        registry.route("swarm/files/{}", Method::GET, file),
        registry.route("swarm/files/{}/holders", Method::GET, holders),
        registry.route("swarm/files/{}/best", Method::GET, best),
    ]
}

async fn register(registry: Arc<Registry>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let wanted: Registration = registry.read(&mut exchange).await?;
    let changed = registry.swarm.register(exchange.client(), &wanted, &mut rand::rng())?;
    let peer = changed.answer().peer.clone();
    match changed.saved().await {
        Ok(registered) => Ok(answer(StatusCode::CREATED, &registered)),
        Err(error) => {
            // A renewal that was not saved is a registration still.
            if wanted.renew.is_none_or(|renewed| renewed.peer != peer) {
                registry.swarm.retract(&peer);
            }
            Err(error.into())
        }
    }
}

async fn heartbeat(registry: Arc<Registry>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let credentials: Credentials = registry.read(&mut exchange).await?;
    Ok(answer(StatusCode::OK, &registry.swarm.heartbeat(&credentials)?))
}

async fn announce(registry: Arc<Registry>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let said: Announcement = registry.read(&mut exchange).await?;
    let changed = registry.swarm.announce(&said)?;
    Ok(answer(StatusCode::OK, &changed.saved().await?))
}

async fn unregister(registry: Arc<Registry>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let credentials: Credentials = registry.read(&mut exchange).await?;
    let changed = registry.swarm.unregister(&credentials)?;
    changed.saved().await?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

async fn files(registry: Arc<Registry>, exchange: Exchange) -> Result<Response, HttpError> {
    let query = Query::of(&exchange)?;
    Ok(answer(StatusCode::OK, &registry.swarm.list(query.name.as_deref(), query.after, query.rows())))
}

async fn file(registry: Arc<Registry>, exchange: Exchange) -> Result<Response, HttpError> {
    let found = file_id(&exchange).and_then(|id| registry.swarm.file(id));
    Ok(answer(StatusCode::OK, &found?))
}

async fn holders(registry: Arc<Registry>, exchange: Exchange) -> Result<Response, HttpError> {
    let id = file_id(&exchange)?;
    let query = Query::of(&exchange)?;
    let found = registry.swarm.holders(id, query.except.as_ref(), query.rows(), &mut rand::rng());
    Ok(answer(StatusCode::OK, &found?))
}

async fn best(registry: Arc<Registry>, exchange: Exchange) -> Result<Response, HttpError> {
    let id = file_id(&exchange)?;
    let query = Query::of(&exchange)?;
    let candidates = registry.swarm.candidates(id, query.except.as_ref(), &mut rand::rng())?;
    let (client, rows, weight) = (exchange.client(), query.rows(), candidates.weight());
    let (published, swarm) = (registry.network.current(), Arc::clone(&registry.swarm));
    let rank = move || swarm.best(candidates, published.snapshot().view(), client, rows);
    let best = offload::run(weight.saturating_mul(WEIGHT_PER_CANDIDATE), rank).await?;
    Ok(answer(StatusCode::OK, &best))
}

impl Registry {
    fn route<F, A>(self: &Arc<Self>, path: &str, method: Method, handler: F) -> Route
    where
        F: Fn(Arc<Self>, Exchange) -> A + Copy + Send + Sync + 'static,
        A: Future<Output = Result<Response, HttpError>> + Send + 'static,
    {
        let registry = Arc::clone(self);
        Route::new(path, "swarm").on(method, move |exchange| {
            let registry = Arc::clone(&registry);
            async move {
                registry.access.authenticate(&exchange)?;
                handler(registry, exchange).await
            }
        })
    }

    async fn read<T: DeserializeOwned>(&self, exchange: &mut Exchange) -> Result<T, HttpError> {
        let is_json = |content_type: &str| {
            content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        };
        let bytes = body::read(exchange, "application/json", self.body_bytes, is_json).await?;
        Ok(parse(&bytes)?)
    }
}

/// Reads a body; what is wrong with it is told with the path of the member that is.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        Refused::Malformed { field, problem: error.into_inner().to_string() }
    })?;
    let problem =
        |error: serde_json::Error| Refused::Malformed { field: "body".to_owned(), problem: error.to_string() };
    json.end().map_err(problem)?;
    Ok(value)
}

/// Parses the file ID in the path.
fn file_id(exchange: &Exchange) -> Result<FileId, Refused> {
    parse_id("id", exchange.segment(2))
}

fn parse_id(field: &str, text: &str) -> Result<FileId, Refused> {
    let malformed = |error: alto_types::swarm::FileIdError| Refused::Malformed {
        field: field.to_owned(),
        problem: error.to_string(),
    };
    text.parse().map_err(malformed)
}

impl Query {
    /// Members that are not known, or empty, say nothing.
    fn of(exchange: &Exchange) -> Result<Self, Refused> {
        let query = exchange.target().and_then(|target| target.query()).unwrap_or_default();
        let mut read = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            match key.as_ref() {
                "name" => read.name = Some(value.into_owned()),
                "after" => read.after = Some(parse_id("after", &value)?),
                "except" => read.except = Some(PeerId(value.into_owned())),
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| Refused::Malformed {
                        field: "limit".to_owned(),
                        problem: "is not a number above 0".to_owned(),
                    })?;
                    read.limit = Some(limit);
                }
                _ => {}
            }
        }
        Ok(read)
    }

    fn rows(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_ROWS).min(MAX_ROWS)
    }
}

fn answer<T: Serialize>(status: StatusCode, message: &T) -> Response {
    let mut response = json(status, "application/json", message);
    // Who is there changes all the time, and secrets are nobody else's.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The one place where a refusal becomes an answer, and is counted.
impl From<Refused> for HttpError {
    fn from(reason: Refused) -> Self {
        metrics::counter!("alto_swarm_refused_total", "reason" => reason.reason()).increment(1);
        let detail = reason.to_string();
        match reason {
            Refused::Malformed { .. } => Self::BadRequest(detail),
            Refused::TooLarge { .. } => Self::ContentTooLarge(detail),
            Refused::UnknownPeer | Refused::UnknownFile(_) => Self::NotFound(detail),
            Refused::WrongSecret => Self::Forbidden(detail),
            Refused::Taken { left } => Self::Conflict(detail, left),
            Refused::AddressFull { after, .. } | Refused::Full { after, .. } => Self::TooMany(detail, after),
            Refused::Busy => Self::Overloaded(Duration::from_secs(1)),
            Refused::NotSaved => Self::Internal,
        }
    }
}
