//! A load test of the registry: fills a real server with peers, then measures its memory and its request rate.
//!
//! ```text
//! cargo build --release -p alto-server --bins --example swarm_load
//! target/release/examples/swarm_load --peers 1000000 --files 100000 --state /tmp/state
//! ```
//!
//! The server trusts this client as a proxy, so that every peer has an address of its own. With `--state` the server is
//! also killed and started again, to measure the start and to check that no peer was lost.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a measurement ends on any error")]

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use structopt::StructOpt;

#[derive(StructOpt)]
struct Options {
    /// Path of alto-server [default: next to this program's folder]
    #[structopt(long)]
    server: Option<PathBuf>,
    /// Number of peers to register
    #[structopt(long, default_value = "1000000")]
    peers: u32,
    /// Number of different files
    #[structopt(long, default_value = "100000")]
    files: u32,
    /// Number of files per peer
    #[structopt(long, default_value = "3")]
    each: u32,
    /// Empty folder in which the server saves registrations
    #[structopt(long)]
    state: Option<PathBuf>,
    /// Number of connections, each with a thread of its own
    #[structopt(long, default_value = "64")]
    connections: u32,
    /// Duration of the mixed load in seconds
    #[structopt(long, default_value = "10")]
    seconds: u64,
}

/// Number of pipelined requests while filling.
const TOGETHER: usize = 32;

struct Server {
    child: Child,
    address: SocketAddr,
    started: Duration,
}

impl Server {
    fn start(options: &Options) -> Self {
        let neighbour = || std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("alto-server");
        let mut command = Command::new(options.server.clone().unwrap_or_else(neighbour));
        let topology = concat!(env!("CARGO_MANIFEST_DIR"), "/../topo/data/two-isps.json");
        command.args(["--listen", "127.0.0.1:0", "--topology", topology, "--trusted-proxy", "127.0.0.1"]);
        command.args(["--swarm-lease", "3600", "--swarm-max-peers", "10000000", "--swarm-max-holdings", "100000000"]);
        command.args(options.state.iter().flat_map(|state| ["--state".as_ref(), state.as_os_str()]));
        let start = Instant::now();
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = log.find(|line| line.contains("listening on http")).expect("the server starts");
        let address = line.split("://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        let started = start.elapsed();
        std::thread::spawn(move || log.for_each(|line| eprintln!("{line}")));
        Self { child, address, started }
    }

    fn memory(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let mib = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
        };
        format!("{} MiB resident, {} MiB at most", mib("VmRSS:"), mib("VmHWM:"))
    }

    /// Value of a metric of `/metrics`.
    fn metric(&self, name: &str) -> f64 {
        let text = Connection::open(self.address).ask("GET", "/metrics", 0, "").1;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
        line.trim().parse().unwrap()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::with_capacity(64 * 1024, stream))
    }

    fn ask(&mut self, method: &str, path: &str, peer: u32, body: &str) -> (u16, String) {
        let mut request = String::new();
        put_request(&mut request, method, path, peer, body);
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        self.read().unwrap()
    }

    fn read(&mut self) -> io::Result<(u16, String)> {
        let (mut line, mut length, mut status) = (String::new(), 0, 0);
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line)?;
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body).unwrap()))
    }
}

