//! Which piece to ask for next: the rarest, so that the pieces of a swarm stay equally common and nobody waits for one
//! that only a single holder has.
//!
//! Rarity is counted over the neighbours that have a part of the file; those that have all of it change no order. Equally
//! rare pieces are drawn by lot, so that peers that start together fetch different ones and have something to give
//! each other.

use std::ops::Range;

use rand::{Rng, RngExt};

use crate::content::Bitfield;

/// A piece is asked for from no more than this many holders at a time.
const MOST_ASKED: u8 = 3;

/// What is wanted of a file, and how rare it is.
#[derive(Debug)]
pub(super) struct Picker {
    pieces: Vec<Piece>,
    /// Pieces nobody was asked for yet, in no order.
    wanted: Vec<usize>,
    missing: usize,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Its place in `wanted`, if it is there.
    place: usize,
    /// How many neighbours with a part of the file have it.
    holders: u32,
    /// From how many it is being fetched.
    asked: u8,
    have: bool,
}

/// Of no place in `wanted`.
const NOWHERE: usize = usize::MAX;

impl Picker {
    /// Wants what is not there yet.
    pub(super) fn new(have: &Bitfield) -> Self {
        let piece = |n| Piece { place: NOWHERE, holders: 0, asked: 0, have: have.get(n) };
        let mut picker = Self { pieces: (0..have.len()).map(piece).collect(), wanted: Vec::new(), missing: 0 };
        for n in have.missing() {
            picker.missing += 1;
            picker.want(n);
        }
        picker
    }

    /// How many pieces are not there.
    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    /// Whether a piece is there.
    pub(super) fn has(&self, n: usize) -> bool {
        self.pieces.get(n).is_some_and(|piece| piece.have)
    }

    /// How many pieces nobody was asked for yet.
    pub(super) fn wanted(&self) -> usize {
        self.wanted.len()
    }

    /// Whether every missing piece is being fetched from somebody.
    pub(super) fn is_endgame(&self) -> bool {
        self.wanted.is_empty() && self.missing > 0
    }

    /// A neighbour has these, too.
    pub(super) fn count(&mut self, have: &Bitfield) {
        for (_, piece) in self.pieces.iter_mut().enumerate().filter(|(n, _)| have.get(*n)) {
            piece.holders = piece.holders.saturating_add(1);
        }
    }

    /// A neighbour that had these is none any more.
    pub(super) fn uncount(&mut self, have: &Bitfield) {
        for (_, piece) in self.pieces.iter_mut().enumerate().filter(|(n, _)| have.get(*n)) {
            piece.holders = piece.holders.saturating_sub(1);
        }
    }

    /// Whether the holder has a piece nobody was asked for yet.
    pub(super) fn wants_from(&self, have: &Bitfield) -> bool {
        if have.is_complete() { !self.wanted.is_empty() } else { self.wanted.iter().any(|n| have.get(*n)) }
    }

    /// Whether the holder has a piece that is missing, asked for or not.
    pub(super) fn misses_from(&self, have: &Bitfield) -> bool {
        self.missing > 0 && (have.is_complete() || (0..self.pieces.len()).any(|n| !self.pieces[n].have && have.get(n)))
    }

    /// Takes the rarest wanted piece of a holder, and up to `most` in all with those that follow it and are wanted, too.
    /// With `in_order` it is the first one instead.
    pub(super) fn pick(
        &mut self,
        have: &Bitfield,
        most: usize,
        in_order: bool,
        rng: &mut dyn Rng,
    ) -> Option<Range<usize>> {
        let available = self.wanted.iter().copied().filter(|n| have.get(*n));
        let first =
            if in_order { available.min() } else { rarest(available.map(|n| (n, self.pieces[n].holders)), rng) }?;
        let follows = |n: &usize| have.get(*n) && self.pieces.get(*n).is_some_and(|piece| piece.place != NOWHERE);
        let end = (first..first.saturating_add(most.max(1))).take_while(follows).last()? + 1;
        (first..end).for_each(|n| self.ask(n));
        Some(first..end)
    }

    /// Takes a piece that others were asked for already, once nothing else is left: the one that fewest are asked for.
    /// `not` says which the holder is asked for itself.
    pub(super) fn pick_again(
        &mut self,
        have: &Bitfield,
        not: impl Fn(usize) -> bool,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        let pieces = self.pieces.iter().enumerate();
        let again = pieces.filter(|(n, p)| !p.have && (1..MOST_ASKED).contains(&p.asked) && have.get(*n) && !not(*n));
        let n = rarest(again.map(|(n, piece)| (n, u32::from(piece.asked))), rng)?;
        self.pieces[n].asked += 1;
        Some(n)
    }

