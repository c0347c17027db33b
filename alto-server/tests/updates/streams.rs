//! Update streams: what they begin with, and what they tell of changes.

use std::time::Instant;

use serde_json::{Value, json};
use test_support::patience::wait_until;

use super::subscriber::{Event, PARAMS, Subscriber, resources};
use super::{add_pid, change_cost, followed, is_present, present, server};
use crate::support::{Request, Server};

fn refused(server: &Server, body: &Value) -> Value {
    // The server ends the connection, or this would wait.
    let request = Request::new("POST", "/updates").field("Content-Type", PARAMS).body(body.to_string());
    let answer = request.send(server.address);
    assert_eq!((answer.status, answer.media_type()), (400, "application/alto-error+json"), "{answer:?}");
    assert_eq!(answer.field("connection"), Some("close"));
    answer.json()["meta"].clone()
}

#[test]
fn every_resource_is_followed_through_changes_of_costs_and_of_the_map() {
    let server = server(&[]);
    let all = followed(&server, "update-stream");
    assert_eq!(all.len(), 21);
    let mut request = json!({"add": {}});
    for (id, _, input) in &all {
        request["add"][id] = json!({"resource-id": id});
        if let Some(input) = input {
            request["add"][id]["input"] = input.clone();
        }
    }
    let mut subscriber = Subscriber::open(server.address, &request);
    assert!(subscriber.head.contains("content-type: text/event-stream\r\n"), "{}", subscriber.head);
    assert!(subscriber.head.contains("cache-control: no-store\r\n"));
    subscriber.control_uri();
    let steps: [&dyn Fn(); 6] = [
        &|| {},
        &|| change_cost(&server, 5000),
        &|| add_pid(&server, "extra", "203.0.113.0/24"),
        &|| add_pid(&server, "extra", "203.0.113.0/25"),
        &|| change_cost(&server, 1),
        &|| add_pid(&server, "other", "127.2.2.0/28"),
    ];
    for (number, step) in steps.iter().enumerate() {
        step();
        let now: Vec<Value> = all.iter().map(|(id, path, input)| present(&server, id, path, input.as_ref())).collect();
        let is_done = |subscriber: &Subscriber| {
            let documents = all.iter().map(|(id, ..)| subscriber.documents.get(id));
            documents.zip(&now).all(|(followed, now)| followed.is_some_and(|followed| is_present(followed, now)))
        };
        while !is_done(&subscriber) {
            let event = subscriber.event();
            let Event::Data(media_type, id) = event else { panic!("{event:?}") };
            assert!(number > 0 || !media_type.ends_with("-patch+json"), "{media_type} {id}");
            // What a document depends on is there before it, and never changes behind it (RFC 8895 §6.7.1).
            if let Some(dependent) = subscriber.documents[&id].pointer("/meta/dependent-vtags/0") {
                assert_eq!(subscriber.documents["network-map"]["meta"]["vtag"], *dependent, "{id}");
            }
        }
    }
}

#[test]
fn a_changed_cost_is_a_small_patch_and_a_document_where_patches_are_not_wanted() {
    let server = server(&[]);
    let mut request = resources(&["cost-map-routingcost"]);
    request["add"]["whole"] = json!({"resource-id": "cost-map-routingcost", "incremental-changes": false});
    let mut subscriber = Subscriber::open(server.address, &request);
    subscriber.control_uri();
    subscriber.event();
    subscriber.event();
    for cost in [5000, 1, 300] {
        change_cost(&server, cost);
        let mut kinds = [subscriber.event(), subscriber.event()];
        kinds.sort_by_key(|event| format!("{event:?}"));
        let data = |media_type: &str, id: &str| Event::Data(format!("application/{media_type}+json"), id.to_owned());
        assert_eq!(kinds, [data("alto-costmap", "whole"), data("merge-patch", "cost-map-routingcost")]);
        assert_eq!(subscriber.documents["whole"], subscriber.documents["cost-map-routingcost"]);
        assert_eq!(subscriber.documents["whole"], server.get("/costmap/numerical/routingcost").json());
    }
}

#[test]
fn who_has_a_version_is_sent_only_what_came_after_it() {
    let server = server(&[]);
    // Somebody else follows the map, so that its versions are known.
    let mut other = Subscriber::open(server.address, &resources(&["cost-map-routingcost"]));
    other.control_uri();
    other.event();
    let held = server.get("/costmap/numerical/routingcost").json();
    let add = |tag: &str| json!({"add": {"c": {"resource-id": "cost-map-routingcost", "tag": tag}}});
    let reopen = |tag: &str| {
        let mut subscriber = Subscriber::open(server.address, &add(tag));
        subscriber.documents.insert("c".to_owned(), held.clone());
        subscriber.control_uri();
        subscriber
    };
    let tag = held["meta"]["vtag"]["tag"].as_str().unwrap();
    let mut current = reopen(tag);
    for cost in [5000, 1] {
        change_cost(&server, cost);
        other.event();
    }
    let now = server.get("/costmap/numerical/routingcost").json();
    // The first event after the current tag is a patch.
    let patch = Event::Data("application/merge-patch+json".to_owned(), "c".to_owned());
    assert_eq!(current.event(), patch);
    current.until("c", &now["meta"]["vtag"]["tag"]);
    assert_eq!(current.documents["c"], now);
    // One patch leads on from two versions before.
    let mut late = reopen(tag);
    assert_eq!(late.event(), patch);
    assert_eq!(late.documents["c"], now);
    let mut unknown = reopen("no-such-tag");
    assert_eq!(unknown.event(), Event::Data("application/alto-costmap+json".to_owned(), "c".to_owned()));
    assert_eq!(unknown.documents["c"], now);
}

