//! A request for pieces of one holder: sent, received, checked and written to the disk.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;
use ureq::http::header::{CONTENT_LOCATION, CONTENT_RANGE, RANGE};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, Error};

use super::cancel::Cancel;
use super::outcome::{Outcome, failure, io_failure, is_unanswered, refusal};
use super::pace::Pace;
use super::parts::{Held, Parts, Span};
use super::transport;
use crate::content::partial::PartialError;
use crate::content::{Bitfield, PartialFile, Written};

/// Longest wait for the first byte. A busy holder queues uploads and refuses when that takes too long; this is for those
/// that do neither.
pub(super) const FIRST_BYTE: Duration = Duration::from_mins(1);
/// Bytes of a body below which it counts as stalled if no more arrive within the time of a stall.
const TRICKLE: u64 = 1024;

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
    /// Time in which a piece is usually sent, where another holder is to go on sending a part of this one meanwhile.
    pub(super) usual: Option<Duration>,
    pub(super) cancel: Cancel,
}

/// Progress of a request.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The holder begins to send; this is the first piece.
    Begun(usize),
    /// A piece arrived.
    Arrived(Arrival),
}

/// A piece that arrived, matches its hash and was written.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) piece: usize,
    pub(super) bytes: u64,
    /// Number of these bytes that other holders sent.
    pub(super) from_others: Vec<(SocketAddr, u64)>,
    /// Time since the request, or since the previous piece of the same request.
    pub(super) took: Duration,
    /// Time that it took from its first byte, or would have taken if this request had brought all of it.
    pub(super) transfer: Duration,
    pub(super) written: Written,
}

impl Arrival {
    /// Number of its bytes that its own request brought.
    pub(super) fn own_bytes(&self) -> u64 {
        self.bytes - self.from_others.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }
}

/// Makes the requests of one worker.
pub(super) struct Requester {
    pub(super) agent: Agent,
    pub(super) file: FileId,
    pub(super) partial: Arc<PartialFile>,
    pub(super) parts: Arc<Parts>,
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

/// Pieces that the answer of a holder contains.
struct Answer {
    pieces: Range<usize>,
    /// The bytes of the only piece; absent if all.
    part: Option<Range<usize>>,
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
        let part = self.part(job, asked);
        transport::watched(&job.cancel, FIRST_BYTE, || {
            let mut response = self.ask(job, part.as_ref()).map_err(|error| unanswered(&error))?;
            let answer = self.check(job, part, &response)?;
            report(Step::Begun(answer.pieces.start));
            self.receive(job, &answer, response.body_mut(), asked, report, wasted).map_err(Fault::Over)
        })
    }

    /// The part of a single piece to request; `None` for all of what the job is for.
    fn part(&self, job: &Job, now: Instant) -> Option<Range<usize>> {
        if job.of_whole || job.any_of.is_some() {
            return None;
        }
        let (piece, length) = (job.pieces.start, self.partial.manifest().piece_len(job.pieces.start));
        Some(self.parts.plan(piece, length, job.source, job.usual, now)).filter(|part| part.len() < length)
    }

    fn ask(&self, job: &Job, part: Option<&Range<usize>>) -> Result<Response<Body>, Error> {
        let (source, file) = (job.source, self.file);
        let range = |start: u64, end: u64| format!("bytes={start}-{}", end.saturating_sub(1));
        if let Some(want) = &job.any_of {
            self.agent.get(format!("http://{source}/files/{file}/pieces/any?want={}", want.to_hex())).call()
        } else if job.of_whole {
            let bytes = self.bytes_of(&job.pieces);
            self.agent.get(format!("http://{source}/files/{file}")).header(RANGE, range(bytes.start, bytes.end)).call()
        } else {
            let request = self.agent.get(format!("http://{source}/files/{file}/pieces/{}", job.pieces.start));
            match part {
                None => request.call(),
                Some(part) => request.header(RANGE, range(part.start as u64, part.end as u64)).call(),
            }
        }
    }

    fn bytes_of(&self, pieces: &Range<usize>) -> Range<u64> {
        let manifest = self.partial.manifest();
        manifest.piece_range(pieces.start).start..manifest.piece_range(pieces.end.saturating_sub(1)).end
    }

