//! The two ways an ALTO resource answers: a document by GET, a lookup by POST (RFC 7285 §8.3.2).

use std::sync::Arc;
use std::time::SystemTime;

use alto_types::{Message, decode_request};
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, LAST_MODIFIED, VARY,
};
use http::{Method, StatusCode};

use super::encoding::Encoding;
use super::error::list;
use super::{Exchange, HttpError, Response, body, conditional, negotiation};
use crate::app::App;
use crate::published::{Published, Rendering};
use crate::service::Lookup;

/// Methods of a resource that is read.
pub(crate) const READ: &[Method] = &[Method::GET, Method::HEAD, Method::OPTIONS];
/// Methods of a resource that is asked.
pub(crate) const ASK: &[Method] = &[Method::POST, Method::OPTIONS];

/// More pairs or entries than this are answered off the event loop, which must not stall.
const INLINE_WEIGHT: usize = 10_000;

/// Checks the method. OPTIONS is answered here, as every resource answers it alike.
pub(crate) fn method(exchange: &Exchange, allowed: &'static [Method]) -> Result<Option<Response>, HttpError> {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE];
    match &exchange.method {
        &Method::OPTIONS => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NO_CONTENT;
            let allow = HeaderValue::try_from(list(allowed)).map_err(|_| HttpError::Internal)?;
            response.headers_mut().insert(ALLOW, allow);
            Ok(Some(response))
        }
        method if allowed.contains(method) => Ok(None),
        method if known.contains(method) => Err(HttpError::MethodNotAllowed(allowed)),
        method => Err(HttpError::MethodNotImplemented(method.clone())),
    }
}

/// Answers GET and HEAD with a document of the present view.
pub(crate) async fn read(
    app: Arc<App>,
    exchange: Exchange,
    document: impl for<'a> Fn(&'a Published) -> Rendering<'a> + Send + 'static,
) -> Result<Response, HttpError> {
    if let Some(response) = method(&exchange, READ)? {
        return Ok(response);
    }
    app.authenticate(&exchange)?;
    let published = app.network.current();
    let media_type = document(&published).media_type();
    if !negotiation::accepts(&exchange.headers, media_type) {
        return Err(HttpError::NotAcceptable(media_type));
    }
    let encoding = Encoding::negotiate(&exchange.headers);
    let now = SystemTime::now();
    let ready = document(&published).is_ready(encoding);
    let answer = move || {
        let document = document(&published);
        document_response(&exchange, &document, document.effective(encoding), now)
    };
    // The first reader of a view renders it, which takes its time for a large map.
    let response = if ready || app.documents_are_small() {
        answer()
    } else {
        tokio::task::spawn_blocking(answer).await.map_err(|_| HttpError::Internal)?
    };
    Ok(app.with_cache_control(response))
}

fn document_response(exchange: &Exchange, document: &Rendering<'_>, encoding: Encoding, now: SystemTime) -> Response {
    let entity_tag = document.entity_tag(encoding);
    let last_modified = conditional::last_modified(document.since(), now);
    let current = conditional::is_current(&exchange.headers, &entity_tag, last_modified);
    let mut response = Response::default();
    let headers = response.headers_mut();
    if let Ok(entity_tag) = HeaderValue::try_from(entity_tag) {
        headers.insert(ETAG, entity_tag);
    }
    if let Some(Ok(modified)) = last_modified.map(|time| HeaderValue::try_from(httpdate::fmt_http_date(time))) {
        headers.insert(LAST_MODIFIED, modified);
    }
    headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    if current {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(document.media_type().as_str()));
    if encoding != Encoding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    *response.body_mut() = document.body(encoding).into();
    response
}

/// Answers POST with the result of a lookup in the present view.
pub(crate) async fn ask<L: Lookup>(app: Arc<App>, mut exchange: Exchange) -> Result<Response, HttpError> {
    if let Some(response) = method(&exchange, ASK)? {
        return Ok(response);
    }
    app.authenticate(&exchange)?;
    if !negotiation::accepts(&exchange.headers, L::ANSWER) {
        return Err(HttpError::NotAcceptable(L::ANSWER));
    }
    let accepts = <L::Request as Message>::MEDIA_TYPE;
    let limit = app.limits.body_bytes;
    let bytes = body::read(&mut exchange, accepts.as_str(), limit, |content_type| accepts.names(content_type)).await?;
    let request: L::Request = decode_request(&bytes)?;
    let published = app.network.current();
    let weight = L::weigh(&request, &published, &app.limits.work)?;
    let since = L::since(&published);
    let client = exchange.client();
    let answer = move || L::answer(&published, request, client);
    let body = if weight <= INLINE_WEIGHT {
        answer()?
    } else {
        tokio::task::spawn_blocking(answer).await.map_err(|_| HttpError::Internal)??
    };
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(L::ANSWER.as_str()));
    // How fresh the costs are (RFC 9439 §6.2). Nothing is compared with it, as no request with a body is answered 304.
    if let Some(Ok(modified)) = since.map(|since| HeaderValue::try_from(httpdate::fmt_http_date(since))) {
        headers.insert(LAST_MODIFIED, modified);
    }
    // An answer may depend on the client's address and on a body that caches do not look at.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
