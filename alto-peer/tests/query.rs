//! `alto-peer query` as people and scripts see it: tables, JSON, help, exit codes.

use std::process::Stdio;

use crate::support::Server;
use crate::support::process::{assert_golden_help, finished, program};
use serde_json::{Value, json};
use test_support::scripted_server::{Reply, Script};
use test_support::single_cost::plain_directory;

/// Runs the program with these arguments and a password. Returns exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let (code, out, error) = finished(program().env("ALTO_PASSWORD", "pass:word").args(arguments));
    (code.unwrap(), out, error)
}

/// Standard output of a question that is answered without anything to complain about.
#[track_caller]
fn query(what: &str, server: &Server, more: &[&str]) -> String {
    let uri = server.directory();
    let (code, out, error) = run(&[&["query", what, &uri], more].concat());
    assert_eq!((code, error.as_str()), (0, ""));
    out
}

#[track_caller]
fn query_json(what: &str, server: &Server, more: &[&str]) -> Value {
    serde_json::from_str(&query(what, server, &[more, &["--json"]].concat())).unwrap()
}

fn fixture() -> Server {
    Server::of("conformance-fixture-a.json")
}

#[test]
fn help_is_as_it_was() {
    for what in ["", "directory", "network-map", "cost-map", "pid", "costs", "property", "property-map", "watch"] {
        let arguments: Vec<&str> = ["query", what, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let (code, help, _) = run(&arguments);
        assert_eq!(code, 0);
        assert!(help.contains("EXAMPLES"), "{help}");
        assert_golden_help(&arguments[..arguments.len() - 1].join("-"), &help);
    }
}

#[test]
fn directory() {
    let server = fixture();
    let text = query("directory", &server, &[]);
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{text}"));
    assert!(line("default network map").ends_with("network-map"));
    let words: Vec<&str> = line("filtered-cost-map").split_whitespace().collect();
    let uri = format!("http://{}/costmap/filtered", server.address);
    assert_eq!(words, ["filtered-cost-map", "cost", "map", "filter", "POST", "network-map", &uri]);
    assert!(line("routingcost   ordinal").contains("endpoint-cost (constraints)"));
    assert!(line("network-map.pid").ends_with("endpoint-property"));
    assert!(text.lines().all(|line| line.chars().count() <= 160), "{text}");
    assert!(line("tips").contains(" tips ") && line("update-stream").contains(" update stream "), "{text}");
    assert!(line("update-stream").contains(" more "), "{text}");
    let json = query_json("directory", &server, &[]);
    assert_eq!(json["default-alto-network-map"], "network-map");
    assert_eq!(json["problems"], json!([]));
    let entry = json["resources"].as_array().unwrap().iter().find(|entry| entry["id"] == "endpoint-property").unwrap();
    assert_eq!(entry["capabilities"]["prop-types"], json!(["network-map.pid"]));
    assert_eq!(entry["accepts"], "application/alto-endpointpropparams+json");
}

#[test]
fn property_map() {
    let server = Server::of("two-isps.json");
    let whole = query_json("property-map", &server, &[]);
    let entity = "ipv4:127.1.0.10";
    assert!(whole["property-map"].as_object().unwrap().len() > 5 && whole["property-map"].get(entity).is_some());
    let text = query("property-map", &server, &["--entities", entity, "--properties", ".priv:alto-access"]);
    assert!(text.starts_with("property map of network-map "), "{text}");
    assert!(text.ends_with("\nipv4:127.1.0.10  .priv:alto-access  datacentre\n"), "{text}");
    let part = query_json("property-map", &server, &["--map", "filtered-property-map", "--entities", entity]);
    assert_eq!(part["property-map"].as_object().unwrap().keys().collect::<Vec<_>>(), [entity]);
    let (code, _, error) = run(&["query", "property-map", &server.directory(), "--map", "none"]);
    assert_eq!(code, 1);
    assert!(error.contains("property map \"none\"") && error.contains("filtered-property-map"), "{error}");
}

#[test]
fn maps() {
    let server = fixture();
    let text = query("network-map", &server, &["--pids", "pidC,pidD"]);
    assert!(
        text.ends_with("\nPID   TYPE  PREFIX\npidC  ipv4  198.51.100.128/25\npidD  ipv6  2001:db8:d::/48\n"),
        "{text}"
    );
    let text = query("network-map", &server, &["--pids", "pidD", "--types", "ipv4"]);
    assert!(text.ends_with("pidD  -     -\n"), "{text}");
    let json = query_json("network-map", &server, &["--map", "network-map", "--types", "ipv6", "--pids", "pidD"]);
    assert_eq!(json["network-map"], json!({"pidD": {"ipv6": ["2001:db8:d::/48"]}}));

    let text = query("cost-map", &server, &["--from", "pidB,pidA", "--to", "pidB,pidD"]);
    assert!(text.ends_with("\nFROM \\ TO  pidB  pidD\npidA        1.5     7\npidB          0     -\n"), "{text}");
    let more = ["--metric", "routingcost", "--mode", "ordinal", "--constraint", "le 2", "--constraint", "gt 1"];
    let costs = query_json("cost-map", &server, &more);
    assert_eq!(costs["meta"]["cost-type"]["cost-mode"], "ordinal");
    assert_eq!(costs["meta"]["dependent-vtags"][0], json["meta"]["vtag"]);
    assert_eq!(costs["cost-map"]["pidA"], json!({"pidB": 2.0}));
    let uri = server.directory();
    let (code, _, warning) = run(&["query", "cost-map", &uri, "--from", "nowhere"]);
    assert_eq!((code, warning.as_str()), (0, "alto-peer: warning: the network map has no PID nowhere\n"));
}

#[test]
fn pids() {
    let server = fixture();
    let addresses = ["192.0.2.7", "ipv6:2001:DB8:D:0::1", "203.0.113.9"];
    let text = query("pid", &server, &addresses);
    let expected = "ADDRESS        PID   PREFIX\n\
                    192.0.2.7      pidB  192.0.2.7/32\n\
                    2001:db8:d::1  pidD  2001:db8:d::/48\n\
                    203.0.113.9    pidZ  0.0.0.0/0\n";
    assert_eq!(text, expected);
    let asked = query("pid", &server, &[&addresses[..], &["--ask-server"]].concat());
    let columns = |text: &str| {
        text.lines().map(|line| line.split_whitespace().take(2).map(str::to_owned).collect()).collect::<Vec<Vec<_>>>()
    };
    assert_eq!(columns(&asked), columns(&text));
    let (here, there) = (
        query_json("pid", &server, &addresses),
        query_json("pid", &server, &[&addresses[..], &["--ask-server"]].concat()),
    );
    assert_eq!(here, there);
    assert_eq!(here["endpoint-properties"]["ipv6:2001:db8:d::1"], json!({"network-map.pid": "pidD"}));
    // An address that no prefix covers.
    let server = Server::of("two-isps.json");
    assert_eq!(query("pid", &server, &["::1"]), "ADDRESS  PID  PREFIX\n::1      -    -\n");
    for more in [&["::1"][..], &["::1", "--ask-server"]] {
        assert_eq!(query_json("pid", &server, more)["endpoint-properties"], json!({"ipv6:::1": {}}));
    }
}

#[test]
fn costs() {
    let server = fixture();
    let from_a = ["--from", "192.0.2.1", "--to", "203.0.113.1,192.0.2.7,198.51.100.200"];
    let text = query("costs", &server, &from_a);
    let expected = "numerical routingcost\n\n\
                    FROM       TO              COST\n\
                    192.0.2.1  192.0.2.7        1.5\n\
                    192.0.2.1  198.51.100.200     5\n\
                    192.0.2.1  203.0.113.1       20\n";
    assert_eq!(text, expected, "cheapest first");
    assert_eq!(query("costs", &server, &[&from_a[..], &["--by-maps"]].concat()), expected);
    let more = ["--mode", "ordinal", "--constraint", "le 2"];
    let json = query_json("costs", &server, &[&from_a[..], &more].concat());
    assert_eq!(
        json["endpoint-cost-map"],
        json!({"ipv4:192.0.2.1": {"ipv4:192.0.2.7": 1.0, "ipv4:198.51.100.200": 2.0}})
    );
    // An undefined cost is shown as such.
    let uri = server.directory();
    let undefined = ["query", "costs", &uri, "--from", "2001:db8:d::1", "--to", "192.0.2.7"];
    let (code, text, note) = run(&undefined);
    assert!(code == 0 && text.ends_with("2001:db8:d::1  192.0.2.7     -\n"), "{text}");
    let reason = "the server does not know the address, or has no such cost for it";
    assert_eq!(note, format!("alto-peer: note: no cost for 2001:db8:d::1, 192.0.2.7: {reason}\n"));
    assert_eq!(run(&[&undefined[..], &["--json"]].concat()).2, "");
    // Without --from it is from here.
    let server = Server::of("two-isps.json");
    let uri = server.directory();
    let some = ["query", "costs", &uri, "--from", "127.1.1.1", "--to", "127.1.2.1,8.8.8.8,::1"];
    let (code, _, note) = run(&some);
    assert_eq!((code, note), (0, format!("alto-peer: note: no cost for 8.8.8.8, ::1: {reason}\n")));
    let text = query("costs", &server, &["--to", "127.1.2.1", "--source", "127.1.1.2"]);
    assert!(text.contains("\n127.1.1.2  127.1.2.1  "), "{text}");
}

#[test]
fn several_costs_have_a_column_each() {
    let server = Server::of("two-isps.json");
    let between = ["--from", "127.1.1.1", "--to", "127.2.2.7,127.2.1.5,127.1.1.1"];
    let metrics = ["--metric", "bw-residual,delay-ow", "--metric", "routingcost"];
    let arguments = [&between[..], &metrics].concat();
    let text = query("costs", &server, &arguments);
    let expected = "numerical bw-residual in bytes per second (cur of bw-residual, nominal, more is better)\n\
                    numerical delay-ow in microseconds (median of delay-ow, nominal)\n\
                    numerical routingcost\n\n\
                    FROM       TO         BW-RESIDUAL [B/s]  DELAY-OW [us]  ROUTINGCOST\n\
                    127.1.1.1  127.2.1.5           12500000          16000           53\n\
                    127.1.1.1  127.2.2.7            6250000          15000           60\n\
                    127.1.1.1  127.1.1.1                  -              0            0\n";
    assert_eq!(text, expected, "most bandwidth first, undefined last");
    let json = query_json("costs", &server, &arguments);
    assert_eq!(json["meta"]["multi-cost-types"][1]["cost-metric"], "delay-ow");
    let row = &json["endpoint-cost-map"]["ipv4:127.1.1.1"];
    assert_eq!(row["ipv4:127.2.2.7"], json!([6_250_000.0, 15_000.0, 60.0]));
    assert_eq!(row["ipv4:127.1.1.1"], json!([null, 0.0, 0.0]));
    let by_maps = query("costs", &server, &[&arguments[..], &["--by-maps"]].concat());
    assert!(by_maps.contains("BW-RESIDUAL [B/s]"), "{by_maps}");

    // One request here, one for each where the server can do no more; the answer is the same.
    let requests = |uri: &str| {
        let (code, out, log) = run(&[&["query", "costs", uri, "--verbose"], &arguments[..]].concat());
        assert_eq!((code, out.as_str()), (0, expected), "{log}");
        log
    };
    assert!(!requests(&server.directory()).contains("does not answer for all of these at once"));
    let plain = plain_directory(&server, &[]);
    assert!(requests(&plain.uri("/ird")).contains("does not answer for all of these at once: 3 requests"));

    // A single metric of which more is better, and its unit.
    let text = query("costs", &server, &[&between[..4], &["--metric", "bw-residual"]].concat());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "numerical bw-residual in bytes per second");
    assert!(lines[3].ends_with("127.2.1.5  12500000") && lines[4].ends_with("127.2.2.7   6250000"), "{text}");
}

