//! Registrations on disk: restarts, crashes, and a full disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{good, names, problem, start_with_state};
use crate::support::swarm::{Peer, Registration, entry, id};
use crate::support::{Server, data, program};
use serde_json::{Value, json};

#[test]
fn registrations_survive_a_restart_and_then_need_heartbeats() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_with_state(folder.path(), &[]);
    let peer = |server: &Server, n: u8| Peer::at(server.address, &format!("127.1.1.{n}"));
    let kept = peer(&server, 1).registered("kept", 6881, &[entry(1), entry(2)]);
    let mut changed = entry(3);
    changed["complete"] = json!(false);
    changed["manifest"] = json!(id(77));
    let said = json!({"peer": kept.peer, "secret": kept.secret, "add": [changed], "remove": [id(2)]});
    assert_eq!(peer(&server, 1).post("/swarm/announce", &said).status, 200);
    let left = peer(&server, 2).registered("left", 6881, &[entry(1)]);
    assert_eq!(peer(&server, 2).post("/swarm/unregister", &left.json()).status, 204);
    let renewed = peer(&server, 3).registered("old name", 6881, &[entry(1)]);
    let again = json!({"name": "new name", "port": 6881, "files": [entry(4)], "renew": renewed.json()});
    assert_eq!(peer(&server, 3).post("/swarm/register", &again).status, 201);
    let everything = |server: &Server| {
        let files = good(&server.get("/swarm/files"));
        let holders = [1, 3, 4].map(|n| good(&server.get(&format!("/swarm/files/{}/holders", id(n)))));
        (files, holders)
    };
    let before = everything(&server);
    assert_eq!(names(&before.1[0]["holders"]), ["kept"]);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));

    let server = start_with_state(folder.path(), &["--swarm-lease", "15"]);
    assert_eq!(everything(&server), before);
    assert_eq!(good(&peer(&server, 1).post("/swarm/heartbeat", &kept.json())), json!({"lease": 15}));
    problem(&peer(&server, 2).post("/swarm/heartbeat", &left.json()), 404);
    problem(&peer(&server, 1).register("kept", 6881, &[]), 409);
    let started = Instant::now();
    while good(&server.get("/swarm/files"))["files"] != json!([]) {
        assert!(started.elapsed() < Duration::from_mins(1), "the leases never ended");
        // Leases run by the server's own clock, so the test has to poll.
        std::thread::sleep(Duration::from_millis(50));
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let server = start_with_state(folder.path(), &[]);
    assert_eq!(good(&server.get("/swarm/files"))["files"], json!([]), "expired registrations stay expired");
    // The secret itself is not on disk.
    let stored = std::fs::read(folder.path().join("swarm.redb")).unwrap();
    assert!(!stored.windows(16).any(|window| window == &kept.secret.as_bytes()[..16]));
}

/// Kills the server twenty times while peers register and leave. Every acknowledged change must survive.
#[test]
fn acknowledged_registrations_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (mut present, mut gone, mut next) = (Vec::<Registration>::new(), Vec::<Registration>::new(), 0_u64);
    let mut total = 0;
    for round in 0..20 {
        let more = ["--swarm-max-peers-per-address", "1000000", "--swarm-lease", "3600"];
        let server = start_with_state(folder.path(), &more);
        let mut connection = Peer::at(server.address, "127.1.1.1").keep();
        let mut beat =
            |registration: &Registration| connection.post("/swarm/heartbeat", &registration.json()).unwrap().0;
        assert!(present.iter().all(|registration| beat(registration) == 200), "round {round}: a registration was lost");
        assert!(
            gone.iter().all(|registration| beat(registration) == 404),
            "round {round}: a registration that had ended came back"
        );
        // Kills after one more acknowledged request each round, while others are in flight.
        let (victim, acknowledged) = (server.pid(), Arc::new(AtomicUsize::new(0)));
        let watched = Arc::clone(&acknowledged);
        let killer = std::thread::spawn(move || {
            let start = Instant::now();
            while watched.load(Ordering::Relaxed) < 4 + round && start.elapsed() < Duration::from_secs(30) {
                // Polls a counter of the other threads, to kill in the middle of their requests.
                std::thread::sleep(Duration::from_micros(500));
            }
            std::process::Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap();
        });
        // Four clients at a time, each at its own address, so that their changes share transactions.
        let clients: Vec<_> = (1..=4)
            .map(|n| {
                let peer = Peer::at(server.address, &format!("127.1.{n}.{}", round + 1));
                let (first, acknowledged) = (next + n * 1_000_000, Arc::clone(&acknowledged));
                std::thread::spawn(move || register_and_unregister(&peer, first, &acknowledged))
            })
            .collect();
        for client in clients {
            let (registered, ended) = client.join().unwrap();
            total += registered.len() + ended.len();
            present.extend(registered);
            gone.extend(ended);
        }
        killer.join().unwrap();
        next += 10_000;
    }
    println!("{total} changes acknowledged over 20 kills, {} of them unregistrations; all survived", gone.len());
    assert!(total > 20 && !gone.is_empty(), "too few changes were acknowledged before the kills: {total}");
}

