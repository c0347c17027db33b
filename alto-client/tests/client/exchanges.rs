//! HTTP as it happens: redirects, busy servers, slow and broken answers, forms of transfer (RFC 7285 §8.3, §8.5.3).

use std::time::{Duration, Instant};

use alto_client::{BuildError, Client, EndpointCostQuery, Error, ReachFault, RedirectFault};
use serde_json::{Value, json};

use super::{builder, client, directory, endpoint_costs, endpoints, network_map, network_map_entry, post_entry};
use test_support::scripted_server::{Reply, Script};

/// A server with a network map at `/nm` and endpoint costs at `/ecs`.
fn server() -> Script {
    let server = Script::start();
    let ecs = post_entry("ecs", "endpointcost", "endpointcostparams", &json!({"cost-type-names": ["num"]}));
    server.on("GET /ird", [directory(&json!({"nm": network_map_entry(), "ecs": ecs}))]);
    server.on("GET /nm", [network_map("1")]);
    server.on("POST /ecs", [costs()]);
    server
}

fn costs() -> Reply {
    endpoint_costs("numerical", &json!({"ipv4:192.0.2.9": {"ipv4:192.0.2.1": 4}}))
}

fn question() -> EndpointCostQuery {
    EndpointCostQuery { destinations: endpoints(["192.0.2.1"]), ..EndpointCostQuery::default() }
}

#[test]
fn requests_say_what_they_are_and_what_they_want() {
    let server = server();
    client(&server).endpoint_costs(&question()).unwrap();
    let seen = server.seen();
    let [get, post] = &seen[..] else { panic!("{seen:?}") };
    for request in [get, post] {
        assert_eq!(request.field("host"), Some(server.address.to_string().as_str()));
        assert!(request.field("accept").unwrap().contains("application/alto-error+json"));
        assert!(request.field("user-agent").unwrap().starts_with("alto-client/"));
        assert_eq!(request.field("cookie"), None);
        assert_eq!(request.field("authorization"), None);
    }
    assert!(get.field("accept").unwrap().starts_with("application/alto-directory+json,"));
    assert_eq!((get.field("content-type"), get.body.len()), (None, 0));
    assert!(post.field("accept").unwrap().starts_with("application/alto-endpointcost+json,"));
    assert_eq!(post.field("content-type"), Some("application/alto-endpointcostparams+json"));
    let expected = json!({"cost-type": {"cost-metric": "routingcost", "cost-mode": "numerical"},
                          "endpoints": {"srcs": [], "dsts": ["ipv4:192.0.2.1"]}});
    assert_eq!(post.json(), expected);
    assert_eq!(get.from, post.from, "one connection serves both");
    let named = builder(&server).user_agent("somebody/1").build().unwrap();
    named.directory().unwrap();
    assert_eq!(server.seen().last().unwrap().field("user-agent"), Some("somebody/1"));
}

#[test]
fn redirects_keep_method_and_body_but_for_303() {
    for status in [301, 302, 307, 308] {
        let server = server();
        server.on("POST /ecs", [Reply::redirect(status, "other/ecs")]).on("POST /other/ecs", [costs()]);
        assert_eq!(client(&server).endpoint_costs(&question()).unwrap().iter().count(), 1, "{status}");
        let [asked] = &server.asked("POST /other/ecs")[..] else { panic!() };
        assert_eq!(asked.json(), server.asked("POST /ecs")[0].json());
        assert_eq!(asked.field("content-type"), Some("application/alto-endpointcostparams+json"));
    }
    let server = server();
    server.on("POST /ecs", [Reply::redirect(303, "/result/1")]).on("GET /result/1", [costs()]);
    assert_eq!(client(&server).endpoint_costs(&question()).unwrap().iter().count(), 1);
    let [asked] = &server.asked("GET /result/1")[..] else { panic!() };
    assert_eq!((asked.body.len(), asked.field("content-type")), (0, None));
}

