//! The Internet Topology Zoo: one small file with each oddity once.

use std::path::PathBuf;

use alto_feed::import::Imported;
use alto_feed::import::zoo::{Options, import};
use alto_feed::input::{Text, read_text};
use topo::Topology;

fn oddities(options: Options) -> Imported {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/data/oddities.graphml"].iter().collect();
    let imported = import(&read_text(&path).unwrap(), &options).unwrap();
    Topology::from_file(imported.topology.clone(), "test").unwrap();
    imported
}

#[test]
fn names_are_legal_and_distinct() {
    let file = oddities(Options::default()).topology;
    let switches: Vec<_> = file.switches.iter().map(|switch| switch.name.as_str()).collect();
    assert_eq!(switches, ["Saint-Ouen-A-B", "None-2", "None-3", "node-4", "node-5", "node-6", "Far-away"]);
    assert!(!file.pids.as_ref().unwrap().contains_key("node-6"), "a junction is no PID");
    assert_eq!(file.hosts.len(), 6);
}

#[test]
fn links_take_what_the_file_tells_and_defaults_are_counted() {
    let imported = oddities(Options { hosts: 0, ..Options::default() });
    let links: Vec<_> = imported.topology.links.iter().map(|link| (link.bandwidth, link.delay.0)).collect();
    // A degree of latitude is 111.2 km, which light in fibre travels in 0.556 ms.
    let expected = [(2500.0, 0.556), (155.0, 0.556), (20_000.0, 0.05), (1000.0, 1.0), (1000.0, 0.5), (1000.0, 0.5)];
    assert_eq!(links, expected);
    let count = |key: &str| imported.assumptions.count(key);
    assert_eq!(
        [count("nodes"), count("edges"), count("external"), count("junctions"), count("self-loops")],
        [8, 8, 1, 1, 1]
    );
    assert_eq!([count("raw-speeds"), count("speeds"), count("label-speeds"), count("default-speeds")], [1, 1, 1, 3]);
    assert_eq!([count("default-delays"), count("floor-delays"), count("parts")], [3, 1, 2]);
    let warning = imported.assumptions.warning().unwrap();
    assert!(warning.contains("3 links have no speed, 1000 Mbit/s is taken"), "{warning}");
}

#[test]
fn peers_can_be_kept_and_islands_dropped() {
    let file = oddities(Options { external: true, largest: true, hosts: 0, ..Options::default() }).topology;
    let names: Vec<_> = file.pids.as_ref().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["None-2", "None-3", "Peer", "Saint-Ouen-A-B", "node-4", "node-5"]);
}

#[test]
fn places_become_properties_and_addresses_follow_the_rank() {
    let file = oddities(Options::default()).topology;
    let properties = &file.properties.pids["Saint-Ouen-A-B"];
    assert_eq!(properties["priv:alto-position"], topo::file::PropertyValue::Text("48,2".to_owned()));
    assert_eq!(properties["priv:alto-country"], topo::file::PropertyValue::Text("France".to_owned()));
    let pid = &file.pids.as_ref().unwrap()["None-2"];
    assert_eq!((&*pid.ipv4[0], &*pid.ipv6[0]), ("10.0.1.0/24", "fd00:0:0:1::/64"));
    assert_eq!(file.hosts[1].ips.as_deref().unwrap(), ["10.0.1.1/24", "fd00:0:0:1::1/64"]);
    assert_eq!(file.switches[1].dpid.as_deref(), Some("0000000000000003"), "the number of the node, from 1");
    assert!(!file.switches[5].hop && file.switches[4].hop, "only routers count as hops");
}

#[test]
fn what_the_zoo_does_not_contain_is_refused_with_its_place() {
    let graph = |content: &str| {
        format!("<graphml>\n<key id=\"k\" for=\"edge\" attr.name=\"LinkSpeedRaw\"/>{content}</graphml>")
    };
    let cases = [
        ("<a>".to_owned(), "f:1:"),
        ("<a/>".to_owned(), "f:1:1: the root element is not <graphml>"),
        (graph("\n<graph edgedefault=\"directed\"/>"), "f:3:1: edges are directed by default"),
        (graph("<graph/>\n  <graph/>"), "f:3:3: there is a second <graph>"),
        (graph("<graph><node id=\"a\"/>\n<node id=\"a\"/></graph>"), "f:3:1: there is a second node with the id \"a\""),
        (
            graph("<graph><node id=\"a\"/>\n<edge source=\"a\" target=\"b\"/></graph>"),
            "f:3:1: target \"b\" is not a node",
        ),
        (
            graph(
                "<graph><node id=\"a\"/><edge source=\"a\" target=\"a\">\n<data key=\"k\">fast</data></edge></graph>",
            ),
            "f:3:1: LinkSpeedRaw \"fast\" is not a number",
        ),
        (graph("<graph>\n<hyperedge/></graph>"), "f:3:1: <hyperedge> is not supported"),
    ];
    for (content, expected) in cases {
        let error = import(&Text::new("f", content), &Options::default()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
