//! One request for pieces: from the holder's bytes to the disk, and what can go wrong on the way.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;
use ureq::http::header::{CONTENT_RANGE, RANGE, RETRY_AFTER};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, Error};

use super::transport::{self, Cancel};
use crate::content::partial::PartialError;
use crate::content::{PartialFile, Written};

/// Uploads are queued where a holder is busy, and it says when that takes too long; this is for those that say nothing.
pub(super) const FIRST_BYTE: Duration = Duration::from_mins(1);
/// A body that brings less than this within the time of a stall is stalled, although something comes.
const TRICKLE: u64 = 1024;
/// Longest time that a holder can ask us to stay away.
const LONGEST_REFUSAL: Duration = Duration::from_mins(1);
/// Where a holder refuses and does not say for how long.
const REFUSAL: Duration = Duration::from_secs(5);

/// A request for consecutive pieces of one holder.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) source: SocketAddr,
    pub(super) pieces: Range<usize>,
    /// Asks for a range of the whole file, which a holder of all of it has.
    pub(super) of_whole: bool,
    pub(super) cancel: Cancel,
}

/// A piece that arrived and is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) piece: usize,
    pub(super) bytes: u64,
    /// From the request, or from the piece before it.
    pub(super) took: Duration,
    /// From the first of its bytes.
    pub(super) transfer: Duration,
    pub(super) written: Written,
}

/// How a request, or a holder, came to its end.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Everything came.
    Served,
    /// We did not want it any more.
    Cancelled,
    /// The holder has no time for us until then.
    Refused(Duration, String),
    /// The holder does not have this.
    Missing,
    /// No connection, or it broke.
    Left(String),
    /// Nothing came, or next to nothing.
    Stalled(String),
    /// Something came that is wrong.
    Lied(String),
    /// It cannot be kept here.
    Local(PartialError),
}

/// Makes requests for one file; every worker has its own.
pub(super) struct Requester {
    pub(super) agent: Agent,
    pub(super) file: FileId,
    pub(super) partial: Arc<PartialFile>,
    pub(super) stall: Duration,
    /// All bytes of all bodies.
    pub(super) received: Arc<AtomicU64>,
    pub(super) gate: Gate,
    pub(super) buffer: Vec<u8>,
}

/// Whether pieces may still be written. Once it is shut, nobody touches the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<RwLock<Shut>>);

#[derive(Debug, Default)]
struct Shut(bool);

/// Sees to it that a body goes on.
struct Flow {
    stall: Duration,
    since: Instant,
    bytes: u64,
}

impl Requester {
    /// Fetches the pieces of a job and writes them; `arrived` is told of each. Says how it ended, and how many bytes
    /// came for nothing.
    pub(super) fn run(&mut self, job: &Job, mut arrived: impl FnMut(Arrival)) -> (Outcome, u64) {
        let mut wasted = 0;
        let mut outcome = self.attempt(job, &mut arrived, &mut wasted);
        // A kept connection may have been closed at the other end just when we wrote to it: that says nothing.
        if let Err(Fault::Unanswered(_)) = outcome {
            outcome = self.attempt(job, &mut arrived, &mut wasted);
        }
        (outcome.err().map_or(Outcome::Served, Into::into), wasted)
    }

    fn attempt(&mut self, job: &Job, arrived: &mut impl FnMut(Arrival), wasted: &mut u64) -> Result<(), Fault> {
        if job.cancel.is_cancelled() {
            return Err(Outcome::Cancelled.into());
        }
        let asked = Instant::now();
        transport::watched(&job.cancel, FIRST_BYTE, || {
            let mut response = self.ask(job).map_err(unanswered)?;
            self.check(job, &response)?;
            self.receive(job, response.body_mut(), asked, arrived, wasted).map_err(Fault::Over)
        })
    }

    fn ask(&self, job: &Job) -> Result<Response<Body>, Error> {
        let (source, file) = (job.source, self.file);
        if job.of_whole {
            let bytes = self.bytes_of(job);
            let range = format!("bytes={}-{}", bytes.start, bytes.end.saturating_sub(1));
            self.agent.get(format!("http://{source}/files/{file}")).header(RANGE, range).call()
        } else {
            self.agent.get(format!("http://{source}/files/{file}/pieces/{}", job.pieces.start)).call()
        }
    }

    fn bytes_of(&self, job: &Job) -> Range<u64> {
        let manifest = self.partial.manifest();
        manifest.piece_range(job.pieces.start).start..manifest.piece_range(job.pieces.end.saturating_sub(1)).end
    }

