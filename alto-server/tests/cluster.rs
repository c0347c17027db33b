//! Several servers over one Redis: the same answers from all of them, whatever happens.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use test_support::patience::wait_until;
use test_support::redis_server::{RedisServer, is_installed};

use crate::support::{Answer, Request, Server, data, program};

const TOKEN: &str = "correct-horse-battery-staple";
/// Documents that are compared.
pub(crate) const DOCUMENTS: [&str; 4] =
    ["/directory", "/networkmap", "/costmap/numerical/routingcost", "/costmap/ordinal/hopcount"];
/// Header with the place in the order of changes.
const POSITION: &str = "alto-position";

pub(crate) fn start(store: &str, more: &[&str]) -> Server {
    start_with(&data("two-isps.json"), store, more)
}

fn start_with(topology: &Path, store: &str, more: &[&str]) -> Server {
    let mut command = program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--map-interval", "1", "--store", store]);
    Server::start(command.arg("--topology").arg(topology).args(more))
}

pub(crate) fn admin(address: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let kind = if path.contains("prefixes") { "text/plain" } else { "application/json" };
    let request = Request::new(method, path).field("Authorization", &format!("Bearer {TOKEN}"));
    request.field("Content-Type", kind).body(body).send(address)
}

pub(crate) fn position(server: &Server) -> String {
    let status = admin(server.address, "GET", "/admin/status", "").json();
    status["cluster"]["position"].as_str().unwrap().to_owned()
}

/// Waits until all servers have made the same changes.
pub(crate) fn settle(servers: &[Server]) -> String {
    wait_until("all servers are at one position", || {
        let all: Vec<String> = servers.iter().map(position).collect();
        all.iter().all(|other| *other == all[0]).then(|| all[0].clone())
    })
}

/// What every server must answer at a position.
#[derive(Default)]
struct Answers(HashMap<(usize, String), Seen>);

/// Entity tag, time of the last change where the answer had one, and body.
type Seen = (String, Option<String>, Vec<u8>);

impl Answers {
    /// Compares an answer with that of any other server at the same position.
    fn compare(&mut self, server: &Server, document: usize) {
        let answer = server.get(DOCUMENTS[document]);
        assert_eq!(answer.status, 200, "{answer:?}");
        let field = |name: &str| answer.field(name).map(str::to_owned);
        let (tag, time) = (field("etag").unwrap(), field("last-modified"));
        let key = (document, field(POSITION).unwrap());
        let known = self.0.entry(key.clone()).or_insert_with(|| (tag.clone(), None, answer.body.clone()));
        assert_eq!(known.0, tag, "two servers have other tags at {key:?}");
        assert!(known.2 == answer.body, "two servers have other bodies at {key:?}");
        // What has changed within this second has no time yet.
        if let Some(time) = time {
            assert_eq!(*known.1.get_or_insert_with(|| time.clone()), time, "two servers have other times at {key:?}");
        }
    }
}

/// Links between the switches of the topology.
pub(crate) fn links(server: &Server) -> Vec<(String, String)> {
    let links = admin(server.address, "GET", "/admin/links", "").json();
    let ends = |link: &Value| Some((link["source"].as_str()?.to_owned(), link["destination"].as_str()?.to_owned()));
    links["links"].as_array().unwrap().iter().filter_map(ends).collect()
}

/// Repeats what a store that is late refuses, until it is in time.
pub(crate) fn in_time(mut ask: impl FnMut() -> Answer) -> Answer {
    wait_until("the store answers in time", || Some(ask()).filter(|answer| answer.status != 503))
}

