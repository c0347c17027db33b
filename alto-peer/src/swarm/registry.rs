//! Questions to the registry under `swarm/`, beside the directory of an ALTO server (`docs/swarm.md`).

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

/// Time for one answer, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time for the last word: a peer that ends does not wait long.
const FAREWELL: Duration = Duration::from_secs(3);

/// The registry of one server.
#[derive(Debug)]
pub struct Registry {
    client: Client,
    /// This peer, while it is registered: it is not interested in itself.
    own: Mutex<Option<PeerId>>,
}

/// Why the registry does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No answer.
    #[error("the registry does not answer: {0}")]
    Away(#[from] Error),
    /// An answer that is none.
    #[error("the registry answered what cannot be read: {0}")]
    Malformed(String),
    /// No.
    #[error("the registry refused ({}): {detail}", status.as_u16())]
    Refused {
        /// In HTTP.
        status: StatusCode,
        /// In words.
        detail: String,
        /// When to ask again, if it said.
        retry_after: Option<Duration>,
    },
}

/// A problem document, RFC 9457, as far as it is of interest.
#[derive(serde::Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl RegistryError {
    /// The status, where there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Away(_) | Self::Malformed(_) => None,
        }
    }

    /// When to ask again, if the registry said.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Away(Error::Busy { retry_after, .. }) => *retry_after,
            Self::Away(_) | Self::Malformed(_) => None,
        }
    }
}

impl Registry {
    /// Beside the directory that this client knows.
    pub fn new(client: Client) -> Self {
        Self { client, own: Mutex::new(None) }
    }

    /// The URI of the directory beside which it is.
    pub fn directory_uri(&self) -> &str {
        self.client.directory_uri()
    }

    /// This peer, while it is registered.
    pub fn own(&self) -> Option<PeerId> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_own(&self, peer: Option<PeerId>) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = peer;
    }

    /// Enters this peer.
    pub fn register(&self, registration: &Registration) -> Result<Registered, RegistryError> {
        self.tell("swarm/register", registration, PATIENCE)
    }

    /// Goes on being registered.
    pub fn heartbeat(&self, credentials: &Credentials) -> Result<Lease, RegistryError> {
        self.tell("swarm/heartbeat", credentials, PATIENCE)
    }

    /// Changes what this peer holds.
    pub fn announce(&self, announcement: &Announcement) -> Result<Lease, RegistryError> {
        self.tell("swarm/announce", announcement, PATIENCE)
    }

    /// Ends the registration.
    pub fn unregister(&self, credentials: &Credentials) -> Result<(), RegistryError> {
        self.ask("swarm/unregister", Some(&body(credentials)?), FAREWELL).map(drop)
    }

    /// A page of the files there are: those of a name, or all; after one of them, or from the first.
    pub fn files(&self, name: Option<&str>, after: Option<FileId>) -> Result<FileList, RegistryError> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(name.map(|name| ("name", name)));
        query.extend_pairs(after.map(|after| ("after", after.to_string())));
        self.get(&format!("swarm/files?{}", query.finish()))
    }

    /// One file.
    pub fn file(&self, id: FileId) -> Result<FileSummary, RegistryError> {
        self.get(&format!("swarm/files/{id}"))
    }

    /// Who has a file, but this peer: all, or a random choice of `limit`.
    pub fn holders(&self, id: FileId, limit: usize) -> Result<Holders, RegistryError> {
        self.get(&format!("swarm/files/{id}/holders?{}", self.others(limit)))
    }

    /// Who has a file whole, but this peer, by the cost of the way from there.
    pub fn best(&self, id: FileId, limit: usize) -> Result<BestPeer, RegistryError> {
        self.get(&format!("swarm/files/{id}/best?{}", self.others(limit)))
    }

    /// The query for so many others.
    fn others(&self, limit: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        query.extend_pairs(self.own().map(|own| ("except", own.0)));
        query.finish()
    }

    fn get<T: DeserializeOwned>(&self, reference: &str) -> Result<T, RegistryError> {
        read(&self.ask(reference, None, PATIENCE)?)
    }

    fn tell<T: DeserializeOwned>(
        &self,
        reference: &str,
        message: &impl Serialize,
        within: Duration,
    ) -> Result<T, RegistryError> {
        read(&self.ask(reference, Some(&body(message)?), within)?)
    }

    fn ask(&self, reference: &str, body: Option<&[u8]>, within: Duration) -> Result<Vec<u8>, RegistryError> {
        let answer = self.client.ask_sibling(reference, body, within)?;
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
    serde_json::from_slice(bytes).map_err(|error| RegistryError::Malformed(error.to_string()))
}
