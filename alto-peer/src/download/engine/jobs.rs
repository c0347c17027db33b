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
/// Time that a piece is assumed to take before one has arrived.
const FIRST_USUAL: Duration = Duration::from_secs(2);
/// Weight of the latest piece in the moving average of the usual time.
const SMOOTHING: f64 = 0.2;

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
    /// Moving average of the time in which a piece is sent, once one has arrived.
    usual: Option<Duration>,
}

/// A request that is running.
#[derive(Debug)]
struct Running {
    source: SocketAddr,
    /// None while the holder has not chosen yet.
    pieces: Range<usize>,
    /// True if the holder chooses the piece.
    is_any: bool,
    cancel: Cancel,
    since: Instant,
    /// Time since when the holder has been answering.
    begun: Option<Instant>,
}

/// A neighbour that can be asked for pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer<'a> {
    pub(super) source: SocketAddr,
    pub(super) have: &'a Bitfield,
    /// Maximum number of requests to this neighbour at a time.
    pub(super) parallel: usize,
    /// Maximum number of pieces per request, if the neighbour has the whole file.
    pub(super) batch: usize,
    /// True if batches are taken in the order of the file rather than by rarity.
    pub(super) in_order: bool,
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

impl Running {
    /// Time until which no other holder is asked for its piece, where pieces usually take so long.
    fn patience(&self, usual: Option<Duration>) -> Instant {
        let usual = usual.unwrap_or_default();
        match self.begun {
            None => self.since + (usual * LONGER).clamp(WAITS.0, WAITS.1),
            Some(begun) => begun + (usual * SLOWER).clamp(ANSWERED.0, ANSWERED.1),
        }
    }
}

impl Jobs {
    /// A state without requests, where all pieces but these are missing.
    pub(super) fn new(have: &Bitfield) -> Self {
        Self { picker: Picker::new(have), running: BTreeMap::new(), last_id: 0, done: have.count(), usual: None }
    }

    /// Number of missing pieces.
    pub(super) fn missing(&self) -> usize {
        self.picker.missing()
    }

    /// Number of pieces that are there.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Number of running requests.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Number of running requests for pieces that this peer has chosen.
    pub(super) fn chosen(&self) -> usize {
        self.running.values().filter(|job| !job.is_any).count()
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
        if self.running_at(source) >= parallel {
            return None;
        }
        let most = if have.is_complete() { offer.batch } else { 1 };
        // Less towards the end, so that all requests end at about the same time.
        let most = most.min(self.picker.wanted() / (2 * parallel) + 1);
        let pieces = self.picker.pick(have, most, offer.in_order && most > 1, rarity, rng)?;
        Some(self.start(source, pieces, None, now))
    }