/// Registers peers until the server is gone, and ends every third registration. Returns the registrations that were
/// acknowledged and not ended, and those whose end was acknowledged.
fn register_and_unregister(
    peer: &Peer,
    first: u64,
    acknowledged: &AtomicUsize,
) -> (Vec<Registration>, Vec<Registration>) {
    let mut connection = peer.keep();
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    for n in 0.. {
        let body = json!({"name": "p", "port": n % 60_000 + 1, "files": [entry(first + n)]});
        let Some((status, body)) = connection.post("/swarm/register", &body) else { break };
        assert_eq!(status, 201, "{body}");
        acknowledged.fetch_add(1, Ordering::Relaxed);
        let text = |key: &str| body[key].as_str().unwrap().to_owned();
        let registration = Registration { peer: text("peer"), secret: text("secret") };
        if n % 3 == 0 {
            // Without an answer it is unknown whether the registration has ended: it is in neither list.
            match connection.post("/swarm/unregister", &registration.json()) {
                Some((204, _)) => gone.push(registration),
                Some(other) => panic!("{other:?}"),
                None => break,
            }
        } else {
            present.push(registration);
        }
    }
    (present, gone)
}

/// Simulates a full disk by a limit on the size of files.
#[test]
fn a_full_disk_refuses_changes_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("sh");
    // With SIGXFSZ ignored, the write fails with an error, as on a full disk.
    command.args(["-c", "trap '' XFSZ; ulimit -S -f 1024; exec \"$@\"", "sh"]);
    command.arg(program().get_program());
    command.args(["--listen", "127.0.0.1:0", "--swarm-max-peers-per-address", "100000", "--topology"]);
    let server = Server::start(command.arg(data("two-isps.json")).arg("--state").arg(folder.path()));
    let p1 = Peer::at(server.address, "127.1.1.1");
    let register = |port: u16| {
        let files: Vec<Value> = (0..500).map(|n| entry(u64::from(port) * 500 + n)).collect();
        p1.register("p", port, &files)
    };
    let mut kept = Vec::new();
    let refused = (1..).find_map(|port| match register(port) {
        answer if answer.status == 201 => {
            kept.push(Registration::from(&answer));
            None
        }
        answer => Some((port, answer)),
    });
    let (port, answer) = refused.unwrap();
    problem(&answer, 500);
    server.wait_for_log("swarm.redb");
    // Reopening the file may have freed some room. Either way the refused registration does not block its address.
    match register(port) {
        answer if answer.status == 201 => kept.push(Registration::from(&answer)),
        answer => drop(problem(&answer, 500)),
    }
    assert!(kept.iter().all(|registration| p1.post("/swarm/heartbeat", &registration.json()).status == 200));
    let unlimited = ["--pid", &server.pid().to_string(), "--fsize=unlimited"];
    assert!(std::process::Command::new("prlimit").args(unlimited).status().unwrap().success());
    kept.push(Registration::from(&register(port + 1)));
    server.signal("KILL");
    server.wait();
    let server = start_with_state(folder.path(), &[]);
    let p1 = Peer::at(server.address, "127.1.1.1");
    assert!(kept.iter().all(|registration| p1.post("/swarm/heartbeat", &registration.json()).status == 200));
}
