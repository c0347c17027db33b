//! The tracker over HTTP (BEP 3, 48). Every answer has status 200: clients show its failure reason.

use std::sync::Arc;

use alto_types::tracker::announce::AnnounceRequest;
use alto_types::tracker::scrape::{infohashes_from_query, to_bencode};
use http::Method;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::meters::{self, Transport};
use super::refusal::Refused;
use super::service::{Caller, Tracker};
use crate::http::router::Route;
use crate::http::{Exchange, Response};

/// Name of the resource in metrics and in the access log.
const RESOURCE: &str = "tracker";

/// Builds the routes below `/tracker` of the main listener.
pub(crate) fn on_main_listener(tracker: &Arc<Tracker>) -> Vec<Route> {
    below("tracker/", 1, tracker)
}

/// Builds the routes of a listener for the tracker only: at the root, as is usual, and below `/tracker`.
pub(crate) fn on_own_listener(tracker: &Arc<Tracker>) -> Vec<Route> {
    below("tracker/", 1, tracker).into_iter().chain(below("", 0, tracker)).collect()
}

/// Builds the routes below a prefix of a number of segments, with and without a passkey.
fn below(prefix: &str, segments: usize, tracker: &Arc<Tracker>) -> Vec<Route> {
    let route = |path: &str, passkey: Option<usize>, answer: fn(&Tracker, &str, &Caller<'_>) -> Vec<u8>| {
        let tracker = Arc::clone(tracker);
        let handler = move |exchange: Exchange| {
            let query = exchange.target.query().unwrap_or_default();
            let passkey = passkey.map(|position| exchange.segment(position));
            let caller = Caller { address: exchange.client(), passkey, transport: Transport::Http };
            std::future::ready(Ok(plain(answer(&tracker, query, &caller))))
        };
        let route = Route::new(&format!("{prefix}{path}"), RESOURCE).on(Method::GET, handler);
        if passkey.is_some() { route.with_secret_path() } else { route }
    };
    vec![
        route("announce", None, announce),
        route("{}/announce", Some(segments), announce),
        route("scrape", None, scrape),
        route("{}/scrape", Some(segments), scrape),
    ]
}

fn announce(tracker: &Tracker, query: &str, caller: &Caller<'_>) -> Vec<u8> {
    let announced = AnnounceRequest::from_query(query).map_err(malformed).and_then(|request| {
        let answer = tracker.announce(&request, caller)?;
        Ok(answer.to_bencode(request.compact))
    });
    announced.unwrap_or_else(|refused| refused.failure().to_bencode())
}

fn scrape(tracker: &Tracker, query: &str, caller: &Caller<'_>) -> Vec<u8> {
    let scraped = infohashes_from_query(query).map_err(malformed).and_then(|infohashes| {
        let torrents = tracker.scrape(&infohashes, caller)?;
        Ok(to_bencode(&infohashes.into_iter().zip(torrents).collect::<Vec<_>>()))
    });
    scraped.unwrap_or_else(|refused| refused.failure().to_bencode())
}

/// Counts a request that could not be understood.
fn malformed(error: alto_types::tracker::announce::AnnounceError) -> Refused {
    let refused = Refused::from(error);
    meters::refused(&refused);
    refused
}

fn plain(body: Vec<u8>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
