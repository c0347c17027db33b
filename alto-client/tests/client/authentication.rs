//! HTTPS with a CA of one's own, and HTTP Digest (RFC 7285 §8.3.5), with real servers and with odd ones.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use alto_client::{Client, Error, RedirectFault};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::{builder, directory, network_map, network_map_entry};
use test_support::alto_server::Server;
use test_support::certificate::signed_by_authority;
use test_support::scripted_server::{Reply, Script};

fn tls_server(folder: &Path) -> Server {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let tls = ["--tls-certificate", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    Server::of_with("conformance-fixture-a.json", &tls)
}

#[test]
fn https_trusts_whom_it_was_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let ca = signed_by_authority(folder.path(), &["localhost", "127.0.0.1"]);
    let server = tls_server(folder.path());
    let uri = server.directory();
    assert!(uri.starts_with("https://"), "{uri}");
    let client = Client::builder(&uri).trust(ca.clone()).build().unwrap();
    assert_eq!(client.network_map(None).unwrap().pids().len(), 5);
    let by_name = uri.replace("127.0.0.1", "localhost");
    for builder in [
        Client::builder(&by_name).trust(ca.clone()),
        Client::builder(&uri).source("127.0.0.7".parse().unwrap()).trust(ca.clone()),
    ] {
        assert!(builder.build().unwrap().network_map(None).is_ok());
    }
    // Not by default, and not because some other authority is trusted.
    let other = tempfile::tempdir().unwrap();
    let other_ca = signed_by_authority(other.path(), &["localhost"]);
    for builder in [Client::builder(&uri), Client::builder(&uri).trust(other_ca.clone())] {
        let error = builder.build().unwrap().directory().unwrap_err();
        assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    }
    let both = Client::builder(&uri).trust(other_ca + &ca).build().unwrap();
    assert!(both.directory().is_ok());
}

#[test]
fn https_checks_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let ca = signed_by_authority(folder.path(), &["elsewhere.example"]);
    let server = tls_server(folder.path());
    let error = Client::builder(&server.directory()).trust(ca).build().unwrap().directory().unwrap_err();
    assert!(matches!(&error, Error::Transport { .. }), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[test]
fn https_does_not_turn_into_http() {
    let folder = tempfile::tempdir().unwrap();
    let ca = signed_by_authority(folder.path(), &["localhost", "127.0.0.1"]);
    let plain = Script::start();
    plain.on("GET /ird", [Reply::redirect(307, &tls_server_that_says(folder.path(), &plain.uri("/secret")))]);
    match builder(&plain).trust(ca.clone()).build().unwrap().directory() {
        // Upwards is fine, down again is not.
        Err(Error::Redirect { reason, .. }) => assert_eq!(reason, RedirectFault::Downgrade(plain.uri("/secret"))),
        other => panic!("{other:?}"),
    }
    assert_eq!(plain.seen().len(), 1);
    let tls = tls_server(folder.path());
    plain.on("GET /ird", [Reply::redirect(307, &tls.directory())]);
    assert_eq!(builder(&plain).trust(ca).build().unwrap().directory().unwrap().uri(), tls.directory());
}

/// The URI of a server with TLS that redirects its first client to somewhere.
fn tls_server_that_says(folder: &Path, location: &str) -> String {
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("https://{}/", listener.local_addr().unwrap());
    let reply = format!("HTTP/1.1 307 Away\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    std::thread::spawn(move || {
        let connection = ServerConnection::new(config).unwrap();
        let mut stream = StreamOwned::new(connection, listener.accept().unwrap().0);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream.write_all(reply.as_bytes()).unwrap();
        stream.flush().unwrap();
    });
    uri
}

/// A real server that wants `ada` with her password, which has a colon.
fn digest_server() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    fs::write(&users, "ada:pass:word\n").unwrap();
    let server = Server::of_with("conformance-fixture-a.json", &["--digest-users", users.to_str().unwrap()]);
    (folder, server)
}

#[test]
fn digest_lets_in_whom_the_server_knows() {
    let (_folder, server) = digest_server();
    let client = Client::builder(&server.directory()).digest("ada", "pass:word").build().unwrap();
    // Many requests by one nonce, from several threads at a time.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(client.network_map(None).unwrap().pids().len(), 5);
                    client.pids(None, &super::endpoints(["192.0.2.1"])).unwrap();
                }
            });
        }
    });
    for (builder, says) in [
        (Client::builder(&server.directory()).digest("ada", "wrong"), "wrong"),
        (Client::builder(&server.directory()).digest("eve", "pass:word"), "wrong"),
        (Client::builder(&server.directory()), "there are none"),
    ] {
        let error = builder.build().unwrap().directory().unwrap_err();
        assert!(matches!(error, Error::Denied { .. }) && error.to_string().contains(says), "{error}");
        assert_eq!(error.status(), Some(401));
    }
}

const CHALLENGE: &str = "Digest realm=\"a, \\\"b\\\"\", nonce=\"n1\", qop=\"auth-int, auth\"";

fn scripted(challenges: &[&str]) -> Script {
    let server = Script::start();
    let denied =
        challenges.iter().fold(Reply::status(401), |reply, challenge| reply.field("WWW-Authenticate", challenge));
    server.on("GET /ird", [denied, directory(&json!({"nm": network_map_entry()}))]);
    server.on("GET /nm", [network_map("1")]);
    server
}

