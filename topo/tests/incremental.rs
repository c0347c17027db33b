//! Incremental recomputation: a view that succeeds another after link changes equals the view computed from scratch, with
//! the same tag, and so the same costs, and the same routes.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use topo::file::Delay;
use topo::{LinkChange, Measured, Metric, Override, Route, Samples, Topology, View};

/// A link of a random network: ends, cost, delay, bandwidth, loss, directed.
type Wire = (usize, usize, u32, u32, u32, u32, bool);
/// A random change: the link, the kind of change, and a number.
type Change = (prop::sample::Index, u8, u32);

const HOSTS: usize = 5;
const SWITCHES: usize = 22;
const NODES: usize = HOSTS + SWITCHES;

fn name(node: usize) -> String {
    // Hosts sort between switches.
    if node < HOSTS { format!("n{:02}h", node * 5) } else { format!("n{:02}s", node - HOSTS) }
}

/// Links with few distinct values, so that there are many ties; sparse and dense, connected and not. With a least cost of 0,
/// routes are searched in another way than without.
fn wires() -> impl Strategy<Value = Vec<Wire>> {
    let wire = |least: u32| {
        let wire = (0..NODES, 0..NODES, least..least + 4, 0u32..3, 1u32..4, 0u32..4, prop::bool::weighted(0.2));
        wire.prop_filter("no self-loops", |wire| wire.0 != wire.1)
    };
    (0u32..2).prop_flat_map(move |least| prop::collection::vec(wire(least), 20..90))
}

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change = (any::<prop::sample::Index>(), 0u8..13, 0u32..5);
    prop::collection::vec(prop::collection::vec(change, 1..4), 1..25)
}

fn topology(wires: &[Wire]) -> Topology {
    let list = |items: Vec<String>| items.join(",");
    let hosts = (0..HOSTS).map(|i| format!("{{\"name\":\"{}\",\"ip\":\"10.0.0.{}\"}}", name(i), i + 1));
    let switches = (HOSTS..NODES).map(|i| format!("{{\"name\":\"{}\",\"dpid\":\"{i:x}\"}}", name(i)));
    let links = wires.iter().map(|(a, b, cost, delay, bandwidth, loss, directed)| {
        let ends = format!("\"source\":\"{}\",\"destination\":\"{}\"", name(*a), name(*b));
        let values = format!("\"cost\":{cost},\"delay\":{delay},\"bandwidth\":{bandwidth},\"loss\":{loss}.25");
        format!("{{{ends},{values},\"directed\":{directed}}}")
    });
    // PIDs with one switch and with several; two of them contain hosts.
    let mut pids = String::new();
    for (pid, members) in [(0, 0..1), (1, 1..4), (2, 4..5), (3, 5..11), (4, 11..12)] {
        let members: Vec<String> = members.map(|switch| format!("\"{}\"", name(HOSTS + switch))).collect();
        let prefix = if pid < 2 { format!("10.0.0.{}/31", pid * 2 + 2) } else { format!("10.{pid}.0.0/16") };
        let comma = if pid == 0 { "" } else { "," };
        write!(pids, "{comma}\"p{pid}\":{{\"switches\":[{}],\"ipv4\":[\"{prefix}\"]}}", members.join(",")).unwrap();
    }
    let json = format!(
        "{{\"name\":\"random\",\"hosts\":[{}],\"switches\":[{}],\"links\":[{}],\"pids\":{{{pids}}}}}",
        list(hosts.collect()),
        list(switches.collect()),
        list(links.collect())
    );
    Topology::from_json(json.as_bytes(), "random").unwrap()
}

/// Converts a random change into one as an operator would report it.
fn report(topology: &Topology, (link, kind, number): &Change) -> LinkChange {
    let links: Vec<_> = topology.links().collect();
    let link = links[link.index(links.len())];
    let number = f64::from(*number);
    // Parallel links need an index; changing the first of them suffices here.
    let ends = (link.source().to_string(), link.destination().to_string());
    let mut change = LinkChange { index: Some(0), ..LinkChange::of(ends.0, ends.1) };
    match kind {
        0 => change.cost = Some(Override::Set(number)),
        1 => change.cost = Some(Override::Clear),
        2 => change.up = Some(false),
        3 => change.up = Some(true),
        4 => change.delay = Some(Delay(number)),
        5 => change.bandwidth = Some(number + 1.0),
        6 => change.price = Some(number),
        7 => change.loss = Some(number * 7.0),
        8 => change.measured_loss = Some(Measured::Samples((number * 0.3).into())),
        9 => change.measured_loss = Some(Measured::Forget),
        10 => change.measured_delay = Some(Measured::Samples(Samples::Several(vec![number, 7.0, 0.1]))),
        11 => change.measured_delay = Some(Measured::Forget),
        _ => change.utilisation = Some((number / 5.0).into()),
    }
    change
}

fn paths(view: &View) -> Vec<Route> {
    view.routes().collect()
}

/// Lists all costs between hosts and between PIDs, in every metric.
fn costs(view: &View) -> Vec<Option<topo::Value>> {
    let hosts: Vec<_> = (1..=HOSTS).map(|i| view.endpoint(format!("10.0.0.{i}").parse().unwrap())).collect();
    let pids: Vec<_> = view.network_map().pids().map(|(id, _)| id).collect();
    let of = |metric: Metric| {
        let between_hosts = hosts.iter().flat_map(|a| hosts.iter().map(move |b| view.cost_between(metric, a, b)));
        let between_pids = pids.iter().flat_map(|a| pids.iter().map(move |b| view.pid_cost(metric, *a, *b)));
        between_hosts.chain(between_pids).collect::<Vec<_>>()
    };
    Metric::ALL.into_iter().flat_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn incremental_updates_equal_computing_from_scratch(wires in wires(), changes in changes()) {
        let mut view = View::compute(Arc::new(topology(&wires)));
        for batch in changes {
            let batch: Vec<LinkChange> = batch.iter().map(|change| report(view.topology(), change)).collect();
            let changed = Arc::new(view.topology().with_changes(&batch).unwrap());
            let fresh = View::compute(Arc::clone(&changed));
            let next = view.successor(changed);
            let pids: Vec<_> = next.network_map().pids().map(|(id, _)| id).collect();
            if let Some(pairs) = next.changed_pairs(&view) {
                for metric in Metric::ALL {
                    let changed: HashSet<_> = pairs.of_metric(metric).collect();
                    for (a, b) in pids.iter().flat_map(|a| pids.iter().map(move |b| (*a, *b))) {
                        let is_same = next.pid_cost(metric, a, b) == view.pid_cost(metric, a, b);
                        prop_assert!(is_same || changed.contains(&(a, b)), "{} {a:?} {b:?} after {batch:?}", metric.name());
                    }
                }
            }
            prop_assert!(next.changed_pairs(&fresh).is_none() || fresh.tag() == view.tag());
            view = next;
            prop_assert_eq!(view.tag(), fresh.tag(), "after {:?}", batch);
            prop_assert_eq!(paths(&view), paths(&fresh), "after {:?}", batch);
            prop_assert_eq!(costs(&view), costs(&fresh), "after {:?}", batch);
        }
    }
}
