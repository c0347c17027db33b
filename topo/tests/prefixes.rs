//! Prefixes from outside the topology: a network map after changes equals the one that is built at once, and shares what
//! did not change.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use proptest::prelude::*;
use topo::{LinkChange, Metric, PidName, PrefixChanges, PrefixDifference, PrefixLayer, PrefixSet, Topology, View};

/// A random change: the source, the prefix, and the PID that it is given to.
type Change = (usize, IpNet, Option<usize>);

const SOURCES: [&str; 2] = ["a", "b"];
/// PIDs that sources name; the last one is not in the topology.
const PIDS: [&str; 4] = ["p", "q", "default", "unknown"];

fn net() -> impl Strategy<Value = IpNet> {
    let ipv4 = (0u32..64, 8u8..=32)
        .prop_map(|(bits, length)| format!("{}/{length}", std::net::Ipv4Addr::from(bits << 24 | bits)));
    let ipv6 = (0u16..4, prop_oneof![Just(0u8), 8u8..=48])
        .prop_map(|(bits, length)| format!("{:x}::/{length}", 0x2000 + bits * 64));
    prop_oneof![3 => ipv4, 1 => ipv6].prop_map(|text| text.parse::<IpNet>().unwrap().trunc())
}

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let pid = prop_oneof![3 => (0..PIDS.len()).prop_map(Some), 1 => Just(None)];
    prop::collection::vec(prop::collection::vec((0..SOURCES.len(), net(), pid), 1..12), 1..8)
}

/// A topology with or without IPv6 and a PID `default` of its own.
fn topology(ipv6: bool, complete: bool) -> Topology {
    let ipv6 = if ipv6 { r#","ipv6":["2000::/16"]"# } else { "" };
    let everything = if complete { r#","0.0.0.0/1","128.0.0.0/1""# } else { "" };
    let text = format!(
        r#"{{"name":"t","hosts":[{{"name":"h1","ip":"10.0.0.10"}},{{"name":"h2","ip":"20.0.0.20"}}],"switches":[{{"name":"s1"}},{{"name":"s2"}}],
        "links":[{{"source":"h1","destination":"s1","bandwidth":10,"delay":1}},{{"source":"h2","destination":"s2","bandwidth":10,"delay":1}},
            {{"source":"s1","destination":"s2","bandwidth":10,"delay":7}}],
        "pids":{{"p":{{"switches":["s1"],"ipv4":["10.0.0.0/8"{everything}]{ipv6}}},"q":{{"switches":["s2"],"ipv4":["20.0.0.0/8"]}}}},
        "properties":{{"prefixes":{{"10.0.0.0/9":{{"priv:x":"y"}}}}}}}}"#
    );
    Topology::from_json(text.as_bytes(), "t").unwrap()
}