#[test]
fn a_post_is_redirected_within_its_origin_only() {
    let (server, away) = (server(), Script::start());
    away.on("POST /ecs", [costs()]).on("GET /result", [costs()]);
    for status in [301, 302, 307, 308] {
        server.on("POST /ecs", [Reply::redirect(status, &away.uri("/ecs"))]);
        match client(&server).endpoint_costs(&question()) {
            Err(Error::Redirect { reason, .. }) => assert_eq!(reason, RedirectFault::LeavesOrigin(away.uri("/ecs"))),
            other => panic!("{status}: {other:?}"),
        }
    }
    assert!(away.seen().is_empty(), "nothing was sent there");
    // The result of a POST may be anywhere (RFC 7231 §6.4.4).
    server.on("POST /ecs", [Reply::redirect(303, &away.uri("/result"))]);
    assert!(client(&server).endpoint_costs(&question()).is_ok());
}

#[test]
fn a_redirect_to_the_port_of_another_service_is_not_followed() {
    let server = server();
    server.on("GET /nm", [Reply::redirect(307, "http://127.0.0.1:25/")]);
    let error = client(&server).network_map(None).unwrap_err();
    assert!(matches!(error, Error::OutOfReach { reason: ReachFault::Port(25), .. }), "{error}");
}

#[test]
fn redirects_are_bounded_and_loops_seen() {
    let reason = |server: &Script, bound: u32| {
        let client = builder(server).max_redirects(bound).build().unwrap();
        match client.network_map(None) {
            Err(Error::Redirect { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    let server = server();
    server.on("GET /nm", [Reply::redirect(307, "/a")]).on("GET /a", [Reply::redirect(302, "/nm")]);
    assert_eq!(reason(&server, 5), RedirectFault::Loop(server.uri("/nm")));
    server.on("GET /nm", [Reply::redirect(307, &server.uri("/nm#again"))]);
    assert_eq!(reason(&server, 5), RedirectFault::Loop(server.uri("/nm")));
    server.on("GET /nm", [Reply::redirect(307, "/1")]).on("GET /1", [Reply::redirect(307, "/2")]);
    server.on("GET /2", [network_map("1")]);
    assert_eq!(reason(&server, 1), RedirectFault::TooMany(1));
    assert!(builder(&server).max_redirects(2).build().unwrap().network_map(None).is_ok());
    server.on("GET /nm", [Reply::status(307)]);
    assert_eq!(reason(&server, 5), RedirectFault::NoLocation);
    for location in ["ftp://h/", "http://u:p@h/", "http://"] {
        server.on("GET /nm", [Reply::redirect(307, location)]);
        assert_eq!(reason(&server, 5), RedirectFault::BadLocation(location.to_owned()));
    }
    assert_eq!(reason(&server, 0), RedirectFault::BadLocation("http://".to_owned()));
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let server = server();
    let busy = || Reply::status(503).field("Retry-After", "1");
    server.on("POST /ecs", [busy(), costs()]);
    let started = Instant::now();
    client(&server).endpoint_costs(&question()).unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "not before it is time");
    // Not for ever, and not when it takes too long.
    server.on("POST /ecs", [Reply::status(503)]);
    let error = client(&server).endpoint_costs(&question()).unwrap_err();
    assert!(matches!(error, Error::Busy { status: 503, retry_after: None, .. }), "{error:?}");
    assert_eq!(server.asked("POST /ecs").len(), 2 + 3);
    server.on("POST /ecs", [Reply::status(429).field("Retry-After", "3600")]);
    let error = client(&server).endpoint_costs(&question()).unwrap_err();
    let hour = Duration::from_hours(1);
    assert!(matches!(error, Error::Busy { status: 429, retry_after: Some(wait), .. } if wait == hour), "{error:?}");
    assert!(error.to_string().contains("3600 s"), "{error}");
    assert_eq!(server.asked("POST /ecs").len(), 5 + 1);
    let impatient = builder(&server).retries(0).build().unwrap();
    server.on("POST /ecs", [busy()]);
    assert!(matches!(impatient.endpoint_costs(&question()), Err(Error::Busy { .. })));
}

#[test]
fn answers_in_every_form_of_transfer() {
    let server = server();
    server.on("GET /nm", [network_map("1").chunked()]);
    assert!(client(&server).network_map(None).is_ok());
    server.on("GET /nm", [network_map("1").field("Age", "5").field("Set-Cookie", "a=b")]);
    assert!(client(&server).network_map(None).is_ok());
    server.on("GET /nm", [network_map("1").with_status(203)]);
    assert!(client(&server).network_map(None).is_ok());
}

#[test]
fn answers_that_do_not_end_well() {
    let server = server();
    let quick = builder(&server).timeout(Duration::from_millis(300)).build().unwrap();
    server.on("GET /nm", [network_map("1").slowly(Duration::from_millis(20))]);
    let error = quick.network_map(None).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "a byte now and then does not help: {error:?}");
    server.on("GET /nm", [network_map("1").cut_short()]);
    let error = client(&server).network_map(None).unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    // Somebody who accepts and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/ird", silent.local_addr().unwrap());
    let client = Client::builder(&uri).timeout(Duration::from_millis(200)).build().unwrap();
    assert!(matches!(client.directory(), Err(Error::Timeout { uri: asked, .. }) if asked == uri));
    drop(silent);
    let error = Client::builder(&uri).build().unwrap().directory().unwrap_err();
    assert!(matches!(&error, Error::Transport { .. }) && error.to_string().contains("refused"), "{error}");
    let nowhere = Client::builder("http://no-such-host.invalid/ird").build().unwrap();
    assert!(matches!(nowhere.directory(), Err(Error::Transport { .. })));
}

#[test]
fn the_bound_source_address_obeys_the_same_limits() {
    let server = server();
    let bound = || builder(&server).source("127.9.9.9".parse().unwrap());
    let (client, quick) = (bound().build().unwrap(), bound().timeout(Duration::from_millis(300)).build().unwrap());
    client.endpoint_costs(&question()).unwrap();
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.from.ip().to_string() == "127.9.9.9"));
    assert_eq!(seen[0].from, seen[1].from, "one connection serves both");
    server.on("GET /nm", [network_map("1").slowly(Duration::from_millis(20))]);
    assert!(matches!(quick.network_map(None), Err(Error::Timeout { .. })));
    server.on("GET /nm", [network_map("1").cut_short(), network_map("1").chunked()]);
    assert!(matches!(client.network_map(None), Err(Error::Transport { .. })));
    assert!(client.network_map(None).is_ok());
}

