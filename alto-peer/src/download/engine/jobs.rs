//! Requests for pieces: which pieces are assigned to whom, and which are done.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use rand::Rng;

use super::picker::Picker;
use crate::content::Bitfield;
use crate::download::cancel::Cancel;
use crate::download::request::Job;

/// Bounds on how long a request may wait for its turn at the holder before its piece is requested of another holder, too,
/// if nothing else can be...
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// ...and the multiple of the time that pieces usually take that it is within these bounds.
const LONGER: u32 = 2;
/// The same for a request that the holder is answering: it may take this multiple of the usual time.
const SLOWER: u32 = 3;
/// Bounds on that time.
const ANSWERED: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// Multiple of that time while much was sent twice: it is then lines that are slow, and this makes them slower.
const PATIENT: u32 = 4;
/// Part of the bytes received that may be sent twice before that is much: one in so many...
const AFFORDABLE: u64 = 200;
/// ...and besides that this number of bytes.
const ALLOWANCE: u64 = 64 * 1024;
/// Time that a piece is assumed to take before one has arrived.
const FIRST_USUAL: Duration = Duration::from_secs(2);
/// Weight of the latest piece in the moving average of the usual time.
const SMOOTHING: f64 = 0.2;
/// Multiple of the time that pieces from the own PID take from which on the lines to other PIDs count as full.
const FULL: u32 = 2;
/// Number of requests at a time to other PIDs while lines to them are full: each is then over sooner, and what it brings can
/// be had nearby.
const FEW: usize = 3;

/// All requests of a download.
///
/// Invariants: every missing piece is either wanted or part of a running request; a piece that is there is never
/// requested. Of several requests for one piece, the first that is answered ends those that still wait.
#[derive(Debug)]
pub(super) struct Jobs {
    picker: Picker,
    running: BTreeMap<u64, Running>,
    last_id: u64,
    done: usize,
    /// Time in which a piece is sent.
    usual: Usual,
    /// The same for holders in the own PID...
    near: Usual,
    /// ...and for all others.
    far: Usual,
    /// Bytes that arrived and are of use.
    useful: u64,
    /// Bytes that arrived of requests that another one overtook.
    overtaken: u64,
}

/// Moving average of the time in which a piece is sent, once one has arrived.
#[derive(Clone, Copy, Debug, Default)]
struct Usual(Option<Duration>);

/// A request that is running.
#[derive(Debug)]
struct Running {
    source: SocketAddr,
    /// True if the holder is in the own PID.
    is_near: bool,
    /// None while the holder has not chosen yet.
    pieces: Range<usize>,
    kind: Kind,
    cancel: Cancel,
    since: Instant,
    /// Time since when the holder has been answering.
    begun: Option<Instant>,
    /// True if the holder has sent a piece before.
    is_proven: bool,
}

/// Purpose of a request for pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Pieces that this peer has chosen.
    Chosen,
    /// A part of a piece that another holder was sending when this one was asked.
    Part,
    /// A piece that the holder chooses.
    Any,
}

/// A neighbour that can be asked for pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer<'a> {
    pub(super) source: SocketAddr,
    /// True if the neighbour is in the own PID.
    pub(super) is_near: bool,
    /// The pieces that it can be asked for.
    pub(super) have: &'a Bitfield,
    /// Maximum number of requests to this neighbour at a time.
    pub(super) parallel: usize,
    /// Maximum number of pieces per request, if the neighbour has the whole file.
    pub(super) batch: usize,
    /// True if batches are taken in the order of the file rather than by rarity.
    pub(super) in_order: bool,
    /// True if the neighbour has sent a piece before.
    pub(super) is_proven: bool,
}

/// A request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) source: SocketAddr,
    pub(super) pieces: Range<usize>,
    /// True if the holder was to choose the piece.
    pub(super) is_any: bool,
    /// Time since the request, if the holder had not begun to answer.
    pub(super) waited: Option<Duration>,
}

impl Usual {
    /// Takes note of how long a piece took.
    fn note(&mut self, time: Duration) {
        let time = time.as_secs_f64();
        let smooth = |usual: Duration| usual.as_secs_f64() * (1.0 - SMOOTHING) + time * SMOOTHING;
        self.0 = Some(Duration::from_secs_f64(self.0.map_or(time, smooth)));
    }
}

