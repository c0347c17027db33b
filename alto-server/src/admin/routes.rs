//! `/admin`: the API of operators, and of programs that measure the network.

use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use topo::LinkChange;

use super::export;
use super::prefixes;
use super::service::{Admin, refused};
use super::token::Token;
use crate::http::error::json;
use crate::http::offload::{self, Cancel};
use crate::http::router::Route;
use crate::http::{Exchange, HttpError, Response, body};
use crate::plain_json::{self, JsonFault};
use crate::state::network::Outcome;
use crate::state::source::TopologySource;

/// Longest request body with a topology, in bytes.
const MAX_TOPOLOGY_BYTES: u64 = 256 * 1024 * 1024;
/// Longest request body with link changes, in bytes.
const MAX_BATCH_BYTES: u64 = 16 * 1024 * 1024;

/// Largest number of routes in one answer; each takes about 250 bytes.
const MAX_ROUTES: usize = 250_000;

/// Body of `POST /admin/links` with several changes, which succeed or fail together. Any other body is one change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    changes: Vec<LinkChange>,
}

/// Answer to every change.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    view_tag: &'a str,
    network_map_tag: &'a str,
    /// True if the change survives a restart.
    durable: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<String>,
}

/// Answer to `GET /admin/status`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Status<'a> {
    topology: &'a str,
    /// True if the topology was set through this API and is not the file.
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

/// Creates the routes. With a token, every request must carry it; without, the file system decides who may open the Unix
/// socket that the routes are served on.
pub(crate) fn routes(admin: &Arc<Admin>, token: Option<Token>) -> Vec<Route> {
    let token = token.map(Arc::new);
    let route = |path| {
        let route = Route::new(path, "admin").exempt();
        match token.clone() {
            Some(token) => route.guarded(move |exchange| authorize(&token, exchange)),
            None => route,
        }
    };
    let mut routes = vec![
        route("admin/links")
            .on(Method::GET, admin.handler(links))
            .on(Method::POST, admin.handler(change_links))
            .on(Method::DELETE, admin.handler(reset_links)),
        route("admin/routes").on(Method::GET, admin.handler(current_routes)),
        route("admin/topology")
            .on(Method::PUT, admin.handler(replace_topology))
            .on(Method::DELETE, admin.handler(restore_topology)),
        route("admin/reload").on(Method::POST, admin.handler(reload)),
        route("admin/status").on(Method::GET, admin.handler(status)),
    ];
    routes.extend(prefixes::routes(admin, route));
    routes
}

fn authorize(token: &Token, exchange: &Exchange) -> Result<(), HttpError> {
    let authorization = exchange.headers.get(AUTHORIZATION).and_then(|field| field.to_str().ok());
    if token.opens(authorization) {
        return Ok(());
    }
    Err(HttpError::Unauthorized(vec!["Bearer realm=\"alto-admin\"".to_owned()]))
}

async fn links(admin: Arc<Admin>, _exchange: Exchange) -> Result<Response, HttpError> {
    let published = admin.network.current();
    let links: Vec<_> = published.snapshot().view().topology().links().collect();
    Ok(json(StatusCode::OK, "application/json", &serde_json::json!({ "links": links })))
}

async fn change_links(admin: Arc<Admin>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let body = json_body(&mut exchange, MAX_BATCH_BYTES).await?;
    let changes = parse_changes(&body)?;
    admin.change(move |admin| admin.network.change_links(&changes).map_err(refused)).await
}

async fn reset_links(admin: Arc<Admin>, _exchange: Exchange) -> Result<Response, HttpError> {
    admin.change(|admin| admin.network.reset_links().map_err(refused)).await
}

