//! Prefixes of PIDs from feeds, through `/admin/prefixes`: applied once, durable, and published at most once per interval.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::support::{Answer, Request, Server, data};
use serde_json::{Value, json};

const TOKEN: &str = "correct-horse-battery-staple";

fn start(topology: Option<&Path>, state: &Path, interval: &str) -> Server {
    let mut command = crate::support::program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args([
        "--listen",
        "127.0.0.1:0",
        "--map-interval",
        interval,
        "--max-prefixes",
        "20",
    ]);
    if let Some(topology) = topology {
        command.arg("--topology").arg(topology);
    }
    Server::start(command.arg("--state").arg(state))
}

fn send(address: SocketAddr, method: &str, path: &str, lines: &str) -> Answer {
    let request = Request::new(method, path).field("Authorization", &format!("Bearer {TOKEN}"));
    request.field("Content-Type", "text/plain").body(lines).send(address)
}

fn put(server: &Server, sequence: u64, lines: &str) -> Answer {
    send(server.address, "PUT", &format!("/admin/prefixes/bgp?sequence={sequence}"), lines)
}

fn patch(server: &Server, after: u64, sequence: u64, lines: &str) -> Answer {
    send(server.address, "PATCH", &format!("/admin/prefixes/bgp?after={after}&sequence={sequence}"), lines)
}

fn pid(server: &Server, address: &str) -> Value {
    let body = json!({"properties": ["network-map.pid"], "endpoints": [format!("ipv4:{address}")]}).to_string();
    let answer = server.post("/endpointprop/lookup", "application/alto-endpointpropparams+json", body);
    answer.alto("endpointprop")["endpoint-properties"][format!("ipv4:{address}")]["network-map.pid"].clone()
}

fn map(server: &Server) -> Value {
    server.get("/networkmap").alto("networkmap")
}

#[test]
fn prefixes_are_applied_once_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let topology = data("two-isps.json");
    let server = start(Some(&topology), folder.path(), "0");
    let before = map(&server);
    let answer = put(&server, 7, "192.0.2.0/24 isp-a-1\n198.51.100.0/24 isp-b-2\n127.1.2.0/25 isp-b-2\n");
    assert_eq!(answer.status, 200, "{answer:?}");
    let report = answer.json();
    assert_eq!((&report["sequence"], &report["prefixes"], &report["added"]), (&json!(7), &json!(3), &json!(3)));
    assert_eq!(
        (&report["applied"], &report["pending"], &report["durable"]),
        (&json!(true), &json!(false), &json!(true))
    );
    assert_eq!(report["network-map-tag"], map(&server)["meta"]["vtag"]["tag"]);
    assert_eq!(
        [pid(&server, "192.0.2.1"), pid(&server, "127.1.2.3"), pid(&server, "127.1.2.200")],
        ["isp-a-1", "isp-b-2", "isp-a-2"]
    );

    // Repeated requests change nothing, and differences have to follow each other.
    let again = put(&server, 7, "203.0.113.0/24 isp-a-1\n").json();
    assert_eq!((&again["applied"], &again["prefixes"]), (&json!(false), &json!(3)));
    let answer = patch(&server, 6, 9, "- 192.0.2.0/24\n");
    assert_eq!((answer.status, &answer.json()["sequence"]), (409, &json!(7)));
    let answer = patch(&server, 7, 9, "- 192.0.2.0/24\n+ 198.51.100.0/24 isp-b-3\n+ 203.0.113.0/24 isp-a-1\n");
    let report = answer.json();
    assert_eq!((answer.status, &report["added"], &report["removed"]), (200, &json!(2), &json!(1)), "{answer:?}");
    assert_eq!(patch(&server, 7, 9, "").json()["applied"], false);
    assert_eq!([pid(&server, "192.0.2.1"), pid(&server, "198.51.100.1")], ["default", "isp-b-3"]);
    let after = map(&server);
    assert_eq!(put(&server, 8, "").status, 409, "an earlier number");
    drop(server);

    let server = start(Some(&topology), folder.path(), "0");
    assert_eq!(map(&server), after, "the same content has the same tags after a restart");
    let sources = send(server.address, "GET", "/admin/prefixes", "").json();
    assert_eq!((&sources["sources"][0]["source"], &sources["sources"][0]["sequence"]), (&json!("bgp"), &json!(9)));
    assert_eq!(send(server.address, "DELETE", "/admin/prefixes/bgp", "").status, 204);
    assert_eq!(send(server.address, "GET", "/admin/prefixes/bgp", "").status, 404);
    assert_eq!(map(&server), before);
    drop(server);
    assert_eq!(map(&start(Some(&topology), folder.path(), "0")), before);
}

