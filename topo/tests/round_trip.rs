//! Writing of topology files: what is written reads back equal, and equal files have equal bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::option::of;
use proptest::prelude::*;
use serde_json::Value;
use topo::Topology;
use topo::file::{
    CostModel, Delay, HostFile, LinkFile, PidFile, PropertiesFile, PropertyValue, PropertyValues, SwitchFile,
    TopologyFile,
};

/// Numbers that test the printer: whole, short, long, and the neighbours of whole ones.
fn number(smallest: f64, largest: f64) -> impl Strategy<Value = f64> {
    let whole = (smallest..=largest).prop_map(f64::round);
    prop_oneof![whole, smallest..=largest, Just(smallest), Just(largest)]
        .prop_map(move |number| number.clamp(smallest, largest))
}

fn link(source: String, destination: String) -> impl Strategy<Value = LinkFile> {
    let numbers =
        (number(0.001, 1e7), number(0.0, 1e5), of(number(0.0, 1e9)), number(0.0, 1e9), of(number(0.0, 100.0)));
    (numbers, any::<bool>(), any::<bool>()).prop_map(move |((bandwidth, delay, cost, price, loss), directed, up)| {
        // A fixed cost keeps the computed one of a slow link from exceeding the limit.
        let cost = cost.or((bandwidth < 1.0).then_some(1.0));
        let (source, destination) = (source.clone(), destination.clone());
        LinkFile { source, destination, bandwidth, delay: Delay(delay), directed, cost, price, loss, up }
    })
}

fn values() -> impl Strategy<Value = PropertyValues> {
    let value = prop_oneof![3 => "\\PC{1,20}".prop_map(PropertyValue::Text), 1 => Just(PropertyValue::None)];
    prop::collection::btree_map("priv:[a-z]{1,3}", value, 0..3)
}

fn texts() -> impl Strategy<Value = PropertyValues> {
    prop::collection::btree_map("priv:[a-z]{1,3}", "\\PC{1,20}".prop_map(PropertyValue::Text), 0..3)
}

fn cost_model() -> impl Strategy<Value = CostModel> {
    let weight = || prop_oneof![Just(1.0), 0.0..=100.0];
    let reference = prop_oneof![Just(1000.0), 1.0..=2000.0];
    (weight(), weight(), weight(), reference, prop_oneof![Just(1.0), 1.0..=10.0]).prop_map(
        |(hop_weight, delay_weight, bandwidth_weight, reference_bandwidth, reference_delay)| CostModel {
            hop_weight,
            delay_weight,
            bandwidth_weight,
            reference_bandwidth,
            reference_delay,
        },
    )
}

/// Valid files with every key present and absent: a line of switches, with one host at each.
fn file() -> impl Strategy<Value = TopologyFile> {
    (0usize..6).prop_flat_map(|count| {
        let name = |kind: char, i: usize| format!("{kind}{i}");
        let hosts: Vec<_> = (0..count)
            .map(move |i| {
                any::<bool>().prop_map(move |one| {
                    let address = format!("10.0.{i}.1");
                    let (ip, ips) = if one {
                        (Some(address + "/24"), None)
                    } else {
                        (None, Some(vec![address, format!("2001:db8::{i}")]))
                    };
                    HostFile { name: name('h', i), ip, ips }
                })
            })
            .collect();
        let switches = (0..count)
            .map(|i| SwitchFile { name: name('s', i), dpid: (i != 1).then(|| format!("{:016X}", i + 10)), hop: i != 2 })
            .collect();
        let mut links: Vec<_> = (0..count).map(|i| link(name('h', i), name('s', i))).collect();
        links.extend((1..count).map(|i| link(name('s', i - 1), name('s', i))));
        let pids: BTreeMap<String, PidFile> = (0..count)
            .map(|i| {
                let ipv6 = if i % 2 == 0 { vec![format!("2001:db8:{i}::/48")] } else { Vec::new() };
                (format!("p:{i}"), PidFile { switches: vec![name('s', i)], ipv4: vec![format!("10.{i}.0.0/16")], ipv6 })
            })
            .collect();
        let with_pids = any::<bool>();
        let properties = (
            prop::collection::vec(values(), count),
            prop::collection::vec(values(), count),
            prop::collection::vec(texts(), count),
        );
        ("\\PC{0,10}", hosts, Just::<Vec<_>>(switches), links, with_pids, cost_model(), properties).prop_map(
            move |(title, hosts, switches, links, with_pids, cost, (of_hosts, of_prefixes, of_pids))| {
                let pid_names = pids.keys().cloned().zip(of_pids);
                let properties = PropertiesFile {
                    hosts: (0..).map(|i| name('h', i)).zip(of_hosts).collect(),
                    prefixes: (0..).map(|i| format!("192.0.{i}.0/24")).zip(of_prefixes).collect(),
                    pids: if with_pids { pid_names.collect() } else { BTreeMap::new() },
                };
                let maps = (0..pids.len() % 3).map(|i| (format!("map-{i}"), pids.clone())).collect();
                let pids = with_pids.then(|| pids.clone());
                TopologyFile { schema: None, name: title, hosts, switches, links, pids, maps, cost, properties }
            },
        )
    })
}

