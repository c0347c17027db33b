//! The interface between downloads and the registry of peers.

use std::time::Duration;

use alto_types::swarm::{FileId, FileSummary, Holders};
use http::StatusCode;

use super::wanted::IdPrefix;
use crate::registration::{RegistryClient, RegistryError};

/// A directory of files and their holders, such as the registry of an ALTO server (`docs/swarm.md`).
pub trait Rendezvous: Send + Sync {
    /// Lists all files of exactly this name.
    fn named(&self, name: &str) -> Result<Vec<FileSummary>, RendezvousError>;

    /// Lists files whose ID begins like this: all, or the first of many.
    fn beginning(&self, prefix: &IdPrefix) -> Result<Vec<FileSummary>, RendezvousError>;

    /// Lists the holders of a file other than this peer: all, or a random sample of `limit`.
    fn holders(&self, file: FileId, limit: usize) -> Result<Holders, RendezvousError>;
}

/// Why a rendezvous gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RendezvousError {
    /// The file is shared by no peer.
    #[error("no peer shares the file")]
    NotFound,
    /// The registry is busy for this time.
    #[error("the registry is busy: ask again in {} s", .0.as_secs())]
    Busy(Duration),
    /// The registry refuses, and will refuse again.
    #[error("{0}")]
    Refused(String),
    /// The registry cannot be reached, or its answer is invalid.
    #[error("{0}")]
    Failed(String),
}

/// Pause for a registry that is busy and does not say for how long.
const BUSY: Duration = Duration::from_secs(5);
/// Maximum number of pages of files of one name that are read; nobody chooses among more.
const PAGES: usize = 5;

impl Rendezvous for RegistryClient {
    fn named(&self, name: &str) -> Result<Vec<FileSummary>, RendezvousError> {
        let (mut files, mut after) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page = self.files(Some(name), after).map_err(|error| list_failed(self, error))?;
            files.extend(page.files.into_iter().filter(|file| file.name == name));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(files)
    }

    fn beginning(&self, prefix: &IdPrefix) -> Result<Vec<FileSummary>, RendezvousError> {
        // Files are listed by ID, so that those asked for come first.
        let page = self.files(None, prefix.before()).map_err(|error| list_failed(self, error))?;
        Ok(page.files.into_iter().filter(|file| prefix.begins(file.id)).collect())
    }

    fn holders(&self, file: FileId, limit: usize) -> Result<Holders, RendezvousError> {
        Ok(RegistryClient::holders(self, file, limit)?)
    }
}

/// Why files are not listed. A list may be empty, but its URI exists.
fn list_failed(registry: &RegistryClient, error: RegistryError) -> RendezvousError {
    match error.status() {
        Some(StatusCode::NOT_FOUND) => {
            RendezvousError::Refused(format!("the server of {} has no registry of peers", registry.directory_uri()))
        }
        _ => error.into(),
    }
}

impl From<RegistryError> for RendezvousError {
    fn from(error: RegistryError) -> Self {
        match error.status() {
            Some(StatusCode::NOT_FOUND) => Self::NotFound,
            Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                Self::Busy(error.retry_after().unwrap_or(BUSY))
            }
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Self::Refused(error.to_string()),
            _ if error.is_denied() => Self::Refused(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}
