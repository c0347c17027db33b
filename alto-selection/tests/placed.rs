//! Promises of the choice among candidates that are counted by place.

use std::collections::BTreeSet;

use alto_selection::{Group, Pick, PolicyName, Tier, Wanted, choose_placed};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Leecher that wants 50 peers.
const LEECHER: Wanted = Wanted { peers: 50, outside: 1, seeding: false, identity: 7 };

fn group(tier: Tier, cost: Option<f64>, seeds: u32, leechers: u32) -> Group {
    Group { seeds, leechers, tier, cost, delay: cost }
}

fn alto(groups: &[Group], wanted: &Wanted) -> Vec<Pick> {
    choose_placed(PolicyName::Alto, groups, wanted, &mut StdRng::seed_from_u64(1))
}

fn outsiders(groups: &[Group], picks: &[Pick]) -> Vec<Pick> {
    picks.iter().filter(|pick| groups[pick.group].tier == Tier::Far).copied().collect()
}

#[test]
fn the_swarm_of_two_groups_and_a_seed_between_them_stays_apart() {
    // Seen from a peer of one group: one other of its own, the seed outside, the other group further away.
    let groups =
        [group(Tier::Own, Some(2.0), 0, 1), group(Tier::Far, Some(4.0), 1, 0), group(Tier::Far, Some(6.0), 0, 2)];
    let expected = [Pick { group: 0, seed: false, index: 0 }, Pick { group: 1, seed: true, index: 0 }];
    for outside in [0, 1] {
        assert_eq!(alto(&groups, &Wanted { outside, ..LEECHER }), expected, "{outside}");
    }
    assert_eq!(alto(&groups, &Wanted { outside: 2, ..LEECHER }).len(), 3);
}

#[test]
fn free_places_are_not_filled_with_outsiders() {
    let groups =
        [group(Tier::Own, Some(1.0), 1, 2), group(Tier::Far, Some(9.0), 30, 70), group(Tier::Far, None, 0, 100)];
    for outside in [1, 3, 25] {
        let picks = alto(&groups, &Wanted { outside, ..LEECHER });
        assert_eq!((picks.len(), outsiders(&groups, &picks).len()), (3 + outside, outside));
    }
    // With a seed inside, nothing forces a peer out.
    assert_eq!(alto(&groups, &Wanted { outside: 0, ..LEECHER }).len(), 3);
}

#[test]
fn own_seeds_come_first_and_leechers_are_not_crowded_out() {
    let groups = [group(Tier::Own, Some(1.0), 200, 200), group(Tier::Near, Some(2.0), 9, 9)];
    let picks = alto(&groups, &LEECHER);
    let seeds = picks.iter().take_while(|pick| pick.seed).count();
    assert_eq!((picks.len(), seeds), (50, 25));
    assert!(picks.iter().all(|pick| pick.group == 0));
    let picks = alto(&groups, &Wanted { seeding: true, ..LEECHER });
    assert!(picks.len() == 50 && picks.iter().all(|pick| !pick.seed), "a seed has no use for seeds");
}

#[test]
fn near_places_share_by_the_root_of_their_costs() {
    let groups = [group(Tier::Near, Some(1.0), 0, 1000), group(Tier::Near, Some(4.0), 0, 1000)];
    let wanted = Wanted { peers: 30, ..LEECHER };
    let mut rng = StdRng::seed_from_u64(4);
    let cheap: usize = (0..300)
        .map(|_| choose_placed(PolicyName::Alto, &groups, &wanted, &mut rng))
        .map(|picks| picks.iter().filter(|pick| pick.group == 0).count())
        .sum();
    assert!((5800..=6200).contains(&cheap), "{cheap} of 9000, 6000 expected");
}

#[test]
fn unknown_places_are_neither_first_nor_starved() {
    let groups =
        [group(Tier::Own, Some(1.0), 1, 0), group(Tier::Far, Some(10.0), 0, 50), group(Tier::Far, None, 0, 50)];
    let mut unknown = 0;
    for identity in 0..1000 {
        let picks = alto(&groups, &Wanted { identity, outside: 2, ..LEECHER });
        let groups: Vec<usize> = picks.iter().map(|pick| pick.group).collect();
        assert!(groups.is_sorted(), "{groups:?}");
        unknown += groups.iter().filter(|group| **group == 2).count();
    }
    assert!((900..1100).contains(&unknown), "{unknown} of 2000");
}