#[test]
fn huge_answers_are_cut_off() {
    let server = server();
    let many: serde_json::Map<String, Value> = (0..5000).map(|n| (format!("p{n}"), json!({}))).collect();
    let body = json!({"meta": {"vtag": {"resource-id": "nm", "tag": "1"}}, "network-map": many});
    server.on("GET /nm", [Reply::alto("networkmap", &body)]);
    let small = builder(&server).max_answer(10_000).build().unwrap();
    assert!(matches!(small.network_map(None), Err(Error::TooLarge { limit: 10_000, .. })));
    assert_eq!(client(&server).network_map(None).unwrap().pids().len(), 5000);
    // An error that is too long to be one is an error all the same.
    server.on("GET /nm", [Reply::typed("text/plain", vec![b'x'; 1_000_000]).with_status(500)]);
    assert!(matches!(client(&server).network_map(None), Err(Error::Status { status: 500, .. })));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let uri_error = |uri: &str| match Client::builder(uri).build() {
        Err(BuildError::Uri { .. }) => Client::builder(uri).build().unwrap_err().to_string(),
        other => panic!("{other:?}"),
    };
    assert!(uri_error("directory").contains("is not a URI"));
    assert!(uri_error("ftp://h/").contains("is not an http"));
    let shown = uri_error("http://me:hush@h/");
    assert!(!shown.contains("hush"), "{shown}");
    let good = "http://h/";
    assert!(matches!(Client::builder(good).digest_at("x", "a", "b").build(), Err(BuildError::Uri { .. })));
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        assert!(matches!(Client::builder(good).trust(pem).build(), Err(BuildError::Certificates(_))), "{pem:?}");
    }
}

#[test]
fn https_servers_are_recognised_over_plain_tcp() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/ird", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            std::io::Read::read_exact(&mut stream, &mut byte).unwrap();
            request.extend(byte);
        }
        // A fatal alert, as TLS libraries send it to those who speak HTTP.
        std::io::Write::write_all(&mut stream, b"\x15\x03\x03\x00\x02\x02\x16").unwrap();
    });
    let error = Client::builder(&uri).build().unwrap().directory().unwrap_err();
    answering.join().unwrap();
    assert!(
        error.to_string().ends_with("this is probably an HTTPS server, so use https:// instead of http://"),
        "{error}"
    );
}
