//! The next piece to request: the rarest, so that the pieces of a swarm stay equally common and nobody waits for one that
//! only a single holder has.
//!
//! Rarity is counted over the neighbours that have a part of the file, as those with all of it do not change the order.
//! Among equally rare pieces the choice is random, so that peers that start together fetch different ones and can exchange
//! them.

use std::ops::Range;

use rand::{Rng, RngExt};

use crate::content::Bitfield;

/// Maximum number of holders that one piece is requested of at a time.
const MAX_ASKED: u8 = 3;

/// The pieces of a file: which are there, which are being requested, and which are wanted.
#[derive(Debug)]
pub(super) struct Picker {
    pieces: Vec<Piece>,
    /// Missing pieces that are not being requested, in no order.
    wanted: Vec<usize>,
    missing: usize,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Index in `wanted`, or [`NOWHERE`].
    place: usize,
    /// Number of requests for it that are running.
    asked: u8,
    have: bool,
}

/// Index of a piece that is not in `wanted`.
const NOWHERE: usize = usize::MAX;

impl Picker {
    /// Wants all pieces that are not there yet.
    pub(super) fn new(have: &Bitfield) -> Self {
        let piece = |n| Piece { place: NOWHERE, asked: 0, have: have.get(n) };
        let mut picker = Self { pieces: (0..have.len()).map(piece).collect(), wanted: Vec::new(), missing: 0 };
        for n in have.missing() {
            picker.missing += 1;
            picker.want(n);
        }
        picker
    }

    /// Number of pieces that are not there.
    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    /// True if a piece is there.
    pub(super) fn has(&self, n: usize) -> bool {
        self.pieces.get(n).is_some_and(|piece| piece.have)
    }

    /// Number of missing pieces that are not being requested.
    pub(super) fn wanted(&self) -> usize {
        self.wanted.len()
    }

    /// True if a holder of these pieces has one that is missing and not being requested.
    pub(super) fn wants_from(&self, have: &Bitfield) -> bool {
        if have.is_complete() { !self.wanted.is_empty() } else { self.wanted.iter().any(|n| have.get(*n)) }
    }

    /// True if a holder of these pieces has one that is missing, requested or not.
    pub(super) fn misses_from(&self, have: &Bitfield) -> bool {
        self.missing > 0 && (have.is_complete() || (0..self.pieces.len()).any(|n| !self.pieces[n].have && have.get(n)))
    }

    /// Takes the rarest wanted piece of a holder, or the first with `in_order`, and with it the wanted pieces that follow,
    /// up to `most` in all. `rarity` has the number of holders of each piece.
    pub(super) fn pick(
        &mut self,
        have: &Bitfield,
        most: usize,
        in_order: bool,
        rarity: &[u32],
        rng: &mut dyn Rng,
    ) -> Option<Range<usize>> {
        let available = self.wanted.iter().copied().filter(|n| have.get(*n));
        let first = if in_order {
            available.min()
        } else {
            rarest(available.map(|n| (n, rarity.get(n).copied().unwrap_or(0))), rng)
        }?;
        let follows = |n: &usize| have.get(*n) && self.pieces.get(*n).is_some_and(|piece| piece.place != NOWHERE);
        let end = (first..first.saturating_add(most.max(1))).take_while(follows).last()? + 1;
        (first..end).for_each(|n| self.ask(n));
        Some(first..end)
    }

    /// Takes a piece that is being requested already: one with the fewest requests. Pieces for
    /// which `excluded` is true are not taken.
    pub(super) fn pick_again(
        &mut self,
        have: &Bitfield,
        excluded: impl Fn(usize) -> bool,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        let pieces = self.pieces.iter().enumerate();
        let again =
            pieces.filter(|(n, p)| !p.have && (1..MAX_ASKED).contains(&p.asked) && have.get(*n) && !excluded(*n));
        let n = rarest(again.map(|(n, piece)| (n, u32::from(piece.asked))), rng)?;
        self.pieces[n].asked += 1;
        Some(n)
    }

