//! BGP-LS: the laboratory's database in UPDATE messages gives exactly its routers' costs.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use alto_feed::bgp::link_state::Database;
use alto_feed::link_state::topology::{Names, topology};
use alto_feed::live::bgp_ls::{Listener, Session};
use alto_feed::topology_file::assumptions::Assumptions;
use proptest::prelude::*;
use test_support::ports::free_port;

use crate::export::{Program, find};
use crate::lab;

/// The messages of a capture, by the length in each header.
fn messages(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut messages) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes([rest[16], rest[17]]));
        let (message, after) = rest.split_at(length);
        messages.push(message);
        rest = after;
    }
    messages
}

#[test]
fn costs_are_the_metrics_of_the_routers_for_every_pair() {
    let bytes = std::fs::read(lab::path("bgpls-updates.bin")).unwrap();
    let messages = messages(&bytes);
    let mut database = Database::default();
    for message in &messages {
        database.apply(message).unwrap();
    }
    assert_eq!(messages.len(), 49);
    let file = topology("lab", database.link_state(), &Names::new(), &mut Assumptions::default());
    assert_eq!(lab::costs(&file, &lab::pids("r")), lab::expected("all-up"));
    let link = file.links.iter().find(|link| link.source == "r5" && link.destination == "r6").unwrap();
    assert_eq!((link.bandwidth, link.delay.0), (100.0, 8.0));
    assert_eq!(file.pids.unwrap()["r3"].ipv4, ["10.3.0.1/32", "10.255.0.3/32"]);
}

#[test]
fn withdrawn_objects_are_gone() {
    let bytes = std::fs::read(lab::path("bgpls-updates.bin")).unwrap();
    let mut database = Database::default();
    for message in messages(&bytes) {
        database.apply(message).unwrap();
    }
    // The same objects in MP_UNREACH_NLRI (15), which lacks the next hop.
    for message in messages(&bytes) {
        let mut attributes = &message[23..];
        let value = loop {
            let (start, length) = if attributes[0] & 0x10 == 0 {
                (3, usize::from(attributes[2]))
            } else {
                (4, usize::from(u16::from_be_bytes([attributes[2], attributes[3]])))
            };
            let (attribute, rest) = attributes.split_at(start + length);
            if attribute[1] == 14 {
                break &attribute[start..];
            }
            attributes = rest;
        };
        let objects = &value[5 + usize::from(value[3])..];
        let mut withdrawal = vec![0x90, 15];
        withdrawal.extend(u16::try_from(objects.len() + 3).unwrap().to_be_bytes());
        withdrawal.extend(&value[..3]);
        withdrawal.extend(objects);
        let mut update = vec![0xff; 16];
        update.extend(u16::try_from(23 + withdrawal.len()).unwrap().to_be_bytes());
        update.extend([2, 0, 0]);
        update.extend(u16::try_from(withdrawal.len()).unwrap().to_be_bytes());
        update.extend(withdrawal);
        database.apply(&update).unwrap();
    }
    assert_eq!(database, Database::default());
}

#[test]
fn a_router_that_connects_is_listened_to_and_kept_alive() {
    let session = Session { asn: 4_200_000_001, identifier: Ipv4Addr::new(10, 0, 0, 9) };
    let sources = vec!["127.0.0.1/32".parse().unwrap()];
    let listener = Listener::start("127.0.0.1:0".parse().unwrap(), sources, session).unwrap();
    let mut router = TcpStream::connect(listener.address()).unwrap();
    let mut header = [0; 19];
    router.read_exact(&mut header).unwrap();
    let mut open = vec![0; usize::from(header[17]) - 19];
    router.read_exact(&mut open).unwrap();
    assert_eq!((header[18], open[0], &open[1..3]), (1, 4, &23_456_u16.to_be_bytes()[..]));
    assert!(open.windows(6).any(|window| window == [1, 4, 0x40, 0x04, 0, 71]), "BGP-LS is offered");
    // The same OPEN serves as the router's own.
    router.write_all(&[&header[..], &open[..]].concat()).unwrap();
    router.read_exact(&mut header).unwrap();
    assert_eq!(header[18], 4, "a KEEPALIVE accepts the session");
    router.write_all(&header).unwrap();
    assert_eq!(listener.database(Duration::ZERO, Instant::now()), None);
    router.write_all(&std::fs::read(lab::path("bgpls-updates.bin")).unwrap()).unwrap();
    assert_costs_of_the_lab(&listener, String::new);
}

