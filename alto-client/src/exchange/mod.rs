//! HTTP exchanges with any server, bounded in time and size: redirects are followed, Digest challenges answered, and busy
//! servers asked again.

mod cache;
mod digest;
mod freshness;
mod reach;
mod transport;
mod uri;

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use alto_types::MediaType;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use plain_words::tls_fault;
use ureq::{Agent, AsSendBody, Body, Timeout};

pub(crate) use self::cache::{Cache, Kept, Reuse};
use self::digest::Challenged;
pub(crate) use self::digest::{Credentials, Digest};
use self::freshness::Validators;
pub(crate) use self::reach::Reach;
pub(crate) use self::transport::TransportSettings;
use self::transport::agent;
pub(crate) use self::uri::HttpUri;
pub use self::uri::UriError;
use crate::error::{Error, RedirectFault};
use crate::scope::ReachFault;

/// Largest body that is read of an answer that is not a success, in bytes.
const MAX_ERROR_BODY: u64 = 64 * 1024;
/// First wait for a busy server that sends no `Retry-After`; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How users trust an authority, for the words about certificates.
const TRUST: &str = "trust the authority that signed it (option --ca)";
/// Words for an answer over plain TCP that is not HTTP.
const NOT_HTTP: &str = "the answer is not HTTP: this is probably an HTTPS server, so use https:// instead of http://";
/// Number of challenges of one origin in one exchange at which it fails: one is answered, and one for a stale nonce.
const MAX_CHALLENGES: u32 = 3;

/// Bounds on every exchange of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Time for one answer, with all redirects and waits on the way to it.
    pub(crate) timeout: Duration,
    /// Largest body of an answer, in bytes.
    pub(crate) max_answer: u64,
    /// Number of redirects followed on the way to one answer.
    pub(crate) max_redirects: u32,
    /// Number of times that a busy server is asked again.
    pub(crate) retries: u32,
    /// Longest `Retry-After` that is waited for.
    pub(crate) max_retry_after: Duration,
}

/// Request to a resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) uri: &'a HttpUri,
    /// Media type of the answer that is wanted.
    pub(crate) accept: MediaType,
    /// Other media types of answers that are wanted.
    pub(crate) or: &'a [MediaType],
    /// Media type and bytes of the body of a POST; absent for a GET (RFC 7285 §8.3.2).
    pub(crate) body: Option<(MediaType, &'a [u8])>,
    /// Validators of the answer at hand, which make the request conditional.
    pub(crate) unless: Option<&'a Validators>,
    /// Largest answer accepted, in bytes, if that is less than usual.
    pub(crate) limit: Option<u64>,
    /// True if caches on the way must ask the server.
    pub(crate) past_caches: bool,
    /// Moment at which the exchange fails, if that is sooner than usual.
    pub(crate) deadline: Option<Instant>,
}

impl<'a> Question<'a> {
    /// GET without conditions.
    pub(crate) fn get(uri: &'a HttpUri, accept: MediaType) -> Self {
        Self { uri, accept, or: &[], body: None, unless: None, limit: None, past_caches: false, deadline: None }
    }
}

/// Final answer to a request: a success, a 304, or an error of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    /// URI of the resource that answered, after redirects: the base of the URIs in the body.
    pub(crate) uri: HttpUri,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) received: SystemTime,
}

/// Answer whose body arrives as things happen.
pub(crate) struct Live {
    /// URI of the resource that answered, after redirects.
    pub(crate) uri: HttpUri,
    /// Value of `Content-Type`.
    pub(crate) content_type: String,
    pub(crate) body: Box<dyn Read + Send>,
}

/// Connections apart from those of other requests, which another thread can close while an answer is awaited.
#[derive(Clone, Debug)]
pub(crate) struct Line(Agent);

/// Times that one request may take.
#[derive(Clone, Copy)]
enum Pace<'a> {
    /// Time for everything is that of the exchange.
    Bounded,
    /// Time for the head of the answer, and between two pieces of its body, on a line of its own.
    Live { line: &'a Line, head: Duration, silence: Duration },
}

