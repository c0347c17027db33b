//! TopoHub's JSON, of newer releases (numbers, edges) and older ones (names, links).

use alto_feed::import::topohub::{Options, demand_lines, import};
use alto_feed::input::{Text, read_text};

use crate::lab;

const OPTIONS: Options = Options { hosts: 1, detour: 1.0 };

#[test]
fn nodes_links_and_demands_are_read_and_every_assumption_counted() {
    let (imported, demands) = import(&read_text(&lab::path("../topohub.json")).unwrap(), &OPTIONS).unwrap();
    let file = &imported.topology;
    let names: Vec<_> = file.switches.iter().map(|switch| switch.name.as_str()).collect();
    assert_eq!((file.name.as_str(), names), ("triangle", vec!["Berlin", "Praha-1", "Wien-2", "Wien-3"]));
    let delays: Vec<_> =
        file.links.iter().skip(4).map(|link| (&*link.source, &*link.destination, link.delay.0)).collect();
    // By the length; by the great circle (256.5 km); too short; without length or place.
    let expected = [
        ("Berlin", "Praha-1", 1.4),
        ("Praha-1", "Wien-2", 1.283),
        ("Wien-2", "Wien-3", 0.05),
        ("Wien-3", "Berlin", 1.0),
    ];
    assert_eq!(delays, expected);
    let count = |key: &str| imported.assumptions.count(key);
    assert_eq!((count("self-loops"), count("default-delays"), count("floor-delays")), (1, 1, 1));
    assert_eq!((file.properties.pids.len(), file.hosts.len(), count("demands")), (3, 4, 3));
    let lines = "source,destination,demand\nBerlin,Praha-1,12.5\nBerlin,Wien-2,3\nWien-2,Berlin,7\n";
    assert_eq!(demand_lines(&demands), lines);
    let costs = lab::costs(file, &["Berlin", "Praha-1"].map(str::to_owned));
    assert!(costs[0][1] > 0.0 && costs[0][1].total_cmp(&costs[1][0]).is_eq(), "{costs:?}");
}

#[test]
fn older_files_have_names_and_links() {
    let json = r#"{"graph": {"demands": {"a": {"b": 1}}}, "nodes": [{"id": "a"}, {"id": "b", "pos": [1, 2]}],
        "links": [{"source": "a", "target": "b", "dist": 199.86}]}"#;
    let (imported, demands) = import(&Text::new("f", json), &Options { hosts: 0, detour: 1.5 }).unwrap();
    let link = &imported.topology.links[0];
    assert_eq!((&*link.source, &*link.destination, link.delay.0, demands.len()), ("a", "b", 1.5, 1));
}

#[test]
fn what_would_be_misread_is_refused_with_its_place() {
    let nodes = r#""graph": {}, "nodes": [{"id": 1}, {"id": 2}]"#;
    for (json, words) in [
        (
            format!(r#"{{{nodes}, "edges": [{{"source": 1, "target": 3}}]}}"#),
            "f: edges[0].target: \"3\" is the id of no node",
        ),
        (format!(r#"{{{nodes}, "directed": true, "edges": []}}"#), "directed: true is not supported"),
        (format!("{{{nodes}}}"), "\"edges\" is missing: add it"),
        (
            r#"{"graph": {"demands": {"1": {"9": 1}}}, "nodes": [{"id": 1}], "edges": []}"#.to_owned(),
            "graph.demands: \"9\"",
        ),
        (r#"{"graph": {}, "nodes": [{"id": 1}, {"id": "1"}], "edges": []}"#.to_owned(), "two have the same id"),
        ("{\n\"graph\": 1}".to_owned(), "f:2:10: "),
    ] {
        let error = import(&Text::new("f", json), &OPTIONS).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
