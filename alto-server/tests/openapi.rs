//! The description of `/swarm` and `/admin`: the same in the repository and served, and true of the server's paths and answers.

use std::os::unix::net::UnixStream;

use crate::support::{Request, Server};
use serde_json::json;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

/// Compares `docs/openapi.json` with what is served. `UPDATE_GOLDEN=1 cargo test -p alto-server` rewrites the file.
#[test]
fn the_description_is_served_and_shipped() {
    let answer = Server::of("two-isps.json").get("/openapi.json");
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")));
    let served = serde_json::to_string_pretty(&answer.json()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(FILE, &served).unwrap();
    }
    assert_eq!(std::fs::read_to_string(FILE).unwrap(), served, "run with UPDATE_GOLDEN=1");
}

/// The server has every described method of every path, and no others.
#[test]
fn every_path_and_method_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    let server = Server::of_with("two-isps.json", &["--admin-socket", socket.to_str().unwrap()]);
    let document = server.get("/openapi.json").json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let concrete = path.replace("{id}", &"0".repeat(64)).replace("{source}", "a1").replace("{destination}", "a2");
        let request = Request::new("OPTIONS", &concrete);
        let answer = if path.starts_with("/admin") {
            request.send_over(UnixStream::connect(&socket).unwrap())
        } else {
            request.send(server.address)
        };
        let mut described: Vec<String> = operations.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
        let mut allowed: Vec<String> = answer
            .field("allow")
            .unwrap_or_else(|| panic!("{path}: {answer:?}"))
            .split(", ")
            .map(str::to_owned)
            .collect();
        allowed.retain(|method| !["HEAD", "OPTIONS"].contains(&method.as_str()));
        allowed.sort();
        described.sort();
        assert_eq!(allowed, described, "{path}");
    }
    // Answers have the members that the description requires, and no others.
    for (path, name) in [("/admin/status", "Status"), ("/admin/audit", "Audit"), ("/admin/links", "Links")] {
        let answer = Request::new("GET", path).send_over(UnixStream::connect(&socket).unwrap()).json();
        let schema = &document["components"]["schemas"][name];
        let known = schema["properties"].as_object().unwrap();
        for key in answer.as_object().unwrap().keys() {
            assert!(known.contains_key(key), "{name} does not describe {key}");
        }
        for key in schema["required"].as_array().unwrap() {
            assert!(answer.get(key.as_str().unwrap()).is_some(), "{path} lacks {key}");
        }
    }
    assert_eq!(document["openapi"], json!("3.1.0"));
}