fn parameter(authorization: &str, name: &str) -> Option<String> {
    let start = authorization.find(&format!(" {name}="))? + name.len() + 2;
    let rest = &authorization[start..];
    Some(match rest.strip_prefix('"') {
        Some(rest) => rest.split('"').next().unwrap().to_owned(),
        None => rest.split(',').next().unwrap().to_owned(),
    })
}

#[test]
fn the_best_challenge_is_answered_and_its_nonce_used_on() {
    let md5 = "digest  Realm=\"r\", NONCE=\"m\", algorithm=MD5, qop=auth";
    let sha = format!("{CHALLENGE}, algorithm=SHA-256, opaque=\"o\"");
    for lines in [vec!["Basic realm=\"x\"", md5, &sha], vec![&format!("Basic realm=\"x\", {sha}, Negotiate, {md5}")]] {
        let server = scripted(&lines);
        let client = builder(&server).digest("me", "secret").build().unwrap();
        client.network_map(None).unwrap();
        client.network_map(None).unwrap();
        let seen = server.seen();
        assert_eq!(seen[0].field("authorization"), None);
        let given: Vec<&str> = seen[1..].iter().map(|request| request.field("authorization").unwrap()).collect();
        assert_eq!(given.len(), 3);
        let mut client_nonces = HashSet::new();
        for (count, authorization) in given.iter().enumerate() {
            let value = |name| parameter(authorization, name);
            assert_eq!(value("algorithm").as_deref(), Some("SHA-256"), "{authorization}");
            assert_eq!(value("nonce").as_deref(), Some("n1"));
            assert_eq!(value("qop").as_deref(), Some("auth"));
            assert_eq!(value("opaque").as_deref(), Some("o"));
            assert_eq!(value("nc"), Some(format!("{:08x}", count + 1)));
            assert_eq!(value("uri").as_deref(), Some(if count == 0 { "/ird" } else { "/nm" }));
            assert!(authorization.contains("realm=\"a, \\\"b\\\"\""), "{authorization}");
            assert!(!authorization.contains("secret"));
            client_nonces.insert(value("cnonce"));
        }
        assert_eq!(client_nonces.len(), 3);
    }
}

#[test]
fn a_nonce_that_became_stale_is_replaced() {
    let server = scripted(&[CHALLENGE]);
    let client = builder(&server).digest("me", "secret").build().unwrap();
    let stale = CHALLENGE.replace("n1", "n2") + ", stale=TRUE";
    server.on(
        "GET /nm",
        [
            Reply::status(401).field("WWW-Authenticate", &CHALLENGE.replace("n1", "n0")),
            Reply::status(401).field("WWW-Authenticate", &stale),
            network_map("1"),
        ],
    );
    client.network_map(None).unwrap();
    let nonces: Vec<_> =
        server.asked("GET /nm").iter().map(|r| parameter(r.field("authorization").unwrap(), "nonce")).collect();
    assert_eq!(nonces, ["n1", "n0", "n2"].map(|nonce| Some(nonce.to_owned())));
    // But not for ever.
    server.on("GET /nm", [Reply::status(401).field("WWW-Authenticate", &stale)]);
    assert!(matches!(client.network_map(None), Err(Error::Denied { .. })));
    assert!(server.asked("GET /nm").len() <= 3 + 3);
}

#[test]
fn what_cannot_be_answered_is_said() {
    for challenge in [
        "Basic realm=\"x\"",
        "Digest realm=\"x\"",
        "Digest realm=\"x\", nonce=\"n\", algorithm=ROT13, qop=\"auth\"",
        "Digest realm=\"x\", nonce=\"n\", qop=\"other\"",
        "Digest",
        "\"",
        ",,, =",
    ] {
        let server = scripted(&[challenge]);
        let client = builder(&server).digest("me", "secret").build().unwrap();
        let error = client.directory().unwrap_err();
        assert!(error.to_string().contains("no form of Digest"), "{challenge}: {error}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn credentials_stay_with_their_origin() {
    let (home, away) = (scripted(&[CHALLENGE]), scripted(&[CHALLENGE]));
    let client = || builder(&home).digest("me", "secret");
    let ask = |builder: alto_client::ClientBuilder| builder.build().unwrap().network_map(None);
    // By redirect, and by delegation.
    home.on("GET /nm", [Reply::redirect(307, &away.uri("/ird"))]);
    assert!(matches!(ask(client()), Err(Error::Denied { uri, .. }) if uri == away.uri("/ird")));
    let far = json!({"nm": {"uri": away.uri("/ird"), "media-type": "application/alto-networkmap+json"}});
    home.on("GET /ird", [directory(&far)]);
    away.on("GET /ird", [Reply::status(401).field("WWW-Authenticate", CHALLENGE), network_map("1")]);
    assert!(matches!(ask(client()), Err(Error::Denied { .. })));
    assert!(away.seen().iter().all(|request| request.field("authorization").is_none()));
    // Unless they were given for there as well.
    away.on("GET /ird", [Reply::status(401).field("WWW-Authenticate", CHALLENGE), network_map("1")]);
    assert!(ask(client().digest_at(away.uri("/"), "other", "word")).is_ok());
    assert!(away.seen().last().unwrap().field("authorization").unwrap().contains("username=\"other\""));
}
