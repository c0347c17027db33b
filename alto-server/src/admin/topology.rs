//! `/admin/topology`: the topology in force, another one, the file, and the one before.

use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::call::{Call, Table};
use super::operator::Scope;
use super::service::refused;
use crate::http::router::Route;
use crate::http::{HttpError, Response};

/// Longest request body with a topology, in bytes.
const MAX_TOPOLOGY_BYTES: u64 = 256 * 1024 * 1024;

/// Creates the routes.
pub(super) fn routes(table: &Table<'_>) -> Vec<Route> {
    vec![
        table
            .path("admin/topology")
            .on(Method::GET, table.handler(Scope::Read, in_force))
            .on(Method::PUT, table.handler(Scope::Everything, replace))
            .on(Method::DELETE, table.handler(Scope::Everything, restore)),
        table.path("admin/topology/previous").on(Method::POST, table.handler(Scope::Everything, go_back)),
    ]
}

async fn in_force(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let text = call?.ask(|admin| admin.network.topology_in_force().map_err(refused)).await?;
    let mut response = Response::new(text.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

async fn replace(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let mut call = call?;
    let body = call.json_body(MAX_TOPOLOGY_BYTES).await?;
    call.change(move |admin, by| admin.network.replace_topology(&body, by).map_err(refused)).await
}

async fn restore(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let work = |admin: &super::service::Admin, by: &_| {
        let file = admin.reloading.topology_file().map_err(HttpError::Unprocessable)?;
        admin.network.restore_topology(&file, by).map_err(refused)
    };
    call?.change(work).await
}

async fn go_back(call: Result<Call, HttpError>) -> Result<Response, HttpError> {
    let work = |admin: &super::service::Admin, by: &_| {
        admin.network.go_back(|| admin.reloading.topology_file(), by).map_err(refused)
    };
    call?.change(work).await
}
