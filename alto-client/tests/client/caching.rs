//! Caching as the server's header fields allow, and maps of one version (RFC 7285 §8.3.6, §6.3).

use std::sync::Arc;
use std::time::Duration;

use alto_client::{CostMapQuery, Error};
use serde_json::json;

use super::{builder, client, cost_map, cost_map_entry, directory, network_map, network_map_entry, post_entry};
use test_support::scripted_server::{Reply, Script};

fn server() -> Script {
    let server = Script::start();
    let filter = post_entry("filter", "costmap", "costmapfilter", &json!({"cost-type-names": ["num"]}));
    let entries = json!({"nm": network_map_entry(), "cm": cost_map_entry("cm", "num"), "fcm": filter});
    server.on("GET /ird", [directory(&entries)]);
    server.on("GET /nm", [network_map("1")]);
    server.on("GET /cm", [costs("1")]);
    server
}

fn costs(tag: &str) -> Reply {
    cost_map(tag, "numerical", &json!({"a": {"b": 1}}))
}

#[test]
fn what_is_fresh_is_not_asked_for_again() {
    let server = server();
    server.on("GET /nm", [network_map("1").field("Cache-Control", "private, max-age=60")]);
    let client = client(&server);
    let first = client.network_map(None).unwrap();
    let second = client.clone().network_map(None).unwrap();
    assert!(Arc::ptr_eq(&first, &second), "clones share what was fetched");
    assert_eq!(server.asked("GET /nm").len(), 1);
    assert_eq!(server.asked("GET /ird").len(), 1);
    client.forget();
    client.network_map(None).unwrap();
    assert_eq!((server.asked("GET /nm").len(), server.asked("GET /ird").len()), (2, 2));
}

#[test]
fn what_is_not_is_validated() {
    let server = server();
    let date = "Thu, 01 Jan 2026 00:00:00 GMT";
    server.on(
        "GET /nm",
        [
            network_map("1").field("ETag", "\"v1\"").field("Last-Modified", date),
            Reply::status(304).field("ETag", "\"v1\""),
            network_map("2").field("ETag", "\"v2\"").field("Cache-Control", "max-age=0"),
            Reply::status(304).field("Cache-Control", "max-age=60"),
        ],
    );
    let client = client(&server);
    let first = client.network_map(None).unwrap();
    assert!(Arc::ptr_eq(&first, &client.network_map(None).unwrap()), "not modified");
    assert_eq!(client.network_map(None).unwrap().vtag().tag.as_str(), "2");
    // The 304 makes it fresh for a minute.
    for _ in 0..3 {
        assert_eq!(client.network_map(None).unwrap().vtag().tag.as_str(), "2");
    }
    let asked = server.asked("GET /nm");
    let conditions: Vec<_> = asked.iter().map(|r| (r.field("if-none-match"), r.field("if-modified-since"))).collect();
    let first = (Some("\"v1\""), Some(date));
    assert_eq!(conditions, [(None, None), first, (Some("\"v1\""), None), (Some("\"v2\""), None)]);
}

#[test]
fn without_validators_and_with_no_store_everything_is_asked_anew() {
    let server = server();
    server.on("GET /nm", [network_map("1"), network_map("2")]);
    server.on("GET /cm", [costs("1").field("Cache-Control", "no-store, max-age=60").field("ETag", "\"x\"")]);
    let client = client(&server);
    for tag in ["1", "2"] {
        assert_eq!(client.network_map(None).unwrap().vtag().tag.as_str(), tag);
        client.cost_map(&CostMapQuery::default()).unwrap();
    }
    assert!(server.asked("GET /cm").iter().all(|request| request.field("if-none-match").is_none()));
    assert_eq!(server.asked("GET /cm").len(), 2);
}

#[test]
fn a_304_of_somebody_else_is_not_believed() {
    let server = server();
    server.on("GET /nm", [network_map("1").field("ETag", "\"v\""), Reply::redirect(307, "/other"), network_map("2")]);
    server.on("GET /other", [Reply::status(304)]);
    let client = client(&server);
    client.network_map(None).unwrap();
    assert_eq!(client.network_map(None).unwrap().vtag().tag.as_str(), "2");
    // And one that nobody asked for is an error.
    server.on("GET /nm", [Reply::status(304)]);
    client.forget();
    assert!(matches!(client.network_map(None), Err(Error::Status { status: 304, .. })));
}

#[test]
fn the_directory_is_relied_on_for_a_while_and_validated_after() {
    let server = server();
    let entries = json!({"nm": network_map_entry()});
    server.on("GET /ird", [directory(&entries).field("ETag", "\"d\""), Reply::status(304)]);
    let client = builder(&server).directory_lifetime(Duration::ZERO).build().unwrap();
    for _ in 0..3 {
        assert!(client.directory().unwrap().get("nm").is_some());
    }
    let asked = server.asked("GET /ird");
    assert_eq!(asked.iter().filter(|request| request.field("if-none-match") == Some("\"d\"")).count(), 2);
    assert_eq!(asked.len(), 3);
}

#[test]
fn maps_of_different_versions_are_read_again() {
    let server = server();
    let keep = |reply: Reply| reply.field("Cache-Control", "max-age=600");
    // The network map was kept too long.
    server.on("GET /nm", [keep(network_map("1")), keep(network_map("2"))]);
    server.on("GET /cm", [costs("1"), costs("2")]);
    let client = client(&server);
    assert_eq!(client.maps(&CostMapQuery::default()).unwrap().network.vtag().tag.as_str(), "1");
    let maps = client.maps(&CostMapQuery::default()).unwrap();
    assert_eq!((maps.network.vtag().tag.as_str(), &maps.costs.depends_on), ("2", maps.network.vtag()));
    assert_eq!(server.asked("GET /nm")[1].field("cache-control"), Some("no-cache"), "past all caches");

    // A part of a cost map is of another version than the network map the question was made by.
    let query = CostMapQuery { sources: vec!["a".parse().unwrap()], ..CostMapQuery::default() };
    server.on("GET /nm", [network_map("3")]);
    server.on("POST /filter", [costs("3")]);
    assert_eq!(client.maps(&query).unwrap().costs.depends_on.tag.as_str(), "3");

    // They never meet.
    server.on("GET /cm", [costs("old")]);
    match client.maps(&CostMapQuery::default()) {
        Err(Error::Inconsistent { depends_on, network_map }) => {
            assert_eq!((depends_on.tag.as_str(), network_map.tag.as_str()), ("old", "3"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn equal_tags_of_different_maps_are_not_equal() {
    let server = server();
    let meta = |id: &str| {
        json!({"dependent-vtags": [{"resource-id": id, "tag": "1"}],
                                 "cost-type": {"cost-metric": "routingcost", "cost-mode": "numerical"}})
    };
    server.on("GET /cm", [Reply::alto("costmap", &json!({"meta": meta("other"), "cost-map": {}}))]);
    let error = client(&server).maps(&CostMapQuery::default()).unwrap_err();
    assert!(matches!(&error, Error::Malformed { reason, .. } if reason.contains("nm")), "{error:?}");
    let body = json!({"meta": {"vtag": {"resource-id": "other", "tag": "1"}}, "network-map": {}});
    server.on("GET /nm", [Reply::alto("networkmap", &body)]);
    assert!(matches!(client(&server).network_map(None), Err(Error::Malformed { .. })));
}
