//! Changes to the network through `/admin`: accepted ones are served and survive restarts, refused ones change nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{Answer, Request, Server, data, http};
use serde_json::{Value, json};

const TOKEN: &str = "correct-horse-battery-staple";

fn start(topology: &Path, state: &Path) -> Server {
    let mut command = crate::support::program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--topology"]).arg(topology);
    Server::start(command.arg("--state").arg(state))
}

fn admin(address: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let request = Request::new(method, path).field("Authorization", &format!("Bearer {TOKEN}"));
    request.field("Content-Type", "application/json").body(body).send(address)
}

/// Ends of the first link between two switches. Changes to such a link affect costs.
fn core_link(server: &Server) -> (String, String) {
    let links = admin(server.address, "GET", "/admin/links", "").json();
    let file: Value = serde_json::from_slice(&std::fs::read(data("two-isps.json")).unwrap()).unwrap();
    let switches: Vec<&str> =
        file["switches"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    let ends = |link: &Value| Some((link["source"].as_str()?.to_owned(), link["destination"].as_str()?.to_owned()));
    let between = |(a, b): &(String, String)| switches.contains(&a.as_str()) && switches.contains(&b.as_str());
    links["links"].as_array().unwrap().iter().filter_map(ends).find(between).unwrap()
}

fn costs(server: &Server) -> Value {
    server.get("/costmap/numerical/routingcost").alto("costmap")
}

#[test]
fn changes_take_effect_at_once_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let topology = data("two-isps.json");
    let server = start(&topology, folder.path());
    let (a, b) = core_link(&server);
    let (before, map) = (costs(&server), server.get("/networkmap"));
    let answer = admin(
        server.address,
        "POST",
        "/admin/links",
        &json!({"source": a, "destination": b, "cost": 5000}).to_string(),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["durable"], true);
    let changed = costs(&server);
    assert_ne!(changed["cost-map"], before["cost-map"]);
    assert_ne!(changed["meta"]["vtag"], before["meta"]["vtag"], "the costs changed, but not their tag");
    assert_eq!(
        changed["meta"]["dependent-vtags"], before["meta"]["dependent-vtags"],
        "the tag of the network map changed"
    );
    assert_eq!(server.get("/networkmap").field("etag"), map.field("etag"));

    // The ends of a link can be given in either order, and values that are not given stay.
    let busy = json!({"source": b, "destination": a, "utilisation": 0.5});
    assert_eq!(admin(server.address, "POST", "/admin/links", &busy.to_string()).status, 200);
    let both = costs(&server);
    assert_eq!(both["cost-map"], changed["cost-map"], "the cost set earlier is still in force");
    drop(server);

    let server = start(&topology, folder.path());
    assert_eq!(costs(&server), both, "the same content has the same tags after a restart");
    let cleared = json!({"changes": [{"source": a, "destination": b, "cost": null, "utilisation": 0}]});
    assert_eq!(admin(server.address, "POST", "/admin/links", &cleared.to_string()).status, 200);
    assert_eq!(costs(&server), before, "the costs of the file have their original tags");
    assert_eq!(admin(server.address, "DELETE", "/admin/links", "").status, 200);
    drop(server);
    assert_eq!(costs(&start(&topology, folder.path())), before);
}

#[test]
fn exported_routes_reflect_changes() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&data("two-isps.json"), folder.path());
    let route = |source: &str, destination: &str| {
        let routes = admin(server.address, "GET", "/admin/routes", "").json();
        let found = |r: &&Value| r["source"] == source && r["destination"] == destination;
        routes.as_array().unwrap().iter().find(found).unwrap().clone()
    };
    let links = admin(server.address, "GET", "/admin/links", "").json();
    let follows = |route: &Value| {
        let ends = |place: &Value| {
            let link = &links["links"][usize::try_from(place.as_u64().unwrap()).unwrap()];
            [link["source"].clone(), link["destination"].clone()]
        };
        let path = route["path"].as_array().unwrap();
        let taken = route["links"].as_array().unwrap();
        assert_eq!(taken.len() + 1, path.len());
        for (way, place) in path.windows(2).zip(taken) {
            assert!(way.iter().all(|node| ends(place).contains(node)), "{route}");
        }
    };
    let before = route("p1", "p3");
    assert_eq!(before["path"], json!(["p1", "a1", "a2", "p3"]));
    follows(&before);
    let cut = json!({"source": "a1", "destination": "a2", "up": false});
    assert_eq!(admin(server.address, "POST", "/admin/links", &cut.to_string()).status, 200);
    let after = route("p1", "p3");
    assert_eq!(after["path"], json!(["p1", "a1", "a3", "a2", "p3"]));
    follows(&after);
    assert_eq!(admin(server.address, "POST", "/admin/routes", "{}").status, 405);
}

