//! The paths of the page.

use std::sync::Arc;

use http::header::{HeaderValue, LOCATION};
use http::{Method, StatusCode};

use super::assets::ASSETS;
use super::page::Page;
use super::question::Question;
use super::secured::secured;
use super::site::Site;
use crate::http::offload::{self, Cancel};
use crate::http::router::Route;
use crate::http::{Exchange, HttpError, Response};

/// Name of the page in metrics and in the access log.
const RESOURCE: &str = "ui";
/// Media type of the page.
const HTML: &str = "text/html; charset=utf-8";
/// Media type of a stream of events.
const EVENTS: &str = "text/event-stream";

/// Path of the page, as the root refers to it.
const FOLDER: &str = "ui/";

/// Creates the routes below `/ui/`.
pub(crate) fn routes(site: &Arc<Site>) -> Vec<Route> {
    let page = Arc::clone(site);
    let page = Route::new("ui", RESOURCE).on(Method::GET, move |exchange| {
        let site = Arc::clone(&page);
        async move { if exchange.path().ends_with('/') { show(site, exchange, "").await } else { add_slash(&exchange) } }
    });
    let assets = ASSETS.into_iter().map(|asset| {
        let (site, entity_tag) = (Arc::clone(site), asset.entity_tag());
        Route::new(&format!("{FOLDER}{}", asset.name), RESOURCE).on(Method::GET, move |exchange| {
            let allowed = site.access.authenticate(&exchange);
            std::future::ready(allowed.map(|()| asset.answer(&entity_tag, &exchange.headers)))
        })
    });
    let (painter, listeners) = (Arc::clone(site), Arc::clone(site));
    let picture = Route::new(&format!("{FOLDER}heat.png"), RESOURCE)
        .on(Method::GET, move |exchange| draw(Arc::clone(&painter), exchange));
    let events = Route::new(&format!("{FOLDER}events"), RESOURCE).on(Method::GET, move |exchange| {
        let allowed = listeners.access.authenticate(&exchange);
        let stream = allowed.and_then(|()| listeners.streams.answer(&exchange, listeners.chronicle.news()));
        std::future::ready(stream.map(|stream| secured(stream, EVENTS)))
    });
    [page, picture, events].into_iter().chain(assets).collect()
}

/// Answers a browser that asked for the root of the server.
pub(crate) async fn show_at_root(site: Arc<Site>, exchange: Exchange) -> Result<Response, HttpError> {
    show(site, exchange, FOLDER).await
}

/// Answers with the page, which finds its files at `folder` relative to its own path.
async fn show(site: Arc<Site>, exchange: Exchange, folder: &'static str) -> Result<Response, HttpError> {
    site.access.authenticate(&exchange)?;
    let (question, visitor) = (Question::from_query(query(&exchange)), exchange.client());
    let (payer, pool) = (exchange.payer(), site.pool.clone());
    let work = move |cancel: &Cancel| Page { site: &site, folder, question: &question, visitor }.render(cancel);
    let html = pool.run(payer, offload::HEAVY, work).await??;
    Ok(secured(Response::new(html.into()), HTML))
}

/// Answers with the heat map of the metric that the query names.
async fn draw(site: Arc<Site>, exchange: Exchange) -> Result<Response, HttpError> {
    site.access.authenticate(&exchange)?;
    let metric = Question::from_query(query(&exchange)).metric;
    let (payer, pool) = (exchange.payer(), site.pool.clone());
    let work = move |cancel: &Cancel| {
        let published = site.network.current();
        site.heat(published.snapshot().view(), metric, cancel).map(|heat| heat.to_png())
    };
    let png = pool.run(payer, offload::HEAVY, work).await??;
    Ok(secured(Response::new(png.into()), "image/png"))
}

/// Query of a request; empty if there is none.
fn query(exchange: &Exchange) -> &str {
    exchange.target.query().unwrap_or_default()
}

/// Sends a browser to the path with a slash at its end, from which the page finds its files.
fn add_slash(exchange: &Exchange) -> Result<Response, HttpError> {
    let query = exchange.target.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = Response::default();
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    // Relative, so that it holds behind any prefix.
    let location = HeaderValue::try_from(format!("{FOLDER}{query}")).map_err(|_| HttpError::Internal)?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
