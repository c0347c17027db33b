//! What a download needs of the registry.

use std::time::Duration;

use alto_types::swarm::{FileId, FileSummary, Holders};

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
