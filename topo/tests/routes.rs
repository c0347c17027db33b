//! Routes and costs, compared with independent computations: `pathfinding`'s Dijkstra for least costs, and an enumeration
//! of all paths for ties.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use pathfinding::prelude::dijkstra_all;
use proptest::prelude::*;
use topo::{LinkChange, Measured, Metric, NodeName, Override, Topology, Value, View};

/// A link of a random network: ends, cost, delay, bandwidth, loss, directed, up.
type Wire = (usize, usize, u32, u32, u32, u32, bool, bool);
/// The values of a link: cost, delay, bandwidth, loss.
type Values = (u32, u32, u32, u32);

const HOSTS: usize = 4;
const NODES: usize = 10;

/// Links with few distinct values, so that there are many ties. With a least cost of 0, routes are searched in another way
/// than without.
fn wires() -> impl Strategy<Value = Vec<Wire>> {
    let loss = prop_oneof![3 => Just(0u32), 2 => 1u32..40, 1 => Just(100)];
    let (directed, up) = (prop::bool::weighted(0.3), prop::bool::weighted(0.9));
    let wire = move |least: u32| {
        let wire = (0..NODES, 0..NODES, least..least + 4, 0u32..3, 1u32..4, loss.clone(), directed, up);
        wire.prop_filter("no self-loops", |wire| wire.0 != wire.1)
    };
    (0u32..2).prop_flat_map(move |least| prop::collection::vec(wire(least), 0..30))
}

/// Names a node; the first nodes are hosts.
fn name(node: usize) -> String {
    if node < HOSTS { format!("h{node}") } else { format!("s{node}") }
}

fn topology(wires: &[Wire]) -> Topology {
    let mut json = String::from("{\"name\":\"random\",\"hosts\":[");
    let list = |items: Vec<String>| items.join(",");
    json += &list((0..HOSTS).map(|i| format!("{{\"name\":\"{}\",\"ip\":\"10.0.0.{}\"}}", name(i), i + 1)).collect());
    json += "],\"switches\":[";
    json += &list((HOSTS..NODES).map(|i| format!("{{\"name\":\"{}\",\"dpid\":\"{i:x}\"}}", name(i))).collect());
    json += "],\"links\":[";
    let wire = |(a, b, cost, delay, bandwidth, loss, directed, up): &Wire| {
        format!(
            "{{\"source\":\"{}\",\"destination\":\"{}\",\"cost\":{cost},\"delay\":{delay},\"bandwidth\":{bandwidth},\"loss\":{loss},\"directed\":{directed},\"up\":{up}}}",
            name(*a),
            name(*b)
        )
    };
    json += &list(wires.iter().map(wire).collect());
    json += "]}";
    Topology::from_json(json.as_bytes(), "random").unwrap()
}

/// Lists the directions of all links that are up: source, destination and values, in the order of the file.
fn edges(wires: &[Wire]) -> Vec<(usize, usize, Values)> {
    let up = wires.iter().filter(|wire| wire.7);
    up.flat_map(|&(a, b, cost, delay, bandwidth, loss, directed, _)| {
        let values = (cost, delay, bandwidth, loss);
        let there = (a, b, values);
        let back = (!directed).then_some((b, a, values));
        std::iter::once(there).chain(back)
    })
    .collect()
}

/// Collects every loop-free path between two hosts; hosts carry no transit traffic.
fn all_paths(best: &BTreeMap<(usize, usize), Values>, path: &mut Vec<usize>, to: usize, found: &mut Vec<Vec<usize>>) {
    let at = *path.last().unwrap();
    if at == to {
        found.push(path.clone());
        return;
    }
    if at < HOSTS && path.len() > 1 {
        return;
    }
    for next in 0..NODES {
        if best.contains_key(&(at, next)) && !path.contains(&next) {
            path.push(next);
            all_paths(best, path, to, found);
            path.pop();
        }
    }
}

