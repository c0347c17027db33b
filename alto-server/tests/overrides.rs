//! What came through `/admin` above the topology file: shown, undone one by one, taken back, written down, and allowed to
//! those whose token says so.

use std::fs;
use std::path::Path;

use crate::support::{Answer, Request, Server, data, program};
use serde_json::{Value, json};

const EVERYTHING: &str = "aaaaaaaaaaaaaaaaaaaa";
const READ: &str = "bbbbbbbbbbbbbbbbbbbb";
const MEASURE: &str = "cccccccccccccccccccc";
const PREFIXES: &str = "dddddddddddddddddddd";

/// Starts with a state and four tokens in a folder.
fn start(folder: &Path) -> Server {
    let tokens = folder.join("tokens");
    let lines = [
        "# who may do what".to_owned(),
        format!("ada everything {EVERYTHING}"),
        format!("board read {READ}"),
        format!("prometheus measure {MEASURE}"),
        format!("bgp prefixes:bgp {PREFIXES}"),
    ];
    fs::write(&tokens, lines.join("\n")).unwrap();
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--topology"]).arg(data("two-isps.json"));
    Server::start(command.arg("--admin-token-file").arg(tokens).arg("--state").arg(folder.join("state")))
}

fn ask(server: &Server, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let content_type = if path.starts_with("/admin/prefixes") { "text/plain" } else { "application/json" };
    let request = Request::new(method, path).field("Authorization", &format!("Bearer {token}"));
    request.field("Content-Type", content_type).body(body).send(server.address)
}

fn change(server: &Server, change: &Value) {
    let answer = ask(server, EVERYTHING, "POST", "/admin/links", &change.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The link between a1 and a2.
fn link(server: &Server) -> Value {
    let links = ask(server, READ, "GET", "/admin/links", "").json();
    let found = |link: &&Value| link["source"] == "a1" && link["destination"] == "a2";
    links["links"].as_array().unwrap().iter().find(found).unwrap().clone()
}

fn tag(server: &Server) -> Value {
    ask(server, READ, "GET", "/admin/status", "").json()["view-tag"].clone()
}

#[test]
fn a_link_shows_what_is_configured_measured_and_overriding() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let file: Value = serde_json::from_slice(&fs::read(data("two-isps.json")).unwrap()).unwrap();
    let of_file = file["links"].as_array().unwrap().iter().find(|l| l["source"] == "a1" && l["destination"] == "a2");
    let bandwidth = of_file.unwrap()["bandwidth"].as_f64();
    let before = link(&server);
    assert_eq!(before["configured"]["bandwidth"].as_f64(), bandwidth);
    assert!(before.get("overriding").is_none() && before.get("measured").is_none(), "{before}");

    change(
        &server,
        &json!({"source": "a2", "destination": "a1", "bandwidth": 7, "cost": 3, "utilisation": [0.1, 0.5]}),
    );
    let after = link(&server);
    assert_eq!(after["configured"], before["configured"]);
    assert_eq!(after["overriding"], json!({"bandwidth": 7.0, "cost": 3.0}));
    assert_eq!(after["measured"], json!({"utilisation": 0.5}));
    assert_eq!((&after["bandwidth"], &after["utilisation"]), (&json!(7.0), &json!(0.5)));
    assert_eq!(ask(&server, READ, "GET", "/admin/status", "").json()["overrides"], 1);
}

#[test]
fn a_start_says_how_many_links_differ_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    change(&server, &json!({"source": "a1", "destination": "a2", "up": false}));
    drop(server);
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--topology"]).arg(data("two-isps.json"));
    command.arg("--state").arg(folder.path().join("state")).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap())).map(Result::unwrap);
    let seen: Vec<String> = lines.take_while(|line| !line.contains("listening on")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen.iter().any(|line| line.contains("differ from the topology") && line.contains("links=1")), "{seen:?}");
}

#[test]
fn one_change_is_undone_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let original = tag(&server);
    change(&server, &json!({"source": "a1", "destination": "a2", "cost": 50}));
    let one = tag(&server);
    change(&server, &json!({"source": "b1", "destination": "b2", "cost": 60}));
    let both = tag(&server);
    assert_ne!(one, both);
    // Either order of the ends, as in a change.
    let undone = ask(&server, EVERYTHING, "DELETE", "/admin/links/b2/b1", "");
    assert_eq!(undone.status, 200, "{undone:?}");
    assert_eq!(tag(&server), one);
    for (path, status) in
        [("/admin/links/b1/b2", 404), ("/admin/links/b1/nowhere", 422), ("/admin/links/a1/a2?index=9", 422)]
    {
        let answer = ask(&server, EVERYTHING, "DELETE", path, "");
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    drop(server);
    let server = start(folder.path());
    assert_eq!(tag(&server), one, "what was undone does not come back with a restart");
    assert_eq!(ask(&server, EVERYTHING, "DELETE", "/admin/links/a1/a2?index=0", "").status, 200);
    assert_eq!(tag(&server), original);
}

#[test]
fn the_topology_in_force_is_given_back_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    change(&server, &json!({"source": "a1", "destination": "a2", "bandwidth": "70M", "price": 2}));
    let answer = ask(&server, READ, "GET", "/admin/topology", "");
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")));
    let file = folder.path().join("in-force.json");
    fs::write(&file, &answer.body).unwrap();
    let other = Server::with(&["--topology", file.to_str().unwrap()]);
    let costs = |server: &Server| server.get("/costmap/numerical/routingcost").body;
    assert_eq!(costs(&other), costs(&server), "the file is the network that is served");
}