/// Makes a random change through a server. Some are refused, which changes nothing. Returns whether the store had answered in
/// time; if not, the change may have been made or not.
fn change(server: &Server, links: &[(String, String)], sequences: &mut [u64; 2], rng: &mut SmallRng) -> bool {
    let (source, destination) = &links[rng.random_range(0..links.len())];
    let at = server.address;
    let which = rng.random_range(0..sequences.len());
    let prefix = format!("198.51.{}.0/24", rng.random_range(0..20));
    let pid = if rng.random() { "isp-a-1" } else { "isp-b-2" };
    let answer = match rng.random_range(0..100) {
        0..50 => {
            let change = json!({"source": source, "destination": destination, "cost": rng.random_range(1..9)});
            admin(at, "POST", "/admin/links", &change.to_string())
        }
        50..65 => {
            let share = f64::from(rng.random_range(0..90)) / 100.0;
            let change = json!({"source": source, "destination": destination, "utilisation": share});
            admin(at, "POST", "/admin/links", &change.to_string())
        }
        65..70 => admin(at, "DELETE", &format!("/admin/links?source={source}&destination={destination}"), ""),
        70 => admin(at, "DELETE", "/admin/links", ""),
        71 => admin(at, "PUT", "/admin/topology", &std::fs::read_to_string(data("two-isps.json")).unwrap()),
        72 => admin(at, "POST", "/admin/topology/previous", ""),
        73 => admin(at, "DELETE", "/admin/topology", ""),
        74..77 => {
            sequences[which] += 1;
            let path = format!("/admin/prefixes/feed-{which}?sequence={}", sequences[which]);
            admin(at, "PUT", &path, &format!("{prefix} {pid}\n203.0.113.{which}/32 isp-a-1\n"))
        }
        77..79 => {
            sequences[which] = 0;
            admin(at, "DELETE", &format!("/admin/prefixes/feed-{which}"), "")
        }
        _ => {
            let after = sequences[which];
            sequences[which] += 1;
            let path = format!("/admin/prefixes/feed-{which}?after={after}&sequence={}", after + 1);
            admin(at, "PATCH", &path, &format!("+ {prefix} {pid}\n- 198.51.1.0/24\n"))
        }
    };
    assert!(matches!(answer.status, 200 | 204 | 404 | 409 | 422 | 503), "{answer:?}");
    answer.status != 503
}

fn random_changes(count: usize, replicas: usize) {
    let redis = RedisServer::on_socket(&[]);
    let mut servers: Vec<Server> = (0..replicas).map(|_| start(&redis.url(0), &[])).collect();
    let (mut rng, mut answers, mut sequences) = (SmallRng::seed_from_u64(7), Answers::default(), [0; 2]);
    let (links, mut late) = (links(&servers[0]), 0);
    for number in 0..count {
        let server = &servers[rng.random_range(0..replicas)];
        late += usize::from(!change(server, &links, &mut sequences, &mut rng));
        // Without waiting for anybody, so that some are ahead of others.
        let document = number % DOCUMENTS.len();
        for server in &servers {
            answers.compare(server, document);
        }
    }
    assert!(late <= count / 20, "the store was late for {late} of {count} changes");
    // One that starts now has the same times, tags and trail as those that were there all the time.
    servers.push(start(&redis.url(0), &[]));
    settle(&servers);
    for document in 0..DOCUMENTS.len() {
        for server in &servers {
            answers.compare(server, document);
        }
    }
    let of = |path: &str| -> Vec<Value> { servers.iter().map(|s| admin(s.address, "GET", path, "").json()).collect() };
    for path in ["/admin/audit", "/admin/links"] {
        let all = of(path);
        assert!(all.iter().all(|other| *other == all[0]), "{path}: {all:#?}");
    }
    let positions: std::collections::HashSet<_> = answers.0.keys().map(|(_, position)| position).collect();
    assert!(positions.len() > count / 2, "{} positions were seen", positions.len());
}

#[test]
fn two_replicas_have_equal_answers_at_equal_positions() {
    if is_installed() {
        random_changes(1000, 2);
    }
}

#[test]
fn three_replicas_have_equal_answers_at_equal_positions() {
    if is_installed() {
        random_changes(1000, 3);
    }
}

#[test]
fn without_the_store_reads_go_on_and_changes_are_refused() {
    if !is_installed() {
        return;
    }
    let mut redis = RedisServer::on_socket(&["--appendonly", "yes", "--appendfsync", "no"]);
    let servers = [(); 2].map(|()| start(&redis.url(0), &[]));
    let (source, destination) = links(&servers[0]).remove(0);
    let set = |server: &Server, cost: u32| {
        let change = json!({"source": source, "destination": destination, "cost": cost});
        admin(server.address, "POST", "/admin/links", &change.to_string())
    };
    assert_eq!(in_time(|| set(&servers[0], 5)).status, 200);
    let before = settle(&servers);
    redis.kill();
    let refused = set(&servers[1], 6);
    assert!(refused.status == 503 && refused.field("retry-after").is_some(), "{refused:?}");
    for server in &servers {
        for document in DOCUMENTS {
            let answer = server.get(document);
            assert_eq!((answer.status, answer.field(POSITION)), (200, Some(&*before)));
        }
        let registration = json!({"name": "peer", "port": 4000, "files": []}).to_string();
        assert_eq!(server.post("/swarm/register", "application/json", registration).status, 503);
        assert_eq!(server.get("/swarm/files").status, 200);
        wait_until("the server says that it does not follow", || {
            let status = admin(server.address, "GET", "/admin/status", "").json();
            status["cluster"]["problem"].as_str().map(str::to_owned)
        });
    }
    redis.restart();
    wait_until("changes are taken again", || (set(&servers[1], 7).status == 200).then_some(()));
    assert_ne!(settle(&servers), before);
    let costs = servers.each_ref().map(|server| server.get(DOCUMENTS[2]).body);
    assert_eq!(costs[0], costs[1]);
}

