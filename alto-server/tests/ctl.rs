//! `alto-server ctl` against a running server, and `alto-server routes` for networks of any kind.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Server, data, program, run};
use serde_json::{Value, json};

const TOKEN: &str = "a-token-for-everything";

/// Starts with a settings file that names a socket, a token and a state.
fn start(folder: &Path) -> (Server, String) {
    fs::write(folder.join("token"), TOKEN).unwrap();
    let config = folder.join("server.json");
    let settings = json!({
        "topology": data("two-isps.json"), "listen": ["127.0.0.1:0"], "state": "state",
        "admin-socket": "admin.sock", "admin-token-file": "token"
    });
    fs::write(&config, settings.to_string()).unwrap();
    let server = Server::start(program().arg("--config").arg(&config));
    (server, config.to_str().unwrap().to_owned())
}

fn ctl(config: &str, words: &[&str]) -> String {
    let (code, output, error) = run(&[&["ctl", "--config", config][..], words].concat());
    assert_eq!(code, 0, "{words:?}: {error}");
    output
}

#[test]
fn an_operator_needs_no_curl() {
    let folder = tempfile::tempdir().unwrap();
    let (server, config) = start(folder.path());
    let status = ctl(&config, &["status"]);
    let value = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {status}"));
        line[key.len()..].trim().to_owned()
    };
    assert_eq!(
        (value("topology"), value("overrides"), value("durable")),
        ("two-isps".into(), "0".into(), "true".into())
    );
    assert_eq!(ctl(&config, &["links", "--changed"]).trim(), "no link is changed or measured");

    let done = ctl(&config, &["set", "a1", "a2", "cost=50", "bandwidth=70M", "utilisation=0.5"]);
    assert!(done.starts_with("done; the view is "), "{done}");
    let links = ctl(&config, &["links", "--changed"]);
    let line = links.lines().nth(1).unwrap();
    for part in ["a1", "a2", "bandwidth=70", "cost=50", "utilisation=0.5"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert_eq!(links.lines().count(), 2, "{links}");
    assert_eq!(ctl(&config, &["links"]).lines().count(), 1 + 17, "all links and the head");
    let routes = ctl(&config, &["routes"]);
    assert!(routes.lines().any(|line| line.starts_with("p1 a1 a3 a2 p3 cost ")), "{routes}");

    ctl(&config, &["undo", "a2", "a1"]);
    assert_eq!(ctl(&config, &["links", "--changed"]).trim(), "no link is changed or measured");
    ctl(&config, &["set", "a1", "a2", "up=false"]);
    ctl(&config, &["undo", "--all"]);

    let in_force: Value = serde_json::from_str(&ctl(&config, &["topology"])).unwrap();
    assert_eq!(in_force["name"], "two-isps");
    ctl(&config, &["topology", "--replace", data("abilene.json").to_str().unwrap()]);
    assert!(ctl(&config, &["status"]).contains("abilene"));
    ctl(&config, &["topology", "--previous"]);
    assert!(ctl(&config, &["status"]).contains("two-isps"));
    ctl(&config, &["topology", "--restore"]);
    ctl(&config, &["reload"]);
    let audit = ctl(&config, &["audit", "--limit", "3"]);
    assert_eq!(audit.lines().count(), 4, "{audit}");
    for (line, action) in audit.lines().skip(1).zip(["reload", "restore-topology", "previous-topology"]) {
        assert!(line.contains(action), "{action} is not in {line}");
    }
    let raw: Value = serde_json::from_str(&ctl(&config, &["--json", "status"])).unwrap();
    assert_eq!(raw["replaced"], false);

    // Over TCP, the token of the settings opens the server. Nothing else does.
    let uri = server.origin();
    ctl(&config, &["--server", &uri, "status"]);
    let (code, _, error) = run(&["ctl", "--server", &uri, "status"]);
    assert!(code == 1 && error.contains("--token FILE"), "{error}");
    let (code, _, error) = run(&["ctl", "--config", &config, "set", "a1", "nowhere", "cost=1"]);
    assert!(code == 1 && error.contains("nowhere"), "{error}");
    let (code, _, error) = run(&["ctl", "--config", &config, "set", "a1", "a2", "cost"]);
    assert!(code == 1 && error.contains("KEY=VALUE"), "{error}");
    drop(server);
    let (code, _, error) = run(&["ctl", "--config", &config, "status"]);
    assert!(code == 1 && error.contains("is the server running"), "{error}");
}

#[test]
fn ctl_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=localhost", "-days", "30", "-addext"]);
    openssl.args(["subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout"]);
    assert!(openssl.arg(file("key.pem")).arg("-out").arg(file("cert.pem")).output().unwrap().status.success());
    fs::write(file("token"), TOKEN).unwrap();
    let (certificate, key, token) = (file("cert.pem"), file("key.pem"), file("token"));
    let arguments = ["--tls-certificate", &certificate, "--tls-key", &key, "--admin-token-file", &token];
    let server = Server::of_with("two-isps.json", &arguments);
    let uri = server.origin();
    let (code, status, error) = run(&["ctl", "--server", &uri, "--token", &token, "--ca", &certificate, "status"]);
    assert!(code == 0 && status.contains("two-isps"), "{error}");
    let (code, _, error) = run(&["ctl", "--server", &uri, "--token", &token, "status"]);
    assert!(code == 1 && error.contains("--ca"), "{error}");
}

#[test]
fn routes_are_printed_for_networks_without_hosts_and_with_options_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routers.json");
    let link = |a: &str, b: &str| json!({"source": a, "destination": b, "bandwidth": 10, "delay": 1, "cost": 1});
    let topology = json!({
        "name": "routers", "switches": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
        "links": [link("a", "b"), link("b", "c")],
        "pids": {"east": {"switches": ["c"], "ipv4": ["10.2.0.0/16"]}, "west": {"switches": ["a"], "ipv4": ["10.1.0.0/16"]}}
    });
    fs::write(&file, topology.to_string()).unwrap();
    let path = file.to_str().unwrap();
    let (code, pids, _) = run(&["routes", "--topology", path]);
    assert_eq!(code, 0);
    assert_eq!(pids, "west east over a b c cost 2 delay 2000 us\neast west over c b a cost 2 delay 2000 us\n");
    let (_, switches, _) = run(&["routes", "--between", "switches", "--topology", path, "--to", "c"]);
    let paths: Vec<&str> = switches.lines().map(|line| line.split(" cost").next().unwrap()).collect();
    assert_eq!(paths, ["a b c", "b c"]);
    let orders = [
        ["routes", "--json", "--from", "west", "--topology", path],
        ["--topology", path, "routes", "--from", "west", "--json"],
        ["routes", "--topology", path, "--from", "west", "--json"],
    ];
    let found = orders.map(|words| run(&words).1);
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
    let routes: Vec<Value> = serde_json::from_str(&found[0]).unwrap();
    assert_eq!((&routes[0]["source"], &routes[0]["path"]), (&json!("west"), &json!(["a", "b", "c"])));
    let (code, _, error) = run(&["routes", "--topology", path, "--from", "a"]);
    assert!(code == 64 && error.contains("it is a switch: give --between switches"), "{error}");
}