#[test]
fn a_tag_of_one_filter_does_not_stand_for_another() {
    let server = server(&[]);
    let tag = server.get("/costmap/numerical/routingcost").json()["meta"]["vtag"]["tag"].clone();
    let input = json!({"cost-type": {"cost-mode": "numerical", "cost-metric": "routingcost"}, "constraints": ["le 3"]});
    let add = json!({"add": {"f": {"resource-id": "filtered-cost-map", "tag": tag, "input": input}}});
    let mut subscriber = Subscriber::open(server.address, &add);
    subscriber.control_uri();
    assert_eq!(subscriber.event(), Event::Data("application/alto-costmap+json".to_owned(), "f".to_owned()));
}

#[test]
fn a_faulty_request_gives_one_error_and_no_stream() {
    let server = server(&[]);
    let good = json!({"resource-id": "network-map"});
    for body in [json!({}), json!({"add": {}}), json!({"remove": []})] {
        let error = refused(&server, &body);
        assert_eq!((&error["code"], &error["field"]), (&json!("E_MISSING_FIELD"), &json!("add")), "{body}");
    }
    for id in ["none-such", "directory", "update-stream"] {
        let error = refused(&server, &json!({"add": {"good": good, "bad": {"resource-id": id}}}));
        assert_eq!(error, json!({"code": "E_INVALID_FIELD_VALUE", "field": "add/bad/resource-id", "value": id}));
    }
    for (id, path, bad) in [
        (
            "filtered-cost-map",
            "/costmap/filtered",
            json!({"cost-type": {"cost-mode": "numerical", "cost-metric": "x"}}),
        ),
        ("filtered-network-map", "/networkmap/filtered", json!({})),
        (
            "endpoint-property",
            "/endpointprop/lookup",
            json!({"properties": ["priv:none"], "endpoints": ["ipv4:127.1.1.1"]}),
        ),
        ("filtered-property-map", "/propmap/filtered", json!({"entities": ["ipv4:1"]})),
    ] {
        let direct = present(&server, id, path, Some(&bad))["meta"].clone();
        let mut within = refused(&server, &json!({"add": {"s": {"resource-id": id, "input": bad}}}));
        let field = within["field"].as_str().unwrap().strip_prefix("add/s/input/").unwrap().to_owned();
        within["field"] = field.into();
        assert_eq!(within, direct, "{id}");
    }
    let removes = json!({"add": {"n": good}, "remove": ["zz"]});
    let mut subscriber = Subscriber::open(server.address, &removes);
    subscriber.control_uri();
    assert_eq!(server.get("/updates").status, 405);
    let other_type = server.post("/updates", "application/json", resources(&["network-map"]).to_string());
    assert_eq!(other_type.status, 415);
}

#[test]
fn streams_are_limited_and_hold_up_nobody_else() {
    let server = server(&["--max-streams", "2", "--max-client-share", "100", "--max-concurrent-requests", "2"]);
    let open = || Subscriber::open(server.address, &resources(&["network-map"]));
    let mut streams = [open(), open()];
    for stream in &mut streams {
        stream.control_uri();
    }
    let third = server.post("/updates", PARAMS, resources(&["network-map"]).to_string());
    assert_eq!(third.status, 503);
    assert!(third.field("retry-after").is_some());
    assert_eq!(server.get("/networkmap").status, 200);
    let [first, _second] = streams;
    drop(first);
    let probe = || server.post("/updates", PARAMS, json!({"add": {"n": {"resource-id": "x"}}}).to_string());
    wait_until("the place of a stream", || (probe().status != 503).then_some(()));
}

#[test]
fn streams_end_with_an_event_that_says_so_when_the_server_ends() {
    let server = server(&[]);
    let mut subscriber = Subscriber::open(server.address, &resources(&["network-map"]));
    subscriber.control_uri();
    subscriber.event();
    server.signal("TERM");
    let Event::Control(last) = subscriber.event() else { panic!("no control event") };
    assert_eq!(last["stopped"], json!(["network-map"]));
    assert!(last["description"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(subscriber.next(), None);
}

#[test]
fn an_idle_stream_has_a_comment_within_15_seconds_and_outlives_the_time_limits_of_answers() {
    let server = server(&["--request-timeout", "5", "--write-timeout", "2", "--header-timeout", "2"]);
    let mut subscriber = Subscriber::open(server.address, &resources(&["cost-map-routingcost"]));
    subscriber.control_uri();
    subscriber.event();
    let mut is_in_time = || {
        let start = Instant::now();
        assert_eq!(subscriber.next(), Some(Event::Comment));
        start.elapsed().as_secs() <= 15
    };
    assert!(is_in_time() || is_in_time(), "the first may be late where this machine stood still");
    change_cost(&server, 5000);
    subscriber.event();
    assert_eq!(subscriber.documents["cost-map-routingcost"], server.get("/costmap/numerical/routingcost").json());
}
