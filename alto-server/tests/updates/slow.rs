//! Subscribers that stop reading: what waits for them is bounded, and they are disconnected.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use test_support::patience::wait_until;

use super::subscriber::{Event, PARAMS, Subscriber};
use super::{TOKEN, admin};
use crate::support::{Server, program};

/// Number of PIDs, with which a cost map has more than 100 kB.
const PIDS: usize = 100;
/// Substreams that have the whole map again and again.
const SUBSTREAMS: usize = 4;

/// Starts a server with a star of switches, each with a host and a PID.
fn star(folder: &tempfile::TempDir, options: &[&str]) -> Server {
    let names = |letter: char| (0..PIDS).map(move |number| format!("{letter}{number}"));
    let hosts: Vec<Value> =
        names('h').enumerate().map(|(number, name)| json!({"name": name, "ip": format!("10.0.{number}.1")})).collect();
    let switches: Vec<Value> = names('s').map(|name| json!({"name": name})).collect();
    let access = names('h').zip(names('s')).map(|(host, switch)| (host, switch, 100));
    let core = names('s').skip(1).map(|switch| ("s0".to_owned(), switch, 1000));
    let link = |(source, destination, bandwidth): (String, String, u32)| json!({"source": source, "destination": destination, "bandwidth": bandwidth, "delay": 1.25});
    let links: Vec<Value> = access.chain(core).map(link).collect();
    let topology = folder.path().join("topo.json");
    let text = json!({"name": "star", "hosts": hosts, "switches": switches, "links": links}).to_string();
    std::fs::write(&topology, text).unwrap();
    let mut command = program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--topology"]).arg(topology);
    Server::start(command.args(["--update-interval", "0"]).args(options))
}

fn change(server: &Server, cost: usize) {
    let change = json!({"source": "s0", "destination": "s1", "cost": cost});
    admin(server, "POST", "/admin/links", &change.to_string());
}

/// Connection that takes little before it is read.
fn narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

/// Request for the whole map under several names.
fn many() -> Value {
    let one = json!({"resource-id": "cost-map-routingcost", "incremental-changes": false});
    let add: serde_json::Map<_, _> = (0..SUBSTREAMS).map(|number| (format!("c{number}"), one.clone())).collect();
    json!({"add": add})
}

#[test]
fn what_waits_for_a_subscriber_that_does_not_read_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    // Computing the versions may take longer than a client may take nothing.
    let server = star(&folder, &["--write-timeout", "600"]);
    let mut slow = Subscriber::over(narrow(server.address), &many());
    // Somebody who reads sees to it that every change becomes a version, and is sent at once.
    let mut quick = Subscriber::open(server.address, &json!({"add": {"c": {"resource-id": "cost-map-routingcost"}}}));
    quick.control_uri();
    quick.event();
    let (versions, mut length) = (12, 0);
    for version in 1..=versions {
        change(&server, 10 * version);
        quick.event();
        length = server.get("/costmap/numerical/routingcost").body.len();
    }
    let newest = server.get("/costmap/numerical/routingcost").json();
    assert_eq!(quick.documents["c"], newest);
    let written = versions * SUBSTREAMS * length;
    // Without a bound the kernel takes some megabytes of it.
    assert!(written > 4_000_000, "{written}");
    slow.control_uri();
    let mut read = 0;
    let is_newest = |slow: &Subscriber| {
        (0..SUBSTREAMS).all(|number| slow.documents.get(&format!("c{number}")).is_some_and(|map| *map == newest))
    };
    while !is_newest(&slow) {
        assert!(matches!(slow.event(), Event::Data(..)));
        read += length;
    }
    // 128 KiB in the kernel, less than that in the process, and each substream its newest version.
    let most = 300_000 + (SUBSTREAMS + 2) * length;
    assert!(read <= most, "{read} of {written} bytes were read until the newest, more than {most}");
}

#[test]
fn what_many_open_at_once_is_computed_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = star(&folder, &[]);
    let request = json!({"add": {"c": {"resource-id": "cost-map-routingcost"}}});
    thread::scope(|scope| {
        let openings: Vec<_> = (0..20).map(|_| scope.spawn(|| Subscriber::open(server.address, &request))).collect();
        for opening in openings {
            drop(opening.join().unwrap());
        }
    });
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.lines().any(|line| line == "alto_followed_begun_total 1"), "{metrics}");
}

#[test]
fn a_subscriber_that_takes_nothing_is_disconnected() {
    let folder = tempfile::tempdir().unwrap();
    let server = star(&folder, &["--write-timeout", "1"]);
    let body = many().to_string();
    let head = format!("POST /updates HTTP/1.1\r\nHost: test\r\nContent-Type: {PARAMS}\r\nContent-Length: ");
    let probe = |uri: &str| server.post(uri, PARAMS, json!({"remove": ["none"]}).to_string()).status;
    // Again where this machine stood still until the stream had ended.
    let (_stream, uri) = wait_until("an open stream", || {
        let mut stream = narrow(server.address);
        stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        // The head and the control event have less than this.
        let mut begin = vec![0; 600];
        stream.read_exact(&mut begin).unwrap();
        let text = String::from_utf8_lossy(&begin).into_owned();
        let uri = text.split('"').find(|part| part.starts_with("updates/control/")).unwrap();
        let uri = format!("/{uri}");
        (probe(&uri) == 400).then_some((stream, uri))
    });
    // The first document is longer than what the connection takes.
    wait_until("the end of a stream that nobody reads", || (probe(&uri) == 404).then_some(()));
    assert_eq!(server.get("/networkmap").status, 200);
}
