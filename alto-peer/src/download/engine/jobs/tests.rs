use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

fn source(last: usize) -> SocketAddr {
    ([127, 0, 0, u8::try_from(last).unwrap()], 1).into()
}

fn offer(last: usize, have: &Bitfield) -> Offer<'_> {
    Offer { source: source(last), is_near: false, have, parallel: 2, batch: 1, in_order: false, is_proven: true }
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
fn what_is_sent_slowly_is_left_alone_for_longer_while_much_is_sent_twice() {
    let (have, now) = (Bitfield::full(1), Instant::now());
    let asks_again = |is_proven: bool, overtaken: u64, after: Duration| {
        let mut jobs = Jobs::new(&Bitfield::new(1));
        let slow = jobs.assign(Offer { is_proven, ..offer(1, &have) }, &[], now, &mut rng()).unwrap();
        jobs.begun(slow.id, 0, now);
        jobs.note_useful(AFFORDABLE * ALLOWANCE);
        jobs.note_overtaken(overtaken);
        jobs.assign_again(offer(2, &have), SOON, now + after, &mut rng()).is_some()
    };
    assert!(asks_again(true, 2 * ALLOWANCE, ANSWERED.0));
    assert!(!asks_again(true, 2 * ALLOWANCE + 1, ANSWERED.0));
    assert!(asks_again(false, 2 * ALLOWANCE + 1, ANSWERED.0), "it may never send a piece to its end");
    assert!(asks_again(true, 2 * ALLOWANCE + 1, ANSWERED.0 * PATIENT));
}

/// Requests of a file with five pieces, of which one came from the own PID and one from another, in these times, with the
/// pieces that are left.
fn compared(near: Duration, far: Duration, now: Instant) -> (Jobs, Bitfield) {
    let mut jobs = Jobs::new(&Bitfield::new(5));
    let have = Bitfield::full(5);
    for (piece, is_near, time) in [(0, true, near), (1, false, far)] {
        let mut only = Bitfield::new(5);
        only.set(piece);
        let job = jobs.assign(Offer { is_near, ..offer(1, &only) }, &[], now, &mut rng()).unwrap();
        assert!(jobs.arrived(job.id, piece, time));
        jobs.ended(job.id, now).unwrap();
    }
    (jobs, have)
}

#[test]
fn what_is_asked_elsewhere_is_asked_nearby_at_once_while_lines_are_full() {
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    for (far, are_full) in [(second * 2, false), (second * 3, true)] {
        let (mut jobs, have) = compared(second, far, now);
        assert_eq!(jobs.are_lines_full(), are_full);
        let slow = jobs.assign(offer(1, &have), &[9, 9, 0, 9, 9], now, &mut rng()).unwrap();
        jobs.begun(slow.id, slow.pieces.start, now);
        assert_eq!(jobs.chosen(now), usize::from(!are_full));
        assert!(jobs.assign_again(offer(3, &have), SOON, now, &mut rng()).is_none(), "from elsewhere as usual");
        let near = Offer { is_near: true, ..offer(2, &have) };
        let again = jobs.assign_again(near, LATE, now, &mut rng());
        assert_eq!(again.is_some(), are_full);
        let Some(again) = again else { continue };
        assert_eq!((again.pieces.clone(), jobs.chosen(now)), (slow.pieces.clone(), 1));
        let third = Offer { is_near: true, ..offer(4, &have) };
        assert!(jobs.assign_again(third, SOON, now, &mut rng()).is_none(), "it is asked nearby already");
        jobs.begun(again.id, again.pieces.start, now);
        assert!(slow.cancel.is_cancelled() && !again.cancel.is_cancelled(), "who begins nearby ends the other");
    }
}

#[test]
fn what_is_sent_slowly_is_left_alone_elsewhere_while_lines_are_full() {
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    for (far, are_full) in [(second * 2, false), (second * 3, true)] {
        let slowly = (second * 4 + far) / 5 * SLOWER;
        let asks_again = |after: Duration| {
            let (mut jobs, have) = compared(second, far, now);
            let slow = jobs.assign(Offer { is_proven: true, ..offer(1, &have) }, &[], now, &mut rng()).unwrap();
            jobs.begun(slow.id, slow.pieces.start, now);
            let again = jobs.assign_again(offer(2, &have), SOON, now + after, &mut rng())?;
            // The holder goes on sending a part of it.
            assert!(again.usual.is_some() && !slow.cancel.is_cancelled());
            Some(again)
        };
        assert_eq!(asks_again(slowly).is_some(), !are_full);
        assert!(asks_again(slowly * PATIENT).is_some());
    }
}