#[test]
fn tests_may_be_of_any_metric() {
    let server = Server::of("two-isps.json");
    let between = ["--from", "127.1.1.1", "--to", "127.2.2.7,127.2.1.5,127.1.2.3"];
    let json = |tests: &[&str]| query_json("costs", &server, &[&between[..], tests].concat());
    let found = |tests: &[&str]| -> Vec<String> {
        json(tests)["endpoint-cost-map"]["ipv4:127.1.1.1"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        found(&["--constraint", "bw-residual ge 12500000", "--constraint", "delay-ow gt 5000"]),
        ["ipv4:127.2.1.5"]
    );
    let either = ["--or-constraint", "delay-ow lt 5000", "--or-constraint", "bw-residual lt 1e7, hopcount ge 2"];
    assert_eq!(found(&either), ["ipv4:127.1.2.3", "ipv4:127.2.2.7"]);
    assert_eq!(
        found(&["--metric", "delay-ow,hopcount", "--constraint", "le 15000"]),
        ["ipv4:127.1.2.3", "ipv4:127.2.2.7"]
    );
    // One metric and tests of it alone: everything as it always was.
    assert_eq!(json(&["--constraint", "routingcost le 53"])["meta"]["cost-type"]["cost-metric"], "routingcost");

    let fixture = fixture();
    let text =
        query("cost-map", &fixture, &["--from", "pidB", "--to", "pidA,pidB,pidD", "--metric", "delay-ow,bw-residual"]);
    let expected = "\n\nFROM  TO    DELAY-OW [us]  BW-RESIDUAL [B/s]\n\
                    pidB  pidA           1000          125000000\n\
                    pidB  pidB              0                  -\n";
    assert!(text.starts_with("network map network-map, version ") && text.ends_with(expected), "{text}");
    let json =
        query_json("cost-map", &fixture, &["--metric", "hopcount,routingcost", "--constraint", "routingcost ge 40"]);
    assert_eq!(json["cost-map"]["pidZ"], json!({"pidD": [1.0, 40.0]}));
}

#[test]
fn properties() {
    let server = fixture();
    let expected = "ADDRESS    PROPERTY         VALUE\n192.0.2.7  network-map.pid  pidB\n";
    assert_eq!(query("property", &server, &["192.0.2.7"]), expected);
    assert_eq!(query("property", &server, &["192.0.2.7", "--property", "network-map.pid"]), expected);
    let json = query_json("property", &server, &["192.0.2.7"]);
    assert_eq!(json["endpoint-properties"], json!({"ipv4:192.0.2.7": {"network-map.pid": "pidB"}}));
}

#[test]
fn exit_codes_tell_what_kind_of_failure_it_was() {
    let server = fixture();
    let uri = &server.directory();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (junk, none) = (path("junk"), path("none"));
    std::fs::write(&junk, "junk\n").unwrap();
    let request = path("request.json");
    std::fs::write(&request, "{\"a\": 1,\n \"b\": 'x'}").unwrap();
    let unread = format!("{none} cannot be read: No such file");
    let place = format!("{request}: line 2, column 7: ");
    for (code, says, arguments) in [
        (78, unread.as_str(), &["query", "watch", uri, "filtered-cost-map", "--input", &none][..]),
        (78, &place, &["query", "watch", uri, "filtered-cost-map", "--input", &request]),
        (1, "--input", &["query", "watch", uri, "filtered-cost-map"]),
        (64, "SUBCOMMAND", &["query"][..]),
        (64, "--no-such", &["query", "directory", uri, "--no-such"]),
        (64, "--from, --to", &["query", "costs", uri]),
        (64, "--from", &["query", "costs", uri, "--to", "::1", "--by-maps"]),
        (64, "no IP address", &["query", "pid", uri, "192.0.2.256"]),
        (64, "is not a constraint", &["query", "costs", uri, "--to", "::1", "--constraint", "below 5"]),
        (64, "is not a constraint", &["query", "costs", uri, "--to", "::1", "--or-constraint", "hopcount le 5,"]),
        (64, "cannot be used with", &["query", "cost-map", uri, "--constraint", "le 1", "--or-constraint", "le 2"]),
        (1, "numerical tput", &["query", "costs", uri, "--to", "::1", "--metric", "hopcount,tput"]),
        (64, "is not a legal cost metric", &["query", "costs", uri, "--to", "::1", "--metric", "a.b"]),
        (64, "is not a URI", &["query", "directory", "directory"]),
        (78, &none, &["query", "directory", uri, "--ca", &none]),
        (78, &junk, &["query", "directory", uri, "--ca", &junk]),
        (78, "NAME:PASSWORD", &["query", "directory", uri, "--user-file", &junk]),
        (1, "refused", &["query", "directory", "http://127.0.0.1:1/directory"]),
        (1, "404", &["query", "directory", &format!("{uri}/none")]),
        (1, "numerical hopcount", &["query", "costs", uri, "--to", "::1", "--metric", "tput"]),
        (1, "network-map", &["query", "pid", uri, "::1", "--map", "other"]),
        (1, "network-map.pid", &["query", "property", uri, "::1", "--property", "priv:x"]),
    ] {
        let (ended, out, error) = run(arguments);
        assert_eq!(ended, code, "{arguments:?}: {error}");
        assert!(error.contains(says), "{error} should say {says}");
        assert_eq!(out, "");
    }
}

#[test]
fn credentials_come_from_wherever_is_safe() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, "ada:pass:word\n").unwrap();
    let users = users.to_str().unwrap();
    let server = Server::of_with("two-isps.json", &["--digest-users", users]);
    for access in [["--user", "ada:pass:word"], ["--user", "ada"], ["--user-file", users]] {
        query("directory", &server, &access);
    }
    let uri = server.directory();
    let (code, _, error) = run(&["query", "directory", &uri]);
    assert!(code == 1 && error.contains("wants credentials") && error.contains("--user"), "{error}");
    let (code, out, error) = run(&["query", "directory", &uri, "--user", "ada:wrong", "--verbose"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("password is wrong") && error.contains("status=401"), "{error}");
    assert!(!error.contains("ada:wrong"), "{error}");
}

