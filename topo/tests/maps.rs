//! Network maps beside the default one: other groupings of the same addresses, with costs of their own.

use std::path::Path;
use std::sync::Arc;

use topo::{LinkChange, Metric, Topology, TopologyError, View};

fn shipped() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/two-maps.json");
    std::fs::read_to_string(path).unwrap()
}

fn view(text: &str) -> View {
    View::compute(Arc::new(Topology::from_json(text.as_bytes(), "test").unwrap()))
}

/// Returns the same network with the map `access` as its default one.
fn with_access_alone() -> View {
    let mut file: serde_json::Value = serde_json::from_str(&shipped()).unwrap();
    file["pids"] = file["maps"]["access"].take();
    file.as_object_mut().unwrap().remove("maps");
    view(&file.to_string())
}

fn problems(maps: &str) -> Vec<String> {
    let text = format!(
        r#"{{"name": "t", "switches": [{{"name": "s"}}], "pids": {{"a": {{"ipv4": ["10.0.0.0/8"]}}}}, "maps": {maps}}}"#
    );
    let error: TopologyError = Topology::from_json(text.as_bytes(), "test").unwrap_err();
    error.problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}

#[test]
fn a_further_map_has_the_tags_and_costs_of_the_same_map_alone() {
    let (both, alone) = (view(&shipped()), with_access_alone());
    let maps: Vec<_> = both.maps().collect();
    let [(name, access)] = &maps[..] else { panic!("{maps:?}") };
    assert_eq!(name.as_str(), "access");
    assert_eq!(access.network_map().tag(), alone.network_map().tag());
    assert_eq!(access.tag(), alone.tag());
    for (source, _) in access.network_map().pids() {
        for (destination, _) in access.network_map().pids() {
            let cost = |view: &View| view.pid_cost(Metric::RoutingCost, source, destination);
            assert_eq!(cost(access), cost(&alone));
        }
    }
    assert_ne!(both.network_map().tag(), access.network_map().tag());
    let mut file: serde_json::Value = serde_json::from_str(&shipped()).unwrap();
    file.as_object_mut().unwrap().remove("maps");
    assert_eq!(view(&file.to_string()).tag(), both.tag(), "further maps change nothing in the default one");
}

#[test]
fn further_maps_follow_changes_of_links() {
    let before = view(&shipped());
    let change: LinkChange =
        serde_json::from_str(r#"{"source": "north", "destination": "centre", "cost": 500}"#).unwrap();
    let changed = Arc::new(before.topology().with_changes(&[change]).unwrap());
    let (next, anew) = (before.successor(Arc::clone(&changed)), View::compute(changed));
    assert_eq!(next.tag(), anew.tag());
    let tags = |view: &View| view.maps().map(|(_, map)| map.tag().to_owned()).collect::<Vec<_>>();
    assert_eq!(tags(&next), tags(&anew));
    assert_ne!(tags(&next), tags(&before));
    let access = |view: &View| Arc::clone(view.maps().next().unwrap().1);
    assert_eq!(access(&next).network_map().tag(), access(&before).network_map().tag());
    assert!(access(&next).changed_pairs(&access(&before)).is_some(), "what changed is known for each map");
}

#[test]
fn everything_wrong_in_a_further_map_is_named_with_its_path() {
    let found = problems(
        r#"{"a.b": {}, "m": {"p": {"switches": ["x"], "ipv4": ["10.0.0.0/8"]}, "q": {"ipv4": ["10.0.0.0/8", "z"]}}}"#,
    );
    for expected in [
        "maps.a.b: \"a.b\" is not a valid name of a network map",
        "maps.m.p.switches[0]: \"x\" is not a switch",
        "maps.m.q.ipv4[0]: 10.0.0.0/8 is already at maps.m.p.ipv4[0]",
        "maps.m.q.ipv4[1]: \"z\" is not a prefix",
    ] {
        assert!(found.iter().any(|found| found.starts_with(expected)), "{expected} is not in {found:#?}");
    }
    assert_eq!(found.len(), 4, "{found:#?}");
    let many: Vec<_> = (0..17).map(|number| format!("\"m{number}\": {{}}")).collect();
    assert_eq!(problems(&format!("{{{}}}", many.join(",")))[0], "maps: has 17 network maps; at most 16 are taken");
}

#[test]
fn the_same_prefix_may_be_in_several_maps() {
    let text = r#"{"name": "t", "pids": {"a": {"ipv4": ["10.0.0.0/8"]}},
        "maps": {"m": {"b": {"ipv4": ["10.0.0.0/8"]}}, "empty": {}}}"#;
    let view = view(text);
    let pids =
        |view: &View| -> Vec<String> { view.network_map().pids().map(|(_, pid)| pid.name().to_string()).collect() };
    assert_eq!(pids(&view), ["a", "default"]);
    let maps: Vec<_> = view.maps().map(|(name, map)| (name.to_string(), pids(map))).collect();
    let expected = [("empty", vec!["default"]), ("m", vec!["b", "default"])];
    let expected =
        expected.map(|(name, pids)| (name.to_owned(), pids.into_iter().map(str::to_owned).collect::<Vec<_>>()));
    assert_eq!(maps, expected, "every map is complete");
}
