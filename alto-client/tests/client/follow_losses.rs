//! Whatever happens on the way, a follower holds exactly the documents that GET returns for their tags: changes of every
//! kind, lost connections, interruptions, and versions that came while nobody listened.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use alto_client::follow::{Followed, Follower, Handle, Way};
use alto_client::{Client, CostQuery, EndpointCostQuery, Error};
use serde_json::{Value, json};
use test_support::alto_server::{Server, data, program};
use test_support::http::Request;

use super::endpoints;

const TOKEN: &str = "correct-horse-battery-staple";
const IDS: [&str; 4] = ["network-map", "cost-map-routingcost", "cost-map-hopcount", "property-map"];

/// Passes connections on to a server, and can cut all of them.
struct Relay {
    address: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, open) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<TcpStream>>>::default());
        let known = Arc::clone(&open);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { return };
                known.lock().unwrap().push(client.try_clone().unwrap());
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || pass(from, to));
                }
            }
        });
        Self { address, open }
    }

    fn cut(&self) {
        for client in self.open.lock().unwrap().drain(..) {
            // It may have ended by itself.
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

/// Passes bytes on until either side ends.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Numbers that look random and are the same in each run.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

struct Fixture {
    server: Server,
    relay: Relay,
    topology: Value,
    /// All versions that GET has returned, by resource and tag.
    versions: HashMap<(String, String), Value>,
}

impl Fixture {
    fn start() -> Self {
        let mut command = program();
        command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--topology"]);
        let server = Server::start(command.arg(data("two-isps.json")).args(["--update-interval", "0"]));
        let topology = serde_json::from_slice(&std::fs::read(data("two-isps.json")).unwrap()).unwrap();
        let relay = Relay::start(server.address);
        let mut fixture = Self { server, relay, topology, versions: HashMap::new() };
        fixture.record();
        fixture
    }

    fn client(&self) -> Client {
        Client::builder(&format!("http://{}/directory", self.relay.address)).build().unwrap()
    }

    fn admin(&self, method: &str, path: &str, body: &Value) {
        let request = Request::new(method, path).field("Authorization", &format!("Bearer {TOKEN}"));
        let answer = request.field("Content-Type", "application/json").body(body.to_string()).send(self.server.address);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Makes a change: of costs, of prefixes, of PIDs or of properties.
    fn change(&mut self, chance: &mut Sequence) {
        match chance.below(8) {
            0..=3 => {
                let (source, destination) =
                    [("a2", "b2"), ("a1", "a2"), ("b1", "b3")][usize::try_from(chance.below(3)).unwrap()];
                let link = json!({"source": source, "destination": destination, "cost": 1 + chance.below(40)});
                self.admin("POST", "/admin/links", &link);
            }
            4 | 5 => {
                let bits = 24 + chance.below(5);
                self.topology["pids"]["extra"] = json!({"switches": ["a3"], "ipv4": [format!("203.0.113.0/{bits}")]});
                self.put();
            }
            6 => {
                self.topology["pids"].as_object_mut().unwrap().remove("extra");
                self.put();
            }
            _ => {
                let value =
                    [json!("fibre"), json!("dsl"), Value::Null][usize::try_from(chance.below(3)).unwrap()].clone();
                self.topology["properties"]["prefixes"]["127.1.3.0/24"]["priv:alto-access"] = value;
                self.put();
            }
        }
        self.record();
    }

    fn put(&self) {
        self.admin("PUT", "/admin/topology", &self.topology);
    }

    fn present(&self, id: &str) -> Value {
        let path = match id {
            "network-map" => "/networkmap",
            "property-map" => "/propmap",
            "cost-map-hopcount" => "/costmap/numerical/hopcount",
            _ => "/costmap/numerical/routingcost",
        };
        numbers(&self.server.get(path).json())
    }

    fn record(&mut self) {
        for id in IDS {
            let present = self.present(id);
            if let Some(tag) = present.pointer("/meta/vtag/tag").and_then(Value::as_str) {
                self.versions.insert((id.to_owned(), tag.to_owned()), present.clone());
            }
        }
    }

    /// Checks what a follower holds against what GET returned for its tag.
    fn check(&self, follower: &Follower) {
        for (place, id) in IDS.iter().enumerate() {
            let Some(document) = follower.document(place) else { continue };
            let Some(vtag) = document.vtag() else { continue };
            let held = numbers(&document.to_message().unwrap());
            if let Some(version) = self.versions.get(&((*id).to_owned(), vtag.tag.to_string())) {
                assert_eq!(held, *version, "{id}");
            }
        }
    }

    fn is_present(&self, follower: &Follower) -> bool {
        IDS.iter().enumerate().all(|(place, id)| {
            let mut present = self.present(id);
            follower.document(place).is_some_and(|document| {
                let held = numbers(&document.to_message().unwrap());
                // Where nothing but the tag is newer, no update is sent.
                if let Some(tag) = held.pointer("/meta/vtag/tag") {
                    present["meta"]["vtag"]["tag"] = tag.clone();
                }
                held == present
            })
        })
    }
}

/// Converts all numbers to doubles.
fn numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), numbers(value))).collect(),
        Value::Array(elements) => elements.iter().map(numbers).collect(),
        other => other.clone(),
    }
}

