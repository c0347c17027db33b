//! Parts of pieces: what has arrived of a request that is over is kept, and a piece that one holder sends slowly is completed by
//! another, each sending a part of it at the same time.
//!
//! A piece is verified as a whole once its parts are there. If it is wrong, its holders send whole pieces from then on, which tell
//! the liar.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Smallest part that is worth a request, in bytes.
const GRAIN: usize = 16 * 1024;
/// Memory for parts of requests that are over, in bytes.
const KEPT: usize = 24 * 1024 * 1024;

/// The pieces of a download of which parts are there or arriving.
#[derive(Debug, Default)]
pub(super) struct Parts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    pieces: BTreeMap<usize, Piece>,
    /// Number of bytes in parts of requests that are over.
    kept: usize,
    /// Holders that sent parts of a wrong piece.
    suspects: BTreeSet<SocketAddr>,
}

#[derive(Debug, Default)]
struct Piece {
    /// Parts of requests that are over, by their first byte. None overlaps another.
    kept: BTreeMap<usize, Part>,
    /// Running requests by the IDs of their jobs.
    running: BTreeMap<u64, Arc<Span>>,
    /// True once the parts were whole, and so all of use.
    is_whole: bool,
}

#[derive(Debug)]
struct Part {
    source: SocketAddr,
    bytes: Vec<u8>,
}

/// The bytes of a piece that a running request is to bring.
#[derive(Debug)]
pub(super) struct Span {
    start: usize,
    /// End of what has arrived.
    filled: AtomicUsize,
    /// End of what is wanted; earlier once another holder sends the rest.
    end: AtomicUsize,
    begun: Instant,
    /// True if others may be asked for its rest.
    is_divisible: bool,
}

/// Use of the bytes that a request brought, once it is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// With them the piece is whole, and in the buffer. These are its holders, and the number of bytes that each sent.
    Whole(Vec<(SocketAddr, u64)>),
    /// They are kept until the rest is there, but for this number of bytes, which are of no use.
    Kept(u64),
}

impl Span {
    /// A span of all bytes of a piece, in a request that nobody else shares.
    pub(super) fn alone(length: usize, now: Instant) -> Self {
        Self::new(0..length, false, now)
    }

    fn new(bytes: Range<usize>, is_divisible: bool, now: Instant) -> Self {
        let (start, end) = (bytes.start, AtomicUsize::new(bytes.end));
        Self { start, filled: AtomicUsize::new(start), end, begun: now, is_divisible }
    }

    /// The bytes that have arrived.
    pub(super) fn arrived(&self) -> Range<usize> {
        self.start..self.filled.load(Ordering::Relaxed)
    }

    /// End of what is wanted.
    pub(super) fn end(&self) -> usize {
        self.end.load(Ordering::Relaxed)
    }

    /// Notes that so many more bytes have arrived.
    pub(super) fn advance(&self, count: usize) {
        self.filled.fetch_add(count, Ordering::Relaxed);
    }

    /// The bytes that have not arrived.
    fn rest(&self) -> Range<usize> {
        let end = self.end();
        self.arrived().end.min(end)..end
    }

    /// The end of the rest that another holder is to be asked for, so that both are done at the same time if that one takes the
    /// `usual` time for a piece of this length; the whole rest without a time.
    fn tail(&self, length: usize, usual: Option<Duration>, now: Instant) -> Range<usize> {
        let rest = self.rest();
        let (Some(usual), true) = (usual, rest.len() >= 2 * GRAIN) else { return rest };
        let taken = now.saturating_duration_since(self.begun).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a piece has few bytes")]
        let (arrived, length, left) = (self.arrived().len() as f64, length as f64, rest.len() as f64);
        let (here, there) = (arrived / taken.max(0.001), length / usual.as_secs_f64().max(0.001));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of the length of the rest")]
        let stays = (left * here / (here + there)) as usize;
        rest.start + stays.min(rest.len() - GRAIN)..rest.end
    }
}

impl Parts {
    /// The bytes of a piece of this length to ask a holder for: what nobody sends, or else the end of what is arriving. It leaves
    /// the present holder what it sends meanwhile if a piece usually takes this time, and nothing without a time.
    pub(super) fn plan(
        &self,
        piece: usize,
        length: usize,
        source: SocketAddr,
        usual: Option<Duration>,
        now: Instant,
    ) -> Range<usize> {
        let state = self.state();
        let Some(found) = state.pieces.get(&piece).filter(|_| !state.suspects.contains(&source)) else {
            return 0..length;
        };
        let running = || found.running.values().filter(|span| span.is_divisible);
        let taken = found.kept_ranges().chain(running().map(|span| span.start..span.end()));
        if let Some(gap) = gaps(0..length, taken).into_iter().next() {
            return gap;
        }
        let longest = running().max_by_key(|span| span.rest().len());
        let tail = longest.map(|span| span.tail(length, usual, now));
        tail.filter(|tail| !tail.is_empty()).unwrap_or(0..length)
    }