impl Running {
    fn new(source: SocketAddr, is_near: bool, pieces: Range<usize>, now: Instant) -> Self {
        let cancel = Cancel::default();
        Self { source, is_near, pieces, kind: Kind::Chosen, cancel, since: now, begun: None, is_proven: false }
    }

    /// Time until which no other holder is asked for its piece, where pieces usually take so long; for longer if
    /// `is_wasteful`, unless the holder may be one that never sends a piece to its end.
    fn patience(&self, usual: Usual, is_wasteful: bool) -> Instant {
        let usual = usual.0.unwrap_or_default();
        match self.begun {
            None => self.since + (usual * LONGER).clamp(WAITS.0, WAITS.1),
            Some(begun) => {
                let time = (usual * SLOWER).clamp(ANSWERED.0, ANSWERED.1);
                begun + if is_wasteful && self.is_proven { time * PATIENT } else { time }
            }
        }
    }

    /// True if it takes too long, and the holder may be one that never sends a piece to its end.
    fn is_stuck(&self, usual: Usual, now: Instant) -> bool {
        let usual = Usual(usual.0.or(Some(FIRST_USUAL)));
        !self.is_proven && now >= self.patience(usual, false)
    }
}

impl Jobs {
    /// A state without requests, where all pieces but these are missing.
    pub(super) fn new(have: &Bitfield) -> Self {
        Self {
            picker: Picker::new(have),
            running: BTreeMap::new(),
            last_id: 0,
            done: have.count(),
            usual: Usual::default(),
            near: Usual::default(),
            far: Usual::default(),
            useful: 0,
            overtaken: 0,
        }
    }

    /// Number of missing pieces.
    pub(super) fn missing(&self) -> usize {
        self.picker.missing()
    }

    /// Number of pieces that are there.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Notes that so many bytes of use have arrived.
    pub(super) fn note_useful(&mut self, bytes: u64) {
        self.useful += bytes;
    }

    /// Notes that so many bytes have arrived of a request that another one overtook.
    pub(super) fn note_overtaken(&mut self, bytes: u64) {
        self.overtaken += bytes;
    }

    /// True while much of what arrives was sent twice.
    fn is_wasteful(&self) -> bool {
        self.overtaken > ALLOWANCE + self.useful / AFFORDABLE
    }

    /// True if pieces from other PIDs take far longer than those from the own, so that it pays for all to have what can be
    /// had in the own PID from there.
    pub(super) fn are_lines_full(&self) -> bool {
        self.near.0.zip(self.far.0).is_some_and(|(near, far)| far > near * FULL)
    }

    /// Number of running requests.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Number of running requests for pieces that this peer has chosen, without those that would keep others from being made: to
    /// other PIDs while lines are full, and to holders that have never sent a piece and send this one too slowly.
    pub(super) fn chosen(&self, now: Instant) -> usize {
        let are_full = self.are_lines_full();
        let is_stuck = |job: &Running| job.begun.is_some() && job.is_stuck(self.usual, now);
        let counts = |job: &&Running| job.kind != Kind::Any && (job.is_near || !are_full) && !is_stuck(job);
        self.running.values().filter(counts).count()
    }

    /// True if any request is being answered.
    pub(super) fn is_any_begun(&self) -> bool {
        self.running.values().any(|job| job.begun.is_some())
    }

    /// Number of running requests to this holder.
    pub(super) fn running_at(&self, source: SocketAddr) -> usize {
        self.running.values().filter(|job| job.source == source).count()
    }

    /// Number of holders with running requests.
    pub(super) fn sources(&self) -> usize {
        self.running.values().map(|job| job.source).collect::<BTreeSet<_>>().len()
    }

    /// True if a holder of these pieces has one that nobody was asked for.
    pub(super) fn wants(&self, have: &Bitfield) -> bool {
        self.picker.wants_from(have)
    }

    /// True if a holder of these pieces has one that is missing.
    pub(super) fn misses(&self, have: &Bitfield) -> bool {
        self.picker.misses_from(have)
    }

