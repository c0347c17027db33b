//! Ends of requests to other peers, and the meaning of their answers and errors.

use std::io;
use std::time::Duration;

use ureq::Error;
use ureq::http::header::RETRY_AFTER;
use ureq::http::{Response, StatusCode};

use super::transport;
use crate::content::partial::PartialError;

/// Longest time for which a refusal of a holder is respected.
const LONGEST_REFUSAL: Duration = Duration::from_mins(1);
/// Duration of a refusal without `Retry-After`.
const REFUSAL: Duration = Duration::from_secs(5);

/// Outcome of a request. Texts continue a sentence that begins with the holder.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All pieces arrived.
    Served,
    /// Cancelled by this peer.
    Cancelled,
    /// The holder refused, for this time.
    Refused(Duration, String),
    /// The holder does not have what was requested.
    Missing,
    /// The connection could not be made, or broke.
    Left(String),
    /// The answer stalled: next to nothing arrived.
    Stalled(String),
    /// Something arrived that is wrong.
    Lied(String),
    /// The piece cannot be stored.
    Local(PartialError),
}

/// True if the connection ended before the first byte of an answer.
pub(super) fn is_unanswered(error: &Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error, Error::Io(error) if matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe))
}

/// The outcome of a request that failed with this error.
pub(super) fn failure(error: &Error) -> Outcome {
    match error {
        Error::Io(error) => io_failure(error),
        Error::Timeout(ureq::Timeout::Connect) => Outcome::Left("does not accept connections".to_owned()),
        Error::Timeout(_) => Outcome::Stalled("sends nothing".to_owned()),
        Error::Protocol(_) | Error::Http(_) | Error::LargeResponseHeader(..) => {
            Outcome::Lied(format!("sent an answer that is not valid HTTP: {error}"))
        }
        error => Outcome::Left(format!("cannot be asked: {error}")),
    }
}

/// The outcome of a request that failed with this I/O error.
pub(super) fn io_failure(error: &io::Error) -> Outcome {
    if transport::is_cancelled(error) {
        return Outcome::Cancelled;
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => failure(error),
        None => Outcome::Left(left(error)),
    }
}

/// Says what the holder does whose connection failed with this error, to complete "HOLDER ...".
fn left(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refuses connections".to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "cannot be reached from here".to_owned(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => "closed the connection".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "sends nothing".to_owned(),
        _ => format!("cannot be asked: {error}"),
    }
}

/// The outcome of a request that was answered with this status instead of content.
pub(super) fn refusal<B>(status: StatusCode, response: &Response<B>) -> Outcome {
    let after = || {
        let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_REFUSAL))
    };
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Missing,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Refused(after().unwrap_or(REFUSAL).max(Duration::from_millis(100)), format!("answered {status}"))
        }
        status if status.is_server_error() => Outcome::Refused(LONGEST_REFUSAL, format!("answered {status}")),
        status => Outcome::Left(format!("answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_complete_a_sentence_about_the_holder() {
        for (kind, words) in [
            (io::ErrorKind::ConnectionRefused, "refuses connections"),
            (io::ErrorKind::NetworkUnreachable, "cannot be reached from here"),
            (io::ErrorKind::ConnectionReset, "closed the connection"),
            (io::ErrorKind::UnexpectedEof, "closed the connection"),
        ] {
            let Outcome::Left(reason) = io_failure(&kind.into()) else { panic!("the holder is left") };
            assert_eq!(reason, words);
        }
        let Outcome::Left(reason) = io_failure(&io::Error::other("the cable is gone")) else { panic!("it is left") };
        assert_eq!(reason, "cannot be asked: the cable is gone");
    }
}
