//! The live feed against a real server: what it sends, what it holds back, and what happens when either side fails.

use std::path::Path;
use std::time::{Duration, Instant};

use alto_feed::live::config::{Config, WhenStale};
use alto_feed::live::feed::{Feed, Settings};
use alto_feed::live::observation::{Listeners, observe};
use alto_feed::live::server::Server as Client;
use test_support::alto_server::Server;
use topo::file::TopologyFile;

use crate::lab;

const TOKEN: &str = "feed-test-token-0123456789";
const SETTINGS: Settings = Settings { max_drop: 0.2, stale_after: Duration::from_mins(5), when_stale: WhenStale::Keep };

struct Bed {
    folder: tempfile::TempDir,
    server: Server,
    client: Client,
    config: Config,
}

fn start_server(folder: &Path) -> Server {
    let token = folder.join("token");
    std::fs::write(&token, TOKEN).unwrap();
    Server::of_with("two-isps.json", &["--admin-token-file", token.to_str().unwrap()])
}

impl Bed {
    /// A server, and settings whose sources are files that tests replace.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = start_server(folder.path());
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

    fn observe(&self) -> Result<TopologyFile, String> {
        observe(&self.config, &Listeners::default()).map_err(|error| error.to_string())
    }

    fn get(&self, path: &str) -> serde_json::Value {
        let text = ureq::get(format!("{}{path}", self.server.origin())).call().unwrap().body_mut().read_to_string();
        serde_json::from_str(&text.unwrap()).unwrap()
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
    let mut feed = Feed::new(SETTINGS, None, Instant::now());
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
    let mut feed = Feed::new(SETTINGS, None, Instant::now());
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    bed.server.kill();
    bed.routers_say("link-r3-r5-down/");
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    assert_eq!(feed.report.server_failures, 1);
    assert!(feed.report.error.as_ref().unwrap().contains("does not answer"), "{:?}", feed.report);

    // Started anew without a store, on another port.
    bed.server = start_server(bed.folder.path());
    bed.client = Client::new(&bed.server.origin(), Some(TOKEN));
    feed.update(&bed.client, None);
    assert_eq!((feed.report.replacements, bed.costs()), (2, lab::expected("r3-r5-down")), "{:?}", feed.report);
}

#[test]
fn a_change_that_drops_too_much_waits_for_the_operator() {
    let bed = Bed::new();
    let mut feed = Feed::new(SETTINGS, None, Instant::now());
    feed.observe(bed.observe(), Instant::now());
    feed.update(&bed.client, None);
    let mut less = bed.observe().unwrap();
    less.links.truncate(4);
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
    let mut next = Feed::new(SETTINGS, feed.network().cloned(), Instant::now());
    less.links.truncate(1);
    next.observe(Ok(less), Instant::now());
    next.update(&bed.client, None);
    assert_eq!((next.report.replacements, next.report.held_back), (0, 1));
}

#[test]
fn sources_that_fail_for_too_long_make_the_network_stale() {
    let bed = Bed::new();
    let settings = Settings { when_stale: WhenStale::Mark, ..SETTINGS };
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
    let marked = feed.network().unwrap().properties.pids["r1"].contains_key("priv:alto-stale");
    assert!(marked);

    bed.routers_say("");
    feed.observe(bed.observe(), start + Duration::from_secs(310));
    feed.update(&bed.client, None);
    assert!(!feed.report.stale && feed.network().unwrap().properties.pids.is_empty());
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
        (r#"{"server": "http://x", "colour": 1, "#.to_owned() + rest + "}", "unknown field `colour`"),
    ];
    for (json, expected) in cases {
        assert!(error(&json).contains(expected), "{}", error(&json));
    }
}
