//! Metrics of every request, and its line in the access log.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use http::header::{HeaderName, REFERER, USER_AGENT};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use metrics::{Counter, Histogram, SharedString};
use tower::{Layer, Service};

use super::exchange::{Facts, LoggedUser};

/// Counters of one resource's answers. The router attaches it to each answer, and the metering layer takes it off. The
/// handles are created once, because looking them up by label would cost more than the rest of a small answer.
pub(crate) struct Meter {
    resource: SharedString,
    duration: Histogram,
    bytes: Counter,
    /// Counters by status code, from 100.
    answers: [OnceLock<Counter>; 500],
}

/// Path to log instead of the request's, which has a secret in it. The router attaches it to answers.
#[derive(Clone)]
pub(crate) struct LoggedPath(pub(crate) Arc<str>);

/// Lines for requests in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccessLog {
    /// Leaves out what tells who the client is: address, user, agent, and the page that led to the request.
    pub(crate) is_anonymous: bool,
    /// Writes fields, for a log in JSON, instead of a line in the combined form of web servers.
    pub(crate) has_fields: bool,
}

/// What a line has of the request.
struct LoggedHead {
    log: AccessLog,
    method: Method,
    uri: Uri,
    version: Version,
    id: String,
    client: Option<IpAddr>,
    user: LoggedUser,
    referrer: String,
    agent: String,
}

/// Layer that meters every request.
#[derive(Clone)]
pub(crate) struct Metering {
    access_log: Option<AccessLog>,
    /// Counts answers that no route gave.
    unrouted: Arc<Meter>,
}

/// Service behind [`Metering`].
#[derive(Clone)]
pub(crate) struct Metered<S> {
    inner: S,
    metering: Metering,
}

impl Meter {
    /// Registers the metrics of a resource.
    pub(crate) fn new(resource: SharedString) -> Arc<Self> {
        Arc::new(Self {
            duration: metrics::histogram!("alto_request_duration_seconds", "resource" => resource.clone()),
            bytes: metrics::counter!("alto_response_bytes_total", "resource" => resource.clone()),
            answers: [const { OnceLock::new() }; 500],
            resource,
        })
    }

    /// Records one answer.
    fn count(&self, status: StatusCode, seconds: f64, bytes: Option<u64>) {
        if let Some(counter) = self.answers.get(usize::from(status.as_u16()).saturating_sub(100)) {
            let register = || {
                let (resource, status) = (self.resource.clone(), status.as_str().to_owned());
                metrics::counter!("alto_requests_total", "resource" => resource, "status" => status)
            };
            counter.get_or_init(register).increment(1);
        }
        self.duration.record(seconds);
        if let Some(bytes) = bytes {
            self.bytes.increment(bytes);
        }
    }
}

impl Metering {
    /// Creates the layer, with or without an access log.
    pub(crate) fn new(access_log: Option<AccessLog>) -> Self {
        Self { access_log, unrouted: Meter::new(SharedString::const_str("none")) }
    }
}

impl<S> Layer<S> for Metering {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered { inner, metering: self.clone() }
    }
}

impl<S, A, B> Service<Request<A>> for Metered<S>
where
    S: Service<Request<A>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: http_body::Body,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let start = Instant::now();
        // Copying the head is worth it only if it will be logged.
        let head = self.metering.access_log.map(|log| LoggedHead::of(&mut request, log));
        let (answer, unrouted) = (self.inner.call(request), Arc::clone(&self.metering.unrouted));
        Box::pin(async move {
            let mut response = answer.await?;
            let meter = response.extensions_mut().remove::<Arc<Meter>>().unwrap_or(unrouted);
            let (status, seconds) = (response.status(), start.elapsed().as_secs_f64());
            let bytes = response.body().size_hint().exact();
            meter.count(status, seconds, bytes);
            let logged_path = response.extensions_mut().remove::<LoggedPath>();
            if let Some(head) = head {
                let path = logged_path.as_ref().map_or(head.uri.path(), |path| &*path.0);
                head.log(path, status.as_u16(), bytes, (&meter.resource, seconds));
            }
            Ok(response)
        })
    }
}

impl LoggedHead {
    fn of<A>(request: &mut Request<A>, log: AccessLog) -> Self {
        let is_full = !log.is_anonymous;
        let field = |name: HeaderName| {
            let value = request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            value.unwrap_or_default()
        };
        let (referrer, agent) = if is_full { (field(REFERER), field(USER_AGENT)) } else { Default::default() };
        let id = field(HeaderName::from_static("x-request-id"));
        let (method, uri, version) = (request.method().clone(), request.uri().clone(), request.version());
        let user = LoggedUser::default();
        let mut client = None;
        let headers = request.headers().clone();
        if let Some(facts) = request.extensions_mut().get_mut::<Facts>().filter(|_| is_full) {
            client = facts.peer.and_then(|peer| facts.addressing.of(peer.ip(), &headers).ok());
            facts.user = Some(user.clone());
        }
        Self { log, method, uri, version, id, client, user, referrer, agent }
    }

    /// Writes the line.
    fn log(&self, path: &str, status: u16, bytes: Option<u64>, (resource, seconds): (&str, f64)) {
        let client = self.client.map(|client| client.to_string()).unwrap_or_default();
        let (method, id, user, agent) = (&self.method, &self.id, self.user.get(), &self.agent);
        if self.log.has_fields {
            tracing::info!(target: "access", %method, path, status, resource, seconds, bytes, id, client, user, agent);
            return;
        }
        let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { escaped(text) };
        let length = bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
        let (time, path) = (common_log_time(SystemTime::now()), escaped(path));
        let (client, user, referrer, agent) = (dash(&client), dash(&user), dash(&self.referrer), dash(agent));
        let version = self.version;
        // What the combined form does not have stands behind it.
        tracing::info!(
            target: "access",
            "{client} - {user} [{time}] \"{method} {path} {version:?}\" {status} {length} \"{referrer}\" \"{agent}\" \
             {resource} {seconds:.6} {id}"
        );
    }
}

/// Escapes what would end a quoted part, or the line.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() || "\"\\".contains(c) { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// Time in the form of the common log format, in UTC.
fn common_log_time(now: SystemTime) -> String {
    // "Sun, 29 Nov 2026 08:00:00 GMT", whose parts have fixed places.
    let date = httpdate::fmt_http_date(now);
    match (date.get(5..7), date.get(8..11), date.get(12..16), date.get(17..25)) {
        (Some(day), Some(month), Some(year), Some(time)) => format!("{day}/{month}/{year}:{time} +0000"),
        _ => date,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_cannot_be_forged() {
        assert_eq!(escaped("a\"b\\c\nd\u{1b}"), "a\\\"b\\\\c\\nd\\u{1b}");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(951_827_696);
        assert_eq!(common_log_time(time), "29/Feb/2000:12:34:56 +0000");
    }
}
