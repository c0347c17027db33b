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
use crate::app::App;
use crate::http::error::json;
use crate::http::resource::{ASK, READ, method};
use crate::http::routes::{Route, below};
use crate::http::{Exchange, HttpError, Response, body};

/// More candidates than this are ranked off the event loop, which must not stall.
const INLINE_WEIGHT: usize = 2_000;

/// Everything the handlers need.
struct Registry {
    app: Arc<App>,
    swarm: Arc<Swarm>,
}

/// What a request may say behind the question mark.
#[derive(Default)]
struct Query {
    name: Option<String>,
    after: Option<FileId>,
    limit: Option<usize>,
    except: Option<PeerId>,
}

/// The routes.
pub(crate) fn routes(app: &Arc<App>, swarm: &Arc<Swarm>) -> Route {
    let registry = Arc::new(Registry { app: Arc::clone(app), swarm: Arc::clone(swarm) });
    below("swarm", "swarm", move |exchange, path| answer_at(Arc::clone(&registry), exchange, path))
}

async fn answer_at(registry: Arc<Registry>, exchange: Exchange, path: String) -> Result<Response, HttpError> {
    let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(&path).split('/').collect();
    match segments[..] {
        ["heartbeat"] => heartbeat(&registry, exchange).await,
        ["files", id, "holders"] => holders(&registry, &exchange, id),
        ["announce"] => announce(&registry, exchange).await,
        ["register"] => register(&registry, exchange).await,
        ["unregister"] => unregister(&registry, exchange).await,
        ["files", id, "best"] => best(&registry, exchange, id).await,
        ["files", id] => file(&registry, &exchange, id),
        ["files"] => files(&registry, &exchange),
        _ => Err(HttpError::NotFound("nothing is here; the files that peers hold are at /swarm/files".to_owned())),
    }
}

async fn register(registry: &Registry, mut exchange: Exchange) -> Result<Response, HttpError> {
    if let Some(response) = registry.enter(&exchange, ASK)? {
        return Ok(response);
    }
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

async fn heartbeat(registry: &Registry, mut exchange: Exchange) -> Result<Response, HttpError> {
    if let Some(response) = registry.enter(&exchange, ASK)? {
        return Ok(response);
    }
    let credentials: Credentials = registry.read(&mut exchange).await?;
    Ok(answer(StatusCode::OK, &registry.swarm.heartbeat(&credentials)?))
}

async fn announce(registry: &Registry, mut exchange: Exchange) -> Result<Response, HttpError> {
    if let Some(response) = registry.enter(&exchange, ASK)? {
        return Ok(response);
    }
    let said: Announcement = registry.read(&mut exchange).await?;
    let changed = registry.swarm.announce(&said)?;
    Ok(answer(StatusCode::OK, &changed.saved().await?))
}

async fn unregister(registry: &Registry, mut exchange: Exchange) -> Result<Response, HttpError> {
    if let Some(response) = registry.enter(&exchange, ASK)? {
        return Ok(response);
    }
    let credentials: Credentials = registry.read(&mut exchange).await?;
    let changed = registry.swarm.unregister(&credentials)?;
    changed.saved().await?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

fn files(registry: &Registry, exchange: &Exchange) -> Result<Response, HttpError> {
    if let Some(response) = registry.enter(exchange, READ)? {
        return Ok(response);
    }
    let query = Query::of(exchange)?;
    Ok(answer(StatusCode::OK, &registry.swarm.list(query.name.as_deref(), query.after, query.rows())))
}

fn file(registry: &Registry, exchange: &Exchange, id: &str) -> Result<Response, HttpError> {
    if let Some(response) = registry.enter(exchange, READ)? {
        return Ok(response);
    }
    let found = parse_id("id", id).and_then(|id| registry.swarm.file(id));
    Ok(answer(StatusCode::OK, &found?))
}

fn holders(registry: &Registry, exchange: &Exchange, id: &str) -> Result<Response, HttpError> {
    if let Some(response) = registry.enter(exchange, READ)? {
        return Ok(response);
    }
    let id = parse_id("id", id)?;
    let query = Query::of(exchange)?;
    let found = registry.swarm.holders(id, query.except.as_ref(), query.rows(), &mut rand::rng());
    Ok(answer(StatusCode::OK, &found?))
}

async fn best(registry: &Registry, exchange: Exchange, id: &str) -> Result<Response, HttpError> {
    if let Some(response) = registry.enter(&exchange, READ)? {
        return Ok(response);
    }
    let id = parse_id("id", id)?;
    let query = Query::of(&exchange)?;
    let candidates = registry.swarm.candidates(id, query.except.as_ref(), &mut rand::rng())?;
    let (client, rows, weight) = (exchange.client(), query.rows(), candidates.weight());
    let (published, swarm) = (registry.app.network.current(), Arc::clone(&registry.swarm));
    let rank = move || swarm.best(candidates, published.view(), client, rows);
    let best = if weight <= INLINE_WEIGHT {
        rank()
    } else {
        tokio::task::spawn_blocking(rank).await.map_err(|_| HttpError::Internal)?
    };
    Ok(answer(StatusCode::OK, &best))
}

impl Registry {
    /// Lets a request in; answers OPTIONS.
    fn enter(&self, exchange: &Exchange, methods: &'static [Method]) -> Result<Option<Response>, HttpError> {
        let options = method(exchange, methods)?;
        if options.is_none() {
            self.app.authenticate(exchange)?;
        }
        Ok(options)
    }

    async fn read<T: DeserializeOwned>(&self, exchange: &mut Exchange) -> Result<T, HttpError> {
        let is_json = |content_type: &str| {
            content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        };
        let bytes = body::read(exchange, "application/json", self.app.limits.body_bytes, is_json).await?;
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