/// Sender of requests, with everything that is common to them.
#[derive(Debug)]
pub(crate) struct Exchange {
    agent: Agent,
    transport: TransportSettings,
    digest: Digest,
    limits: Limits,
    reach: Arc<Reach>,
}

/// State of one exchange.
struct Course<'a> {
    uri: HttpUri,
    body: Option<(MediaType, &'a [u8])>,
    deadline: Instant,
    redirects: u32,
    visited: HashSet<(bool, String)>,
    pauses: u32,
    challenges: u32,
}

impl Exchange {
    pub(crate) fn new(transport: &TransportSettings, reach: Reach, digest: Digest, limits: Limits) -> Self {
        let reach = Arc::new(reach);
        Self { agent: agent(transport, Arc::clone(&reach)), transport: transport.clone(), digest, limits, reach }
    }

    /// Opens a line, without a connection yet.
    pub(crate) fn line(&self) -> Line {
        Line(agent(&self.transport, Arc::clone(&self.reach)))
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends a request until its answer is neither a redirect nor a challenge nor "busy".
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Answer, Error> {
        let (uri, response) = self.converse(question, Pace::Bounded)?;
        self.read(&uri, response, question.limit)
    }

    /// Sends a request in the same way, and returns a success as soon as its head has arrived, within the time `head`. Its
    /// body may then pause for the time `silence`. Any other answer is read to its end.
    pub(crate) fn open(
        &self,
        question: &Question<'_>,
        line: &Line,
        head: Duration,
        silence: Duration,
    ) -> Result<Result<Live, Answer>, Error> {
        let (uri, response) = self.converse(question, Pace::Live { line, head, silence })?;
        if !response.status().is_success() {
            return Ok(Err(self.read(&uri, response, None)?));
        }
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (content_type, body) = (content_type.unwrap_or_default(), Box::new(response.into_body().into_reader()));
        Ok(Ok(Live { uri, content_type, body }))
    }

    /// Sends a request until its answer is neither a redirect nor a challenge nor "busy". Returns it with its URI.
    fn converse(&self, question: &Question<'_>, pace: Pace<'_>) -> Result<(HttpUri, http::Response<Body>), Error> {
        let latest = Instant::now() + self.limits.timeout;
        let mut course = Course {
            uri: question.uri.clone(),
            body: question.body,
            deadline: question.deadline.map_or(latest, |deadline| deadline.min(latest)),
            redirects: 0,
            visited: HashSet::new(),
            pauses: 0,
            challenges: 0,
        };
        course.visited.insert(course.step());
        loop {
            let (response, authorised) = self.once(question, &course, pace)?;
            let status = response.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308 | 401 | 429 | 503) {
                return Ok((course.uri, response));
            }
            let answer = self.read(&course.uri, response, question.limit)?;
            match status {
                401 => self.authorise(&mut course, &answer, authorised)?,
                429 | 503 => self.pause(&mut course, &answer)?,
                _ => self.redirect(&mut course, &answer)?,
            }
        }
    }

