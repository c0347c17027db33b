//! The protocol over UDP (BEP 15, 41): connection IDs, spoofed addresses, and how much an answer amplifies.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use alto_types::tracker::announce::AnnounceRequest;
use alto_types::tracker::scrape::ScrapedTorrent;
use alto_types::tracker::udp::{UdpAction, UdpAnswer, UdpRequest};
use test_support::patience::wait_until;

use super::{TORRENT, announce, leecher, metric, seed, start};
use crate::support::Server;

/// UDP client with an address of its own.
struct Client {
    socket: UdpSocket,
    ipv6: bool,
}

impl Client {
    fn at(address: &str, tracker: SocketAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        socket.connect(tracker).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { socket, ipv6: tracker.is_ipv6() }
    }

    /// Sends a packet, and returns the answer as bytes.
    fn exchange(&self, packet: &[u8]) -> Vec<u8> {
        self.socket.send(packet).unwrap();
        let mut answer = [0; 2048];
        let length = self.socket.recv(&mut answer).unwrap();
        answer[..length].to_vec()
    }

    fn ask(&self, action: UdpAction) -> UdpAnswer {
        let answer = self.exchange(&UdpRequest { transaction: 77, action }.to_bytes());
        let (transaction, answer) = UdpAnswer::parse(&answer, self.ipv6).unwrap();
        assert_eq!(transaction, 77);
        answer
    }

    fn connect(&self) -> u64 {
        match self.ask(UdpAction::Connect) {
            UdpAnswer::Connected(connection) => connection,
            other => panic!("{other:?}"),
        }
    }

    fn announce(&self, connection: u64, announce: AnnounceRequest, path: &str) -> UdpAnswer {
        self.ask(UdpAction::Announce { connection, announce, path: path.as_bytes().to_vec() })
    }

    /// Checks that packets get no answer: that of a connect after them is the first to arrive.
    fn assert_unanswered(&self, packets: &[Vec<u8>]) {
        for packet in packets {
            self.socket.send(packet).unwrap();
        }
        // One thread per socket answers in order; with several, a later answer would fail the next exchange instead.
        assert_eq!(self.exchange(&UdpRequest { transaction: 1, action: UdpAction::Connect }.to_bytes()).len(), 16);
        self.socket.set_nonblocking(true).unwrap();
        assert!(self.socket.recv(&mut [0; 64]).is_err(), "a second answer arrived");
        self.socket.set_nonblocking(false).unwrap();
    }
}

fn udp(server: &Server) -> SocketAddr {
    server.wait_for_log("tracker on udp://").split("://").nth(1).unwrap().parse().unwrap()
}

fn announcement(connection: u64, announce: AnnounceRequest) -> Vec<u8> {
    let action = UdpAction::Announce { connection, announce, path: Vec::new() };
    UdpRequest { transaction: 1, action }.to_bytes()
}

#[test]
fn peers_meet_over_udp_and_http() {
    let server = start(&["--tracker-udp", "127.0.0.1:0"]);
    let tracker = udp(&server);
    announce(&server, "127.1.1.1", &seed(6881));
    let client = Client::at("127.1.1.2", tracker);
    let connection = client.connect();
    let expected = UdpAnswer::Announced {
        interval: 1800,
        incomplete: 1,
        complete: 1,
        peers: vec!["127.1.1.1:6881".parse().unwrap()],
    };
    assert_eq!(client.announce(connection, leecher(7000), ""), expected);
    // As aria2 and libtorrent send it: with two zero bytes, and with a path.
    let mut packet = announcement(connection, leecher(7000));
    packet.extend([0, 0]);
    assert_eq!(client.exchange(&packet).len(), 26);
    assert_eq!(client.announce(connection, leecher(7000), "/announce"), expected);
    let scraped = client.ask(UdpAction::Scrape { connection, infohashes: vec![[1; 20], TORRENT] });
    let torrent = ScrapedTorrent { complete: 1, downloaded: 0, incomplete: 1 };
    assert_eq!(scraped, UdpAnswer::Scraped(vec![ScrapedTorrent::default(), torrent]));
    assert_eq!(super::addresses(&announce(&server, "127.1.1.1", &seed(6881))), ["127.1.1.2:7000"]);
}

