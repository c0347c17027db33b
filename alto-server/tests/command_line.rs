//! The command line: help, settings, checks, routes, exit codes, signals, addresses.

use std::io::{BufRead, BufReader, Read, Write};

use crate::support::{Request, Server, data, http, run};
use serde_json::{Value, json};

fn two_isps() -> String {
    data("two-isps.json").to_str().unwrap().to_owned()
}

#[test]
fn help_lists_every_setting_with_examples_and_exit_codes() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, 0);
    let schema: Value = serde_json::from_slice(&std::fs::read(SCHEMA).unwrap()).unwrap();
    // Comments and the schema are for files only.
    for key in schema["properties"].as_object().unwrap().keys().filter(|key| !["//", "$schema"].contains(&key.as_str()))
    {
        assert!(help.contains(&format!("--{key}")), "--{key} is not in the help");
    }
    assert!(help.contains("EXAMPLES") && help.contains("EXIT CODES"));
    let first = concat!("alto-server ", env!("CARGO_PKG_VERSION"), ": Serves a network topology as an ALTO (RFC 7285)");
    assert!(help.starts_with(first), "{help}");
    let (code, version, _) = run(&["--version"]);
    assert_eq!((code, version.trim()), (0, concat!("alto-server ", env!("CARGO_PKG_VERSION"))));
}

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/server.schema.json");

/// Compares `server.schema.json` with the settings. `UPDATE_GOLDEN=1 cargo test -p alto-server` rewrites the file.
#[test]
fn the_schema_of_server_json_is_up_to_date() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(alto_server::Settings)).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(SCHEMA, &schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(SCHEMA).unwrap(), schema, "run with UPDATE_GOLDEN=1");
}

