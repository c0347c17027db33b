//! HTTPS with certificates from files, and client authentication by HTTP Digest (RFC 7285 §8.3.5).

use std::path::Path;
use std::sync::Arc;

use crate::support::{Answer, Request, Server, http};
use digest_auth::{AuthContext, WwwAuthenticateHeader};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Writes a self-signed certificate for `localhost` and its key, and returns the certificate.
fn certificate(folder: &Path) -> rustls::pki_types::CertificateDer<'static> {
    test_support::certificate::self_signed(folder).into()
}

fn with_tls(folder: &Path, more: &[&str]) -> Server {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let mut arguments = vec!["--tls-certificate", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    arguments.extend(more);
    Server::of_with("two-isps.json", &arguments)
}

fn over_tls(server: &Server, trusted: &rustls::pki_types::CertificateDer<'static>, request: &Request) -> Answer {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    request.send_over(StreamOwned::new(connection, http::connect(server.address)))
}

#[test]
fn https_and_http_serve_the_same_documents() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = certificate(folder.path());
    let server = with_tls(folder.path(), &[]);
    let plain = Server::of("two-isps.json");
    for path in ["/directory", "/networkmap"] {
        let answer = over_tls(&server, &trusted, &Request::new("GET", path));
        assert_eq!((answer.status, answer.body), (200, plain.get(path).body), "{path}");
    }
    // A client without TLS gets no document, and the server keeps serving others.
    assert!(
        !http::exchange(server.address, b"GET /directory HTTP/1.1\r\nHost: a\r\n\r\n").starts_with(b"HTTP/1.1 200")
    );
    assert_eq!(over_tls(&server, &trusted, &Request::new("GET", "/healthz")).status, 200);
}

#[test]
fn sighup_loads_a_new_certificate_and_rejects_an_invalid_one() {
    let folder = tempfile::tempdir().unwrap();
    let first = certificate(folder.path());
    let server = with_tls(folder.path(), &[]);
    assert_eq!(over_tls(&server, &first, &Request::new("GET", "/healthz")).status, 200);
    let second = certificate(folder.path());
    server.signal("HUP");
    server.wait_for_log("settings and files reloaded");
    assert_eq!(over_tls(&server, &second, &Request::new("GET", "/healthz")).status, 200);
    std::fs::write(folder.path().join("cert.pem"), "no certificate").unwrap();
    server.signal("HUP");
    server.wait_for_log("the reload changed nothing");
    assert_eq!(over_tls(&server, &second, &Request::new("GET", "/healthz")).status, 200);
}

/// Serves with two Digest users, of which `ada` has a colon in her password.
fn with_users() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, "# staff\nada:pass:word\nbob:other\n").unwrap();
    let server =
        Server::of_with("two-isps.json", &["--digest-users", users.to_str().unwrap(), "--digest-realm", "test realm"]);
    (folder, server)
}

/// Authorization field that answers the challenge for one algorithm.
fn authorization(denied: &Answer, algorithm: &str, name: &str, password: &str, path: &str) -> String {
    let challenges = denied.all("www-authenticate");
    let challenge = challenges.iter().find(|c| c.contains(&format!("algorithm={algorithm},"))).unwrap();
    let mut challenge: WwwAuthenticateHeader = challenge.parse().unwrap();
    let mut context = AuthContext::new(name, password, path);
    context.set_custom_cnonce("0a4f113b");
    challenge.respond(&context).unwrap().to_header_string()
}

