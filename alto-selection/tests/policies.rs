//! Promises common to all policies, and those of each.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use alto_selection::{Alto, AnyPolicy, Best, Candidate, Candidates, Nearest, Needs, Policy, PolicyName, Shares};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A candidate with plain values.
#[derive(Clone, Debug)]
struct Peer {
    address: SocketAddr,
    pid: Option<String>,
    cost: Option<f64>,
    round_trip: Option<Duration>,
}

impl Candidate for Peer {
    type Pid = String;

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn cost(&self) -> Option<f64> {
        self.cost
    }

    fn pid(&self) -> Option<&String> {
        self.pid.as_ref()
    }

    fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}

fn policies() -> impl Iterator<Item = AnyPolicy> {
    PolicyName::ALL.iter().map(|name| name.build(Shares::default()))
}

fn candidate(index: usize, pid_name: &str, cost: Option<f64>) -> Peer {
    let index = u16::try_from(index).unwrap();
    let [high, low] = index.to_be_bytes();
    Peer {
        address: ([127, 9, high, low], 6881).into(),
        cost,
        pid: Some(pid_name.to_owned()),
        round_trip: Some(Duration::from_micros(u64::from(index) * 100)),
    }
}

/// The same number of peers in each PID, at the cost of the PID.
fn network(pids: &[(&str, f64)], each: usize) -> Vec<Peer> {
    let all = pids.iter().flat_map(|pid| std::iter::repeat_n(pid, each));
    all.enumerate().map(|(index, (pid, cost))| candidate(index, pid, Some(*cost))).collect()
}

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

#[test]
fn names_are_parsed_as_they_are_written() {
    for &name in PolicyName::ALL {
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_eq!(name.build(Shares::default()).name(), name);
        let json = serde_json::to_string(&name).unwrap();
        assert_eq!((json.trim_matches('"'), serde_json::from_str(&json).unwrap()), (name.as_str(), name));
    }
    let error = "Alto".parse::<PolicyName>().unwrap_err().to_string();
    assert!(error.contains("\"Alto\"") && error.contains("alto, best, random, nearest"), "{error}");
    assert_eq!(PolicyName::Random.needs(), Needs::Nothing);
}

#[test]
fn no_candidate_or_a_single_one_is_enough() {
    for policy in policies() {
        let none = Candidates::<Peer> { own_pid: None, all: &[] };
        assert!(policy.choose(none, &[], 20, &mut rng(1)).is_empty());
        assert!(policy.choose(none, &[3, 7], 20, &mut rng(1)).is_empty());
        assert!(policy.order(none, &[], &mut rng(1)).is_empty());
        let (here, all) = ("a".to_owned(), [candidate(0, "a", None)]);
        let one = Candidates { own_pid: Some(&here), all: &all };
        assert_eq!(policy.choose(one, &[], 20, &mut rng(1)), [0]);
        assert_eq!(policy.choose(one, &[], 1, &mut rng(1)), [0]);
        assert_eq!(policy.order(one, &[0], &mut rng(1)), [0]);
        assert!(policy.choose(one, &[0], 0, &mut rng(1)).is_empty());
    }
}

#[test]
fn alto_keeps_within_the_shares() {
    let all = network(&[("own", 5.0), ("near", 20.0), ("far", 60.0)], 30);
    let own = "own".to_owned();
    let candidates = Candidates { own_pid: Some(&own), all: &all };
    let mut outside = 0;
    for seed in 0..200 {
        let chosen = Alto::new(Shares::default()).choose(candidates, &[], 20, &mut rng(seed));
        let of = |name: &str| chosen.iter().filter(|&&i| all[i].pid == Some(name.to_owned())).count();
        assert_eq!(chosen.len(), 20);
        assert_eq!(of("own"), 14, "70 % of 20 from the own PID");
        assert!(of("near") >= 2, "80 % of 20 from near, too");
        outside += of("far");
    }
    // Four places a run, near and far at 1/20 and 1/60: a quarter of 800.
    assert!((120..280).contains(&outside), "{outside} of 800 places from far");

    let all_own = Shares { own_pid: 1.0, own_neighbourhood: 1.0 };
    let chosen = Alto::new(all_own).choose(candidates, &[], 20, &mut rng(1));
    assert!(chosen.iter().all(|&i| all[i].pid == Some("own".to_owned())));
    let no_own = Shares { own_pid: 0.0, own_neighbourhood: 0.0 };
    let chosen = Alto::new(no_own).choose(candidates, &[], 20, &mut rng(1));
    assert!(chosen.iter().all(|&i| all[i].pid != Some("own".to_owned())));
}

