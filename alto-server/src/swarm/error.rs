//! Reasons why a request to the registry is refused, and the one place where they become HTTP errors.

use std::time::Duration;

use alto_registry::{NameError, Refusal};

use crate::http::HttpError;

/// Reason why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum SwarmError {
    /// A member of the body, or of the query string, has an unusable value.
    #[error("{field}: {problem}")]
    Malformed { field: String, problem: String },
    /// A member of the body is too long.
    #[error("{field}: {problem}")]
    TooLarge { field: String, problem: String },
    /// The registry refuses the call.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl SwarmError {
    /// Describes a member with an unusable value.
    pub(super) fn malformed(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Malformed { field: field.into(), problem: problem.into() }
    }

    /// Describes a member that is not a name.
    pub(super) fn name(field: impl Into<String>, error: NameError) -> Self {
        let (field, problem) = (field.into(), error.to_string());
        match error {
            NameError::TooLong { .. } => Self::TooLarge { field, problem },
            _ => Self::Malformed { field, problem },
        }
    }

    /// Adds, to a refusal of a list or of one of its entries, the member that has the list.
    pub(super) fn in_list(list: &str, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Repeated { index } => {
                Self::malformed(format!("{list}[{index}].id"), "is the ID of an earlier entry, too")
            }
            Refusal::TooManyFiles { .. } => Self::TooLarge { field: list.to_owned(), problem: refusal.to_string() },
            other => Self::Refused(other),
        }
    }

    /// Label of the reason in the metrics.
    fn reason(&self) -> &'static str {
        match self {
            Self::Malformed { .. } | Self::Refused(Refusal::Repeated { .. }) => "malformed",
            Self::TooLarge { .. } | Self::Refused(Refusal::TooManyFiles { .. }) => "too-large",
            Self::Refused(Refusal::UnknownPeer) => "unknown-peer",
            Self::Refused(Refusal::UnknownFile(_)) => "unknown-file",
            Self::Refused(Refusal::WrongSecret) => "wrong-secret",
            Self::Refused(Refusal::AddressTaken { .. }) => "taken",
            Self::Refused(Refusal::LimitReached { limit, .. }) if limit.is_per_address() => "address-full",
            Self::Refused(Refusal::LimitReached { .. }) => "full",
            Self::Refused(Refusal::Busy) => "busy",
            Self::Refused(Refusal::NotSaved) => "not-saved",
            Self::Refused(Refusal::Unconfirmed) => "unconfirmed",
            Self::Refused(Refusal::Unavailable) => "unavailable",
        }
    }
}

impl From<SwarmError> for HttpError {
    fn from(error: SwarmError) -> Self {
        metrics::counter!("alto_swarm_refused_total", "reason" => error.reason()).increment(1);
        let detail = error.to_string();
        match error {
            SwarmError::Malformed { .. } | SwarmError::Refused(Refusal::Repeated { .. }) => Self::BadRequest(detail),
            SwarmError::TooLarge { .. } | SwarmError::Refused(Refusal::TooManyFiles { .. }) => {
                Self::ContentTooLarge(detail)
            }
            SwarmError::Refused(refusal) => match refusal {
                Refusal::UnknownPeer | Refusal::UnknownFile(_) => Self::NotFound(detail),
                Refusal::WrongSecret => Self::Forbidden(detail),
                Refusal::AddressTaken { remaining } => Self::Conflict(detail, remaining),
                Refusal::LimitReached { retry_after, .. } => Self::TooMany(detail, retry_after),
                Refusal::Busy | Refusal::Unconfirmed | Refusal::Unavailable => Self::Overloaded(Duration::from_secs(1)),
                _ => Self::Internal,
            },
        }
    }
}
