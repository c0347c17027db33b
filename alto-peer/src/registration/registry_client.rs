//! Client of the registry under `swarm/`, a sibling of an ALTO server's directory (`docs/swarm.md`).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use alto_types::swarm::{
    Announcement, BestPeer, Credentials, FileId, FileList, FileSummary, Holders, Lease, PeerId, Registered,
    Registration,
};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use alto_client::{Client, Error, printable};

/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Time for the answer to the last request of a peer that ends.
const UNREGISTER_TIMEOUT: Duration = Duration::from_secs(3);

/// Client of the registry of one server.
#[derive(Debug)]
pub struct RegistryClient {
    client: Client,
    /// This peer while it is registered, so that queries for holders leave it out.
    own: Mutex<Option<PeerId>>,
}

/// Failure of a request to the registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Request without an answer.
    #[error("the registry does not answer: {0}")]
    Unreachable(#[from] Error),
    /// Answer that cannot be decoded.
    #[error("the answer of the registry cannot be decoded: {0}; is the server of another version?")]
    Malformed(String),
    /// Answer with an HTTP status other than success.
    #[error("the registry refused ({}): {detail}", status.as_u16())]
    Refused {
        /// HTTP status of the answer.
        status: StatusCode,
        /// Reason that the registry gives.
        detail: String,
        /// Time after which to try again, if the registry said.
        retry_after: Option<Duration>,
    },
}

/// Problem document (RFC 9457), its text for people.
#[derive(serde::Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl RegistryError {
    /// HTTP status, if there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Unreachable(_) | Self::Malformed(_) => None,
        }
    }

    /// True if the server wants other credentials, or leads where this peer does not go: trying again does not help.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Unreachable(Error::Denied { .. } | Error::OutOfReach { .. } | Error::Redirect { .. }))
    }

    /// True if a peer that is not registered would be refused again, for example for want of a password or of a registry.
    pub fn is_final(&self) -> bool {
        let may_pass = [
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::CONFLICT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::TOO_EARLY,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        self.is_denied() || self.status().is_some_and(|status| status.is_client_error() && !may_pass.contains(&status))
    }

    /// True if the registry takes no more files of this peer.
    pub fn is_too_much(&self) -> bool {
        self.status() == Some(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// Time after which to try again, if the registry said.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Unreachable(Error::Busy { retry_after, .. }) => *retry_after,
            Self::Unreachable(_) | Self::Malformed(_) => None,
        }
    }
}

impl RegistryClient {
    /// Client of the registry that is a sibling of the ALTO client's directory.
    pub fn new(client: Client) -> Self {
        Self { client, own: Mutex::new(None) }
    }

    /// URI of the directory that the registry is a sibling of.
    pub fn directory_uri(&self) -> &str {
        self.client.directory_uri()
    }

    /// ID of this peer while it is registered.
    pub fn own(&self) -> Option<PeerId> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the ID of this peer, or clears it when the registration ends.
    pub(super) fn set_own(&self, peer: Option<PeerId>) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = peer;
    }

    /// Registers this peer.
    pub fn register(&self, registration: &Registration) -> Result<Registered, RegistryError> {
        self.post("swarm/register", registration, TIMEOUT)
    }

    /// Renews the lease of this peer.
    pub fn heartbeat(&self, credentials: &Credentials) -> Result<Lease, RegistryError> {
        self.post("swarm/heartbeat", credentials, TIMEOUT)
    }

    /// Announces changes of what this peer holds.
    pub fn announce(&self, announcement: &Announcement) -> Result<Lease, RegistryError> {
        self.post("swarm/announce", announcement, TIMEOUT)
    }

    /// Ends the registration.
    pub fn unregister(&self, credentials: &Credentials) -> Result<(), RegistryError> {
        self.ask("swarm/unregister", Some(&body(credentials)?), UNREGISTER_TIMEOUT).map(drop)
    }

    /// One page of the files that are shared: those of a name or all, from the first or after one of them.
    pub fn files(&self, name: Option<&str>, after: Option<FileId>) -> Result<FileList, RegistryError> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(name.map(|name| ("name", name)));
        query.extend_pairs(after.map(|after| ("after", after.to_string())));
        self.get(&format!("swarm/files?{}", query.finish()))
    }

    /// Summary of one file.
    pub fn file(&self, id: FileId) -> Result<FileSummary, RegistryError> {
        self.get(&format!("swarm/files/{id}"))
    }

    /// Holders of a file other than this peer: all, or a random choice of `limit`.
    pub fn holders(&self, id: FileId, limit: usize) -> Result<Holders, RegistryError> {
        let mut holders: Holders = self.get(&format!("swarm/files/{id}/holders?{}", self.others(limit)))?;
        // Names of peers are only shown.
        for holder in &mut holders.holders {
            holder.name = printable(&holder.name);
        }
        Ok(holders)
    }

    /// Peers other than this one that hold a whole file, ranked by the cost of the route from them.
    pub fn best(&self, id: FileId, limit: usize) -> Result<BestPeer, RegistryError> {
        let mut best: BestPeer = self.get(&format!("swarm/files/{id}/best?{}", self.others(limit)))?;
        best.ranking.truncate(limit);
        Ok(best)
    }

    /// URI query for at most `limit` other peers.
    fn others(&self, limit: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        query.extend_pairs(self.own().map(|own| ("except", own.0)));
        query.finish()
    }

    fn get<T: DeserializeOwned>(&self, reference: &str) -> Result<T, RegistryError> {
        read(&self.ask(reference, None, TIMEOUT)?)
    }

    fn post<T: DeserializeOwned>(
        &self,
        reference: &str,
        message: &impl Serialize,
        timeout: Duration,
    ) -> Result<T, RegistryError> {
        read(&self.ask(reference, Some(&body(message)?), timeout)?)
    }

    fn ask(&self, reference: &str, body: Option<&[u8]>, timeout: Duration) -> Result<Vec<u8>, RegistryError> {
        let answer = self.client.ask_sibling(reference, body, timeout)?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let problem = serde_json::from_slice::<Problem>(&answer.body).ok();
        let said = problem.map(|problem| if problem.detail.is_empty() { problem.title } else { problem.detail });
        let reason = answer.status.canonical_reason().unwrap_or("no reason given");
        let detail = said.filter(|said| !said.is_empty()).map_or(reason.to_owned(), |said| printable(&said));
        Err(RegistryError::Refused { status: answer.status, detail, retry_after: answer.retry_after })
    }
}

fn body(message: &impl Serialize) -> Result<Vec<u8>, RegistryError> {
    serde_json::to_vec(message).map_err(|error| RegistryError::Malformed(error.to_string()))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RegistryError> {
    plain_words::parse(bytes, "{}").map_err(|faults| RegistryError::Malformed(faults.to_string()))
}
