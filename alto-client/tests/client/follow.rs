//! Resources that are followed: by streams, by views, by asking, and through losses.

use std::path::Path;
use std::time::Duration;

use alto_client::follow::{Followed, Follower, Leaf, Way};
use alto_client::{Client, Error};
use serde_json::{Value, json};
use test_support::alto_server::{Server, data, program};
use test_support::http::Request;
use test_support::scripted_server::{Reply, Script};

use super::{builder, cost_map, cost_map_entry, directory, network_map, network_map_entry};

const TOKEN: &str = "correct-horse-battery-staple";
const ROUTING: &str = "cost-map-routingcost";

fn server(listen: &str, state: &Path) -> Server {
    let mut command = program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", listen, "--topology"]).arg(data("two-isps.json"));
    Server::start(command.args(["--update-interval", "0", "--state"]).arg(state))
}

fn change_cost(server: &Server, cost: u32) {
    let change = json!({"source": "a2", "destination": "b2", "cost": cost}).to_string();
    let request = Request::new("POST", "/admin/links").field("Authorization", &format!("Bearer {TOKEN}"));
    let answer = request.field("Content-Type", "application/json").body(change).send(server.address);
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn followed(ids: &[&str]) -> Vec<Followed> {
    ids.iter().map(|id| Followed { resource_id: id.parse().unwrap(), input: None }).collect()
}

/// Reads on until a document is the present one.
fn until_present(follower: &mut Follower, place: usize, present: &Value) {
    while follower.document(place).is_none_or(|document| numbers(&document.to_message().unwrap()) != numbers(present)) {
        follower.update().unwrap();
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

#[test]
fn changes_arrive_by_stream_and_by_views_and_through_a_restart() {
    let state = tempfile::tempdir().unwrap();
    // No other test takes the port while the server is away.
    let mut server = server("127.0.3.5:0", state.path());
    let client = Client::builder(&server.directory()).build().unwrap();
    let mut followers: Vec<Follower> = [Way::Stream, Way::Views]
        .map(|way| {
            client
                .follow(followed(&["network-map", ROUTING]))
                .by(&[way, Way::Polling])
                .interval(Duration::from_hours(1))
        })
        .into();
    for (follower, way) in followers.iter_mut().zip([Way::Stream, Way::Views]) {
        for _ in 0..2 {
            let update = follower.update().unwrap();
            assert!(update.is_first && update.differences.is_empty() && update.way == way);
        }
        until_present(follower, 1, &server.get("/costmap/numerical/routingcost").json());
    }
    for cost in [5000, 1, 300] {
        change_cost(&server, cost);
        for follower in &mut followers {
            let before = follower.document(1).unwrap().clone();
            let update = follower.update().unwrap();
            assert!(update.place == 1 && !update.differences.is_empty());
            for difference in &update.differences {
                let cell = difference.cell.as_deref().unwrap();
                assert_eq!(before.get(&difference.row, cell), difference.before.as_ref());
                assert_eq!(follower.document(1).unwrap().get(&difference.row, cell), difference.after.as_ref());
            }
            until_present(follower, 1, &server.get("/costmap/numerical/routingcost").json());
        }
    }
    // The server ends, and comes back with what it had saved. Meanwhile nothing changed.
    let listen = server.address.to_string();
    server.kill();
    let server = self::server(&listen, state.path());
    change_cost(&server, 7000);
    let present = server.get("/costmap/numerical/routingcost").json();
    for follower in &mut followers {
        until_present(follower, 1, &present);
    }
}

#[test]
fn a_server_that_does_not_tell_of_changes_is_asked_again() {
    let server = Script::start();
    server.on("GET /ird", [directory(&json!({"nm": network_map_entry(), "cm": cost_map_entry("cm", "num")}))]);
    server.on("GET /nm", [network_map("1")]);
    server.on(
        "GET /cm",
        [cost_map("1", "numerical", &json!({"a": {"b": 1}})), cost_map("1", "numerical", &json!({"a": {"b": 2}}))],
    );
    let client = builder(&server).build().unwrap();
    let mut follower = client.follow(followed(&["nm", "cm"])).interval(Duration::from_millis(10));
    assert_eq!(follower.update().unwrap().way, Way::Polling);
    assert!(follower.update().unwrap().is_first);
    let update = follower.update().unwrap();
    assert_eq!((update.place, update.differences.len()), (1, 1));
    assert_eq!(update.differences[0].after, Some(Leaf::Number(2.0)));
    let unknown = client.follow(followed(&["none"])).update();
    assert!(matches!(unknown, Err(Error::Unsupported { .. })), "{unknown:?}");
}

/// A directory with a stream for both maps.
fn with_stream(server: &Script) -> Follower {
    let stream = json!({"uri": "updates", "media-type": "text/event-stream", "uses": ["nm", "cm"],
                        "accepts": "application/alto-updatestreamparams+json"});
    server.on(
        "GET /ird",
        [directory(&json!({"nm": network_map_entry(), "cm": cost_map_entry("cm", "num"), "s": stream}))],
    );
    builder(server).build().unwrap().follow(followed(&["nm", "cm"])).by(&[Way::Stream])
}

fn event(name: &str, data: &Value) -> String {
    format!("event: application/{name}\ndata: {data}\n\n")
}

fn control() -> String {
    event("alto-updatestreamcontrol+json", &json!({"control-uri": null}))
}

fn map_event(tag: &str) -> String {
    let map =
        json!({"meta": {"vtag": {"resource-id": "nm", "tag": tag}}, "network-map": {"a": {"ipv4": ["0.0.0.0/0"]}}});
    event("alto-networkmap+json,r0", &map)
}

fn costs_event(tag: &str, depends_on: &str, cost: u32) -> String {
    let meta = json!({"vtag": {"resource-id": "cm", "tag": tag}, "cost-type": {},
                      "dependent-vtags": [{"resource-id": "nm", "tag": depends_on}]});
    event("alto-costmap+json,r1", &json!({"meta": meta, "cost-map": {"a": {"a": cost}}}))
}

fn stream(events: &[String]) -> Reply {
    Reply::typed("text/event-stream", events.concat()).chunked()
}

#[test]
fn a_stream_goes_on_from_the_versions_that_the_client_has() {
    let server = Script::start();
    let mut follower = with_stream(&server);
    let cost = |cost: u32| {
        event("merge-patch+json,r1", &json!({"meta": {"vtag": {"tag": "c2"}}, "cost-map": {"a": {"a": cost}}}))
    };
    server.on(
        "POST /updates",
        [
            stream(&[control(), map_event("n1"), costs_event("c1", "n1", 1), ": hb\n\n".to_owned(), cost(2)]),
            stream(&[control(), cost(3)]),
            stream(&[control(), costs_event("c3", "n1", 4)]),
        ],
    );
    for (place, expected) in [(0, None), (1, Some(1.0)), (1, Some(2.0)), (1, Some(3.0)), (1, Some(4.0))] {
        assert_eq!(follower.update().unwrap().place, place);
        if let Some(cost) = expected {
            assert_eq!(follower.document(1).unwrap().get("a", "a"), Some(&Leaf::Number(cost)));
        }
    }
    let asked = server.asked("POST /updates");
    assert!(asked.iter().all(|request| request.field("last-event-id").is_none()));
    assert_eq!(asked[0].json()["add"]["r0"].get("tag"), None);
    assert_eq!(asked[1].json()["add"]["r0"]["tag"], "n1");
    assert_eq!(asked[1].json()["add"]["r1"]["tag"], "c2");
}

#[test]
fn a_patch_that_does_not_apply_makes_the_client_begin_anew_with_that_document() {
    let server = Script::start();
    let mut follower = with_stream(&server);
    let bad =
        json!([{"op": "test", "path": "/meta/vtag/tag", "value": "other"}, {"op": "remove", "path": "/cost-map/a"}]);
    server.on(
        "POST /updates",
        [
            stream(&[control(), map_event("n1"), costs_event("c1", "n1", 1), event("json-patch+json,r1", &bad)]),
            stream(&[control(), costs_event("c2", "n1", 2)]),
        ],
    );
    for _ in 0..3 {
        follower.update().unwrap();
    }
    assert_eq!(follower.document(1).unwrap().get("a", "a"), Some(&Leaf::Number(2.0)));
    let again = server.asked("POST /updates")[1].json();
    assert_eq!((again["add"]["r1"].get("tag"), again["add"]["r0"]["tag"].as_str()), (None, Some("n1")));
}

#[test]
fn costs_of_another_version_of_the_map_are_held_back() {
    let server = Script::start();
    let mut follower = with_stream(&server);
    server.on(
        "POST /updates",
        [stream(&[
            control(),
            map_event("n1"),
            costs_event("c1", "n1", 1),
            map_event("n2"),
            costs_event("c2", "n2", 2),
        ])],
    );
    let mut usable = Vec::new();
    for _ in 0..4 {
        follower.update().unwrap();
        usable.push(follower.document(1).is_some());
    }
    assert_eq!(usable, [false, true, false, true]);
}

#[test]
fn a_redirected_stream_is_asked_for_with_its_request_again() {
    let server = Script::start();
    let mut follower = with_stream(&server);
    server.on("POST /updates", [Reply::redirect(307, "/elsewhere")]);
    server.on("POST /elsewhere", [stream(&[control(), map_event("n1")])]);
    assert_eq!(follower.update().unwrap().place, 0);
    assert_eq!(server.asked("POST /elsewhere")[0].json(), server.asked("POST /updates")[0].json());
}

#[test]
fn a_refused_stream_is_an_error_at_once() {
    let server = Script::start();
    let mut follower = with_stream(&server);
    let error = json!({"meta": {"code": "E_INVALID_FIELD_VALUE", "field": "add/r1/resource-id", "value": "cm"}});
    server.on("POST /updates", [Reply::alto("error", &error).with_status(400)]);
    let refused = follower.update();
    assert!(matches!(refused, Err(Error::Alto(_))), "{refused:?}");
}