/// Selects the best of parallel links: least cost, then least delay, then largest bandwidth.
fn best_links(wires: &[Wire]) -> BTreeMap<(usize, usize), Values> {
    let mut best: BTreeMap<(usize, usize), Values> = BTreeMap::new();
    for (a, b, new) in edges(wires) {
        let key = |(cost, delay, bandwidth, _): Values| (cost, delay, u32::MAX - bandwidth);
        best.entry((a, b)).and_modify(|old| *old = if key(new) < key(*old) { new } else { *old }).or_insert(new);
    }
    best
}

/// Computes the loss over links with these losses in percent; exact, because a loop-free path has few links.
fn lost(losses: impl Iterator<Item = u32>) -> Value {
    let (mut arrives, mut of) = (1u128, 1u128);
    for loss in losses {
        (arrives, of) = (arrives * u128::from(100 - loss), of * 100);
    }
    // 100 % is 100 million millionths; adding half of the divisor rounds to the nearest.
    let lost = ((of - arrives) * 100_000_000 + of / 2) / of;
    Value::from_micros(lost.try_into().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn least_costs_agree_with_pathfinding(wires in wires()) {
        let view = View::compute(Arc::new(topology(&wires)));
        let edges = edges(&wires);
        for source in 0..HOSTS {
            let successors = |&at: &usize| {
                let transit = at >= HOSTS || at == source;
                edges.iter().filter(move |edge| transit && edge.0 == at).map(|edge| (edge.1, edge.2.0)).collect::<Vec<_>>()
            };
            let reached = dijkstra_all(&source, successors);
            for destination in (0..HOSTS).filter(|&destination| destination != source) {
                let expected = reached.get(&destination).map(|(_, cost)| Value::from_integer((*cost).into()));
                let route = view.route(&name(source).parse().unwrap(), &name(destination).parse().unwrap());
                prop_assert_eq!(route.as_ref().and_then(|route| route.value(Metric::RoutingCost)), expected);
                let [a, b] = [source, destination].map(|host| view.endpoint(format!("10.0.0.{}", host + 1).parse().unwrap()));
                prop_assert_eq!(view.cost_between(Metric::RoutingCost, &a, &b), expected);
            }
        }
    }

    #[test]
    fn ties_are_broken_by_number_of_links_and_then_by_node_names(wires in wires()) {
        let view = View::compute(Arc::new(topology(&wires)));
        let best = best_links(&wires);
        for source in 0..HOSTS {
            for destination in (0..HOSTS).filter(|&destination| destination != source) {
                let mut paths = Vec::new();
                all_paths(&best, &mut vec![source], destination, &mut paths);
                let links = |path: &[usize]| path.windows(2).map(|pair| best[&(pair[0], pair[1])]).collect::<Vec<_>>();
                let names = |path: &[usize]| path.iter().map(|node| name(*node)).collect::<Vec<_>>();
                let expected = paths.into_iter().min_by_key(|path| {
                    (links(path).iter().map(|link| link.0).sum::<u32>(), path.len(), names(path))
                });
                let route = view.route(&name(source).parse().unwrap(), &name(destination).parse().unwrap());
                let Some(expected) = expected else {
                    prop_assert!(route.is_none());
                    continue;
                };
                let route = route.unwrap();
                let found: Vec<String> = route.nodes().iter().map(ToString::to_string).collect();
                prop_assert_eq!(&found, &names(&expected));
                let links = links(&expected);
                // The route names the links whose values it has, even among parallel links.
                let taken = route.links().iter().map(|place| &wires[*place as usize]);
                prop_assert_eq!(taken.clone().map(|wire| (wire.2, wire.3, wire.4, wire.5)).collect::<Vec<_>>(), links.clone());
                for (wire, ends) in taken.zip(expected.windows(2)) {
                    prop_assert!(wire.7 && ((wire.0, wire.1) == (ends[0], ends[1]) || (!wire.6 && (wire.1, wire.0) == (ends[0], ends[1]))));
                }
                let delay = u64::from(links.iter().map(|link| link.1).sum::<u32>()) * 1000;
                let narrowest = u64::from(links.iter().map(|link| link.2).min().unwrap()) * 125_000;
                prop_assert_eq!(route.value(Metric::HopCount), Some(Value::from_integer(links.len() as u64)));
                prop_assert_eq!(route.value(Metric::DelayOneWay), Some(Value::from_integer(delay)));
                prop_assert_eq!(route.value(Metric::LossRate), Some(lost(links.iter().map(|link| link.3))));
                prop_assert_eq!(route.value(Metric::ResidualBandwidth), Some(Value::from_integer(narrowest)));
                prop_assert_eq!(route.value(Metric::AvailableBandwidth), Some(Value::from_integer(narrowest)));
                // The first alternative has as many nodes as the route.
                let first = &view.alternatives(&found[0].parse().unwrap(), &found[found.len() - 1].parse().unwrap(), 3)[0];
                prop_assert_eq!(first.len(), found.len());
            }
        }
    }

    #[test]
    fn the_round_trip_delay_is_the_sum_of_both_one_way_delays(wires in wires()) {
        let view = View::compute(Arc::new(topology(&wires)));
        let endpoints: Vec<_> = (1..=HOSTS).map(|i| view.endpoint(format!("10.0.0.{i}").parse().unwrap())).collect();
        let sum = |there: Option<Value>, back: Option<Value>| Some(there?.plus(back?));
        for (a, b) in endpoints.iter().flat_map(|a| endpoints.iter().map(move |b| (a, b))) {
            let one_way = |a, b| view.cost_between(Metric::DelayOneWay, a, b);
            let expected = sum(one_way(a, b), one_way(b, a));
            prop_assert_eq!(view.cost_between(Metric::DelayRoundTrip, a, b), expected);
            prop_assert_eq!(view.cost_between(Metric::DelayRoundTrip, b, a), expected);
        }
        for (a, _) in view.network_map().pids() {
            for (b, _) in view.network_map().pids() {
                let one_way = |a, b| view.pid_cost(Metric::DelayOneWay, a, b);
                prop_assert_eq!(view.pid_cost(Metric::DelayRoundTrip, a, b), sum(one_way(a, b), one_way(b, a)));
            }
        }
    }

    #[test]
    fn measured_values_do_not_change_routes(wires in wires(), picks in prop::collection::vec((any::<prop::sample::Index>(), 0u32..9, 0u32..100), 1..5)) {
        if wires.is_empty() {
            return Ok(());
        }
        let view = View::compute(Arc::new(topology(&wires)));
        let changes: Vec<LinkChange> = picks.iter().map(|(pick, delay, loss)| {
            let wire = pick.get(&wires);
            LinkChange {
                index: Some(0),
                measured_delay: Some(Measured::Samples(f64::from(*delay).into())),
                measured_loss: Some(Measured::Samples(f64::from(*loss).into())),
                ..LinkChange::of(name(wire.0), name(wire.1))
            }
        }).collect();
        let measured = view.successor(Arc::new(view.topology().with_changes(&changes).unwrap()));
        prop_assert!(measured.is_measured(Metric::LossRate) && measured.is_measured(Metric::DelayRoundTrip));
        prop_assert!(!measured.is_measured(Metric::AvailableBandwidth) && !view.is_measured(Metric::LossRate));
        for (before, after) in view.routes().zip(measured.routes()) {
            prop_assert_eq!((before.nodes(), before.links()), (after.nodes(), after.links()));
            for metric in [Metric::RoutingCost, Metric::HopCount, Metric::ResidualBandwidth, Metric::AvailableBandwidth] {
                prop_assert_eq!(before.value(metric), after.value(metric));
            }
            let links: Vec<_> = measured.topology().links().collect();
            let losses = after.links().iter().map(|place| links[*place as usize].loss());
            let arrives: f64 = losses.map(|loss| 1.0 - loss / 100.0).product();
            let loss = after.value(Metric::LossRate).unwrap().as_f64();
            prop_assert!((loss - 100.0 * (1.0 - arrives)).abs() < 1e-6, "{loss} is not that of {arrives}");
        }
        prop_assert_eq!(view.routes().count(), measured.routes().count());
        let forget = |change: &LinkChange| LinkChange {
            index: Some(0),
            measured_delay: Some(Measured::Forget),
            measured_loss: Some(Measured::Forget),
            ..LinkChange::of(&change.source, &change.destination)
        };
        let forgotten: Vec<LinkChange> = changes.iter().map(forget).collect();
        let back = measured.successor(Arc::new(measured.topology().with_changes(&forgotten).unwrap()));
        prop_assert_eq!(back.tag(), view.tag());
    }

    #[test]
    fn equal_tags_mean_equal_content_and_the_same_file_has_the_same_tag(a in wires(), b in wires()) {
        let content = |view: &View| {
            let mut text = String::new();
            for metric in Metric::ALL {
                for (source, _) in view.network_map().pids() {
                    for (destination, _) in view.network_map().pids() {
                        write!(text, "{:?};", view.pid_cost(metric, source, destination)).unwrap();
                    }
                }
                for i in 1..=HOSTS {
                    for j in 1..=HOSTS {
                        let [a, b] = [i, j].map(|i| view.endpoint(format!("10.0.0.{i}").parse().unwrap()));
                        write!(text, "{:?},", view.cost_between(metric, &a, &b)).unwrap();
                    }
                }
            }
            for (_, pid) in view.network_map().pids() {
                write!(text, "{pid:?}").unwrap();
            }
            text
        };
        let reversed: Vec<Wire> = a.iter().rev().copied().collect();
        let [once, again] = [&a, &a].map(|wires| View::compute(Arc::new(topology(wires))));
        prop_assert_eq!(once.tag(), again.tag());
        let views = [a, b, reversed].map(|wires| View::compute(Arc::new(topology(&wires))));
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let (one, other) = (&views[one], &views[other]);
            prop_assert!(one.tag() != other.tag() || content(one) == content(other));
            let maps: Vec<Vec<_>> = [one, other].map(|view| view.network_map().pids().map(|(_, pid)| pid.clone()).collect()).into();
            prop_assert_eq!(one.network_map().tag() == other.network_map().tag(), maps[0] == maps[1]);
        }
    }

    #[test]
    fn changing_a_link_equals_changing_the_file(wires in wires(), cost in 0u32..5, loss in 0u32..101, up in any::<bool>()) {
        // Parallel links need an index; the first link has index 0.
        let Some(first) = wires.first().copied() else { return Ok(()) };
        let change = LinkChange {
            index: Some(0),
            up: Some(up),
            cost: Some(Override::Set(cost.into())),
            loss: Some(loss.into()),
            ..LinkChange::of(name(first.0), name(first.1))
        };
        let mut edited = wires.clone();
        (edited[0].2, edited[0].5) = (cost, loss);
        edited[0].7 = up;
        let view = View::compute(Arc::new(topology(&wires)));
        let changed = view.successor(Arc::new(view.topology().with_changes(&[change]).unwrap()));
        let expected = View::compute(Arc::new(topology(&edited)));
        prop_assert_eq!(changed.tag(), expected.tag());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Topology::from_json(&bytes, "bytes").is_err());
    }

    #[test]
    fn a_damaged_file_never_panics(place in 0usize..3000, byte in any::<u8>()) {
        let mut bytes = include_bytes!("../data/two-isps.json").to_vec();
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(topology) = Topology::from_json(&bytes, "damaged") {
            View::compute(Arc::new(topology));
        }
    }
}

