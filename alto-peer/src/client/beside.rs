//! Questions to what an ALTO server keeps beside its directory, in plain JSON: found, trusted and asked the same way.

use std::time::{Duration, Instant, SystemTime};

use alto_types::MediaType;
use http::StatusCode;

use super::exchange::{Question, retry_after};
use super::{Client, Error};

/// An answer of any status but a redirect, a challenge, or a plea for patience.
#[derive(Debug)]
pub(crate) struct BesideAnswer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// Asks what `reference` leads to from the directory: by POST if there is a body, which is JSON.
    pub(crate) fn ask_beside(
        &self,
        reference: &str,
        body: Option<&[u8]>,
        within: Duration,
    ) -> Result<BesideAnswer, Error> {
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
        Ok(BesideAnswer { status: answer.status, retry_after, body: answer.body })
    }

    /// The URI of the directory.
    pub fn directory_uri(&self) -> &str {
        self.inner.root.as_str()
    }
}
