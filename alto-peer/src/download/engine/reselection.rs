//! The schedule by which neighbours are chosen again.

use std::time::{Duration, Instant};

/// Shortest time between two choices, unless there are no neighbours.
const SHORTEST: Duration = Duration::from_secs(1);

/// Neighbours that the next choice may replace. The order is that of their extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// None: nothing has changed that matters.
    Nothing,
    /// Only free places are filled.
    FreePlaces,
    /// Newcomers get as many places as if all candidates had come at once; other neighbours stay.
    Newcomers,
    /// All neighbours are chosen anew.
    All,
}

/// The schedule of choices.
#[derive(Debug)]
pub(super) struct Reselection {
    pending: Scope,
    last: Option<Instant>,
    /// Number of candidates when newcomers last had their share of the places.
    among: usize,
}

impl Reselection {
    /// A schedule without any choice yet.
    pub(super) fn new() -> Self {
        Self { pending: Scope::Nothing, last: None, among: 0 }
    }

    /// Asks for a choice of at least this scope.
    pub(super) fn need(&mut self, scope: Scope) {
        self.pending = self.pending.max(scope);
    }

    /// True if a choice has been asked for and not made yet.
    pub(super) fn is_pending(&self) -> bool {
        self.pending > Scope::Nothing
    }

    /// Asks for places for newcomers once there are many more candidates than at the last such choice, so that the first
    /// to come do not keep all places for ever.
    pub(super) fn note_candidates(&mut self, eligible: usize) {
        if self.last.is_some() && eligible * 4 >= self.among * 5 + 4 {
            self.need(Scope::Newcomers);
        }
    }

    /// Share of the neighbours that keep their places in a choice of this scope among so many candidates.
    #[expect(clippy::cast_precision_loss, reason = "candidates are few")]
    pub(super) fn kept(&self, scope: Scope, among: usize) -> f64 {
        match scope {
            Scope::Nothing | Scope::FreePlaces => 1.0,
            Scope::Newcomers => (self.among as f64 / among.max(1) as f64).min(1.0),
            Scope::All => 0.0,
        }
    }

    /// The scope of the choice to make now, if one is pending and the last was not just before.
    pub(super) fn due(&self, neighbours: usize, now: Instant) -> Option<Scope> {
        let early = self.last.is_some_and(|last| now < last + SHORTEST) && neighbours > 0;
        (self.is_pending() && !early).then_some(self.pending)
    }

    /// Notes that a choice of this scope was made among so many candidates; true if it was the first.
    pub(super) fn made(&mut self, scope: Scope, among: usize, now: Instant) -> bool {
        self.pending = Scope::Nothing;
        let first = self.last.replace(now).is_none();
        if first || scope >= Scope::Newcomers {
            self.among = among;
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_scope_asked_for_is_chosen_once() {
        let (mut reselection, now) = (Reselection::new(), Instant::now());
        assert_eq!(reselection.due(0, now), None);
        reselection.need(Scope::FreePlaces);
        reselection.need(Scope::All);
        reselection.need(Scope::FreePlaces);
        assert_eq!(reselection.due(0, now), Some(Scope::All));
        assert!(reselection.made(Scope::All, 3, now), "the first choice");
        assert!(!reselection.is_pending() && reselection.due(0, now).is_none());
        assert!(!reselection.made(Scope::FreePlaces, 3, now));
    }

    #[test]
    fn choices_are_a_second_apart_unless_there_are_no_neighbours() {
        let (mut reselection, now) = (Reselection::new(), Instant::now());
        reselection.made(Scope::All, 3, now);
        reselection.need(Scope::FreePlaces);
        assert_eq!(reselection.due(2, now + SHORTEST / 2), None);
        assert_eq!(reselection.due(0, now + SHORTEST / 2), Some(Scope::FreePlaces));
        assert_eq!(reselection.due(2, now + SHORTEST), Some(Scope::FreePlaces));
    }

    #[test]
    fn many_more_candidates_get_their_share_of_the_places() {
        let (mut reselection, now) = (Reselection::new(), Instant::now());
        reselection.note_candidates(100);
        assert!(!reselection.is_pending(), "nobody was chosen yet");
        reselection.made(Scope::FreePlaces, 8, now);
        reselection.note_candidates(10);
        assert!(!reselection.is_pending());
        reselection.note_candidates(11);
        assert_eq!(reselection.due(8, now + SHORTEST), Some(Scope::Newcomers));
        for (scope, expected) in [(Scope::FreePlaces, 1.0), (Scope::Newcomers, 0.5), (Scope::All, 0.0)] {
            assert!((reselection.kept(scope, 16) - expected).abs() < 1e-9);
        }
        // A choice for free places does not reset the count.
        reselection.made(Scope::FreePlaces, 11, now);
        reselection.note_candidates(11);
        assert!(reselection.is_pending());
    }
}
