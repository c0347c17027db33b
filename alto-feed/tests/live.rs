//! The live feed against a real server: what it sends, what it holds back, and what happens when either side fails.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alto_feed::live::config::{Config, WhenStale};
use alto_feed::live::feed::{Feed, Settings};
use alto_feed::live::network::Observation;
use alto_feed::live::observation::{Listeners, observe};
use alto_feed::live::prefixes::Prefixes;
use alto_feed::live::server::Server as Client;
use alto_feed::live::status::StatusFolder;
use alto_feed::topology_file::parts;
use test_support::alto_server::Server;

use crate::lab;

const TOKEN: &str = "feed-test-token-0123456789";

fn settings() -> Settings {
    Settings {
        source: "feed".to_owned(),
        max_drop: 0.2,
        stale_after: Duration::from_mins(5),
        when_stale: WhenStale::Keep,
    }
}

struct Bed {
    folder: tempfile::TempDir,
    server: Server,
    client: Client,
    config: Config,
}

fn start_server(folder: &Path, more: &[&str]) -> Server {
    let token = folder.join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let arguments = ["--admin-token-file", token.to_str().unwrap(), "--map-interval", "0"];
    Server::of_with("two-isps.json", &[&arguments, more].concat())
}

impl Bed {
    /// A server, and settings whose sources are files that tests replace.
    fn new() -> Self {
        Self::with(|_| Vec::new())
    }

