//! The BitTorrent tracker over real sockets.

mod access;
mod http;
mod restart;
mod selection;
mod udp;

use std::net::{IpAddr, SocketAddr};

use alto_types::tracker::Infohash;
use alto_types::tracker::announce::{AnnounceAnswer, AnnounceRequest, Event, Failure};

use crate::support::swarm::Peer;
use crate::support::{Answer, Server};

/// Torrent of most tests.
const TORRENT: Infohash = [0xab; 20];

/// Serves two-isps.json with a tracker and additional arguments.
fn start(more: &[&str]) -> Server {
    Server::of_with("two-isps.json", &[&["--tracker"], more].concat())
}

/// Announcement of a peer that has nothing yet.
fn leecher(port: u16) -> AnnounceRequest {
    AnnounceRequest {
        infohash: TORRENT,
        peer_id: *b"-XX0001-abcdefghijkl",
        port,
        uploaded: 0,
        downloaded: 0,
        left: Some(1000),
        event: Event::Started,
        key: None,
        wanted: None,
        compact: true,
    }
}

/// Announcement of a peer that has everything.
fn seed(port: u16) -> AnnounceRequest {
    AnnounceRequest { left: Some(0), ..leecher(port) }
}

/// Body of an answer of the tracker, which always has status 200.
#[track_caller]
fn body(answer: Answer) -> Vec<u8> {
    assert_eq!((answer.status, answer.media_type()), (200, "text/plain"), "{answer:?}");
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    answer.body
}

/// Sends an announcement from an address, at the main listener.
#[track_caller]
fn try_announce(server: &Server, from: &str, request: &AnnounceRequest) -> Result<AnnounceAnswer, Failure> {
    try_announce_at(server.address, from, "/tracker/announce", request)
}

#[track_caller]
fn try_announce_at(
    server: SocketAddr,
    from: &str,
    path: &str,
    request: &AnnounceRequest,
) -> Result<AnnounceAnswer, Failure> {
    let answer = Peer::at(server, from).get(&format!("{path}?{}", request.to_query()));
    AnnounceAnswer::parse(&body(answer)).unwrap()
}

#[track_caller]
fn announce(server: &Server, from: &str, request: &AnnounceRequest) -> AnnounceAnswer {
    try_announce(server, from, request).unwrap()
}

/// Addresses in an answer.
fn addresses(answer: &AnnounceAnswer) -> Vec<String> {
    answer.peers.iter().map(ToString::to_string).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Value of a metric.
fn metric(server: &Server, name: &str) -> u64 {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}