#[test]
fn refused_changes_have_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&data("two-isps.json"), folder.path());
    let (a, b) = core_link(&server);
    let before = costs(&server);
    let good = json!({"source": a, "destination": b, "cost": 7000});
    for (bad, word) in [
        (json!({"source": a, "destination": "nowhere", "up": false}), "nowhere"),
        (json!({"source": a, "destination": b, "utilisation": 1}), "utilisation"),
        (json!({"source": a, "destination": b, "utilisation": -0.1}), "utilisation"),
        (json!({"source": a, "destination": b, "bandwidth": 0}), "bandwidth"),
        (json!({"source": a, "destination": b, "delay": -1}), "delay"),
        (json!({"source": a, "destination": b, "cost": -3}), "cost"),
        (json!({"source": a, "destination": b, "utilization": 0.1}), "utilization"),
    ] {
        for body in [bad.clone(), json!({"changes": [good, bad]})] {
            let answer = admin(server.address, "POST", "/admin/links", &body.to_string());
            assert!([400, 422].contains(&answer.status), "{body}: {answer:?}");
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(word), "{body}: {detail:?} does not contain {word:?}");
            assert_eq!(costs(&server), before, "{body}");
        }
    }
    for body in ["", "{", "[]", "{\"changes\":[]}", "{\"changes\":7}"] {
        assert!([400, 422].contains(&admin(server.address, "POST", "/admin/links", body).status), "{body:?}");
    }
    assert_eq!(admin(server.address, "PUT", "/admin/topology", "{\"name\":1}").status, 422);
    assert_eq!(costs(&server), before);
}

#[test]
fn the_topology_can_be_replaced_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let topology = data("two-isps.json");
    let server = start(&topology, folder.path());
    let before = costs(&server);
    let abilene = std::fs::read_to_string(data("abilene.json")).unwrap();
    assert_eq!(admin(server.address, "PUT", "/admin/topology", &abilene).status, 200);
    let replaced = costs(&server);
    assert_eq!(admin(server.address, "GET", "/admin/status", "").json()["replaced"], true);
    drop(server);
    let server = start(&topology, folder.path());
    assert_eq!(costs(&server), replaced);
    assert_eq!(
        costs(&Server::of("abilene.json")),
        replaced,
        "the same topology has the same tags, whatever its source"
    );
    assert_eq!(admin(server.address, "DELETE", "/admin/topology", "").status, 200);
    assert_eq!(costs(&server), before);
}

#[test]
fn sighup_reloads_the_topology() {
    let folder = tempfile::tempdir().unwrap();
    let topology = folder.path().join("topo.json");
    std::fs::copy(data("two-isps.json"), &topology).unwrap();
    let server = start(&topology, &folder.path().join("state"));
    let before = costs(&server);
    std::fs::write(&topology, "{ invalid").unwrap();
    server.signal("HUP");
    let line = server.wait_for_log("the reload changed nothing");
    assert!(line.contains("topo.json"), "the log does not name the file: {line}");
    assert_eq!(costs(&server), before);
    std::fs::copy(data("abilene.json"), &topology).unwrap();
    server.signal("HUP");
    server.wait_for_log("settings and files reloaded");
    assert_eq!(costs(&server), costs(&Server::of("abilene.json")));
}

#[test]
fn a_topology_that_becomes_a_named_pipe_delays_neither_requests_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let topology = folder.path().join("topo.json");
    std::fs::copy(data("two-isps.json"), &topology).unwrap();
    let server = start(&topology, &folder.path().join("state"));
    let before = costs(&server);
    std::fs::remove_file(&topology).unwrap();
    assert!(Command::new("mkfifo").arg(&topology).status().unwrap().success());
    server.signal("HUP");
    let line = server.wait_for_log("the reload changed nothing");
    assert!(line.contains("not a regular file"), "{line}");
    assert_eq!(admin(server.address, "POST", "/admin/reload", "").status, 422);
    assert_eq!(costs(&server), before);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

/// Limits the size of files that the server may write, which has the effect of a full disk without needing one.
fn limit_files(server: &Server, limit: &str) {
    let pid = server.pid().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}:unlimited")]).status();
    assert!(limited.unwrap().success());
}

#[test]
fn a_full_disk_refuses_changes_until_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let topology = data("two-isps.json");
    let mut command = Command::new("env");
    // Without this, the first write beyond the limit would end the process.
    command.args(["--ignore-signal=XFSZ", crate::support::program().get_program().to_str().unwrap()]);
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--topology"]).arg(&topology);
    let server = Server::start(command.arg("--state").arg(folder.path()));
    let (a, b) = core_link(&server);
    let cost = |cost: u64| json!({"source": a, "destination": b, "cost": cost}).to_string();
    assert_eq!(admin(server.address, "POST", "/admin/links", &cost(3)).status, 200);
    let before = costs(&server);
    let size = std::fs::metadata(folder.path().join("network.redb")).unwrap().len();
    limit_files(&server, &size.to_string());
    // Larger than any free space in the file.
    let other = std::fs::read_to_string(data("abilene.json")).unwrap() + &" ".repeat(8 * 1024 * 1024);
    assert_eq!(admin(server.address, "PUT", "/admin/topology", &other).status, 500);
    assert_eq!(costs(&server), before, "a refused change has no effect");
    limit_files(&server, "unlimited");
    assert_eq!(admin(server.address, "POST", "/admin/links", &cost(2)).status, 200);
    let after = costs(&server);
    assert_ne!(after, before);
    drop(server);
    let server = start(&topology, folder.path());
    assert_eq!(costs(&server), after, "what was refused does not come back with a restart");
}

