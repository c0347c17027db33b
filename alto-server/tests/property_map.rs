//! Property maps (RFC 9240), and endpoint properties over the same data.
//!
//! Most tests use one worked example: a network of three PIDs, and properties of four nested prefixes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::support::{Answer, Server};
use proptest::prelude::*;
use serde_json::{Value, json};

const PARAMS: &str = "application/alto-propmapparams+json";
const TIER: &str = ".priv:k-tier";
const SITE: &str = ".priv:k-site";
const PID: &str = "network-map.pid";

/// Properties of the worked example.
fn example() -> Value {
    json!({
        "prefixes": {
            "198.51.100.0/24": {"priv:k-tier": "gold", "priv:k-site": "ams"},
            "198.51.100.128/26": {"priv:k-site": "ber"},
            "198.51.100.160/27": {"priv:k-tier": null},
            "198.51.100.200": {"priv:k-tier": "bronze"},
        },
        "pids": {"ams-core": {"priv:k-site": "amsterdam"}},
    })
}

fn file(properties: &Value) -> String {
    json!({
        "name": "isp-k",
        "hosts": [{"name": "h", "ips": ["198.51.100.7", "2001:db8::7"]}],
        "switches": [{"name": "s1", "dpid": "1"}, {"name": "s2", "dpid": "2"}, {"name": "s3", "dpid": "3"}],
        "links": [
            {"source": "h", "destination": "s2", "bandwidth": 10, "delay": 1},
            {"source": "s1", "destination": "s2", "bandwidth": 10, "delay": 1},
            {"source": "s2", "destination": "s3", "bandwidth": 10, "delay": 1},
        ],
        "pids": {
            "world": {"switches": ["s1"], "ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"]},
            "ams-core": {"switches": ["s2"], "ipv4": ["198.51.100.0/24"], "ipv6": ["2001:db8::/32"]},
            "ber-edge": {"switches": ["s3"], "ipv4": ["198.51.100.128/26"]},
        },
        "properties": properties,
    })
    .to_string()
}

