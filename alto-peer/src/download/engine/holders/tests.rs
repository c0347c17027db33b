use std::collections::BTreeSet;

use alto_types::swarm::{FileId, PeerId};

use super::*;
use crate::download::cancel::Cancel;
use crate::download::interval::Interval;

const PIECES: usize = 8;

fn source(last: u8) -> SocketAddr {
    ([127, 0, 0, last], 1).into()
}

fn listing(last: u8, complete: bool) -> Listing {
    let (address, port) = (source(last).ip(), source(last).port());
    let manifest = FileId::from_digest([1; 32]);
    Listing { peer: PeerId(last.to_string()), name: last.to_string(), address, port, manifest, complete }
}

fn holders(listed: &[Listing]) -> Holders {
    let mut holders = Holders::new(PIECES, Metrics::default());
    holders.list(listed, |_| false);
    holders
}

fn appoint(holders: &mut Holders, chosen: &[u8]) -> bool {
    holders.appoint(&chosen.iter().map(|last| source(*last)).collect::<BTreeSet<_>>())
}

fn some(hex: &str) -> Bitfield {
    Bitfield::from_hex(PIECES, hex).unwrap()
}

fn known(holders: &Holders) -> Vec<SocketAddr> {
    holders.iter().map(|holder| holder.source).collect()
}

#[test]
fn rarity_counts_the_pieces_of_incomplete_neighbours() {
    let mut holders = holders(&[listing(1, false), listing(2, false), listing(3, true)]);
    holders.set_pieces(source(1), some("c0"));
    assert_eq!(holders.rarity(), [0; PIECES], "nobody is a neighbour yet");
    assert!(appoint(&mut holders, &[1, 2, 3]) && !appoint(&mut holders, &[1, 2, 3]));
    assert_eq!(holders.rarity(), [1, 1, 0, 0, 0, 0, 0, 0]);
    holders.set_pieces(source(2), some("60"));
    assert_eq!(holders.rarity(), [1, 2, 1, 0, 0, 0, 0, 0]);
    holders.set_pieces(source(2), some("ff"));
    assert_eq!(holders.rarity(), [1, 1, 0, 0, 0, 0, 0, 0], "a complete holder does not count");
    assert!(holders.ban(source(1)) && !holders.ban(source(1)));
    assert_eq!(holders.rarity(), [0; PIECES]);
    assert!(!appoint(&mut holders, &[2, 3]), "the banned one has lost its place");
}

#[test]
fn a_piece_is_common_once_most_neighbours_that_send_have_it() {
    let mut holders = holders(&[1, 2, 3, 4, 5, 6].map(|last| listing(last, last == 6)));
    appoint(&mut holders, &[1, 2, 3, 4, 5, 6]);
    for (last, have) in [(1, "c0"), (2, "c0"), (3, "80"), (4, "00"), (5, "40")] {
        holders.set_pieces(source(last), some(have));
    }
    for (sender, is_common) in [(6, false), (1, false), (2, false), (3, false), (4, true)] {
        holders.get_mut(source(sender)).unwrap().contribution.pieces = 1;
        assert_eq!(holders.is_common(0), is_common, "{ENOUGH} with a part of the file are enough");
    }
    assert!(!holders.is_common(1), "half of them, and one that has sent nothing");
}

#[test]
fn unlisted_holders_are_forgotten_unless_they_are_of_use_or_banned() {
    let mut holders = holders(&[1, 2, 3, 4].map(|last| listing(last, true)));
    appoint(&mut holders, &[1]);
    holders.ban(source(2));
    assert!(holders.list(&[], |at| at == source(3)).is_empty());
    assert_eq!(known(&holders), [source(1), source(2), source(3)]);
    assert_eq!(holders.list(&[listing(4, true), listing(1, true)], |_| false), [source(4)]);
    assert_eq!(known(&holders), [source(1), source(2), source(4)]);
    let now = Instant::now();
    assert_eq!(holders.candidates(now).iter().map(|holder| holder.source).collect::<Vec<_>>(), [source(1), source(4)]);
}

#[test]
fn a_neighbour_that_fails_loses_its_place_and_one_that_refuses_keeps_it() {
    let (mut holders, now) = (holders(&[listing(1, true), listing(2, true)]), Instant::now());
    appoint(&mut holders, &[1, 2]);
    assert!(holders.failed(source(1), 1, now) && !holders.failed(source(1), 1, now), "one failure");
    assert!(holders.refused(source(2), Duration::from_secs(5), now));
    assert_eq!(holders.neighbours().map(|holder| holder.source).collect::<Vec<_>>(), [source(2)]);
    assert_eq!(holders.eligible(now), 0);
    assert_eq!(holders.candidates(now).len(), 1, "only to keep its place");
    assert_eq!(holders.eligible(now + Duration::from_secs(5)), 2);
}

