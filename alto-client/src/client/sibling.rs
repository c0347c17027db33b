//! Requests to the resources that a server keeps beside its directory, in plain JSON: connections, trust, credentials
//! and limits are those of the ALTO requests.

use std::time::{Duration, Instant, SystemTime};

use alto_types::MediaType;
use http::StatusCode;

use super::Client;
use crate::error::Error;
use crate::exchange::{HttpUri, Question, retry_after};
use crate::scope::AddressScope;

/// Final answer of a sibling resource: any status but a redirect, a challenge that was met, or "busy".
#[derive(Debug)]
pub struct SiblingAnswer {
    /// HTTP status of the answer.
    pub status: StatusCode,
    /// Time after which the server wants to be asked again (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// Body, whatever its media type.
    pub body: Vec<u8>,
}

impl Client {
    /// Sends a request to the resource at `reference`, resolved against the URI of the directory: a POST if there is a
    /// body, which is JSON, else a GET. If there is no such resource, the URI that the directory was redirected to counts
    /// (RFC 3986 §5.1.3).
    pub fn ask_sibling(&self, reference: &str, body: Option<&[u8]>, within: Duration) -> Result<SiblingAnswer, Error> {
        let deadline = Instant::now() + within;
        let base = self.inner.found_at.get().unwrap_or(&self.inner.root);
        let answer = self.ask_beside(base, reference, body, deadline)?;
        if answer.status != StatusCode::NOT_FOUND || self.inner.found_at.get().is_some() {
            return Ok(answer);
        }
        // A directory that cannot be read says nothing about its siblings.
        let Ok(directory) = self.directory() else { return Ok(answer) };
        let found_at = self.inner.found_at.get_or_init(|| directory.base().clone());
        if found_at.key() == self.inner.root.key() {
            return Ok(answer);
        }
        self.ask_beside(found_at, reference, body, deadline)
    }

    fn ask_beside(
        &self,
        base: &HttpUri,
        reference: &str,
        body: Option<&[u8]>,
        deadline: Instant,
    ) -> Result<SiblingAnswer, Error> {
        let uri = base
            .resolve(reference)
            .map_err(|error| Error::Transport { uri: format!("{base} {reference}"), source: error.into() })?;
        let question = Question {
            body: body.map(|bytes| (MediaType::JSON, bytes)),
            deadline: Some(deadline),
            ..Question::get(&uri, MediaType::JSON)
        };
        let answer = self.inner.exchange.ask(&question)?;
        let retry_after = retry_after(&answer.headers, SystemTime::now());
        Ok(SiblingAnswer { status: answer.status, retry_after, body: answer.body })
    }

    /// Scope of the server's address: whom it names may be of this scope or of a wider one. The widest scope if the server
    /// has a name that was not resolved yet.
    pub fn server_scope(&self) -> AddressScope {
        self.inner.exchange.reach().scope()
    }

    /// URI of the directory.
    pub fn directory_uri(&self) -> &str {
        self.inner.root.as_str()
    }
}