#[test]
fn refused_requests_have_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(Some(&data("two-isps.json")), folder.path(), "0");
    assert_eq!(put(&server, 1, "192.0.2.0/24 isp-a-1\n").status, 200);
    let before = map(&server);
    let unknown = put(&server, 2, "192.0.2.0/24 isp-a-1\n198.51.100.0/24 nowhere\n203.0.113.0/24 elsewhere\n");
    assert_eq!((unknown.status, &unknown.json()["unknown-pids"]), (409, &json!(["nowhere", "elsewhere"])));
    let many = (0..21).fold(String::new(), |lines, i| lines + &format!("10.0.{i}.0/24 isp-a-1\n"));
    for (answer, status, word) in [
        (put(&server, 2, "192.0.2.0/33 isp-a-1\n"), 400, "line 1"),
        (put(&server, 2, "\n192.0.2.0/24\n"), 400, "line 2"),
        (put(&server, 2, &many), 413, "max-prefixes"),
        (put(&server, 2, "{\"name\": 1}\n"), 422, "name: 1 is not a text"),
        (send(server.address, "PUT", "/admin/prefixes/bgp", "192.0.2.0/24 isp-a-1"), 400, "sequence=N"),
        (send(server.address, "PATCH", "/admin/prefixes/bgp?sequence=2", "- 192.0.2.0/24"), 400, "after=N"),
        (send(server.address, "PUT", "/admin/prefixes/a%20b?sequence=2", ""), 400, "the name of a source"),
        (send(server.address, "DELETE", "/admin/prefixes/other", ""), 404, "other"),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(word), "{detail:?} does not contain {word:?}");
        assert_eq!(map(&server), before, "{word}");
    }
    let unauthorized = Request::new("PUT", "/admin/prefixes/bgp?sequence=2").field("Content-Type", "text/plain");
    assert_eq!(unauthorized.body("").send(server.address).status, 401);
    assert_eq!(send(server.address, "GET", "/admin/prefixes/bgp", "").json()["sequence"], 1);
}

#[test]
fn maps_are_published_once_per_interval_and_costs_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(Some(&data("two-isps.json")), folder.path(), "1000");
    assert_eq!(
        put(&server, 1, "192.0.2.0/24 isp-a-1\n").json()["pending"],
        false,
        "the first map is published at once"
    );
    let before = map(&server);
    let report = patch(&server, 1, 2, "+ 198.51.100.0/24 isp-b-2\n").json();
    assert_eq!((&report["pending"], &report["prefixes"]), (&json!(true), &json!(2)));
    let seconds = report["publish-in"].as_f64().unwrap();
    assert!(seconds > 0.0 && seconds <= 1000.0, "{report}");
    assert_eq!(map(&server), before, "the next one waits for the interval");
    let costs = server.get("/costmap/numerical/routingcost").alto("costmap");
    let change = json!({"source": "a1", "destination": "a2", "cost": 5000}).to_string();
    let request = Request::new("POST", "/admin/links").field("Authorization", &format!("Bearer {TOKEN}"));
    assert_eq!(
        request.field("Content-Type", "application/json").body(change.as_str()).send(server.address).status,
        200
    );
    assert_ne!(server.get("/costmap/numerical/routingcost").alto("costmap")["cost-map"], costs["cost-map"]);
    assert_eq!(map(&server), before, "costs are published without the map");
    // A new PID and its prefixes arrive together, with everything that was pending.
    let mut file: Value = serde_json::from_slice(&std::fs::read(data("two-isps.json")).unwrap()).unwrap();
    file["pids"]["new"] = json!({"switches": ["a1", "b1"], "ipv4": []});
    let lines = format!("{file}\n+ 203.0.113.0/24 new\n");
    let report = patch(&server, 2, 3, &lines).json();
    assert_eq!((&report["applied"], &report["pending"]), (&json!(true), &json!(false)), "{report}");
    assert_eq!([pid(&server, "203.0.113.1"), pid(&server, "198.51.100.1")], ["new", "isp-b-2"]);
    // Without its PID, a prefix is left out, and comes back with it.
    let original = std::fs::read_to_string(data("two-isps.json")).unwrap();
    let replace = |topology: &str| {
        let request = Request::new("PUT", "/admin/topology").field("Authorization", &format!("Bearer {TOKEN}"));
        request.field("Content-Type", "application/json").body(topology).send(server.address).status
    };
    assert_eq!(replace(&original), 200);
    assert_eq!((pid(&server, "203.0.113.1"), pid(&server, "192.0.2.1")), (json!("default"), json!("isp-a-1")));
    assert_eq!(send(server.address, "GET", "/admin/prefixes/bgp", "").json()["unknown-pids"], 1);
    assert_eq!(replace(&file.to_string()), 200);
    assert_eq!(pid(&server, "203.0.113.1"), "new");
}