    /// Assigns pieces that nobody was asked for to a neighbour, unless it is busy or has none of them. `rarity` has the
    /// number of holders of each piece.
    pub(super) fn assign(&mut self, offer: Offer<'_>, rarity: &[u32], now: Instant, rng: &mut dyn Rng) -> Option<Job> {
        let Offer { source, have, parallel, .. } = offer;
        if self.running_at(source) >= parallel || self.has_enough_elsewhere(offer, now) {
            return None;
        }
        let most = if have.is_complete() { offer.batch } else { 1 };
        // Less towards the end, so that all requests end at about the same time.
        let most = most.min(self.picker.wanted() / (2 * parallel) + 1);
        let pieces = self.picker.pick(have, most, offer.in_order && most > 1, rarity, rng)?;
        Some(self.start(offer, pieces, now))
    }

    /// Assigns a piece to a neighbour that another one was asked for, and is slow to send: one that waits only if this
    /// neighbour answers at once. For when nothing else is left to ask for. While lines are full, what others were asked for
    /// is requested at once within the own PID.
    pub(super) fn assign_again(
        &mut self,
        offer: Offer<'_>,
        wait: Duration,
        now: Instant,
        rng: &mut dyn Rng,
    ) -> Option<Job> {
        let Offer { source, have, parallel, .. } = offer;
        if self.running_at(source) >= parallel || self.has_enough_elsewhere(offer, now) {
            return None;
        }
        let comes_nearer = offer.is_near && self.are_lines_full();
        // Two requests for what one holder will send in a moment help nobody, and neither do two that wait.
        let (running, answers_at_once) = (&self.running, self.answers_at_once(source, wait));
        // Where lines are full, what others send from elsewhere only makes them fuller.
        let is_wasteful = self.is_wasteful() || (!offer.is_near && self.are_lines_full());
        let usual = self.usual;
        let is_in_vain = |job: &Running| {
            let is_too_early = || now < job.patience(usual, is_wasteful) || (job.begun.is_none() && !answers_at_once);
            job.source == source || if comes_nearer { job.is_near } else { is_too_early() }
        };
        let excluded = |piece| running.values().any(|job| job.pieces.contains(&piece) && is_in_vain(job));
        let piece = self.picker.pick_again(have, excluded, rng)?;
        let is_part = running.values().any(|job| job.begun.is_some() && job.pieces.contains(&piece));
        let job = self.start(offer, piece..piece + 1, now);
        if let Some(running) = self.running.get_mut(&job.id).filter(|_| is_part) {
            running.kind = Kind::Part;
        }
        // Whoever sends it elsewhere ends when the neighbour nearby begins.
        Some(Job { usual: self.usual.0.filter(|_| !comes_nearer), ..job })
    }

    /// True if as many requests are running to other PIDs as may, and this neighbour is there. Those that are stuck do not count.
    fn has_enough_elsewhere(&self, offer: Offer<'_>, now: Instant) -> bool {
        let counts = |job: &&Running| !job.is_near && job.kind != Kind::Any && !job.is_stuck(self.usual, now);
        !offer.is_near && self.are_lines_full() && self.running.values().filter(counts).count() >= FEW
    }

    /// The pieces that are missing and that no holder is sending, as far as they are `suitable`.
    pub(super) fn not_begun(&self, suitable: impl Fn(usize) -> bool) -> Bitfield {
        let mut pieces = Bitfield::new(self.picker.pieces());
        let begun = |piece: &usize| self.running.values().any(|job| job.begun.is_some() && job.pieces.contains(piece));
        for piece in (0..pieces.len()).filter(|piece| !self.picker.has(*piece) && suitable(*piece) && !begun(piece)) {
            pieces.set(piece);
        }
        pieces
    }

    /// Has a neighbour choose one of these pieces.
    pub(super) fn assign_any(&mut self, source: SocketAddr, is_near: bool, pieces: Bitfield, now: Instant) -> Job {
        let job = Running { kind: Kind::Any, ..Running::new(source, is_near, 0..0, now) };
        self.start_with(job, Some(pieces))
    }

