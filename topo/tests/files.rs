//! Topology files: those that ship are valid, and problems are reported with place, value and remedy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use topo::{Metric, Topology, View};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

#[test]
fn every_shipped_topology_is_valid_and_has_a_drawing() {
    let mut count = 0;
    for entry in std::fs::read_dir(data()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") || path.to_string_lossy().ends_with(".schema.json") {
            continue;
        }
        let topology = Topology::from_path(&path).unwrap();
        let partitioned = path.to_string_lossy().contains("fixture-a");
        assert!(topology.warnings().is_empty() || partitioned, "{}: {:?}", path.display(), topology.warnings());
        assert!(path.with_extension("txt").exists(), "{} has no drawing", path.display());
        View::compute(Arc::new(topology));
        count += 1;
    }
    assert_eq!(count, 5);
}

/// `UPDATE_GOLDEN=1 cargo test -p topo` rewrites the schema.
#[test]
fn the_schema_is_up_to_date() {
    let path = data().join("topo.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(topo::file::TopologyFile)).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), schema, "run with UPDATE_GOLDEN=1");
}

const HEAD: &str = r#"{"name":"t","hosts":[{"name":"h1","ip":"10.0.0.1"},{"name":"h2","ip":"10.0.0.2/24"}],
    "switches":[{"name":"s1","dpid":"1"},{"name":"s2","dpid":"2"}],"#;

fn problems(text: &str) -> String {
    Topology::from_json(text.as_bytes(), "t.json").unwrap_err().to_string()
}

#[test]
fn problems_name_file_place_value_and_remedy() {
    let link = |more: &str| format!("{HEAD}\"links\":[{{\"source\":\"h1\",\"destination\":\"s1\",{more}}}]}}");
    for (text, words) in [
        ("{", &["t.json", "EOF"][..]),
        ("[]", &["t.json"]),
        ("{\"name\":\"t\"} x", &["trailing"]),
        ("{\"name\":\"t\",\"name\":\"u\"}", &["name", "twice"]),
        ("{\"name\":\"t\",\"hosst\":[]}", &["hosst"]),
        (&link("\"bandwidth\":0,\"delay\":1"), &["links[0].bandwidth", "0 is out of range", "more than 0"]),
        (&link("\"bandwidth\":-5,\"delay\":1"), &["links[0].bandwidth", "-5"]),
        (&link("\"bandwidth\":10,\"delay\":-1"), &["links[0].delay", "-1"]),
        (&link("\"bandwidth\":10,\"delay\":\"2s\""), &["links[0].delay", "2s", "2ms"]),
        (&link("\"bandwidth\":10,\"delay\":1,\"cost\":-2"), &["links[0].cost", "-2"]),
        (&link("\"bandwidth\":10,\"delay\":1,\"loss\":101"), &["links[0].loss", "101"]),
        (&link("\"bandwidth\":10,\"delay\":1,\"latency\":1"), &["links[0]", "latency"]),
        (&link("\"bandwidth\":\"x\",\"delay\":1"), &["links[0].bandwidth"]),
    ] {
        let message = problems(text);
        assert!(words.iter().all(|word| message.contains(word)), "{text}\n{message}\n{words:?}");
        assert!(message.starts_with("t.json: "), "{message}");
    }
}

#[test]
fn all_problems_of_a_file_are_reported_at_once() {
    let text = r#"{"name":"t","hosts":[{"name":"h1","ip":"10.0.0.1"},{"name":"h1","ip":"10.0.0.1"},{"name":"h 3","ip":"x"},{"name":"h4"}],
        "switches":[{"name":"s1","dpid":"1"},{"name":"s2","dpid":"01"},{"name":"s3","dpid":"xyz"}],
        "links":[{"source":"h1","destination":"nope","bandwidth":1,"delay":1},{"source":"s1","destination":"s1","bandwidth":1,"delay":1}],
        "pids":{"a b":{"switches":["s1"]},"p":{"switches":["s1","h1"],"ipv4":["10.0.0.0/8","10.0.0.0/33"]},"q":{"ipv4":["10.0.0.0/8"]}},
        "cost":{"hop_weight":-1,"reference_delay":0}}"#;
    let message = problems(text);
    for place in [
        "cost.hop_weight",
        "cost.reference_delay",
        "hosts[1].name",
        "hosts[1].ip",
        "hosts[2].name",
        "hosts[2].ip",
        "hosts[3]",
        "switches[1].dpid",
        "switches[2].dpid",
        "links[0].destination",
        "links[1]",
        "pids.a b",
        "pids.p.switches[0]",
        "pids.p.switches[1]",
        "pids.p.ipv4[1]",
        "pids.q.ipv4[0]",
    ] {
        assert!(message.contains(&format!("t.json: {place}: ")), "{place} is not in\n{message}");
    }
}

