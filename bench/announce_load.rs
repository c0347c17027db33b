//! Load generator for BitTorrent trackers: announcements over UDP or HTTP, of which only answers with enough peers count.
//!
//! ```text
//! announce_load hashes COUNT                          prints infohashes, for a tracker's whitelist
//! announce_load fill ADDR HASHES PEERS                announces PEERS peers in each of HASHES torrents over UDP
//! announce_load udp ADDR HASHES SECONDS PID WINDOW    announces in turn, WINDOW requests at a time per socket
//! announce_load http ADDR HASHES SECONDS PID CONNS    announces over CONNS connections, reopened when closed
//! announce_load connects ADDR SECONDS CLIENTS         floods the UDP tracker with connects from CLIENTS addresses
//! ```
//!
//! Peers announce from addresses in several PIDs of two-isps.json. `PID` is the process of the tracker, whose processor
//! time is measured; RATE of the last two modes may follow as the number of announcements per second.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use alto_types::tracker::Infohash;
use alto_types::tracker::announce::{AnnounceRequest, Event};
use alto_types::tracker::udp::{UdpAction, UdpAnswer, UdpRequest};

/// Number of peers that an answer needs to count.
const WANTED: u32 = 50;
/// One address in each PID of two-isps.json.
const SOURCES: [[u8; 4]; 6] =
    [[127, 1, 1, 1], [127, 1, 2, 3], [127, 1, 3, 4], [127, 2, 1, 5], [127, 2, 2, 7], [127, 2, 3, 8]];