    /// Notes that a request for the piece has ended, with or without success.
    pub(super) fn give_back(&mut self, n: usize) {
        let piece = &mut self.pieces[n];
        piece.asked = piece.asked.saturating_sub(1);
        if piece.asked == 0 && !piece.have && piece.place == NOWHERE {
            self.want(n);
        }
    }

    /// Notes that the piece is there; false if it was before.
    pub(super) fn got(&mut self, n: usize) -> bool {
        if self.pieces[n].have {
            return false;
        }
        self.unwant(n);
        self.pieces[n].have = true;
        self.missing -= 1;
        true
    }

    /// Number of pieces of the file.
    pub(super) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Notes that a holder was asked for a piece, or has chosen it.
    pub(super) fn ask(&mut self, n: usize) {
        self.unwant(n);
        self.pieces[n].asked += 1;
    }

    fn want(&mut self, n: usize) {
        self.pieces[n].place = self.wanted.len();
        self.wanted.push(n);
    }

    fn unwant(&mut self, n: usize) {
        let place = std::mem::replace(&mut self.pieces[n].place, NOWHERE);
        if place == NOWHERE {
            return;
        }
        self.wanted.swap_remove(place);
        if let Some(&moved) = self.wanted.get(place) {
            self.pieces[moved].place = place;
        }
    }
}

