//! Settings about where and how the server is reached: a listener of its own for administration and metrics, absolute URIs,
//! pages of other origins, the access log.

use std::net::SocketAddr;

use test_support::ports::free_port;

use crate::support::{Answer, Request, Server, data, run};

const TOKEN: &str = "a-token-for-everything";

#[test]
fn administration_and_metrics_have_a_listener_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let own = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let arguments = ["--admin-listen", &own.to_string(), "--admin-token-file", token.to_str().unwrap()];
    let server = Server::of_with("two-isps.json", &arguments);
    let get = |path: &str, address: SocketAddr| -> Answer {
        Request::new("GET", path).field("Authorization", &format!("Bearer {TOKEN}")).send(address)
    };
    for (path, on_public, on_own) in [
        ("/directory", 200, 404),
        ("/metrics", 404, 200),
        ("/admin/status", 404, 200),
        ("/healthz", 200, 200),
        ("/readyz", 200, 200),
        ("/swarm/files", 200, 404),
    ] {
        assert_eq!((get(path, server.address).status, get(path, own).status), (on_public, on_own), "{path}");
    }
}

#[test]
fn a_base_uri_makes_the_directory_absolute() {
    let server = Server::of_with("two-isps.json", &["--base-uri", "https://alto.example/isp"]);
    let directory = server.get("/directory").alto("directory");
    for (id, resource) in directory["resources"].as_object().unwrap() {
        let uri = resource["uri"].as_str().unwrap();
        assert!(uri.starts_with("https://alto.example/isp/"), "{id}: {uri}");
    }
    assert_eq!(directory["resources"]["network-map"]["uri"], "https://alto.example/isp/networkmap");
}

#[test]
fn pages_of_named_origins_may_read() {
    let server = Server::of_with("two-isps.json", &["--cors-origin", "https://app.example"]);
    let ask = |method: &str, path: &str, origin: &str| {
        let request = Request::new(method, path).field("Origin", origin);
        request.field("Access-Control-Request-Method", "POST").send(server.address)
    };
    let answer = ask("GET", "/networkmap", "https://app.example");
    assert_eq!(answer.field("access-control-allow-origin"), Some("https://app.example"));
    assert!(answer.field("access-control-expose-headers").unwrap().contains("ETag"));
    assert!(answer.all("vary").iter().any(|field| field.contains("Origin")), "{answer:?}");
    let preflight = ask("OPTIONS", "/costmap/filtered", "https://app.example");
    assert_eq!(preflight.status, 204);
    assert!(preflight.field("access-control-allow-methods").unwrap().contains("POST"), "{preflight:?}");
    assert!(preflight.field("access-control-allow-headers").unwrap().contains("Content-Type"), "{preflight:?}");
    let stranger = ask("GET", "/networkmap", "https://evil.example");
    assert_eq!(stranger.field("access-control-allow-origin"), None);
    assert!(stranger.all("vary").iter().any(|field| field.contains("Origin")), "caches must not mix the two up");
    assert_eq!(ask("GET", "/admin/status", "https://app.example").field("access-control-allow-origin"), None);
    let without = Server::of("two-isps.json");
    let answer = Request::new("GET", "/networkmap").field("Origin", "https://app.example").send(without.address);
    assert_eq!(answer.field("access-control-allow-origin"), None);
    for (option, wrong) in [("--cors-origin", "app.example"), ("--base-uri", "alto.example")] {
        let topology = data("two-isps.json");
        let (code, _, error) = run(&["--topology", topology.to_str().unwrap(), option, wrong, "--check"]);
        assert!(code == 78 && error.contains(&option[2..]) && error.contains("https://"), "{error}");
    }
}

#[test]
fn the_access_log_has_the_combined_form_and_can_leave_clients_out() {
    let ask = |server: &Server| {
        let request = Request::new("GET", "/networkmap?a=b").field("User-Agent", "agent \"7\"");
        assert_eq!(request.field("Referer", "https://app.example/").send(server.address).status, 200);
        server.wait_for_log("access: ")
    };
    let full = ask(&Server::of_with("two-isps.json", &["--access-log"]));
    let line = full.split("access: ").nth(1).unwrap();
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    for part in
        [" +0000] \"GET /networkmap HTTP/1.1\" 200 ", " \"https://app.example/\" \"agent \\\"7\\\"\" network-map "]
    {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let anonymous = ask(&Server::of_with("two-isps.json", &["--access-log", "--access-log-anonymous"]));
    let line = anonymous.split("access: ").nth(1).unwrap();
    assert!(line.starts_with("- - - [") && line.contains(" \"-\" \"-\" network-map "), "{line}");
    let server = Server::of_with("two-isps.json", &["--access-log", "--log-format", "json"]);
    let request = Request::new("GET", "/networkmap").field("User-Agent", "agent");
    assert_eq!(request.send(server.address).status, 200);
    let event: serde_json::Value = serde_json::from_str(&server.wait_for_log("\"target\":\"access\"")).unwrap();
    let found = ["client", "agent", "path"].map(|key| event[key].as_str().unwrap());
    assert_eq!(found, ["127.0.0.1", "agent", "/networkmap"]);
}