#[test]
fn alto_hardly_ever_crosses_a_link_of_very_high_price() {
    // Eleven PoPs of five peers; the last lies behind a link with a price of 5,000.
    let names: Vec<String> = (0..11).map(|i| format!("pop{i}")).collect();
    let costs = [3.0, 8.0, 9.0, 11.0, 14.0, 15.0, 15.0, 17.0, 21.0, 24.0, 5000.0];
    let pids: Vec<(&str, f64)> = names.iter().map(String::as_str).zip(costs).collect();
    let (all, own) = (network(&pids, 5), "pop0".to_owned());
    let candidates = Candidates { own_pid: Some(&own), all: &all };
    let alto = Alto::new(Shares::default());
    let dear = |chosen: &[usize]| chosen.iter().filter(|&&i| all[i].cost == Some(5000.0)).count();
    let neighbours: usize = (0..200).map(|seed| dear(&alto.choose(candidates, &[], 20, &mut rng(seed)))).sum();
    assert!(neighbours <= 20, "{neighbours} of 4000 neighbours behind the link, 364 if drawn at random");

    // As a neighbour it is asked only if no cheaper one has what is wanted.
    let expensive: Vec<usize> = (50..55).collect();
    let mut mixed = expensive.clone();
    mixed.extend([7, 12, 48]);
    for seed in 0..50 {
        assert_eq!(dear(&alto.order(candidates, &mixed, &mut rng(seed))), 0);
        assert_eq!(alto.order(candidates, &expensive, &mut rng(seed)).len(), 5);
    }
}

#[test]
fn alto_asks_cheap_neighbours_more_often() {
    let all = network(&[("a", 13.0), ("b", 39.0)], 1);
    let candidates = Candidates { own_pid: None, all: &all };
    let alto = Alto::new(Shares::default());
    let first = |alto: Alto| (0..4000).filter(|&seed| alto.order(candidates, &[1, 0], &mut rng(seed))[0] == 0).count();
    // 80 % for being near, and three quarters of the rest.
    let with_shares = first(alto);
    assert!((3700..=3900).contains(&with_shares), "{with_shares} of 4000, 3800 expected");
    let by_cost_alone = first(Alto::new(Shares { own_pid: 0.0, own_neighbourhood: 0.0 }));
    assert!((2850..=3150).contains(&by_cost_alone), "{by_cost_alone} of 4000, 3000 expected");
}

#[test]
fn a_free_or_unknown_candidate_does_not_exclude_the_others() {
    let mut all = network(&[("a", 0.0), ("b", 10.0), ("c", 12.0)], 2);
    all[5].cost = None;
    all[4].cost = Some(f64::NAN);
    let candidates = Candidates { own_pid: None, all: &all };
    let alto = Alto::new(Shares::default());
    let order = alto.order(candidates, &[0, 1, 2, 3], &mut rng(3));
    assert_eq!(order.len(), 4, "a free holder does not shut out the others");
    let with_unknown = alto.order(candidates, &[2, 3, 4, 5], &mut rng(3));
    assert!(with_unknown.len() >= 2);
}

#[test]
fn best_chooses_the_single_cheapest() {
    let mut all = network(&[("a", 30.0), ("b", 10.0), ("c", 20.0)], 1);
    all.push(candidate(3, "d", None));
    let candidates = Candidates { own_pid: None, all: &all };
    assert_eq!(Best.choose(candidates, &[0], 20, &mut rng(1)), [1]);
    assert_eq!(Best.order(candidates, &[0, 2, 3], &mut rng(1)), [2], "the next one only if the first has nothing");
    assert_eq!(Best.order(candidates, &[3], &mut rng(1)), [3]);
}

#[test]
fn nearest_orders_by_round_trip() {
    let mut all = network(&[("a", 1.0), ("b", 1.0), ("c", 1.0)], 2);
    all.reverse();
    all[0].round_trip = None;
    let candidates = Candidates { own_pid: None, all: &all };
    assert_eq!(Nearest.choose(candidates, &[], 3, &mut rng(1)), [5, 4, 3]);
    assert_eq!(Nearest.order(candidates, &[0, 2, 1], &mut rng(1)), [2, 1, 0]);
}

prop_compose! {
    fn any_candidates()(
        holders in prop::collection::vec((0..5u8, prop::option::of(any::<f64>()), prop::option::of(0..1000u64)), 0..60)
    ) -> Vec<Peer> {
        let of = |(index, (place, cost, rtt)): (usize, (u8, Option<f64>, Option<u64>))| Peer {
            pid: (place < 4).then(|| format!("p{place}")),
            round_trip: rtt.map(Duration::from_micros),
            ..candidate(index, "x", cost)
        };
        holders.into_iter().enumerate().map(of).collect()
    }
}