fn content(view: &View) -> Vec<String> {
    let pids: Vec<_> = view.network_map().pids().map(|(id, _)| id).collect();
    let costs = pids.iter().flat_map(|a| pids.iter().map(move |b| view.pid_cost(Metric::RoutingCost, *a, *b)));
    let map = view.network_map().pids().map(|(_, pid)| format!("{pid:?}"));
    let whole = ["0.0.0.0/0", "::/0"].map(|net| net.parse::<IpNet>().unwrap());
    let properties = whole.iter().flat_map(|net| view.properties().inside(net)).map(|entry| format!("{entry:?}"));
    map.chain(costs.map(|cost| format!("{cost:?}"))).chain(properties).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn changes_lead_to_the_map_that_is_built_at_once(changes in changes(), ipv6 in any::<bool>(), complete in any::<bool>()) {
        let base = topology(ipv6, complete);
        let mut view = View::compute(Arc::new(base.clone()));
        let (mut layer, mut pending) = (PrefixLayer::default(), PrefixDifference::default());
        let mut sets: Vec<BTreeMap<IpNet, usize>> = vec![BTreeMap::new(); SOURCES.len()];
        for (round, batch) in changes.into_iter().enumerate() {
            for (source, net, pid) in batch {
                let name = pid.map(|pid| PIDS[pid].parse::<PidName>().unwrap());
                let mut change = PrefixChanges::default();
                change.set(net, name.as_ref());
                let set = layer.get(SOURCES[source]).map(Arc::clone).unwrap_or_default();
                let (set, difference) = set.with(change);
                layer.insert(SOURCES[source], Arc::new(set));
                pending.extend(&difference);
                match pid {
                    Some(pid) => drop(sets[source].insert(net, pid)),
                    None => drop(sets[source].remove(&net)),
                }
            }
            // Several changes may be published together.
            if round % 3 == 1 {
                continue;
            }
            let next = view.topology().with_prefix_changes(&layer, &pending);
            view = view.successor(Arc::new(next));
            pending = PrefixDifference::default();
            let anew = View::compute(Arc::new(base.with_prefixes(&layer)));
            prop_assert_eq!(view.network_map().tag(), anew.network_map().tag());
            prop_assert_eq!(content(&view), content(&anew));
            prop_assert_eq!(view.tag(), anew.tag());
            // The first source with a known PID counts, and any of them before the topology.
            for address in ["10.0.0.10", "20.0.0.20", "10.0.0.1", "63.0.0.63", "2040::1", "2000::1"] {
                let address: IpAddr = address.parse().unwrap();
                let covers = |net: &IpNet| net.contains(&address);
                let known = |set: &BTreeMap<IpNet, usize>| -> Vec<(IpNet, String)> {
                    set.iter().filter(|(net, pid)| covers(net) && base.own_network_map().id(PIDS[**pid]).is_some()).map(|(net, pid)| (*net, PIDS[*pid].to_owned())).collect()
                };
                let of_base = base.own_network_map().pids().flat_map(|(_, pid)| {
                    let ipv4 = pid.ipv4().iter().map(|net| IpNet::from(*net));
                    ipv4.chain(pid.ipv6().iter().map(|net| IpNet::from(*net))).filter(covers).map(|net| (net, pid.name().to_string())).collect::<Vec<_>>()
                });
                let mut all: Vec<(IpNet, String)> = sets.iter().flat_map(known).collect();
                all.extend(of_base);
                let longest = all.iter().map(|(net, _)| net.prefix_len()).max();
                let expected = all.iter().find(|(net, _)| Some(net.prefix_len()) == longest).map(|(_, pid)| pid.clone());
                let found = view.network_map().lookup(address).map(|pid| view.network_map().pid(pid).name().to_string());
                let any_ipv6 = view.network_map().has_ipv6();
                prop_assert_eq!(found, expected.or_else(|| (any_ipv6 && address.is_ipv6()).then(|| "default".to_owned())));
            }
        }
    }
}

#[test]
fn link_changes_and_replaced_topologies_keep_the_prefixes() {
    let base = topology(false, false);
    let mut changes = PrefixChanges::default();
    changes.set("10.0.0.10/32".parse().unwrap(), Some(&"q".parse().unwrap()));
    changes.set("192.0.2.0/24".parse().unwrap(), Some(&"p".parse().unwrap()));
    let (set, effect) = PrefixSet::default().with(changes);
    assert_eq!((set.len(), effect.added, effect.removed), (2, 2, 0));
    let mut layer = PrefixLayer::default();
    layer.insert("a", Arc::new(set));
    let view = View::compute(Arc::new(base.with_prefixes(&layer)));
    let pid = |view: &View, address: &str| {
        view.network_map().pid(view.network_map().lookup(address.parse().unwrap()).unwrap()).name().to_string()
    };
    assert_eq!([pid(&view, "10.0.0.10"), pid(&view, "192.0.2.1"), pid(&view, "10.0.0.11")], ["q", "p", "p"]);
    let [p, q] = ["p", "q"].map(|name| view.network_map().id(name).unwrap());
    // Both hosts are in q now, and p has the typical host.
    let costs = [(q, q), (p, p)].map(|(a, b)| view.pid_cost(Metric::DelayOneWay, a, b).unwrap().as_integer());
    assert_eq!(costs, [Some(9000), Some(2000)]);
    let change = LinkChange { delay: Some(topo::file::Delay(1.0)), ..LinkChange::of("s1", "s2") };
    let after = view.successor(Arc::new(view.topology().with_changes(&[change]).unwrap()));
    assert_eq!(after.network_map().tag(), view.network_map().tag());
    assert_eq!(after.pid_cost(Metric::DelayOneWay, q, q).unwrap().as_integer(), Some(3000));
    // Another topology with the same PIDs takes over what is published; one with others does not.
    let same = topology(false, false).with_prefixes_of(view.topology()).unwrap();
    assert_eq!(View::compute(Arc::new(same)).tag(), view.tag());
    assert!(topology(true, false).with_prefixes_of(view.topology()).is_none());
}