/// Appends a request with the address of a peer in `X-Forwarded-For`.
fn put_request(out: &mut String, method: &str, path: &str, peer: u32, body: &str) {
    let address = Ipv4Addr::from(0x0a00_0000 + peer);
    let _ = write!(
        out,
        "{method} {path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

fn file(number: u32) -> String {
    // Spread over the whole range, like hashes.
    let spread = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{spread:016x}").repeat(4)
}

fn registration(peer: u32, options: &Options) -> String {
    let mut body = format!("{{\"name\":\"peer-{peer}\",\"port\":6881,\"files\":[");
    for n in 0..options.each {
        let number = (peer.wrapping_mul(options.each) + n) % options.files;
        let (id, comma) = (file(number), if n == 0 { "" } else { "," });
        let _ = write!(
            body,
            "{comma}{{\"id\":\"{id}\",\"name\":\"file-{number}.bin\",\"size\":20000000,\"manifest\":\"{id}\",\"complete\":{}}}",
            peer.is_multiple_of(2)
        );
    }
    body + "]}"
}

/// Body of a heartbeat, with the credentials from the answer to a registration.
fn credentials(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    format!("{{\"peer\":{},\"secret\":{}}}", answer["peer"], answer["secret"])
}

/// Registers every `connections`-th peer, in pipelined batches.
fn fill(address: SocketAddr, filler: u32, options: &Options) {
    let mut connection = Connection::open(address);
    let peers: Vec<u32> = (filler..options.peers).step_by(options.connections as usize).collect();
    for some in peers.chunks(TOGETHER) {
        let mut requests = String::new();
        for peer in some {
            put_request(&mut requests, "POST", "/swarm/register", *peer, &registration(*peer, options));
        }
        let mut writer = connection.0.get_ref().try_clone().unwrap();
        std::thread::scope(|scope| {
            // Writes in another thread, because both sides would wait for each other otherwise.
            scope.spawn(|| writer.write_all(requests.as_bytes()).unwrap());
            for peer in some {
                let (status, body) = connection.read().unwrap();
                assert_eq!(status, 201, "{peer}: {body}");
            }
        });
    }
}

/// Runs the mixed load on one connection: of ten requests one registration, six heartbeats, three queries for holders.
fn mix(address: SocketAddr, next: &AtomicU32, end: Instant, options: &Options) -> [Vec<Duration>; 3] {
    let mut connection = Connection::open(address);
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    let mut own = (0, String::new());
    for turn in 0.. {
        let start = Instant::now();
        if start > end {
            break;
        }
        let kind = match turn % 10 {
            0 => {
                let peer = next.fetch_add(1, Ordering::Relaxed);
                let (status, body) = connection.ask("POST", "/swarm/register", peer, &registration(peer, options));
                assert_eq!(status, 201, "{body}");
                own = (peer, credentials(&body));
                0
            }
            1..=6 => {
                assert_eq!(connection.ask("POST", "/swarm/heartbeat", own.0, &own.1).0, 200);
                1
            }
            _ => {
                let path = format!("/swarm/files/{}/holders?limit=50", file(own.0.wrapping_mul(31) % options.files));
                assert_eq!(connection.ask("GET", &path, own.0, "").0, 200);
                2
            }
        };
        times[kind].push(start.elapsed());
    }
    times
}

fn report(name: &str, mut times: Vec<Duration>, seconds: u64) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1000].as_secs_f64() * 1000.0;
    let rate = times.len() as u64 / seconds;
    println!("  {name:<10} {rate:>7}/s   median {:.2} ms   99 % {:.2} ms   99.9 % {:.2} ms", at(500), at(990), at(999));
}

fn main() {
    let options = Options::from_args();
    let server = Server::start(&options);
    println!("empty: {}", server.memory());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for filler in 0..options.connections {
            let (address, options) = (server.address, &options);
            scope.spawn(move || fill(address, filler, options));
        }
    });
    let took = start.elapsed().as_secs_f64();
    println!("{} registrations in {took:.1} s, {:.0}/s", options.peers, f64::from(options.peers) / took);
    let saves = server.metric("alto_swarm_save_seconds_count");
    println!(
        "saved in {saves} transactions, {:.0} changes each",
        server.metric("alto_swarm_saved_changes_total") / saves
    );
    println!(
        "{} peers, {} files, {} holdings: {}",
        server.metric("alto_swarm_peers"),
        server.metric("alto_swarm_files"),
        server.metric("alto_swarm_holdings"),
        server.memory()
    );

    let (next, end) = (AtomicU32::new(options.peers), Instant::now() + Duration::from_secs(options.seconds));
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    std::thread::scope(|scope| {
        let run = || mix(server.address, &next, end, &options);
        let clients: Vec<_> = (0..options.connections).map(|_| scope.spawn(run)).collect();
        for client in clients {
            times.iter_mut().zip(client.join().unwrap()).for_each(|(all, more)| all.extend(more));
        }
    });
    let all: Vec<Duration> = times.iter().flatten().copied().collect();
    println!("{} connections for {} s:", options.connections, options.seconds);
    report("all", all, options.seconds);
    for (name, times) in ["register", "heartbeat", "holders"].into_iter().zip(times) {
        report(name, times, options.seconds);
    }
    println!("then: {}", server.memory());

    let peers = server.metric("alto_swarm_peers");
    server.kill();
    if options.state.is_some() {
        let server = Server::start(&options);
        assert_eq!(server.metric("alto_swarm_peers").to_string(), peers.to_string(), "no peer was lost");
        println!("killed and started again in {:.1} s: {}", server.started.as_secs_f64(), server.memory());
        server.kill();
    }
}
