//! Properties of addresses and PIDs: inheritance, tags, and the checks of their section in topology files.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use proptest::prelude::*;
use serde_json::{Value, json};
use topo::{EntityKind, Properties, Property, Topology, View};

/// A topology file with two hosts in two PIDs, one nested in the other.
fn file(properties: &Value) -> String {
    json!({
        "name": "t",
        "hosts": [{"name": "h1", "ip": "10.0.0.1"}, {"name": "h2", "ips": ["10.0.1.2/24", "2001:db8::2"]}],
        "switches": [{"name": "s1", "dpid": "1"}, {"name": "s2", "dpid": "2"}],
        "links": [
            {"source": "h1", "destination": "s1", "bandwidth": 10, "delay": 1},
            {"source": "h2", "destination": "s2", "bandwidth": 10, "delay": 1},
            {"source": "s1", "destination": "s2", "bandwidth": 10, "delay": 1},
        ],
        "pids": {
            "wide": {"switches": ["s1"], "ipv4": ["10.0.0.0/16"]},
            "narrow": {"switches": ["s2"], "ipv4": ["10.0.1.0/24"], "ipv6": ["2001:db8::/64"]},
        },
        "properties": properties,
    })
    .to_string()
}

fn view(properties: &Value) -> View {
    View::compute(Arc::new(Topology::from_json(file(properties).as_bytes(), "t.json").unwrap()))
}

fn problems(properties: &Value) -> String {
    Topology::from_json(file(properties).as_bytes(), "t.json").unwrap_err().to_string()
}

fn property(properties: &Properties, name: &str) -> Property {
    let all = [EntityKind::Ipv4, EntityKind::Ipv6, EntityKind::Pid].into_iter().flat_map(|kind| properties.of(kind));
    all.copied().find(|&property| properties.name(property) == name).unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).unwrap()
}

#[test]
fn values_are_inherited_from_the_longest_prefix_and_null_stops_inheritance() {
    let view = view(&json!({
        "hosts": {"h2": {"priv:alto-access": "fibre"}},
        "prefixes": {
            "10.0.0.0/16": {"priv:alto-access": "dsl", "priv:alto-site": "ams"},
            "10.0.1.0/24": {"priv:alto-site": "ber"},
            "10.0.1.128/25": {"priv:alto-access": null},
            "10.0.1.200": {"priv:alto-access": "mobile"},
        },
        "pids": {"narrow": {"priv:alto-site": "berlin"}},
    }));
    let properties = view.properties();
    let (access, site) = (property(properties, "priv:alto-access"), property(properties, "priv:alto-site"));
    for (of, expected) in [
        ("10.0.0.1", (Some("dsl"), Some("ams"), Some("wide"))),
        ("10.0.0.0/17", (Some("dsl"), Some("ams"), Some("wide"))),
        ("10.0.1.2", (Some("fibre"), Some("ber"), Some("narrow"))),
        ("10.0.1.3", (Some("dsl"), Some("ber"), Some("narrow"))),
        ("10.0.1.129", (None, Some("ber"), Some("narrow"))),
        ("10.0.1.192/26", (None, Some("ber"), Some("narrow"))),
        ("10.0.1.200/32", (Some("mobile"), Some("ber"), Some("narrow"))),
        ("10.0.0.0/15", (None, None, Some("default"))),
        ("2001:db8::2", (Some("fibre"), None, Some("narrow"))),
        ("2001:db8::3", (None, None, Some("narrow"))),
    ] {
        let of = net(of);
        let found = [access, site, Property::Pid].map(|property| properties.value(&of, property));
        assert_eq!((found[0], found[1], found[2]), expected, "{of}");
        let all: BTreeMap<Property, &str> =
            [access, site, Property::Pid].into_iter().zip(found).filter_map(|(p, v)| Some((p, v?))).collect();
        assert_eq!(properties.values(&of), all, "{of}");
    }
    // Properties of PIDs are not inherited by their addresses.
    let map = view.network_map();
    let given = properties.of_pid(map.id("narrow").unwrap());
    assert_eq!(given, [(site, Some("berlin".into()))]);
    assert!(properties.of_pid(map.id("wide").unwrap()).is_empty());
    assert_eq!(properties.of(EntityKind::Ipv4), [Property::Pid, access, site]);
    assert_eq!(properties.of(EntityKind::Ipv6), [Property::Pid, access]);
    assert_eq!(properties.of(EntityKind::Pid), [site]);
}

