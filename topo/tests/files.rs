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
    assert_eq!(count, 7);
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

#[test]
fn a_file_may_name_its_schema_for_editors() {
    let file = topo::file::TopologyFile::from_json(br#"{"$schema":"topo.schema.json","name":"t"}"#, "t.json").unwrap();
    assert_eq!(file.schema.as_deref(), Some("topo.schema.json"));
    assert!(file.to_json().contains("\"$schema\""));
    assert_eq!(
        problems(r#"{"$schema":5,"name":"t"}"#),
        "t.json: $schema: 5 is not the path or URI of a JSON Schema in quotes"
    );
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
        ("{", &["t.json", "not complete"][..]),
        ("[]", &["t.json", "a list is not a topology"]),
        ("{\"name\":\"t\"} x", &["goes on after its end", "\"x\""]),
        ("{\"name\":\"t\",\"name\":\"u\"}", &["name", "twice"]),
        ("{\"name\":\"t\",\"hosst\":[]}", &["hosst"]),
        (
            &link("\"bandwidth\":0,\"delay\":1"),
            &["links[0].bandwidth", "0 is out of range", "0.000001 to 10000000 Mbit/s"],
        ),
        (&link("\"bandwidth\":-5,\"delay\":1"), &["links[0].bandwidth", "-5"]),
        (&link("\"bandwidth\":10,\"delay\":-1"), &["links[0].delay", "-1"]),
        (&link("\"bandwidth\":10,\"delay\":\"2h\""), &["links[0].delay", "2h", "2ms"]),
        (&link("\"bandwidth\":10,\"delay\":1,\"cost\":-2"), &["links[0].cost", "-2"]),
        (&link("\"bandwidth\":10,\"delay\":1,\"loss\":101"), &["links[0].loss", "101"]),
        (&link("\"bandwidth\":10,\"delay\":1,\"latency\":1"), &["links[0]", "latency"]),
        (&link("\"bandwidth\":\"x\",\"delay\":1"), &["links[0].bandwidth", "\"x\"", "\"100G\""]),
        (&link("\"bandwidth\":\"100\",\"delay\":1"), &["links[0].bandwidth", "\"100\" has no unit"]),
        (&link("\"bandwidth\":1e-7,\"delay\":1"), &["links[0].bandwidth", "0.0000001 is out of range: use 0.000001"]),
        (&link("\"bandwidth\":\"20T\",\"delay\":1"), &["links[0].bandwidth", "20000000 is out of range"]),
        (&link("\"bandwidth\":10"), &["links[0].delay", "is missing", "milliseconds"]),
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
        "pids":{"a b":{"switches":["s1"]},"p":{"switches":["s1","h1","s1"],"ipv4":["10.0.0.0/8","10.0.0.0/33"]},"q":{"ipv4":["10.0.0.0/8"]}},
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
        "pids.p.switches[1]",
        "pids.p.switches[2]",
        "pids.p.ipv4[1]",
        "pids.q.ipv4[0]",
    ] {
        assert!(message.contains(&format!("t.json: {place}: ")), "{place} is not in\n{message}");
    }
}

#[test]
fn what_is_not_json_is_described_by_what_stands_there() {
    for (text, words) in [
        ("", &["is empty"][..]),
        ("  \n", &["is empty"]),
        ("# links of 2026\n{\"name\":\"t\"}", &["line 1", "\"# links of 2026\" is a comment"]),
        ("{\n  // core\n \"name\":\"t\"}", &["line 2", "\"// core\" is a comment"]),
        ("{\"name\":\"t\", /* x */ \"links\":[]}", &["\"/* x */", "is a comment"]),
        ("<?xml version=\"1.0\"?><graphml/>", &["not JSON but XML"]),
        ("{\"name\":\"t\",\"cost\":{\"hop_weight\": NaN}}", &["line 1, column", "\"NaN\"", "not a number of JSON"]),
        ("{\"name\":\"t\",\"cost\":{\"hop_weight\": -Infinity}}", &["not a number of JSON"]),
        ("{\"name\":\"t\",\"hosts\":[],}", &["comma", "remove it"]),
        ("{\"name\":\"t\",\"hosts\":[1,]}", &["comma", "remove it"]),
        ("{'name':'t'}", &["double quotes"]),
        ("{name:\"t\"}", &["keys are texts in double quotes"]),
        ("{\"name\" \"t\"}", &["a colon is missing"]),
        ("{\"name\":\"t\" \"hosts\":[]}", &["comma or a closing bracket is missing"]),
        ("{\"name\":\"t", &["not complete"]),
        ("{\"name\":\"t\nu\"}", &["goes on over the end of its line"]),
        ("\u{feff}{\"name\":7}", &["name: 7 is not a text"]),
        ("{\"name\":\"C:\\Sites\"}", &["a backslash", "doubled"]),
    ] {
        let message = problems(text);
        assert!(words.iter().all(|word| message.contains(word)), "{text}\n{message}\n{words:?}");
        for library in ["expected value", "EOF", "at line", "trailing", "f64", "invalid type", "serde"] {
            assert!(!message.contains(library), "{text}\n{message}");
        }
    }
    let message = Topology::from_json(b"{\"name\":\"Z\xfcrich\"}", "t.json").unwrap_err().to_string();
    assert!(message.contains("line 1 has the byte 0xfc, which is not UTF-8"), "{message}");
    let message = Topology::from_json(b"\xff\xfe{\x00", "t.json").unwrap_err().to_string();
    assert!(message.contains("UTF-16"), "{message}");
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let topology = Topology::from_json("\u{feff}{\"name\":\"t\"}".as_bytes(), "t.json").unwrap();
    assert_eq!(topology.name(), "t");
}

#[test]
fn what_follows_from_a_problem_is_not_reported_again() {
    let text = r#"{"name":"t","hosts":[{"name":"Zürich 1","ip":"10.0.0.1"}],
        "switches":[{"name":"core nord","dpid":"1"},{"name":"s2","dpid":"xyz"}],
        "links":[{"source":"Zürich 1","destination":"core nord","bandwidth":1,"delay":1},
            {"source":"core nord","destination":"s2","bandwidth":1,"delay":1}],
        "pids":{"p":{"switches":["core nord","s2"]}},"properties":{"hosts":{"Zürich 1":{"priv:x":"y"}}}}"#;
    let message = problems(text);
    assert_eq!(message.lines().count(), 3, "{message}");
    for place in ["hosts[0].name", "switches[0].name", "switches[1].dpid"] {
        assert!(message.contains(&format!("t.json: {place}: ")), "{place} is not in\n{message}");
    }
}

