//! Which policy is in force: the one that was asked for, or what is left when nobody says what holders cost.
//!
//! Without an answer of the ALTO server a client goes on by other means (RFC 7285 §8.3.4.3): by round trips, which it
//! can measure itself, and by lot where even that fails. It says so, and returns to its policy once costs are known.

use std::time::{Duration, Instant};

use crate::policy::{AnyPolicy, Needs, PolicyName, Shares};

/// For the first costs, and for the first round trips, before it goes on without.
const FIRST_ANSWER: Duration = Duration::from_secs(6);
/// Costs are used for so long after the last answer, or for [`REFRESHES`] intervals if that is longer.
const LIFETIME: Duration = Duration::from_mins(1);
const REFRESHES: u32 = 6;

/// Chooses the policy.
#[derive(Debug)]
pub(super) struct Chooser {
    wanted: PolicyName,
    shares: Shares,
    lifetime: Duration,
    start: Instant,
    policy: AnyPolicy,
    costs: Costs,
    /// Whether there was a decision yet.
    begun: bool,
}

#[derive(Debug)]
enum Costs {
    NotYet,
    Known(Instant),
    /// Why not, and when they were known last.
    Failing(String, Option<Instant>),
}

/// Round trips to the holders there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RoundTrips {
    pub(super) measured: usize,
    /// Still being measured.
    pub(super) asked: usize,
}

/// What the state of things means for the policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too early to choose.
    Wait,
    /// As before.
    Same,
    /// Another one from now on, for the reason given unless it is the one that was asked for.
    Changed(Option<String>),
}

impl Chooser {
    pub(super) fn new(wanted: PolicyName, shares: Shares, refresh: Duration, now: Instant) -> Self {
        Self {
            wanted,
            shares,
            lifetime: LIFETIME.max(refresh.saturating_mul(REFRESHES)),
            start: now,
            policy: wanted.build(shares),
            costs: Costs::NotYet,
            begun: false,
        }
    }

    pub(super) fn wanted(&self) -> PolicyName {
        self.wanted
    }

    pub(super) fn policy(&self) -> &AnyPolicy {
        &self.policy
    }

    /// The ALTO server answered; `useful` says whether with a cost of any holder.
    pub(super) fn costs_known(&mut self, now: Instant, useful: bool) {
        if useful {
            self.costs = Costs::Known(now);
        } else {
            self.costs_failed("the ALTO server knows the cost of none of the holders".to_owned());
        }
    }

    /// It did not.
    pub(super) fn costs_failed(&mut self, reason: String) {
        let last = match &self.costs {
            Costs::NotYet => None,
            Costs::Known(when) => Some(*when),
            Costs::Failing(_, last) => *last,
        };
        self.costs = Costs::Failing(reason, last);
    }

    /// Whether round trips have to be measured.
    pub(super) fn needs_round_trips(&self, now: Instant) -> bool {
        self.wanted.needs() == Needs::RoundTrips
            || (self.wanted.needs() == Needs::Costs && matches!(self.costs_missing(now), Some(Some(_))))
    }

    /// Nothing if costs are there; else the reason, if it is not just too early.
    #[expect(clippy::option_option, reason = "there are three cases")]
    fn costs_missing(&self, now: Instant) -> Option<Option<String>> {
        match &self.costs {
            Costs::Known(_) => None,
            Costs::Failing(_, Some(last)) if now < *last + self.lifetime => None,
            Costs::Failing(reason, _) => Some(Some(reason.clone())),
            Costs::NotYet if now < self.start + FIRST_ANSWER => Some(None),
            Costs::NotYet => Some(Some("no answer from the ALTO server yet".to_owned())),
        }
    }

    /// Takes the policy that fits.
    pub(super) fn decide(&mut self, now: Instant, round_trips: RoundTrips) -> Verdict {
        let mut reason = None;
        let mut name = self.wanted;
        if name.needs() == Needs::Costs {
            match self.costs_missing(now) {
                None => {}
                Some(None) => return Verdict::Wait,
                Some(why) => (name, reason) = (PolicyName::Nearest, why),
            }
        }
        if name.needs() == Needs::RoundTrips
            && round_trips.asked > 0
            && !self.begun
            && now < self.start + 2 * FIRST_ANSWER
        {
            return Verdict::Wait;
        }
        if name.needs() == Needs::RoundTrips && round_trips.measured == 0 {
            let unmeasured = "no round trip could be measured";
            reason = Some(reason.map_or_else(|| unmeasured.to_owned(), |reason| format!("{reason}; {unmeasured}")));
            name = PolicyName::Random;
        }
        self.begun = true;
        if name == self.policy.name() {
            return Verdict::Same;
        }
        self.policy = name.build(self.shares);
        Verdict::Changed(reason.filter(|_| name != self.wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chooser(wanted: PolicyName) -> (Chooser, Instant) {
        let now = Instant::now();
        (Chooser::new(wanted, Shares::default(), Duration::from_secs(10), now), now)
    }

    const SOME: RoundTrips = RoundTrips { measured: 3, asked: 0 };
    const NONE: RoundTrips = RoundTrips { measured: 0, asked: 0 };
    const ASKED: RoundTrips = RoundTrips { measured: 0, asked: 3 };

    #[test]
    fn costs_are_waited_for_a_while() {
        let (mut chooser, start) = chooser(PolicyName::Alto);
        assert_eq!(chooser.decide(start, NONE), Verdict::Wait);
        chooser.costs_known(start, true);
        assert_eq!(chooser.decide(start, NONE), Verdict::Same);
        assert_eq!(chooser.policy().name(), PolicyName::Alto);
        assert!(!chooser.needs_round_trips(start));
    }

    #[test]
    fn without_an_alto_server_by_round_trips_and_back() {
        let (mut chooser, start) = chooser(PolicyName::Best);
        chooser.costs_failed("refused".to_owned());
        assert!(chooser.needs_round_trips(start));
        assert_eq!(chooser.decide(start, ASKED), Verdict::Wait);
        assert_eq!(chooser.decide(start, SOME), Verdict::Changed(Some("refused".to_owned())));
        assert_eq!(chooser.policy().name(), PolicyName::Nearest);
        assert_eq!(chooser.decide(start, SOME), Verdict::Same);
        chooser.costs_known(start, true);
        assert_eq!(chooser.decide(start, SOME), Verdict::Changed(None));
        assert_eq!(chooser.policy().name(), PolicyName::Best);
    }

    #[test]
    fn without_anything_by_lot() {
        let (mut chooser, start) = chooser(PolicyName::Alto);
        let late = start + 3 * FIRST_ANSWER;
        let Verdict::Changed(Some(reason)) = chooser.decide(late, ASKED) else { panic!("it falls back") };
        assert!(reason.contains("no answer") && reason.contains("round trip"), "{reason}");
        assert_eq!(chooser.policy().name(), PolicyName::Random);
        let (mut chooser, start) = self::chooser(PolicyName::Nearest);
        assert!(matches!(chooser.decide(start, NONE), Verdict::Changed(Some(_))));
        assert_eq!(chooser.policy().name(), PolicyName::Random);
    }

    #[test]
    fn costs_outlive_a_restart_of_the_server() {
        let (mut chooser, start) = chooser(PolicyName::Alto);
        chooser.costs_known(start, true);
        chooser.costs_failed("refused".to_owned());
        assert_eq!(chooser.decide(start + Duration::from_secs(30), SOME), Verdict::Same);
        chooser.costs_failed("refused".to_owned());
        assert_eq!(chooser.decide(start + LIFETIME, SOME), Verdict::Changed(Some("refused".to_owned())));
    }
}
