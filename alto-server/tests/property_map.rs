//! Property maps (RFC 9240) and endpoint properties over the same data.
//!
//! The network and the properties are those of one worked example: three PIDs and four prefixes within each other.

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

/// The properties of the worked example.
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

/// The values that are answered.
#[track_caller]
fn ask(server: &Server, entities: &[&str], properties: &[&str]) -> Value {
    post(server, &json!({"entities": entities, "properties": properties})).alto("propmap")["property-map"].clone()
}

/// The value of an address as a client finds it: that of the longest prefix that says something (RFC 9240 §6.1.3).
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
fn the_worked_example_is_answered_to_the_letter() {
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
fn the_directory_maps_properties_to_domains() {
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

    // A network whose operator says nothing still has the PIDs of addresses.
    let plain = start(&json!({})).get("/directory").alto("directory")["resources"].clone();
    assert_eq!(plain["property-map"]["capabilities"]["mappings"], json!({"ipv4": [PID], "ipv6": [PID]}));
    assert_eq!(plain["endpoint-property"]["capabilities"]["prop-types"], json!([PID]));
}

#[test]
fn the_whole_map_is_what_was_said() {
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
    // Empty lists are everything, and the filtered map adds the addresses as the network map knows them.
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
        assert_ne!(ask(&server, &[entity], &[]), json!({}), "{entity} can be asked for");
    }
    for (entity, there) in [
        ("network-map.pid:ams-core", true),
        ("network-map.pid:world", false),
        ("ipv4:198.51.100.160/27", true),
        // Of no account to the network map.
        ("network-map.ipv4:198.51.100.160/27", false),
    ] {
        assert_eq!(names.get(entity).is_some(), there, "{entity}");
    }
}

#[test]
fn one_entity_has_many_spellings_and_one_value() {
    let server = start(&example());
    let gold = json!({TIER: "gold"});
    for entity in ["ipv4:198.51.100.5", "ipv4:198.51.100.5/32"] {
        assert_eq!(ask(&server, &[entity, entity], &[TIER, TIER]), json!({entity: gold}));
    }
    let both = ask(&server, &["ipv4:198.51.100.5/32", "ipv4:198.51.100.5"], &[TIER]);
    assert_eq!(both, json!({"ipv4:198.51.100.5/32": gold}), "one entity, as it was spelt first");
    let long = "ipv6:2001:0DB8:0:0:0:0:0:1";
    assert_eq!(ask(&server, &[long, "ipv6:2001:db8::1"], &[PID]), json!({long: {PID: "ams-core"}}));
    // Bits after the length are not meant, and not sent.
    assert_eq!(ask(&server, &["ipv4:198.51.100.7/30"], &[TIER]), json!({"ipv4:198.51.100.4/30": gold}));
    // Of another family, nothing is known.
    assert_eq!(ask(&server, &["ipv6:::ffff:198.51.100.5"], &[TIER]), json!({}));
}

#[test]
fn what_has_no_value_is_left_out() {
    let server = start(&example());
    for entities in [
        &["ipv4:203.0.113.9"][..],
        &["ipv4:198.51.100.170"],
        &["ipv4:198.51.100.160/27"],
        &["ipv4:198.51.100.176/28"],
        &["ipv6:2001:db8::1"],
        // Well-formed and unknown: the map may just have changed.
        &["network-map.pid:nobody"],
        &["network-map.pid:world"],
        // Mapped, but not for this domain.
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
    // No value is said where another entity of the answer would pass one down.
    let nested = ask(&server, &["ipv4:198.51.100.0/24", "ipv4:198.51.100.160/27"], &[TIER]);
    let expected = json!({
        "ipv4:198.51.100.0/24": {TIER: "gold"},
        "ipv4:198.51.100.160/27": {TIER: null},
        "ipv4:198.51.100.200": {TIER: "bronze"},
    });
    assert_eq!(nested, expected);
}

#[test]
fn what_is_covered_hands_its_values_down_and_goes() {
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
    // Of one property alone nothing inside differs, so the prefix stays.
    assert_eq!(ask(&server, &["ipv4:10.0.0.0/8"], &[".priv:b"]), json!({"ipv4:10.0.0.0/8": {".priv:b": "outer"}}));
}

#[test]
fn endpoints_have_the_same_properties() {
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
    // What does not depend on a map has no tag of one.
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
fn properties_change_without_the_maps() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(&["--topology", &write(folder.path(), &json!({}))]);
    let vtag = |path: &str| server.get(path).json()["meta"]["vtag"].clone();
    let paths = ["/networkmap", "/costmap/numerical/routingcost", "/propmap"];
    let before = paths.map(vtag);
    let directory = server.get("/directory");

    write(folder.path(), &example());
    server.signal("HUP");
    server.wait_for_log("topology reloaded");
    let after = paths.map(vtag);
    assert_eq!(after[..2], before[..2], "map and costs are what they were");
    assert_ne!(after[2], before[2]);
    assert_ne!(server.get("/directory").field("etag"), directory.field("etag"), "there is more to ask for");
    assert_eq!(ask(&server, &["ipv4:198.51.100.5"], &[TIER]), json!({"ipv4:198.51.100.5": {TIER: "gold"}}));
}

/// Prefixes of 10.0.0.0/8 that nest, with a value of two properties, or none.
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
fn an_answer_alone_tells_every_value() {
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
