//! Errors of a client, with everything the server said in them.

use std::fmt;
use std::time::Duration;

use alto_types::error::{ErrorMeta, UnknownErrorCode};
use alto_types::{ErrorCode, MediaType, ResourceId, VersionTag};

use crate::printable::printable;
use crate::scope::ReachFault;

/// Failure of a query. Every variant that comes from an exchange names its URI.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Failed or broken connection: name resolution, TCP, TLS, HTTP framing, a body cut short.
    #[error("{uri}: {source}")]
    Transport {
        /// URI of the request.
        uri: String,
        /// Cause, from the layer below.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Answer that was not complete within the time allowed.
    #[error("{uri}: no complete answer in time (while waiting for {phase}); allow more time, or try again later")]
    Timeout {
        /// URI of the request.
        uri: String,
        /// Phase of the exchange that took too long.
        phase: String,
    },
    /// Answer that is larger than this client takes.
    #[error("{uri}: the answer is longer than {limit} bytes, the limit of this client")]
    TooLarge {
        /// URI of the request.
        uri: String,
        /// Limit in force, in bytes.
        limit: u64,
    },
    /// Redirect that is not followed.
    #[error("{uri}: redirect not followed: {reason}")]
    Redirect {
        /// URI that redirects.
        uri: String,
        /// Reason not to follow it.
        reason: RedirectFault,
    },
    /// Address or port that a server may not lead this client to.
    #[error("{uri}: not requested: {reason}")]
    OutOfReach {
        /// URI that was not requested.
        uri: String,
        /// Reason why not.
        reason: ReachFault,
    },
    /// HTTP status other than success, without an ALTO error in the body.
    #[error("{uri}: HTTP status {status}{}", colon(detail))]
    Status {
        /// URI that answered.
        uri: String,
        /// HTTP status.
        status: u16,
        /// Text for people in the body, if any; shortened, without control characters.
        detail: String,
    },
    /// Server that is overloaded or in maintenance (503, 429), even after this client's retries.
    #[error("{uri}: the server is busy (HTTP status {status}){}", after(*retry_after))]
    Busy {
        /// URI that answered.
        uri: String,
        /// HTTP status.
        status: u16,
        /// Time after which to try again, if the server said.
        retry_after: Option<Duration>,
    },
    /// Server that wants other credentials than this client has for it (401).
    #[error("{uri}: not authorised: {reason}")]
    Denied {
        /// URI that answered.
        uri: String,
        /// Missing credentials, or the reason why they did not help.
        reason: &'static str,
    },
    /// Answer of another media type than the one asked for (RFC 7285 §8.3.4.2).
    #[error("{uri}: the answer has media type {got:?}, {expected} was expected")]
    MediaType {
        /// URI that answered.
        uri: String,
        /// Media type asked for.
        expected: MediaType,
        /// Media type that `Content-Type` states; empty if there is none.
        got: String,
    },
    /// Answer that states the right media type and cannot be decoded.
    #[error("{uri}: malformed answer: {reason}")]
    Malformed {
        /// URI that answered.
        uri: String,
        /// Defect and its path in the document.
        reason: String,
    },
    /// ALTO error message (RFC 7285 §8.5).
    #[error("{0}")]
    Alto(Box<AltoError>),
    /// Directory without a resource that could answer.
    #[error("the directory offers no {wanted}{}{}", offered_list(offered), left_out(problems))]
    Unsupported {
        /// Resource that was looked for.
        wanted: String,
        /// Alternatives that the directory offers.
        offered: Vec<String>,
        /// Entries left out of the directory as ill-formed, which may be the reason.
        problems: Vec<String>,
    },
    /// Directory that names no default network map that exists, and has several to choose from.
    #[error("the directory names no default network map: choose one{}", offered_list(maps))]
    NoDefaultNetworkMap {
        /// Network maps of the directory.
        maps: Vec<ResourceId>,
    },
    /// Costs and network map of different versions, even after both were read again.
    #[error(
        "the cost map depends on version {} of {}, but the network map is version {} of {}: the server may be changing \
         both, try again",
        depends_on.tag, depends_on.resource_id, network_map.tag, network_map.resource_id
    )]
    Inconsistent {
        /// Version that the costs are for.
        depends_on: VersionTag,
        /// Version of the network map.
        network_map: VersionTag,
    },
    /// Query that RFC 7285 does not allow.
    #[error("{0}")]
    Query(&'static str),
    /// Resource that answers requests, to be followed without one.
    #[error("{resource_id} answers requests, and none is given: give one (option --input)")]
    NoRequest {
        /// ID in the directory.
        resource_id: ResourceId,
    },
    /// Changes that a server no longer tells of.
    #[error("{uri}: {reason}")]
    Ended {
        /// URI that told of them.
        uri: String,
        /// Reason that the server gave, or that it gave none.
        reason: String,
    },
    /// Wait for changes that another thread ended ([`Handle::interrupt`](crate::follow::Handle::interrupt)).
    #[error("the wait for changes was interrupted")]
    Interrupted,
}

