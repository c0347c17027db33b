//! Short documents of other peers: manifests, lists of files and of pieces.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, Error};

use super::cancel::Cancel;
use super::outcome::{Outcome, failure, io_failure, is_unanswered, refusal};
use super::transport;

/// Fetches a short document as a whole. Fails if nothing arrives for the time of `patience`.
pub(super) fn fetch_small(
    agent: &Agent,
    url: &str,
    limit: u64,
    cancel: &Cancel,
    patience: Duration,
) -> Result<Vec<u8>, Outcome> {
    transport::watched(cancel, patience, || {
        let mut response = get(agent, url).map_err(|error| failure(&error))?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response.status(), &response));
        }
        response.body_mut().with_config().limit(limit).read_to_vec().map_err(|error| match error {
            Error::BodyExceedsLimit(_) => Outcome::Lied(format!("answered with more than the {limit} bytes allowed")),
            error => failure(&error),
        })
    })
}

/// Fetches a document line by line, of up to `limit` bytes, and calls `line` with each until it returns false. Fails if
/// nothing arrives for the time of `patience`.
pub(super) fn fetch_lines(
    agent: &Agent,
    url: &str,
    limit: u64,
    cancel: &Cancel,
    patience: Duration,
    mut line: impl FnMut(&[u8]) -> Result<bool, Outcome>,
) -> Result<(), Outcome> {
    transport::watched(cancel, patience, || {
        let mut response = get(agent, url).map_err(|error| failure(&error))?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response.status(), &response));
        }
        let mut reader = BufReader::new(response.body_mut().with_config().limit(limit).reader());
        let mut text = Vec::new();
        while reader.read_until(b'\n', &mut text).map_err(|error| io_failure(&error))? > 0 {
            if !line(&text)? {
                break;
            }
            text.clear();
            transport::extend_deadline(patience);
        }
        Ok(())
    })
}

/// Requests a document, again if a connection kept from an earlier request has just been closed at the other end.
fn get(agent: &Agent, url: &str) -> Result<Response<Body>, Error> {
    match agent.get(url).call() {
        Err(error) if is_unanswered(&error) => agent.get(url).call(),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::download::pace::Pace;
    use crate::download::request::FIRST_BYTE;

    #[test]
    fn a_document_is_requested_again_if_a_kept_connection_has_just_been_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/files", listener.local_addr().unwrap());
        let holder = std::thread::spawn(move || {
            let head_of = |stream: &std::net::TcpStream| {
                BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).count()
            };
            for answer in ["one", "two"] {
                let (mut stream, _) = listener.accept().unwrap();
                assert!(head_of(&stream) > 0);
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{answer}").unwrap();
                // The next request on the connection is read, and not answered.
                assert_eq!(head_of(&stream) > 0, answer == "one");
            }
        });
        let agent = transport::agent(None, 4, Arc::new(Pace::new(Instant::now(), None)));
        let ask = || fetch_small(&agent, &url, 10, &Cancel::default(), FIRST_BYTE).unwrap();
        assert_eq!((ask(), ask()), (b"one".to_vec(), b"two".to_vec()));
        drop(agent);
        holder.join().unwrap();
    }
}