#[test]
fn absent_values_are_listed_only_where_they_override_an_inherited_one() {
    let view = view(&json!({"prefixes": {
        "10.0.0.0/16": {"priv:x": null},
        "10.0.1.0/24": {"priv:x": "v"},
        "10.0.1.0/25": {"priv:x": null},
        "10.0.1.0/26": {"priv:x": null},
    }}));
    let properties = view.properties();
    let x = property(properties, "priv:x");
    let listed = |(net, given): (IpNet, Vec<(Property, Option<&str>)>)| {
        let found = given.iter().find(|(property, _)| *property == x)?;
        Some((net.to_string(), found.1.map(str::to_owned)))
    };
    let listed: Vec<_> = properties.inside(&net("0.0.0.0/0")).filter_map(listed).collect();
    assert_eq!(listed, [("10.0.1.0/24".to_owned(), Some("v".to_owned())), ("10.0.1.0/25".to_owned(), None)]);
}

#[test]
fn tags_are_equal_for_equal_content_only() {
    let one = view(&json!({"hosts": {"h1": {"priv:x": "1"}}}));
    let same = view(&json!({"prefixes": {"10.0.0.1/32": {"priv:x": "1"}}}));
    let other = view(&json!({"hosts": {"h1": {"priv:x": "2"}}}));
    let none = view(&json!({}));
    assert_eq!(one.properties().tag(), same.properties().tag(), "the same value assigned in another way");
    assert_ne!(one.properties().tag(), other.properties().tag());
    assert_ne!(one.properties().tag(), none.properties().tag());
    for view in [&same, &other, &none] {
        assert_eq!((view.tag(), view.network_map().tag()), (one.tag(), one.network_map().tag()));
    }
    // The PID of an address is a property, so a different map gives a different tag.
    let moved = file(&json!({})).replace("10.0.1.0/24", "10.0.1.0/25");
    let moved = View::compute(Arc::new(Topology::from_json(moved.as_bytes(), "t").unwrap()));
    assert_ne!(moved.properties().tag(), none.properties().tag());
}

#[test]
fn invalid_properties_are_reported_with_place_value_and_remedy() {
    let given = |name: &str, value: Value| json!({"hosts": {"h1": {name: value}}});
    let long = "x".repeat(256);
    let cases = [
        (given("priv:alto.access", json!("x")), &["properties.hosts.h1.priv:alto.access: ", "priv:alto-access"][..]),
        (given("alto-access", json!("x")), &["properties.hosts.h1.alto-access: ", "use priv:"]),
        (given("priv:", json!("x")), &["properties.hosts.h1.priv:: ", "\"priv:\" is not a valid"]),
        (given("pid", json!("x")), &["properties.hosts.h1.pid: ", "use priv:"]),
        (given("priv:0123456789012345678901234567", json!("x")), &["at most 32 characters"]),
        (given("priv:x", json!(7)), &["properties.hosts.h1.priv:x: ", "7", "a text in quotes"]),
        (given("priv:x", json!(["a"])), &["properties.hosts.h1.priv:x: ", "a text in quotes"]),
        (given("priv:x", json!("")), &["properties.hosts.h1.priv:x: ", "1 to 255 bytes"]),
        (given("priv:x", json!(long)), &["properties.hosts.h1.priv:x: ", "1 to 255 bytes"]),
        (given("priv:x", json!("a\nb")), &["properties.hosts.h1.priv:x: ", "a\\nb", "control"]),
        (json!({"hosts": {"h9": {"priv:x": "v"}}}), &["properties.hosts.h9: ", "\"h9\" is not a host"]),
        (json!({"hosts": {"s1": {"priv:x": "v"}}}), &["properties.hosts.s1: ", "is not a host"]),
        (json!({"prefixes": {"10.0.0.0/33": {"priv:x": "v"}}}), &["properties.prefixes.10.0.0.0/33: ", "192.0.2.0/24"]),
        (json!({"prefixes": {"ams": {"priv:x": "v"}}}), &["properties.prefixes.ams: ", "\"ams\" is not a prefix"]),
        (json!({"pids": {"nope": {"priv:x": "v"}}}), &["properties.pids.nope: ", "is not a PID"]),
        (json!({"pids": {"wide": {"priv:x": null}}}), &["properties.pids.wide.priv:x: ", "remove it"]),
        (json!({"pids": {"wide": {"priv:x": ""}}}), &["properties.pids.wide.priv:x: ", "1 to 255 bytes"]),
        (json!({"pids": {"wide": {"x": "v"}}}), &["properties.pids.wide.x: ", "use priv:"]),
        (json!({"switches": {}}), &["properties", "switches", "hosts"]),
        (
            json!({"hosts": {"h1": {"priv:x": "v"}}, "prefixes": {"10.0.0.1": {"priv:x": "w"}}}),
            &[
                "properties.prefixes.10.0.0.1.priv:x: 10.0.0.1/32 already has this property from properties.hosts.h1.priv:x; remove one",
            ],
        ),
        (
            json!({"prefixes": {"10.0.0.0/8": {"priv:x": "v"}, "10.1.0.0/8": {"priv:x": "w"}}}),
            &["properties.prefixes.10.1.0.0/8.priv:x: ", "remove one"],
        ),
    ];
    for (properties, words) in cases {
        let message = problems(&properties);
        assert!(words.iter().all(|word| message.contains(word)), "{properties}\n{message}\n{words:?}");
        assert!(message.starts_with("t.json: "), "{message}");
    }
    let many: BTreeMap<String, &str> = (0..257).map(|i| (format!("priv:{i}"), "v")).collect();
    assert!(problems(&json!({"hosts": {"h1": many}})).contains("properties: has 257 different properties"));
    let odd = json!({"prefixes": {"10.0.0.1/8": {"priv:x": "v"}}});
    let odd = Topology::from_json(file(&odd).as_bytes(), "t.json").unwrap();
    assert!(odd.warnings().join("\n").contains(
        "properties.prefixes.10.0.0.1/8: 10.0.0.1/8 has bits set beyond its prefix length; 10.0.0.0/8 is used"
    ));
}