/// Starts a server without a store, with a folder for its state.
fn start_alone(topology: &Path, state: &Path) -> Server {
    let mut command = program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--map-interval", "0"]);
    Server::start(command.arg("--topology").arg(topology).arg("--state").arg(state))
}

#[test]
fn files_move_into_an_empty_store_once_and_back() {
    const PREFIXES: &str = "192.0.2.0/24 isp-a-1\n";
    if !is_installed() {
        return;
    }
    let (redis, folder) = (RedisServer::on_socket(&[]), tempfile::tempdir().unwrap());
    let state = folder.path().to_str().unwrap();
    let alone = start_alone(&data("two-isps.json"), folder.path());
    let (source, destination) = links(&alone).remove(3);
    let change = |cost: u32| json!({"source": source, "destination": destination, "cost": cost}).to_string();
    assert_eq!(admin(alone.address, "POST", "/admin/links", &change(77)).status, 200);
    assert_eq!(admin(alone.address, "PUT", "/admin/prefixes/bgp?sequence=4", PREFIXES).status, 200);
    let wanted = DOCUMENTS.map(|document| alone.get(document).body);
    alone.signal("TERM");
    assert_eq!(alone.wait(), Some(0));
    let moved = start(&redis.url(0), &["--state", state]);
    let other = start(&redis.url(0), &[]);
    for server in [&moved, &other] {
        assert_eq!(DOCUMENTS.map(|document| server.get(document).body), wanted);
        let sources = admin(server.address, "GET", "/admin/prefixes", "").json();
        assert_eq!(sources["sources"][0]["sequence"], 4, "{sources}");
    }

    // Back, as docs/scaling.md says: the topology with the changes to links becomes the file; feeds send everything again.
    assert_eq!(in_time(|| admin(other.address, "POST", "/admin/links", &change(78))).status, 200);
    let wanted = DOCUMENTS.map(|document| other.get(document).body);
    let file = folder.path().join("topology.json");
    std::fs::write(&file, admin(other.address, "GET", "/admin/topology", "").body).unwrap();
    let back = start_alone(&file, &folder.path().join("anew"));
    let patch = admin(back.address, "PATCH", "/admin/prefixes/bgp?after=4&sequence=5", "");
    assert_eq!(patch.status, 409, "the feed learns that it has to send everything: {patch:?}");
    assert_eq!(admin(back.address, "PUT", "/admin/prefixes/bgp?sequence=5", PREFIXES).status, 200);
    // Times of before are not known any more, and the directory has one.
    assert_eq!(DOCUMENTS[1..].iter().map(|document| back.get(document).body).collect::<Vec<_>>(), wanted[1..]);
}

/// Appends an entry to a log, as a release to come may write it, with spaces behind it.
pub(crate) fn append(redis: &RedisServer, log: &str, kind: &str, data: &str, spaces: usize) {
    const SCRIPT: &str = "local base, kind, data = KEYS[1], ARGV[1], ARGV[2] .. string.rep(' ', tonumber(ARGV[3])) \
        local before = string.match(redis.call('GET', base .. 'head') or '0-0 ', ' (%x*)$') \
        local chain = string.sub(redis.sha1hex(before .. kind .. data), 1, 16) \
        local id = redis.call('XADD', base .. 'log', '*', 'k', kind, 'd', data, 'p', before, 'c', chain) \
        redis.call('SET', base .. 'head', id .. ' ' .. chain) \
        return id";
    let answer = redis.call(&["EVAL", SCRIPT, "1", &format!("alto:{log}:"), kind, data, &spaces.to_string()]);
    assert!(answer.contains('-') && !answer.contains("ERR"), "{answer}");
}

