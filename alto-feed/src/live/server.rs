//! The client of the server's `/admin`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use topo::LinkChange;
use topo::file::TopologyFile;

use crate::excerpt::excerpt;

/// Time for one request: a large topology takes the server a while.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Largest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1024 * 1024;

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
        let request = self.authorization.iter().fold(request, |request, token| request.header("Authorization", token));
        let text = self.answer("the status", request.call())?;
        serde_json::from_str(&text).map_err(|error| self.unreachable(&format!("its status cannot be decoded: {error}")))
    }

    /// Replaces the whole network, and with it all changes of links.
    pub fn replace(&self, network: &TopologyFile) -> Result<(), ServerError> {
        let request = self.agent.put(format!("{}/admin/topology", self.origin)).content_type("application/json");
        let request = self.authorization.iter().fold(request, |request, token| request.header("Authorization", token));
        self.answer("the topology", request.send(network.to_json())).map(drop)
    }

    /// Changes links, all of them or none.
    pub fn change_links(&self, changes: &[LinkChange]) -> Result<(), ServerError> {
        let body = serde_json::to_string(&Batch { changes }).unwrap_or_default();
        let request = self.agent.post(format!("{}/admin/links", self.origin)).content_type("application/json");
        let request = self.authorization.iter().fold(request, |request, token| request.header("Authorization", token));
        self.answer("changes of links", request.send(body)).map(drop)
    }

    fn answer(
        &self,
        what: &'static str,
        result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<String, ServerError> {
        let mut response = result.map_err(|error| self.unreachable(&error.to_string()))?;
        let text = response.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        let text = text.map_err(|error| self.unreachable(&error.to_string()))?;
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
        ServerError::Unreachable(self.origin.clone(), message.to_owned())
    }
}
