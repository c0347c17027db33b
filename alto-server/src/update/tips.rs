//! The Transport Information Publication Service (RFC 9569).

use std::sync::Arc;
use std::time::Duration;

use alto_history::{Item, Missing};
use alto_types::{EdgeRequest, MediaType, ProtocolError, TipsRequest, TipsView, ViewSummary, decode_request};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};

use super::event::media_type;
use super::hub::{Asker, Hub};
use super::open::secret;
use super::query::{NotFollowed, Query};
use super::view::View;
use crate::http::access::Access;
use crate::http::{Exchange, HttpError, Response, body, negotiation};
use crate::resource::tips::PATH;

/// Number of versions beyond the newest one that requests may wait for.
const WINDOW: u64 = 1;

/// Time after which refused clients should try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The service, with what all its requests need.
pub(super) struct Tips {
    pub(super) hub: Arc<Hub>,
    pub(super) access: Arc<Access>,
    pub(super) body_bytes: u64,
    /// Absolute URI under which clients reach the root of the server, without a slash at its end.
    pub(super) base_uri: Option<String>,
    /// Scheme of URIs where the operator has given no base.
    pub(super) scheme: &'static str,
}

impl Tips {
    /// Opens a view, or finds the one that is open (RFC 9569 §6).
    pub(super) async fn open(self: Arc<Self>, mut exchange: Exchange) -> Result<Response, HttpError> {
        self.access.authenticate(&exchange)?;
        if !negotiation::accepts(&exchange.headers, MediaType::TIPS) {
            return Err(HttpError::NotAcceptable(MediaType::TIPS));
        }
        let TipsRequest { resource_id, tag, input } = self.read(&mut exchange).await?;
        let base = self.base(&exchange)?;
        let asker = Asker::of(&exchange);
        let query = Query::new(self.hub.catalogue(), &resource_id, input.as_ref(), asker.client);
        let query = query.map_err(|refused| match refused {
            NotFollowed::UnknownResource => ProtocolError::invalid_value("resource-id", resource_id.as_str()),
            NotFollowed::Input(error) => error,
        })?;
        let feed = self.hub.feed(query, &asker).await.map_err(|error| match error {
            HttpError::Overloaded(after) => {
                HttpError::NoUpdate(StatusCode::TOO_MANY_REQUESTS, "too many views are open", Some(after))
            }
            other => other,
        })?;
        self.hub.render(&feed, &asker).await?;
        let view = {
            let (mut views, now) = (self.hub.views(), self.hub.now());
            let known = views.values().find(|view| Arc::ptr_eq(&view.feed, &feed)).cloned();
            known.unwrap_or_else(|| {
                let view = Arc::new(View::new(secret(), Arc::clone(&feed), now));
                views.insert(view.id.clone(), Arc::clone(&view));
                view
            })
        };
        view.touch(self.hub.now());
        let held = tag.and_then(|tag| feed.find(&tag));
        let tips_view_uri = Some(format!("{base}/{PATH}/{}", view.id));
        let summary = ViewSummary { updates_graph_summary: feed.summary(held) };
        Ok(answer(MediaType::TIPS, &TipsView { tips_view_uri, tips_view_summary: summary }))
    }

    /// Recommends the edge that a client should begin with (RFC 9569 §7.4).
    pub(super) async fn recommend(self: Arc<Self>, mut exchange: Exchange) -> Result<Response, HttpError> {
        self.access.authenticate(&exchange)?;
        let view = self.view(&exchange)?;
        if !negotiation::accepts(&exchange.headers, MediaType::MERGE_PATCH) {
            return Err(HttpError::NotAcceptable(MediaType::MERGE_PATCH));
        }
        let EdgeRequest { resource_id, tag } = self.read(&mut exchange).await?;
        if view.feed.query().resource(self.hub.catalogue()).id != resource_id.as_str() {
            return Err(ProtocolError::invalid_value("resource-id", resource_id).into());
        }
        let held = tag.and_then(|tag| view.feed.find(&tag));
        let summary = ViewSummary { updates_graph_summary: view.feed.summary(held) };
        // A patch of what opening the view gave; its URI stays.
        Ok(answer(MediaType::MERGE_PATCH, &TipsView { tips_view_uri: None, tips_view_summary: summary }))
    }

