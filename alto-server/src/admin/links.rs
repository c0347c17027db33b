//! `/admin/links`: the values of links, and changes to them.

use http::Method;
use plain_words::Faults;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use topo::LinkChange;

use super::call::{Call, Table, answer};
use super::operator::Scope;
use super::parameters::number;
use super::service::refused;
use crate::http::router::Route;
use crate::http::{HttpError, Response};
use crate::state::network::links::LinkState;

/// Longest request body with link changes, in bytes.
const MAX_BATCH_BYTES: u64 = 16 * 1024 * 1024;
/// Values of a link that the topology file configures.
const CONFIGURED: [&str; 6] = ["bandwidth", "delay", "loss", "up", "cost", "price"];
/// Values of a link that are measured.
const MEASURED: [&str; 3] = ["utilisation", "measured-delay", "measured-loss"];

/// Body of `POST /admin/links` with several changes, which succeed or fail together. Any other body is one change.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    changes: Vec<LinkChange>,
}

/// Answer to `GET /admin/links`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Links {
    links: Vec<LinkReport>,
}

/// A link: the values in force, and where they come from.
#[derive(Serialize, JsonSchema)]
struct LinkReport {
    /// Ends and values in force.
    #[serde(flatten)]
    present: Map<String, Value>,
    /// Values of the topology, without changes.
    configured: Map<String, Value>,
    /// Last measurements.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    measured: Map<String, Value>,
    /// Values set through `/admin`, which override the configured ones; a cost of null is the computed one.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    overriding: Map<String, Value>,
}

/// Creates the routes.
pub(super) fn routes(table: &Table<'_>) -> Vec<Route> {
    vec![
        table
            .path("admin/links")
            .on(Method::GET, table.handler(Scope::Read, list))
            // Measurements need another scope than changes, which only the body tells.
            .on(Method::POST, table.handler(Scope::Read, change))
            .on(Method::DELETE, table.handler(Scope::Everything, reset)),
        table.path("admin/links/{}/{}").on(Method::DELETE, table.handler(Scope::Everything, undo)),
    ]
}

async fn list(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let links = call?.ask(|admin| Ok(admin.network.links().iter().map(LinkReport::from).collect())).await?;
    Ok(answer(&Links { links }))
}

async fn change(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let mut call = call?;
    let body = call.json_body(MAX_BATCH_BYTES).await?;
    let changes = parse_changes(&body)?;
    let measured = changes.iter().all(LinkChange::is_measurement);
    call.operator.require(&if measured { Scope::Measure } else { Scope::Everything })?;
    call.change(move |admin, by| admin.network.change_links(&changes, by).map_err(refused)).await
}

async fn reset(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    call?.change(|admin, by| admin.network.reset_links(by).map_err(refused)).await
}

async fn undo(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let call = call?;
    // Of the characters in names of nodes, these two may be encoded in a path.
    let [source, destination] =
        [2, 3].map(|position| call.exchange.segment(position).replace("%3A", ":").replace("%40", "@"));
    let index = number(&call.exchange, "index")?.map(|index| usize::try_from(index).unwrap_or(usize::MAX));
    let link = LinkChange { index, ..LinkChange::of(source, destination) };
    call.change(move |admin, by| admin.network.undo_link(&link, by).map_err(refused)).await
}

/// Parses one change or a batch. The two are told apart first, so that errors refer to the right one.
fn parse_changes(body: &[u8]) -> Result<Vec<LinkChange>, HttpError> {
    const LEAST: &str = "{\"source\": \"a\", \"destination\": \"b\"}";
    let bad = |faults: Faults| HttpError::BadRequest(faults.to_string());
    let value: Value = plain_words::parse(body, LEAST).map_err(bad)?;
    if value.get("changes").is_some() {
        let batch: Batch = plain_words::parse(body, LEAST).map_err(bad)?;
        if batch.changes.is_empty() {
            return Err(HttpError::Unprocessable(
                "changes: the list is empty; give at least one link change".to_owned(),
            ));
        }
        return Ok(batch.changes);
    }
    Ok(vec![plain_words::parse(body, LEAST).map_err(bad)?])
}

impl From<&LinkState> for LinkReport {
    fn from(state: &LinkState) -> Self {
        let change = state.change.as_ref().map(object).unwrap_or_default();
        Self {
            present: object(&state.present),
            configured: only(object(&state.configured), &CONFIGURED),
            measured: only(change.clone(), &MEASURED),
            overriding: only(change, &CONFIGURED),
        }
    }
}

fn object<T: Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn only(mut object: Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    object.retain(|key, _| keys.contains(&key.as_str()));
    object
}
