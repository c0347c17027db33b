//! The registry as what a download needs of it.

use std::time::Duration;

use alto_types::swarm::{FileId, FileSummary, Holders};
use http::StatusCode;

use super::registry::{Registry, RegistryError};
use crate::client::Error;
use crate::fetch::{Rendezvous, RendezvousError};

/// Where a busy registry does not say when to come again.
const BUSY: Duration = Duration::from_secs(2);

impl Rendezvous for Registry {
    fn named(&self, name: &str) -> Result<Vec<FileSummary>, RendezvousError> {
        Ok(self.files(Some(name), None)?.files)
    }

    fn holders(&self, file: FileId, limit: usize) -> Result<Holders, RendezvousError> {
        Ok(Registry::holders(self, file, limit)?)
    }
}

impl From<RegistryError> for RendezvousError {
    fn from(error: RegistryError) -> Self {
        let after = error.retry_after();
        match (error.status(), &error) {
            (Some(StatusCode::NOT_FOUND), _) => Self::NotFound,
            (Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE), _)
            | (_, RegistryError::Away(Error::Busy { .. })) => Self::Busy(after.unwrap_or(BUSY)),
            _ => Self::Failed(error.to_string()),
        }
    }
}
