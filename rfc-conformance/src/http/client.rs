//! HTTP client: sends requests, follows redirects, authenticates, and bounds answers in size and time.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ureq::http::Method;
use ureq::{Agent, AsSendBody, SendBody};

use super::curl::{self, CurlOptions};
use super::digest::Credentials;
use super::exchange::{Exchange, Failure, NoAnswer};
use super::message::{Answer, MOST_BYTES, Request};
use super::observer::Observer;
use super::reading::Readings;
use super::settings::{Settings, SettingsError};
use super::tls::Trust;
use super::uri::{origin_of, resolve};

/// Maximum size of an answer head in bytes.
pub(super) const MOST_HEAD: usize = 64 * 1024;
/// Maximum size in bytes of request bodies that are kept in files.
const MOST_KEPT: usize = 1 << 20;
/// Maximum number of such files.
const MOST_FILES: usize = 256;
/// Maximum number of redirects followed for one request.
const MOST_REDIRECTS: usize = 10;
/// Number of consecutive requests without answer after which no more are sent.
const MOST_UNANSWERED: usize = 6;
/// Maximum number of repetitions of a request that is answered with 429 or 503 and Retry-After.
pub(crate) const MOST_RETRIES: usize = 3;
/// Time limit for the end of a connection.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);
/// The same for servers that have exceeded it before, so that they do not take the time of the run.
const SHORT_CLOSE_PATIENCE: Duration = Duration::from_millis(300);
/// Longest pause before a repetition; a server that asks for more is taken at its word.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// HTTP client that records every exchange.
pub struct Client {
    agent: Agent,
    /// Agent that never reuses a connection.
    fresh: Agent,
    pub(super) trust: Trust,
    /// Origin of the root directory, to which credentials may be sent.
    home: OnceLock<String>,
    credentials: Option<Credentials>,
    pub(super) curl_options: CurlOptions,
    pub(super) timeout: Duration,
    end: Instant,
    count: AtomicUsize,
    /// Number of consecutive requests without answer.
    unanswered: AtomicUsize,
    /// Number of the first request without an answer or with status 5xx after the last success.
    failing_since: AtomicUsize,
    /// True once a connection stayed open that had to end.
    lingers: AtomicBool,
    /// Number of bodies written to files.
    kept: AtomicUsize,
    observer: Arc<dyn Observer>,
    readings: Readings,
}

impl Client {
    /// Creates a client.
    pub fn new(settings: &Settings, observer: Arc<dyn Observer>) -> Result<Self, SettingsError> {
        let trust = Trust::new(settings.ca.as_deref(), settings.insecure)?;
        let curl_options = CurlOptions {
            user: settings.user.as_ref().map(|(name, _)| name.clone()),
            ca: settings.ca.as_ref().map(|path| path.display().to_string()),
            insecure: settings.insecure,
            bodies: settings.bodies.clone(),
        };
        let agent = |idle: usize| {
            Agent::config_builder()
                .tls_config(trust.agent.clone())
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .allow_non_standard_methods(true)
                .user_agent(concat!("rfc-conformance/", env!("CARGO_PKG_VERSION")))
                .accept("")
                .accept_encoding("")
                .timeout_global(Some(settings.timeout))
                // With interim answers, the library counts what it has read of the body as well.
                .max_response_header_size(16 * MOST_HEAD)
                .max_idle_connections(idle)
                .max_idle_connections_per_host(idle)
                .max_idle_age(Duration::from_secs(2))
                .proxy(None)
                .build()
                .new_agent()
        };
        Ok(Self {
            agent: agent(16),
            fresh: agent(0),
            trust,
            home: OnceLock::new(),
            credentials: settings.user.as_ref().map(|(name, password)| Credentials::new(name, password)),
            curl_options,
            timeout: settings.timeout,
            end: Instant::now() + settings.deadline,
            count: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
            lingers: AtomicBool::new(false),
            kept: AtomicUsize::new(0),
            failing_since: AtomicUsize::new(usize::MAX),
            observer,
            readings: Readings::default(),
        })
    }

    /// Sets the origin to which credentials may be sent.
    pub fn set_home(&self, uri: &str) {
        self.home.get_or_init(|| origin_of(uri).unwrap_or_default());
    }

