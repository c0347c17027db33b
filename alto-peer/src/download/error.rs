//! Errors of downloads.

use std::cmp::Reverse;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use alto_types::swarm::{FileId, FileSummary};
use indicatif::HumanBytes;

use crate::content::name::NameError;
use crate::content::partial::PartialError;

/// Why a download failed. Pieces that arrived are kept, unless the error says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The file is shared by no peer.
    #[error(
        "nobody shares a file {wanted}; `alto-peer files --server URI` lists the files there are, and --wait waits for one"
    )]
    NoSuchFile {
        /// Name or ID of the file.
        wanted: String,
    },
    /// Several files have the name.
    #[error("{} files are called {name:?} or have an ID that begins so; choose one by its ID:{}", candidates.len(), list(candidates))]
    Ambiguous {
        /// Name of the files.
        name: String,
        /// Files of that name.
        candidates: Vec<FileSummary>,
    },
    /// The registry gave no answer.
    #[error("the registry cannot be asked who has the file: {0}")]
    Registry(String),
    /// The file's name cannot be used.
    #[error("{0}; choose another name with --output")]
    Name(#[from] NameError),
    /// The folder cannot be used.
    #[error("{}: cannot be used for the download: {source}", path.display())]
    Place {
        /// Path of the folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Partial(#[from] PartialError),
    /// Too much time has passed without a new piece.
    #[error("no new piece in {} s: {reason}", after.as_secs())]
    GaveUp {
        /// Time without a new piece.
        after: Duration,
        /// Number of missing pieces.
        missing: usize,
        /// Number of pieces of the file.
        pieces: usize,
        /// Last problem, as the likely cause.
        reason: String,
    },
    /// Every announced manifest is false.
    #[error("every manifest announced for {file} describes other content; no honest holder is left")]
    AllFalse {
        /// ID of the file.
        file: FileId,
    },
    /// The manifest was provided by no holder.
    #[error("no manifest of the file was found in {} s: {reason}", after.as_secs())]
    NoManifest {
        /// Time spent on trying.
        after: Duration,
        /// Problem with the last holder.
        reason: String,
    },
    /// The operating system has no more threads.
    #[error("no thread can be started: {0}")]
    System(io::Error),
    /// The download was cancelled.
    #[error("cancelled; pieces that arrived are kept, and the next download continues from there")]
    Cancelled,
}

/// Greatest number of files that a message lists.
pub(crate) const MAX_LISTED: usize = 10;

/// Sorts files by the number of their holders, most first: anybody can add files that only they hold.
pub(crate) fn most_held_first(files: &mut [FileSummary]) {
    files.sort_by_key(|file| (Reverse(file.complete + file.partial), file.id));
}

fn list(candidates: &[FileSummary]) -> String {
    let line = |file: &FileSummary| {
        format!(
            "\n  {}  {}, {} with all of it, {} with a part",
            file.id,
            HumanBytes(file.size),
            file.complete,
            file.partial
        )
    };
    let mut files = candidates.to_vec();
    most_held_first(&mut files);
    let more = files.len().saturating_sub(MAX_LISTED);
    let rest = (more > 0).then(|| format!("\n  ... and {more} more with no more holders than these"));
    files.iter().take(MAX_LISTED).map(line).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_lists_the_ten_files_with_most_holders() {
        let file = |number: u8| FileSummary {
            id: FileId::from_digest([number; 32]),
            name: "film.mkv".to_owned(),
            size: 1,
            complete: if number == 99 { 3 } else { 1 },
            partial: 0,
        };
        let error = FetchError::Ambiguous { name: "film.mkv".to_owned(), candidates: (0..100).map(file).collect() };
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert!(lines[0].contains(&FileId::from_digest([99; 32]).to_string()), "{text}");
        assert_eq!((lines.len(), lines[10].contains("90 more")), (11, true), "{text}");
    }
}
