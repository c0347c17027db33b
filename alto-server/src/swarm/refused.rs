//! Why the registry does not do what it was asked.

use std::time::Duration;

use alto_types::swarm::FileId;

/// The reasons. Whoever is refused has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{field}: {problem}")]
    Malformed { field: String, problem: String },
    #[error("{field}: {length} long, at most {limit} are taken")]
    TooLarge { field: String, length: usize, limit: usize },
    #[error("peer: there is no such registration, or its lease has ended; register again")]
    UnknownPeer,
    #[error("nobody holds the file {0}")]
    UnknownFile(FileId),
    #[error("secret: is not that of this registration")]
    WrongSecret,
    #[error(
        "port: this address and port are registered already; say so with \"renew\" and the secret, or wait until that \
         lease ends"
    )]
    Taken {
        /// Until the lease of the present registration ends.
        left: Duration,
    },
    #[error("this address has {limit} {what} already, which is as many as it may have")]
    AddressFull { what: &'static str, limit: u32, after: Duration },
    #[error("the registry has {limit} {what} already, which is as many as it takes")]
    Full { what: &'static str, limit: u32, after: Duration },
    #[error("too many changes are waiting to be saved; ask again")]
    Busy,
    #[error("the change could not be saved")]
    NotSaved,
}

impl Refused {
    /// One word, for the metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too-large",
            Self::UnknownPeer => "unknown-peer",
            Self::UnknownFile(_) => "unknown-file",
            Self::WrongSecret => "wrong-secret",
            Self::Taken { .. } => "taken",
            Self::AddressFull { .. } => "address-full",
            Self::Full { .. } => "full",
            Self::Busy => "busy",
            Self::NotSaved => "not-saved",
        }
    }
}
