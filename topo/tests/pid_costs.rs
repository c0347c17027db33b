//! Costs of PIDs: means over the ordered pairs of distinct hosts, computed here pair by pair, on random topologies and on
//! all that ship.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use topo::{Metric, NodeName, Topology, View};

/// A link between two switches: ends, cost, price, delay, bandwidth, loss, directed.
type Wire = (usize, usize, u32, u32, u32, u32, u32, bool);
/// A host: the switches it is linked to, cost and bandwidth of its links, and the PIDs of its addresses.
type Home = (Vec<usize>, u32, u32, Vec<usize>);

const SWITCHES: usize = 7;
const PIDS: usize = 4;

fn wires() -> impl Strategy<Value = Vec<Wire>> {
    let directed = prop::bool::weighted(0.2);
    let wire = (0..SWITCHES, 0..SWITCHES, 0u32..5, 0u32..3, 0u32..4, 1u32..5, 0u32..3, directed);
    prop::collection::vec(wire.prop_filter("no self-loops", |wire| wire.0 != wire.1), 3..16)
}

fn homes(switches: usize) -> impl Strategy<Value = Vec<Home>> {
    let at = prop::collection::vec(0..SWITCHES, 0..=switches);
    let pids = prop::collection::vec(0..PIDS, 1..=2);
    prop::collection::vec((at, 1u32..5, 1u32..6, pids), 0..8)
}

/// Switches of each PID; a switch may be in several.
fn entries() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let switches = prop::collection::btree_set(0..SWITCHES, 0..4).prop_map(|set| set.into_iter().collect());
    prop::collection::vec(switches, PIDS)
}

