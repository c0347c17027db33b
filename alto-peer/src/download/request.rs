//! A request for pieces of one holder: sent, received, checked and written to the disk.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;
use ureq::http::header::{CONTENT_LOCATION, CONTENT_RANGE, RANGE, RETRY_AFTER};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, Error};

use super::cancel::Cancel;
use super::pace::Pace;
use super::transport;
use crate::content::partial::PartialError;
use crate::content::{Bitfield, PartialFile, Written};

/// Longest wait for the first byte. A busy holder queues uploads and refuses when that takes too long; this is for those
/// that do neither.
pub(super) const FIRST_BYTE: Duration = Duration::from_mins(1);
/// Bytes of a body below which it counts as stalled if no more arrive within the time of a stall.
const TRICKLE: u64 = 1024;
/// Longest time for which a refusal of a holder is respected.
const LONGEST_REFUSAL: Duration = Duration::from_mins(1);
/// Duration of a refusal without `Retry-After`.
const REFUSAL: Duration = Duration::from_secs(5);

/// An assignment: consecutive pieces to request of one holder, or any one of a set.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) source: SocketAddr,
    /// None where the holder chooses.
    pub(super) pieces: Range<usize>,
    /// Pieces of which the holder chooses one; absent if this peer has chosen.
    pub(super) any_of: Option<Bitfield>,
    /// Requests a range of the whole file, which only a complete holder serves, if true; otherwise a single piece.
    pub(super) of_whole: bool,
    pub(super) cancel: Cancel,
}

/// Progress of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The holder begins to send; this is the first piece.
    Begun(usize),
    /// A piece arrived.
    Arrived(Arrival),
}

/// A piece that arrived, matches its hash and was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) piece: usize,
    pub(super) bytes: u64,
    /// Time since the request, or since the previous piece of the same request.
    pub(super) took: Duration,
    /// Time since its first byte.
    pub(super) transfer: Duration,
    pub(super) written: Written,
}

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

/// Makes the requests of one worker.
pub(super) struct Requester {
    pub(super) agent: Agent,
    pub(super) file: FileId,
    pub(super) partial: Arc<PartialFile>,
    pub(super) stall: Duration,
    /// Bytes of all bodies received, right or wrong.
    pub(super) received: Arc<AtomicU64>,
    pub(super) gate: Gate,
    /// Limit of the rate of all downloads.
    pub(super) pace: Arc<Pace>,
    pub(super) buffer: Vec<u8>,
}

/// A switch that ends all writing of pieces for good.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<RwLock<Shut>>);

#[derive(Debug, Default)]
struct Shut(bool);

/// Detection of bodies that stall.
struct Flow {
    stall: Duration,
    since: Instant,
    bytes: u64,
}

impl Requester {
    /// Requests the pieces of a job and writes them, calling `report` at each step. Returns how the request ended and the
    /// number of bytes that are of no use.
    pub(super) fn run(&mut self, job: &Job, mut report: impl FnMut(Step)) -> (Outcome, u64) {
        let mut wasted = 0;
        let mut outcome = self.attempt(job, &mut report, &mut wasted);
        // A connection kept from an earlier request may just have been closed at the other end, which is no failure.
        if let Err(Fault::Unanswered(_)) = outcome {
            outcome = self.attempt(job, &mut report, &mut wasted);
        }
        (outcome.err().map_or(Outcome::Served, Into::into), wasted)
    }

    fn attempt(&mut self, job: &Job, report: &mut impl FnMut(Step), wasted: &mut u64) -> Result<(), Fault> {
        if job.cancel.is_cancelled() {
            return Err(Outcome::Cancelled.into());
        }
        let asked = Instant::now();
        transport::watched(&job.cancel, FIRST_BYTE, || {
            let mut response = self.ask(job).map_err(|error| unanswered(&error))?;
            let pieces = self.check(job, &response)?;
            report(Step::Begun(pieces.start));
            self.receive(job, pieces, response.body_mut(), asked, report, wasted).map_err(Fault::Over)
        })
    }

    fn ask(&self, job: &Job) -> Result<Response<Body>, Error> {
        let (source, file) = (job.source, self.file);
        if let Some(want) = &job.any_of {
            self.agent.get(format!("http://{source}/files/{file}/pieces/any?want={}", want.to_hex())).call()
        } else if job.of_whole {
            let bytes = self.bytes_of(&job.pieces);
            let range = format!("bytes={}-{}", bytes.start, bytes.end.saturating_sub(1));
            self.agent.get(format!("http://{source}/files/{file}")).header(RANGE, range).call()
        } else {
            self.agent.get(format!("http://{source}/files/{file}/pieces/{}", job.pieces.start)).call()
        }
    }

    fn bytes_of(&self, pieces: &Range<usize>) -> Range<u64> {
        let manifest = self.partial.manifest();
        manifest.piece_range(pieces.start).start..manifest.piece_range(pieces.end.saturating_sub(1)).end
    }