    /// Assigns a piece to a neighbour that another one was asked for, and is slow to send: one that waits only if this
    /// neighbour answers at once. For when nothing else is left to ask for.
    pub(super) fn assign_again(
        &mut self,
        offer: Offer<'_>,
        wait: Duration,
        now: Instant,
        rng: &mut dyn Rng,
    ) -> Option<Job> {
        let Offer { source, have, parallel, .. } = offer;
        if self.running_at(source) >= parallel {
            return None;
        }
        // Two requests for what one holder will send in a moment help nobody, and neither do two that wait.
        let (running, usual, answers_at_once) = (&self.running, self.usual, self.answers_at_once(source, wait));
        let is_in_vain = |job: &Running| {
            job.source == source || now < job.patience(usual) || (job.begun.is_none() && !answers_at_once)
        };
        let excluded = |piece| running.values().any(|job| job.pieces.contains(&piece) && is_in_vain(job));
        let piece = self.picker.pick_again(have, excluded, rng)?;
        Some(self.start(source, piece..piece + 1, None, now))
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
    pub(super) fn assign_any(&mut self, source: SocketAddr, pieces: Bitfield, now: Instant) -> Job {
        self.start(source, 0..0, Some(pieces), now)
    }

    fn start(&mut self, source: SocketAddr, pieces: Range<usize>, any_of: Option<Bitfield>, now: Instant) -> Job {
        self.last_id += 1;
        let (cancel, is_any) = (Cancel::default(), any_of.is_some());
        let job = Running { source, pieces: pieces.clone(), is_any, cancel: cancel.clone(), since: now, begun: None };
        self.running.insert(self.last_id, job);
        Job { id: self.last_id, source, of_whole: pieces.len() > 1, pieces, any_of, cancel }
    }

    /// Notes that the holder has begun to answer with this piece; returns the holder and how long the request waited.
    /// Requests for the piece that still wait are cancelled; the request itself is if another holder is already sending the
    /// piece in good time.
    pub(super) fn begun(&mut self, job: u64, piece: usize, now: Instant) -> Option<(SocketAddr, Duration)> {
        let running = self.running.get_mut(&job)?;
        running.begun = Some(now);
        let waited = (running.source, now.saturating_duration_since(running.since));
        if running.is_any && running.pieces.is_empty() {
            if self.picker.has(piece) {
                running.cancel.cancel();
                return Some(waited);
            }
            running.pieces = piece..piece + 1;
            self.picker.ask(piece);
        }
        for other in self.running.iter().filter(|(id, other)| **id != job && other.pieces == (piece..piece + 1)) {
            match other.1.begun {
                None => other.1.cancel.cancel(),
                Some(_) if now < other.1.patience(self.usual) => {
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
        let transfer = transfer.as_secs_f64();
        let smooth = |usual: Duration| usual.as_secs_f64() * (1.0 - SMOOTHING) + transfer * SMOOTHING;
        let usual = self.usual.map_or(transfer, smooth);
        self.usual = Some(Duration::from_secs_f64(usual));
        for (_, other) in self.running.iter().filter(|(id, other)| **id != job && other.pieces.contains(&piece)) {
            if other.pieces.clone().all(|piece| self.picker.has(piece)) {
                other.cancel.cancel();
            }
        }
        true
    }

    /// Notes that a request has ended: what did not arrive is wanted again. `None` for a request that is not running.
    pub(super) fn ended(&mut self, job: u64, now: Instant) -> Option<Ended> {
        let Running { source, pieces, is_any, since, begun, .. } = self.running.remove(&job)?;
        pieces.clone().for_each(|piece| self.picker.give_back(piece));
        let waited = begun.is_none().then(|| now.saturating_duration_since(since));
        Some(Ended { source, pieces, is_any, waited })
    }

    /// True if a holder is likely to answer at once, where a request is expected to wait for this time: less than pieces
    /// usually take.
    fn answers_at_once(&self, source: SocketAddr, wait: Duration) -> bool {
        self.running_at(source) == 0 && wait < self.usual.unwrap_or(FIRST_USUAL).max(WAITS.0)
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
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn source(last: usize) -> SocketAddr {
        ([127, 0, 0, u8::try_from(last).unwrap()], 1).into()
    }

    fn offer(last: usize, have: &Bitfield) -> Offer<'_> {
        Offer { source: source(last), have, parallel: 2, batch: 1, in_order: false }
    }

    /// A wait that is none, and one that is long.
    const SOON: Duration = Duration::ZERO;
    const LATE: Duration = Duration::from_mins(1);

    fn rng() -> StdRng {
        StdRng::seed_from_u64(1)
    }

    #[test]
    fn a_neighbour_gets_no_more_requests_than_allowed() {
        let (mut jobs, have, now) = (Jobs::new(&Bitfield::new(9)), Bitfield::full(9), Instant::now());
        let ids: Vec<Option<u64>> =
            (0..3).map(|_| jobs.assign(offer(1, &have), &[], now, &mut rng()).map(|job| job.id)).collect();
        assert_eq!(ids, [Some(1), Some(2), None]);
        assert_eq!((jobs.running(), jobs.running_at(source(1)), jobs.sources()), (2, 2, 1));
        jobs.assign(offer(2, &have), &[], now, &mut rng()).unwrap();
        assert_eq!((jobs.running(), jobs.sources()), (3, 2));
        assert_eq!(jobs.source(3), Some(source(2)));
    }

    #[test]
    fn batches_are_ranges_of_the_whole_file_and_shrink_towards_the_end() {
        let (mut jobs, have, now) = (Jobs::new(&Bitfield::new(20)), Bitfield::full(20), Instant::now());
        let large = Offer { batch: 4, in_order: true, parallel: 2, ..offer(1, &have) };
        let mut lengths = Vec::new();
        while let Some(job) = jobs.assign(large, &[], now, &mut rng()) {
            lengths.push(job.pieces.len());
            assert_eq!(job.of_whole, job.pieces.len() > 1);
            for piece in job.pieces {
                assert!(jobs.arrived(job.id, piece, Duration::from_secs(1)));
            }
            jobs.ended(job.id, now).unwrap();
        }
        assert_eq!(lengths.iter().sum::<usize>(), 20);
        assert!(lengths[0] == 4 && lengths.ends_with(&[1]), "{lengths:?}");
        let mut part = Bitfield::full(20);
        part = Bitfield::from_hex(20, &part.to_hex().replacen('f', "7", 1)).unwrap();
        let mut jobs = Jobs::new(&Bitfield::new(20));
        let job = jobs.assign(Offer { have: &part, ..large }, &[], now, &mut rng()).unwrap();
        assert!(!job.of_whole && job.pieces.len() == 1, "a holder of a part is asked for single pieces");
    }

    #[test]
    fn a_slow_request_is_overtaken_and_the_loser_is_cancelled() {
        let (mut jobs, have, now) = (Jobs::new(&Bitfield::new(1)), Bitfield::full(1), Instant::now());
        let slow = jobs.assign(offer(1, &have), &[], now, &mut rng()).unwrap();
        assert!(jobs.misses(&have) && !jobs.misses(&Bitfield::new(1)));
        assert!(jobs.assign_again(offer(2, &have), SOON, now, &mut rng()).is_none(), "too early");
        let later = now + WAITS.0;
        assert!(jobs.assign_again(offer(1, &have), SOON, later, &mut rng()).is_none(), "the same holder");
        assert!(jobs.assign_again(offer(2, &have), LATE, later, &mut rng()).is_none(), "it would wait there, too");
        let fast = jobs.assign_again(offer(2, &have), SOON, later, &mut rng()).unwrap();
        assert!(jobs.arrived(fast.id, 0, Duration::from_secs(1)));
        assert!(slow.cancel.is_cancelled() && !fast.cancel.is_cancelled());
        assert!(!jobs.arrived(slow.id, 0, Duration::from_secs(1)), "a duplicate");
        assert_eq!((jobs.missing(), jobs.done()), (0, 1));
        assert_eq!(
            jobs.ended(slow.id, later),
            Some(Ended { source: source(1), pieces: 0..1, is_any: false, waited: Some(later - now) })
        );
        assert_eq!(jobs.ended(slow.id, later), None);
    }

    #[test]
    fn the_first_holder_that_answers_ends_the_requests_that_wait() {
        let (mut jobs, have, now) = (Jobs::new(&Bitfield::new(1)), Bitfield::full(1), Instant::now());
        let first = jobs.assign(offer(1, &have), &[], now, &mut rng()).unwrap();
        let later = now + WAITS.1;
        let second = jobs.assign_again(offer(2, &have), SOON, later, &mut rng()).unwrap();
        assert!(jobs.assign_again(offer(3, &have), SOON, later, &mut rng()).is_none(), "it was asked just now");
        let later = later + WAITS.1;
        let third = jobs.assign_again(offer(3, &have), SOON, later, &mut rng()).unwrap();
        assert!(jobs.assign_again(offer(4, &have), SOON, later + WAITS.1, &mut rng()).is_none(), "three are enough");
        jobs.begun(second.id, 0, later);
        assert!(first.cancel.is_cancelled() && third.cancel.is_cancelled() && !second.cancel.is_cancelled());
        for id in [first.id, third.id] {
            jobs.ended(id, now).unwrap();
        }
        assert!(jobs.assign_again(offer(1, &have), SOON, later, &mut rng()).is_none(), "it is being sent");
        // One that is sent far too slowly is overtaken, and both go on until the piece is there.
        let slow = later + ANSWERED.1;
        // Also where it would wait, since whoever sends so slowly may never end.
        let fourth = jobs.assign_again(offer(1, &have), LATE, slow, &mut rng()).unwrap();
        jobs.begun(fourth.id, 0, slow);
        assert!(!second.cancel.is_cancelled() && !fourth.cancel.is_cancelled());
        assert!(jobs.arrived(fourth.id, 0, Duration::from_secs(1)) && second.cancel.is_cancelled());
    }

    #[test]
    fn what_the_holder_chose_is_requested_from_then_on() {
        let (mut jobs, have, now) = (Jobs::new(&Bitfield::new(3)), Bitfield::full(3), Instant::now());
        let waits = jobs.assign(offer(1, &have), &[5, 0, 5], now, &mut rng()).unwrap();
        assert_eq!(waits.pieces, 1..2);
        let any = jobs.assign_any(source(9), jobs.not_begun(|piece| piece > 0), now);
        assert_eq!((any.any_of.as_ref().map(Bitfield::to_hex).as_deref(), any.pieces.len()), (Some("60"), 0));
        assert_eq!((jobs.chosen(), jobs.running()), (1, 2));
        jobs.begun(any.id, 1, now);
        assert!(waits.cancel.is_cancelled() && jobs.is_any_begun());
        assert_eq!(jobs.not_begun(|_| true).to_hex(), "a0");
        // What another holder is sending already is not sent again.
        let other = jobs.assign(offer(2, &have), &[0, 0, 5], now, &mut rng()).unwrap();
        jobs.begun(other.id, 0, now);
        let any = jobs.assign_any(source(8), Bitfield::full(3), now);
        jobs.begun(any.id, 0, now);
        assert!(any.cancel.is_cancelled() && !other.cancel.is_cancelled());
        assert_eq!(
            jobs.ended(any.id, now),
            Some(Ended { source: source(8), pieces: 0..1, is_any: true, waited: None })
        );
        assert!(jobs.arrived(other.id, 0, Duration::from_secs(1)));
        let any = jobs.assign_any(source(8), Bitfield::full(3), now);
        jobs.begun(any.id, 0, now);
        assert!(any.cancel.is_cancelled(), "it is there");
        assert_eq!(jobs.ended(any.id, now).map(|ended| ended.pieces), Some(0..0));
    }

    #[test]
    fn cancelling_a_holder_leaves_the_requests_to_others() {
        let (mut jobs, have, now) = (Jobs::new(&Bitfield::new(9)), Bitfield::full(9), Instant::now());
        let [a, b] = [1, 2].map(|last| jobs.assign(offer(last, &have), &[], now, &mut rng()).unwrap());
        jobs.cancel_at(source(1));
        assert!(a.cancel.is_cancelled() && !b.cancel.is_cancelled());
        assert_eq!(jobs.running(), 2, "they run until they have ended");
        jobs.cancel_all();
        assert!(b.cancel.is_cancelled());
    }

    proptest! {
        #[test]
        fn every_missing_piece_is_wanted_or_requested(
            count in 1..30usize, steps in prop::collection::vec((0..4u8, 0..4usize, any::<usize>()), 0..150), seed: u64,
        ) {
            let (mut rng, start) = (StdRng::seed_from_u64(seed), Instant::now());
            let (mut jobs, full) = (Jobs::new(&Bitfield::new(count)), Bitfield::full(count));
            let (mut running, mut have) = (Vec::<Job>::new(), Bitfield::new(count));
            for (n, (step, holder, pick)) in steps.into_iter().enumerate() {
                let now = start + Duration::from_secs(n as u64);
                let offer = Offer { batch: 3, in_order: pick % 2 == 0, ..offer(holder, &full) };
                if step < 2 {
                    let again = pick % 3 == 0;
                    let job = if again {
                        jobs.assign_again(offer, SOON, now, &mut rng)
                    } else {
                        jobs.assign(offer, &[], now, &mut rng)
                    };
                    if let Some(job) = job {
                        for piece in job.pieces.clone() {
                            let requested = running.iter().any(|other| other.pieces.contains(&piece));
                            prop_assert!(!have.get(piece) && requested == again);
                        }
                        running.push(job);
                    }
                } else if !running.is_empty() {
                    let job = running.swap_remove(pick % running.len());
                    if step == 2 {
                        for piece in job.pieces.clone() {
                            prop_assert_eq!(jobs.arrived(job.id, piece, Duration::from_secs(1)), have.set(piece));
                        }
                    }
                    prop_assert_eq!(jobs.ended(job.id, now).map(|ended| ended.pieces), Some(job.pieces));
                }
                let requested = |piece| running.iter().any(|job| job.pieces.contains(&piece));
                let idle = have.missing().filter(|piece| !requested(*piece)).count();
                prop_assert_eq!(jobs.picker.wanted(), idle);
                prop_assert_eq!((jobs.missing(), jobs.done()), (count - have.count(), have.count()));
                prop_assert_eq!(jobs.running(), running.len());
            }
        }
    }
}
