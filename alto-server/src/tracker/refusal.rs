//! Reasons why the tracker refuses a request, and the one place where they become failures of the protocol.

use std::time::Duration;

use alto_registry::Refusal;
use alto_registry::limits::Limit;
use alto_types::tracker::announce::{AnnounceError, Failure, Retry};

/// Reason why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// The request cannot be understood.
    #[error("{0}")]
    Malformed(#[from] AnnounceError),
    /// Passkeys are required, and there is none.
    #[error("this tracker is private: its URL has a passkey, which this one lacks")]
    NoPasskey,
    /// The passkey is not one of those that are known.
    #[error("the passkey is not known")]
    WrongPasskey,
    /// The operator lists the torrents that are served, without this one.
    #[error("this torrent is not registered with this tracker")]
    UnknownTorrent,
    /// The operator blocks the torrent.
    #[error("this torrent is not served")]
    Blocked,
    /// The client's address has as many peers as one address may have.
    #[error("your address has as many peers here as it may have")]
    AddressFull(Duration),
    /// The tracker has as many peers or torrents as it may have.
    #[error("the tracker is full")]
    Full(Duration),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::LimitReached { limit: Limit::FilesPerAddress, retry_after, .. } => Self::AddressFull(retry_after),
            Refusal::LimitReached { retry_after, .. } => Self::Full(retry_after),
            _ => Self::Full(Duration::from_mins(1)),
        }
    }
}

impl Refused {
    /// Label of the reason in the metrics.
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NoPasskey => "no-passkey",
            Self::WrongPasskey => "wrong-passkey",
            Self::UnknownTorrent => "unknown-torrent",
            Self::Blocked => "blocked",
            Self::AddressFull(_) => "address-full",
            Self::Full(_) => "full",
        }
    }

    /// Failure as clients are told of it (BEP 3, BEP 31).
    pub(super) fn failure(&self) -> Failure {
        let retry = match self {
            Self::Malformed(_) | Self::NoPasskey | Self::WrongPasskey | Self::Blocked => Some(Retry::Never),
            Self::UnknownTorrent => None,
            Self::AddressFull(after) | Self::Full(after) => {
                Some(Retry::Minutes(u32::try_from(after.as_secs().div_ceil(60)).unwrap_or(u32::MAX)))
            }
        };
        Failure { reason: self.to_string(), retry }
    }
}