proptest! {
    #[test]
    fn choices_are_valid_unique_bounded_and_repeatable(
        all in any_candidates(), keep in prop::collection::vec(0..80usize, 0..10), limit in 0..40usize, seed: u64,
    ) {
        let own = "p0".to_owned();
        let candidates = Candidates { own_pid: Some(&own), all: &all };
        for policy in policies() {
            let chosen = policy.choose(candidates, &keep, limit, &mut rng(seed));
            let mut unique = chosen.clone();
            unique.sort_unstable();
            unique.dedup();
            prop_assert_eq!(unique.len(), chosen.len());
            prop_assert!(chosen.iter().all(|&i| i < all.len()));
            let places = if policy.name() == PolicyName::Best { limit.min(1) } else { limit };
            prop_assert_eq!(chosen.len(), places.min(all.len()), "{} fills its places", policy.name());
            prop_assert_eq!(&chosen, &policy.choose(candidates, &keep, limit, &mut rng(seed)), "the same seed");
            if !chosen.is_empty() {
                let order = policy.order(candidates, &chosen, &mut rng(seed));
                prop_assert!(!order.is_empty(), "at least one neighbour is asked");
                prop_assert!(order.iter().all(|i| chosen.contains(i)));
                let mut unique = order.clone();
                unique.sort_unstable();
                unique.dedup();
                prop_assert_eq!(unique.len(), order.len());
                prop_assert_eq!(&order, &policy.order(candidates, &chosen, &mut rng(seed)), "the same seed");
            }
        }
    }

    #[test]
    fn shares_hold_while_there_are_other_candidates(all in any_candidates(), limit in 1..40usize, seed: u64) {
        let own = "p0".to_owned();
        let chosen = Alto::new(Shares::default()).choose(
            Candidates { own_pid: Some(&own), all: &all }, &[], limit, &mut rng(seed));
        let from_own = |i: &&usize| all[**i].pid.as_ref() == Some(&own);
        let others = all.len() - (0..all.len()).collect::<Vec<_>>().iter().filter(from_own).count();
        // 70 %, rounded.
        let allowed = ((limit.min(all.len()) * 7 + 5) / 10).max(1);
        let chosen_own = chosen.iter().filter(from_own).count();
        prop_assert!(chosen_own <= allowed || chosen.len() - chosen_own == others,
            "{chosen_own} of {} from the own PID, {others} others", chosen.len());
    }

    #[test]
    fn every_candidate_is_chosen_once_the_others_have_failed(holders in 1..30usize, dear in 1.0..1e6f64) {
        let all: Vec<_> = (0..holders).map(|i| candidate(i, if i % 3 == 0 { "p0" } else { "p1" },
            Some(if i % 5 == 0 { dear } else { 1.0 }))).collect();
        let own = "p0".to_owned();
        for policy in policies() {
            // As downloads do: a holder that has failed is no longer a candidate.
            let mut left = all.clone();
            for _ in 0..holders {
                let candidates = Candidates { own_pid: Some(&own), all: &left };
                let chosen = policy.choose(candidates, &[], 1, &mut rng(7));
                prop_assert_eq!(chosen.len(), 1);
                left.remove(chosen[0]);
            }
            prop_assert!(left.is_empty());
        }
    }
}

#[test]
fn alto_chooses_fifty_of_many_with_cheap_numeric_pids() {
    /// A candidate as a tracker keeps it.
    struct Entry(SocketAddr, u32, f64);

    impl Candidate for Entry {
        type Pid = u32;

        fn address(&self) -> SocketAddr {
            self.0
        }

        fn cost(&self) -> Option<f64> {
            Some(self.2)
        }

        fn pid(&self) -> Option<&u32> {
            Some(&self.1)
        }
    }

    let entry = |n: u16| Entry(([127, 0, 0, 1], n).into(), u32::from(n % 40), f64::from(n % 40) + 1.0);
    let all: Vec<Entry> = (0..5000).map(entry).collect();
    // References do as well, so that a caller can leave some candidates out.
    let others: Vec<&Entry> = all.iter().skip(1).collect();
    let candidates = Candidates { own_pid: Some(&0), all: &others };
    let chosen = PolicyName::Alto.build(Shares::default()).choose(candidates, &[], 50, &mut rng(1));
    assert_eq!(chosen.len(), 50);
    assert_eq!(chosen.iter().filter(|&&i| others[i].1 == 0).count(), 35, "70 % from the own PID");
}
