//! Metrics of every request, and its line in the access log.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Response;
use http::header::{HeaderName, HeaderValue, REFERER, USER_AGENT};

use super::head::Head;
use super::meter::Meter;

/// Lines for requests in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccessLog {
    /// Leaves out what tells who the client is: address, user, agent, and the page that led to the request.
    pub(crate) is_anonymous: bool,
    /// Writes fields, for a log in JSON, instead of a line in the combined form of web servers.
    pub(crate) has_fields: bool,
}

/// Metrics of every request, and its line in the access log.
pub(super) struct Metering {
    access_log: Option<AccessLog>,
    /// Counts answers that no route gave.
    unrouted: Arc<Meter>,
}

impl Metering {
    /// Creates the metrics, with or without an access log.
    pub(super) fn new(access_log: Option<AccessLog>) -> Self {
        Self { access_log, unrouted: Meter::of("none") }
    }

    /// Records the answer to a request, and the time that it took. The ID is absent if there are no more.
    pub(super) fn record<B: http_body::Body>(
        &self,
        time: Duration,
        request: &Head,
        id: Option<&HeaderValue>,
        answer: &Response<B>,
    ) {
        let meter = request.found.account.get().map_or(&self.unrouted, |account| &account.meter);
        let (status, bytes) = (answer.status(), answer.body().size_hint().exact());
        meter.count(status, time, bytes);
        if let Some(log) = self.access_log {
            log.write((request, id), status.as_u16(), bytes, (&meter.resource, time.as_secs_f64()));
        }
    }
}

impl AccessLog {
    /// Writes the line of a request.
    fn write(
        self,
        (request, id): (&Head, Option<&HeaderValue>),
        status: u16,
        bytes: Option<u64>,
        (resource, seconds): (&str, f64),
    ) {
        let is_full = !self.is_anonymous;
        let text = |value: Option<&HeaderValue>| {
            value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
        };
        let field = |name: HeaderName| text(request.headers.get(name).filter(|_| is_full));
        let (method, id, agent) = (&request.method, text(id), field(USER_AGENT));
        let client = request.client.filter(|_| is_full).map(|client| client.to_string()).unwrap_or_default();
        let user = if is_full { request.user() } else { "" };
        let logged_path = request.found.account.get().and_then(|account| account.logged_path.as_deref());
        let path = logged_path.unwrap_or_else(|| request.target.path());
        if self.has_fields {
            tracing::info!(target: "access", %method, path, status, resource, seconds, bytes, id, client, user, agent);
            return;
        }
        let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { escaped(text) };
        let length = bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
        let (time, path) = (common_log_time(SystemTime::now()), escaped(path));
        let (client, user, referrer, agent) = (dash(&client), dash(user), dash(&field(REFERER)), dash(&agent));
        let version = request.version;
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
    use super::*;

    #[test]
    fn a_line_cannot_be_forged() {
        assert_eq!(escaped("a\"b\\c\nd\u{1b}"), "a\\\"b\\\\c\\nd\\u{1b}");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(951_827_696);
        assert_eq!(common_log_time(time), "29/Feb/2000:12:34:56 +0000");
    }
}
