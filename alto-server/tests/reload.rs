//! SIGHUP and `POST /admin/reload`: everything is read again, or nothing changes.

use std::fs;
use std::path::Path;

use crate::support::{Answer, Request, Server, data, program};
use serde_json::{Value, json};

const OLD: &str = "the-old-token-of-ada";
const NEW: &str = "the-new-token-of-ada";

/// Writes a settings file with these members beside those that every test needs, and a topology and a token.
fn write(folder: &Path, topology: &str, token: &str, more: &Value) {
    fs::copy(data(topology), folder.join("topo.json")).unwrap();
    fs::write(folder.join("token"), token).unwrap();
    let mut settings = json!({"topology": "topo.json", "listen": ["127.0.0.1:0"], "admin-token-file": "token"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fs::write(folder.join("server.json"), settings.to_string()).unwrap();
}

fn start(folder: &Path) -> Server {
    Server::start(program().arg("--config").arg(folder.join("server.json")))
}

fn admin(server: &Server, token: &str, method: &str, path: &str) -> Answer {
    Request::new(method, path).field("Authorization", &format!("Bearer {token}")).send(server.address)
}

/// Value of a metric without labels.
fn metric(server: &Server, name: &str) -> String {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("{name} is not in {text}"))
}

#[test]
fn everything_that_can_change_is_read_again_and_the_rest_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "two-isps.json", OLD, &json!({}));
    let server = start(folder.path());
    assert_eq!(server.get("/networkmap").field("cache-control"), Some("public, no-cache"));
    assert_eq!(admin(&server, OLD, "GET", "/admin/status").status, 200);
    let time = || metric(&server, "alto_last_reload_success_timestamp_seconds").parse::<f64>().unwrap();
    let started = time();

    let more = json!({"max-age": 60, "digest-users": "users", "log-level": "debug", "max-pairs": 7, "no-swarm": true});
    write(folder.path(), "abilene.json", NEW, &more);
    fs::write(folder.path().join("users"), "ada:secret\n").unwrap();
    server.signal("HUP");
    let warning = server.wait_for_log("take effect with a restart only");
    assert!(warning.ends_with("max-pairs, no-swarm"), "{warning}");
    server.wait_for_log("settings and files reloaded");
    assert_eq!(server.get("/networkmap").status, 401, "there are users now");
    assert_eq!(admin(&server, OLD, "GET", "/admin/status").status, 401);
    let status = admin(&server, NEW, "GET", "/admin/status").json();
    assert_eq!(status["topology"], "abilene");
    assert!(time() > started);
    assert_eq!(metric(&server, "alto_last_reload_successful"), "1");

    // The same over /admin, whose answer names what needs a restart. Without users, clients need no credentials again.
    write(folder.path(), "two-isps.json", NEW, &json!({"max-age": 60, "max-pairs": 7}));
    let report = admin(&server, NEW, "POST", "/admin/reload");
    assert_eq!(report.json()["restart"], json!(["max-pairs"]), "{report:?}");
    assert_eq!(server.get("/networkmap").field("cache-control"), Some("public, max-age=60"));
    let audit = admin(&server, NEW, "GET", "/admin/audit").json();
    let who: Vec<_> = audit["entries"].as_array().unwrap().iter().map(|e| (&e["action"], &e["who"])).collect();
    assert_eq!(who, [(&json!("reload"), &json!("token")), (&json!("reload"), &json!("signal"))]);
}

#[test]
fn one_bad_file_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "two-isps.json", OLD, &json!({}));
    let server = start(folder.path());
    let before = server.get("/costmap/numerical/routingcost").body;

    write(folder.path(), "abilene.json", NEW, &json!({"max-age": 60, "digest-users": "users", "log-level": "loud"}));
    fs::write(folder.path().join("users"), "nobody\n").unwrap();
    let answer = admin(&server, OLD, "POST", "/admin/reload");
    let problems = answer.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 422);
    assert!(problems.contains("log-level: \"loud\"") && problems.contains("users: line 1"), "{problems}");
    server.signal("HUP");
    server.wait_for_log("the reload changed nothing: log-level");
    server.wait_for_log("the reload changed nothing: digest-users");
    assert_eq!(server.get("/costmap/numerical/routingcost").body, before);
    assert_eq!(server.get("/networkmap").field("cache-control"), Some("public, no-cache"));
    assert_eq!(admin(&server, OLD, "GET", "/admin/status").status, 200, "the old token is still the one");
    assert_eq!(admin(&server, NEW, "GET", "/admin/status").status, 401);
    assert_eq!(metric(&server, "alto_last_reload_successful"), "0");

    // A settings file that is not JSON changes nothing either, and neither does one that is gone.
    fs::write(folder.path().join("server.json"), "{").unwrap();
    assert_eq!(admin(&server, OLD, "POST", "/admin/reload").status, 422);
    fs::remove_file(folder.path().join("server.json")).unwrap();
    assert_eq!(admin(&server, OLD, "POST", "/admin/reload").status, 422);
    assert_eq!(server.get("/costmap/numerical/routingcost").body, before);

    write(folder.path(), "abilene.json", NEW, &json!({}));
    assert_eq!(admin(&server, OLD, "POST", "/admin/reload").status, 200);
    assert_ne!(server.get("/costmap/numerical/routingcost").body, before);
    assert_eq!(metric(&server, "alto_last_reload_successful"), "1");
}

#[test]
fn wrong_credentials_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "two-isps.json", OLD, &json!({"digest-users": "users"}));
    fs::write(folder.path().join("users"), "ada:secret\n").unwrap();
    let server = start(folder.path());
    let failures = |of: &str| {
        let name = format!("alto_authentication_failures_total{{for=\"{of}\"}} ");
        String::from_utf8(server.get("/metrics").body)
            .unwrap()
            .lines()
            .find_map(|line| line.strip_prefix(&name)?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    // The first request of every client has no credentials.
    assert_eq!(server.get("/networkmap").status, 401);
    assert_eq!(server.get("/admin/status").status, 401);
    assert_eq!((failures("clients"), failures("admin")), (0, 0));
    assert_eq!(admin(&server, OLD, "GET", "/networkmap").status, 401);
    let refused = admin(&server, NEW, "GET", "/admin/status");
    assert_eq!((failures("clients"), failures("admin")), (1, 1));
    assert!(refused.json()["detail"].as_str().unwrap().contains("Authorization: Bearer TOKEN"), "{refused:?}");
    assert_ne!(metric(&server, "process_resident_memory_bytes"), "0");
    assert!(
        String::from_utf8(server.get("/metrics").body)
            .unwrap()
            .contains(concat!("alto_build_info{version=\"", env!("CARGO_PKG_VERSION")))
    );
}