    /// Returns the number of exchanges.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Sends a request and follows redirects: 303 by GET, 307 and 308 with the same method and body.
    pub fn follow(&self, request: Request) -> Result<Arc<Exchange>, NoAnswer> {
        let mut redirects = Vec::new();
        let mut request = request;
        loop {
            let exchange = self.send(request.clone())?;
            let location = exchange.answer.header("location").filter(|_| is_redirect(exchange.answer.status));
            let Some(next) = location.and_then(|location| resolve(location, &request.uri)) else {
                return Ok(if redirects.is_empty() { exchange } else { Arc::new(exchange.redirected(redirects)) });
            };
            if redirects.len() == MOST_REDIRECTS {
                let failure = Failure::Redirects(MOST_REDIRECTS);
                return Err(NoAnswer::new(failure, exchange.number, &request, exchange.took, exchange.curl.clone()));
            }
            redirects.push(exchange.record());
            let keeps = matches!(exchange.answer.status, 307 | 308) || request.method == "GET";
            request = if keeps { Request { uri: next, ..request } } else { turned_to_get(request, next) };
        }
    }

    /// Sends a request, with credentials if the server asks for them; redirects are not followed. A request that is
    /// answered with 429 or 503 and Retry-After (RFC 9110 §10.2.3) is repeated, as long as the time limit of the run permits.
    #[expect(clippy::needless_pass_by_value, reason = "a request is made to be sent")]
    pub fn send(&self, request: Request) -> Result<Arc<Exchange>, NoAnswer> {
        let mut exchange = self.send_once(request.clone())?;
        for _ in 0..MOST_RETRIES {
            if !self.has_waited(&exchange.answer) {
                break;
            }
            exchange = self.send_once(request.clone())?;
        }
        Ok(exchange)
    }

    /// Waits as long as an answer asks for before a repetition; false if it does not ask, or the time limit forbids it.
    pub(crate) fn has_waited(&self, answer: &Answer) -> bool {
        let pause = pause_before_retry(answer).filter(|pause| *pause <= LONGEST_PAUSE);
        let Some(pause) = pause.filter(|pause| Instant::now() + *pause < self.end) else { return false };
        std::thread::sleep(pause);
        true
    }

    /// Sends a request like [`Self::send`], but does not repeat it if the server is overloaded.
    #[expect(clippy::needless_pass_by_value, reason = "a request is made to be sent")]
    pub fn send_once(&self, request: Request) -> Result<Arc<Exchange>, NoAnswer> {
        let mut exchange = self.send_unchanged(self.authorised(&request))?;
        let open = exchange.answer.status == 401 && request.header("authorization").is_none();
        if open && self.is_challenged(&request.uri, &exchange.answer) {
            exchange = self.send_unchanged(self.authorised(&request))?;
        }
        Ok(exchange)
    }

    /// Sends a request as it is: without following redirects and without adding credentials.
    pub fn send_unchanged(&self, request: Request) -> Result<Arc<Exchange>, NoAnswer> {
        let number = self.next_number();
        let curl = curl::command(&request, &self.curl_options);
        self.keep_body(&request);
        let started = Instant::now();
        let sent = match self.given_up() {
            Some(failure) => Err(failure),
            // An idle connection may have been closed; only a fresh one shows whether the request is the cause.
            None => self.attempt(&self.agent, &request).or_else(|failure| match failure {
                Failure::Closed(_) | Failure::NotHttp(_) => self.attempt(&self.fresh, &request),
                other => Err(other),
            }),
        };
        if let Err(failure) = &sent
            && !failure.is_given_up()
            && !matches!(failure, Failure::Uri(_))
        {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            self.failing_since.fetch_min(number, Ordering::Relaxed);
        }
        self.record(number, request, sent, started.elapsed(), curl)
    }

    /// Writes a long body to a file that the command of the request refers to. A folder that cannot be written to costs the
    /// file, not the run.
    fn keep_body(&self, request: &Request) {
        let folder = self.curl_options.bodies.as_ref();
        if let (Some(folder), Some(body)) = (folder, request.body.as_ref().filter(|body| curl::is_long(body)))
            && body.len() <= MOST_KEPT
            && self.kept.fetch_add(1, Ordering::Relaxed) < MOST_FILES
        {
            let _unwritable = std::fs::write(folder.join(curl::body_name(body)), body);
        }
    }