    /// Answers with an update, once it exists (RFC 9569 §7.2).
    pub(super) async fn update(self: Arc<Self>, exchange: Exchange) -> Result<Response, HttpError> {
        self.access.authenticate(&exchange)?;
        let view = self.view(&exchange)?;
        let [from, to] = [3, 4].map(|segment| number(exchange.segment(segment)));
        let (Some(from), Some(to)) = (from, to) else { return Err(no_edge()) };
        let mut news = self.hub.news();
        let item = match view.feed.item(from, to) {
            Err(Missing::Future { distance }) if to == from + 1 && distance <= WINDOW => {
                let _place = exchange.budget().stream().map_err(|_| {
                    let detail = "too many requests wait for updates";
                    HttpError::NoUpdate(StatusCode::TOO_MANY_REQUESTS, detail, Some(RETRY_AFTER))
                })?;
                let _waiting = view.wait();
                exchange.wait();
                let mut stopping = self.hub.stopping();
                loop {
                    match view.feed.item(from, to) {
                        Err(Missing::Future { .. }) => {}
                        found => break found,
                    }
                    if view.feed.ended().is_some() {
                        return Err(closed());
                    }
                    tokio::select! {
                        changed = news.changed() => if changed.is_err() { return Err(closed()) },
                        _ = stopping.wait_for(|stopping| *stopping) => return Err(HttpError::Overloaded(RETRY_AFTER)),
                    }
                }
            }
            found => found,
        };
        view.touch(self.hub.now());
        let item = item.map_err(|missing| match missing {
            Missing::Past => HttpError::NoUpdate(StatusCode::GONE, "the version is older than all that are kept", None),
            Missing::Future { distance } if distance > WINDOW => {
                let detail = "the version is further in the future than requests may wait for";
                HttpError::NoUpdate(StatusCode::TOO_EARLY, detail, None)
            }
            Missing::Future { .. } | Missing::NoEdge => no_edge(),
        })?;
        exchange.admit()?;
        self.item(&view, &item, &exchange)
    }

    fn item(&self, view: &View, item: &Item, exchange: &Exchange) -> Result<Response, HttpError> {
        let media_type = media_type(item.form, view.feed.media_type());
        if !negotiation::accepts(&exchange.headers, media_type) {
            let detail = "the update has another media type than those in Accept";
            return Err(HttpError::NoUpdate(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail, None));
        }
        let mut response = Response::new(item.text.body().clone().into());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type.as_str()));
        // An update never changes, so that caches can serve it to everybody, those who waited for it included.
        headers.insert(CACHE_CONTROL, self.access.immutable(self.hub.limits().history.age));
        Ok(response)
    }

    fn view(&self, exchange: &Exchange) -> Result<Arc<View>, HttpError> {
        let view = self.hub.views().get(exchange.segment(1)).cloned();
        let view = view.filter(|view| view.feed.ended().is_none()).ok_or_else(closed)?;
        view.touch(self.hub.now());
        Ok(view)
    }

    /// URI under which clients reach the root of the server (RFC 9569 §6.2).
    fn base(&self, exchange: &Exchange) -> Result<String, HttpError> {
        if let Some(base) = &self.base_uri {
            return Ok(base.clone());
        }
        let authority = exchange.target.authority().map(ToString::to_string);
        let host = || exchange.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let host = authority.or_else(host).filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| HttpError::BadRequest("the request names no host".to_owned()))?;
        Ok(format!("{}://{host}", self.scheme))
    }

    async fn read<R: alto_types::Request>(&self, exchange: &mut Exchange) -> Result<R, HttpError> {
        let accepts = R::MEDIA_TYPE;
        let bytes = body::read(exchange, accepts.as_str(), self.body_bytes, |given| accepts.names(given)).await?;
        Ok(decode_request(&bytes)?)
    }
}

fn answer(media_type: MediaType, view: &TipsView) -> Response {
    let mut response = crate::http::error::json(StatusCode::OK, media_type.as_str(), view);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn closed() -> HttpError {
    HttpError::NoUpdate(StatusCode::NOT_FOUND, "no open view has this URI; open one", None)
}

fn no_edge() -> HttpError {
    HttpError::NoUpdate(StatusCode::NOT_FOUND, "no update leads from this version to that one", None)
}

/// Reads a sequence number: digits without a sign or zeros in front.
fn number(segment: &str) -> Option<u64> {
    let is_plain = segment.bytes().all(|byte| byte.is_ascii_digit()) && (segment == "0" || !segment.starts_with('0'));
    // Numbers of JSON are exact up to 2^53.
    segment.parse().ok().filter(|number| is_plain && *number < 1 << 53)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_are_plain_digits() {
        assert_eq!(["0", "7", "9007199254740991"].map(number), [Some(0), Some(7), Some(9_007_199_254_740_991)]);
        for text in ["", "+1", "-1", "01", "1.0", "1e3", "9007199254740992", "99999999999999999999999", "x"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
