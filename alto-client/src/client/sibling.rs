//! Requests to the resources that a server keeps beside its directory, in plain JSON: connections, trust, credentials
//! and limits are those of the ALTO requests.

use std::time::{Duration, Instant, SystemTime};

use alto_types::MediaType;
use http::StatusCode;

use super::Client;
use crate::error::Error;
use crate::exchange::{Question, retry_after};
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
    /// body, which is JSON, else a GET.
    pub fn ask_sibling(&self, reference: &str, body: Option<&[u8]>, within: Duration) -> Result<SiblingAnswer, Error> {
        let root = &self.inner.root;
        let uri = root
            .resolve(reference)
            .map_err(|error| Error::Transport { uri: format!("{root} {reference}"), source: error.into() })?;
        let question = Question {
            body: body.map(|bytes| (MediaType::JSON, bytes)),
            deadline: Some(Instant::now() + within),
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