#[test]
fn options_and_settings_file_are_equivalent() {
    let (code, defaults, _) = run(&["--print-config"]);
    assert_eq!(code, 0);
    let defaults: Value = serde_json::from_str(&defaults).unwrap();
    let (_, help, _) = run(&["--help"]);
    // The help wraps long lines.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for (key, value) in defaults.as_object().unwrap() {
        let value = match value {
            Value::Array(list) => list[0].as_str().unwrap().to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        assert!(
            help.contains(&format!("[default: {value}]")),
            "the help does not have {value} as the default of {key}"
        );
    }
    // The printed settings are a file that gives the same settings.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.json");
    let path = two_isps();
    let flags = ["--topology", &path, "--listen", "[::1]:0", "--max-pairs", "7", "--access-log"];
    let (_, printed, _) = run(&[&flags[..], &["--print-config"]].concat());
    std::fs::write(&file, &printed).unwrap();
    let (_, again, _) = run(&["--config", file.to_str().unwrap(), "--print-config"]);
    assert_eq!(printed, again);
    let (_, over, _) = run(&["--config", file.to_str().unwrap(), "--max-pairs", "8", "--print-config"]);
    let over: Value = serde_json::from_str(&over).unwrap();
    assert_eq!(over["max-pairs"], json!(8), "an option overrides the file");
    assert_eq!(over["access-log"], json!(true), "an option that was not given leaves the file's value");
    std::fs::write(&file, r#"{"no-swarm": true, "log-format": "json", "listen": ["[::1]:7"]}"#).unwrap();
    let (_, kept, _) = run(&["--config", file.to_str().unwrap(), "--max-pairs", "8", "--print-config"]);
    let kept: Value = serde_json::from_str(&kept).unwrap();
    for (key, value) in [("no-swarm", json!(true)), ("log-format", json!("json")), ("listen", json!(["[::1]:7"]))] {
        assert_eq!(kept[key], value, "{key}");
    }
}

#[test]
fn unusable_settings_are_named_and_have_their_exit_code() {
    let (code, _, error) = run(&["--check"]);
    assert!(code == 78 && error.contains("--topology"), "{error}");
    let (code, _, error) = run(&["--topology", "/none/such.json", "--check"]);
    assert!(code == 78 && error.contains("/none/such.json"), "{error}");
    let (code, _, error) = run(&["--max-pairs", "0", "--topology", &two_isps(), "--check"]);
    assert!(code == 78 && error.contains("max-pairs"), "{error}");
    assert_eq!(run(&["--no-such-flag"]).0, 64);
    assert_eq!(run(&["--listen", "nowhere"]).0, 64);
    let (code, summary, _) = run(&["--topology", &two_isps(), "--check"]);
    assert!(code == 0 && summary.contains("PIDs"), "{summary}");
    let server = Server::of("two-isps.json");
    let (code, _, error) = run(&["--topology", &two_isps(), "--listen", &server.address.to_string()]);
    assert!(code == 1 && error.contains(&server.address.to_string()), "{error}");
}

#[test]
fn what_is_missing_is_said_in_a_line() {
    for (words, says) in [
        (&["--tls-key", "key.pem"][..], "tls-key: certificate and key belong together: give tls-certificate as well"),
        (&["--tls-certificate", "cert.pem"], "tls-certificate: certificate and key belong together: give tls-key"),
        (&["--tracker-udp", "127.0.0.1:0"], "tracker-udp: there is no tracker; give --tracker as well"),
        (&["--tracker-listen", "127.0.0.1:0"], "tracker-listen: there is no tracker; give --tracker as well"),
    ] {
        let (code, _, error) = run(&[&["--topology", &two_isps()][..], words].concat());
        assert!(code == 78 && error.contains(says) && error.lines().count() == 1, "{code}: {error}");
    }
    let (code, _, error) = run(&["--listen", "127.0.0.1:0", "topo.json"]);
    assert!(code == 64 && error.contains("given as --topology topo.json"), "{error}");
    assert!(!run(&["topology"]).2.contains("--topology"));
}

#[test]
fn exported_routes_have_the_costs_that_are_served() {
    let server = Server::of("two-isps.json");
    let file: Value = serde_json::from_slice(&std::fs::read(data("two-isps.json")).unwrap()).unwrap();
    let address = |name: &str| {
        let host = file["hosts"].as_array().unwrap().iter().find(|host| host["name"] == name).unwrap();
        format!("ipv4:{}", host["ip"].as_str().unwrap().split('/').next().unwrap())
    };
    let (code, routes, _) = run(&["--topology", &two_isps(), "routes", "--json"]);
    assert_eq!(code, 0);
    let routes: Vec<Value> = serde_json::from_str(&routes).unwrap();
    let hosts = file["hosts"].as_array().unwrap().len();
    assert_eq!(routes.len(), hosts * (hosts - 1));
    for route in routes {
        let path = route["path"].as_array().unwrap();
        assert_eq!(route["hopcount"].as_f64().unwrap().to_string(), (path.len() - 1).to_string(), "{route}");
        assert_eq!(route["links"].as_array().unwrap().len(), path.len() - 1, "{route}");
        let (source, destination) = (route["source"].as_str().unwrap(), route["destination"].as_str().unwrap());
        let (src, dst) = (address(source), address(destination));
        let cost_type = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
        let body = json!({"cost-type": cost_type, "endpoints": {"srcs": [src], "dsts": [dst]}});
        let media_type = "application/alto-endpointcostparams+json";
        let answer = server.post("/endpointcost/lookup", media_type, body.to_string()).alto("endpointcost");
        assert_eq!(answer["endpoint-cost-map"][&src][&dst].as_f64(), route["routingcost"].as_f64(), "{route}");
    }
    assert_eq!(run(&["--topology", &two_isps(), "routes", "--from", "nobody"]).0, 64);
    // The detour from p1 to p3 is over a3.
    let pair = ["--topology", &two_isps(), "routes", "--from", "p1", "--to", "p3", "--alternatives", "2"];
    let (_, text, _) = run(&pair);
    let paths: Vec<&str> = text.lines().map(|line| line.split(" cost").next().unwrap().trim()).collect();
    assert_eq!(paths, ["p1 a1 a2 p3", "or p1 a1 a3 a2 p3"]);
}

#[test]
fn sigterm_lets_pending_requests_finish() {
    let server = Server::of_with("two-isps.json", &["--body-timeout", "60", "--drain-timeout", "60"]);
    let mut stream = http::connect(server.address);
    let body = "{\"pids\":[]}";
    let head = format!(
        "POST /networkmap/filtered HTTP/1.1\r\nHost: a\r\nContent-Type: application/alto-networkmapfilter+json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Once the server has asked for the body, the request is pending.
    let mut interim = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&body.as_bytes()[..4]).unwrap();
    // Idle connections do not delay the shutdown.
    let _idle = http::connect(server.address);
    server.signal("TERM");
    server.wait_for_log("stopping");
    stream.write_all(&body.as_bytes()[4..]).unwrap();
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn signals_are_handled_as_soon_as_the_server_listens() {
    for _ in 0..20 {
        let server = Server::of("two-isps.json");
        server.signal("HUP");
        server.signal("TERM");
        assert_eq!(server.wait(), Some(0));
    }
}

#[test]
fn ipv4_and_ipv6_are_served_together() {
    let server = Server::of_with("two-isps.json", &["--listen", "[::1]:0"]);
    let line = server.wait_for_log("listening on http://[::1]");
    let address = line.split("://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    assert_eq!(Request::new("GET", "/directory").send(address).status, 200);
    assert_eq!(server.get("/directory").status, 200);
}

#[test]
fn nobody_has_to_read_standard_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_alto-server"));
    let status = command.args(["--no-such-option"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(64));
}

#[test]
fn a_server_whose_log_nobody_reads_goes_on() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_alto-server"));
    command.args(["--topology", &two_isps(), "--listen", "127.0.0.1:0", "--access-log"]);
    let mut server = command.stderr(writer).spawn().unwrap();
    drop(command);
    let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
    let address = lines.find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned())).unwrap();
    drop(lines);
    let address = address.split(['/', ' ']).next().unwrap().to_owned();
    let answers = [(); 2].map(|()| {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        stream.write_all(b"GET /directory HTTP/1.1\r\nHost: alto\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200")), "{answers:?}");
}