    /// Notes that a holder begins to send these bytes of a piece. Another one that was to send them as well ends before them.
    pub(super) fn begin(
        &self,
        job: u64,
        piece: usize,
        source: SocketAddr,
        bytes: Range<usize>,
        now: Instant,
    ) -> Arc<Span> {
        let mut state = self.state();
        let is_divisible = !state.suspects.contains(&source);
        let running = &mut state.pieces.entry(piece).or_default().running;
        for other in running.values().filter(|other| is_divisible && other.is_divisible) {
            let end = other.end();
            if other.start < bytes.start && bytes.start < end && end <= bytes.end {
                other.end.store(bytes.start, Ordering::Relaxed);
            }
        }
        let span = Arc::new(Span::new(bytes, is_divisible, now));
        running.insert(job, Arc::clone(&span));
        span
    }

    /// Takes over what a request that is over has brought of a piece: these bytes of the buffer, which is as long as the piece.
    /// If that makes the piece whole, it is in the buffer.
    pub(super) fn end(
        &self,
        job: u64,
        piece: usize,
        source: SocketAddr,
        arrived: Range<usize>,
        buffer: &mut [u8],
    ) -> Held {
        let mut state = self.state();
        let (count, room) = (arrived.len(), KEPT - state.kept);
        let may_keep = !state.suspects.contains(&source) && count <= room;
        let found = state.pieces.entry(piece).or_default();
        found.running.remove(&job);
        if count == buffer.len() {
            return Held::Whole(vec![(source, count as u64)]);
        }
        let kept = if may_keep { found.keep(source, arrived, buffer) } else { 0 };
        let shares = if found.is_whole { None } else { found.assemble(buffer) };
        found.is_whole |= shares.is_some();
        if found.running.is_empty() && found.kept.is_empty() {
            state.pieces.remove(&piece);
        }
        state.kept += kept;
        shares.map_or(Held::Kept((count - kept) as u64), Held::Whole)
    }

    /// Drops what was kept of a piece that is there now; returns the number of bytes that were of no use.
    pub(super) fn written(&self, piece: usize) -> u64 {
        let mut state = self.state();
        let Some(found) = state.pieces.remove(&piece) else { return 0 };
        let kept: usize = found.kept_ranges().map(|part| part.len()).sum();
        state.kept -= kept;
        if found.is_whole { 0 } else { kept as u64 }
    }

    /// Drops what was kept of a piece that is wrong, of which more than one holder has sent parts.
    pub(super) fn spoiled(&self, piece: usize, sources: impl IntoIterator<Item = SocketAddr>) {
        self.written(piece);
        self.state().suspects.extend(sources);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Piece {
    fn kept_ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.kept.iter().map(|(start, part)| *start..start + part.bytes.len())
    }

    /// Keeps these bytes of the buffer, unless they are kept already; returns the number of new ones.
    fn keep(&mut self, source: SocketAddr, arrived: Range<usize>, buffer: &[u8]) -> usize {
        let new = gaps(arrived, self.kept_ranges());
        for range in &new {
            self.kept.insert(range.start, Part { source, bytes: buffer[range.clone()].to_vec() });
        }
        new.iter().map(ExactSizeIterator::len).sum()
    }

    /// Writes the parts to the buffer if they are the whole piece; returns how many bytes each holder sent.
    fn assemble(&self, buffer: &mut [u8]) -> Option<Vec<(SocketAddr, u64)>> {
        if !gaps(0..buffer.len(), self.kept_ranges()).is_empty() {
            return None;
        }
        let mut shares = BTreeMap::new();
        for (start, part) in &self.kept {
            buffer[*start..start + part.bytes.len()].copy_from_slice(&part.bytes);
            *shares.entry(part.source).or_insert(0) += part.bytes.len() as u64;
        }
        Some(shares.into_iter().collect())
    }
}

/// The parts of a range that none of these covers, in order.
fn gaps(range: Range<usize>, taken: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut taken: Vec<_> = taken.collect();
    taken.sort_by_key(|other| other.start);
    let (mut at, mut gaps) = (range.start, Vec::new());
    for other in taken.iter().chain([&(range.end..range.end)]) {
        let end = other.start.min(range.end);
        if at < end {
            gaps.push(at..end);
        }
        at = at.max(other.end);
    }
    gaps
}

#[cfg(test)]
mod tests;