/// Nested prefixes of 10.0.0.0/8, each with up to two properties that have a value or null.
fn assigned() -> impl Strategy<Value = BTreeMap<IpNet, BTreeMap<String, Option<String>>>> {
    let net = (0u32..16, 8u8..=32)
        .prop_map(|(bits, len)| IpNet::new(IpAddr::V4((0x0a00_0000 | bits << 20 | bits).into()), len).unwrap().trunc());
    let value = prop_oneof![3 => "[a-c]".prop_map(Some), 1 => Just(None)];
    let given = prop::collection::btree_map("priv:[xy]", value, 0..3);
    prop::collection::btree_map(net, given, 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Compares values, and the values derived from a listing of covered prefixes, with a scan of all prefixes.
    #[test]
    fn inheritance_agrees_with_a_scan_for_the_longest_prefix(
        assigned in assigned(),
        asked in prop::collection::vec((0u32..16, 0u8..=32), 1..20),
    ) {
        let prefixes: BTreeMap<String, _> = assigned.iter().map(|(net, given)| (net.to_string(), given)).collect();
        let view = view(&json!({"prefixes": prefixes}));
        let properties = view.properties();
        for (bits, len) in asked {
            let asked = IpNet::new(IpAddr::V4((0x0a00_0000 | bits << 20 | bits).into()), len).unwrap().trunc();
            let scan = |of: &IpNet, name: &str| {
                let mut around: Vec<_> = assigned.iter().filter(|(net, given)| net.contains(of) && given.contains_key(name)).collect();
                around.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
                around.first().and_then(|(_, given)| given[name].clone())
            };
            let inside: Vec<_> = properties.inside(&asked).collect();
            for &property in properties.of(EntityKind::Ipv4).iter().filter(|property| **property != Property::Pid) {
                let name = properties.name(property);
                let expected = scan(&asked, name);
                prop_assert_eq!(properties.value(&asked, property), expected.as_deref());
                prop_assert_eq!(properties.values(&asked).get(&property).copied(), expected.as_deref());
                for bits in 0u32..16 {
                    let host: IpNet = IpAddr::V4((0x0a00_0000 | bits << 20 | bits).into()).into();
                    if asked.contains(&host) {
                        let listed = inside.iter().filter(|(net, _)| net.contains(&host));
                        let listed = listed.filter_map(|(net, given)| Some((net, given.iter().find(|(p, _)| *p == property)?.1)));
                        let listed = listed.max_by_key(|(net, _)| net.prefix_len());
                        let derived = listed.map_or_else(|| properties.value(&asked, property), |(_, value)| value);
                        let expected = scan(&host, name);
                        prop_assert_eq!(derived, expected.as_deref(), "{} {} in {}", name, host, asked);
                    }
                }
            }
            let address = asked.addr();
            let pid = view.network_map().lookup(address).map(|pid| view.network_map().pid(pid).name().as_str());
            prop_assert_eq!(properties.value(&address.into(), Property::Pid), pid);
        }
    }
}