fn shipped() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("data")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(".json") && !path.to_string_lossy().ends_with(".schema.json") {
                let json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                if json.get("switches").is_some() {
                    found.push(path);
                }
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_shipped_topology_reads_back_equal_after_writing() {
    let files = shipped();
    assert!(files.len() >= 5, "{files:?}");
    for path in files {
        let file = TopologyFile::from_json(&std::fs::read(&path).unwrap(), "shipped").unwrap();
        let written = file.to_json();
        let read = TopologyFile::from_json(written.as_bytes(), "written").unwrap();
        assert_eq!(read, file, "{}", path.display());
        assert_eq!(read.to_json(), written, "{}", path.display());
    }
}

#[test]
fn defaults_are_left_out_and_whole_numbers_have_no_decimal_point() {
    let minimal = r#"{"name": "t", "hosts": [], "links": [], "cost": {"hop_weight": 1, "delay_weight": 0.5},
        "switches": [{"dpid": "1", "name": "a"}], "pids": {"p": {"ipv4": []}},
        "properties": {"hosts": {}, "prefixes": {"10.0.0.0/8": {"priv:b": null, "priv:a": "x"}}}}"#;
    let file = TopologyFile::from_json(minimal.as_bytes(), "t").unwrap();
    let compact = |json: &str| json.lines().map(str::trim).collect::<String>();
    assert_eq!(
        compact(&file.to_json()),
        r#"{"name": "t","switches": [{"name": "a","dpid": "1"}],"pids": {"p": {}},"cost": {"delay_weight": 0.5},"#
            .to_owned()
            + r#""properties": {"prefixes": {"10.0.0.0/8": {"priv:a": "x","priv:b": null}}}}"#
    );
    let links = r#"{"name": "t", "links": [{"destination": "b", "source": "a", "bandwidth": 1e3, "delay": "2.0ms", "loss": 0.0,
        "price": 0, "up": true, "directed": false, "cost": 1.25}]}"#;
    let file = TopologyFile::from_json(links.as_bytes(), "t").unwrap();
    assert_eq!(
        compact(&file.to_json()),
        r#"{"name": "t","links": [{"source": "a","destination": "b","bandwidth": 1000,"delay": 2,"cost": 1.25,"loss": 0}]}"#
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_valid_file_reads_back_equal_after_writing(file in file()) {
        let checked = Topology::from_file(file.clone(), "random");
        prop_assert!(checked.is_ok(), "{:?}", checked.err());
        let written = file.to_json();
        let read = TopologyFile::from_json(written.as_bytes(), "written").unwrap();
        prop_assert_eq!(&read, &file);
        prop_assert_eq!(read.to_json(), written);
    }
}
