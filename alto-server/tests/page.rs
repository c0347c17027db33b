//! The page for browsers, as its HTML and its header fields: who gets it where, and what it says without scripts.
//!
//! `scripts/test_page` opens it in a browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::json;
use test_support::patience::wait_until;

use crate::support::swarm::{Peer, entry};
use crate::support::{Answer, Request, Server, http};

const TOKEN: &str = "a-token-of-the-test";

/// `Accept` of Chromium.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
                       application/signed-exchange;v=b3;q=0.7";

fn get(server: &Server, target: &str, accept: Option<&str>) -> Answer {
    let request = Request::new("GET", target);
    let request = accept.into_iter().fold(request, |request, accept| request.field("Accept", accept));
    request.send(server.address)
}

/// Server of `two-isps.json` that can be changed.
fn administered() -> Server {
    let topology = crate::support::data("two-isps.json");
    let mut command = crate::support::program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--topology"]).arg(topology);
    Server::start(&mut command)
}

fn administer(server: &Server, method: &str, target: &str, media_type: &str, body: &str) {
    let request = Request::new(method, target).field("Authorization", &format!("Bearer {TOKEN}"));
    let answer = request.field("Content-Type", media_type).body(body).send(server.address);
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn change_link(server: &Server, change: &str) {
    administer(server, "POST", "/admin/links", "application/json", change);
}

fn html(answer: &Answer) -> &str {
    assert_eq!((answer.status, answer.media_type()), (200, "text/html; charset=utf-8"));
    std::str::from_utf8(&answer.body).unwrap()
}

#[test]
fn browsers_get_the_page_at_the_root_and_everybody_else_the_directory() {
    let server = Server::of("two-isps.json");
    let page = get(&server, "/", Some(BROWSER));
    assert!(html(&page).contains("href=\"ui/page.css\""), "relative to the root");
    let varies = |answer: &Answer| answer.fields.iter().any(|(name, value)| name == "vary" && value == "accept");
    assert!(varies(&page));
    for accept in
        [None, Some("*/*"), Some("application/alto-directory+json"), Some("application/json;q=0.5, */*;q=0.1")]
    {
        let directory = get(&server, "/", accept);
        assert_eq!((directory.status, directory.media_type()), (200, "application/alto-directory+json"), "{accept:?}");
        assert!(varies(&directory), "{accept:?}");
    }
    assert_eq!(get(&server, "/", Some("application/alto-costmap+json")).status, 406);
    // The resources themselves stay what they are, whatever a browser prefers.
    assert_eq!(get(&server, "/directory", Some(BROWSER)).media_type(), "application/alto-directory+json");
}

#[test]
fn the_page_finds_its_files_behind_any_prefix() {
    let server = Server::of("two-isps.json");
    let without_slash = get(&server, "/ui?address=127.1.2.3", Some(BROWSER));
    assert_eq!((without_slash.status, without_slash.field("location")), (308, Some("ui/?address=127.1.2.3")));
    let page = get(&server, "/ui/", Some(BROWSER));
    let text = html(&page);
    for attribute in ["href=\"", "src=\"", "action=\""] {
        for (_, rest) in text.match_indices(attribute).map(|(at, found)| text.split_at(at + found.len())) {
            let uri = rest.split('"').next().unwrap();
            assert!(!uri.starts_with('/') && !uri.contains("://"), "{uri} is not relative");
        }
    }
    for name in text.match_indices("href=\"").map(|(at, found)| &text[at + found.len()..]) {
        let name = name.split('"').next().unwrap();
        if !name.contains("..") && !name.starts_with(['#', 'd']) {
            let file = server.get(&format!("/ui/{name}"));
            assert_eq!(file.status, 200, "{name}");
            let again = Request::new("GET", &format!("/ui/{name}")).field("If-None-Match", file.field("etag").unwrap());
            assert_eq!(again.send(server.address).status, 304, "{name}");
        }
    }
}

#[test]
fn every_answer_has_the_header_fields_that_bind_a_browser() {
    let server = Server::of("two-isps.json");
    for target in ["/ui/", "/", "/ui/base.css", "/ui/page.css"] {
        let answer = get(&server, target, Some(BROWSER));
        let policy = answer.field("content-security-policy").unwrap();
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{target}: {part}");
        }
        assert!(!policy.contains("unsafe"), "{target}");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"), "{target}");
        assert_eq!(answer.field("referrer-policy"), Some("no-referrer"), "{target}");
        assert_eq!(answer.field("cross-origin-opener-policy"), Some("same-origin"), "{target}");
    }
    // What the policy forbids does not occur.
    let page = get(&server, "/ui/?address=127.1.2.3", Some(BROWSER));
    assert!(!html(&page).contains(" style="));
    assert!(!html(&page).contains("<style"));
    assert_eq!(server.post("/ui/", "text/plain", "x").status, 405, "the page only reads");
}

