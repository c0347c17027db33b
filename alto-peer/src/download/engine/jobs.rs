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

/// Bounds on how long a request may take before its pieces are requested of another holder, too, once no other pieces
/// are left. Within these bounds it is the time that pieces usually take.
const OVERTAKE_AFTER: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// Weight of the latest piece in the moving average of that time.
const SMOOTHING: f64 = 0.2;

/// All requests of a download.
///
/// Invariants: every missing piece is either wanted or part of a running request; a piece that is there is never
/// requested; a piece is requested of several holders only when no missing piece is left that nobody was asked for.
#[derive(Debug)]
pub(super) struct Jobs {
    picker: Picker,
    running: BTreeMap<u64, Running>,
    last_id: u64,
    done: usize,
    /// Moving average of the time that a piece takes, once one has arrived.
    usual: Option<Duration>,
}

/// A request that is running.
#[derive(Debug)]
struct Running {
    source: SocketAddr,
    pieces: Range<usize>,
    cancel: Cancel,
    since: Instant,
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

    /// Number of running requests to this holder.
    pub(super) fn running_at(&self, source: SocketAddr) -> usize {
        self.running.values().filter(|job| job.source == source).count()
    }

    /// Number of holders with running requests.
    pub(super) fn sources(&self) -> usize {
        self.running.values().map(|job| job.source).collect::<BTreeSet<_>>().len()
    }

    /// True if a holder of these pieces could be asked for one, once it is not busy.
    pub(super) fn can_use(&self, have: &Bitfield) -> bool {
        if self.picker.is_endgame() { self.picker.misses_from(have) } else { self.picker.wants_from(have) }
    }

    /// Assigns pieces to a neighbour, unless it is busy or has none that can be asked for. `rarity` has the number of
    /// holders of each piece.
    pub(super) fn assign(&mut self, offer: Offer<'_>, rarity: &[u32], now: Instant, rng: &mut dyn Rng) -> Option<Job> {
        let Offer { source, have, parallel, .. } = offer;
        if self.running_at(source) >= parallel {
            return None;
        }
        let pieces = if self.picker.is_endgame() {
            // Two requests for what one holder will send in a moment help nobody.
            let usual = self.usual.unwrap_or_default().clamp(OVERTAKE_AFTER.0, OVERTAKE_AFTER.1);
            let soon_done = |job: &Running| job.source == source || now < job.since + usual;
            let excluded = |piece| self.running.values().any(|job| job.pieces.contains(&piece) && soon_done(job));
            self.picker.pick_again(have, excluded, rng).map(|piece| piece..piece + 1)
        } else {
            let most = if have.is_complete() { offer.batch } else { 1 };
            // Less towards the end, so that all requests end at about the same time.
            let most = most.min(self.picker.wanted() / (2 * parallel) + 1);
            self.picker.pick(have, most, offer.in_order && most > 1, rarity, rng)
        }?;
        self.last_id += 1;
        let cancel = Cancel::default();
        self.running
            .insert(self.last_id, Running { source, pieces: pieces.clone(), cancel: cancel.clone(), since: now });
        Some(Job { id: self.last_id, source, of_whole: pieces.len() > 1, pieces, cancel })
    }

    /// The holder that a running request was sent to.
    pub(super) fn source(&self, job: u64) -> Option<SocketAddr> {
        self.running.get(&job).map(|running| running.source)
    }

    /// Notes that a piece arrived; false if it was there before. Other requests that have become useless are cancelled.
    pub(super) fn arrived(&mut self, job: u64, piece: usize, took: Duration) -> bool {
        if !self.picker.got(piece) {
            return false;
        }
        self.done += 1;
        let took = took.as_secs_f64();
        let usual = self.usual.map_or(took, |usual| usual.as_secs_f64() * (1.0 - SMOOTHING) + took * SMOOTHING);
        self.usual = Some(Duration::from_secs_f64(usual));
        for (_, other) in self.running.iter().filter(|(id, other)| **id != job && other.pieces.contains(&piece)) {
            if other.pieces.clone().all(|piece| self.picker.has(piece)) {
                other.cancel.cancel();
            }
        }
        true
    }

    /// Notes that a request has ended: what did not arrive is wanted again. `None` for a request that is not running.
    pub(super) fn ended(&mut self, job: u64) -> Option<Ended> {
        let Running { source, pieces, .. } = self.running.remove(&job)?;
        pieces.clone().for_each(|piece| self.picker.give_back(piece));
        Some(Ended { source, pieces })
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
            jobs.ended(job.id).unwrap();
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
        assert!(jobs.can_use(&have) && !jobs.can_use(&Bitfield::new(1)));
        assert!(jobs.assign(offer(2, &have), &[], now, &mut rng()).is_none(), "too early");
        let later = now + OVERTAKE_AFTER.0;
        assert!(jobs.assign(offer(1, &have), &[], later, &mut rng()).is_none(), "the same holder");
        let fast = jobs.assign(offer(2, &have), &[], later, &mut rng()).unwrap();
        assert!(jobs.arrived(fast.id, 0, Duration::from_secs(1)));
        assert!(slow.cancel.is_cancelled() && !fast.cancel.is_cancelled());
        assert!(!jobs.arrived(slow.id, 0, Duration::from_secs(1)), "a duplicate");
        assert_eq!((jobs.missing(), jobs.done()), (0, 1));
        assert_eq!(jobs.ended(slow.id), Some(Ended { source: source(1), pieces: 0..1 }));
        assert_eq!(jobs.ended(slow.id), None);
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
                    let endgame = jobs.picker.is_endgame();
                    if let Some(job) = jobs.assign(offer, &[], now, &mut rng) {
                        for piece in job.pieces.clone() {
                            let requested = running.iter().any(|other| other.pieces.contains(&piece));
                            prop_assert!(!have.get(piece) && requested == endgame);
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
                    prop_assert_eq!(jobs.ended(job.id).map(|ended| ended.pieces), Some(job.pieces));
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