#[test]
fn an_empty_state_file_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("network.redb");
    std::fs::write(&state, "").unwrap();
    let mut command = crate::support::program();
    command.args(["--listen", "127.0.0.1:0", "--topology"]).arg(data("two-isps.json"));
    command.arg("--state").arg(folder.path()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let seen: Vec<String> = lines.take_while(|line| !line.contains("listening on")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen.iter().any(|line| line.contains("network.redb: the file exists but is empty")), "{seen:?}");
}

#[test]
fn a_file_at_the_path_of_the_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "precious").unwrap();
    let topology = data("two-isps.json");
    for check in [&["--check"][..], &["--listen", "127.0.0.1:0"]] {
        let mut arguments = vec!["--topology", topology.to_str().unwrap(), "--admin-socket", path.to_str().unwrap()];
        arguments.extend(check);
        let (code, _, error) = crate::support::run(&arguments);
        assert!(code == 78 && error.contains("notes.txt"), "{code}: {error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn admin_requires_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&data("two-isps.json"), folder.path());
    for path in ["/admin/links", "/admin/routes", "/admin/topology", "/admin/reload", "/admin/status"] {
        for field in ["", "Bearer wrong-token-wrong-token", "Basic eDp5"] {
            let answer = Request::new("POST", path).field("Authorization", field).body("{}").send(server.address);
            assert_eq!(answer.status, 401, "{path} {field}");
            assert!(answer.field("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer")));
        }
    }
    // A server without a token has no /admin over TCP.
    assert_eq!(Server::of("two-isps.json").get("/admin/status").status, 404);
}

#[test]
fn a_unix_socket_needs_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    let server = Server::of_with("two-isps.json", &["--admin-socket", socket.to_str().unwrap()]);
    let answer = Request::new("GET", "/admin/status").send_over(UnixStream::connect(&socket).unwrap());
    assert_eq!((answer.status, &answer.json()["durable"]), (200, &json!(false)));
    assert_eq!(server.get("/admin/status").status, 404);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&socket).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(!socket.exists());
}

/// Kills the server fifty times during a stream of changes. Every acknowledged change must survive.
#[test]
fn acknowledged_changes_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let topology = data("two-isps.json");
    let mut acknowledged: Option<u64> = None;
    let mut next = 1000;
    let mut total = 0;
    for round in 0..50 {
        let server = start(&topology, folder.path());
        let (a, b) = core_link(&server);
        let links = admin(server.address, "GET", "/admin/links", "").json();
        let link =
            links["links"].as_array().unwrap().iter().find(|l| l["source"] == *a && l["destination"] == *b).unwrap();
        let found = link["cost"].as_f64();
        if let Some(last) = acknowledged {
            // The change in progress when the process died may or may not have been saved.
            let saved: u64 = found.unwrap_or(0.0).to_string().parse().unwrap();
            assert!(saved == last || saved == last + 1, "round {round}: acknowledged {last}, found {saved}");
            acknowledged = Some(saved);
            next = saved + 1;
        }
        let address = server.address;
        let victim = server.pid();
        let changes = Arc::new(AtomicU64::new(0));
        let watched = Arc::clone(&changes);
        // Kills after a number of changes rather than a time, so that the speed of the machine does not matter.
        let killer = std::thread::spawn(move || {
            while watched.load(Ordering::Relaxed) < 2 + round % 7 {
                // Polls at short intervals, so that the kill hits the next change in progress.
                std::thread::sleep(std::time::Duration::from_micros(500));
            }
            std::process::Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap();
        });
        let mut connection = BufReader::new(http::connect(address));
        loop {
            if !change(&mut connection, &a, &b, next) {
                break;
            }
            acknowledged = Some(next);
            changes.fetch_add(1, Ordering::Relaxed);
            next += 1;
            total += 1;
        }
        killer.join().unwrap();
    }
    println!("{total} changes acknowledged over 50 kills; all survived");
    assert!(total > 50, "too few changes were acknowledged before the kills: {total}");
}

/// Sends one change over a persistent connection. Returns whether it was acknowledged.
fn change(connection: &mut BufReader<std::net::TcpStream>, a: &str, b: &str, cost: u64) -> bool {
    let body = json!({"source": a, "destination": b, "cost": cost}).to_string();
    let head = format!(
        "POST /admin/links HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    if connection.get_mut().write_all((head + &body).as_bytes()).is_err() {
        return false;
    }
    let (mut line, mut length, mut good) = (String::new(), 0, false);
    loop {
        line.clear();
        if connection.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
        good |= line.starts_with("HTTP/1.1 200");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    good && connection.read_exact(&mut body).is_ok()
}
