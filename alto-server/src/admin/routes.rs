//! `/admin`: what an operator, or a program that measures the network, can ask.

use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use topo::LinkChange;

use super::token::Token;
use crate::app::App;
use crate::config::Config;
use crate::http::error::json;
use crate::http::resource::method;
use crate::http::routes::{Route, at};
use crate::http::{Exchange, HttpError, Response, body};
use crate::network::{ChangeRefused, Outcome};
use crate::routes_export;

/// Longest body of a topology that is put in place of the file.
const MAX_TOPOLOGY_BYTES: u64 = 256 * 1024 * 1024;
/// Longest body of a batch of changes.
const MAX_BATCH_BYTES: u64 = 16 * 1024 * 1024;

/// Most routes that are answered at once; each takes some 250 bytes.
const MAX_ROUTES: usize = 250_000;

/// Who may come in.
pub(crate) enum Access {
    /// Whoever has the token.
    Bearer(Token),
    /// Whoever could open the Unix socket: the file system has decided.
    Socket,
}

/// Everything the handlers need.
struct Admin {
    app: Arc<App>,
    config: Arc<Config>,
    access: Access,
}

/// A body of `POST /admin/links` with several changes, made together or not at all. Else it is one change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    changes: Vec<LinkChange>,
}

/// What every change answers.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    view_tag: &'a str,
    network_map_tag: &'a str,
    /// Whether the change survives a restart.
    durable: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<String>,
}

/// What `GET /admin/status` answers.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Status<'a> {
    topology: &'a str,
    /// Whether the topology came through this API rather than from the file.
    replaced: bool,
    durable: bool,
    hosts: usize,
    switches: usize,
    links: usize,
    pids: usize,
    prefixes: usize,
    view_tag: &'a str,
    network_map_tag: &'a str,
}

/// The routes, under one way of access.
pub(crate) fn routes(app: &Arc<App>, config: &Arc<Config>, access: Access) -> Vec<Route> {
    let admin = Arc::new(Admin { app: Arc::clone(app), config: Arc::clone(config), access });
    let route = |path, handler: fn(Arc<Admin>, Exchange) -> Handling| {
        let admin = Arc::clone(&admin);
        at(path, "admin", move |exchange| handler(Arc::clone(&admin), exchange))
    };
    vec![
        route("admin/links", |admin, exchange| Box::pin(links(admin, exchange))),
        route("admin/routes", |admin, exchange| Box::pin(present_routes(admin, exchange))),
        route("admin/topology", |admin, exchange| Box::pin(topology(admin, exchange))),
        route("admin/reload", |admin, exchange| Box::pin(reload(admin, exchange))),
        route("admin/status", |admin, exchange| Box::pin(std::future::ready(status(&admin, &exchange)))),
    ]
}

type Handling = std::pin::Pin<Box<dyn Future<Output = Result<Response, HttpError>> + Send>>;

async fn links(admin: Arc<Admin>, mut exchange: Exchange) -> Result<Response, HttpError> {
    const METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS];
    if let Some(response) = admin.enter(&exchange, METHODS)? {
        return Ok(response);
    }
    match exchange.method {
        Method::POST => {
            let body = json_body(&mut exchange, MAX_BATCH_BYTES).await?;
            let changes = parse_changes(&body)?;
            admin.change(move |app, _| app.network.change_links(&changes).map_err(refused)).await
        }
        Method::DELETE => admin.change(|app, _| app.network.reset_links().map_err(refused)).await,
        _ => {
            let published = admin.app.network.current();
            let links: Vec<_> = published.view().topology().links().collect();
            Ok(json(StatusCode::OK, "application/json", &serde_json::json!({ "links": links })))
        }
    }
}

/// The routes of the present state, as `alto-server routes --json` prints those of a file.
async fn present_routes(admin: Arc<Admin>, exchange: Exchange) -> Result<Response, HttpError> {
    if let Some(response) = admin.enter(&exchange, &[Method::GET, Method::HEAD, Method::OPTIONS])? {
        return Ok(response);
    }
    let published = admin.app.network.current();
    let hosts = published.view().topology().hosts().len();
    if hosts.saturating_mul(hosts.saturating_sub(1)) > MAX_ROUTES {
        let message =
            format!("{hosts} hosts have more than {MAX_ROUTES} routes; use `alto-server routes` for the file");
        return Err(HttpError::Unprocessable(message));
    }
    let work = move || json(StatusCode::OK, "application/json", &routes_export::all(published.view()));
    tokio::task::spawn_blocking(work).await.map_err(|_| HttpError::Internal)
}

