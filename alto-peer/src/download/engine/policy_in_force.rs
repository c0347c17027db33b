//! The policy in force: the one asked for, or a fallback while the measurements it needs are missing.
//!
//! Without an answer from the ALTO server a client continues by other means (RFC 7285 §8.3.4.3): by round-trip times,
//! which it can measure itself, and at random if even that fails. It returns to the policy asked for once costs are known.

use std::time::{Duration, Instant};

use crate::policy::{AnyPolicy, Needs, PolicyName, Shares};

/// Time to wait for the first costs, and for the first round-trip times.
const FIRST_ANSWER: Duration = Duration::from_secs(6);
/// Time for which costs are used after the last answer, or [`REFRESHES`] polling intervals if that is longer.
const LIFETIME: Duration = Duration::from_mins(1);
const REFRESHES: u32 = 6;

/// The policy asked for, the one in force, and what decides between the two.
#[derive(Debug)]
pub(super) struct PolicyInForce {
    wanted: PolicyName,
    shares: Shares,
    lifetime: Duration,
    start: Instant,
    policy: AnyPolicy,
    costs: Costs,
    /// True if a policy was ever decided on.
    decided: bool,
}

/// Answers of the ALTO server so far.
#[derive(Debug)]
enum Costs {
    NotYet,
    Known { at: Instant },
    Failing { reason: String, known_at: Option<Instant> },
}

/// Usability of the costs known so far.
enum Usable {
    Yes,
    /// Too early to say.
    NotYet,
    No {
        reason: String,
    },
}

/// Counts of the round-trip measurements of known holders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RoundTrips {
    pub(super) measured: usize,
    /// Not measured yet.
    pub(super) pending: usize,
}

/// The outcome of a decision on the policy in force.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too early to choose.
    Wait,
    /// The policy stays in force.
    Same,
    /// Another policy is in force; with the reason, unless it is the one asked for.
    Changed(Option<String>),
}

impl PolicyInForce {
    /// Starts with the policy asked for; `refresh` is the polling interval of the ALTO server.
    pub(super) fn new(wanted: PolicyName, shares: Shares, refresh: Duration, now: Instant) -> Self {
        Self {
            wanted,
            shares,
            lifetime: LIFETIME.max(refresh.saturating_mul(REFRESHES)),
            start: now,
            policy: wanted.build(shares),
            costs: Costs::NotYet,
            decided: false,
        }
    }

    /// The policy asked for.
    pub(super) fn wanted(&self) -> PolicyName {
        self.wanted
    }

    /// The policy in force.
    pub(super) fn policy(&self) -> &AnyPolicy {
        &self.policy
    }

    /// Notes an answer of the ALTO server; `useful` if it has a cost of any holder.
    pub(super) fn costs_known(&mut self, now: Instant, useful: bool) {
        if useful {
            self.costs = Costs::Known { at: now };
        } else {
            self.costs_failed("the ALTO server knows the cost of none of the holders".to_owned());
        }
    }

    /// Notes that the ALTO server did not answer, and why.
    pub(super) fn costs_failed(&mut self, reason: String) {
        let known_at = match &self.costs {
            Costs::NotYet => None,
            Costs::Known { at } => Some(*at),
            Costs::Failing { known_at, .. } => *known_at,
        };
        self.costs = Costs::Failing { reason, known_at };
    }

    /// True if round-trip times have to be measured.
    pub(super) fn needs_round_trips(&self, now: Instant) -> bool {
        self.wanted.needs() == Needs::RoundTrips
            || (self.wanted.needs() == Needs::Costs && matches!(self.costs_usable(now), Usable::No { .. }))
    }

    fn costs_usable(&self, now: Instant) -> Usable {
        match &self.costs {
            Costs::Known { .. } => Usable::Yes,
            Costs::Failing { known_at: Some(at), .. } if now < *at + self.lifetime => Usable::Yes,
            Costs::Failing { reason, .. } => Usable::No { reason: reason.clone() },
            Costs::NotYet if now < self.start + FIRST_ANSWER => Usable::NotYet,
            Costs::NotYet => Usable::No { reason: "no answer from the ALTO server yet".to_owned() },
        }
    }