#[test]
fn units_stand_for_the_same_values_as_numbers() {
    let tag = |bandwidth: &str, delay: &str| {
        let text = format!(
            "{HEAD}\"links\":[{{\"source\":\"h1\",\"destination\":\"s1\",\"bandwidth\":{bandwidth},\"delay\":{delay}}}]}}"
        );
        let topology = Topology::from_json(text.as_bytes(), "t").unwrap();
        let change =
            format!("{{\"source\":\"h1\",\"destination\":\"s1\",\"bandwidth\":{bandwidth},\"delay\":{delay}}}");
        let changed = topology.with_changes(&[serde_json::from_str(&change).unwrap()]).unwrap();
        let tags = [topology, changed].map(|topology| View::compute(Arc::new(topology)).tag().to_owned());
        assert_eq!(tags[0], tags[1], "a change has the units of the file");
        tags[0].clone()
    };
    assert_eq!(tag("2500", "0.35"), tag("\"2.5G\"", "\"350us\""));
    assert_eq!(tag("0.064", "1200"), tag("\"64 kbit/s\"", "\"1.2s\""));
}

#[test]
fn a_mapped_address_is_the_ipv4_address_everywhere() {
    let text = r#"{"name":"t","hosts":[{"name":"h1","ip":"::ffff:10.0.0.1"},{"name":"h2","ip":"10.0.1.2"}],
        "switches":[{"name":"s1"}],
        "links":[{"source":"h1","destination":"s1","bandwidth":1,"delay":1},{"source":"h2","destination":"s1","bandwidth":1,"delay":1}],
        "pids":{"p":{"switches":["s1"],"ipv6":["::ffff:10.0.0.0/112"]}},
        "properties":{"prefixes":{"::ffff:10.0.0.1":{"priv:x":"y"}}}}"#;
    let view = View::compute(Arc::new(Topology::from_json(text.as_bytes(), "t").unwrap()));
    let p = view.network_map().id("p").unwrap();
    let pid = view.network_map().pid(p);
    assert_eq!((pid.ipv4().len(), pid.ipv6().len()), (1, 0), "{pid:?}");
    assert_eq!(pid.ipv4()[0].to_string(), "10.0.0.0/16");
    for (one, other) in [("10.0.0.1", "::ffff:10.0.1.2"), ("::ffff:10.0.0.1", "10.0.1.2")] {
        let [one, other] = [one, other].map(|address| view.endpoint(address.parse().unwrap()));
        assert_eq!(view.cost_between(Metric::HopCount, &one, &other).unwrap().as_integer(), Some(2));
    }
    assert_eq!(view.network_map().lookup("::ffff:10.0.7.7".parse().unwrap()), Some(p));
    let [plain, mapped] =
        ["10.0.0.1/32", "::ffff:10.0.0.1/128"].map(|net| view.properties().values(&net.parse().unwrap()));
    assert_eq!(plain.len(), 2);
    assert_eq!(plain, mapped);
    let twice = text.replace("10.0.1.2", "10.0.0.1");
    assert!(problems(&twice).contains("10.0.0.1 is already the address at hosts[0].ip"), "{}", problems(&twice));
    let twice = text.replace("\"ipv6\":[", "\"ipv4\":[\"10.0.0.0/16\"],\"ipv6\":[");
    assert!(
        problems(&twice).contains("pids.p.ipv6[0]: 10.0.0.0/16 is already at pids.p.ipv4[0]"),
        "{}",
        problems(&twice)
    );
}