    /// Whether the answer is what was asked for.
    fn check(&self, job: &Job, response: &Response<Body>) -> Result<(), Outcome> {
        let expected = if job.of_whole { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let status = response.status();
        if status != expected {
            return Err(refusal(status, response));
        }
        let bytes = self.bytes_of(job);
        let length = bytes.end - bytes.start;
        if let Some(found) = response.body().content_length().filter(|found| *found != length) {
            return Err(Outcome::Lied(format!("answered {found} bytes where {length} were asked for")));
        }
        let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let stated = || range.and_then(|range| range.strip_prefix("bytes ")?.split_once('/')).map(|(range, _)| range);
        if job.of_whole && stated() != Some(&format!("{}-{}", bytes.start, bytes.end - 1)) {
            return Err(Outcome::Lied(format!("answered another range than was asked for: {range:?}")));
        }
        Ok(())
    }

    fn receive(
        &mut self,
        job: &Job,
        body: &mut Body,
        asked: Instant,
        arrived: &mut impl FnMut(Arrival),
        wasted: &mut u64,
    ) -> Result<(), Outcome> {
        let mut reader = body.with_config().limit(u64::MAX).reader();
        let mut flow = Flow::new(self.stall);
        let mut before = asked;
        for piece in job.pieces.clone() {
            let begun = Instant::now();
            self.buffer.resize(self.partial.manifest().piece_len(piece), 0);
            let mut filled = 0;
            while filled < self.buffer.len() {
                let count = match reader.read(&mut self.buffer[filled..]) {
                    Ok(0) => Err(Outcome::Left("the answer ended too early".to_owned())),
                    Ok(count) => Ok(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(broken(&error)),
                };
                let count = count.inspect_err(|_| *wasted += filled as u64)?;
                filled += count;
                self.received.fetch_add(count as u64, Ordering::Relaxed);
                flow.brought(count as u64).inspect_err(|_| *wasted += filled as u64)?;
            }
            let written = self.keep(piece).inspect_err(|_| *wasted += filled as u64)?;
            let now = Instant::now();
            arrived(Arrival { piece, bytes: filled as u64, took: now - before, transfer: now - begun, written });
            before = now;
            if job.cancel.is_cancelled() {
                return Err(Outcome::Cancelled);
            }
            // Writing may have taken a while; that is not the holder's fault.
            flow = Flow::new(self.stall);
        }
        // Only what was read to its end leaves a connection that can be used again.
        let _end = reader.read(&mut [0]);
        Ok(())
    }

    fn keep(&self, piece: usize) -> Result<Written, Outcome> {
        let gate = self.gate.0.read().unwrap_or_else(PoisonError::into_inner);
        if gate.0 {
            return Err(Outcome::Cancelled);
        }
        self.partial.write_piece(piece, &self.buffer).map_err(|error| match error {
            PartialError::WrongHash { .. } => Outcome::Lied(format!("piece {piece} is wrong")),
            error => Outcome::Local(error),
        })
    }
}

/// A short answer as a whole, within `patience`.
pub(super) fn small(
    agent: &Agent,
    url: &str,
    limit: u64,
    cancel: &Cancel,
    patience: Duration,
) -> Result<Vec<u8>, Outcome> {
    transport::watched(cancel, patience, || {
        let mut response = agent.get(url).call().map_err(|error| failure(&error))?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response.status(), &response));
        }
        response.body_mut().with_config().limit(limit).read_to_vec().map_err(|error| match error {
            Error::BodyExceedsLimit(_) => Outcome::Lied(format!("answered more than {limit} bytes")),
            error => failure(&error),
        })
    })
}

impl Gate {
    /// Waits for those that are writing.
    pub(super) fn shut(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).0 = true;
    }
}

impl Flow {
    fn new(stall: Duration) -> Self {
        transport::wait_further(stall);
        Self { stall, since: Instant::now(), bytes: 0 }
    }

    fn brought(&mut self, count: u64) -> Result<(), Outcome> {
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

/// An attempt that failed.
enum Fault {
    /// The connection ended before anything was answered.
    Unanswered(String),
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

fn unanswered(error: Error) -> Fault {
    match error {
        Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Fault::Unanswered("closed the connection without an answer".to_owned())
            }
            _ => Fault::Over(broken(&error)),
        },
        error => Fault::Over(failure(&error)),
    }
}

/// Why there was no whole answer.
fn failure(error: &Error) -> Outcome {
    match error {
        Error::Io(error) => broken(error),
        Error::Timeout(ureq::Timeout::Connect) => Outcome::Left("does not take connections".to_owned()),
        Error::Timeout(_) => Outcome::Stalled("sends nothing".to_owned()),
        Error::Protocol(_) | Error::Http(_) | Error::LargeResponseHeader(..) => {
            Outcome::Lied(format!("does not answer in HTTP: {error}"))
        }
        error => Outcome::Left(error.to_string()),
    }
}

/// Why a body broke off.
fn broken(error: &io::Error) -> Outcome {
    if transport::is_cancelled(error) {
        return Outcome::Cancelled;
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => failure(error),
        None => Outcome::Left(error.to_string()),
    }
}

/// What an answer means that is not the one hoped for.
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