    /// Checks that the answer is to the request. Peers of earlier versions answer a request for a part with the whole piece.
    fn check(&self, job: &Job, part: Option<Range<usize>>, response: &Response<Body>) -> Result<Answer, Outcome> {
        let status = response.status();
        let is_part = status == StatusCode::PARTIAL_CONTENT && (job.of_whole || part.is_some());
        if !is_part && (status != StatusCode::OK || job.of_whole) {
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
        let part = part.filter(|_| is_part);
        let bytes = match &part {
            Some(part) => part.start as u64..part.end as u64,
            None => self.bytes_of(&pieces),
        };
        let length = bytes.end - bytes.start;
        if let Some(found) = response.body().content_length().filter(|found| *found != length) {
            return Err(Outcome::Lied(format!("answered with {found} bytes instead of the {length} requested")));
        }
        let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let stated = || range.and_then(|range| range.strip_prefix("bytes ")?.split_once('/')).map(|(range, _)| range);
        if is_part && stated() != Some(&format!("{}-{}", bytes.start, bytes.end - 1)) {
            return Err(Outcome::Lied(format!("answered with another range than the one requested: {range:?}")));
        }
        Ok(Answer { pieces, part })
    }

    /// The piece that the holder says it has chosen.
    fn chosen(&self, response: &Response<Body>) -> Option<usize> {
        let location = response.headers().get(CONTENT_LOCATION)?.to_str().ok()?;
        location.strip_prefix(&format!("/files/{}/pieces/", self.file))?.parse().ok()
    }

    fn receive(
        &mut self,
        job: &Job,
        answer: &Answer,
        body: &mut Body,
        asked: Instant,
        report: &mut impl FnMut(Step),
        wasted: &mut u64,
    ) -> Result<(), Outcome> {
        let mut reader = body.with_config().limit(u64::MAX).reader();
        let mut before = asked;
        for piece in answer.pieces.clone() {
            let begun = Instant::now();
            let length = self.partial.manifest().piece_len(piece);
            let span = if answer.pieces.len() > 1 {
                // What follows in the answer cannot be had without this piece.
                Arc::new(Span::alone(length, begun))
            } else {
                self.parts.begin(job.id, piece, job.source, answer.part.clone().unwrap_or(0..length), begun)
            };
            self.buffer.resize(length, 0);
            let ended = self.fill(job, &span, &mut reader);
            let now = Instant::now();
            if let Some((written, from_others)) = self.take(job, piece, &span, wasted)? {
                #[expect(clippy::cast_precision_loss, reason = "a piece has few bytes")]
                let transfer = (now - begun).mul_f64(length as f64 / span.arrived().len().max(1) as f64);
                let (bytes, took) = (length as u64, now - before);
                report(Step::Arrived(Arrival { piece, bytes, from_others, took, transfer, written }));
            }
            ended?;
            before = now;
            if job.cancel.is_cancelled() {
                return Err(Outcome::Cancelled);
            }
            if span.end() < answer.part.as_ref().map_or(length, |part| part.end) {
                // Another holder sends the rest.
                return Ok(());
            }
        }
        // Only a body read to its end leaves a connection that can be reused.
        let _end = reader.read(&mut [0]);
        Ok(())
    }

    /// Receives a piece, or the part of it that is wanted, into the buffer.
    fn fill(&mut self, job: &Job, span: &Span, reader: &mut impl Read) -> Result<(), Outcome> {
        // Time spent on writing earlier pieces is not the holder's.
        let mut flow = Flow::new(self.stall);
        loop {
            let (filled, end) = (span.arrived().end, span.end());
            if filled >= end {
                return Ok(());
            }
            // A holder that keeps sending never makes the connection wait, which is where cancelling is noticed else.
            if job.cancel.is_cancelled() {
                return Err(Outcome::Cancelled);
            }
            let end = end.min(filled.saturating_add(self.pace.chunk()));
            let count = match reader.read(&mut self.buffer[filled..end]) {
                Ok(0) => return Err(Outcome::Left("ended its answer too early".to_owned())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(io_failure(&error)),
            };
            span.advance(count);
            self.received.fetch_add(count as u64, Ordering::Relaxed);
            flow.received(count as u64)?;
            if self.pace.received(count, &job.cancel) {
                // Time that this peer's own limit takes is not the holder's.
                flow = Flow::new(self.stall);
            }
        }
    }

    /// Takes over what has arrived of a piece in a request that has brought all that it will. Returns whether the piece was
    /// written, and the number of bytes that others sent of it, if it is whole.
    #[expect(clippy::type_complexity, reason = "two results of one step")]
    fn take(
        &mut self,
        job: &Job,
        piece: usize,
        span: &Span,
        wasted: &mut u64,
    ) -> Result<Option<(Written, Vec<(SocketAddr, u64)>)>, Outcome> {
        let arrived = span.arrived();
        let count = arrived.len() as u64;
        if self.partial.has(piece) {
            *wasted += self.parts.written(piece) + count;
            return Ok(None);
        }
        let mut shares = match self.parts.end(job.id, piece, job.source, arrived, &mut self.buffer) {
            Held::Whole(shares) => shares,
            Held::Kept(useless) => {
                *wasted += useless;
                return Ok(None);
            }
        };
        match self.store(piece) {
            Ok(written) => {
                *wasted += self.parts.written(piece);
                shares.retain(|(source, _)| *source != job.source);
                Ok(Some((written, shares)))
            }
            Err(Outcome::Lied(_)) if shares.len() > 1 => {
                *wasted += self.buffer.len() as u64;
                self.parts.spoiled(piece, shares.into_iter().map(|(source, _)| source));
                Ok(None)
            }
            Err(outcome) => {
                *wasted += count;
                Err(outcome)
            }
        }
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
