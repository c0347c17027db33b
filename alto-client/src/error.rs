//! Why an answer was not had: one enum, with everything the server said in it.

use std::fmt;
use std::time::Duration;

use alto_types::error::{ErrorMeta, UnknownErrorCode};
use alto_types::{ErrorCode, MediaType, ResourceId, VersionTag};

/// Everything that can keep a client from an answer. Every variant that comes from an exchange names its URI.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection, or one that broke: name resolution, TCP, TLS, HTTP framing, a body cut short.
    #[error("{uri}: {source}")]
    Transport {
        /// Whom was asked.
        uri: String,
        /// What the layer below says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer was not complete within the time allowed.
    #[error("{uri}: no complete answer in time (while waiting for {phase})")]
    Timeout {
        /// Whom was asked.
        uri: String,
        /// What was being waited for.
        phase: String,
    },
    /// The answer is larger than this client takes.
    #[error("{uri}: the answer is longer than {limit} bytes, the most this client takes")]
    TooLarge {
        /// Whom was asked.
        uri: String,
        /// The limit in force.
        limit: u64,
    },
    /// A redirect that is not followed.
    #[error("{uri}: redirect not followed: {reason}")]
    Redirect {
        /// Who redirects.
        uri: String,
        /// What is wrong with it.
        reason: RedirectFault,
    },
    /// An HTTP status other than success, without an ALTO error in the body.
    #[error("{uri}: HTTP status {status}{}", colon(detail))]
    Status {
        /// Who answered.
        uri: String,
        /// The status.
        status: u16,
        /// What the body says, where it is text for people; shortened, without control characters.
        detail: String,
    },
    /// The server is overloaded or in maintenance (503, 429) and was so still after the tries this client makes.
    #[error("{uri}: the server is busy (HTTP status {status}){}", after(*retry_after))]
    Busy {
        /// Who answered.
        uri: String,
        /// The status.
        status: u16,
        /// When to try again, if the server said.
        retry_after: Option<Duration>,
    },
    /// The server wants other credentials than this client has for it (401).
    #[error("{uri}: not authorised: {reason}")]
    Denied {
        /// Who answered.
        uri: String,
        /// Whether there were credentials, and what became of them.
        reason: &'static str,
    },
    /// An answer of another type than the one asked for (RFC 7285 §8.3.4.2).
    #[error("{uri}: the answer has media type {got:?}, {expected} was expected")]
    MediaType {
        /// Who answered.
        uri: String,
        /// The type asked for.
        expected: MediaType,
        /// The type that `Content-Type` states; empty where it states none.
        got: String,
    },
    /// An answer that claims the right type and cannot be read as one.
    #[error("{uri}: malformed answer: {reason}")]
    Malformed {
        /// Who answered.
        uri: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// An ALTO error (RFC 7285 §8.5).
    #[error("{0}")]
    Alto(Box<AltoError>),
    /// The directory offers no resource that could answer.
    #[error("the directory offers no {wanted}{}{}", offered_list(offered), left_out(problems))]
    Unsupported {
        /// What was looked for.
        wanted: String,
        /// What there is instead.
        offered: Vec<String>,
        /// What was left out of the directory, and may be where it was.
        problems: Vec<String>,
    },
    /// The directory names no default network map that exists, and has several to choose from.
    #[error("the directory names no default network map: choose one{}", offered_list(maps))]
    NoDefaultNetworkMap {
        /// The network maps there are.
        maps: Vec<ResourceId>,
    },
    /// Cost map and network map kept being of different versions, however often both were read again.
    #[error(
        "the cost map depends on version {} of {}, but the network map is version {} of {}",
        depends_on.tag, depends_on.resource_id, network_map.tag, network_map.resource_id
    )]
    Inconsistent {
        /// The version the costs are for.
        depends_on: VersionTag,
        /// The version the network map is.
        network_map: VersionTag,
    },
    /// A question that RFC 7285 does not let a client ask.
    #[error("{0}")]
    Question(&'static str),
}

/// What an ALTO error message said (RFC 7285 §8.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AltoError {
    /// Who answered.
    pub uri: String,
    /// The HTTP status it came with.
    pub status: u16,
    /// The code as sent. See [`AltoError::code`] for the ones this client knows.
    pub code: String,
    /// With `E_SYNTAX`: what is wrong with the request.
    pub syntax_error: Option<String>,
    /// The path of the offending field of the request.
    pub field: Option<String>,
    /// The offending value.
    pub value: Option<String>,
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectFault {
    /// The same request would be sent to the same place again.
    #[error("it leads back to {0}")]
    Loop(String),
    /// One more than the client follows.
    #[error("more than {0} in a row")]
    TooMany(u32),
    /// No `Location`, or one that is not text.
    #[error("it does not say where to")]
    NoLocation,
    /// A `Location` that this client cannot ask.
    #[error("it leads to {0:?}, which is not a usable http or https URI")]
    BadLocation(String),
    /// From `https` to `http`.
    #[error("it leads from https to {0}, which is not protected")]
    Downgrade(String),
}

impl Error {
    /// The ALTO error, where the server sent one.
    pub fn alto(&self) -> Option<&AltoError> {
        match self {
            Self::Alto(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status, where a status is what went wrong.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Busy { status, .. } => Some(*status),
            Self::Denied { .. } => Some(401),
            Self::Alto(error) => Some(error.status),
            _ => None,
        }
    }

    /// Nothing answers this.
    pub(super) fn unsupported(wanted: String, offered: Vec<String>) -> Self {
        Self::Unsupported { wanted, offered, problems: Vec::new() }
    }

    /// Whether the cause may be that the directory has changed since it was read.
    pub(super) fn suggests_stale_directory(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 404 | 405 | 410 | 415),
            Self::MediaType { .. } | Self::Unsupported { .. } | Self::NoDefaultNetworkMap { .. } => true,
            _ => false,
        }
    }
}

impl AltoError {
    /// The code, if it is one of RFC 7285; an unknown one is an error of unknown kind (§14.5).
    pub fn code(&self) -> Result<ErrorCode, UnknownErrorCode> {
        self.code.parse()
    }

    pub(super) fn new(uri: &str, status: u16, meta: ErrorMeta) -> Self {
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

/// Makes text of a server safe for a terminal: control characters become blanks, and it ends after 300 characters.
pub fn printable(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut shown: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str(" ...");
    }
    shown
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
