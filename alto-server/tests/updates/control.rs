//! Changes to open streams.

use serde_json::{Value, json};
use test_support::patience::wait_until;

use super::subscriber::{Event, PARAMS, Subscriber, resources};
use super::{change_cost, server};
use crate::support::{Answer, Server};

const ROUTING: &str = "cost-map-routingcost";

fn opened(server: &Server, ids: &[&str]) -> (Subscriber, String) {
    let mut subscriber = Subscriber::open(server.address, &resources(ids));
    let uri = subscriber.control_uri();
    for _ in ids {
        subscriber.event();
    }
    (subscriber, uri)
}

fn control(server: &Server, uri: &str, body: &Value) -> Answer {
    server.post(uri, PARAMS, body.to_string())
}

fn stopped(event: Event) -> Vec<String> {
    let Event::Control(event) = event else { panic!("{event:?}") };
    assert!(event["description"].is_string() && event.get("control-uri").is_none());
    let mut ids: Vec<String> = serde_json::from_value(event["stopped"].clone()).unwrap();
    ids.sort();
    ids
}

#[test]
fn resources_are_added_and_removed_while_the_stream_goes_on() {
    let server = server(&[]);
    let (mut subscriber, uri) = opened(&server, &["network-map", ROUTING]);
    let whole = json!({"resource-id": ROUTING, "incremental-changes": false});
    let answer = control(&server, &uri, &json!({"add": {"c2": whole}, "remove": [ROUTING]}));
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(subscriber.event(), Event::Control(json!({"started": ["c2"]})));
    assert_eq!(stopped(subscriber.event()), [ROUTING]);
    assert_eq!(subscriber.event(), Event::Data("application/alto-costmap+json".to_owned(), "c2".to_owned()));
    change_cost(&server, 5000);
    assert_eq!(subscriber.event(), Event::Data("application/alto-costmap+json".to_owned(), "c2".to_owned()));
    assert_eq!(subscriber.documents["c2"], server.get("/costmap/numerical/routingcost").json());
    // Removing again is legal, and nothing happens.
    assert_eq!(control(&server, &uri, &json!({"remove": [ROUTING]})).status, 204);
    assert_eq!(control(&server, &uri, &json!({"remove": []})).status, 204);
    assert_eq!(stopped(subscriber.event()), ["c2", "network-map"]);
    assert_eq!(subscriber.next(), None);
    assert_eq!(control(&server, &uri, &json!({"remove": []})).status, 404);
}

#[test]
fn the_last_resource_takes_the_stream_with_it_unless_another_comes() {
    let server = server(&[]);
    let (mut subscriber, uri) = opened(&server, &[ROUTING]);
    let swap = json!({"add": {"n": {"resource-id": "network-map"}}, "remove": [ROUTING]});
    assert_eq!(control(&server, &uri, &swap).status, 204);
    assert_eq!(subscriber.event(), Event::Control(json!({"started": ["n"]})));
    assert_eq!(stopped(subscriber.event()), [ROUTING]);
    assert_eq!(subscriber.event(), Event::Data("application/alto-networkmap+json".to_owned(), "n".to_owned()));
    assert_eq!(control(&server, &uri, &json!({"remove": ["n"]})).status, 204);
    assert_eq!(stopped(subscriber.event()), ["n"]);
    assert_eq!(subscriber.next(), None);
}

#[test]
fn a_faulty_change_changes_nothing() {
    let server = server(&[]);
    let (mut subscriber, uri) = opened(&server, &["network-map", ROUTING]);
    assert_eq!(control(&server, &uri, &json!({"remove": ["network-map"]})).status, 204);
    stopped(subscriber.event());
    let add = |id: &str| json!({id: {"resource-id": ROUTING}});
    for (body, code, field, value) in [
        (json!({}), "E_MISSING_FIELD", "add", None),
        (json!({"add": add(ROUTING)}), "E_INVALID_FIELD_VALUE", "add", Some(ROUTING)),
        (json!({"add": add("network-map")}), "E_INVALID_FIELD_VALUE", "add", Some("network-map")),
        (json!({"add": add("new"), "remove": []}), "E_INVALID_FIELD_VALUE", "remove", Some("[]")),
        (json!({"add": add("new"), "remove": ["none"]}), "E_INVALID_FIELD_VALUE", "remove", Some("none")),
        (json!({"add": add("new"), "remove": ["new"]}), "E_INVALID_FIELD_VALUE", "remove", Some("new")),
        (
            json!({"add": {"new": {"resource-id": "x"}}, "remove": [ROUTING]}),
            "E_INVALID_FIELD_VALUE",
            "add/new/resource-id",
            Some("x"),
        ),
        (json!({"remove": ROUTING}), "E_INVALID_FIELD_TYPE", "remove", None),
    ] {
        let answer = control(&server, &uri, &body);
        assert_eq!((answer.status, answer.media_type()), (400, "application/alto-error+json"), "{body}");
        let meta = &answer.json()["meta"];
        assert_eq!(
            (&meta["code"], &meta["field"], meta["value"].as_str()),
            (&json!(code), &json!(field), value),
            "{body}"
        );
    }
    change_cost(&server, 5000);
    assert_eq!(subscriber.event(), Event::Data("application/merge-patch+json".to_owned(), ROUTING.to_owned()));
    // An ID that a refused request named is still free.
    assert_eq!(control(&server, &uri, &json!({"add": add("new")})).status, 204);
    assert_eq!(subscriber.event(), Event::Control(json!({"started": ["new"]})));
}

#[test]
fn the_uri_alone_names_a_stream_and_is_hard_to_guess() {
    let server = server(&[]);
    let (mut one, first) = opened(&server, &["network-map"]);
    let (mut other, second) = opened(&server, &["network-map"]);
    let secret = first.rsplit('/').next().unwrap();
    assert!(secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()) && first != second);
    assert_eq!(control(&server, &second, &json!({"remove": []})).status, 204);
    stopped(other.event());
    assert_eq!(other.next(), None);
    assert_eq!(control(&server, &format!("/updates/control/{}", "0".repeat(32)), &json!({"remove": []})).status, 404);
    assert_eq!(server.get(&first).status, 405);
    // The other stream has heard of nothing.
    assert_eq!(control(&server, &first, &json!({"add": {"c": {"resource-id": ROUTING}}})).status, 204);
    assert_eq!(one.event(), Event::Control(json!({"started": ["c"]})));
    let directory = server.get("/directory").json().to_string();
    assert!(!directory.contains("updates/control"));
    drop(one);
    let probe = || control(&server, &first, &json!({"remove": ["zz"]}));
    wait_until("the end of a stream that was left", || (probe().status == 404).then_some(()));
}