/// Answers the routes of the current state, as `alto-server routes --json` prints those of a file.
async fn current_routes(admin: Arc<Admin>, _exchange: Exchange) -> Result<Response, HttpError> {
    let published = admin.network.current();
    let hosts = published.snapshot().view().topology().hosts().len();
    let routes = hosts.saturating_mul(hosts.saturating_sub(1));
    if routes > MAX_ROUTES {
        let message = format!(
            "{hosts} hosts have {routes} routes, and at most {MAX_ROUTES} are answered; run `alto-server routes` on the \
             topology file instead"
        );
        return Err(HttpError::Unprocessable(message));
    }
    let work = move |_: &Cancel| json(StatusCode::OK, "application/json", &export::all(published.snapshot().view()));
    admin.pool.run(None, offload::HEAVY, work).await
}

async fn replace_topology(admin: Arc<Admin>, mut exchange: Exchange) -> Result<Response, HttpError> {
    let body = json_body(&mut exchange, MAX_TOPOLOGY_BYTES).await?;
    admin.change(move |admin| admin.network.replace_topology(&body).map_err(refused)).await
}

async fn restore_topology(admin: Arc<Admin>, _exchange: Exchange) -> Result<Response, HttpError> {
    admin.change(|admin| admin.network.restore_topology(load(&admin.source)?).map_err(refused)).await
}

async fn reload(admin: Arc<Admin>, _exchange: Exchange) -> Result<Response, HttpError> {
    admin.change(|admin| Ok(admin.network.reload(load(&admin.source)?))).await
}

async fn status(admin: Arc<Admin>, _exchange: Exchange) -> Result<Response, HttpError> {
    let network = &admin.network;
    let published = network.current();
    let view = published.snapshot().view();
    let (topology, map) = (view.topology(), view.network_map());
    let status = Status {
        topology: topology.name(),
        replaced: network.is_replaced(),
        durable: network.is_durable(),
        hosts: topology.hosts().count(),
        switches: topology.switches().count(),
        links: topology.links().count(),
        pids: map.len(),
        prefixes: map.prefix_count(),
        view_tag: view.tag(),
        network_map_tag: map.tag(),
    };
    Ok(json(StatusCode::OK, "application/json", &status))
}

impl Admin {
    /// Binds a handler to this API.
    pub(super) fn handler<F, A>(self: &Arc<Self>, handler: F) -> impl Fn(Exchange) -> A + Send + Sync + 'static
    where
        F: Fn(Arc<Self>, Exchange) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response, HttpError>> + Send + 'static,
    {
        let admin = Arc::clone(self);
        move |exchange| handler(Arc::clone(&admin), exchange)
    }

    /// Makes a change off the event loop, and answers with the state it led to.
    async fn change(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Outcome, HttpError> + Send + 'static,
    ) -> Result<Response, HttpError> {
        let admin = Arc::clone(&self);
        let Outcome { published, dropped } = self.pool.run(None, offload::HEAVY, move |_| work(&admin)).await??;
        let view = published.snapshot().view();
        let report = Report {
            view_tag: view.tag(),
            network_map_tag: view.network_map().tag(),
            durable: self.network.is_durable(),
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

/// Parses one change or a batch. The two are told apart first, so that errors refer to the right one.
fn parse_changes(body: &[u8]) -> Result<Vec<LinkChange>, HttpError> {
    const LEAST: &str = "{\"source\": \"a\", \"destination\": \"b\"}";
    let bad = |fault: JsonFault| HttpError::BadRequest(fault.to_string());
    let value: serde_json::Value = plain_json::parse(body, LEAST).map_err(bad)?;
    if value.get("changes").is_some() {
        let batch: Batch = plain_json::parse(body, LEAST).map_err(bad)?;
        if batch.changes.is_empty() {
            return Err(HttpError::Unprocessable(
                "changes: the list is empty; give at least one link change".to_owned(),
            ));
        }
        return Ok(batch.changes);
    }
    Ok(vec![plain_json::parse(body, LEAST).map_err(bad)?])
}

fn load(source: &TopologySource) -> Result<topo::Topology, HttpError> {
    source.load().map_err(|error| HttpError::Unprocessable(error.to_string()))
}