/// Content of an ALTO error message (RFC 7285 §8.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AltoError {
    /// URI that answered.
    pub uri: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Code as sent; [`AltoError::code`] parses it.
    pub code: String,
    /// Defect of the request, with `E_SYNTAX`.
    pub syntax_error: Option<String>,
    /// Path of the offending field of the request.
    pub field: Option<String>,
    /// Offending value.
    pub value: Option<String>,
}

/// Reason why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectFault {
    /// Loop: the same request would be sent to the same place again.
    #[error("it leads back to {0}")]
    Loop(String),
    /// More redirects than the client follows.
    #[error("more than {0} in a row")]
    TooMany(u32),
    /// Missing `Location`, or one that is not text.
    #[error("it has no Location")]
    NoLocation,
    /// `Location` that is no usable URI.
    #[error("it leads to {0:?}, which is not a usable http or https URI")]
    BadLocation(String),
    /// Redirect from `https` to `http`.
    #[error("it leads from https to {0}, which is not protected")]
    Downgrade(String),
    /// Redirect of a request with a body to another origin.
    #[error("it leads a POST to {0}, which is of another origin (scheme, host and port)")]
    LeavesOrigin(String),
}

impl Error {
    /// ALTO error, if the server sent one.
    pub fn alto(&self) -> Option<&AltoError> {
        match self {
            Self::Alto(error) => Some(error),
            _ => None,
        }
    }

    /// HTTP status, if a status is the failure.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Busy { status, .. } => Some(*status),
            Self::Denied { .. } => Some(401),
            Self::Alto(error) => Some(error.status),
            _ => None,
        }
    }

    /// URI of the exchange that failed.
    pub fn uri(&self) -> Option<&str> {
        match self {
            Self::Transport { uri, .. }
            | Self::Timeout { uri, .. }
            | Self::TooLarge { uri, .. }
            | Self::Redirect { uri, .. }
            | Self::OutOfReach { uri, .. }
            | Self::Status { uri, .. }
            | Self::Busy { uri, .. }
            | Self::Denied { uri, .. }
            | Self::MediaType { uri, .. }
            | Self::Malformed { uri, .. }
            | Self::Ended { uri, .. } => Some(uri),
            Self::Alto(error) => Some(&error.uri),
            _ => None,
        }
    }

    /// Error for a query that no resource answers.
    pub(crate) fn unsupported(wanted: String, offered: Vec<String>) -> Self {
        Self::Unsupported { wanted, offered, problems: Vec::new() }
    }

    /// True if a change of the directory since it was read may be the cause.
    pub(crate) fn suggests_stale_directory(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 404 | 405 | 410 | 415),
            Self::MediaType { .. } | Self::Unsupported { .. } | Self::NoDefaultNetworkMap { .. } => true,
            _ => false,
        }
    }
}

impl AltoError {
    /// Code, if it is one of RFC 7285 (§14.5 allows others).
    pub fn code(&self) -> Result<ErrorCode, UnknownErrorCode> {
        self.code.parse()
    }

    pub(crate) fn new(uri: &str, status: u16, meta: ErrorMeta) -> Self {
        let ErrorMeta { code, syntax_error, field, value } = meta;
        Self { uri: uri.to_owned(), status, code, syntax_error, field, value }
    }
}

impl fmt::Display for AltoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the server refuses the request: {}", self.uri, printable(&self.code))?;
        if let Some(description) = &self.syntax_error {
            write!(f, ": {}", printable(description))?;
        }
        if let Some(field) = &self.field {
            write!(f, " in field {}", printable(field))?;
        }
        if let Some(value) = &self.value {
            write!(f, ", value {value:?}")?;
        }
        write!(f, " (HTTP status {})", self.status)
    }
}

fn colon(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

fn after(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!(", and asks to come back in {} s", wait.as_secs()))
}

fn left_out(problems: &[String]) -> String {
    match problems {
        [] => String::new(),
        [only] => format!(" (left out: {only})"),
        [first, more @ ..] => format!(" (left out: {first}; and {} more)", more.len()),
    }
}

fn offered_list<T: fmt::Display>(offered: &[T]) -> String {
    const MOST: usize = 20;
    if offered.is_empty() {
        return String::new();
    }
    let mut names: Vec<String> = offered.iter().take(MOST).map(|name| printable(&name.to_string())).collect();
    if offered.len() > MOST {
        names.push("...".to_owned());
    }
    format!("; there is {}", names.join(", "))
}