/// Announcements that were answered, and how long each took.
#[derive(Default)]
struct Tally {
    whole: u64,
    short: u64,
    lost: u64,
    latencies: Vec<u32>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["hashes", count] => (0..count.parse().unwrap()).for_each(|number| println!("{}", hex(&infohash(number)))),
        ["fill", tracker, hashes, peers] => fill(address(tracker), hashes.parse().unwrap(), peers.parse().unwrap()),
        ["udp", tracker, hashes, seconds, pid, window, ref rate @ ..] => {
            let run = |seconds| {
                over_udp(address(tracker), hashes.parse().unwrap(), window.parse().unwrap(), rate_of(rate), seconds)
            };
            measure(pid, seconds.parse().unwrap(), run);
        }
        ["connects", tracker, seconds, clients] => {
            flood(address(tracker), seconds.parse().unwrap(), clients.parse().unwrap());
        }
        ["http", tracker, hashes, seconds, pid, connections, ref rate @ ..] => {
            let connections: u32 = connections.parse().unwrap();
            let run = |seconds| over_http(tracker, hashes.parse().unwrap(), connections, rate_of(rate), seconds);
            measure(pid, seconds.parse().unwrap(), run);
        }
        _ => {
            eprintln!(
                "usage: announce_load hashes|fill|udp|http|connects ..., as described at the top of bench/announce_load.rs"
            );
            std::process::exit(64);
        }
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn rate_of(words: &[&str]) -> Option<f64> {
    words.first().map(|rate| rate.parse().unwrap())
}

fn infohash(number: u32) -> Infohash {
    let mut infohash = [0x5a; 20];
    infohash[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    infohash
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn announcement(number: u32, port: u16) -> AnnounceRequest {
    AnnounceRequest {
        infohash: infohash(number),
        peer_id: [b'x'; 20],
        port,
        uploaded: 0,
        downloaded: 0,
        left: Some(1000),
        event: Event::Periodic,
        key: None,
        wanted: Some(WANTED),
        compact: true,
    }
}

/// Processor time of a process so far.
fn processor_time(pid: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    // User and system time, in hundredths of a second on Linux.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Runs a load and prints its figures as a line of JSON.
fn measure(pid: &str, seconds: f64, run: impl Fn(f64) -> Tally) {
    let (start, before) = (Instant::now(), processor_time(pid));
    let mut tally = run(seconds);
    let (took, used) = (start.elapsed().as_secs_f64(), processor_time(pid).saturating_sub(before).as_secs_f64());
    tally.latencies.sort_unstable();
    let quantile = |part: usize| tally.latencies.get(tally.latencies.len() * part / 100).copied().unwrap_or(0);
    let (whole, memory) = (tally.whole, resident(pid));
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let (per_second, per_cpu) = (whole as f64 / took, whole as f64 / used.max(0.01));
    println!(
        "{{\"answers\": {whole}, \"short\": {}, \"lost\": {}, \"per_second\": {per_second:.0}, \"per_cpu_second\": \
         {per_cpu:.0}, \"p50_us\": {}, \"p99_us\": {}, \"resident_mb\": {memory}}}",
        tally.short,
        tally.lost,
        quantile(50),
        quantile(99),
    );
}

/// Resident memory of a process in MB.
fn resident(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1000
}

/// UDP client at one address.
struct Client {
    socket: UdpSocket,
    connection: u64,
}

impl Client {
    fn at(source: [u8; 4], tracker: SocketAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(IpAddr::from(source), 0)).unwrap();
        socket.connect(tracker).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut client = Self { socket, connection: 0 };
        client.connect();
        client
    }

    fn connect(&mut self) {
        let request = UdpRequest { transaction: u32::MAX, action: UdpAction::Connect }.to_bytes();
        let mut answer = [0; 2048];
        loop {
            self.socket.send(&request).unwrap();
            let length = self.socket.recv(&mut answer).unwrap_or(0);
            if let Ok((u32::MAX, UdpAnswer::Connected(connection))) = UdpAnswer::parse(&answer[..length], false) {
                self.connection = connection;
                return;
            }
        }
    }

    fn packet(&self, transaction: u32, number: u32, port: u16) -> Vec<u8> {
        let announce = announcement(number, port);
        let action = UdpAction::Announce { connection: self.connection, announce, path: Vec::new() };
        UdpRequest { transaction, action }.to_bytes()
    }
}

/// Announces peers in every torrent, from all addresses in turn.
fn fill(tracker: SocketAddr, hashes: u32, peers: u16) {
    let mut clients: Vec<Client> = SOURCES.iter().map(|source| Client::at(*source, tracker)).collect();
    let (mut answer, places) = ([0; 2048], clients.len());
    for number in 0..hashes {
        for peer in 0..peers {
            // Spread over torrents, so that addresses and ports differ between them.
            let client = &mut clients[usize::from(peer) % places];
            client.socket.send(&client.packet(u32::from(peer), number, 1024 + peer)).unwrap();
            while client.socket.recv(&mut answer).is_err() {
                // On a busy machine, the connection ID may have expired.
                client.connect();
                client.socket.send(&client.packet(u32::from(peer), number, 1024 + peer)).unwrap();
            }
        }
    }
}

/// Sends connects from a number of addresses as fast as they leave, without reading answers, and prints their number.
fn flood(tracker: SocketAddr, seconds: f64, clients: u16) {
    let connected = |number: u16| {
        let [high, low] = number.to_be_bytes();
        let socket = UdpSocket::bind(SocketAddr::new(IpAddr::from([127, 1, high, low]), 0)).unwrap();
        socket.connect(tracker).unwrap();
        socket
    };
    let sockets: Vec<UdpSocket> = (1..=clients).map(connected).collect();
    let request = UdpRequest { transaction: 1, action: UdpAction::Connect }.to_bytes();
    let (start, mut sent) = (Instant::now(), 0_u64);
    while start.elapsed().as_secs_f64() < seconds {
        for socket in sockets.iter().cycle().take(sockets.len().max(64)) {
            sent += u64::from(socket.send(&request).is_ok());
        }
    }
    println!("{{\"sent\": {sent}}}");
}

/// Keeps a window of requests open on each socket, or sends at a rate, and counts answers.
fn over_udp(tracker: SocketAddr, hashes: u32, window: u32, rate: Option<f64>, seconds: f64) -> Tally {
    let mut tally = Tally::default();
    let mut clients: Vec<Client> = SOURCES.iter().map(|source| Client::at(*source, tracker)).collect();
    let (start, mut sent, mut answer) = (Instant::now(), 0_u32, [0; 2048]);
    let mut connected = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        if connected.elapsed() > Duration::from_secs(50) {
            clients.iter_mut().for_each(Client::connect);
            connected = Instant::now();
        }
        for client in &clients {
            if let Some(rate) = rate {
                let due = f64::from(sent) / rate;
                std::thread::sleep(Duration::from_secs_f64((due - start.elapsed().as_secs_f64()).max(0.0)));
            }
            let began = Instant::now();
            for _ in 0..window {
                client.socket.send(&client.packet(sent, sent % hashes, 1024)).unwrap();
                sent += 1;
            }
            for _ in 0..window {
                match client.socket.recv(&mut answer) {
                    // Action, transaction, three numbers, and 50 peers.
                    Ok(length) if length == 20 + 6 * WANTED as usize => tally.whole += 1,
                    Ok(_) => tally.short += 1,
                    Err(_) => tally.lost += 1,
                }
                tally.latencies.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
        }
    }
    tally
}

/// Announces over connections that stay open as long as the tracker lets them, each on a thread of its own.
fn over_http(tracker: &str, hashes: u32, connections: u32, rate: Option<f64>, seconds: f64) -> Tally {
    let (host, path) = tracker.split_once('/').unwrap();
    let host = address(host);
    // Written once: what the generator spends is taken from the tracker, which shares the processor with it.
    let request = |number| {
        let query = announcement(number, 1024).to_query();
        format!("GET /{path}?{query} HTTP/1.1\r\nHost: tracker\r\n\r\n").into_bytes()
    };
    let requests: Vec<Vec<u8>> = (0..hashes).map(request).collect();
    let requests = requests.as_slice();
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let work = |offset: u32| {
            move || http_connection(host, requests, offset, rate.map(|rate| rate / f64::from(connections)), seconds)
        };
        let threads: Vec<_> = (0..connections).map(|number| scope.spawn(work(number))).collect();
        for thread in threads {
            let tally = thread.join().unwrap();
            all.whole += tally.whole;
            all.short += tally.short;
            all.lost += tally.lost;
            all.latencies.extend(tally.latencies);
        }
    });
    all
}

fn http_connection(host: SocketAddr, requests: &[Vec<u8>], offset: u32, rate: Option<f64>, seconds: f64) -> Tally {
    let mut tally = Tally::default();
    let (start, mut sent) = (Instant::now(), 0_u32);
    let mut open: Option<BufReader<TcpStream>> = None;
    let compact = format!("5:peers{}:", 6 * WANTED).into_bytes();
    while start.elapsed().as_secs_f64() < seconds {
        if let Some(rate) = rate {
            let due = f64::from(sent) / rate;
            std::thread::sleep(Duration::from_secs_f64((due - start.elapsed().as_secs_f64()).max(0.0)));
        }
        let mut stream = open.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(host).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        });
        let request = &requests[(sent as usize * 31 + offset as usize * 7919) % requests.len()];
        let began = Instant::now();
        sent += 1;
        let answered = stream.get_mut().write_all(request).is_ok();
        match read_answer(&mut stream).filter(|_| answered) {
            None => tally.lost += 1,
            Some((body, closes)) => {
                // The peers are the last value in the answers of both trackers.
                let end = body.len().saturating_sub(6 * WANTED as usize + 1);
                if body[..end].ends_with(&compact) {
                    tally.whole += 1;
                } else {
                    tally.short += 1;
                }
                tally.latencies.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
                open = (!closes).then_some(stream);
            }
        }
    }
    tally
}

/// Body of an answer, and whether the connection ends with it.
fn read_answer(stream: &mut BufReader<TcpStream>) -> Option<(Vec<u8>, bool)> {
    let (mut line, mut length, mut closes) = (String::new(), None, false);
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let begins = |start: &str| line.get(..start.len()).is_some_and(|field| field.eq_ignore_ascii_case(start));
        closes |= begins("http/1.0") || begins("connection: close");
        if begins("content-length:") {
            length = line.get("content-length:".len()..).and_then(|value| value.trim().parse().ok());
        }
    }
    let Some(length) = length else {
        let mut body = Vec::new();
        stream.read_to_end(&mut body).ok()?;
        return Some((body, true));
    };
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((body, closes))
}