#[test]
fn what_a_server_says_cannot_play_with_the_terminal() {
    let server = Script::start();
    let escape = "\u{1b}]0;x\u{7}";
    let directory = json!({"meta": {}, "resources": {
        "x": {"uri": "x", "media-type": format!("a/{escape}b"), "capabilities": {"prop-types": [escape]}},
        "y": {"uri": escape, "media-type": escape},
    }});
    server.on("GET /ird", [Reply::alto("directory", &directory)]);
    let (code, out, error) = run(&["query", "directory", &server.uri("/ird")]);
    assert_eq!(code, 0);
    assert!(error.starts_with("alto-peer: warning: "), "{error}");
    assert!(!out.contains('\u{1b}') && !error.contains('\u{1b}') && out.contains('x'), "{out}{error}");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let server = fixture();
    let mut command = program();
    command.args(["query", "network-map", &server.directory()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn watch_prints_the_versions_that_it_begins_with_whatever_the_way() {
    let server = fixture();
    for way in ["stream", "tips", "polling"] {
        let text = query("watch", &server, &["--by", way, "--updates", "2"]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines.iter().any(|line| line.starts_with("network-map is version ")), "{text}");
        assert!(lines.iter().all(|line| line.ends_with(&format!("({way})"))), "{text}");
    }
    let json = query("watch", &server, &["network-map", "--updates", "1", "--json"]);
    let line: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&line["resource-id"], &line["first"], &line["by"]),
        (&json!("network-map"), &json!(true), &json!("stream"))
    );
}

#[test]
fn watch_says_an_error_once_and_goes_on_or_ends_with_it() {
    let server = Script::start();
    let map = json!({"meta": {"vtag": {"resource-id": "nm", "tag": "1"}}, "network-map": {}});
    let entry = json!({"uri": "nm", "media-type": "application/alto-networkmap+json"});
    server.on("GET /ird", [Reply::alto("directory", &json!({"meta": {}, "resources": {"nm": entry}}))]);
    server.on("GET /nm", [Reply::status(502), Reply::status(502), Reply::alto("networkmap", &map)]);
    let (directory, uri) = (server.uri("/ird"), server.uri("/nm"));
    let (code, out, error) = run(&["query", "watch", &directory, "nm", "--updates", "1"]);
    assert_eq!((code, out.as_str()), (0, "nm is version 1 (polling)\n"));
    assert_eq!(error, format!("alto-peer: {uri}: HTTP status 502; trying again\n"));
    server.on("GET /nm", [Reply::status(403)]);
    let (code, out, error) = run(&["query", "watch", &directory, "nm"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(error, format!("alto-peer: {uri}: HTTP status 403\n"));
}

#[test]
fn nobody_has_to_read_standard_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_alto-peer"));
    let status = command.args(["get", "--no-such-option"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(64));
}
