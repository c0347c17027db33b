//! The client of the server's `/admin`.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use topo::LinkChange;
use topo::file::TopologyFile;

use crate::excerpt::excerpt;

/// Time for one request: a large topology takes the server a while.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Largest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1024 * 1024;
/// Status of an answer about a source that the server does not know.
const NOT_FOUND: u16 = 404;

/// An answer, or the failure to get one.
type Response = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// A server's `/admin`.
#[derive(Debug)]
pub struct Server {
    agent: ureq::Agent,
    origin: String,
    authorization: Option<String>,
}

/// State of the server's network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServerStatus {
    /// True if the network was set through `/admin` and is not the server's file.
    pub replaced: bool,
    /// Name of the network.
    pub topology: String,
}

/// A request about the prefixes of PIDs, with a new topology if they come together.
#[derive(Clone, Copy, Debug)]
pub struct PrefixRequest<'a> {
    /// Sequence number that the lines are a difference to; `None` if they are the whole set.
    pub after: Option<u64>,
    /// Sequence number afterwards.
    pub sequence: u64,
    /// Topology that replaces the server's in the same step, and with it all changes of links.
    pub topology: Option<&'a TopologyFile>,
    /// Lines with prefixes.
    pub lines: &'a str,
}

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Request without an answer.
    #[error("{0} does not answer: {1}")]
    Unreachable(String, String),
    /// An answer other than success.
    #[error("{origin} refused {what} ({status}): {detail}")]
    Refused {
        /// Origin of the server.
        origin: String,
        /// Content of the request.
        what: &'static str,
        /// HTTP status of the answer.
        status: u16,
        /// Reason that the server gives.
        detail: String,
    },
}

#[derive(Serialize)]
struct Batch<'a> {
    changes: &'a [LinkChange],
}

#[derive(Deserialize)]
struct SourceState {
    sequence: u64,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl Server {
    /// Creates a client of a server.
    pub fn new(origin: &str, token: Option<&str>) -> Self {
        // The token and the network are for the server that the operator named, and for no other.
        let config =
            ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).max_redirects(0);
        Self {
            agent: config.build().into(),
            origin: origin.to_owned(),
            authorization: token.map(|token| format!("Bearer {token}")),
        }
    }

    /// Asks for the state of the network.
    pub fn status(&self) -> Result<ServerStatus, ServerError> {
        let request = self.agent.get(format!("{}/admin/status", self.origin));
        self.decoded("the status", self.authorized(request).call())
    }

    /// Asks for the sequence number of a source's prefixes; `None` if the server does not know the source.
    pub fn sequence(&self, source: &str) -> Result<Option<u64>, ServerError> {
        let request = self.agent.get(format!("{}/admin/prefixes/{source}", self.origin));
        match self.decoded::<SourceState>("the sequence number", self.authorized(request).call()) {
            Ok(state) => Ok(Some(state.sequence)),
            Err(ServerError::Refused { status: NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes the prefixes of a source, all of them or none.
    pub fn change_prefixes(&self, source: &str, request: &PrefixRequest<'_>) -> Result<(), ServerError> {
        let PrefixRequest { after, sequence, topology, lines } = *request;
        let mut body = String::with_capacity(lines.len());
        if let Some(topology) = topology {
            body = serde_json::to_string(topology).unwrap_or_default() + "\n";
        }
        body.push_str(lines);
        let path = format!("{}/admin/prefixes/{source}", self.origin);
        let request = match after {
            None => self.agent.put(format!("{path}?sequence={sequence}")),
            Some(after) => self.agent.patch(format!("{path}?after={after}&sequence={sequence}")),
        };
        let what = if topology.is_some() { "the topology" } else { "prefixes" };
        self.answer(what, self.authorized(request.content_type("text/plain")).send(body)).map(drop)
    }

    /// Changes links, all of them or none.
    pub fn change_links(&self, changes: &[LinkChange]) -> Result<(), ServerError> {
        let body = serde_json::to_string(&Batch { changes }).unwrap_or_default();
        let request = self.agent.post(format!("{}/admin/links", self.origin)).content_type("application/json");
        self.answer("changes of links", self.authorized(request).send(body)).map(drop)
    }

    /// Adds the token, if there is one.
    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        self.authorization.iter().fold(request, |request, token| request.header("Authorization", token))
    }

    fn decoded<T: DeserializeOwned>(&self, what: &'static str, result: Response) -> Result<T, ServerError> {
        let text = self.answer(what, result)?;
        plain_words::parse_str(&text, "{}")
            .map_err(|faults| self.unreachable(&format!("{what} cannot be decoded: {faults}")))
    }

    fn answer(&self, what: &'static str, result: Response) -> Result<String, ServerError> {
        let mut response = result.map_err(|error| self.unreachable(&unanswered(&error)))?;
        let text = response.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        let text = text.map_err(|error| self.unreachable(&unanswered(&error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(text);
        }
        let problem =
            serde_json::from_str::<Problem>(&text).unwrap_or(Problem { title: String::new(), detail: String::new() });
        let detail = excerpt(if problem.detail.is_empty() { &problem.title } else { &problem.detail });
        Err(ServerError::Refused { origin: self.origin.clone(), what, status: status.as_u16(), detail })
    }

    fn unreachable(&self, message: &str) -> ServerError {
        ServerError::Unreachable(self.origin.clone(), excerpt(message))
    }
}

/// Says why a request has no answer.
fn unanswered(error: &ureq::Error) -> String {
    const TRUST: &str =
        "let the server use one of a public authority, or use http over a network that nobody else reads";
    let message = match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => format!("nothing came within {} s", TIMEOUT.as_secs()),
        other => other.to_string(),
    };
    plain_words::tls_fault(&message, TRUST).unwrap_or(message)
}