    /// The same with arguments for the server, which `more` makes of the folder.
    fn with(more: impl Fn(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let more = more(folder.path());
        let server = start_server(folder.path(), &more.iter().map(String::as_str).collect::<Vec<_>>());
        let path = folder.path().join("feeds.json");
        let names: Vec<String> = (1..=6).map(|number| format!(r#""10.255.0.{number}": "r{number}""#)).collect();
        let json = format!(
            r#"{{"server": "{}", "token-file": "token", "state": "state", "name": "lab", "names": {{{}}},
                "igp": {{"ospf": {{"database": [{{"file": "router.json"}}, {{"file": "network.json"}}]}}}}}}"#,
            server.origin(),
            names.join(",")
        );
        std::fs::write(&path, json).unwrap();
        let config = Config::read(&path).unwrap();
        let client = Client::new(&config.server, config.token.as_deref());
        let bed = Self { folder, server, client, config };
        bed.routers_say("");
        bed
    }

    /// Sets what the routers say: all links up, or the state in a folder of the laboratory.
    fn routers_say(&self, state: &str) {
        for kind in ["router", "network"] {
            let from = lab::path(&format!("{state}r1-ospf-{kind}.json"));
            std::fs::copy(from, self.folder.path().join(format!("{kind}.json"))).unwrap();
        }
    }

    fn observe(&self) -> Result<Observation, String> {
        observe(&self.config, &Listeners::default()).map_err(|error| error.to_string())
    }

    fn get(&self, path: &str) -> serde_json::Value {
        let text = ureq::get(format!("{}{path}", self.server.origin())).call().unwrap().body_mut().read_to_string();
        serde_json::from_str(&text.unwrap()).unwrap()
    }

    /// Sends a whole set of prefixes, as another program would.
    fn put(&self, source: &str, sequence: u64, lines: &str) {
        let uri = format!("{}/admin/prefixes/{source}?sequence={sequence}", self.server.origin());
        let request = ureq::put(uri).header("Authorization", format!("Bearer {TOKEN}")).content_type("text/plain");
        request.send(lines).unwrap();
    }

    /// Sequence number that the server has of the feed's prefixes.
    fn sequence(&self) -> Option<u64> {
        self.client.sequence("feed").unwrap()
    }

    /// PID of each prefix in the network map.
    fn pid(&self, prefix: &str) -> String {
        let map = &self.get("/networkmap")["network-map"];
        let holds = |groups: &serde_json::Value| {
            groups["ipv4"].as_array().is_some_and(|all| all.iter().any(|net| net == prefix))
        };
        let found = map.as_object().unwrap().iter().find(|(_, groups)| holds(groups));
        found.map_or_else(|| format!("no {prefix} in {map}"), |(name, _)| name.clone())
    }

    /// Routing costs between the routers, as the server has them.
    fn costs(&self) -> Vec<Vec<f64>> {
        let map = &self.get("/costmap/numerical/routingcost")["cost-map"];
        let cost = |from, to| map[format!("r{from}")][format!("r{to}")].as_f64().unwrap_or(-1.0);
        (1..=6).map(|from| (1..=6).map(|to| cost(from, to)).collect()).collect()
    }
}

#[test]
fn a_cut_link_is_a_change_of_links_and_the_costs_follow() {
    let bed = Bed::new();
    let mut feed = Feed::new(settings(), None, Instant::now());
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    assert_eq!((feed.report.replacements, bed.costs()), (1, lab::expected("all-up")), "{:?}", feed.report);

    bed.routers_say("link-r3-r5-down/");
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    assert_eq!((feed.report.replacements, feed.report.link_changes), (1, 2), "{:?}", feed.report);
    assert_eq!(bed.costs(), lab::expected("r3-r5-down"));

    bed.routers_say("");
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    assert_eq!((feed.report.replacements, feed.report.link_changes), (1, 4), "nothing is sent twice");
    assert_eq!(bed.costs(), lab::expected("all-up"));
}

#[test]
fn a_server_that_was_away_or_lost_everything_gets_the_newest_state() {
    let mut bed = Bed::new();
    let mut feed = Feed::new(settings(), None, Instant::now());
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    bed.server.kill();
    bed.routers_say("link-r3-r5-down/");
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    assert_eq!(feed.report.server_failures, 1);
    assert!(feed.report.error.as_ref().unwrap().contains("does not answer"), "{:?}", feed.report);

    // Started anew without a store, on another port.
    bed.server = start_server(bed.folder.path(), &[]);
    bed.client = Client::new(&bed.server.origin(), Some(TOKEN));
    feed.update(&bed.client, None);
    assert_eq!((feed.report.replacements, bed.costs()), (2, lab::expected("r3-r5-down")), "{:?}", feed.report);
}

#[test]
fn a_change_that_drops_too_much_waits_for_the_operator() {
    let bed = Bed::new();
    let mut feed = Feed::new(settings(), None, Instant::now());
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    let mut less = bed.observe().unwrap();
    less.network.topology.links.truncate(4);
    feed.observe(Ok(less.clone()), Instant::now());
    feed.update(&bed.client, None);
    let reason = feed.report.held.clone().unwrap();
    assert!(reason.contains("lacks 14 of 18 links"), "{reason}");
    assert_eq!((feed.report.held_back, bed.costs()), (1, lab::expected("all-up")));

    assert!(!feed.update(&bed.client, Some("another reason")), "only what was held back is confirmed");
    assert!(feed.update(&bed.client, Some(&reason)));
    assert_eq!((feed.report.held.clone(), feed.report.link_changes), (None, 14));
    assert_ne!(bed.costs(), lab::expected("all-up"));

    // A feed that is started again still knows what the server has.
    let mut next = Feed::new(settings(), feed.known().cloned(), Instant::now());
    less.network.topology.links.truncate(1);
    next.observe(Ok(less), Instant::now());
    next.update(&bed.client, None);
    assert_eq!((next.report.held_back, next.report.prefix_sets), (1, 0), "{:?}", next.report);
}

#[test]
fn sources_that_fail_for_too_long_make_the_network_stale() {
    let bed = Bed::new();
    let settings = Settings { when_stale: WhenStale::Mark, ..settings() };
    let start = Instant::now();
    let mut feed = Feed::new(settings, None, start);
    feed.observe(bed.observe(), start);
    feed.update(&bed.client, None);
    std::fs::write(bed.folder.path().join("router.json"), "garbage").unwrap();
    for seconds in [10, 299, 300] {
        feed.observe(bed.observe(), start + Duration::from_secs(seconds));
        feed.update(&bed.client, None);
        assert_eq!(feed.report.stale, seconds == 300);
    }
    assert_eq!((feed.report.source_failures, bed.costs()), (3, lab::expected("all-up")));
    assert!(feed.report.error.as_ref().unwrap().contains("router.json"), "{:?}", feed.report);
    let marked = feed.known().unwrap().network.topology.properties.pids["r1"].contains_key("priv:alto-stale");
    assert!(marked);

    bed.routers_say("");
    feed.observe(bed.observe(), start + Duration::from_secs(310));
    feed.update(&bed.client, None);
    assert!(!feed.report.stale && feed.known().unwrap().network.topology.properties.pids.is_empty());
}

#[test]
fn settings_that_make_no_sense_are_refused_with_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feeds.json");
    let error = |json: &str| {
        std::fs::write(&path, json).unwrap();
        Config::read(&path).unwrap_err().to_string()
    };
    let rest = r#""state": "s", "igp": {"topology": {"file": "f"}}"#;
    let cases = [
        (r#"{"server": "x", "#.to_owned() + rest + "}", "server: \"x\" is not an origin"),
        (r#"{"server": "http://x", "interval": 0, "#.to_owned() + rest + "}", "interval: 0 is out of range"),
        (r#"{"server": "http://x", "safety": {"max-drop": 2}, "#.to_owned() + rest + "}", "safety.max-drop: 2"),
        (r#"{"server": "http://x", "source": "..", "#.to_owned() + rest + "}", "source: \"..\" is not"),
        (r#"{"server": "http://x", "colour": 1, "#.to_owned() + rest + "}", "colour: is not a key that is known here"),
    ];
    for (json, expected) in cases {
        assert!(error(&json).contains(expected), "{}", error(&json));
    }
}

/// Adds lines to the prefixes of an observation.
fn add_prefixes(observation: &mut Observation, lines: &str) {
    let prefixes = &mut observation.network.prefixes;
    *prefixes = Prefixes::parse(&(prefixes.lines() + lines)).unwrap();
}

#[test]
fn changed_prefixes_are_sent_alone_and_other_sources_keep_theirs() {
    let bed = Bed::new();
    let mut feed = Feed::new(settings(), None, Instant::now());
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    bed.put("another", 1, "192.0.2.0/24 r5\n");
    let mut now = bed.observe().unwrap();
    add_prefixes(&mut now, "203.0.113.0/24 r6\n198.51.100.0/24 r2\n");
    feed.observe(Ok(now.clone()), Instant::now());
    feed.update(&bed.client, None);
    let counts = (feed.report.replacements, feed.report.prefix_sets, feed.report.prefix_changes);
    assert_eq!((counts, bed.sequence()), ((1, 1, 2), Some(2)), "{:?}", feed.report);
    assert_eq!([bed.pid("203.0.113.0/24"), bed.pid("192.0.2.0/24")], ["r6", "r5"]);

    // A new router with a prefix of its own, in one step.
    let topology = &mut now.network.topology;
    topology.switches.push(parts::switch("r7"));
    topology.links.extend([("r1", "r7"), ("r7", "r1")].map(|(from, to)| parts::directed(from, to, 1000.0, 1.0, 9.0)));
    topology.pids.as_mut().unwrap().insert("r7".to_owned(), parts::pid("r7"));
    add_prefixes(&mut now, "10.7.0.0/16 r7\n");
    feed.observe(Ok(now), Instant::now());
    feed.update(&bed.client, None);
    let counts = (feed.report.replacements, feed.report.prefix_sets, feed.report.prefix_changes);
    assert_eq!(counts, (2, 1, 3), "{:?}", feed.report);
    assert_eq!(["10.7.0.0/16", "203.0.113.0/24", "192.0.2.0/24"].map(|net| bed.pid(net)), ["r7", "r6", "r5"]);
    assert_eq!(bed.costs(), lab::expected("all-up"));
}

#[test]
fn a_server_that_remembers_gets_differences_only_and_one_with_other_prefixes_all_of_them() {
    let more = |folder: &Path| vec!["--state".to_owned(), folder.join("server").display().to_string()];
    let mut bed = Bed::with(more);
    let mut feed = Feed::new(settings(), None, Instant::now());
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    let restart = |bed: &mut Bed| {
        bed.server.kill();
        let more = more(bed.folder.path());
        bed.server = start_server(bed.folder.path(), &more.iter().map(String::as_str).collect::<Vec<_>>());
        bed.client = Client::new(&bed.server.origin(), Some(TOKEN));
    };
    restart(&mut bed);
    let mut now = bed.observe().unwrap();
    add_prefixes(&mut now, "203.0.113.0/24 r6\n");
    feed.observe(Ok(now.clone()), Instant::now());
    feed.update(&bed.client, None);
    assert_eq!((feed.report.replacements, feed.report.prefix_sets), (1, 1), "{:?}", feed.report);
    assert_eq!((bed.pid("203.0.113.0/24"), bed.costs()), ("r6".to_owned(), lab::expected("all-up")));

    // The feed is started again: it knows the prefixes, and sends the topology, whose links it cannot be sure of.
    let folder = StatusFolder::open(&bed.folder.path().join("feed")).unwrap();
    assert_eq!(folder.write_known(feed.known(), None).unwrap(), Some(2));
    assert_eq!(folder.known().as_ref(), feed.known());
    let mut feed = Feed::new(settings(), folder.known(), Instant::now());
    feed.observe(Ok(now.clone()), Instant::now());
    feed.update(&bed.client, None);
    assert_eq!((feed.report.replacements, feed.report.prefix_sets, feed.report.prefix_changes), (1, 0, 0));

    // Somebody else wrote under the name of the feed.
    bed.put("feed", 40, "10.0.0.0/8 r1\n");
    feed.update(&bed.client, None);
    assert_eq!((feed.report.replacements, feed.report.prefix_sets, bed.sequence()), (1, 1, Some(41)));
    assert_eq!(bed.pid("203.0.113.0/24"), "r6");
    restart(&mut bed);
    feed.update(&bed.client, None);
    assert_eq!((feed.report.replacements, feed.report.prefix_sets), (1, 1), "{:?}", feed.report);
}

/// Decides whether a proxy passes a chunk of bytes on.
type Pass = Box<dyn Fn(&[u8]) -> bool + Send>;

/// A proxy that passes everything on, but loses the answer to the first PATCH.
fn lossy_proxy(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let copy = |mut from: TcpStream, mut to: TcpStream, pass: Pass| {
        std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(length @ 1..) = from.read(&mut chunk) {
                if !pass(&chunk[..length]) || to.write_all(&chunk[..length]).is_err() {
                    break;
                }
            }
            let _closed_already = to.shutdown(Shutdown::Both);
        })
    };
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
            let lossy = Arc::new(AtomicBool::new(false));
            let watched = Arc::clone(&lossy);
            let watch = move |chunk: &[u8]| {
                watched.fetch_or(chunk.starts_with(b"PATCH "), Ordering::SeqCst);
                true
            };
            copy(client.try_clone().unwrap(), server.try_clone().unwrap(), Box::new(watch));
            copy(server, client, Box::new(move |_| !lossy.load(Ordering::SeqCst)));
        }
    });
    address
}

#[test]
fn a_change_whose_answer_was_lost_is_not_sent_again() {
    let bed = Bed::new();
    let mut feed = Feed::new(settings(), None, Instant::now());
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    let mut now = bed.observe().unwrap();
    add_prefixes(&mut now, "203.0.113.0/24 r6\n");
    feed.observe(Ok(now), Instant::now());
    let lossy = Client::new(&format!("http://{}", lossy_proxy(bed.server.address)), Some(TOKEN));
    feed.update(&lossy, None);
    assert_eq!((feed.report.server_failures, bed.sequence()), (1, Some(2)), "{:?}", feed.report);
    assert_eq!(bed.pid("203.0.113.0/24"), "r6");
    feed.update(&bed.client, None);
    let counts = (feed.report.replacements, feed.report.prefix_sets, feed.report.server_failures);
    assert_eq!((counts, bed.sequence()), ((1, 1, 1), Some(2)), "{:?}", feed.report);
}
