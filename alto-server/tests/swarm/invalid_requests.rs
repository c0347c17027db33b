//! Requests that the registry refuses: malformed bodies, unknown paths, wrong methods, invalid parameters.

use super::{good, problem, start};
use crate::support::Request;
use crate::support::swarm::{Peer, entry, id};
use serde_json::{Value, json};

#[test]
fn errors_name_the_malformed_member() {
    let server = start(&[]);
    let p1 = Peer::at(server.address, "127.1.1.1");
    let with = |member: &str, value: Value| {
        let mut body = json!({"name": "p", "port": 1, "files": [entry(1), entry(2)]});
        *body.pointer_mut(member).unwrap() = value;
        body
    };
    for (body, status, word) in [
        (with("/name", json!("")), 400, "name"),
        (with("/name", json!(7)), 400, "name"),
        (with("/name", json!("a\nb")), 400, "name"),
        (with("/name", json!("n".repeat(65))), 413, "name"),
        (with("/port", json!(0)), 400, "port"),
        (with("/port", json!(70000)), 400, "port"),
        (with("/files", json!({})), 400, "files"),
        (with("/files/1/id", json!(id(1))), 400, "files[1].id"),
        (with("/files/1/id", json!("x")), 400, "files[1].id"),
        (with("/files/1/manifest", json!("x")), 400, "files[1].manifest"),
        (with("/files/1/size", json!(-1)), 400, "files[1].size"),
        (with("/files/1/name", json!("")), 400, "files[1].name"),
        (with("/files/1/name", json!("..")), 400, "files[1].name"),
        (with("/files/1/name", json!("../etc/passwd")), 400, "files[1].name"),
        (with("/files/1/name", json!("a\u{0}b")), 400, "files[1].name"),
        (
            with("/files/1/name", json!("annexe\u{202e}fdp.exe")),
            400,
            "files[1].name: contains the invisible character U+202E",
        ),
        (with("/name", json!("a\u{200b}b")), 400, "name: contains the invisible character U+200B"),
        (with("/files/0/name", json!("n".repeat(256))), 413, "files[0].name"),
        (json!([]), 400, ""),
        (json!({"name": "p"}), 400, "port"),
    ] {
        let detail = problem(&p1.post("/swarm/register", &body), status);
        assert!(detail.contains(word), "{detail:?} does not contain {word:?}");
    }
    let long = json!({"name": "n".repeat(64), "port": 65535, "files": [{"id": id(1), "name": "n".repeat(255),
        "size": u64::MAX, "manifest": id(2)}]});
    assert_eq!(p1.post("/swarm/register", &long).status, 201);
    for body in ["", "{", "{\"peer\":\"x\"}", "[]", "\"x\"", "{\"peer\":1,\"secret\":2}", "{} {}", "\u{0}"] {
        for path in ["heartbeat", "unregister", "announce", "register"] {
            let request = Request::new("POST", &format!("/swarm/{path}")).field("Content-Type", "application/json");
            problem(&p1.send(&request.body(body)), 400);
        }
    }
    let untyped = Request::new("POST", "/swarm/heartbeat").body("{}");
    problem(&p1.send(&untyped), 415);
    let endless = Request::new("POST", "/swarm/register").field("Content-Type", "application/json");
    problem(&p1.send(&endless.body(vec![b' '; 1024 * 1024 + 1])), 413);
}

#[test]
fn unknown_paths_wrong_methods_and_invalid_parameters_are_refused() {
    let server = start(&[]);
    let p1 = Peer::at(server.address, "127.1.1.1");
    p1.registered("seed", 6881, &[entry(1)]);
    let known = id(1);
    for (path, status, word) in [
        ("/swarm".to_owned(), 404, ""),
        ("/swarm/".to_owned(), 404, ""),
        ("/swarm/nothing".to_owned(), 404, ""),
        ("/swarm/files/".to_owned(), 200, ""),
        ("/swarm/files/x".to_owned(), 400, "id"),
        (format!("/swarm/files/{known}0"), 400, "id"),
        (format!("/swarm/files/%{}", &known[1..]), 400, "id"),
        ("/swarm/files/..%2f..%2fetc/holders".to_owned(), 400, "id"),
        (format!("/swarm/files/{}", id(2)), 404, &id(2)),
        (format!("/swarm/files/{}/holders", id(2)), 404, &id(2)),
        (format!("/swarm/files/{}/best", id(2)), 404, &id(2)),
        (format!("/swarm/files/{known}/worst"), 404, ""),
        (format!("/swarm/files/{known}/holders/1"), 404, ""),
        (format!("/swarm/files/{known}/holders?limit=0"), 400, "limit"),
        (format!("/swarm/files/{known}/holders?limit=x"), 400, "limit"),
        (format!("/swarm/files/{known}/holders?limit=-1"), 400, "limit"),
        (format!("/swarm/files/{known}/best?limit=0"), 400, "limit"),
        ("/swarm/files?after=x".to_owned(), 400, "after"),
        (format!("/swarm/files/{known}/holders?except=nobody&what=ever"), 200, ""),
        ("/swarm/files?name=&after=&limit=".to_owned(), 200, ""),
    ] {
        let answer = p1.get(&path);
        match status {
            200 => drop(good(&answer)),
            status => assert!(problem(&answer, status).contains(word), "{path}: {answer:?}"),
        }
    }
    for (method, path, allowed) in [
        ("GET", "/swarm/register".to_owned(), "POST, OPTIONS"),
        ("PUT", "/swarm/unregister".to_owned(), "POST, OPTIONS"),
        ("POST", "/swarm/files".to_owned(), "GET, HEAD, OPTIONS"),
        ("DELETE", format!("/swarm/files/{known}/holders"), "GET, HEAD, OPTIONS"),
    ] {
        let answer = p1.send(&Request::new(method, &path).body(""));
        problem(&answer, 405);
        assert_eq!(answer.field("allow"), Some(allowed));
        assert_eq!(p1.send(&Request::new("OPTIONS", &path)).field("allow"), Some(allowed));
    }
    let head = p1.send(&Request::new("HEAD", &format!("/swarm/files/{known}/holders")));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(start(&["--no-swarm"]).get("/swarm/files").status, 404);
}