#[test]
fn digest_authenticates_known_users_with_both_algorithms() {
    let (_folder, server) = with_users();
    let denied = server.get("/networkmap");
    assert_eq!(denied.status, 401);
    let challenges = denied.all("www-authenticate");
    assert!(
        challenges.len() == 2 && challenges[0].contains("algorithm=SHA-256"),
        "expected two challenges, SHA-256 first: {challenges:?}"
    );
    let ask = |path: &str, field: &str| Request::new("GET", path).field("Authorization", field).send(server.address);
    for algorithm in ["SHA-256", "MD5"] {
        let denied = server.get("/networkmap");
        let good = authorization(&denied, algorithm, "ada", "pass:word", "/networkmap");
        let answer = ask("/networkmap", &good);
        assert_eq!((answer.status, answer.field("cache-control")), (200, Some("private, no-cache")), "{algorithm}");
        // A repeated authorization is a replay.
        let replayed = ask("/networkmap", &good);
        assert_eq!(replayed.status, 401);
        assert!(replayed.all("www-authenticate").iter().all(|challenge| challenge.contains("stale=true")));
        // The authorization is valid only for the URI it was computed for.
        let denied = server.get("/networkmap");
        assert_eq!(
            ask("/directory", &authorization(&denied, algorithm, "ada", "pass:word", "/networkmap")).status,
            401
        );
        for (name, password) in [("ada", "wrong"), ("eve", "pass:word"), ("ada", "")] {
            let answer = ask("/networkmap", &authorization(&denied, algorithm, name, password, "/networkmap"));
            assert_eq!(answer.status, 401, "{name} {password}");
            assert!(answer.all("www-authenticate").iter().all(|challenge| !challenge.contains("stale")));
        }
    }
    for nonsense in ["Digest", "Digest x", "Basic YWRhOnBhc3M6d29yZA==", "Digest username=\"ada\""] {
        assert_eq!(ask("/networkmap", nonsense).status, 401, "{nonsense}");
    }
    assert_eq!(server.get("/healthz").status, 200, "/healthz requires no authentication");
}

#[test]
fn md5_can_be_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, "ada:pass\n").unwrap();
    let server = Server::of_with("two-isps.json", &["--digest-users", users.to_str().unwrap(), "--no-digest-md5"]);
    let denied = server.get("/directory");
    let challenges = denied.all("www-authenticate");
    assert!(challenges.len() == 1 && challenges[0].contains("SHA-256"), "{challenges:?}");
    let strong = authorization(&denied, "SHA-256", "ada", "pass", "/directory");
    let answer = Request::new("GET", "/directory").field("Authorization", &strong).send(server.address);
    assert_eq!(answer.status, 200);
}

#[test]
fn a_nonce_serves_many_requests_with_increasing_counts() {
    let (_folder, server) = with_users();
    let denied = server.get("/directory");
    let challenges = denied.all("www-authenticate");
    let mut challenge: WwwAuthenticateHeader = challenges[0].parse().unwrap();
    for _ in 0..5 {
        let field = challenge.respond(&AuthContext::new("bob", "other", "/directory")).unwrap().to_header_string();
        let answer = Request::new("GET", "/directory").field("Authorization", &field).send(server.address);
        assert_eq!(answer.status, 200, "{field}");
    }
}

#[test]
fn secrets_are_not_logged() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, "ada:swordfish-42\n").unwrap();
    let mut command = crate::support::program();
    command.args(["--listen", "127.0.0.1:0", "--topology", crate::support::data("two-isps.json").to_str().unwrap()]);
    command.args(["--log-level", "trace", "--access-log", "--digest-users", users.to_str().unwrap()]);
    command.env("ALTO_ADMIN_TOKEN", "a-token-nobody-may-read");
    let server = Server::start(&mut command);
    let denied = server.get("/directory");
    let field = authorization(&denied, "SHA-256", "ada", "swordfish-42", "/directory");
    Request::new("GET", "/directory").field("Authorization", &field).send(server.address);
    Request::new("GET", "/admin/status").field("Authorization", "Bearer a-token-nobody-may-read").send(server.address);
    server.signal("TERM");
    let mut seen = Vec::new();
    while let Some(line) = server.next_log_line() {
        seen.push(line);
    }
    let all = seen.join("\n");
    assert!(all.contains("/directory"), "the access log has no line for /directory");
    for secret in ["swordfish-42", "a-token-nobody-may-read"] {
        assert!(!all.contains(secret), "{secret} is in the log");
    }
}