#[test]
fn a_price_changes_costs_but_not_routes() {
    // A ring of three switches in which each link costs 1 and one link may have a price.
    let ring = |price: &str| {
        let text = format!(
            r#"{{"name":"ring","hosts":[{{"name":"h1","ip":"10.0.0.1"}},{{"name":"h2","ip":"10.0.0.2"}}],
            "switches":[{{"name":"a","dpid":"1"}},{{"name":"b","dpid":"2"}},{{"name":"c","dpid":"3"}}],
            "links":[{{"source":"h1","destination":"a","bandwidth":1,"delay":0,"cost":1}},
            {{"source":"h2","destination":"b","bandwidth":1,"delay":0,"cost":1}},
            {{"source":"a","destination":"b","bandwidth":1,"delay":0,"cost":1{price}}},
            {{"source":"b","destination":"c","bandwidth":1,"delay":0,"cost":1}},
            {{"source":"c","destination":"a","bandwidth":1,"delay":0,"cost":1}}]}}"#
        );
        View::compute(Arc::new(Topology::from_json(text.as_bytes(), "ring").unwrap()))
    };
    let (plain, priced) = (ring(""), ring(",\"price\":100"));
    let [h1, h2]: [NodeName; 2] = ["h1", "h2"].map(|name| name.parse().unwrap());
    let (before, after) = (plain.route(&h1, &h2).unwrap(), priced.route(&h1, &h2).unwrap());
    assert_eq!(after.nodes(), before.nodes(), "the route stays the same");
    assert_eq!(before.value(Metric::RoutingCost), Some(Value::from_integer(3)));
    assert_eq!(after.value(Metric::RoutingCost), Some(Value::from_integer(103)));
    assert_eq!(after.value(Metric::HopCount), Some(Value::from_integer(3)));
    assert_ne!(plain.tag(), priced.tag());
    let change = r#"{"source":"b","destination":"a","price":100}"#;
    let change: LinkChange = serde_json::from_str(change).unwrap();
    let changed = plain.successor(Arc::new(plain.topology().with_changes(&[change]).unwrap()));
    assert_eq!(changed.tag(), priced.tag(), "a reported price equals one in the file");
}

