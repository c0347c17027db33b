use proptest::prelude::*;

use super::*;

const LENGTH: usize = 256 * 1024;
const USUAL: Duration = Duration::from_secs(2);

fn source(n: u8) -> SocketAddr {
    ([10, 0, 0, n], 6881).into()
}

fn content() -> Vec<u8> {
    (0..LENGTH).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

/// Ends a request that has brought these bytes of the content.
fn end(parts: &Parts, job: u64, from: u8, arrived: Range<usize>) -> (Held, Vec<u8>) {
    let mut buffer = vec![0; LENGTH];
    buffer[arrived.clone()].copy_from_slice(&content()[arrived.clone()]);
    let held = parts.end(job, 0, source(from), arrived, &mut buffer);
    (held, buffer)
}

#[test]
fn the_rest_of_a_request_that_is_over_is_requested_of_another() {
    let (parts, now) = (Parts::default(), Instant::now());
    assert_eq!(parts.plan(0, LENGTH, source(1), None, now), 0..LENGTH);
    let span = parts.begin(1, 0, source(1), 0..LENGTH, now);
    span.advance(100_000);
    assert_eq!(end(&parts, 1, 1, span.arrived()).0, Held::Kept(0));
    assert_eq!(parts.plan(0, LENGTH, source(2), Some(USUAL), now), 100_000..LENGTH);
    parts.begin(2, 0, source(2), 100_000..LENGTH, now);
    let (held, buffer) = end(&parts, 2, 2, 100_000..LENGTH);
    assert_eq!(held, Held::Whole(vec![(source(1), 100_000), (source(2), (LENGTH - 100_000) as u64)]));
    assert!(buffer == content());
    assert_eq!(parts.written(0), 0);
    assert_eq!(parts.state().kept, 0);
}

#[test]
fn a_slow_holder_keeps_what_it_sends_while_another_sends_the_end() {
    let (parts, now) = (Parts::default(), Instant::now());
    let slow = parts.begin(1, 0, source(1), 0..LENGTH, now);
    slow.advance(LENGTH / 4);
    // A quarter in two seconds, where others send a whole piece: it sends a fifth of the rest while they send the others.
    let tail = parts.plan(0, LENGTH, source(2), Some(USUAL), now + USUAL);
    assert_eq!(tail, LENGTH / 4 + LENGTH * 3 / 4 / 5..LENGTH);
    // It is not limited before the other one begins, and has come further by then.
    assert_eq!(slow.end(), LENGTH);
    slow.advance(1000);
    parts.begin(2, 0, source(2), tail.clone(), now);
    assert_eq!(slow.end(), tail.start);
    assert_eq!(end(&parts, 2, 2, tail.clone()).0, Held::Kept(0));
    assert!(matches!(end(&parts, 1, 1, 0..tail.start).0, Held::Whole(shares) if shares.len() == 2));
}

#[test]
fn all_that_is_left_is_requested_of_a_holder_that_replaces_another() {
    let (parts, now) = (Parts::default(), Instant::now());
    let span = parts.begin(1, 0, source(1), 0..LENGTH, now);
    // A request for the whole ends no other.
    assert_eq!(parts.plan(0, LENGTH, source(2), None, now), 0..LENGTH);
    parts.begin(2, 0, source(2), 0..LENGTH, now);
    assert_eq!(span.end(), LENGTH);
    parts.written(0);
    let span = parts.begin(3, 0, source(1), 0..LENGTH, now);
    span.advance(5000);
    assert_eq!(parts.plan(0, LENGTH, source(2), None, now), 5000..LENGTH);
}

#[test]
fn holders_of_a_wrong_piece_send_whole_ones_until_one_of_them_lies_alone() {
    let (parts, now) = (Parts::default(), Instant::now());
    parts.begin(1, 0, source(1), 0..LENGTH, now).advance(1000);
    end(&parts, 1, 1, 0..1000);
    assert!(matches!(end(&parts, 2, 2, 1000..LENGTH).0, Held::Whole(_)));
    parts.spoiled(0, [source(1), source(2)]);
    assert_eq!(parts.state().kept, 0);
    assert_eq!(end(&parts, 3, 1, 0..1000).0, Held::Kept(1000));
    parts.begin(4, 0, source(3), 0..LENGTH, now).advance(1000);
    assert_eq!(end(&parts, 4, 3, 0..1000).0, Held::Kept(0));
    assert_eq!(parts.plan(0, LENGTH, source(1), None, now), 0..LENGTH);
    assert_eq!(parts.plan(0, LENGTH, source(4), None, now), 1000..LENGTH);
    // Whoever sends a whole piece is judged by it, whatever others sent.
    assert_eq!(end(&parts, 5, 1, 0..LENGTH).0, Held::Whole(vec![(source(1), LENGTH as u64)]));
}

#[test]
fn what_is_kept_is_bounded() {
    let parts = Parts::default();
    let mut buffer = vec![0; KEPT / 8];
    let length = buffer.len() - 1;
    for piece in 0..10 {
        let held = parts.end(piece as u64, piece, source(1), 0..length, &mut buffer);
        assert_eq!(held, Held::Kept(if piece < 8 { 0 } else { length as u64 }));
    }
    assert!(parts.state().kept <= KEPT && parts.state().pieces.len() == 8);
}

proptest! {
    #[test]
    fn requests_that_end_anywhere_make_a_piece_whole(cuts in prop::collection::vec((0_usize..120, any::<bool>()), 0..12)) {
        let (parts, now) = (Parts::default(), Instant::now());
        let (mut running, mut job): (Vec<(u64, Arc<Span>)>, u64) = (Vec::new(), 0);
        let mut whole = None;
        let mut over = |job: u64, span: &Span| {
            let (held, buffer) = end(&parts, job, u8::try_from(job).unwrap(), span.arrived());
            if matches!(held, Held::Whole(_)) {
                whole = Some(buffer);
            }
            whole.is_some()
        };
        // Some requests end at some point, some go on until the others are over, and then each brings what was planned for it.
        let after = cuts.len();
        for (part, goes_on) in cuts.into_iter().chain(std::iter::repeat_n((100, false), after + 1)) {
            job += 1;
            if usize::try_from(job).unwrap() == after + 1 {
                running.drain(..).for_each(|(job, span): (u64, Arc<Span>)| {
                    over(job, &span);
                });
            }
            let bytes = parts.plan(0, LENGTH, source(u8::try_from(job).unwrap()), Some(USUAL), now + USUAL);
            prop_assert!(!bytes.is_empty() && bytes.end <= LENGTH);
            let span = parts.begin(job, 0, source(u8::try_from(job).unwrap()), bytes, now);
            span.advance(span.rest().len() * part.min(100) / 100);
            if goes_on {
                running.push((job, span));
            } else if over(job, &span) {
                break;
            }
        }
        prop_assert!(whole.is_some_and(|buffer| buffer == content()));
    }

    #[test]
    fn gaps_and_what_is_taken_are_the_range(taken in prop::collection::vec((0_usize..50, 0_usize..20), 0..8)) {
        let ranges = || taken.iter().map(|(start, length)| *start..start + length);
        let found = gaps(10..40, ranges());
        for at in 10..40 {
            let is_taken = ranges().any(|range| range.contains(&at));
            prop_assert_eq!(found.iter().filter(|gap| gap.contains(&at)).count(), usize::from(!is_taken));
        }
        prop_assert!(found.iter().all(|gap| gap.start >= 10 && gap.end <= 40 && !gap.is_empty()));
    }
}
