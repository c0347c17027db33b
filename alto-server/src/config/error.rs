//! Settings and files that cannot be used.

use std::path::PathBuf;

use super::listeners::{Listener, Protocol};
use crate::admin::socket::SocketError;
use crate::admin::token::TokenError;
use crate::http::digest::UsersError;
use crate::http::tls::TlsError;
use crate::state::folder::FolderError;
use crate::state::source::SourceError;
use crate::tracker::access::AccessError;

/// Largest number of problems that one message lists.
const MAX_LISTED: usize = 40;

/// Reason why the program cannot start with its settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{}: cannot read the file: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}", listed(problems.iter().map(|problem| format!("{}: {problem}", path.display()))))]
    Malformed { path: PathBuf, problems: Vec<String> },
    /// Several independent problems, none of which is of this kind.
    #[error("{}", listed(.0.iter().map(ToString::to_string)))]
    Several(Vec<ConfigError>),
    #[error(
        "no topology: give --topology FILE, or \"topology\" in the file given with --config; or admin-socket or \
         admin-token-file, through which the topology then has to come"
    )]
    NoTopology,
    #[error("listen: the list is empty; give at least one ADDRESS:PORT")]
    NoAddress,
    #[error(
        "{}: {} cannot listen together with {} of {}: remove one of them, or give it another port",
        second.key, second.address, first.address, first.key
    )]
    ListenersConflict { first: Listener, second: Listener },
    #[error("{}: cannot listen on {}: {problem}", listener.key, listener.address)]
    Listener { listener: Listener, problem: String },
    #[error("{key}: {text:?} is neither an address nor a prefix such as 192.0.2.0/24")]
    Proxy { key: &'static str, text: String },
    #[error("{key}: 0 would refuse everything; give 1 or more")]
    Zero { key: &'static str },
    #[error("max-client-share: {0} percent is more than everything; give 1 to 100")]
    ClientShare(u8),
    #[error("{key}: there is no tracker; give --tracker as well, or remove this")]
    NoTracker { key: &'static str },
    #[error("tracker-save: there is no folder to save in; give --state DIR as well")]
    NoStateForTracker,
    #[error("store: {0}")]
    #[cfg(feature = "redis")]
    Store(String),
    #[error("{key}: {}: {problem}", path.display())]
    #[cfg(feature = "redis")]
    StoreFile { key: &'static str, path: PathBuf, problem: String },
    #[error("store: this program was built without Redis; build it with --features redis")]
    #[cfg(not(feature = "redis"))]
    NoRedis,
    #[error("{key}: there is no store that it is for; give --store URL as well")]
    NoStore { key: &'static str },
    #[error("digest-realm: {0:?} contains a quote, a backslash or a control character; remove it")]
    Realm(String),
    #[error("{given}: certificate and key belong together: give {missing} as well, or neither")]
    HalfTls { given: &'static str, missing: &'static str },
    #[error("base-uri: {0:?} is not a URI of http or https without query and fragment, such as https://alto.example/")]
    BaseUri(String),
    #[error(
        "cors-origin: {0:?} is not an origin as browsers send it: use for example https://app.example, or * for all"
    )]
    Origin(String),
    #[error("access-log-anonymous: there is no access log: give --access-log as well, or remove this")]
    NoAccessLog,
    #[error("log-level: {0}")]
    LogLevel(String),
    #[error(transparent)]
    AdminSocket(#[from] SocketError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    State(#[from] FolderError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Tracker(#[from] AccessError),
}

impl ConfigError {
    /// Combines problems into one error; `None` if there are none.
    pub(crate) fn of_all(mut problems: Vec<Self>) -> Option<Self> {
        if problems.len() > 1 { Some(Self::Several(problems)) } else { problems.pop() }
    }

    /// Explains why the system refuses an address.
    pub(crate) fn listener(listener: Listener, error: &std::io::Error) -> Self {
        Self::Listener { listener, problem: explain(listener, error) }
    }
}

fn explain(listener: Listener, error: &std::io::Error) -> String {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied, Unsupported};
    let flag = if listener.protocol == Protocol::Udp { "u" } else { "t" };
    match error.kind() {
        AddrInUse => format!("another process has this port (ss -{flag}lnp shows which): choose another port"),
        AddrNotAvailable => {
            "this machine does not have this address (ip address shows those it has): choose another".to_owned()
        }
        PermissionDenied => {
            "ports below 1024 need a privilege, CAP_NET_BIND_SERVICE: choose a higher port, or grant it".to_owned()
        }
        Unsupported => "this machine has no such addresses; is IPv6 switched off?".to_owned(),
        _ => error.to_string(),
    }
}

fn listed(problems: impl ExactSizeIterator<Item = String>) -> String {
    let more = problems.len().saturating_sub(MAX_LISTED);
    let mut lines: Vec<String> = problems.take(MAX_LISTED).collect();
    if more > 0 {
        lines.push(format!("and {more} more problems"));
    }
    lines.join("\n")
}
