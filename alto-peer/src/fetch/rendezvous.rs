//! What a download needs of the registry.

use std::time::Duration;

use alto_types::swarm::{FileId, FileSummary, Holders};
use http::StatusCode;

use crate::registration::{RegistryClient, RegistryError};

/// Knows who has what. The registry of an ALTO server does; see `docs/swarm.md`.
pub trait Rendezvous: Send + Sync {
    /// All files of exactly this name.
    fn named(&self, name: &str) -> Result<Vec<FileSummary>, RendezvousError>;

    /// Who has this file but ourselves: all, or a random choice of `limit`.
    fn holders(&self, file: FileId, limit: usize) -> Result<Holders, RendezvousError>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RendezvousError {
    /// Nobody has such a file.
    #[error("nobody shares it")]
    NotFound,
    /// To be asked again after this time.
    #[error("the registry is busy, and wants to be asked again in {} s", .0.as_secs())]
    Busy(Duration),
    /// No answer that makes sense.
    #[error("{0}")]
    Failed(String),
}

/// A registry that is busy and does not say for how long.
const BUSY: Duration = Duration::from_secs(5);
/// Most pages of files of one name that are read; nobody chooses among more.
const PAGES: usize = 5;

impl Rendezvous for RegistryClient {
    fn named(&self, name: &str) -> Result<Vec<FileSummary>, RendezvousError> {
        let (mut files, mut after) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page = self.files(Some(name), after).map_err(|error| match error.status() {
                // A list can be empty, but it is there.
                Some(StatusCode::NOT_FOUND) => {
                    RendezvousError::Failed(format!("there is no registry of peers beside {}", self.directory_uri()))
                }
                _ => error.into(),
            })?;
            files.extend(page.files.into_iter().filter(|file| file.name == name));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(files)
    }

    fn holders(&self, file: FileId, limit: usize) -> Result<Holders, RendezvousError> {
        Ok(RegistryClient::holders(self, file, limit)?)
    }
}

impl From<RegistryError> for RendezvousError {
    fn from(error: RegistryError) -> Self {
        match error.status() {
            Some(StatusCode::NOT_FOUND) => Self::NotFound,
            Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                Self::Busy(error.retry_after().unwrap_or(BUSY))
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}