/// Waits for the laboratory's database, and requires its routers' costs. A speaker whose first connection fails may wait for
/// two minutes until it tries again. `log` is what it wrote, for a database that does not come.
fn assert_costs_of_the_lab(listener: &Listener, log: impl Fn() -> String) {
    let deadline = Instant::now() + Duration::from_mins(4);
    let state = loop {
        let state = listener.database(Duration::ZERO, Instant::now()).map(|database| database.link_state());
        match state {
            Some(state) if state.nodes.len() == 7 && state.adjacencies.len() == 18 => break state,
            state => assert!(Instant::now() < deadline, "the updates have no effect: {state:?}; {}", log()),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let file = topology("lab", state, &Names::new(), &mut Assumptions::default());
    assert_eq!(lab::costs(&file, &lab::pids("r")), lab::expected("all-up"));
}

/// A message with a header.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap().to_be_bytes();
    [&[0xff; 16][..], &length, &[kind], body].concat()
}

/// Opens a session with a speaker from an address, and tells it the captured updates.
fn tell(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&to.into())?;
    let mut router = TcpStream::from(socket);
    router.set_read_timeout(Some(Duration::from_secs(20)))?;
    // An OPEN with BGP-LS and AS numbers of four bytes; a hold time of zero keeps the session without signs of life.
    let asn = 65_001_u16.to_be_bytes();
    let open = [&[4][..], &asn, &[0, 0, 10, 0, 0, 2, 14, 2, 12, 1, 4, 0x40, 0x04, 0, 71, 65, 4, 0, 0], &asn].concat();
    router.write_all(&[message(1, &open), message(4, &[])].concat())?;
    // The speaker accepts it with a KEEPALIVE; one that does not expect the router yet closes the connection.
    let mut header = [0; 19];
    while header[18] != 4 {
        router.read_exact(&mut header)?;
        router.read_exact(&mut vec![0; usize::from(u16::from_be_bytes([header[16], header[17]])) - 19])?;
    }
    router.write_all(&std::fs::read(lab::path("bgpls-updates.bin"))?)?;
    Ok(router)
}

#[test]
fn a_router_that_wants_no_signs_of_life_gets_none() {
    let session = Session { asn: 65_001, identifier: Ipv4Addr::new(10, 0, 0, 9) };
    let sources = vec!["127.0.0.2/32".parse().unwrap()];
    let listener = Listener::start("127.0.0.1:0".parse().unwrap(), sources, session).unwrap();
    let mut router = tell(Ipv4Addr::new(127, 0, 0, 2), listener.address()).unwrap();
    assert_costs_of_the_lab(&listener, String::new);
    router.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let nothing = router.read_exact(&mut [0; 19]).unwrap_err();
    assert!(matches!(nothing.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{nothing}");
}

#[test]
fn a_route_reflector_passes_the_database_on() {
    let Some(gobgpd) = find("gobgpd") else { return };
    let session = Session { asn: 65_001, identifier: Ipv4Addr::new(10, 0, 0, 9) };
    let listener =
        Listener::start("127.0.0.3:0".parse().unwrap(), vec!["127.0.0.0/8".parse().unwrap()], session).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (port, api) = (free_port(), free_port());
    let neighbour = |address: &str, transport: &str| {
        format!(
            "[[neighbors]]\n[neighbors.config]\npeer-as = 65001\nneighbor-address = \"{address}\"\n\
             [neighbors.transport.config]\n{transport}\nlocal-address = \"127.0.0.1\"\n\
             [neighbors.route-reflector.config]\nroute-reflector-client = true\nroute-reflector-cluster-id = \"10.0.0.1\"\n\
             [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ls\"\n\
             [neighbors.timers.config]\nconnect-retry = 5\nidle-hold-time-after-reset = 1\n"
        )
    };
    let config = format!(
        "[global.config]\nas = 65001\nrouter-id = \"10.0.0.1\"\nport = {port}\nlocal-address-list = [\"127.0.0.1\"]\n{}{}",
        neighbour("127.0.0.2", "passive-mode = true"),
        neighbour("127.0.0.3", &format!("remote-port = {}", listener.address().port())),
    );
    let file = folder.path().join("gobgpd.toml");
    std::fs::write(&file, config).unwrap();
    let log = folder.path().join("gobgpd.log");
    let mut command = Command::new(gobgpd);
    command.args(["--api-hosts", &format!("127.0.0.1:{api}"), "-f"]).arg(&file);
    let output = std::fs::File::create(&log).unwrap();
    let _program = Program(command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap());

    let written = || std::fs::read_to_string(&log).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_mins(2);
    let _router = loop {
        match tell(Ipv4Addr::new(127, 0, 0, 2), ([127, 0, 0, 1], port).into()) {
            Ok(router) => break router,
            Err(error) => assert!(Instant::now() < deadline, "{error}; {}", written()),
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_costs_of_the_lab(&listener, written);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_error_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut message = vec![0xff; 16];
        message.extend(u16::try_from(19 + bytes.len()).unwrap().to_be_bytes());
        message.push(2);
        message.extend(bytes);
        let _any_result = Database::default().apply(&message);
    }

    #[test]
    fn damaged_messages_never_panic(number in 0_usize..49, place in 0_usize..200, value in any::<u8>()) {
        let bytes = std::fs::read(lab::path("bgpls-updates.bin")).unwrap();
        let mut message = messages(&bytes)[number].to_vec();
        let place = place % message.len();
        message[place] = value;
        let _any_result = Database::default().apply(&message);
    }
}