#[test]
fn the_answer_to_an_address_is_its_pid_with_all_other_pids_ranked() {
    let server = Server::of("two-isps.json");
    let page = get(&server, "/ui/?address=127.1.2.3&metric=delay-ow", Some(BROWSER));
    let text = html(&page);
    assert!(text.contains("127.1.2.3 is in <b>isp-a-2</b>, by its prefix 127.1.2.0/24. It is the host p3."), "{text}");
    let ranking = text.split("<table class=\"ranking\">").nth(1).unwrap().split("</table>").next().unwrap();
    let named: Vec<&str> =
        ranking.split("<th scope=\"row\">").skip(1).map(|row| row.split('<').next().unwrap()).collect();
    let ask = r#"{"cost-type": {"cost-mode": "ordinal", "cost-metric": "delay-ow"}, "pids": {"srcs": ["isp-a-2"], "dsts": []}}"#;
    let costs = server.post("/costmap/filtered", "application/alto-costmapfilter+json", ask).alto("costmap");
    let mut expected: Vec<(u64, String)> = costs["cost-map"]["isp-a-2"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(pid, _)| *pid != "isp-a-2")
        .map(|(pid, rank)| (rank.as_u64().unwrap(), pid.clone()))
        .collect();
    expected.sort();
    assert_eq!(named, expected.iter().map(|(_, pid)| pid.as_str()).collect::<Vec<_>>());
    for (entered, said) in [
        ("192.0.2", "neither an IPv4 nor an IPv6 address"),
        ("%3Cimg+src%3Dx%3E", "“&lt;img src=x&gt;” is neither"),
        ("2001:db8::1", "is in no PID"),
        ("192.0.2.1", "is in <b>default</b>"),
        ("ipv4:127.1.2.3", "is in <b>isp-a-2</b>"),
    ] {
        let page = get(&server, &format!("/ui/?address={entered}"), Some(BROWSER));
        assert!(html(&page).contains(said), "{entered}: {}", html(&page));
    }
}