#[test]
fn samples_are_condensed_and_checked() {
    let text = format!(
        "{HEAD}\"links\":[{{\"source\":\"h1\",\"destination\":\"s1\",\"bandwidth\":8,\"delay\":2,\"loss\":1}}]}}"
    );
    let topology = Topology::from_json(text.as_bytes(), "t").unwrap();
    let change = |more: &str| -> Result<Topology, String> {
        let text = format!("{{\"source\":\"s1\",\"destination\":\"h1\",{more}}}");
        let change: topo::LinkChange = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        // The condensed form of a change has the same effect.
        let kept = topology.with_changes(&[change.clone().condensed()]).map_err(|error| error.to_string());
        let link = |topology: &Topology| format!("{:?}", topology.links().next());
        let made = topology.with_changes(&[change]).map_err(|error| error.to_string())?;
        assert_eq!(link(&made), link(&kept?));
        Ok(made)
    };
    let link = |more: &str| serde_json::to_value(change(more).unwrap().links().next().unwrap()).unwrap();
    let measured = link(r#""measured-delay":[9,2.5,3],"measured-loss":[0.2,0.4],"utilisation":[0.9,0.25]"#);
    assert_eq!((&measured["measured-delay"], &measured["delay"]), (&3.0.into(), &2.0.into()));
    assert!((measured["measured-loss"].as_f64().unwrap() - 0.3).abs() < 1e-12);
    assert_eq!((&measured["loss"], &measured["utilisation"]), (&1.0.into(), &0.25.into()));
    assert_eq!(
        measured["link-cost"],
        link(r#""utilisation":0.25"#)["link-cost"],
        "a measured delay does not change the cost"
    );
    assert!(link(r#""measured-delay":null"#).get("measured-delay").is_none());
    for (wrong, words) in [
        (r#""measured-delay":[1,-1]"#, "measured-delay: -1 is out of range"),
        (r#""measured-delay":[]"#, "measured-delay: has 0 samples"),
        (r#""measured-loss":101"#, "measured-loss: 101 is out of range"),
        (r#""loss":-1"#, "loss: -1 is out of range"),
        (r#""utilisation":[0.1,1]"#, "utilisation: 1 is out of range"),
        (r#""utilisation":"x""#, "list of numbers"),
        (r#""measured-loss":"x""#, "a number"),
    ] {
        let error = change(wrong).unwrap_err();
        assert!(error.contains(words), "{wrong}: {error}");
    }
}

#[test]
fn a_switch_with_a_dot_in_its_name_cannot_name_a_pid() {
    let text = r#"{"name":"t","hosts":[{"name":"h","ip":"10.0.0.1"}],"switches":[{"name":"s.1","dpid":"1"}],
        "links":[{"source":"h","destination":"s.1","bandwidth":1,"delay":1}]}"#;
    assert!(problems(text).contains("pids: s.1 cannot name a PID"), "{}", problems(text));
}

#[test]
fn unusual_but_valid_content_gives_warnings() {
    let text = format!(
        "{HEAD}\"links\":[{{\"source\":\"h1\",\"destination\":\"s1\",\"bandwidth\":1,\"delay\":\"2ms\"}}],
        \"pids\":{{\"p\":{{\"switches\":[\"s2\"],\"ipv4\":[\"10.0.0.1/8\"]}}}}}}"
    );
    let warnings = Topology::from_json(text.as_bytes(), "t").unwrap().warnings().join("\n");
    for word in ["10.0.0.0/8 is used", "h2 has no link", "names none of the switches", "partitioned"] {
        assert!(warnings.contains(word), "{word} is not in\n{warnings}");
    }
}

#[test]
fn costs_within_a_pid_are_means_and_costs_of_default_are_undefined() {
    let text = format!(
        "{HEAD}\"links\":[
            {{\"source\":\"h1\",\"destination\":\"s1\",\"bandwidth\":1,\"delay\":1,\"cost\":1}},
            {{\"source\":\"h2\",\"destination\":\"s2\",\"bandwidth\":1,\"delay\":1,\"cost\":2}},
            {{\"source\":\"s1\",\"destination\":\"s2\",\"bandwidth\":1,\"delay\":1,\"cost\":4,\"directed\":true}},
            {{\"source\":\"s2\",\"destination\":\"s1\",\"bandwidth\":1,\"delay\":1,\"cost\":10,\"directed\":true}}],
        \"pids\":{{\"p\":{{\"switches\":[\"s1\",\"s2\"],\"ipv4\":[\"10.0.0.0/8\"]}}}}}}"
    );
    let view = View::compute(Arc::new(Topology::from_json(text.as_bytes(), "t").unwrap()));
    let map = view.network_map();
    let (p, default) = (map.id("p").unwrap(), map.id("default").unwrap());
    // The cost from h1 to h2 is 7, and 13 back.
    assert_eq!(view.pid_cost(Metric::RoutingCost, p, p).unwrap().as_integer(), Some(10));
    for (a, b) in [(p, default), (default, p), (default, default)] {
        assert_eq!(view.pid_cost(Metric::RoutingCost, a, b), None, "the PID default names no switch");
    }
    let known = view.endpoint("10.0.0.1".parse().unwrap());
    let unknown = view.endpoint("10.9.9.9".parse().unwrap());
    assert_eq!(view.cost_between(Metric::RoutingCost, &known, &unknown).unwrap().as_integer(), Some(10));
    assert_eq!(view.cost_between(Metric::RoutingCost, &known, &known).unwrap().as_integer(), Some(0));
    assert_eq!(view.cost_between(Metric::ResidualBandwidth, &known, &known), None);
    assert_eq!(map.lookup("2001:db8::1".parse().unwrap()), None, "a map without IPv6 has no PID for IPv6 addresses");
}