#[test]
fn a_server_without_a_topology_waits_for_its_feed() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(None, folder.path(), "0");
    let waiting = server.get("/readyz");
    assert_eq!((waiting.status, waiting.field("retry-after")), (503, Some("10")));
    assert_eq!(waiting.json()["detail"], "there is no topology yet; the server waits for one through /admin");
    assert_eq!(put(&server, 1, "192.0.2.0/24 isp-a-1\n").status, 409);
    // A topology in one line, and the prefixes of its PIDs.
    let file: Value = serde_json::from_slice(&std::fs::read(data("two-isps.json")).unwrap()).unwrap();
    assert_eq!(put(&server, 1, &format!("{file}\n192.0.2.0/24 isp-a-1\n")).status, 200);
    assert_eq!((server.get("/readyz").status, pid(&server, "192.0.2.1")), (200, json!("isp-a-1")));
    let before = map(&server);
    drop(server);
    assert_eq!(map(&start(None, folder.path(), "0")), before);
}

#[test]
fn too_many_pids_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::support::program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--max-pids", "8", "--topology"]);
    let server = Server::start(command.arg(data("two-isps.json")).arg("--state").arg(folder.path()));
    let mut file: Value = serde_json::from_slice(&std::fs::read(data("two-isps.json")).unwrap()).unwrap();
    file["pids"]["one"] = json!({"ipv4": ["192.0.2.0/25"]});
    file["pids"]["two"] = json!({"ipv4": ["192.0.2.128/25"]});
    let request = Request::new("PUT", "/admin/topology").field("Authorization", &format!("Bearer {TOKEN}"));
    let answer = request.field("Content-Type", "application/json").body(file.to_string()).send(server.address);
    assert_eq!(answer.status, 422);
    assert!(answer.json()["detail"].as_str().unwrap().contains("has 9 PIDs; at most 8"), "{answer:?}");
}

#[test]
fn lookups_are_answered_while_a_large_set_is_applied() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::support::program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--map-interval", "0", "--topology"]);
    command.arg(data("two-isps.json")).args(["--request-timeout", "60"]);
    let server = Server::start(command.arg("--state").arg(folder.path()));
    let line = |number: u32| format!("{}/24 isp-b-2\n", Ipv4Addr::from((16 << 24) + (number << 8)));
    let (address, lines) = (server.address, (0..200_000).map(line).collect::<String>());
    let put = std::thread::spawn(move || send(address, "PUT", "/admin/prefixes/bgp?sequence=1", &lines));
    let mut answers = 0;
    while !put.is_finished() {
        let pid = pid(&server, "16.0.0.1");
        assert!(pid == "default" || pid == "isp-b-2", "{pid}");
        answers += 1;
    }
    assert_eq!(put.join().unwrap().json()["added"], 200_000);
    assert_eq!(pid(&server, "16.0.0.1"), "isp-b-2");
    // Lookups that waited for the set would be one or two.
    assert!(answers >= 10, "{answers} answers");
}
