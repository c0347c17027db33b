//! Reasons why a registry refuses a call.

use std::time::Duration;

use crate::id::ContentId;
use crate::limits::Limit;

/// Reason for a refusal. A refused call has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A list names a file twice.
    #[error("entry {index} of the list names a file that an earlier entry names")]
    Repeated {
        /// Place of the second mention in the list, counted from 0.
        index: usize,
    },
    /// The list, or the registration after the change, has more files than one registration may have.
    #[error("{requested} files are more than a registration may have; the limit is {maximum}")]
    TooManyFiles {
        /// Number of files in the list, or of the registration after the change.
        requested: usize,
        /// Value of [`Limit::FilesPerPeer`].
        maximum: u32,
    },
    /// The registration does not exist, or no longer.
    #[error("peer: no such registration, or its lease has ended; register again")]
    UnknownPeer,
    /// No peer holds the file.
    #[error("no peer holds the file {0}")]
    UnknownFile(ContentId),
    /// The secret is that of another registration, or of none.
    #[error("secret: is not the secret of this registration")]
    WrongSecret,
    /// Another registration has the address.
    #[error(
        "this address and port are already registered; renew that registration with its secret, or wait until its lease \
         ends"
    )]
    AddressTaken {
        /// Time until the lease of the other registration ends.
        remaining: Duration,
    },
    /// The registry is full, for the caller's address or for all.
    #[error("the registry is full: the limit on {limit} is {maximum}; try again later")]
    LimitReached {
        /// Limit that decided.
        limit: Limit,
        /// Value of the limit.
        maximum: u32,
        /// Time after which a lease may have ended.
        retry_after: Duration,
    },
    /// Changes arrive faster than they are saved.
    #[error("too many changes are waiting to be saved; try again in a second")]
    Busy,
    /// The backend failed to save the change, which has been undone.
    #[error("the change could not be saved; the log of the server says why")]
    NotSaved,
    /// The change is made, but too few machines have it, so that the failure of one may undo it.
    #[error("the change is made, but too few copies of the registry's database have confirmed it; repeat it")]
    Unconfirmed,
    /// The backend, such as a database on another machine, does not answer.
    #[error("the registry's database does not answer; try again later")]
    Unavailable,
}
