//! One question, one answer: redirects followed, challenges met, busy servers waited for, everything bounded.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use alto_types::MediaType;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use ureq::{Agent, Timeout};

use super::digest::{Challenged, Digest};
use super::error::{Error, RedirectFault};
use super::freshness::Validators;
use super::transport::{TransportSettings, agent};
use super::uri::HttpUri;

/// The longest body of an answer that is not a success.
const MAX_ERROR_BODY: u64 = 64 * 1024;
/// How long to wait for a busy server that does not say how long, the first time; twice that the next.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Challenges of one origin that are answered in one exchange: the first, and one for a nonce that became stale.
const MAX_CHALLENGES: u32 = 3;

/// How much patience a client has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For one answer, with all redirects and waits on the way to it.
    pub(crate) timeout: Duration,
    pub(crate) max_answer: u64,
    pub(crate) max_redirects: u32,
    /// How often a busy server is asked again.
    pub(crate) retries: u32,
    /// The longest `Retry-After` that is waited for.
    pub(crate) max_retry_after: Duration,
}

/// What to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) uri: &'a HttpUri,
    /// The type of answer wanted.
    pub(crate) accept: MediaType,
    /// The type and bytes of the body; none is a GET, some a POST (RFC 7285 §8.3.2).
    pub(crate) body: Option<(MediaType, &'a [u8])>,
    /// Asks only for what is newer than this.
    pub(crate) unless: Option<&'a Validators>,
    /// The longest answer taken, where that is less than usual.
    pub(crate) limit: Option<u64>,
    /// Asks caches on the way to ask the server.
    pub(crate) past_caches: bool,
    /// When to give up, where that is sooner than usual.
    pub(crate) deadline: Option<Instant>,
}

impl<'a> Question<'a> {
    /// A GET, nothing known before.
    pub(crate) fn get(uri: &'a HttpUri, accept: MediaType) -> Self {
        Self { uri, accept, body: None, unless: None, limit: None, past_caches: false, deadline: None }
    }
}

/// What came back: a success, a "not modified", or an error of the server's.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Where it came from, after redirects: the base of the URIs in it.
    pub(crate) uri: HttpUri,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) received: SystemTime,
}

/// Exchanges questions for answers with any server.
#[derive(Debug)]
pub(crate) struct Exchange {
    agent: Agent,
    digest: Digest,
    limits: Limits,
}

/// Where an exchange stands.
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
    pub(crate) fn new(transport: &TransportSettings, digest: Digest, limits: Limits) -> Self {
        Self { agent: agent(transport), digest, limits }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Asks, until there is an answer that is neither a redirect nor a challenge nor a request for patience.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Answer, Error> {
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
            let (answer, authorised) = self.once(question, &course)?;
            match answer.status.as_u16() {
                301 | 302 | 303 | 307 | 308 => self.redirect(&mut course, &answer)?,
                401 => self.authorise(&mut course, &answer, authorised)?,
                429 | 503 => self.pause(&mut course, &answer)?,
                _ => return Ok(answer),
            }
        }
    }

    /// One request and its answer.
    fn once(&self, question: &Question<'_>, course: &Course<'_>) -> Result<(Answer, bool), Error> {
        let uri = &course.uri;
        let failed = |error| failed(uri, error);
        let method = if course.body.is_some() { Method::POST } else { Method::GET };
        let bytes = course.body.map(|(_, bytes)| bytes);
        let mut request = Request::builder()
            .method(&method)
            .uri(uri.as_str())
            .header(ACCEPT, format!("{}, {}", question.accept, MediaType::ERROR));
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
        let started = Instant::now();
        let left = course.deadline.saturating_duration_since(started);
        if left.is_zero() {
            return Err(failed(ureq::Error::Timeout(Timeout::Global)));
        }
        let sent = match bytes {
            Some(bytes) => request.body(bytes).map_err(|error| failed(error.into())).and_then(|request| {
                let request = self.agent.configure_request(request).timeout_global(Some(left)).build();
                self.agent.run(request).map_err(failed)
            }),
            None => request.body(()).map_err(|error| failed(error.into())).and_then(|request| {
                let request = self.agent.configure_request(request).timeout_global(Some(left)).build();
                self.agent.run(request).map_err(failed)
            }),
        };
        let (head, body) = sent?.into_parts();
        let most = question.limit.map_or(self.limits.max_answer, |limit| limit.min(self.limits.max_answer));
        let limit = if head.status.is_success() { most } else { MAX_ERROR_BODY };
        let read = body.into_with_config().limit(limit).read_to_vec();
        let body = match read {
            Ok(body) => body,
            // Of an answer whose body does not matter, or is too long to be a sensible error, the status is enough.
            Err(ureq::Error::BodyExceedsLimit(_)) if !head.status.is_success() => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let (status, headers, received) = (head.status, head.headers, SystemTime::now());
        let (milliseconds, bytes) = (started.elapsed().as_millis(), body.len());
        tracing::debug!(%method, %uri, status = status.as_u16(), bytes, milliseconds, "asked");
        Ok((Answer { uri: uri.clone(), status, headers, body, received }, authorised))
    }

    /// Turns to where an answer points. 303 asks there by GET; everything else keeps method and body
    /// (RFC 7231 §6.4, RFC 7285 §8.5.3): an ALTO question *is* its body.
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
        course.uri = target;
        course.redirects += 1;
        // Another place may have challenges and waits of its own.
        course.challenges = 0;
        if course.visited.insert(course.step()) {
            Ok(())
        } else {
            Err(refused(RedirectFault::Loop(course.uri.to_string())))
        }
    }

    fn authorise(&self, course: &mut Course<'_>, answer: &Answer, authorised: bool) -> Result<(), Error> {
        let origin = course.uri.origin();
        let denied = |reason| Error::Denied { uri: answer.uri.to_string(), reason };
        if !self.digest.knows(&origin) {
            return Err(denied("the server wants credentials, and there are none for it"));
        }
        let challenged = self.digest.challenged(&origin, &answer.headers);
        course.challenges += 1;
        // A nonce of an earlier exchange may have become unknown; one this exchange was just given may not.
        let tried = authorised && course.challenges > 1 && challenged != Challenged::Stale;
        if challenged == Challenged::Unusable {
            return Err(denied("the server offers no form of Digest that this client knows"));
        }
        if tried || course.challenges == MAX_CHALLENGES {
            self.digest.forget(&origin);
            return Err(denied("the name or the password is wrong"));
        }
        Ok(())
    }

    /// Waits as long as a busy server asks for, within bounds.
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

impl Course<'_> {
    /// What would be sent where, for telling loops.
    fn step(&self) -> (bool, String) {
        (self.body.is_some(), self.uri.key())
    }
}

/// What the layer below reports, with the URI.
fn failed(uri: &HttpUri, error: ureq::Error) -> Error {
    let uri = uri.to_string();
    match error {
        ureq::Error::Timeout(phase) => Error::Timeout { uri, phase: phase.to_string() },
        ureq::Error::BodyExceedsLimit(limit) => Error::TooLarge { uri, limit },
        ureq::Error::HostNotFound => Error::Transport { uri, source: "no such host".into() },
        ureq::Error::Io(source) => Error::Transport { uri, source: source.into() },
        other => Error::Transport { uri, source: other.into() },
    }
}

/// `Retry-After`: seconds, or a date (RFC 7231 §7.1.3).
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
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
