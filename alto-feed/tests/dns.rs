//! Exports for DNS servers: their answers have the order of the server's own costs.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use test_support::alto_server::Server;
use test_support::ports::free_port;

use crate::export::{CANDIDATES, CLIENTS, Program, by_cost, export, find, write};

/// Option codes and types of DNS (RFC 1035, RFC 6891, RFC 7871).
const TYPE_A: [u8; 2] = [0, 1];
const TYPE_OPT: [u8; 2] = [0, 41];
const CLIENT_SUBNET: [u8; 2] = [0, 8];
/// Code of an answer while a server still loads its zones.
const SERVER_FAILURE: u8 = 2;
/// Name that both servers answer for, in the form of messages.
const NAME: &[u8] = b"\x03www\x07example\x00";
/// The zone of that name, but for the record of `www`.
const ZONE: &str = "@ 60 SOA ns.example. hostmaster.example. 1 7200 1800 259200 60\n@ 60 NS ns\nns 60 A 127.0.0.1\n";

/// A query for the addresses of the name; with a subnet, as a resolver asks for a client (RFC 7871 §6).
fn query(subnet: Option<Ipv4Addr>) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(subnet.is_some())];
    message.extend(NAME);
    message.extend(TYPE_A);
    message.extend([0, 1]);
    if let Some(address) = subnet {
        message.push(0);
        message.extend(TYPE_OPT);
        // Size of answers, extended result, version and flags; then one option.
        message.extend([0x04, 0xd0, 0, 0, 0, 0, 0, 12]);
        message.extend(CLIENT_SUBNET);
        message.extend([0, 8, 0, 1, 32, 0]);
        message.extend(address.octets());
    }
    message
}

/// The addresses in an answer, whose records name the queried name with a pointer; `None` while the server cannot answer yet.
fn addresses(answer: &[u8]) -> Option<Vec<Ipv4Addr>> {
    match answer[3] & 0x0f {
        0 => {}
        SERVER_FAILURE => return None,
        code => panic!("the server refuses with {code}: {answer:?}"),
    }
    let count = u16::from_be_bytes([answer[6], answer[7]]);
    let records = &answer[12 + NAME.len() + 4..];
    let record = |place: u16| {
        // Pointer, type, class, time to live, length, address.
        let record = &records[usize::from(place) * 16..][..16];
        assert_eq!((&record[..2], &record[2..4]), (&[0xc0, 12][..], &TYPE_A[..]), "{answer:?}");
        Ipv4Addr::new(record[12], record[13], record[14], record[15])
    };
    Some((0..count).map(record).collect())
}

/// Asks a server until it answers. What it wrote to its log tells why it does not.
fn ask(port: u16, from: Ipv4Addr, query: &[u8], log: &Path) -> Vec<Ipv4Addr> {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (deadline, server) = (Instant::now() + Duration::from_mins(1), SocketAddr::from(([127, 0, 0, 1], port)));
    let mut answer = [0; 1232];
    loop {
        // An earlier answer that came too late counts as well.
        if socket.send_to(query, server).is_ok()
            && let Ok(length) = socket.recv(&mut answer)
        {
            if let Some(addresses) = addresses(&answer[..length]) {
                return addresses;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(Instant::now() < deadline, "no answer:\n{}", std::fs::read_to_string(log).unwrap());
    }
}

fn address_of(candidate: &str) -> Ipv4Addr {
    let found = CANDIDATES.iter().find(|(name, _)| *name == candidate).unwrap();
    found.1.parse().unwrap()
}

fn start(program: &str, arguments: &[&str], log: &Path) -> Program {
    let log = std::fs::File::create(log).unwrap();
    Program(Command::new(program).args(arguments).stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

#[test]
fn gdnsd_answers_clients_with_the_place_that_the_server_says() {
    let Some(gdnsd) = find("gdnsd") else { return };
    let (server, folder, port) = (Server::of("two-isps.json"), tempfile::tempdir().unwrap(), free_port());
    let root = folder.path().display().to_string();
    for name in ["zones", "run", "state"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    write(&folder.path().join("nets"), &export(&server, "gdnsd", &[]));
    write(&folder.path().join("zones/example"), &format!("{ZONE}www 60 DYNA geoip!places\n"));
    let list = |item: &dyn Fn(&str, &str) -> String| CANDIDATES.map(|(name, address)| item(name, address)).join(", ");
    write(
        &folder.path().join("config"),
        &format!(
            "options => {{ listen => 127.0.0.1:{port}, run_dir => {root}/run, state_dir => {root}/state }}\n\
             plugins => {{ geoip => {{\n\
             maps => {{ clients => {{ datacenters => [ {} ], nets => {root}/nets }} }}\n\
             resources => {{ places => {{ map => clients, service_types => up, dcmap => {{ {} }} }} }}\n}} }}\n",
            list(&|name, _| name.to_owned()),
            list(&|name, address| format!("{name} => {address}")),
        ),
    );
    let log = folder.path().join("log");
    let _program = start(&gdnsd, &["-c", &root, "start"], &log);
    for client in CLIENTS {
        // A resolver far away asks for the client.
        let answer = ask(port, Ipv4Addr::LOCALHOST, &query(Some(client.parse().unwrap())), &log);
        assert_eq!(answer, [address_of(&by_cost(&server, client)[0])], "{client}");
    }
}

#[test]
fn bind_sorts_addresses_as_the_server_says() {
    let Some(named) = find("named") else { return };
    let (server, folder, port) = (Server::of("two-isps.json"), tempfile::tempdir().unwrap(), free_port());
    let root = folder.path().display().to_string();
    write(&folder.path().join("sortlist.conf"), &export(&server, "bind", &[]));
    let records = CANDIDATES.map(|(_, address)| format!("www 60 A {address}\n")).concat();
    write(&folder.path().join("zone"), &(ZONE.to_owned() + &records));
    write(
        &folder.path().join("named.conf"),
        &format!(
            "options {{\n directory \"{root}\"; pid-file \"{root}/pid\"; session-keyfile \"{root}/key\";\n \
             listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n recursion no; \
             minimal-responses yes; dnssec-validation no;\n include \"{root}/sortlist.conf\";\n}};\n\
             controls {{ }};\nzone \"example\" {{ type primary; file \"{root}/zone\"; }};\n"
        ),
    );
    let log = folder.path().join("log");
    let _program = start(&named, &["-g", "-c", &format!("{root}/named.conf")], &log);
    for client in CLIENTS {
        // The client itself asks.
        let answer = ask(port, client.parse().unwrap(), &query(None), &log);
        let expected: Vec<_> = by_cost(&server, client).iter().map(|name| address_of(name)).collect();
        assert_eq!(answer, expected, "{client}");
    }
}
