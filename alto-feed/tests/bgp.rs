//! BGP: tables and updates of the laboratory's route reflector.

use std::io::Write;
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use alto_feed::import::mrt;
use alto_feed::input::Text;
use alto_feed::live::bmp::listener::Listener;
use alto_feed::live::bmp::message::{self, Message};
use alto_feed::live::bmp::rib::Rib;
use alto_feed::pids::rules::Rules;

use crate::lab;

const RULES: &str = r#"{"rules": [
    {"community": "65001:202", "pid": "transit-east", "switches": ["a"]},
    {"community": "65001:206", "pid": "transit-west"},
    {"community": "65001:*", "pid": "pop-*"}]}"#;

fn rules(json: &str) -> Rules {
    Rules::read(&Text::new("rules.json", json)).unwrap()
}

fn table() -> Vec<u8> {
    std::fs::read(lab::path("r1-rib.mrt")).unwrap()
}

#[test]
fn communities_group_the_table_of_a_router_and_prefixes_merge() {
    let imported = mrt::import("r1-rib.mrt", table(), &rules(RULES), None).unwrap();
    let count = |key: &str| imported.assumptions.count(key);
    // 200 prefixes of the external network, and one of each router.
    assert_eq!((count("prefixes"), count("unreadable-records"), count("unmatched")), (206, 0, 0));
    let pids = imported.topology.pids.as_ref().unwrap();
    let names: Vec<_> = pids.keys().map(String::as_str).collect();
    assert_eq!(names, ["pop-101", "pop-102", "pop-103", "pop-104", "pop-105", "pop-106", "transit-west"]);
    assert_eq!(pids["pop-103"].ipv4, ["10.3.0.0/16"]);
    // 200 adjacent /22 are 512 + 256 + 32 times a /24.
    assert_eq!(pids["transit-west"].ipv4, ["203.0.0.0/15", "203.2.0.0/16", "203.3.0.0/19"]);
}

#[test]
fn next_hops_lead_to_the_pid_of_their_router() {
    let files = ["r1-ospf-router.json", "r1-ospf-network.json"].map(lab::text);
    let names = (1..=6).map(|number| (format!("10.255.0.{number}"), format!("r{number}"))).collect();
    let topology = alto_feed::import::ospf::import("lab", &files, None, &names).unwrap().topology;
    let rules = rules(r#"{"rules": [{"next-hop": "*", "pid": "*"}]}"#);
    let imported = mrt::import("r1-rib.mrt", table(), &rules, Some(topology)).unwrap();
    let pids = imported.topology.pids.as_ref().unwrap();
    assert_eq!(pids["r4"].ipv4, ["10.4.0.0/16", "10.255.0.4/32"]);
    assert!(pids["r6"].ipv4.contains(&"203.0.0.0/15".to_owned()), "{:?}", pids["r6"].ipv4);
    assert_eq!(lab::costs(&imported.topology, &lab::pids("r")), lab::expected("all-up"));
}

#[test]
fn limits_of_pids_and_prefixes_hold() {
    let error = |json: &str| mrt::import("f", table(), &rules(json), None).unwrap_err().to_string();
    let few = error(r#"{"rules": [{"community": "65001:*", "pid": "pop-*"}], "max-pids": 3}"#);
    assert!(few.contains("lead to 4 PIDs and allow 3"), "{few}");
    let few = error(r#"{"rules": [], "max-prefixes": 100}"#);
    assert!(few.contains("more than 100 prefixes"), "{few}");
}

#[test]
fn files_that_are_not_mrt_are_refused() {
    let error = |bytes: &[u8]| mrt::import("f", bytes.to_vec(), &rules(RULES), None).unwrap_err().to_string();
    assert!(error(b"BZh91AY").contains("bunzip2"));
    assert!(error(&[0x41; 4000]).starts_with("f: cannot be read as MRT"));
}

/// Plays a capture to a table, and returns the number of messages.
fn play(rib: &mut Rib, capture: &str) -> usize {
    let (router, now) = (IpAddr::from([10, 255, 0, 1]), Instant::now());
    let session = rib.connected(router, now).unwrap();
    let bytes = std::fs::read(lab::path(capture)).unwrap();
    let (mut stream, mut count) = (&bytes[..], 0);
    while let Some(message) = message::read(&mut stream).unwrap() {
        count += 1;
        match message {
            Message::Routes(peer, update) => rib.apply(session, peer, update, now).unwrap(),
            Message::PeerDown(peer) => rib.peer_down(session, peer),
            Message::Termination | Message::Other => {}
        }
    }
    count
}

#[test]
fn a_captured_session_leaves_the_routes_after_policy() {
    let mut rib = Rib::new(10_000);
    assert_eq!(play(&mut rib, "r1-bmp.bin"), 907);
    // 405 announcements after policy; the withdrawals before policy, one for each, remove nothing.
    assert_eq!((rib.len(), rib.best().len()), (405, 205));
    let route = &rib.best()[&"10.4.0.0/16".parse().unwrap()];
    assert_eq!(route.next_hop, Some(IpAddr::from([10, 255, 0, 4])));
}

#[test]
fn a_second_session_confirms_routes_and_drops_the_others() {
    let mut rib = Rib::new(10_000);
    play(&mut rib, "r1-bmp.bin");
    play(&mut rib, "r1-bmp-reconnect.bin");
    let mut second = Rib::new(10_000);
    play(&mut second, "r1-bmp-reconnect.bin");
    assert!(rib.len() >= 405);
    assert_eq!(rib.best(), second.best(), "nothing is left that only the first session told");
}

/// Waits until a condition holds.
fn wait(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_session_that_is_reset_in_the_middle_of_a_message_loses_nothing() {
    let listener =
        Listener::start("127.0.0.1:0".parse().unwrap(), vec!["127.0.0.1/32".parse().unwrap()], 10_000).unwrap();
    let captures = ["r1-bmp.bin", "r1-bmp-reconnect.bin"].map(|name| std::fs::read(lab::path(name)).unwrap());
    let mut router = TcpStream::connect(listener.address()).unwrap();
    // Ends within a message.
    router.write_all(&captures[0][..60_001]).unwrap();
    wait("routes of the first session", || listener.rib().len() > 100);
    drop(router);
    wait("the end of the first session", || listener.rib().missing() == Some(IpAddr::from([127, 0, 0, 1])));
    assert!(listener.rib().len() > 100, "routes stay while the router is away");

    let mut expected = Rib::new(10_000);
    play(&mut expected, "r1-bmp-reconnect.bin");
    let mut router = TcpStream::connect(listener.address()).unwrap();
    // In pieces that begin and end anywhere.
    for piece in captures[1].chunks(1777) {
        router.write_all(piece).unwrap();
    }
    wait("the routes of the second session", || listener.rib().best() == expected.best());
    assert_eq!(listener.rib().missing(), None);
}
