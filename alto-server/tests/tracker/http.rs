//! The protocol over HTTP (BEP 3, 7, 23, 24, 48).

use std::io::{Read, Write};

use alto_types::tracker::announce::{AnnounceRequest, Event, Retry};
use alto_types::tracker::bencode::Value;
use alto_types::tracker::query::escape;
use alto_types::tracker::scrape::{self, ScrapedTorrent};

use super::{TORRENT, addresses, announce, body, ip, leecher, metric, seed, start, try_announce_at};
use crate::support::Request;
use crate::support::swarm::Peer;

#[test]
fn peers_find_each_other_until_they_stop() {
    let server = start(&["--tracker-interval", "8", "--tracker-min-interval", "5"]);
    let first = announce(&server, "127.1.1.1", &seed(6881));
    assert_eq!((first.interval, first.min_interval, first.peers.len()), (8, 5, 0));
    assert_eq!((first.complete, first.incomplete, first.external), (1, 0, Some(ip("127.1.1.1"))));
    let second = announce(&server, "127.1.1.2", &leecher(7000));
    assert_eq!((second.complete, second.incomplete, addresses(&second)), (1, 1, vec!["127.1.1.1:6881".to_owned()]));
    // A peer does not get itself; a seed does not get seeds.
    assert_eq!(addresses(&announce(&server, "127.1.1.1", &seed(6881))), ["127.1.1.2:7000"]);
    let finished = AnnounceRequest { event: Event::Completed, ..seed(7000) };
    let finished = announce(&server, "127.1.1.2", &finished);
    assert_eq!((finished.complete, finished.incomplete, finished.peers.len()), (2, 0, 0));
    let stopped = announce(&server, "127.1.1.1", &AnnounceRequest { event: Event::Stopped, ..seed(6881) });
    assert_eq!((stopped.complete, stopped.incomplete, stopped.peers.len()), (1, 0, 0));
    assert_eq!(addresses(&announce(&server, "127.1.1.1", &leecher(6881))), ["127.1.1.2:7000"]);
    assert_eq!(metric(&server, "alto_tracker_announces_total{transport=\"http\",event=\"started\"}"), 4);
}

#[test]
fn only_the_source_address_counts() {
    let server = start(&[]);
    let query = leecher(6881).to_query() + "&ip=192.0.2.1&ipv4=192.0.2.2&ipv6=2001:db8::1";
    body(Peer::at(server.address, "127.1.1.1").get(&format!("/tracker/announce?{query}")));
    let forged = Request::new("GET", &format!("/tracker/announce?{}", seed(1).to_query()));
    body(Peer::at(server.address, "127.1.1.2").send(&forged.field("X-Forwarded-For", "192.0.2.3")));
    let mut seen = addresses(&announce(&server, "127.1.1.3", &leecher(1)));
    seen.sort();
    assert_eq!(seen, ["127.1.1.1:6881", "127.1.1.2:1"]);
    // A proxy that the operator trusts may say who asks.
    let server = start(&["--trusted-proxy", "127.0.0.9"]);
    let proxied = Request::new("GET", &format!("/tracker/announce?{}", seed(1).to_query()));
    body(Peer::at(server.address, "127.0.0.9").send(&proxied.field("X-Forwarded-For", "127.1.1.7")));
    assert_eq!(addresses(&announce(&server, "127.1.1.3", &leecher(1))), ["127.1.1.7:1"]);
}

#[test]
fn a_tcp_proxy_reports_its_clients_and_nobody_else_can() {
    let server = start(&["--proxy-protocol", "127.0.0.9"]);
    // PROXY, TCP over IPv4, 12 bytes: from 127.1.1.7:4000 to 127.0.0.1:80.
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\x01\x01\x07\x7f\0\0\x01\x0f\xa0\0\x50";
    let request =
        format!("GET /tracker/announce?{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", seed(1).to_query());
    let answered = |from: &str, header: &[u8]| {
        let mut connection = Peer::at(server.address, from).connect();
        connection.write_all(&[header, request.as_bytes()].concat()).unwrap();
        let mut answer = Vec::new();
        // Where the server does not read everything, the connection may end with a reset.
        let _reset = connection.read_to_end(&mut answer);
        answer.starts_with(b"HTTP/1.1 200 ")
    };
    assert!(answered("127.0.0.9", header));
    assert_eq!(addresses(&announce(&server, "127.1.1.3", &leecher(1))), ["127.1.1.7:1"]);
    // Others need no header, and one that they send is not believed.
    assert!(!answered("127.1.1.4", &header.map(|byte| if byte == 7 { 8 } else { byte })));
    // From the proxy, a connection without header might be anybody's.
    assert!(!answered("127.0.0.9", b""));
    assert_eq!(addresses(&announce(&server, "127.1.1.3", &leecher(1))), ["127.1.1.7:1"]);
}