    /// A request for the piece is over, whatever came of it.
    pub(super) fn give_back(&mut self, n: usize) {
        let piece = &mut self.pieces[n];
        piece.asked = piece.asked.saturating_sub(1);
        if piece.asked == 0 && !piece.have && piece.place == NOWHERE {
            self.want(n);
        }
    }

    /// The piece is there; false if it was before.
    pub(super) fn got(&mut self, n: usize) -> bool {
        if self.pieces[n].have {
            return false;
        }
        self.unwant(n);
        self.pieces[n].have = true;
        self.missing -= 1;
        true
    }

    fn ask(&mut self, n: usize) {
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

/// One of the least, each with the same chance.
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

    #[test]
    fn the_rarest_first() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut picker = Picker::new(&field(5, &[4]));
        picker.count(&field(5, &[0, 1, 2, 4]));
        picker.count(&field(5, &[0, 1, 4]));
        picker.count(&field(5, &[0]));
        let seed = Bitfield::full(5);
        let order: Vec<_> = (0..4).map(|_| picker.pick(&seed, 1, false, &mut rng).unwrap().start).collect();
        assert_eq!(order, [3, 2, 1, 0]);
        assert!(picker.pick(&seed, 1, false, &mut rng).is_none() && picker.is_endgame());
    }

    #[test]
    fn equals_by_lot() {
        let firsts: std::collections::BTreeSet<usize> = (0..50)
            .map(|seed| {
                let mut rng = StdRng::seed_from_u64(seed);
                Picker::new(&Bitfield::new(8)).pick(&Bitfield::full(8), 1, false, &mut rng).unwrap().start
            })
            .collect();
        assert!(firsts.len() >= 6, "{firsts:?}");
    }

    #[test]
    fn batches_are_of_wanted_neighbours() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut picker = Picker::new(&field(10, &[4]));
        let seed = Bitfield::full(10);
        assert_eq!(picker.pick(&seed, 3, true, &mut rng), Some(0..3));
        assert_eq!(picker.pick(&seed, 3, true, &mut rng), Some(3..4));
        assert_eq!(picker.pick(&field(10, &[5, 6, 8]), 3, true, &mut rng), Some(5..7));
        picker.give_back(0);
        assert_eq!(picker.pick(&seed, 3, true, &mut rng), Some(0..1));
        assert_eq!(picker.pick(&seed, 9, true, &mut rng), Some(7..10));
    }

    #[test]
    fn at_the_end_several_are_asked_for_the_same() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut picker = Picker::new(&field(3, &[0]));
        let seed = Bitfield::full(3);
        assert_eq!(picker.pick(&seed, 2, true, &mut rng), Some(1..3));
        assert_eq!(picker.pick_again(&seed, |n| n == 1, &mut rng), Some(2));
        assert_eq!(picker.pick_again(&seed, |_| false, &mut rng), Some(1), "the one that fewer are asked for");
        assert_eq!(picker.pick_again(&seed, |n| n == 1, &mut rng), Some(2));
        assert_eq!(picker.pick_again(&seed, |n| n == 1, &mut rng), None, "three are enough");
        assert!(picker.got(2) && !picker.got(2));
        assert_eq!(picker.pick_again(&seed, |n| n == 1, &mut rng), None);
        picker.give_back(1);
        assert!(picker.is_endgame(), "another one still fetches it");
        picker.give_back(1);
        assert_eq!(picker.pick(&seed, 1, false, &mut rng), Some(1..2));
    }

    /// What can happen to a request.
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
        fn nothing_is_lost_whatever_happens(
            count in 1..40usize, held in prop::collection::vec(any::<u64>(), 3), steps in steps(), seed: u64,
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut holders = vec![Bitfield::full(count)];
            holders.extend(held.iter().map(|bits| {
                field(count, &(0..count).filter(|n| bits >> (n % 64) & 1 == 1).collect::<Vec<_>>())
            }));
            let mut picker = Picker::new(&Bitfield::new(count));
            holders[1..].iter().for_each(|have| picker.count(have));
            let (mut requests, mut have) = (Vec::<usize>::new(), Bitfield::new(count));
            for step in steps {
                match step {
                    Step::Pick { holder, most } => {
                        let wants = picker.wants_from(&holders[holder]);
                        let picked = picker.pick(&holders[holder], most, false, &mut rng);
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
            // From a holder of all the rest comes to an end.
            for n in requests {
                picker.give_back(n);
            }
            while let Some(pieces) = picker.pick(&holders[0], 3, false, &mut rng) {
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