    /// Returns the number of the next exchange.
    pub(super) fn next_number(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// Completes an exchange: resets the count of unanswered requests, and tells the observer.
    pub(super) fn record(
        &self,
        number: usize,
        request: Request,
        sent: Result<Answer, Failure>,
        took: Duration,
        command: String,
    ) -> Result<Arc<Exchange>, NoAnswer> {
        match sent {
            Ok(answer) => {
                self.unanswered.store(0, Ordering::Relaxed);
                // An error of the client, which a part of the server may have seen that still works, says nothing.
                if answer.status >= 500 {
                    self.failing_since.fetch_min(number, Ordering::Relaxed);
                } else if answer.status < 400 {
                    self.failing_since.store(usize::MAX, Ordering::Relaxed);
                }
                let reading = self.readings.of(&answer);
                let exchange = Exchange::new(number, request, answer, took, command).with_reading(reading);
                self.observer.observe(&exchange);
                Ok(Arc::new(exchange))
            }
            Err(failure) => Err(NoAnswer::new(failure, number, &request, took, command)),
        }
    }

    /// Tests whether the time limit of the run is exceeded.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Returns the time limit for the end of a connection; a short one once the server has exceeded it.
    pub(super) fn close_patience(&self) -> Duration {
        if self.lingers.load(Ordering::Relaxed) { SHORT_CLOSE_PATIENCE } else { CLOSE_PATIENCE }
    }

    /// Remembers that a connection stayed open that had to end.
    pub(super) fn note_lingering(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    /// Returns the number of the first request that failed after the last success; `None` if none failed since.
    pub(crate) fn failing_since(&self) -> Option<usize> {
        Some(self.failing_since.load(Ordering::Relaxed)).filter(|number| *number != usize::MAX)
    }

    /// Allows one more request, to find out whether a server that has stopped answering is back.
    pub(crate) fn give_another_chance(&self) {
        self.unanswered.store(MOST_UNANSWERED - 1, Ordering::Relaxed);
    }

    /// Returns the reason why no more requests are sent, if there is one.
    pub(super) fn given_up(&self) -> Option<Failure> {
        if self.is_over() {
            return Some(Failure::Deadline);
        }
        let unanswered = self.unanswered.load(Ordering::Relaxed);
        (unanswered >= MOST_UNANSWERED).then_some(Failure::Dead(unanswered))
    }

    /// Returns the time limit of a request that is sent now.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout.min(self.patience_of_run())
    }

    /// Returns the time that is left of the run.
    pub(super) fn patience_of_run(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
    }

    /// Returns the failure of a request that took too long: its own time limit, or that of the run.
    pub(super) fn timed_out(&self) -> Failure {
        if self.is_over() { Failure::Deadline } else { Failure::TimedOut(self.timeout) }
    }

    /// Stores the challenge of an answer; false if there is none that the credentials can meet.
    pub(crate) fn is_challenged(&self, uri: &str, answer: &Answer) -> bool {
        let credentials = self.credentials.as_ref().filter(|_| self.is_home(uri));
        credentials.is_some_and(|credentials| credentials.challenged(answer))
    }

    /// Tests whether certificates are accepted without verification.
    pub(crate) fn is_insecure(&self) -> bool {
        self.curl_options.insecure
    }

    /// Tests whether a URI has the origin to which credentials may be sent.
    pub(crate) fn is_home(&self, uri: &str) -> bool {
        self.home.get().is_some_and(|home| origin_of(uri).as_ref() == Some(home))
    }

    /// Adds an `Authorization` field to a request, if the server has asked for one.
    pub(super) fn authorised(&self, request: &Request) -> Request {
        let credentials = self.credentials.as_ref().filter(|_| self.is_home(&request.uri));
        let credentials = credentials.filter(|_| request.header("authorization").is_none());
        match credentials.and_then(|credentials| credentials.authorization(request)) {
            Some(authorization) => request.clone().with("Authorization", &authorization),
            None => request.clone(),
        }
    }

    fn attempt(&self, agent: &Agent, request: &Request) -> Result<Answer, Failure> {
        let unaskable = |error: &dyn std::fmt::Display| Failure::Uri(error.to_string());
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| unaskable(&error))?;
        let mut builder = ureq::http::Request::builder().method(method).uri(&request.uri);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let patience = self.patience();
        let sent = match (&request.body, request.chunked) {
            (None, _) => run(agent, builder.body(()), patience),
            (Some(body), false) => run(agent, builder.body(&body[..]), patience),
            (Some(body), true) => {
                run(agent, builder.body(SendBody::from_owned_reader(std::io::Cursor::new(body.clone()))), patience)
            }
        };
        let sent = sent.map_err(|error| unaskable(&error))?;
        let response = sent.map_err(|error| self.failure(error))?;
        let (head, body) = response.into_parts();
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let mut answer = Answer { status: head.status.as_u16(), headers: headers.collect(), body: Vec::new() };
        if request.method == "HEAD" || matches!(answer.status, 204 | 304) {
            // The library would decode the content that these do not have.
            return Ok(answer);
        }
        let read = body.into_reader().take(MOST_BYTES + 1).read_to_end(&mut answer.body);
        read.map_err(|error| self.broken_off(error, answer.body.len()))?;
        if answer.body.len() as u64 > MOST_BYTES {
            return Err(Failure::TooLong(MOST_BYTES));
        }
        Ok(answer)
    }

