//! `/admin/status`, `/admin/audit`, `/admin/reload` and `/admin/routes`: what operators ask and tell the process.

use http::Method;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Call, Table, answer};
use super::export;
use super::operator::Scope;
use super::parameters::number;
use crate::http::router::Route;
use crate::http::{HttpError, Response};
use crate::state::audit::{AuditEntry, MAX_ENTRIES};
use crate::state::network::Overrides;

/// Largest number of routes in one answer; each takes about 250 bytes.
const MAX_ROUTES: usize = 250_000;

/// Answer to `GET /admin/status`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Status {
    /// Name of the topology.
    topology: String,
    /// True if the topology was set through this API and is not the file.
    replaced: bool,
    /// Number of links that differ from the topology by changes or measurements.
    overrides: usize,
    /// True if there is a topology before, to which to go back.
    previous: bool,
    durable: bool,
    hosts: usize,
    switches: usize,
    links: usize,
    pids: usize,
    prefixes: usize,
    view_tag: String,
    network_map_tag: String,
    version: &'static str,
    /// How the server follows the others with which it shares a store.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterStatus>,
}

/// State of a server that shares a store with others.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ClusterStatus {
    /// Place in the order of all changes to the network. Equal places mean equal states.
    position: String,
    /// Seconds since the store answered the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_for: Option<f64>,
    /// Why the server does not follow at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Number of times that the server read everything anew.
    starts: u64,
}

/// Answer to `GET /admin/audit`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Audit {
    /// Changes, the newest first.
    entries: Vec<AuditEntry>,
}

/// Creates the routes.
pub(super) fn routes(table: &Table<'_>) -> Vec<Route> {
    vec![
        table.path("admin/status").on(Method::GET, table.handler(Scope::Read, status)),
        table.path("admin/audit").on(Method::GET, table.handler(Scope::Read, audit)),
        table.path("admin/reload").on(Method::POST, table.handler(Scope::Everything, reload)),
        table.path("admin/routes").on(Method::GET, table.handler(Scope::Read, current_routes)),
    ]
}

async fn status(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    // A change that is being computed may take a while.
    let Overrides { replaced, links: overrides, previous } = call.ask(|admin| Ok(admin.network.overrides())).await?;
    let published = call.admin.network.current();
    let view = published.snapshot().view();
    let cluster = call.admin.network.following().map(|following| ClusterStatus {
        position: published.position().map(ToString::to_string).unwrap_or_default(),
        silent_for: following.silent_for.map(|silent| silent.as_secs_f64()),
        problem: following.problem,
        starts: following.starts,
    });
    let (topology, map) = (view.topology(), view.network_map());
    let status = Status {
        topology: topology.name().to_owned(),
        replaced,
        overrides,
        previous,
        durable: call.admin.network.is_durable(),
        hosts: topology.hosts().count(),
        switches: topology.switches().count(),
        links: topology.links().count(),
        pids: map.len(),
        prefixes: map.prefix_count(),
        view_tag: view.tag().to_owned(),
        network_map_tag: map.tag().to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        cluster,
    };
    Ok(answer(&status))
}

async fn audit(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    let limit =
        number(&call.exchange, "limit")?.map_or(MAX_ENTRIES, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let entries = call.ask(move |admin| Ok(admin.network.audit(limit))).await?;
    Ok(answer(&Audit { entries }))
}

async fn reload(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    let by = call.actor();
    let reloaded = call.make(move |admin| admin.reloading.reload(&by).map_err(HttpError::Unprocessable)).await?;
    Ok(call.report(reloaded.outcome, reloaded.restart))
}

/// Answers the routes of the current state, as `alto-server routes --json` prints those of a file.
async fn current_routes(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    let published = call.admin.network.current();
    let hosts = published.snapshot().view().topology().hosts().len();
    let routes = hosts.saturating_mul(hosts.saturating_sub(1));
    if routes > MAX_ROUTES {
        let message = format!(
            "{hosts} hosts have {routes} routes, and at most {MAX_ROUTES} are answered; run `alto-server routes` on the \
             topology file instead"
        );
        return Err(HttpError::Unprocessable(message));
    }
    call.ask(move |_| Ok(answer(&export::all(published.snapshot().view())))).await
}