#[test]
fn the_topology_before_comes_back_with_its_changes_after_a_restart_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    assert_eq!(ask(&server, EVERYTHING, "POST", "/admin/topology/previous", "").status, 404);
    change(&server, &json!({"source": "a1", "destination": "a2", "cost": 50}));
    let first = tag(&server);
    let abilene = fs::read_to_string(data("abilene.json")).unwrap();
    assert_eq!(ask(&server, EVERYTHING, "PUT", "/admin/topology", &abilene).status, 200);
    let second = tag(&server);
    assert_eq!(ask(&server, EVERYTHING, "POST", "/admin/topology/previous", "").status, 200);
    assert_eq!(tag(&server), first);
    drop(server);
    let server = start(folder.path());
    assert_eq!(tag(&server), first);
    assert_eq!(ask(&server, EVERYTHING, "POST", "/admin/topology/previous", "").status, 200);
    assert_eq!(tag(&server), second, "going back twice is where one began");
    drop(server);
    let server = start(folder.path());
    assert_eq!(ask(&server, READ, "GET", "/admin/status", "").json()["previous"], true);
    assert_eq!(tag(&server), second);
}

#[test]
fn the_audit_trail_says_who_changed_what_and_survives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path());
    change(&server, &json!({"source": "a1", "destination": "a2", "cost": 50}));
    for utilisation in [0.1, 0.2, 0.3] {
        let body = json!({"source": "a1", "destination": "a2", "utilisation": utilisation}).to_string();
        assert_eq!(ask(&server, MEASURE, "POST", "/admin/links", &body).status, 200);
    }
    assert_eq!(ask(&server, EVERYTHING, "DELETE", "/admin/links/a1/a2", "").status, 200);
    let refused = json!({"source": "a1", "destination": "a2", "cost": -1}).to_string();
    assert_eq!(ask(&server, EVERYTHING, "POST", "/admin/links", &refused).status, 422);
    let expected =
        [("undo-link", "ada", "a1 a2", 1), ("measure-links", "prometheus", "", 3), ("change-links", "ada", "a1 a2", 1)];
    let check = |server: &Server| {
        let audit = ask(server, READ, "GET", "/admin/audit", "").json();
        let entries = audit["entries"].as_array().unwrap();
        let found: Vec<_> = entries
            .iter()
            .map(|e| {
                assert_eq!(e["from"], "127.0.0.1");
                let text = |key: &str| e[key].as_str().unwrap();
                (text("action"), text("who"), text("subject"), e["count"].as_i64().unwrap())
            })
            .collect();
        assert_eq!(found, expected);
        assert!(entries[2]["detail"].as_str().unwrap().contains("\"cost\":50"), "{}", entries[2]);
    };
    check(&server);
    server.kill();
    let server = start(folder.path());
    check(&server);
    assert_eq!(ask(&server, READ, "GET", "/admin/audit?limit=1", "").json()["entries"].as_array().unwrap().len(), 1);
}

#[test]
fn a_token_opens_what_its_scopes_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let measurement = json!({"source": "a1", "destination": "a2", "utilisation": 0.5}).to_string();
    let setting = json!({"source": "a1", "destination": "a2", "utilisation": 0.5, "cost": 1}).to_string();
    let abilene = fs::read_to_string(data("abilene.json")).unwrap();
    let pid = "10.9.0.0/16 isp-a-1\n".to_owned();
    let with_topology = format!("{}\n{pid}", abilene.replace('\n', " "));
    let requests: [(&str, &str, &str, [u16; 3]); 12] = [
        ("GET", "/admin/links", "", [200, 200, 200]),
        ("GET", "/admin/audit", "", [200, 200, 200]),
        ("POST", "/admin/links", &measurement, [403, 200, 403]),
        ("POST", "/admin/links", &setting, [403, 403, 403]),
        ("DELETE", "/admin/links", "", [403, 403, 403]),
        ("DELETE", "/admin/links/a1/a2", "", [403, 403, 403]),
        ("PUT", "/admin/topology", &abilene, [403, 403, 403]),
        ("DELETE", "/admin/topology", "", [403, 403, 403]),
        ("POST", "/admin/reload", "", [403, 403, 403]),
        ("PUT", "/admin/prefixes/other?sequence=1", "", [403, 403, 403]),
        ("PUT", "/admin/prefixes/bgp?sequence=1", &with_topology, [403, 403, 403]),
        ("PUT", "/admin/prefixes/bgp?sequence=1", "", [403, 403, 200]),
    ];
    for (method, path, body, expected) in requests {
        for (token, status) in [READ, MEASURE, PREFIXES].into_iter().zip(expected) {
            let answer = ask(&server, token, method, path, body);
            assert_eq!(answer.status, status, "{method} {path} with {token}: {answer:?}");
            if status == 403 {
                let detail = answer.json()["detail"].as_str().unwrap().to_owned();
                assert!(detail.ends_with("everything") && !detail.contains("everything or everything"), "{detail}");
            }
        }
    }
    assert_eq!(ask(&server, READ, "GET", "/admin/status", "").json()["topology"], "two-isps", "nobody replaced it");
}