    /// Sends one request. Returns the head of its answer, and true if the request carried credentials.
    fn once(
        &self,
        question: &Question<'_>,
        course: &Course<'_>,
        pace: Pace<'_>,
    ) -> Result<(http::Response<Body>, bool), Error> {
        let uri = &course.uri;
        let failed = |error| failed(uri, error);
        let method = if course.body.is_some() { Method::POST } else { Method::GET };
        let bytes = course.body.map(|(_, bytes)| bytes);
        let wanted = [question.accept].into_iter().chain(question.or.iter().copied()).chain([MediaType::ERROR]);
        let wanted = wanted.map(MediaType::as_str).collect::<Vec<_>>().join(", ");
        let mut request = Request::builder().method(&method).uri(uri.as_str()).header(ACCEPT, wanted);
        if let Some((media_type, _)) = course.body {
            request = request.header(CONTENT_TYPE, media_type.as_str());
        }
        for (name, value) in question.unless.into_iter().flat_map(Validators::fields) {
            request = request.header(name, value);
        }
        if question.past_caches {
            request = request.header(CACHE_CONTROL, "no-cache");
        }
        let authorization = self.digest.authorization(&uri.origin(), method.as_str(), &uri.target(), bytes);
        let authorised = authorization.is_some();
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let left = course.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(failed(ureq::Error::Timeout(Timeout::Global)));
        }
        let started = Instant::now();
        let sent = match bytes {
            Some(bytes) => {
                request.body(bytes).map_err(ureq::Error::from).and_then(|request| self.run(request, pace, left))
            }
            None => request.body(()).map_err(ureq::Error::from).and_then(|request| self.run(request, pace, left)),
        };
        let response = sent.map_err(failed)?;
        let (milliseconds, status) = (started.elapsed().as_millis(), response.status().as_u16());
        tracing::debug!(%method, %uri, status, milliseconds, "asked");
        Ok((response, authorised))
    }

    /// Runs a request within its times.
    fn run<B: AsSendBody>(
        &self,
        request: Request<B>,
        pace: Pace<'_>,
        left: Duration,
    ) -> Result<http::Response<Body>, ureq::Error> {
        match pace {
            Pace::Bounded => {
                let config = self.agent.configure_request(request);
                self.agent.run(config.timeout_global(Some(left)).build())
            }
            Pace::Live { line: Line(agent), head, silence } => {
                let config = agent.configure_request(request).timeout_recv_response(Some(head));
                agent.run(config.timeout_per_read(Some(silence.max(head))).build())
            }
        }
    }

    /// Reads the body of an answer to its end.
    fn read(&self, uri: &HttpUri, response: http::Response<Body>, limit: Option<u64>) -> Result<Answer, Error> {
        let failed = |error| failed(uri, error);
        let (head, body) = response.into_parts();
        let most = limit.map_or(self.limits.max_answer, |limit| limit.min(self.limits.max_answer));
        let limit = if head.status.is_success() { most } else { MAX_ERROR_BODY };
        let read = body.into_with_config().limit(limit).read_to_vec();
        let body = match read {
            Ok(body) => body,
            // The status is enough of an answer whose body is too long for a sensible error.
            Err(ureq::Error::BodyExceedsLimit(_)) if !head.status.is_success() => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let (status, headers, received) = (head.status, head.headers, SystemTime::now());
        Ok(Answer { uri: uri.clone(), status, headers, body, received })
    }

    /// Follows a redirect. A 303 turns the request into a GET; every other one keeps method and body
    /// (RFC 7231 §6.4, RFC 7285 §8.5.3), without which an ALTO query would be lost. A request with a body stays within its
    /// origin, or could be turned against another service.
    fn redirect(&self, course: &mut Course<'_>, answer: &Answer) -> Result<(), Error> {
        let refused = |reason| Error::Redirect { uri: answer.uri.to_string(), reason };
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| refused(RedirectFault::NoLocation))?;
        let target = course
            .uri
            .resolve(location)
            .map_err(|_| refused(RedirectFault::BadLocation(location.chars().take(200).collect())))?;
        if course.uri.is_https() && !target.is_https() {
            return Err(refused(RedirectFault::Downgrade(target.to_string())));
        }
        if course.redirects == self.limits.max_redirects {
            return Err(refused(RedirectFault::TooMany(self.limits.max_redirects)));
        }
        if answer.status == StatusCode::SEE_OTHER {
            course.body = None;
        }
        if course.body.is_some() && target.origin() != course.uri.origin() && !target.is_upgrade_of(&course.uri) {
            return Err(refused(RedirectFault::LeavesOrigin(target.to_string())));
        }
        course.uri = target;
        course.redirects += 1;
        // The new origin may send a challenge of its own.
        course.challenges = 0;
        if course.visited.insert(course.step()) {
            Ok(())
        } else {
            Err(refused(RedirectFault::Loop(course.uri.to_string())))
        }
    }

    /// Takes up a challenge, so that the next request answers it.
    fn authorise(&self, course: &mut Course<'_>, answer: &Answer, authorised: bool) -> Result<(), Error> {
        let origin = course.uri.origin();
        let denied = |reason| Error::Denied { uri: answer.uri.to_string(), reason };
        if !self.digest.knows(&origin) {
            return Err(denied(
                "the server wants credentials, and there are none for it: give a user name and a password (option --user)",
            ));
        }
        let challenged = self.digest.challenged(&origin, &answer.headers);
        course.challenges += 1;
        // The server may have forgotten a nonce of an earlier exchange, but not the one it has just sent.
        let tried = authorised && course.challenges > 1 && challenged != Challenged::Stale;
        if challenged == Challenged::Unusable {
            return Err(denied("the server offers no form of Digest (RFC 7616) that this client knows"));
        }
        if tried || course.challenges == MAX_CHALLENGES {
            self.digest.forget(&origin);
            return Err(denied("the user name or the password is wrong"));
        }
        Ok(())
    }

    /// Waits as long as a busy server asks for, within the limits.
    fn pause(&self, course: &mut Course<'_>, answer: &Answer) -> Result<(), Error> {
        let asked = retry_after(&answer.headers, answer.received);
        let wait = asked.unwrap_or(FIRST_PAUSE * 2_u32.saturating_pow(course.pauses));
        let left = course.deadline.saturating_duration_since(Instant::now());
        if course.pauses == self.limits.retries || wait > self.limits.max_retry_after || wait >= left {
            let (uri, status) = (answer.uri.to_string(), answer.status.as_u16());
            return Err(Error::Busy { uri, status, retry_after: asked });
        }
        course.pauses += 1;
        thread::sleep(wait);
        Ok(())
    }
}