#[test]
fn only_incomplete_neighbours_are_followed_until_they_are_complete() {
    let (mut holders, now) = (holders(&[listing(1, false), listing(2, true), listing(3, false)]), Instant::now());
    appoint(&mut holders, &[1, 2]);
    assert_eq!(holders.to_follow(now), [source(1)]);
    let following = Following { cancel: Cancel::default(), interval: Interval::new(Duration::ZERO) };
    holders.set_following(source(1), Some(following.clone()));
    assert!(holders.to_follow(now).is_empty() && holders.followings().count() == 1);
    holders.set_pieces(source(1), some("ff"));
    assert!(following.cancel.is_cancelled() && holders.followings().count() == 0);
    assert!(!holders.are_all_complete(), "the third is listed");
}

#[test]
fn the_longest_idle_neighbour_is_parked_and_can_return_later() {
    let (mut holders, now) = (holders(&[1, 2, 3].map(|last| listing(last, false))), Instant::now());
    (1..=3).for_each(|last| holders.set_pieces(source(last), some("80")));
    appoint(&mut holders, &[1, 2]);
    let park = |holders: &mut Holders, now| holders.park_idle(|at| at == source(2), |_| false, false, now);
    assert!(!park(&mut holders, now) && !park(&mut holders, now + IDLE / 2));
    assert!(park(&mut holders, now + IDLE), "the third can have the place");
    assert_eq!(holders.neighbours().map(|holder| holder.source).collect::<Vec<_>>(), [source(2)]);
    let parked = |holders: &Holders, now| holders.get(source(1)).unwrap().is_parked(now);
    assert!(parked(&holders, now + IDLE) && !parked(&holders, now + IDLE + PARKED));
    assert_eq!(holders.candidates(now + IDLE).len(), 2);
}

#[test]
fn costs_are_noteworthy_when_they_change_by_a_tenth() {
    let mut holders = holders(&[listing(1, true), listing(2, true)]);
    let view = |cost: f64| CostView {
        costs: [(source(1).ip(), vec![Some(cost)])].into(),
        asked: [source(1).ip()].into(),
        ..CostView::default()
    };
    let change = holders.set_costs(view(10.0));
    assert_eq!(change, CostChange { useful: true, reselect: Scope::FreePlaces, incomplete: true });
    assert_eq!(holders.get(source(1)).unwrap().rating, Some(10.0));
    assert_eq!(holders.set_costs(view(10.5)).reselect, Scope::Nothing);
    assert_eq!(holders.set_costs(view(20.0)).reselect, Scope::All);
    let change = holders.set_costs(CostView::default());
    assert!(change.reselect == Scope::All && !change.useful, "it has no cost any more");
}

#[test]
fn a_neighbour_that_refuses_makes_room_for_a_holder_without_a_place() {
    let (mut holders, now) = (holders(&[1, 2, 3].map(|last| listing(last, false))), Instant::now());
    let places = |holders: &Holders| holders.neighbours().map(|holder| holder.source).collect::<Vec<_>>();
    appoint(&mut holders, &[1, 2]);
    holders.make_room(source(1), now);
    assert_eq!(places(&holders), [source(2)]);
    assert_eq!(holders.candidates(now).len(), 2, "it gets no place for a while");
    appoint(&mut holders, &[2, 3]);
    holders.make_room(source(2), now);
    assert_eq!(places(&holders), [source(2), source(3)], "the only other one has just made room");
    holders.make_room(source(2), now + PARKED);
    assert_eq!(places(&holders), [source(3)]);
}

#[test]
fn the_only_holder_of_the_whole_file_keeps_its_place_though_it_refuses() {
    let listed = [listing(1, true), listing(2, false), listing(3, false)];
    let (mut holders, now) = (holders(&listed), Instant::now());
    appoint(&mut holders, &[1, 2]);
    holders.make_room(source(1), now);
    assert_eq!(holders.neighbours().count(), 2);
    holders.list(&[listed[0].clone(), listed[1].clone(), listing(3, true)], |_| false);
    holders.make_room(source(1), now);
    assert_eq!(holders.neighbours().count(), 1, "another one has everything, too");
}
