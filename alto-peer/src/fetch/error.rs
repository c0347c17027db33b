//! Why a file was not fetched.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use alto_types::swarm::{FileId, FileSummary};

use crate::content::name::NameError;
use crate::content::partial::PartialError;

/// Why a file was not fetched. What has arrived is kept, unless the error says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody has it.
    #[error("nobody shares a file {wanted}; `alto-peer files` lists those there are, and --wait waits for it")]
    NoSuchFile {
        /// Its name or ID.
        wanted: String,
    },
    /// Several files have the name.
    #[error("{} files are called {name:?}; name one of them by its ID:{}", candidates.len(), list(candidates))]
    Ambiguous {
        /// The name.
        name: String,
        /// What it can mean.
        candidates: Vec<FileSummary>,
    },
    /// The registry does not help.
    #[error("the registry does not say who has it: {0}")]
    Registry(String),
    /// The name it has cannot be used here.
    #[error("{0}; choose another with --output")]
    Name(#[from] NameError),
    /// Not a place for a file.
    #[error("{}: cannot be used as a place for the file: {source}", path.display())]
    Place {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be kept here.
    #[error(transparent)]
    Partial(#[from] PartialError),
    /// There is nobody left to ask.
    #[error("no new piece in {} s, {missing} of {pieces} are missing; {reason}", after.as_secs())]
    GaveUp {
        /// Time without a new piece.
        after: Duration,
        /// Pieces missing.
        missing: usize,
        /// Pieces of the file.
        pieces: usize,
        /// What seems to be wrong.
        reason: String,
    },
    /// Everything there was to take led to something else.
    #[error("every manifest of {file} that was announced is false, so nobody is left who can be believed")]
    AllFalse {
        /// The file.
        file: FileId,
    },
    /// No manifest could be had.
    #[error("no manifest after {} s: {reason}", after.as_secs())]
    NoManifest {
        /// Time it was tried.
        after: Duration,
        /// What the last holder said.
        reason: String,
    },
    /// The system has no threads left.
    #[error("no thread can be started: {0}")]
    System(io::Error),
    /// As we were told to.
    #[error("cancelled; what has arrived is kept, and the next try goes on from there")]
    Cancelled,
}

fn list(candidates: &[FileSummary]) -> String {
    let line = |file: &FileSummary| {
        format!("\n  {}  {} bytes, {} with all of it, {} with a part", file.id, file.size, file.complete, file.partial)
    };
    candidates.iter().map(line).collect()
}