impl Line {
    /// Closes all connections of the line; requests on it fail from then on.
    pub(crate) fn close(&self) {
        self.0.clone().shutdown();
    }
}

impl Live {
    /// Reads the body to its end, which is at most `limit` bytes long.
    pub(crate) fn read(self, limit: u64) -> Result<Vec<u8>, Error> {
        let uri = self.uri.to_string();
        let mut text = Vec::new();
        let read = self.body.take(limit.saturating_add(1)).read_to_end(&mut text);
        match read {
            Ok(_) if text.len() as u64 > limit => Err(Error::TooLarge { uri, limit }),
            Ok(_) => Ok(text),
            Err(error) => Err(Error::Transport { uri, source: error.into() }),
        }
    }
}

impl Course<'_> {
    /// Method and place of the next request, for detecting loops.
    fn step(&self) -> (bool, String) {
        (self.body.is_some(), self.uri.key())
    }
}

/// Error for a request that got no answer.
fn failed(uri: &HttpUri, error: ureq::Error) -> Error {
    let (uri, is_http) = (uri.to_string(), !uri.is_https());
    match error {
        ureq::Error::Timeout(phase) => Error::Timeout { uri, phase: phase.to_string() },
        ureq::Error::BodyExceedsLimit(limit) => Error::TooLarge { uri, limit },
        ureq::Error::HostNotFound => Error::Transport { uri, source: "no such host".into() },
        ureq::Error::Io(source) => match source.get_ref().and_then(|inner| inner.downcast_ref::<ReachFault>()) {
            Some(reason) => Error::OutOfReach { uri, reason: reason.clone() },
            None => match tls_fault(&source.to_string(), TRUST) {
                Some(explained) => Error::Transport { uri, source: explained.into() },
                None => Error::Transport { uri, source: source.into() },
            },
        },
        other => match tls_fault(&other.to_string(), TRUST) {
            Some(explained) => Error::Transport { uri, source: explained.into() },
            None if is_http && other.to_string().contains("http parse fail") => {
                Error::Transport { uri, source: NOT_HTTP.into() }
            }
            None => Error::Transport { uri, source: other.into() },
        },
    }
}

/// Reads `Retry-After`: seconds, or a date (RFC 7231 §7.1.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Thu, 01 Jan 2026 00:00:00 GMT").unwrap();
        for (value, wait) in [
            ("5", Some(5)),
            ("Thu, 01 Jan 2026 00:00:07 GMT", Some(7)),
            ("Wed, 31 Dec 2025 00:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), wait.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