#[test]
fn a_peer_that_asks_again_gets_the_same_outsiders_while_the_swarm_grows() {
    let of = |far: u32, identity| {
        let groups =
            [group(Tier::Own, Some(1.0), 1, 5), group(Tier::Far, Some(8.0), 0, far), group(Tier::Far, None, 0, 40)];
        outsiders(&groups, &alto(&groups, &Wanted { identity, ..LEECHER }))
    };
    let moved = (0..1000).filter(|identity| of(100, *identity) != of(101, *identity)).count();
    assert!(moved < 40, "{moved} of 1000 moved");
    let distinct: BTreeSet<Pick> = (0..1000).flat_map(|identity| of(100, identity)).collect();
    assert!(distinct.len() > 120, "{} of 140 outsiders are ever given", distinct.len());
}

#[test]
fn where_near_peers_abound_expensive_ones_are_hardly_ever_drawn_but_unknown_ones_are() {
    let groups =
        [group(Tier::Near, Some(4.0), 1, 100), group(Tier::Far, Some(400.0), 0, 100), group(Tier::Far, None, 0, 100)];
    let drawn = |groups: &[Group], place: usize| {
        let of = |identity| alto(groups, &Wanted { identity, peers: 20, ..LEECHER });
        (0..1000).flat_map(of).filter(|pick| pick.group == place).count()
    };
    let (expensive, unknown) = (drawn(&groups, 1), drawn(&groups, 2));
    assert!(expensive < 30 && (400..600).contains(&unknown), "{expensive} and {unknown} of 1000");
    // Without a seed near, pieces may be out there only, and every peer gets its outsider.
    let seedless = [group(Tier::Near, Some(4.0), 0, 100), group(Tier::Far, Some(400.0), 0, 100)];
    assert_eq!(drawn(&seedless, 1), 1000);
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let tier = prop_oneof![Just(Tier::Own), Just(Tier::Near), Just(Tier::Far)];
    let cost = prop_oneof![Just(None), Just(Some(0.0)), (0.1..1e6).prop_map(Some)];
    let group = (tier, cost.clone(), cost, 0_u32..40, 0_u32..40);
    let group = group.prop_map(|(tier, cost, delay, seeds, leechers)| Group { seeds, leechers, tier, cost, delay });
    prop::collection::vec(group, 0..12)
}

proptest! {
    #[test]
    fn every_policy_gives_as_many_distinct_peers_within_the_bounds(
        groups in groups(),
        peers in 0_usize..90,
        outside in 0_usize..30,
        seeding: bool,
        identity: u64,
    ) {
        let wanted = Wanted { peers, outside, seeding, identity };
        let mut rng = StdRng::seed_from_u64(identity);
        let mut lengths = BTreeSet::new();
        for policy in PolicyName::ALL {
            let picks = choose_placed(*policy, &groups, &wanted, &mut rng);
            let distinct: BTreeSet<Pick> = picks.iter().copied().collect();
            prop_assert_eq!(distinct.len(), picks.len());
            prop_assert!(picks.len() <= peers);
            for pick in &picks {
                let group = &groups[pick.group];
                let length = if pick.seed { group.seeds } else { group.leechers };
                prop_assert!(pick.index < length);
                prop_assert!(!(seeding && pick.seed));
            }
            lengths.insert(picks.len());
            if *policy == PolicyName::Alto {
                prop_assert!(outsiders(&groups, &picks).len() <= outside.max(1));
                let tiers: Vec<Tier> = picks.iter().map(|pick| groups[pick.group].tier).collect();
                prop_assert!(tiers.is_sorted());
                let near: Vec<f64> = picks.iter().map(|pick| &groups[pick.group]).filter(|group| group.tier == Tier::Near)
                    .map(|group| group.cost.unwrap_or(f64::INFINITY)).collect();
                prop_assert!(near.is_sorted());
            }
        }
        prop_assert!(lengths.len() == 1, "{lengths:?}");
    }

    #[test]
    fn a_seed_outside_is_given_where_none_is_inside(groups in groups(), identity: u64) {
        let wanted = Wanted { outside: 0, identity, ..LEECHER };
        let inside = groups.iter().any(|group| group.tier != Tier::Far && group.seeds > 0);
        let outside = groups.iter().any(|group| group.tier == Tier::Far && group.seeds > 0);
        let given = outsiders(&groups, &alto(&groups, &wanted));
        prop_assert_eq!(given.iter().filter(|pick| pick.seed).count(), usize::from(!inside && outside));
    }
}