#[test]
fn node_names_are_ordered_as_text() {
    let names: Vec<NodeName> = ["s10", "s2"].map(|name| name.parse().unwrap()).into();
    assert!(names[0] < names[1]);
}

/// A network of routers only, as importers make it: routes between switches, and between PIDs at the nearest of theirs.
#[test]
fn networks_without_hosts_have_routes_between_switches_and_pids() {
    let link = |a: &str, b: &str, cost: u32| {
        format!(r#"{{"source": "{a}", "destination": "{b}", "bandwidth": 10, "delay": 1, "cost": {cost}}}"#)
    };
    let links = [link("a", "b", 1), link("b", "c", 1), link("a", "c", 5), link("c", "d", 1)].join(",");
    let switches = ["a", "b", "c", "d", "e"].map(|name| format!(r#"{{"name": "{name}"}}"#)).join(",");
    let json = format!(
        r#"{{"name": "n", "switches": [{switches}], "links": [{links}], "pids": {{"west": {{"switches": ["a"],
        "ipv4": ["10.1.0.0/16"]}}, "east": {{"switches": ["c", "d"], "ipv4": ["10.2.0.0/16"]}}}}}}"#
    );
    let view = View::compute(Arc::new(Topology::from_json(json.as_bytes(), "test").unwrap()));
    assert_eq!(view.routes().count(), 0);
    let text = |route: &topo::Route| route.nodes().iter().map(ToString::to_string).collect::<String>();
    let mut switch_routes: Vec<String> = view.switch_routes().map(|route| text(&route)).collect();
    switch_routes.sort();
    // Nothing leads to e.
    let all = ["ab", "abc", "abcd", "ba", "bc", "bcd", "cb", "cba", "cd", "dc", "dcb", "dcba"];
    assert_eq!(switch_routes, all);
    let name = |pid| view.network_map().pid(pid).name().to_string();
    let pid_routes: Vec<_> = view
        .pid_routes()
        .map(|(source, destination, route)| {
            let cost = route.value(Metric::RoutingCost).unwrap().as_f64();
            (name(source), name(destination), text(&route), route.links().to_vec(), cost)
        })
        .collect();
    let (east, west) = (|| "east".to_owned(), || "west".to_owned());
    let expected =
        [(west(), east(), "abc".to_owned(), vec![0, 1], 2.0), (east(), west(), "cba".to_owned(), vec![1, 0], 2.0)];
    assert_eq!(pid_routes, expected);
}
