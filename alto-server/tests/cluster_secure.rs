//! A Redis with TLS, users and passwords, and Sentinels with passwords: what reaches it, what does not, and what is logged.

use std::path::Path;

use serde_json::json;
use test_support::certificate::signed_by_authority;
use test_support::patience::wait_until;
use test_support::redis_server::{RedisServer, is_installed};

use crate::cluster::in_time;
use crate::support::{Request, Server, data, program, run};

const TOKEN: &str = "correct-horse-battery-staple";
const PASSWORD: &str = "tr0ub4dor-and-3";
/// What the user of the store may do, as docs/scaling.md lists it.
const USER: &str = "user alto on >tr0ub4dor-and-3 ~alto:* +@read +@write +@scripting +@connection +@transaction +time +wait +role -@dangerous +role";

fn start(store: &str, more: &[&str]) -> Server {
    let mut command = program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--log-level", "trace", "--store", store]);
    Server::start(command.arg("--topology").arg(data("two-isps.json")).args(more))
}

/// Tries to start, and returns what is said in the end.
fn fail(store: &str, more: &[&str]) -> String {
    let topology = data("two-isps.json");
    let all = ["--topology", topology.to_str().unwrap(), "--listen", "127.0.0.1:0", "--log-level", "trace", "--store"];
    let (code, _, error) = run(&[&all, &[store][..], more].concat());
    assert!(code != 0 && !error.contains(PASSWORD), "{error}");
    error
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Changes a link and registers a peer through one server, and waits until the other has both.
fn changes_pass(one: &Server, other: &Server) {
    let listed = Request::new("GET", "/admin/links").field("Authorization", &format!("Bearer {TOKEN}"));
    let links = listed.send(one.address).json();
    let (source, destination) = (&links["links"][0]["source"], &links["links"][0]["destination"]);
    let change = json!({"source": source, "destination": destination, "cost": 77}).to_string();
    let changed = Request::new("POST", "/admin/links")
        .field("Authorization", &format!("Bearer {TOKEN}"))
        .field("Content-Type", "application/json")
        .body(change);
    assert_eq!(in_time(|| changed.send(one.address)).status, 200);
    let register = |at: &Server, port: u16| {
        let registration = json!({"name": "peer", "port": port, "files": []}).to_string();
        at.post("/swarm/register", "application/json", registration)
    };
    let mut port = 4000;
    let registered = in_time(|| {
        port += 1;
        register(one, port)
    });
    assert_eq!(registered.status, 201);
    let wanted = one.get("/costmap/numerical/routingcost").body;
    wait_until("the other server has the change", || {
        (other.get("/costmap/numerical/routingcost").body == wanted).then_some(())
    });
    assert_eq!(in_time(|| register(other, port)).status, 409, "the address is taken");
}

/// Ends a server, and looks through all that it has logged.
fn keeps_secrets(server: &Server) {
    server.signal("TERM");
    let log = std::iter::from_fn(|| server.next_log_line()).collect::<Vec<_>>().join("\n");
    assert!(!log.is_empty() && !log.contains(PASSWORD), "{log}");
}

#[test]
fn a_store_with_tls_and_users_is_reached_by_those_who_may() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = write(folder.path(), "ca.pem", &signed_by_authority(folder.path(), &["localhost"]));
    let users = write(folder.path(), "users.acl", &format!("user default off\n{USER}\n"));
    let redis = RedisServer::on_tls_port(folder.path(), &["--tls-ca-cert-file", &authority, "--aclfile", &users]);
    let store = format!("rediss://localhost:{}", redis.port);
    let login = write(folder.path(), "login", &format!("alto {PASSWORD}\n"));
    let may = ["--store-ca-file", &authority, "--store-password-file", &login];
    let servers = [(); 2].map(|()| start(&store, &may));
    changes_pass(&servers[0], &servers[1]);
    servers.iter().for_each(keeps_secrets);

    // Other authorities do not vouch for it, nor does this one for another name.
    assert!(fail(&store, &may[2..]).contains("certificate"));
    assert!(fail(&store.replace("localhost", "127.0.0.1"), &may).contains("certificate"));
    // With a wrong password, with none, and with that of a user who may do nothing.
    let wrong = write(folder.path(), "wrong", &format!("alto {PASSWORD}x\n"));
    assert!(fail(&store, &["--store-ca-file", &authority, "--store-password-file", &wrong]).contains("uthenticat"));
    assert!(fail(&store, &may[..2]).contains("NOAUTH"));
    let alone = write(folder.path(), "alone", PASSWORD);
    fail(&store, &["--store-ca-file", &authority, "--store-password-file", &alone]);
}

#[test]
fn sentinels_may_have_the_password_or_none() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let login = write(folder.path(), "login", PASSWORD);
    let redis = RedisServer::on_port(&["--requirepass", PASSWORD]);
    for own in ["", PASSWORD] {
        let sentinel = RedisServer::sentinel(&[
            &format!("sentinel monitor alto 127.0.0.1 {} 1", redis.port),
            &format!("sentinel auth-pass alto {PASSWORD}"),
            &format!("requirepass \"{own}\""),
        ]);
        // The first of them is gone.
        let store = format!("redis://127.0.0.1:1,127.0.0.1:{}/0?sentinel=alto", sentinel.port);
        let servers = [(); 2].map(|()| start(&store, &["--store-password-file", &login]));
        changes_pass(&servers[0], &servers[1]);
        servers.iter().for_each(keeps_secrets);
        assert!(fail(&store, &[]).contains("NOAUTH"));
        assert!(
            fail(&store.replace("=alto", "=other"), &["--store-password-file", &login]).contains("knows no master")
        );
        redis.call(&["--no-auth-warning", "-a", PASSWORD, "FLUSHALL"]);
    }
}