#[test]
fn a_request_for_a_part_of_a_piece_leaves_the_holder_of_the_other_part_alone() {
    let (mut jobs, have, now) = (Jobs::new(&Bitfield::new(1)), Bitfield::full(1), Instant::now());
    let slow = jobs.assign(offer(1, &have), &[], now, &mut rng()).unwrap();
    jobs.begun(slow.id, 0, now);
    let part = jobs.assign_again(offer(2, &have), SOON, now + ANSWERED.0, &mut rng()).unwrap();
    // Even if that one turns out to be in time: the piece is whole only with both.
    jobs.usual = Usual(Some(Duration::from_mins(1)));
    jobs.begun(part.id, 0, now + ANSWERED.0);
    assert!(!slow.cancel.is_cancelled() && !part.cancel.is_cancelled());
    // The first ends with its part, and the piece is still requested.
    assert!(jobs.ended(slow.id, now).is_some() && !jobs.wants(&have) && jobs.missing() == 1);
    assert!(jobs.arrived(part.id, 0, Duration::from_secs(1)) && jobs.missing() == 0);
}

#[test]
fn few_requests_go_elsewhere_while_lines_are_full() {
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    for (far, most) in [(second * 2, 6), (second * 3, FEW)] {
        let (mut jobs, _) = compared(second, far, now);
        jobs = Jobs { picker: Picker::new(&Bitfield::new(9)), ..jobs };
        let have = Bitfield::full(9);
        let elsewhere = (1..=6).filter_map(|last| jobs.assign(offer(last, &have), &[], now, &mut rng()));
        assert_eq!(elsewhere.count(), most);
        assert!(jobs.assign(Offer { is_near: true, ..offer(7, &have) }, &[], now, &mut rng()).is_some());
    }
}

#[test]
fn requests_that_are_stuck_keep_no_others_from_being_made() {
    let (mut jobs, have, now) = (Jobs::new(&Bitfield::new(9)), Bitfield::full(9), Instant::now());
    let unproven = |last: usize| Offer { is_proven: false, ..offer(last, &have) };
    let [_waits, stuck, sends] =
        [unproven(1), unproven(2), offer(3, &have)].map(|offer| jobs.assign(offer, &[], now, &mut rng()).unwrap());
    for job in [stuck, sends] {
        jobs.begun(job.id, job.pieces.start, now);
    }
    assert_eq!(jobs.chosen(now), 3);
    assert_eq!(jobs.chosen(now + ANSWERED.0), 3, "nobody knows how long a piece takes");
    assert_eq!(jobs.chosen(now + FIRST_USUAL * SLOWER), 2, "a holder that has sent pieces may be slow");
    // Elsewhere, one that waits for long does not count, either.
    let (mut jobs, _) = compared(Duration::from_secs(1), Duration::from_secs(3), now);
    jobs = Jobs { picker: Picker::new(&Bitfield::new(9)), ..jobs };
    for last in 1..=FEW {
        jobs.assign(unproven(last), &[], now, &mut rng()).unwrap();
    }
    assert!(jobs.assign(offer(8, &have), &[], now, &mut rng()).is_none());
    assert!(jobs.assign(offer(8, &have), &[], now + WAITS.1, &mut rng()).is_some());
}

#[test]
fn what_the_holder_chose_is_requested_from_then_on() {
    let (mut jobs, have, now) = (Jobs::new(&Bitfield::new(3)), Bitfield::full(3), Instant::now());
    let waits = jobs.assign(offer(1, &have), &[5, 0, 5], now, &mut rng()).unwrap();
    assert_eq!(waits.pieces, 1..2);
    let any = jobs.assign_any(source(9), false, jobs.not_begun(|piece| piece > 0), now);
    assert_eq!((any.any_of.as_ref().map(Bitfield::to_hex).as_deref(), any.pieces.len()), (Some("60"), 0));
    assert_eq!((jobs.chosen(now), jobs.running()), (1, 2));
    jobs.begun(any.id, 1, now);
    assert!(waits.cancel.is_cancelled() && jobs.is_any_begun());
    assert_eq!(jobs.not_begun(|_| true).to_hex(), "a0");
    // What another holder is sending already is not sent again.
    let other = jobs.assign(offer(2, &have), &[0, 0, 5], now, &mut rng()).unwrap();
    jobs.begun(other.id, 0, now);
    let any = jobs.assign_any(source(8), false, Bitfield::full(3), now);
    jobs.begun(any.id, 0, now);
    assert!(any.cancel.is_cancelled() && !other.cancel.is_cancelled());
    assert_eq!(jobs.ended(any.id, now), Some(Ended { source: source(8), pieces: 0..1, is_any: true, waited: None }));
    assert!(jobs.arrived(other.id, 0, Duration::from_secs(1)));
    let any = jobs.assign_any(source(8), false, Bitfield::full(3), now);
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