#[test]
fn addresses_that_no_host_can_have_are_warned_of() {
    let text = r#"{"name":"t","hosts":[{"name":"a","ip":"0.0.0.0"},{"name":"b","ip":"239.1.1.1"},
        {"name":"c","ips":["255.255.255.255","ff02::1"]},{"name":"d","ip":"192.0.2.1"}]}"#;
    let warnings = Topology::from_json(text.as_bytes(), "t").unwrap().warnings().join("\n");
    for words in [
        "0.0.0.0 of the host a is the unspecified",
        "239.1.1.1 of the host b is a multicast",
        "255.255.255.255 of the host c is the broadcast",
        "ff02::1 of the host c is a multicast",
    ] {
        assert!(warnings.contains(words), "{words} is not in\n{warnings}");
    }
    assert!(!warnings.contains("192.0.2.1 of the host d is"), "{warnings}");
}

#[test]
fn a_segment_is_no_hop_and_a_switch_may_be_in_several_pids() {
    // h1 - r1 - lan - r2 - h2, with a border router r1 in two PIDs.
    let text = r#"{"name":"t","hosts":[{"name":"h1","ip":"10.1.0.1"},{"name":"h2","ip":"10.2.0.1"},{"name":"h3","ip":"10.3.0.1"}],
        "switches":[{"name":"r1"},{"name":"lan","hop":false},{"name":"r2"}],
        "links":[{"source":"h1","destination":"r1","bandwidth":1,"delay":0},{"source":"r1","destination":"lan","bandwidth":1,"delay":0},
            {"source":"lan","destination":"r2","bandwidth":1,"delay":0},{"source":"r2","destination":"h2","bandwidth":1,"delay":0},
            {"source":"lan","destination":"h3","bandwidth":1,"delay":0}],
        "pids":{"customers":{"switches":["r1"],"ipv4":["10.1.0.0/16"]},"transit":{"switches":["r1","r2"],"ipv4":["10.2.0.0/16"]}}}"#;
    let view = View::compute(Arc::new(Topology::from_json(text.as_bytes(), "t").unwrap()));
    let hops = |a: &str, b: &str| {
        let [a, b] = [a, b].map(|address| view.endpoint(address.parse().unwrap()));
        view.cost_between(Metric::HopCount, &a, &b).unwrap().as_integer()
    };
    assert_eq!(hops("10.1.0.1", "10.2.0.1"), Some(3), "h1-r1, r1-lan-r2, r2-h2");
    assert_eq!(hops("10.1.0.1", "10.3.0.1"), Some(2), "h1-r1, r1-lan-h3");
    assert_eq!(hops("10.3.0.1", "10.1.0.1"), Some(2), "h3-lan-r1, r1-h1");
    assert_eq!(
        view.topology().switches().map(|s| (s.is_hop(), s.dpid())).collect::<Vec<_>>(),
        [(false, None), (true, None), (true, None)]
    );
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
    assert_eq!(
        view.cost_between(Metric::RoutingCost, &known, &unknown).unwrap().as_integer(),
        Some(7),
        "to the other host"
    );
    assert_eq!(view.cost_between(Metric::RoutingCost, &unknown, &known).unwrap().as_integer(), Some(13), "and back");
    assert_eq!(view.cost_between(Metric::RoutingCost, &known, &known).unwrap().as_integer(), Some(0));
    assert_eq!(view.cost_between(Metric::ResidualBandwidth, &known, &known), None);
    assert_eq!(map.lookup("2001:db8::1".parse().unwrap()), None, "a map without IPv6 has no PID for IPv6 addresses");
}

#[test]
fn the_documented_examples_are_valid() {
    let guide = std::fs::read_to_string(data().join("../../docs/topology.md")).unwrap();
    let examples: Vec<&str> = guide.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let topology = Topology::from_json(example.as_bytes(), "docs/topology.md").unwrap();
        let view = View::compute(Arc::new(topology));
        assert_eq!((view.topology().warnings(), view.warnings()), (&[][..], Vec::new()));
    }
    // The keys and their defaults are those of the program.
    let schema = std::fs::read_to_string(data().join("topo.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let objects = schema["$defs"].as_object().unwrap().iter().filter(|(name, _)| !name.starts_with("Propert"));
    for (name, object) in objects.map(|(name, object)| (name.as_str(), object)).chain([("file", &schema)]) {
        for key in object["properties"].as_object().into_iter().flatten().map(|(key, _)| key) {
            assert!(guide.contains(&format!("`{key}`")), "{name}: {key} is not documented");
        }
    }
}