    fn broken_off(&self, error: std::io::Error, after: usize) -> Failure {
        match error.downcast::<ureq::Error>() {
            Ok(error) => match self.failure(error) {
                Failure::Closed(reason) => Failure::Closed(format!("after {after} bytes of the body: {reason}")),
                other => other,
            },
            Err(error) => Failure::Closed(format!("after {after} bytes of the body: {error}")),
        }
    }

    fn failure(&self, error: ureq::Error) -> Failure {
        use std::io::ErrorKind;
        use ureq::Error;
        match error {
            Error::Timeout(_) => self.timed_out(),
            Error::Io(error) => match error.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    Failure::Unreachable(error.to_string())
                }
                ErrorKind::TimedOut | ErrorKind::WouldBlock => self.timed_out(),
                ErrorKind::InvalidData => match error.downcast::<rustls::Error>() {
                    Ok(error) => Failure::Tls(error.to_string()),
                    Err(error) => Failure::Closed(error.to_string()),
                },
                _ => Failure::Closed(error.to_string()),
            },
            Error::HostNotFound => Failure::Unreachable("no such host".to_owned()),
            Error::ConnectionFailed => Failure::Unreachable("connection failed".to_owned()),
            Error::Tls(reason) => Failure::Tls(reason.to_owned()),
            Error::Rustls(error) => Failure::Tls(error.to_string()),
            Error::LargeResponseHeader(..) => Failure::TooLong(MOST_HEAD as u64),
            Error::BadUri(reason) => Failure::Uri(reason),
            Error::Http(error) => Failure::Uri(error.to_string()),
            other => Failure::NotHttp(other.to_string()),
        }
    }
}

/// Sends a request with a time limit of its own; an inner error is one of the exchange, an outer one of the request.
fn run(
    agent: &Agent,
    request: Result<ureq::http::Request<impl AsSendBody>, ureq::http::Error>,
    patience: Duration,
) -> Result<Result<ureq::http::Response<ureq::Body>, ureq::Error>, ureq::http::Error> {
    Ok(agent.run(agent.configure_request(request?).timeout_global(Some(patience)).build()))
}

/// Returns the pause that a server asks for before a request is repeated.
fn pause_before_retry(answer: &Answer) -> Option<Duration> {
    let seconds = answer.header("retry-after").filter(|_| matches!(answer.status, 429 | 503))?.trim();
    seconds.parse().ok().map(Duration::from_secs)
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Turns a request into a GET after a 303, or after a 301 or 302 to a POST.
fn turned_to_get(request: Request, uri: String) -> Request {
    let about_the_body = |name: &str| name.to_ascii_lowercase().starts_with("content-");
    let headers = request.headers.into_iter().filter(|(name, _)| !about_the_body(name)).collect();
    Request { method: "GET".to_owned(), uri, headers, body: None, chunked: false, raw: None }
}