#[test]
fn link_changes_and_sources_of_prefixes_are_on_the_page() {
    let server = administered();
    assert!(html(&get(&server, "/ui/", None)).contains("Every link is as the topology has it."));
    change_link(&server, r#"{"source": "a2", "destination": "b2", "utilisation": 0.7, "cost": 5}"#);
    change_link(&server, r#"{"source": "a3", "destination": "b3", "up": false}"#);
    let page = get(&server, "/ui/", None);
    let text = html(&page);
    assert!(text.contains("<b>a2 – b2</b>: 70 % in use, cost 5"), "{text}");
    assert!(text.contains("<b>a3 – b3</b>: down"), "{text}");
    assert!(text.contains("1 down"), "{text}");
    administer(&server, "PUT", "/admin/prefixes/bgp?sequence=7", "text/plain", "192.0.2.0/24 isp-a-1\n");
    let page = get(&server, "/ui/", None);
    let row = html(&page).split("<th scope=\"row\">bgp</th>").nth(1).unwrap();
    assert!(row.starts_with("<td class=\"n\">1</td><td class=\"n\">0</td><td class=\"n\">7</td>"), "{row}");
}

#[test]
fn the_page_is_behind_digest_where_users_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, "ada:secret\n").unwrap();
    let server = Server::of_with("two-isps.json", &["--digest-users", users.to_str().unwrap()]);
    for target in ["/", "/ui/", "/ui/base.css", "/ui/page.css"] {
        let answer = get(&server, target, Some(BROWSER));
        assert_eq!(answer.status, 401, "{target}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("two-isps"), "{target}");
    }
}

#[test]
fn a_server_without_the_page_gives_browsers_the_directory() {
    let server = Server::of_with("two-isps.json", &["--no-ui"]);
    assert_eq!(get(&server, "/ui/", Some(BROWSER)).status, 404);
    assert_eq!(get(&server, "/", Some(BROWSER)).media_type(), "application/alto-directory+json");
    assert_eq!(get(&server, "/", Some("text/html")).status, 406);
}

/// Stream of events to one client.
struct Events(BufReader<TcpStream>);

impl Events {
    /// Asks for the stream from a loopback address, and reads the head of the answer.
    fn from(own: &str, server: SocketAddr) -> Result<Self, String> {
        let mut stream = http::connect_from(own.parse().unwrap(), server);
        stream.write_all(b"GET /ui/events HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n").unwrap();
        let mut events = Self(BufReader::new(stream));
        let status = events.line();
        while !events.line().is_empty() {}
        if status.contains(" 200 ") { Ok(events) } else { Err(status) }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended");
        line.trim_end().to_owned()
    }

    /// Data of the next event.
    fn next(&mut self) -> serde_json::Value {
        loop {
            if let Some(data) = self.line().strip_prefix("data: ") {
                return serde_json::from_str(data).unwrap();
            }
        }
    }
}

#[test]
fn events_tell_the_tags_of_the_view_and_the_links_that_changed() {
    let server = administered();
    let tag = || server.get("/costmap/numerical/routingcost").alto("costmap")["meta"]["vtag"]["tag"].clone();
    let mut events = Events::from("127.0.0.1", server.address).unwrap();
    let first = events.next();
    assert_eq!((&first["view-tag"], &first["links"]), (&tag(), &json!([])));
    change_link(
        &server,
        r#"{"changes": [{"source": "a2", "destination": "b2", "utilisation": 0.7}, {"source": "b1", "destination": "b2", "cost": 9}]}"#,
    );
    let second = events.next();
    assert_eq!(second["view-tag"], tag());
    assert_eq!(second["network-map-tag"], first["network-map-tag"]);
    assert_eq!(second["links"], json!([["b1", "b2"], ["a2", "b2"]]), "in the order of the file");
    // A change that changes nothing is no news; the next one is.
    change_link(&server, r#"{"source": "a2", "destination": "b2", "utilisation": 0.7}"#);
    administer(&server, "PUT", "/admin/prefixes/bgp?sequence=1", "text/plain", "192.0.2.0/24 isp-a-1\n");
    let third = events.next();
    assert_ne!(third["network-map-tag"], first["network-map-tag"]);
    let page = get(&server, "/ui/", None);
    let text = html(&page);
    assert!(text.contains("2 links (b1 – b2, a2 – b2)") && text.contains("another network map"), "{text}");
}

#[test]
fn a_client_has_a_share_of_the_event_streams_and_the_page_counts_them() {
    let server = Server::of("two-isps.json");
    let streams: Vec<Events> = (0..25).map(|_| Events::from("127.0.0.1", server.address).unwrap()).collect();
    let refused = Events::from("127.0.0.1", server.address).err().unwrap();
    assert!(refused.contains(" 503 "), "{refused}");
    let other = Events::from("127.0.0.2", server.address);
    assert!(other.is_ok(), "others find a place");
    let open = |text: &str| text.contains("<dt>open pages</dt><dd class=\"number\">26</dd>");
    assert!(open(html(&get(&server, "/ui/", None))));
    drop(streams);
    // The server notices a closed connection when it writes to it or reads its end.
    wait_until("streams that were closed are free again", || Events::from("127.0.0.1", server.address).ok());
}

#[test]
fn a_stream_without_news_stays_open_and_ends_with_the_server() {
    let server = Server::of_with("two-isps.json", &["--write-timeout", "1", "--header-timeout", "1"]);
    let mut events = Events::from("127.0.0.1", server.address).unwrap();
    events.next();
    // More comments than any limit on silence would let pass.
    for _ in 0..6 {
        while events.line() != ":" {}
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let mut rest = String::new();
    events.0.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "the stream ended as HTTP demands: {rest:?}");
}

#[test]
fn a_page_that_stops_reading_its_events_is_disconnected() {
    let mut command = crate::support::program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--write-timeout", "1", "--topology"]);
    let server = Server::start(command.arg(crate::support::data("two-isps.json")));
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    // As little as the kernel allows, so that few events fill it.
    socket.set_recv_buffer_size(1).unwrap();
    socket.connect(&server.address.into()).unwrap();
    let mut silent: TcpStream = socket.into();
    silent.write_all(b"GET /ui/events HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n").unwrap();
    let open_pages = |count: usize| {
        let stated = format!("<dt>open pages</dt><dd class=\"number\">{count}</dd>");
        html(&get(&server, "/ui/", None)).contains(&stated)
    };
    wait_until("the page is open", || open_pages(1).then_some(()));
    let links = [("a1", "a2"), ("a2", "a3"), ("a1", "a3"), ("b1", "b2"), ("b2", "b3"), ("b1", "b3"), ("a2", "b2")];
    let mut cost = 0;
    wait_until("the end of a stream that nobody reads", || {
        cost += 1;
        let change = |(source, destination)| json!({"source": source, "destination": destination, "cost": cost});
        change_link(&server, &json!({"changes": links.map(change)}).to_string());
        open_pages(0).then_some(())
    });
    drop(silent);
}

#[test]
fn swarms_are_counted_by_pid_and_addresses_are_for_users_only() {
    let server = Server::of_with("two-isps.json", &["--tracker"]);
    for (address, port) in [("127.1.1.1", 7001), ("127.1.1.2", 7002), ("127.2.1.5", 7003)] {
        let peer = Peer::at(server.address, address);
        peer.registered(&format!("peer-{port}"), port, &[entry(1)]);
        let announce = format!(
            "/tracker/announce?info_hash={}&peer_id={}&port={port}&left=1&uploaded=0&downloaded=0",
            "%ab".repeat(20),
            "x".repeat(20)
        );
        assert_eq!(peer.get(&announce).status, 200);
    }
    let page = get(&server, "/ui/", None);
    let text = html(&page);
    let cells = |row: &str| {
        let row = text.split(row).nth(1).unwrap().split("</tr>").next().unwrap().to_owned();
        row.split("<td")
            .skip(1)
            .map(|cell| cell.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // The second peer of the PID was told of the first one, and the third, in another PID, of both.
    let swarms = text.split("id=\"swarms\"").nth(1).unwrap();
    assert!(swarms.contains("<th scope=\"row\">isp-a-1</th><td class=\"n\">2</td><td class=\"n\">0</td><td class=\"n\">2</td><td class=\"n\">1</td><td class=\"n\">100 %</td>"), "{swarms}");
    assert_eq!(cells("file-1<"), ["3", "0", "isp-a-1 2, isp-b-1 1", "33 %"]);
    assert_eq!(cells("abababababab</code>"), ["0", "3", "isp-a-1 2, isp-b-1 1", "33 %"]);
    for hidden in ["peer-7001", "7001", "127.1.1.1"] {
        assert!(!text.contains(hidden), "{hidden} is shown to everybody");
    }
}

#[test]
fn warnings_are_on_the_page_without_addresses() {
    let server = Server::of_with("two-isps.json", &["--proxy-protocol", "127.0.0.2"]);
    let mut proxy = http::connect_from("127.0.0.2".parse().unwrap(), server.address);
    proxy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let logged = server.wait_for_log("connection of a TCP proxy closed");
    assert!(logged.contains("127.0.0.2"), "{logged}");
    // The page has a warning after the log has it.
    let log = wait_until("the warning is on the page", || {
        let page = get(&server, "/ui/", None);
        let log = html(&page).split("id=\"log\"").nth(1).unwrap().to_owned();
        log.contains("connection of a TCP proxy closed; peer: …").then_some(log)
    });
    assert!(!log.contains("127.0.0.2"), "{log}");
}