#[test]
fn a_client_that_wants_dictionaries_gets_them() {
    let server = start(&[]);
    announce(&server, "127.1.1.1", &seed(6881));
    let request = AnnounceRequest { compact: false, ..leecher(1) };
    let answer = body(Peer::at(server.address, "127.1.1.2").get(&format!("/tracker/announce?{}", request.to_query())));
    let answer = Value::parse(&answer).unwrap();
    let peers = answer.dictionary().unwrap().get(b"peers").and_then(Value::list).unwrap();
    let peer = peers[0].dictionary().unwrap();
    assert_eq!(peer.get(b"ip").and_then(Value::text), Some("127.1.1.1"));
    assert_eq!(peer.get(b"port").and_then(Value::integer), Some(6881));
}

#[test]
fn the_number_of_peers_is_what_is_wanted_and_never_more_than_the_limit() {
    let server = start(&["--tracker-answer-peers", "30"]);
    for port in 1..=60 {
        announce(&server, "127.1.1.1", &leecher(port));
    }
    for (wanted, given) in
        [(None, 30), (Some(0), 0), (Some(7), 7), (Some(30), 30), (Some(200), 30), (Some(u32::MAX), 30)]
    {
        let answer = announce(&server, "127.1.1.2", &AnnounceRequest { wanted, ..leecher(1) });
        assert_eq!((answer.peers.len(), answer.incomplete), (given, 61), "{wanted:?}");
    }
}

#[test]
fn a_peer_with_two_families_is_one_peer_and_is_named_at_both() {
    let server = start(&["--tracker-listen", "[::1]:0", "--tracker-listen", "127.0.0.1:0"]);
    let mut trackers = ["[::1]", "127.0.0.1"].map(|host| {
        let line = server.wait_for_log("tracker on http://");
        assert!(line.contains(host), "{line}");
        line.split("://").nth(1).unwrap().trim_end_matches("/announce").parse().unwrap()
    });
    trackers.reverse();
    let [over_ipv4, over_ipv6] = trackers;
    let twin = AnnounceRequest { key: Some(0xfeed), ..seed(6881) };
    try_announce_at(over_ipv4, "127.1.1.1", "/announce", &twin).unwrap();
    let request = Request::new("GET", &format!("/announce?{}", twin.to_query()));
    let answer = alto_types::tracker::announce::AnnounceAnswer::parse(&request.send(over_ipv6).body).unwrap().unwrap();
    assert_eq!((answer.complete, answer.incomplete, answer.external), (1, 0, Some(ip("::1"))));
    let other = try_announce_at(over_ipv4, "127.1.1.2", "/announce", &leecher(1)).unwrap();
    assert_eq!((other.complete, other.incomplete), (1, 1));
    assert_eq!(addresses(&other), ["127.1.1.1:6881", "[::1]:6881"]);
}

#[test]
fn malformed_announcements_are_answered_with_the_reason() {
    let server = start(&[]);
    let peer = Peer::at(server.address, "127.1.1.1");
    for (query, reason) in [
        ("", "info_hash is missing"),
        ("?info_hash=abc", "info_hash must be 20 bytes, percent-encoded"),
        ("?info_hash=%GG", "the value of info_hash has a % without two hexadecimal digits"),
    ] {
        let answer = body(peer.get(&format!("/tracker/announce{query}")));
        let failure = alto_types::tracker::announce::AnnounceAnswer::parse(&answer).unwrap().unwrap_err();
        assert_eq!((failure.reason.as_str(), failure.retry), (reason, Some(Retry::Never)), "{query}");
    }
    assert_eq!(metric(&server, "alto_tracker_refused_total{reason=\"malformed\"}"), 3);
    assert_eq!(peer.send(&Request::new("POST", "/tracker/announce")).status, 405);
    assert_eq!(server.get("/announce").status, 404, "the root of the main listener belongs to ALTO");
}

#[test]
fn a_scrape_counts_several_torrents() {
    let server = start(&[]);
    let other = [7; 20];
    announce(&server, "127.1.1.1", &leecher(1));
    announce(&server, "127.1.1.1", &AnnounceRequest { event: Event::Completed, ..seed(1) });
    announce(&server, "127.1.1.2", &leecher(2));
    announce(&server, "127.1.1.2", &AnnounceRequest { infohash: other, ..leecher(2) });
    let query = [other, TORRENT, [9; 20]].map(|infohash| format!("info_hash={}", escape(&infohash))).join("&");
    let answer = body(server.get(&format!("/tracker/scrape?{query}")));
    let torrent = |complete, downloaded, incomplete| ScrapedTorrent { complete, downloaded, incomplete };
    let expected = [(other, torrent(0, 0, 1)), ([9; 20], torrent(0, 0, 0)), (TORRENT, torrent(1, 1, 1))];
    assert_eq!(scrape::parse(&answer).unwrap().unwrap(), expected);
    let all = scrape::parse(&body(server.get("/tracker/scrape"))).unwrap();
    assert_eq!(all.unwrap_err().reason, "info_hash is missing", "a list of all torrents is not given");
}

#[test]
fn without_the_setting_there_is_no_tracker() {
    let server = crate::support::Server::of("two-isps.json");
    assert_eq!(server.get("/tracker/announce").status, 404);
    let (code, _, error) = crate::support::run(&["--topology", "x", "--tracker-save", "--check"]);
    assert_eq!(code, 78);
    assert!(error.contains("tracker-save: there is no tracker; give --tracker as well"), "{error}");
}