    /// Checks that the answer is to the request; returns the pieces that it has.
    fn check(&self, job: &Job, response: &Response<Body>) -> Result<Range<usize>, Outcome> {
        let expected = if job.of_whole { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let status = response.status();
        if status != expected {
            return Err(refusal(status, response));
        }
        let pieces = match &job.any_of {
            None => job.pieces.clone(),
            Some(want) => {
                let piece = self.chosen(response).filter(|piece| want.get(*piece));
                let piece = piece.ok_or_else(|| {
                    Outcome::Lied("answered without saying which of the requested pieces it sends".to_owned())
                })?;
                piece..piece + 1
            }
        };
        let bytes = self.bytes_of(&pieces);
        let length = bytes.end - bytes.start;
        if let Some(found) = response.body().content_length().filter(|found| *found != length) {
            return Err(Outcome::Lied(format!("answered with {found} bytes instead of the {length} requested")));
        }
        let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let stated = || range.and_then(|range| range.strip_prefix("bytes ")?.split_once('/')).map(|(range, _)| range);
        if job.of_whole && stated() != Some(&format!("{}-{}", bytes.start, bytes.end - 1)) {
            return Err(Outcome::Lied(format!("answered with another range than the one requested: {range:?}")));
        }
        Ok(pieces)
    }

    /// The piece that the holder says it has chosen.
    fn chosen(&self, response: &Response<Body>) -> Option<usize> {
        let location = response.headers().get(CONTENT_LOCATION)?.to_str().ok()?;
        location.strip_prefix(&format!("/files/{}/pieces/", self.file))?.parse().ok()
    }

    fn receive(
        &mut self,
        job: &Job,
        pieces: Range<usize>,
        body: &mut Body,
        asked: Instant,
        report: &mut impl FnMut(Step),
        wasted: &mut u64,
    ) -> Result<(), Outcome> {
        let mut reader = body.with_config().limit(u64::MAX).reader();
        let mut flow = Flow::new(self.stall);
        let mut before = asked;
        for piece in pieces {
            let begun = Instant::now();
            self.buffer.resize(self.partial.manifest().piece_len(piece), 0);
            let mut filled = 0;
            while filled < self.buffer.len() {
                let end = self.buffer.len().min(filled.saturating_add(self.pace.chunk()));
                let count = match reader.read(&mut self.buffer[filled..end]) {
                    Ok(0) => Err(Outcome::Left("ended its answer too early".to_owned())),
                    Ok(count) => Ok(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(io_failure(&error)),
                };
                let count = count.inspect_err(|_| *wasted += filled as u64)?;
                filled += count;
                // A holder that keeps sending never makes the connection wait, which is where cancelling is noticed else.
                if job.cancel.is_cancelled() && filled < self.buffer.len() {
                    *wasted += filled as u64;
                    return Err(Outcome::Cancelled);
                }
                self.received.fetch_add(count as u64, Ordering::Relaxed);
                flow.received(count as u64).inspect_err(|_| *wasted += filled as u64)?;
                if self.pace.received(count, &job.cancel) {
                    // Time that this peer's own limit takes is not the holder's.
                    flow = Flow::new(self.stall);
                }
            }
            let written = self.store(piece).inspect_err(|_| *wasted += filled as u64)?;
            let now = Instant::now();
            let (took, transfer) = (now - before, now - begun);
            report(Step::Arrived(Arrival { piece, bytes: filled as u64, took, transfer, written }));
            before = now;
            if job.cancel.is_cancelled() {
                return Err(Outcome::Cancelled);
            }
            // Time spent on writing is not the holder's.
            flow = Flow::new(self.stall);
        }
        // Only a body read to its end leaves a connection that can be reused.
        let _end = reader.read(&mut [0]);
        Ok(())
    }

    fn store(&self, piece: usize) -> Result<Written, Outcome> {
        let gate = self.gate.0.read().unwrap_or_else(PoisonError::into_inner);
        if gate.0 {
            return Err(Outcome::Cancelled);
        }
        self.partial.write_piece(piece, &self.buffer).map_err(|error| match error {
            PartialError::WrongHash { .. } => {
                Outcome::Lied(format!("sent a wrong piece: {piece} does not match its hash"))
            }
            error => Outcome::Local(error),
        })
    }
}

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

impl Gate {
    /// Waits until pieces being written are finished, and prevents any more.
    pub(super) fn shut(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).0 = true;
    }
}

impl Flow {
    fn new(stall: Duration) -> Self {
        transport::extend_deadline(stall);
        Self { stall, since: Instant::now(), bytes: 0 }
    }

    /// Counts received bytes; fails when the body stalls.
    fn received(&mut self, count: u64) -> Result<(), Outcome> {
        self.bytes += count;
        let elapsed = self.since.elapsed();
        if elapsed < self.stall {
            if self.bytes > TRICKLE {
                *self = Self::new(self.stall);
            }
            return Ok(());
        }
        if self.bytes <= TRICKLE {
            return Err(Outcome::Stalled(format!("sent {} bytes in {:.1} s", self.bytes, elapsed.as_secs_f64())));
        }
        *self = Self::new(self.stall);
        Ok(())
    }
}

/// A failed attempt at a request.
enum Fault {
    /// The connection ended before the first byte of an answer.
    Unanswered(String),
    /// The request has ended.
    Over(Outcome),
}

impl From<Outcome> for Fault {
    fn from(outcome: Outcome) -> Self {
        Self::Over(outcome)
    }
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unanswered(reason) => Self::Left(reason),
            Fault::Over(outcome) => outcome,
        }
    }
}

fn unanswered(error: &Error) -> Fault {
    if is_unanswered(error) {
        Fault::Unanswered("closed the connection without an answer".to_owned())
    } else {
        Fault::Over(failure(error))
    }
}

/// True if the connection ended before the first byte of an answer.
fn is_unanswered(error: &Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error, Error::Io(error) if matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe))
}

/// Requests a document, again if a connection kept from an earlier request has just been closed at the other end.
fn get(agent: &Agent, url: &str) -> Result<Response<Body>, Error> {
    match agent.get(url).call() {
        Err(error) if is_unanswered(&error) => agent.get(url).call(),
        answer => answer,
    }
}

/// The outcome of a request that failed with this error.
fn failure(error: &Error) -> Outcome {
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
fn io_failure(error: &io::Error) -> Outcome {
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
fn refusal<B>(status: StatusCode, response: &Response<B>) -> Outcome {
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
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

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