/// Builds the topology. `neighbours` is whether the first two hosts are linked to each other.
fn topology(wires: &[Wire], homes: &[Home], entries: &[Vec<usize>], neighbours: bool) -> Topology {
    let address = |host: usize, place: usize| format!("10.{host}.{place}.1");
    let mut links: Vec<String> = wires
        .iter()
        .map(|(a, b, cost, price, delay, bandwidth, loss, directed)| {
            format!(
                r#"{{"source":"s{a}","destination":"s{b}","cost":{cost},"price":{price},"delay":{delay},"bandwidth":{bandwidth},"loss":{loss},"directed":{directed}}}"#
            )
        })
        .collect();
    let mut prefixes: Vec<Vec<String>> = vec![Vec::new(); PIDS];
    let mut hosts = Vec::new();
    for (host, (at, cost, bandwidth, pids)) in homes.iter().enumerate() {
        for (nth, switch) in at.iter().enumerate() {
            links.push(format!(
                r#"{{"source":"h{host}","destination":"s{switch}","cost":{},"delay":{cost},"bandwidth":{bandwidth},"loss":{nth}}}"#,
                *cost as usize + nth
            ));
        }
        let ips: Vec<String> = (0..pids.len()).map(|place| format!("{:?}", address(host, place))).collect();
        hosts.push(format!(r#"{{"name":"h{host}","ips":[{}]}}"#, ips.join(",")));
        for (place, pid) in pids.iter().enumerate() {
            prefixes[*pid].push(format!("\"{}/32\"", address(host, place)));
        }
    }
    if neighbours && homes.len() > 1 {
        links.push(r#"{"source":"h0","destination":"h1","cost":1,"delay":1,"bandwidth":1}"#.to_owned());
    }
    let switches: Vec<String> = (0..SWITCHES).map(|i| format!(r#"{{"name":"s{i}","hop":{}}}"#, i != 3)).collect();
    let pids: Vec<String> = (0..PIDS)
        .map(|pid| {
            let names: Vec<String> = entries[pid].iter().map(|switch| format!("\"s{switch}\"")).collect();
            format!(r#""p{pid}":{{"switches":[{}],"ipv4":[{}]}}"#, names.join(","), prefixes[pid].join(","))
        })
        .collect();
    let json = format!(
        r#"{{"name":"random","hosts":[{}],"switches":[{}],"links":[{}],"pids":{{{}}}}}"#,
        hosts.join(","),
        switches.join(","),
        links.join(","),
        pids.join(",")
    );
    Topology::from_json(json.as_bytes(), "random").unwrap()
}

/// Lists the hosts of each PID by name, with an address.
fn members(view: &View) -> Vec<Vec<(NodeName, std::net::IpAddr)>> {
    let mut members = vec![Vec::new(); view.network_map().len()];
    for host in view.topology().hosts() {
        let mut pids: Vec<_> =
            host.addresses().iter().filter_map(|address| view.network_map().lookup(*address)).collect();
        pids.sort_unstable();
        pids.dedup();
        for pid in pids {
            members[pid.0 as usize].push((host.name().clone(), host.addresses()[0]));
        }
    }
    members
}

/// Compares every cost between PIDs with hosts with the mean of the costs between their hosts.
fn check(view: &View) -> Result<(), TestCaseError> {
    let members = members(view);
    for (a, _) in view.network_map().pids() {
        for (b, _) in view.network_map().pids() {
            let [from, into] = [a, b].map(|pid| &members[pid.0 as usize]);
            let pairs: Vec<_> =
                from.iter().flat_map(|a| into.iter().map(move |b| (a, b))).filter(|(a, b)| a.0 != b.0).collect();
            if pairs.is_empty() {
                continue;
            }
            for (metric, tolerance) in
                [(Metric::RoutingCost, 1e-6), (Metric::DelayOneWay, 1e-6), (Metric::HopCount, 0.5 + 1e-9)]
            {
                let costs: Vec<f64> = pairs
                    .iter()
                    .filter_map(|(a, b)| view.cost_between(metric, &view.endpoint(a.1), &view.endpoint(b.1)))
                    .map(topo::Value::as_f64)
                    .collect();
                let found = view.pid_cost(metric, a, b).map(topo::Value::as_f64);
                prop_assert_eq!(found.is_none(), costs.is_empty());
                let Some(found) = found else { continue };
                #[expect(clippy::cast_precision_loss, reason = "a few hosts")]
                let mean = costs.iter().sum::<f64>() / costs.len() as f64;
                prop_assert!((found - mean).abs() <= tolerance, "{metric:?} from {a:?} to {b:?}: {found}, not {mean}");
            }
        }
    }
    Ok(())
}

/// Returns the value in the middle, the lower one of two.
fn lower_median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn costs_between_pids_are_means_of_costs_between_hosts(
        wires in wires(), homes in homes(3), entries in entries(), neighbours in prop::bool::weighted(0.2),
    ) {
        check(&View::compute(Arc::new(topology(&wires, &homes, &entries, neighbours))))?;
    }

    #[test]
    fn bandwidths_between_pids_are_the_smallest_of_the_medians_of_the_parts(
        wires in wires(), homes in homes(1), entries in entries(),
    ) {
        let view = View::compute(Arc::new(topology(&wires, &homes, &entries, false)));
        let members = members(&view);
        let links: Vec<_> = view.topology().links().collect();
        let bytes = |place: u32| links[place as usize].bandwidth() * 125_000.0;
        // Of the link of a host, if it has one; both directions are alike.
        let access = |host: &NodeName| links.iter().find(|link| link.source() == host).map(|link| link.bandwidth() * 125_000.0);
        for (a, _) in view.network_map().pids() {
            for (b, _) in view.network_map().pids() {
                let [from, into] = [a, b].map(|pid| &members[pid.0 as usize]);
                let pairs = from.iter().flat_map(|a| into.iter().map(move |b| (a, b))).filter(|(a, b)| a.0 != b.0);
                let ways: Vec<f64> = pairs
                    .filter_map(|(a, b)| view.route(&a.0, &b.0))
                    .map(|route| {
                        let core = &route.links()[1..route.links().len() - 1];
                        core.iter().map(|place| bytes(*place)).fold(f64::INFINITY, f64::min)
                    })
                    .collect();
                let Some(core) = lower_median(ways) else { continue };
                let part = |hosts: &Vec<(NodeName, _)>| lower_median(hosts.iter().filter_map(|host| access(&host.0)).collect());
                let expected = [Some(core), part(from), part(into)].into_iter().flatten().fold(f64::INFINITY, f64::min);
                for metric in [Metric::ResidualBandwidth, Metric::AvailableBandwidth] {
                    prop_assert_eq!(view.pid_cost(metric, a, b).map(topo::Value::as_f64), Some(expected));
                }
            }
        }
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if std::fs::read_to_string(&path).unwrap().contains("\"switches\": [")
            && !path.to_string_lossy().contains("schema")
        {
            found.push(path);
        }
    }
}

#[test]
fn the_costs_of_every_topology_that_ships_are_means() {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data"), &mut found);
    assert!(found.len() >= 8, "{found:?}");
    for path in found {
        let topology = Topology::from_path(&path).unwrap();
        check(&View::compute(Arc::new(topology))).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// A line of three switches: two hosts at the first, one at the second, none at the third.
const LINE: &str = r#"{"name":"line","hosts":[{"name":"h1","ip":"10.1.0.1"},{"name":"h2","ip":"10.1.0.2"},{"name":"h3","ip":"10.2.0.1"}],
    "switches":[{"name":"s1"},{"name":"s2"},{"name":"s3"}],
    "links":[{"source":"h1","destination":"s1","bandwidth":10,"delay":1,"cost":1,"loss":10},
        {"source":"h2","destination":"s1","bandwidth":20,"delay":1,"cost":3},
        {"source":"h3","destination":"s2","bandwidth":40,"delay":1,"cost":5},
        {"source":"s1","destination":"s2","bandwidth":100,"delay":1,"cost":10},
        {"source":"s2","destination":"s3","bandwidth":100,"delay":1,"cost":20}],
    "pids":{"a":{"switches":["s1"],"ipv4":["10.1.0.0/16"]},"b":{"switches":["s2"],"ipv4":["10.2.0.0/16"]},
        "c":{"switches":["s3","s2"],"ipv4":["10.3.0.0/16"]},"d":{"switches":["s3"],"ipv4":["10.4.0.0/16"]}}}"#;

fn cost(view: &View, metric: Metric, from: &str, into: &str) -> Option<f64> {
    let [from, into] = [from, into].map(|name| view.network_map().id(name).unwrap());
    view.pid_cost(metric, from, into).map(topo::Value::as_f64)
}

#[test]
fn a_pid_without_hosts_is_a_typical_host_at_its_nearest_switch() {
    let view = View::compute(Arc::new(Topology::from_json(LINE.as_bytes(), "line").unwrap()));
    let routing = |from, into| cost(&view, Metric::RoutingCost, from, into);
    // Within a: (1 + 3) both ways. From a to b: 2 out on average, 10, 5 in.
    assert_eq!([routing("a", "a"), routing("a", "b"), routing("b", "a")], [Some(4.0), Some(17.0), Some(17.0)]);
    // One host: its access out and in.
    assert_eq!(routing("b", "b"), Some(10.0));
    // The access of the typical host costs (1 + 3 + 5) / 3 = 3. The nearest switch of c is s2 from a, and s3 from d.
    assert_eq!([routing("a", "c"), routing("c", "a"), routing("c", "c")], [Some(15.0), Some(15.0), Some(6.0)]);
    assert_eq!([routing("a", "d"), routing("c", "d"), routing("d", "d")], [Some(35.0), Some(6.0), Some(6.0)]);
    assert_eq!([routing("default", "a"), routing("a", "default"), routing("default", "default")], [None; 3]);
    let hops = |from, into| cost(&view, Metric::HopCount, from, into);
    assert_eq!(
        [hops("a", "a"), hops("a", "b"), hops("d", "d"), hops("a", "d")],
        [Some(2.0), Some(3.0), Some(2.0), Some(4.0)]
    );
    // Medians: 10 out of 10 and 20; 100 between the switches; 20 of 10, 20 and 40 for the typical host.
    let bandwidth = |from, into| cost(&view, Metric::ResidualBandwidth, from, into).map(|bytes| bytes / 125_000.0);
    assert_eq!([bandwidth("a", "b"), bandwidth("b", "d"), bandwidth("d", "d")], [Some(10.0), Some(20.0), Some(20.0)]);
    // 5 % are lost on average on the way out of a, and nothing elsewhere.
    assert_eq!(cost(&view, Metric::LossRate, "a", "b"), Some(5.0));
}

#[test]
fn costs_into_a_place_are_those_between_two_places() {
    // Two views, so that neither remembers what the other computed.
    let [one, other] = [(); 2].map(|()| View::compute(Arc::new(Topology::from_json(LINE.as_bytes(), "line").unwrap())));
    let addresses =
        ["10.1.0.1", "10.1.9.9", "10.2.0.1", "10.2.9.9", "10.3.9.9", "10.4.0.1", "192.0.2.1", "2001:db8::1"];
    let endpoints: Vec<_> = addresses.map(|address| one.endpoint(address.parse().unwrap())).into();
    let mut defined = 0;
    for metric in Metric::ALL {
        for into in &endpoints {
            let costs = one.costs_into(metric, into);
            for from in &endpoints {
                assert_eq!(costs.from(from), other.cost_between(metric, from, into), "{metric:?} {from:?} {into:?}");
                defined += usize::from(costs.from(from).is_some());
            }
        }
        for (into, _) in one.network_map().pids() {
            let costs = one.costs_into_pid(metric, into);
            for (from, _) in one.network_map().pids() {
                assert_eq!(costs.from(from), other.pid_cost(metric, from, into), "{metric:?} {from:?} {into:?}");
            }
        }
    }
    assert!(defined > endpoints.len() * Metric::ALL.len());
}

#[test]
fn an_address_that_is_no_host_stands_for_the_hosts_of_its_pid() {
    let view = View::compute(Arc::new(Topology::from_json(LINE.as_bytes(), "line").unwrap()));
    let between = |from: &str, into: &str| {
        let [from, into] = [from, into].map(|address| view.endpoint(address.parse().unwrap()));
        view.cost_between(Metric::RoutingCost, &from, &into).map(topo::Value::as_f64)
    };
    assert_eq!(between("10.1.0.1", "10.2.0.1"), Some(16.0), "two hosts");
    assert_eq!(between("10.1.0.1", "10.2.9.9"), Some(16.0), "a host and the only host of the other PID");
    assert_eq!(between("10.2.0.1", "10.1.9.9"), Some(17.0), "a host and the mean of two");
    assert_eq!(between("10.1.9.9", "10.2.0.1"), Some(17.0), "the other way");
    assert_eq!(between("10.1.0.1", "10.1.9.9"), Some(4.0), "within its own PID, the other host");
    assert_eq!(between("10.2.0.1", "10.2.9.9"), Some(10.0), "the only host of its PID");
    assert_eq!(between("10.1.9.9", "10.2.9.9"), Some(17.0), "the PIDs");
    assert_eq!(between("10.1.0.2", "10.4.9.9"), Some(36.0), "3 out, 30, and 3 into the typical host");
    assert_eq!(between("10.1.0.2", "192.0.2.1"), None, "default has no switches");
}

#[test]
fn measurements_do_not_change_the_typical_host() {
    let view = View::compute(Arc::new(
        Topology::from_json(LINE.replace(",\"cost\":1,\"loss\":10", "").as_bytes(), "line").unwrap(),
    ));
    let busy = r#"{"source":"h1","destination":"s1","utilisation":0.9,"measured-delay":50,"measured-loss":20}"#;
    let measured = view.topology().with_changes(&[serde_json::from_str(busy).unwrap()]).unwrap();
    let measured = view.successor(Arc::new(measured));
    for metric in Metric::ALL {
        assert_eq!(cost(&measured, metric, "d", "d"), cost(&view, metric, "d", "d"), "{metric:?}");
    }
    assert_ne!(cost(&measured, Metric::RoutingCost, "a", "a"), cost(&view, Metric::RoutingCost, "a", "a"));
}

#[test]
fn pids_that_are_nearer_to_others_and_routes_one_way_only_are_warned_of() {
    let view = View::compute(Arc::new(Topology::from_json(LINE.as_bytes(), "line").unwrap()));
    assert_eq!(view.warnings(), Vec::<String>::new());
    // The hosts of one PID are at both ends, those of the other in the middle, from where one way leads to d.
    let split = LINE
        .replace("\"source\":\"h2\",\"destination\":\"s1\"", "\"source\":\"h2\",\"destination\":\"s3\"")
        .replace("\"cost\":20}", "\"cost\":20,\"directed\":true}");
    let warnings = View::compute(Arc::new(Topology::from_json(split.as_bytes(), "split").unwrap())).warnings();
    let warnings = warnings.join("\n");
    assert!(warnings.contains("the PID a is nearer to c (5) than to itself (30)"), "{warnings}");
    assert!(warnings.contains("there is a route from the PID b to d, but none back"), "{warnings}");
}