    /// Decides which policy is in force from now on.
    pub(super) fn decide(&mut self, now: Instant, round_trips: RoundTrips) -> Verdict {
        let mut reason = None;
        let mut name = self.wanted;
        if name.needs() == Needs::Costs {
            match self.costs_usable(now) {
                Usable::Yes => {}
                Usable::NotYet => return Verdict::Wait,
                Usable::No { reason: why } => (name, reason) = (PolicyName::Nearest, Some(why)),
            }
        }
        if name.needs() == Needs::RoundTrips
            && round_trips.pending > 0
            && !self.decided
            && now < self.start + 2 * FIRST_ANSWER
        {
            return Verdict::Wait;
        }
        if name.needs() == Needs::RoundTrips && round_trips.measured == 0 {
            let unmeasured = "no round trip could be measured";
            reason = Some(reason.map_or_else(|| unmeasured.to_owned(), |reason| format!("{reason}; {unmeasured}")));
            name = PolicyName::Random;
        }
        self.decided = true;
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

    fn policy(wanted: PolicyName) -> (PolicyInForce, Instant) {
        let now = Instant::now();
        (PolicyInForce::new(wanted, Shares::default(), Duration::from_secs(10), now), now)
    }

    const SOME: RoundTrips = RoundTrips { measured: 3, pending: 0 };
    const NONE: RoundTrips = RoundTrips { measured: 0, pending: 0 };
    const PENDING: RoundTrips = RoundTrips { measured: 0, pending: 3 };

    #[test]
    fn the_first_costs_are_waited_for() {
        let (mut policy, start) = policy(PolicyName::Alto);
        assert_eq!(policy.decide(start, NONE), Verdict::Wait);
        policy.costs_known(start, true);
        assert_eq!(policy.decide(start, NONE), Verdict::Same);
        assert_eq!(policy.policy().name(), PolicyName::Alto);
        assert!(!policy.needs_round_trips(start));
    }

    #[test]
    fn round_trips_replace_costs_until_the_alto_server_answers() {
        let (mut policy, start) = policy(PolicyName::Best);
        policy.costs_failed("refused".to_owned());
        assert!(policy.needs_round_trips(start));
        assert_eq!(policy.decide(start, PENDING), Verdict::Wait);
        assert_eq!(policy.decide(start, SOME), Verdict::Changed(Some("refused".to_owned())));
        assert_eq!(policy.policy().name(), PolicyName::Nearest);
        assert_eq!(policy.decide(start, SOME), Verdict::Same);
        policy.costs_known(start, true);
        assert_eq!(policy.decide(start, SOME), Verdict::Changed(None));
        assert_eq!(policy.policy().name(), PolicyName::Best);
    }

    #[test]
    fn the_choice_is_random_if_nothing_can_be_measured() {
        let (mut policy, start) = policy(PolicyName::Alto);
        let late = start + 3 * FIRST_ANSWER;
        let Verdict::Changed(Some(reason)) = policy.decide(late, PENDING) else { panic!("no fallback") };
        assert!(reason.contains("no answer") && reason.contains("round trip"), "{reason}");
        assert_eq!(policy.policy().name(), PolicyName::Random);
        let (mut policy, start) = self::policy(PolicyName::Nearest);
        assert!(matches!(policy.decide(start, NONE), Verdict::Changed(Some(_))));
        assert_eq!(policy.policy().name(), PolicyName::Random);
    }

    #[test]
    fn costs_remain_in_use_while_the_server_restarts() {
        let (mut policy, start) = policy(PolicyName::Alto);
        policy.costs_known(start, true);
        policy.costs_failed("refused".to_owned());
        assert_eq!(policy.decide(start + Duration::from_secs(30), SOME), Verdict::Same);
        policy.costs_failed("refused".to_owned());
        assert_eq!(policy.decide(start + LIFETIME, SOME), Verdict::Changed(Some("refused".to_owned())));
    }
}
