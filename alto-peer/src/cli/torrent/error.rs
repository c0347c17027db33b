//! Reasons why a tracker gives no answer.

use alto_types::tracker::announce::{AnswerError, Failure, Retry};

use super::metainfo::MetainfoError;
use command_line::Exit;

/// Reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error(transparent)]
    Torrent(#[from] MetainfoError),
    #[error("the torrent names no tracker: give one with --tracker")]
    NoTracker,
    #[error("{0:?} is not the URL of a tracker: give one that begins with http://, https:// or udp://")]
    Url(String),
    #[error("{tracker}: {problem}")]
    NoAnswer { tracker: String, problem: String },
    #[error("{tracker}: {source}")]
    Malformed { tracker: String, source: AnswerError },
    #[error("{tracker}: the tracker refuses: {reason}{retry}")]
    Refused { tracker: String, reason: String, retry: String },
}

impl AskError {
    /// Exit code of the program.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Torrent(_) => Exit::Config,
            Self::NoTracker | Self::Url(_) => Exit::Usage,
            Self::NoAnswer { .. } | Self::Malformed { .. } | Self::Refused { .. } => Exit::Failure,
        }
    }

    /// Describes a tracker that did not answer.
    #[expect(clippy::needless_pass_by_value, reason = "errors are passed as they come")]
    pub(super) fn no_answer(tracker: &str, problem: impl ToString) -> Self {
        Self::NoAnswer { tracker: tracker.to_owned(), problem: problem.to_string() }
    }

    /// Describes a refusal.
    pub(super) fn refused(tracker: &str, failure: Failure) -> Self {
        let retry = match failure.retry {
            None => String::new(),
            Some(Retry::Never) => "; do not try again".to_owned(),
            Some(Retry::Minutes(minutes)) => format!("; try again in {minutes} min"),
        };
        Self::Refused { tracker: tracker.to_owned(), reason: failure.reason, retry }
    }
}