    fn start(&mut self, offer: Offer<'_>, pieces: Range<usize>, now: Instant) -> Job {
        let Offer { source, is_near, is_proven, .. } = offer;
        self.start_with(Running { is_proven, ..Running::new(source, is_near, pieces, now) }, None)
    }

    fn start_with(&mut self, running: Running, any_of: Option<Bitfield>) -> Job {
        self.last_id += 1;
        let (source, pieces, cancel) = (running.source, running.pieces.clone(), running.cancel.clone());
        self.running.insert(self.last_id, running);
        Job { id: self.last_id, source, of_whole: pieces.len() > 1, pieces, any_of, usual: None, cancel }
    }

    /// Notes that the holder has begun to answer with this piece; returns the holder and how long the request waited.
    /// Requests for the piece that still wait are cancelled; the request itself is if another holder is already sending the
    /// piece in good time. While lines are full, one within the own PID ends all others.
    pub(super) fn begun(&mut self, job: u64, piece: usize, now: Instant) -> Option<(SocketAddr, Duration)> {
        let running = self.running.get_mut(&job)?;
        running.begun = Some(now);
        let waited = (running.source, now.saturating_duration_since(running.since));
        let (is_near, is_part) = (running.is_near, running.kind == Kind::Part);
        if running.kind == Kind::Any && running.pieces.is_empty() {
            if self.picker.has(piece) {
                running.cancel.cancel();
                return Some(waited);
            }
            running.pieces = piece..piece + 1;
            self.picker.ask(piece);
        }
        let comes_nearer = is_near && self.are_lines_full();
        let others = self.running.iter().filter(|(id, other)| **id != job && other.pieces == (piece..piece + 1));
        for (_, other) in others {
            match other.begun {
                None => other.cancel.cancel(),
                Some(_) if comes_nearer && !other.is_near => other.cancel.cancel(),
                Some(_) if !is_part && now < other.patience(self.usual, self.is_wasteful()) => {
                    self.running.get(&job).iter().for_each(|own| own.cancel.cancel());
                }
                Some(_) => {}
            }
        }
        Some(waited)
    }

    /// The holder that a running request was sent to.
    pub(super) fn source(&self, job: u64) -> Option<SocketAddr> {
        self.running.get(&job).map(|running| running.source)
    }

    /// Notes that a piece arrived; false if it was there before. Other requests that have become useless are cancelled.
    pub(super) fn arrived(&mut self, job: u64, piece: usize, transfer: Duration) -> bool {
        if !self.picker.got(piece) {
            return false;
        }
        self.done += 1;
        self.usual.note(transfer);
        match self.running.get(&job) {
            Some(Running { is_near: true, .. }) => self.near.note(transfer),
            _ => self.far.note(transfer),
        }
        for (_, other) in self.running.iter().filter(|(id, other)| **id != job && other.pieces.contains(&piece)) {
            if other.pieces.clone().all(|piece| self.picker.has(piece)) {
                other.cancel.cancel();
            }
        }
        true
    }

    /// Notes that a request has ended: what did not arrive is wanted again. `None` for a request that is not running.
    pub(super) fn ended(&mut self, job: u64, now: Instant) -> Option<Ended> {
        let Running { source, pieces, kind, since, begun, .. } = self.running.remove(&job)?;
        pieces.clone().for_each(|piece| self.picker.give_back(piece));
        let waited = begun.is_none().then(|| now.saturating_duration_since(since));
        Some(Ended { source, pieces, is_any: kind == Kind::Any, waited })
    }

    /// True if a holder is likely to answer at once, where a request is expected to wait for this time: less than pieces
    /// usually take.
    fn answers_at_once(&self, source: SocketAddr, wait: Duration) -> bool {
        self.running_at(source) == 0 && wait < self.usual.0.unwrap_or(FIRST_USUAL).max(WAITS.0)
    }

    /// Cancels the requests to a holder. They are running until they have ended.
    pub(super) fn cancel_at(&self, source: SocketAddr) {
        self.running.values().filter(|job| job.source == source).for_each(|job| job.cancel.cancel());
    }

    /// Cancels all requests.
    pub(super) fn cancel_all(&self) {
        self.running.values().for_each(|job| job.cancel.cancel());
    }
}

#[cfg(test)]
mod tests;