fn write(folder: &Path, properties: &Value) -> String {
    let path = folder.join("topo.json");
    std::fs::write(&path, file(properties)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn start(properties: &Value) -> Server {
    let folder = tempfile::tempdir().unwrap();
    Server::with(&["--topology", &write(folder.path(), properties)])
}

fn post(server: &Server, body: &Value) -> Answer {
    server.post("/propmap/filtered", PARAMS, body.to_string())
}

/// Member `property-map` of the answer for these entities and properties.
#[track_caller]
fn ask(server: &Server, entities: &[&str], properties: &[&str]) -> Value {
    post(server, &json!({"entities": entities, "properties": properties})).alto("propmap")["property-map"].clone()
}

/// Value that a client derives for an address: that of the longest prefix with the property (RFC 9240 §6.1.3).
fn derived(map: &Value, domain: &str, address: Ipv4Addr, property: &str) -> Option<String> {
    let said = map.as_object().unwrap().iter().filter_map(|(entity, values)| {
        let id = entity.strip_prefix(domain)?.strip_prefix(':')?;
        let (net, len) = id.split_once('/').unwrap_or((id, "32"));
        let (net, len): (Ipv4Addr, u32) = (net.parse().ok()?, len.parse().ok()?);
        let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
        let holds = u32::from(net) & mask == u32::from(address) & mask;
        holds.then_some((len, values.get(property)?))
    });
    said.max_by_key(|(len, _)| *len).and_then(|(_, value)| value.as_str().map(str::to_owned))
}

#[test]
fn the_worked_example_is_answered_exactly() {
    let server = start(&example());
    let vtag = server.get("/networkmap").alto("networkmap")["meta"]["vtag"].clone();
    let entities = ["ipv4:198.51.100.128/25", "ipv4:198.51.100.5", "ipv4:203.0.113.9"];
    let answer = post(&server, &json!({"entities": entities, "properties": [TIER, SITE, PID]})).alto("propmap");
    let expected = json!({
        "meta": {"dependent-vtags": [vtag]},
        "property-map": {
            "ipv4:198.51.100.128/25": {TIER: "gold", SITE: "ams", PID: "ams-core"},
            "ipv4:198.51.100.128/26": {SITE: "ber", PID: "ber-edge"},
            "ipv4:198.51.100.160/27": {TIER: null},
            "ipv4:198.51.100.200": {TIER: "bronze"},
            "ipv4:198.51.100.5": {TIER: "gold", SITE: "ams", PID: "ams-core"},
            "ipv4:203.0.113.9": {PID: "world"},
        },
    });
    assert_eq!(answer, expected);
    let map = &answer["property-map"];
    for (address, tier, site, pid) in [
        ("198.51.100.170", None, "ber", "ber-edge"),
        ("198.51.100.190", None, "ber", "ber-edge"),
        ("198.51.100.200", Some("bronze"), "ams", "ams-core"),
    ] {
        let found = [TIER, SITE, PID].map(|property| derived(map, "ipv4", address.parse().unwrap(), property));
        assert_eq!(found, [tier, Some(site), Some(pid)].map(|value| value.map(str::to_owned)), "{address}");
    }
    let answer = post(&server, &json!({"entities": entities})).alto("propmap");
    let expected = json!({
        "meta": {"dependent-vtags": [vtag]},
        "property-map": {"ipv4:198.51.100.128/25": {}, "ipv4:198.51.100.5": {}, "ipv4:203.0.113.9": {}},
    });
    assert_eq!(answer, expected);
    let answer = post(&server, &json!({"entities": ["ipv4:198.51.100.0/40"], "properties": []}));
    let expected = json!({"code": "E_INVALID_FIELD_VALUE", "field": "entities", "value": "ipv4:198.51.100.0/40"});
    assert_eq!(answer.error("E_INVALID_FIELD_VALUE"), expected);
}

#[test]
fn the_directory_lists_the_properties_of_each_domain() {
    let server = start(&example());
    let resources = server.get("/directory").alto("directory")["resources"].clone();
    let mappings = json!({
        "ipv4": [PID, SITE, TIER],
        "ipv6": [PID],
        "network-map.pid": [SITE],
    });
    let expected = json!({
        "uri": "propmap",
        "media-type": "application/alto-propmap+json",
        "uses": ["network-map"],
        "capabilities": {"mappings": mappings},
    });
    assert_eq!(resources["property-map"], expected);
    let mut expected = expected;
    expected["uri"] = json!("propmap/filtered");
    expected["accepts"] = json!(PARAMS);
    expected["capabilities"]["mappings"]["network-map.ipv4"] = json!([PID]);
    expected["capabilities"]["mappings"]["network-map.ipv6"] = json!([PID]);
    assert_eq!(resources["filtered-property-map"], expected);
    let prop_types = json!([PID, "priv:k-site", "priv:k-tier"]);
    assert_eq!(resources["endpoint-property"]["capabilities"]["prop-types"], prop_types);

    // Without properties in the topology, addresses still have their PID.
    let plain = start(&json!({})).get("/directory").alto("directory")["resources"].clone();
    assert_eq!(plain["property-map"]["capabilities"]["mappings"], json!({"ipv4": [PID], "ipv6": [PID]}));
    assert_eq!(plain["endpoint-property"]["capabilities"]["prop-types"], json!([PID]));
}

#[test]
fn the_full_map_has_all_configured_properties() {
    let server = start(&example());
    let answer = server.get("/propmap").alto("propmap");
    let expected = json!({
        "ipv4:0.0.0.0/0": {PID: "world"},
        "ipv4:198.51.100.0/24": {PID: "ams-core", TIER: "gold", SITE: "ams"},
        "ipv4:198.51.100.128/26": {PID: "ber-edge", SITE: "ber"},
        "ipv4:198.51.100.160/27": {TIER: null},
        "ipv4:198.51.100.200": {TIER: "bronze"},
        "ipv6:::/0": {PID: "world"},
        "ipv6:2001:db8::/32": {PID: "ams-core"},
        "network-map.pid:ams-core": {SITE: "amsterdam"},
    });
    assert_eq!(answer["property-map"], expected);
    assert_eq!(answer["meta"]["vtag"]["resource-id"], "property-map");
    assert_eq!(answer["meta"]["vtag"]["tag"].as_str().map(str::len), Some(64));
    assert_eq!(answer["meta"]["dependent-vtags"], json!([server.get("/networkmap").json()["meta"]["vtag"]]));
    // Empty lists select everything; the filtered map also has the address domains of the network map.
    let all = ask(&server, &[], &[]);
    for (entity, values) in expected.as_object().unwrap() {
        assert_eq!(&all[entity], values, "{entity}");
    }
    assert_eq!(all["network-map.ipv4:198.51.100.128/26"], json!({PID: "ber-edge"}));
    let listed = ask(&server, &[], &[TIER, SITE, PID]);
    assert_eq!(listed, all);
    let names = post(&server, &json!({"entities": []})).alto("propmap")["property-map"].clone();
    assert!(names.as_object().unwrap().values().all(|values| *values == json!({})));
    for entity in names.as_object().unwrap().keys() {
        assert_ne!(ask(&server, &[entity], &[]), json!({}), "{entity} is listed, but has no properties when asked for");
    }
    for (entity, listed) in [
        ("network-map.pid:ams-core", true),
        ("network-map.pid:world", false),
        ("ipv4:198.51.100.160/27", true),
        // Not a prefix of the network map.
        ("network-map.ipv4:198.51.100.160/27", false),
    ] {
        assert_eq!(names.get(entity).is_some(), listed, "{entity}");
    }
}

#[test]
fn all_spellings_of_an_entity_have_the_same_value() {
    let server = start(&example());
    let gold = json!({TIER: "gold"});
    for entity in ["ipv4:198.51.100.5", "ipv4:198.51.100.5/32"] {
        assert_eq!(ask(&server, &[entity, entity], &[TIER, TIER]), json!({entity: gold}));
    }
    let both = ask(&server, &["ipv4:198.51.100.5/32", "ipv4:198.51.100.5"], &[TIER]);
    assert_eq!(
        both,
        json!({"ipv4:198.51.100.5/32": gold}),
        "two spellings of one entity are answered once, with the first"
    );
    let long = "ipv6:2001:0DB8:0:0:0:0:0:1";
    assert_eq!(ask(&server, &[long, "ipv6:2001:db8::1"], &[PID]), json!({long: {PID: "ams-core"}}));
    // Bits beyond the prefix length are ignored, and cleared in the answer.
    assert_eq!(ask(&server, &["ipv4:198.51.100.7/30"], &[TIER]), json!({"ipv4:198.51.100.4/30": gold}));
    // An IPv4-mapped IPv6 address is another entity than the IPv4 address.
    assert_eq!(ask(&server, &["ipv6:::ffff:198.51.100.5"], &[TIER]), json!({}));
}

#[test]
fn entities_without_a_value_are_left_out() {
    let server = start(&example());
    for entities in [
        &["ipv4:203.0.113.9"][..],
        &["ipv4:198.51.100.170"],
        &["ipv4:198.51.100.160/27"],
        &["ipv4:198.51.100.176/28"],
        &["ipv6:2001:db8::1"],
        // Well-formed but unknown PIDs are no error: the network map may have just changed.
        &["network-map.pid:nobody"],
        &["network-map.pid:world"],
        // The entity has properties, but not this one.
        &["network-map.ipv4:198.51.100.5"],
        &["network-map.pid:ams-core"],
    ] {
        assert_eq!(ask(&server, entities, &[TIER]), json!({}), "{entities:?}");
    }
    assert_eq!(
        ask(&server, &["network-map.pid:ams-core"], &[]),
        json!({"network-map.pid:ams-core": {SITE: "amsterdam"}})
    );
    assert_eq!(
        ask(&server, &["network-map.ipv4:198.51.100.5"], &[]),
        json!({"network-map.ipv4:198.51.100.5": {PID: "ams-core"}})
    );
    let names = post(&server, &json!({"entities": ["ipv4:203.0.113.9", "network-map.pid:world"]})).alto("propmap");
    assert_eq!(names["property-map"], json!({"ipv4:203.0.113.9": {}}));
    // Null is explicit where the entity would inherit a value from another entity of the answer.
    let nested = ask(&server, &["ipv4:198.51.100.0/24", "ipv4:198.51.100.160/27"], &[TIER]);
    let expected = json!({
        "ipv4:198.51.100.0/24": {TIER: "gold"},
        "ipv4:198.51.100.160/27": {TIER: null},
        "ipv4:198.51.100.200": {TIER: "bronze"},
    });
    assert_eq!(nested, expected);
}

#[test]
fn a_prefix_covered_by_more_specific_ones_is_replaced_by_them() {
    let server = start(&json!({"prefixes": {
        "10.0.0.0/8": {"priv:a": "outer", "priv:b": "outer"},
        "10.0.0.0/9": {"priv:a": "left"},
        "10.128.0.0/9": {"priv:a": null},
        "2001:db8::/32": {"priv:a": "six"},
        "2001:db8::/33": {"priv:b": "low"},
        "2001:db8:8000::/33": {"priv:b": "high"},
    }}));
    let expected = json!({
        "ipv4:10.0.0.0/9": {".priv:a": "left", ".priv:b": "outer"},
        "ipv4:10.128.0.0/9": {".priv:a": null, ".priv:b": "outer"},
    });
    assert_eq!(ask(&server, &["ipv4:10.0.0.0/8"], &[".priv:a", ".priv:b"]), expected);
    let expected = json!({
        "ipv6:2001:db8::/33": {".priv:a": "six", ".priv:b": "low"},
        "ipv6:2001:db8:8000::/33": {".priv:a": "six", ".priv:b": "high"},
    });
    assert_eq!(ask(&server, &["ipv6:2001:db8::/32"], &[".priv:a", ".priv:b"]), expected);
    // No inner prefix changes this property, so the outer prefix itself is answered.
    assert_eq!(ask(&server, &["ipv4:10.0.0.0/8"], &[".priv:b"]), json!({"ipv4:10.0.0.0/8": {".priv:b": "outer"}}));
}

#[test]
fn endpoint_properties_match_the_property_map() {
    let server = start(&example());
    let media_type = "application/alto-endpointpropparams+json";
    let endpoints =
        ["ipv4:198.51.100.5", "ipv4:198.51.100.170", "ipv4:198.51.100.200", "ipv4:203.0.113.9", "ipv6:2001:db8::1"];
    let body = json!({"properties": [PID, "priv:k-tier", "priv:k-site", "priv:k-site"], "endpoints": endpoints});
    let answer = server.post("/endpointprop/lookup", media_type, body.to_string()).alto("endpointprop");
    let expected = json!({
        "ipv4:198.51.100.5": {PID: "ams-core", "priv:k-tier": "gold", "priv:k-site": "ams"},
        "ipv4:198.51.100.170": {PID: "ber-edge", "priv:k-site": "ber"},
        "ipv4:198.51.100.200": {PID: "ams-core", "priv:k-tier": "bronze", "priv:k-site": "ams"},
        "ipv4:203.0.113.9": {PID: "world"},
        "ipv6:2001:db8::1": {PID: "ams-core"},
    });
    assert_eq!(answer["endpoint-properties"], expected);
    assert_eq!(answer["meta"]["dependent-vtags"], json!([server.get("/networkmap").json()["meta"]["vtag"]]));
    // Properties that do not depend on the network map have no tag of it.
    let body = json!({"properties": ["priv:k-tier"], "endpoints": ["ipv4:198.51.100.5"]});
    let answer = server.post("/endpointprop/lookup", media_type, body.to_string()).alto("endpointprop");
    let expected = json!({
        "meta": {"dependent-vtags": []},
        "endpoint-properties": {"ipv4:198.51.100.5": {"priv:k-tier": "gold"}},
    });
    assert_eq!(answer, expected);
    for other in ["priv:none", "pid", TIER] {
        let body = json!({"properties": [other], "endpoints": ["ipv4:198.51.100.5"]});
        let meta = server.post("/endpointprop/lookup", media_type, body.to_string()).error("E_INVALID_FIELD_VALUE");
        assert_eq!(meta["field"], "properties", "{other}");
    }
}

#[test]
fn a_change_of_properties_leaves_network_map_and_costs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(&["--topology", &write(folder.path(), &json!({}))]);
    let vtag = |path: &str| server.get(path).json()["meta"]["vtag"].clone();
    let paths = ["/networkmap", "/costmap/numerical/routingcost", "/propmap"];
    let before = paths.map(vtag);
    let directory = server.get("/directory");

    write(folder.path(), &example());
    server.signal("HUP");
    server.wait_for_log("settings and files reloaded");
    let after = paths.map(vtag);
    assert_eq!(after[..2], before[..2], "the tags of network map and costs changed");
    assert_ne!(after[2], before[2]);
    assert_ne!(
        server.get("/directory").field("etag"),
        directory.field("etag"),
        "the directory does not show the new properties"
    );
    assert_eq!(ask(&server, &["ipv4:198.51.100.5"], &[TIER]), json!({"ipv4:198.51.100.5": {TIER: "gold"}}));
}

/// Nested prefixes of 10.0.0.0/8, each with a value or null for one or both of two properties.
fn assigned() -> impl Strategy<Value = BTreeMap<String, BTreeMap<String, Option<String>>>> {
    let value = prop_oneof![3 => "[a-c]".prop_map(Some), 1 => Just(None)];
    let given = prop::collection::btree_map("priv:[xy]", value, 1..3);
    prop::collection::btree_map(prefix(), given, 1..25)
}

fn prefix() -> impl Strategy<Value = String> {
    (0u32..16, 8u32..=32).prop_map(|(bits, len)| {
        let address = (0x0a00_0000 | bits << 20 | bits) & (u32::MAX << (32 - len));
        format!("{}/{len}", Ipv4Addr::from(address))
    })
}

#[test]
fn every_value_can_be_derived_from_an_answer_alone() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::default());
    let mut generate = |strategy: &BoxedStrategy<_>| strategy.new_tree(&mut runner).unwrap().current();
    let assigned = assigned().boxed();
    for _ in 0..4 {
        let given: BTreeMap<String, BTreeMap<String, Option<String>>> = generate(&assigned);
        let server = start(&json!({"prefixes": given}));
        let whole = server.get("/propmap").alto("propmap")["property-map"].clone();
        proptest!(ProptestConfig::with_cases(25), |(asked in prop::collection::vec(prefix(), 1..6), bits in 0u32..16)| {
            let entities: Vec<String> = asked.iter().map(|net| format!("ipv4:{net}")).collect();
            let entities: Vec<&str> = entities.iter().map(String::as_str).collect();
            let part = ask(&server, &entities, &[]);
            let holds = |net: &String, address: Ipv4Addr| {
                let probe = json!({format!("ipv4:{net}"): {"x": "inside"}});
                derived(&probe, "ipv4", address, "x").is_some()
            };
            let address = Ipv4Addr::from(0x0a00_0000 | bits << 20 | bits);
            let scanned: Value = given.iter().map(|(net, given)| (format!("ipv4:{net}"), json!(given))).collect();
            let alone = ask(&server, &[&format!("ipv4:{address}")], &[]);
            for name in ["priv:x", "priv:y"] {
                let expected = derived(&scanned, "ipv4", address, name);
                let property = format!(".{name}");
                prop_assert_eq!(&derived(&whole, "ipv4", address, &property), &expected);
                prop_assert_eq!(&derived(&alone, "ipv4", address, &property), &expected);
                if asked.iter().any(|net| holds(net, address)) {
                    prop_assert_eq!(&derived(&part, "ipv4", address, &property), &expected, "{} {:?}\n{}", address, asked, part);
                }
            }
        });
    }
}
