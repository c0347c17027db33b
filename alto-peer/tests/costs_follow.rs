//! Downloads whose costs follow what the ALTO server tells of changes, instead of being asked for again.

use std::path::Path;
use std::time::Duration;

use alto_peer::download::Follow;
use alto_peer::events::{CostSource, Event};
use alto_peer::policy::PolicyName;
use serde_json::json;
use test_support::alto_server::{data, program};
use test_support::http::{self, Request};
use test_support::patience::wait_until;

use crate::support::Server;
use crate::support::download::{Download, Original};
use crate::support::holder::{Behaviour, FakeHolder};

/// Address of host p1 in two-isps, at switch a1.
const OWN: &str = "127.1.1.1";
const TOKEN: &str = "correct-horse-battery-staple";
const STREAM_PARAMS: &str = "application/alto-updatestreamparams+json";

fn server(listen: &str, state: &Path, more: &[&str]) -> Server {
    let mut command = program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", listen, "--topology"]).arg(data("two-isps.json"));
    Server::start(command.args(["--update-interval", "0", "--state"]).arg(state).args(more))
}

/// Makes the link of a host dear, or cheap.
fn price(server: &Server, host: &str, switch: &str, cost: u32) {
    let change = json!({"source": host, "destination": switch, "cost": cost}).to_string();
    let request = Request::new("POST", "/admin/links").field("Authorization", &format!("Bearer {TOKEN}"));
    let answer = request.field("Content-Type", "application/json").body(change).send(server.address);
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A download in progress from the nearer of two holders, with what the test needs of it.
struct Fixture {
    original: Original,
    _folder: tempfile::TempDir,
    /// At p3, the nearer one.
    here: FakeHolder,
    /// At p5.
    there: FakeHolder,
    download: Download,
}

impl Fixture {
    /// A download of so many pieces, which one holder sends slowly, and which asks for costs at this interval.
    fn new(server: &Server, pieces: usize, follow: Follow, refresh: Duration) -> Self {
        let (original, folder) = (Original::of(pieces), tempfile::tempdir().unwrap());
        let slow = Behaviour { rate: Some(400_000), ..Behaviour::default() };
        let (here, there) = (original.holder("127.1.2.3", slow.clone()), original.holder("127.2.1.5", slow));
        let directory = server.directory();
        let mut download = Download::asking(&original, folder.path(), &[&here, &there], &directory, OWN);
        let options = &mut download.order.options;
        (options.policy, options.parallel, options.follow) = (PolicyName::Best, 1, follow);
        (options.refresh, options.patience) = (refresh, Duration::from_mins(2));
        Self { original, _folder: folder, here, there, download }
    }

    /// Waits until a holder has sent more pieces than now.
    fn wait_for_more_of(&self, holder: &FakeHolder) {
        let count = || {
            let is_of = |event: &Event| matches!(event, Event::Piece { source, .. } if *source == holder.address);
            self.download.heard.all().into_iter().filter(is_of).count()
        };
        let before = count();
        wait_until("a piece from the other holder", || (count() > before).then_some(()));
    }

    /// Ways in which costs were kept current, one after the other.
    fn ways(&self) -> Vec<CostSource> {
        let way = |event: Event| if let Event::Costs { by, .. } = event { Some(by) } else { None };
        self.download.heard.all().into_iter().filter_map(way).collect()
    }

    /// Runs the download while the test does something, which has to see enough before the end.
    fn during(&self, act: impl FnOnce()) {
        let download = &self.download;
        std::thread::scope(|scope| {
            let downloading = scope.spawn(|| download.run());
            act();
            download.cancel.cancel();
            let ended = downloading.join().unwrap();
            assert!(ended.is_err(), "the download of {} was too quick", self.original.manifest.id);
        });
    }
}

#[test]
fn a_peer_that_is_told_of_a_change_switches_its_source_without_asking_again() {
    for (follow, by) in
        [(Follow::Auto, CostSource::Stream), (Follow::Stream, CostSource::Stream), (Follow::Tips, CostSource::Tips)]
    {
        let state = tempfile::tempdir().unwrap();
        let server = server("127.0.0.1:0", state.path(), &[]);
        // Nobody asks again within an hour.
        let fixture = Fixture::new(&server, 400, follow, Duration::from_hours(1));
        fixture.during(|| {
            fixture.download.heard.wait_for("following", |event| matches!(event, Event::Costs { .. }));
            fixture.wait_for_more_of(&fixture.here);
            price(&server, "p3", "a2", 5000);
            fixture.wait_for_more_of(&fixture.there);
            // And back.
            price(&server, "p5", "b1", 9000);
            fixture.wait_for_more_of(&fixture.here);
        });
        assert_eq!(fixture.ways(), [by], "{follow}");
        let costs: Vec<f64> = fixture.download.heard.all().iter().filter_map(dearest).collect();
        assert!(costs.iter().any(|cost| *cost > 9000.0), "{follow}: {costs:?}");
    }
}

/// Highest cost among the candidates of a choice.
fn dearest(event: &Event) -> Option<f64> {
    let Event::Candidates { holders, .. } = event else { return None };
    holders.iter().filter_map(|holder| holder.cost).reduce(f64::max)
}

#[test]
fn a_new_holder_is_followed_with_those_before() {
    let state = tempfile::tempdir().unwrap();
    let server = server("127.0.0.1:0", state.path(), &[]);
    let mut fixture = Fixture::new(&server, 400, Follow::Auto, Duration::from_hours(1));
    // The registry is asked at the same interval as the server, unless nobody has anything.
    fixture.download.order.options.refresh = Duration::from_secs(1);
    fixture.download.listing.set(&[&fixture.there]);
    fixture.during(|| {
        fixture.wait_for_more_of(&fixture.there);
        fixture.download.heard.wait_for("following", |event| matches!(event, Event::Costs { .. }));
        fixture.download.listing.set(&[&fixture.there, &fixture.here]);
        let is_cheap = |event: &Event| match event {
            Event::Candidates { holders, .. } => {
                holders.iter().any(|holder| holder.source == fixture.here.address && holder.cost.is_some())
            }
            _ => false,
        };
        fixture.download.heard.wait_for("the cost of the new holder", is_cheap);
        price(&server, "p5", "b1", 5000);
        fixture.wait_for_more_of(&fixture.here);
    });
    assert!(!fixture.ways().is_empty());
}

#[test]
fn a_peer_that_is_not_told_asks_again() {
    let state = tempfile::tempdir().unwrap();
    // One request may be followed at a time, and somebody else has it.
    let server = server("127.0.0.1:0", state.path(), &["--max-followed", "1", "--max-client-share", "100"]);
    let input = json!({"pids": ["isp-a-1"]});
    let body = json!({"add": {"f": {"resource-id": "filtered-network-map", "input": input}}}).to_string();
    let mut occupied = http::connect(server.address);
    let head = format!("POST /updates HTTP/1.1\r\nHost: test\r\nContent-Type: {STREAM_PARAMS}\r\n");
    std::io::Write::write_all(&mut occupied, format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
        .unwrap();
    let mut first = [0; 15];
    std::io::Read::read_exact(&mut occupied, &mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    for follow in [Follow::Auto, Follow::Never] {
        let fixture = Fixture::new(&server, 400, follow, Duration::from_millis(500));
        fixture.during(|| {
            fixture.wait_for_more_of(&fixture.here);
            price(&server, "p3", "a2", 5000);
            fixture.wait_for_more_of(&fixture.there);
        });
        assert_eq!(fixture.ways(), [], "{follow}");
        price(&server, "p3", "a2", 1);
    }
}

#[test]
fn a_peer_that_lost_its_stream_learns_of_changes_all_the_same() {
    let state = tempfile::tempdir().unwrap();
    // No other test takes the port while the server is away.
    let mut before = server("127.0.3.4:0", state.path(), &[]);
    let fixture = Fixture::new(&before, 800, Follow::Stream, Duration::from_millis(500));
    fixture.during(|| {
        fixture.download.heard.wait_for("following", |event| matches!(event, Event::Costs { .. }));
        fixture.wait_for_more_of(&fixture.here);
        let listen = before.address.to_string();
        before.kill();
        let after = server(&listen, state.path(), &[]);
        price(&after, "p3", "a2", 5000);
        fixture.wait_for_more_of(&fixture.there);
    });
    assert_eq!(fixture.ways()[0], CostSource::Stream);
}
