//! Errors in topologies and changes, each with its place and remedy.

use std::fmt;

/// Largest number of problems that one error message lists.
const MAX_LISTED: usize = 20;

/// One problem in a topology file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path within the file, such as `links[3].bandwidth`; empty for the file as a whole.
    pub path: String,
    /// Description with the offending value and the remedy.
    pub message: String,
}

/// A topology that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyError {
    /// Name of the file, or of whatever else the text came from.
    pub source: String,
    /// All problems that were found, at least one.
    pub problems: Vec<Problem>,
}

/// A rejected batch of link changes; the topology stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("change {position} ({source_name} - {destination_name}): {message}")]
pub struct ChangeError {
    /// Position of the rejected change in the batch, from 1.
    pub position: usize,
    /// Source end of the link, as the change named it.
    pub source_name: String,
    /// Destination end of the link, as the change named it.
    pub destination_name: String,
    /// Description of the problem and its remedy.
    pub message: String,
}

/// A collector of the problems of one file.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem.
    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into() });
    }

    /// Converts a result into an option, adding the error if there is one.
    pub(crate) fn take<T, E: fmt::Display>(&mut self, path: impl Into<String>, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(path, error.to_string())).ok()
    }

    /// Returns the number of problems so far.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Fails if any problem was added.
    pub(crate) fn finish(&mut self, source: &str) -> Result<(), TopologyError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(TopologyError { source: source.to_owned(), problems: std::mem::take(&mut self.0) })
    }
}

impl TopologyError {
    /// Creates an error about a file as a whole.
    pub(crate) fn whole(source: &str, message: impl Into<String>) -> Self {
        Self { source: source.to_owned(), problems: vec![Problem { path: String::new(), message: message.into() }] }
    }
}

impl std::error::Error for TopologyError {}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for Problem { path, message } in self.problems.iter().take(MAX_LISTED) {
            let colon = if path.is_empty() { "" } else { ": " };
            write!(f, "{separator}{}: {path}{colon}{message}", self.source)?;
            separator = "\n";
        }
        let more = self.problems.len().saturating_sub(MAX_LISTED);
        if more > 0 {
            write!(f, "\n{}: and {more} more problems", self.source)?;
        }
        Ok(())
    }
}
