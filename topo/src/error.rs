//! What can be wrong with a topology or a change of one: said so that it can be found and mended.

use std::fmt;

/// Most problems that are listed; a file with more has one cause.
const MAX_LISTED: usize = 20;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `links[3].bandwidth`; empty for the document as a whole.
    pub path: String,
    /// What, with the value and the remedy.
    pub message: String,
}

/// A topology that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyError {
    /// The file, or what stands for it.
    pub source: String,
    /// Everything that was found; never empty.
    pub problems: Vec<Problem>,
}

/// A change of links that cannot be made. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("change {position} ({source_name} - {destination_name}): {message}")]
pub struct ChangeError {
    /// Which change of the batch, from 1.
    pub position: usize,
    /// The link's ends, as they were given.
    pub source_name: String,
    /// The other end.
    pub destination_name: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl TopologyError {
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
            write!(f, "\n{}: and {more} problems more", self.source)?;
        }
        Ok(())
    }
}