/// Interrupts a follower unless it comes back by itself first.
fn interrupt_after(handle: Handle, time: Duration) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        thread::sleep(time);
        handle.interrupt();
    })
}

#[test]
fn a_follower_holds_what_get_returns_for_its_tags_whatever_happens_on_the_way() {
    let mut fixture = Fixture::start();
    let list = IDS.map(|id| Followed { resource_id: id.parse().unwrap(), input: None }).to_vec();
    for (seed, ways) in
        [(1, [Way::Stream].as_slice()), (2, &[Way::Views]), (3, &[Way::Stream, Way::Views, Way::Polling])]
    {
        let mut chance = Sequence(seed);
        let interval = Duration::from_millis(50);
        let mut follower = fixture.client().follow(list.clone()).by(ways).interval(interval);
        for _ in 0..14 {
            // More than a shortcut skips, at times.
            let changes = [1, 2, 3, 11][usize::try_from(chance.below(4)).unwrap()];
            for _ in 0..changes {
                fixture.change(&mut chance);
            }
            match chance.below(4) {
                0 => fixture.relay.cut(),
                1 => follower.follow_instead(list.clone()),
                2 => {
                    let interrupting = interrupt_after(follower.handle(), Duration::from_millis(chance.below(20)));
                    while follower.update().is_ok() {
                        fixture.check(&follower);
                    }
                    interrupting.join().unwrap();
                }
                _ => {}
            }
            let mut cuts = chance.below(3);
            while !fixture.is_present(&follower) {
                match follower.update() {
                    Ok(_) => fixture.check(&follower),
                    Err(error) => assert!(matches!(error, Error::Interrupted), "{ways:?}: {error}"),
                }
                if cuts > 0 {
                    cuts -= 1;
                    fixture.relay.cut();
                }
            }
        }
    }
}

#[test]
fn a_wait_is_interrupted_by_another_thread_and_goes_on_afterwards() {
    let fixture = Fixture::start();
    for way in [Way::Stream, Way::Views, Way::Polling] {
        let list = vec![Followed { resource_id: "network-map".parse().unwrap(), input: None }];
        let mut follower = fixture.client().follow(list).by(&[way]).interval(Duration::from_hours(1));
        let handle = follower.handle();
        assert_eq!(handle.way(), None);
        assert!(follower.update().unwrap().is_first);
        assert_eq!(handle.way(), Some(way));
        let interrupting = interrupt_after(handle.clone(), Duration::from_millis(50));
        assert!(matches!(follower.update(), Err(Error::Interrupted)));
        assert_eq!(handle.way(), None);
        interrupting.join().unwrap();
        // Before it waits as well.
        handle.interrupt();
        assert!(matches!(follower.update(), Err(Error::Interrupted)));
        let held = follower.document(0).unwrap().clone();
        let costs = Followed { resource_id: "cost-map-hopcount".parse().unwrap(), input: None };
        follower.follow_instead(vec![costs, follower.followed()[0].clone()]);
        assert_eq!(follower.document(1), Some(&held));
        while follower.document(0).is_none() {
            follower.update().unwrap();
        }
        assert_eq!(handle.way(), Some(way));
    }
}

#[test]
fn endpoint_costs_are_followed_as_they_are_asked_for() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let types = ["routingcost", "hopcount"].map(|metric| alto_client::cost_type(metric, "numerical").unwrap());
    for types in [types[..1].to_vec(), types.to_vec()] {
        let sources = endpoints(["127.1.2.3", "127.2.1.5"]);
        let destinations = endpoints(["127.1.1.1"]);
        let query = EndpointCostQuery { costs: CostQuery::of(types), sources, destinations };
        let list = vec![client.endpoint_costs_to_follow(&query).unwrap()];
        let mut follower = client.follow(list).by(&[Way::Stream]);
        for cost in [700_u32, 3] {
            let change = json!({"source": "a1", "destination": "a2", "cost": cost});
            fixture.admin("POST", "/admin/links", &change);
            let asked = client.endpoint_costs(&query).unwrap();
            let is_told = |follower: &Follower| {
                let document = follower.document(0)?;
                Some(client.endpoint_costs_in(document, &query).unwrap().table.columns == asked.table.columns)
            };
            while is_told(&follower) != Some(true) {
                follower.update().unwrap();
            }
        }
    }
    let none =
        EndpointCostQuery::to(endpoints(["127.1.1.1"])).of(alto_client::cost_type("priv:x", "numerical").unwrap());
    assert!(matches!(client.endpoint_costs_to_follow(&none), Err(Error::Unsupported { .. })));
}