#[test]
fn an_ipv6_socket_names_ipv6_peers() {
    let server = start(&["--tracker-udp", "[::1]:0"]);
    let client = Client::at("::1", udp(&server));
    let connection = client.connect();
    client.announce(connection, seed(1), "");
    match client.announce(connection, leecher(2), "") {
        UdpAnswer::Announced { complete: 1, incomplete: 1, peers, .. } => {
            assert_eq!(peers, ["[::1]:1".parse().unwrap()]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_socket_of_all_addresses_answers_from_the_one_that_was_asked() {
    for (any, asked) in [("0.0.0.0:0", &["127.0.0.1", "127.1.0.10", "127.1.0.11"][..]), ("[::]:0", &["::1"])] {
        let server = start(&["--tracker-udp", any]);
        let port = udp(&server).port();
        for address in asked {
            let from = if address.contains(':') { "::1" } else { "127.1.1.2" };
            // Receives from no other address than the one that it asks.
            let client = Client::at(from, SocketAddr::new(address.parse().unwrap(), port));
            let answer = client.announce(client.connect(), leecher(7000), "");
            assert!(matches!(answer, UdpAnswer::Announced { .. }), "{address}: {answer:?}");
        }
    }
}

#[test]
fn spoofed_addresses_get_nothing() {
    let server = start(&["--tracker-udp", "127.0.0.1:0"]);
    let tracker = udp(&server);
    let (attacker, victim) = (Client::at("127.1.1.1", tracker), Client::at("127.1.1.2", tracker));
    // The attacker knows an ID of its own only; packets that seem to come from the victim carry it, or a guess.
    let own = attacker.connect();
    let scrape = UdpAction::Scrape { connection: own, infohashes: vec![TORRENT] };
    let spoofed = vec![
        announcement(own, seed(6881)),
        announcement(0, seed(6881)),
        announcement(own ^ 1, seed(6881)),
        UdpRequest { transaction: 1, action: scrape }.to_bytes(),
    ];
    victim.assert_unanswered(&spoofed);
    // Another thread may answer before the last one is counted.
    wait_until("all are counted", || (metric(&server, "alto_tracker_udp_dropped_total") == 4).then_some(()));
    assert_eq!(announce(&server, "127.1.1.3", &leecher(1)).complete, 0, "nothing was recorded");
}

#[test]
fn before_the_address_is_proved_no_answer_is_larger_than_the_request() {
    let server = start(&["--tracker-udp", "127.0.0.1:0"]);
    let client = Client::at("127.1.1.1", udp(&server));
    for port in 1..=60 {
        announce(&server, "127.1.1.2", &leecher(port));
    }
    let connect = UdpRequest { transaction: 1, action: UdpAction::Connect }.to_bytes();
    assert_eq!(client.exchange(&connect).len(), connect.len());
    // Long connects gain nothing, and whatever is no request has no answer.
    assert_eq!(client.exchange(&[connect.clone(), vec![0; 1000]].concat()).len(), connect.len());
    let garbage = (0..64).map(|length| vec![0x41; length]).chain([connect[..15].to_vec()]);
    client.assert_unanswered(&garbage.collect::<Vec<_>>());
    // With a proved address: 20 bytes and 6 for each of 50 peers.
    let request = announcement(client.connect(), leecher(1));
    let answer = client.exchange(&request);
    assert_eq!((request.len(), answer.len()), (98, 320), "3.3 times as much, and no more");
}

#[test]
fn a_flood_of_connects_from_one_address_leaves_room_for_others() {
    // No more than fit into the receive buffer, so that nothing is lost however slow the machine is.
    const FLOOD: u64 = 300;
    let server = start(&["--tracker-udp", "127.0.0.1:0", "--tracker-max-udp-rate", "5"]);
    let tracker = udp(&server);
    let (flooding, other) = (Client::at("127.1.1.1", tracker), Client::at("127.1.1.2", tracker));
    let (own, began) = (flooding.connect(), Instant::now());
    let connect = UdpRequest { transaction: 2, action: UdpAction::Connect }.to_bytes();
    for _ in 0..FLOOD {
        flooding.socket.send(&connect).unwrap();
    }
    let connection = other.connect();
    assert!(matches!(other.announce(connection, leecher(1), ""), UdpAnswer::Announced { .. }));
    let counts = || ["connects", "limited"].map(|name| metric(&server, &format!("alto_tracker_udp_{name}_total")));
    // Another thread than that which answered may still be at work.
    let mut turns = (0..600).map(|_| (counts(), std::thread::sleep(Duration::from_millis(50))).0);
    let settled = turns.find(|[answered, limited]| answered + limited == FLOOD + 2);
    let (answered, seconds) = (settled.expect("every connect is counted")[0], began.elapsed().as_secs() + 2);
    assert!(answered <= 5 * seconds + 2, "{answered} in {seconds} s");
    // Connects, which anyone can forge, do not use up what the address may ask with its ID.
    let same_address = Client::at("127.1.1.1", tracker);
    assert!(matches!(same_address.announce(own, leecher(1), ""), UdpAnswer::Announced { .. }));
}

#[test]
fn refusals_are_no_longer_than_requests_and_passkeys_travel_in_options() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "0123456789abcdef\n").unwrap();
    let server = start(&["--tracker-udp", "127.0.0.1:0", "--tracker-passkeys", keys.to_str().unwrap()]);
    let client = Client::at("127.1.1.1", udp(&server));
    let connection = client.connect();
    assert!(matches!(
        client.announce(connection, leecher(1), "/0123456789abcdef/announce"),
        UdpAnswer::Announced { .. }
    ));
    for path in ["", "/0123456789abcdee/announce"] {
        assert!(matches!(client.announce(connection, leecher(1), path), UdpAnswer::Failed(_)), "{path}");
    }
    let scrape = UdpRequest { transaction: 1, action: UdpAction::Scrape { connection, infohashes: vec![TORRENT] } };
    let (request, packet) = (scrape.to_bytes(), announcement(connection, leecher(1)));
    assert!(client.exchange(&request).len() <= request.len());
    assert!(client.exchange(&packet).len() <= packet.len());
}