async fn topology(admin: Arc<Admin>, mut exchange: Exchange) -> Result<Response, HttpError> {
    const METHODS: &[Method] = &[Method::PUT, Method::DELETE, Method::OPTIONS];
    if let Some(response) = admin.enter(&exchange, METHODS)? {
        return Ok(response);
    }
    if exchange.method == Method::PUT {
        let body = json_body(&mut exchange, MAX_TOPOLOGY_BYTES).await?;
        return admin.change(move |app, _| app.network.replace_topology(&body).map_err(refused)).await;
    }
    admin.change(|app, config| app.network.restore_topology(load(config)?).map_err(refused)).await
}

async fn reload(admin: Arc<Admin>, exchange: Exchange) -> Result<Response, HttpError> {
    if let Some(response) = admin.enter(&exchange, &[Method::POST, Method::OPTIONS])? {
        return Ok(response);
    }
    admin.change(|app, config| Ok(app.network.reload(load(config)?))).await
}

fn status(admin: &Admin, exchange: &Exchange) -> Result<Response, HttpError> {
    if let Some(response) = admin.enter(exchange, &[Method::GET, Method::HEAD, Method::OPTIONS])? {
        return Ok(response);
    }
    let network = &admin.app.network;
    let published = network.current();
    let (topology, map) = (published.view().topology(), published.view().network_map());
    let status = Status {
        topology: topology.name(),
        replaced: network.is_replaced(),
        durable: network.is_durable(),
        hosts: topology.hosts().count(),
        switches: topology.switches().count(),
        links: topology.links().count(),
        pids: map.len(),
        prefixes: map.prefix_count(),
        view_tag: published.view().tag(),
        network_map_tag: map.tag(),
    };
    Ok(json(StatusCode::OK, "application/json", &status))
}

impl Admin {
    /// Lets a request in; answers OPTIONS.
    fn enter(&self, exchange: &Exchange, methods: &'static [Method]) -> Result<Option<Response>, HttpError> {
        if let Access::Bearer(token) = &self.access {
            let authorization = exchange.headers.get(AUTHORIZATION).and_then(|field| field.to_str().ok());
            if !token.opens(authorization) {
                return Err(HttpError::Unauthorized(vec!["Bearer realm=\"alto-admin\"".to_owned()]));
            }
        }
        method(exchange, methods)
    }

    /// Carries a change out off the event loop, and reports the state it led to.
    async fn change(
        &self,
        work: impl FnOnce(&App, &Config) -> Result<Outcome, HttpError> + Send + 'static,
    ) -> Result<Response, HttpError> {
        let (app, config) = (Arc::clone(&self.app), Arc::clone(&self.config));
        let outcome = tokio::task::spawn_blocking(move || work(&app, &config));
        let Outcome { published, dropped } = outcome.await.map_err(|_| HttpError::Internal)??;
        let report = Report {
            view_tag: published.view().tag(),
            network_map_tag: published.view().network_map().tag(),
            durable: self.app.network.is_durable(),
            dropped,
        };
        Ok(json(StatusCode::OK, "application/json", &report))
    }
}

async fn json_body(exchange: &mut Exchange, limit: u64) -> Result<Bytes, HttpError> {
    let is_json = |content_type: &str| {
        content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
    };
    body::read(exchange, "application/json", limit, is_json).await
}

/// One change, or a batch: told apart first, so that an error speaks of the right one.
fn parse_changes(body: &[u8]) -> Result<Vec<LinkChange>, HttpError> {
    let bad = |error: serde_json::Error| HttpError::BadRequest(error.to_string());
    let value: serde_json::Value = serde_json::from_slice(body).map_err(bad)?;
    if value.get("changes").is_some() {
        let batch: Batch = serde_json::from_slice(body).map_err(bad)?;
        if batch.changes.is_empty() {
            return Err(HttpError::Unprocessable("changes: is empty; give one link change or more".to_owned()));
        }
        return Ok(batch.changes);
    }
    Ok(vec![serde_json::from_slice(body).map_err(bad)?])
}

fn load(config: &Config) -> Result<topo::Topology, HttpError> {
    config.load_topology().map_err(|error| HttpError::Unprocessable(error.to_string()))
}

fn refused(error: ChangeRefused) -> HttpError {
    match error {
        ChangeRefused::Change(_) | ChangeRefused::Topology(_) => HttpError::Unprocessable(error.to_string()),
        ChangeRefused::Store(error) => {
            tracing::error!(%error, "a change could not be saved, so it was not made");
            HttpError::Internal
        }
    }
}