#[test]
fn a_server_that_meets_what_it_does_not_understand_serves_what_it_has_and_changes_nothing() {
    if !is_installed() {
        return;
    }
    for (kind, data) in [
        ("network", r#"{"change":{"links-of-tomorrow":[]}}"#),
        ("network", r#"{"change":"nothing","reason-of-tomorrow":1}"#),
        ("tomorrow", "{}"),
        ("network", "garbage"),
    ] {
        let redis = RedisServer::on_socket(&[]);
        let servers = [(); 2].map(|()| start(&redis.url(0), &[]));
        let (source, destination) = links(&servers[0]).remove(0);
        let change = json!({"source": source, "destination": destination, "cost": 5}).to_string();
        assert_eq!(in_time(|| admin(servers[0].address, "POST", "/admin/links", &change)).status, 200);
        let before = settle(&servers);
        append(&redis, "network-1", kind, data, 0);
        for server in &servers {
            let problem = wait_until("the server says that it does not follow", || {
                let status = admin(server.address, "GET", "/admin/status", "").json();
                let problem = status["cluster"]["problem"].as_str().map(str::to_owned);
                problem.filter(|problem| problem.contains("does not understand"))
            });
            let ready = server.get("/readyz");
            let line = String::from_utf8_lossy(&ready.body).into_owned();
            assert!(ready.status == 200 && line.contains("stale for") && line.contains(&problem), "{line}");
            wait_until("that does not pass", || {
                let status = admin(server.address, "GET", "/admin/status", "").json();
                assert_eq!(status["cluster"]["problem"].as_str(), Some(&*problem));
                status["cluster"]["silent-for"].as_f64().filter(|silent| *silent > 1.5)
            });
            for document in DOCUMENTS {
                let answer = server.get(document);
                assert_eq!((answer.status, answer.field(POSITION)), (200, Some(&*before)));
            }
            let refused = admin(server.address, "POST", "/admin/links", &change);
            assert!(refused.status == 503 && refused.field("retry-after").is_some(), "{refused:?}");
        }
    }
}

#[test]
fn a_registry_that_meets_what_it_does_not_understand_answers_and_changes_nothing() {
    if !is_installed() {
        return;
    }
    let redis = RedisServer::on_socket(&[]);
    let server = start(&redis.url(0), &[]);
    let register = |port: u16| {
        let registration = json!({"name": "peer", "port": port, "files": []}).to_string();
        server.post("/swarm/register", "application/json", registration)
    };
    // One that was late may have been made, and its address is taken then.
    let mut ports = 4000..;
    let peer = in_time(|| register(ports.next().unwrap())).json();
    append(&redis, "registry-1", "tomorrow", "", 0);
    let refused = wait_until("registrations are refused", || {
        Some(register(ports.next().unwrap())).filter(|answer| answer.status != 201)
    });
    assert!(refused.status == 503 && refused.field("retry-after").is_some(), "{refused:?}");
    assert_eq!(server.get("/swarm/files").status, 200);
    let credentials = json!({"peer": peer["peer"], "secret": peer["secret"]}).to_string();
    let beat = server.post("/swarm/heartbeat", "application/json", credentials);
    assert_eq!(beat.status, 200, "leases go on: {beat:?}");
}

#[test]
fn a_store_with_garbage_is_refused_at_the_start() {
    if !is_installed() {
        return;
    }
    let redis = RedisServer::on_socket(&[]);
    let topology = data("two-isps.json");
    for (command, says) in [
        (&["SET", "alto:network-1:head", "garbage"][..], "does not understand"),
        (&["SET", "alto:network-1:head", "1-1 \u{e9}"], "does not understand"),
        (&["SET", "alto:registry-1:head", "garbage"], "does not understand"),
        (&["LPUSH", "alto:network-1:head", "x"], "WRONGTYPE"),
        (&["HSET", "alto:registry-1:peer:0000000000000001", "s", "x", "p", "y"], "does not understand"),
        (&["SET", "alto:registry-1:peer:0000000000000001", "x"], "WRONGTYPE"),
    ] {
        redis.call(&["FLUSHALL"]);
        redis.call(command);
        let url = redis.url(0);
        let all = ["--topology", topology.to_str().unwrap(), "--listen", "127.0.0.1:0", "--store", &url];
        let (code, _, error) = crate::support::run(&all);
        assert!(code != 0 && error.contains(says), "{command:?}: {error}");
    }
}

#[test]
fn faulty_addresses_of_stores_are_described() {
    for (arguments, says) in [
        (&["--store", "http://db"][..], "store: is of an unknown kind"),
        (&["--store-ca-file", "ca.pem"], "store-ca-file: there is no store"),
        (
            &["--store", "redis://localhost:1", "--store-password-file", "/nowhere"],
            "store-password-file: /nowhere: cannot be read",
        ),
    ] {
        let topology = data("two-isps.json");
        let all = [&["--topology", topology.to_str().unwrap(), "--listen", "127.0.0.1:0"], arguments].concat();
        let (code, _, error) = crate::support::run(&all);
        assert!(code != 0 && error.contains(says), "{arguments:?}: {error}");
    }
}