/// A random one of the pieces with the lowest count.
fn rarest(pieces: impl Iterator<Item = (usize, u32)>, rng: &mut dyn Rng) -> Option<usize> {
    let mut best: Option<(usize, u32)> = None;
    let mut equals = 0_u32;
    for (n, count) in pieces {
        match best {
            Some((_, least)) if count > least => {}
            Some((_, least)) if count == least => {
                equals += 1;
                if rng.random_ratio(1, equals) {
                    best = Some((n, count));
                }
            }
            _ => {
                best = Some((n, count));
                equals = 1;
            }
        }
    }
    best.map(|(n, _)| n)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn field(count: usize, pieces: &[usize]) -> Bitfield {
        let mut field = Bitfield::new(count);
        for piece in pieces {
            field.set(*piece);
        }
        field
    }

    /// Rarity of pieces that are all equally rare.
    const EQUAL: [u32; 0] = [];

    #[test]
    fn the_rarest_piece_comes_first() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut picker = Picker::new(&field(5, &[4]));
        let rarity = [3, 2, 1, 0, 2];
        let seed = Bitfield::full(5);
        let order: Vec<_> = (0..4).map(|_| picker.pick(&seed, 1, false, &rarity, &mut rng).unwrap().start).collect();
        assert_eq!(order, [3, 2, 1, 0]);
        assert!(picker.pick(&seed, 1, false, &EQUAL, &mut rng).is_none() && picker.wanted() == 0);
    }

    #[test]
    fn the_choice_among_equally_rare_pieces_is_random() {
        let firsts: std::collections::BTreeSet<usize> = (0..50)
            .map(|seed| {
                let mut rng = StdRng::seed_from_u64(seed);
                Picker::new(&Bitfield::new(8)).pick(&Bitfield::full(8), 1, false, &EQUAL, &mut rng).unwrap().start
            })
            .collect();
        assert!(firsts.len() >= 6, "{firsts:?}");
    }

    #[test]
    fn a_batch_consists_of_consecutive_wanted_pieces() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut picker = Picker::new(&field(10, &[4]));
        let seed = Bitfield::full(10);
        assert_eq!(picker.pick(&seed, 3, true, &EQUAL, &mut rng), Some(0..3));
        assert_eq!(picker.pick(&seed, 3, true, &EQUAL, &mut rng), Some(3..4));
        assert_eq!(picker.pick(&field(10, &[5, 6, 8]), 3, true, &EQUAL, &mut rng), Some(5..7));
        picker.give_back(0);
        assert_eq!(picker.pick(&seed, 3, true, &EQUAL, &mut rng), Some(0..1));
        assert_eq!(picker.pick(&seed, 9, true, &EQUAL, &mut rng), Some(7..10));
    }

    #[test]
    fn at_the_end_a_piece_is_requested_of_several_holders() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut picker = Picker::new(&field(3, &[0]));
        let seed = Bitfield::full(3);
        assert_eq!(picker.pick(&seed, 2, true, &EQUAL, &mut rng), Some(1..3));
        assert_eq!(picker.pick_again(&seed, |n| n == 1, &mut rng), Some(2));
        assert_eq!(picker.pick_again(&seed, |_| false, &mut rng), Some(1), "the one with fewer requests");
        assert_eq!(picker.pick_again(&seed, |n| n == 1, &mut rng), Some(2));
        assert_eq!(picker.pick_again(&seed, |n| n == 1, &mut rng), None, "three requests are the maximum");
        assert!(picker.got(2) && !picker.got(2));
        assert_eq!(picker.pick_again(&seed, |n| n == 1, &mut rng), None);
        picker.give_back(1);
        assert!(picker.wanted() == 0, "another request is running");
        picker.give_back(1);
        assert_eq!(picker.pick(&seed, 1, false, &EQUAL, &mut rng), Some(1..2));
    }

    /// Events in the life of a request.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Pick { holder: usize, most: usize },
        Again { holder: usize },
        Arrives { request: usize },
        Fails { request: usize },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..4usize, 1..5usize).prop_map(|(holder, most)| Step::Pick { holder, most }),
            (0..4usize).prop_map(|holder| Step::Again { holder }),
            any::<usize>().prop_map(|request| Step::Arrives { request }),
            any::<usize>().prop_map(|request| Step::Fails { request }),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn no_piece_is_lost_whatever_happens_to_requests(
            count in 1..40usize, held in prop::collection::vec(any::<u64>(), 3), steps in steps(), seed: u64,
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut holders = vec![Bitfield::full(count)];
            holders.extend(held.iter().map(|bits| {
                field(count, &(0..count).filter(|n| bits >> (n % 64) & 1 == 1).collect::<Vec<_>>())
            }));
            let mut picker = Picker::new(&Bitfield::new(count));
            let (mut requests, mut have) = (Vec::<usize>::new(), Bitfield::new(count));
            for step in steps {
                match step {
                    Step::Pick { holder, most } => {
                        let wants = picker.wants_from(&holders[holder]);
                        let picked = picker.pick(&holders[holder], most, false, &EQUAL, &mut rng);
                        prop_assert_eq!(wants, picked.is_some());
                        for n in picked.into_iter().flatten() {
                            prop_assert!(holders[holder].get(n) && !have.get(n) && !requests.contains(&n));
                            requests.push(n);
                        }
                    }
                    Step::Again { holder } => {
                        if let Some(n) = picker.pick_again(&holders[holder], |_| false, &mut rng) {
                            prop_assert!(holders[holder].get(n) && !have.get(n) && requests.contains(&n));
                            requests.push(n);
                        }
                    }
                    Step::Arrives { request } if !requests.is_empty() => {
                        let n = requests.swap_remove(request % requests.len());
                        prop_assert_eq!(picker.got(n), have.set(n));
                        picker.give_back(n);
                    }
                    Step::Fails { request } if !requests.is_empty() => {
                        picker.give_back(requests.swap_remove(request % requests.len()));
                    }
                    Step::Arrives { .. } | Step::Fails { .. } => {}
                }
                prop_assert_eq!(picker.missing(), have.missing().count());
                prop_assert_eq!(picker.misses_from(&holders[0]), picker.missing() > 0);
            }
            // A holder of the whole file can supply the rest.
            for n in requests {
                picker.give_back(n);
            }
            while let Some(pieces) = picker.pick(&holders[0], 3, false, &EQUAL, &mut rng) {
                for n in pieces {
                    prop_assert!(picker.got(n));
                    have.set(n);
                    picker.give_back(n);
                }
            }
            prop_assert!(have.is_complete() && picker.missing() == 0 && picker.wanted() == 0);
        }
    }
}
