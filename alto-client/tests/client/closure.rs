//! Finding out what a server offers (RFC 7285 §9.2): delegation, relative URIs, and what is wrong in directories.

use alto_client::{CostMapQuery, Error, Kind, cost_type};
use serde_json::{Value, json};

use super::{builder, client, cost_map, cost_map_entry, directory, ip, network_map, network_map_entry, post_entry};
use test_support::scripted_server::{Reply, Script};

fn directory_entry(uri: &str) -> Value {
    json!({"uri": uri, "media-type": "application/alto-directory+json"})
}

#[test]
fn relative_uris_are_relative_to_where_the_directory_was_found() {
    let server = Script::start();
    server.on("GET /ird", [Reply::redirect(307, "/a/b/ird?v=1")]);
    let entry = |uri: &str| json!({"uri": uri, "media-type": "application/alto-networkmap+json"});
    let resources = json!({
        "plain": entry("x"), "dot": entry("./x"), "up": entry("../x"), "top": entry("/x"), "query": entry("?q"),
        "empty": entry(""), "host": entry("//other.example/x"), "absolute": entry("https://other.example:1/y#part"),
    });
    server.on("GET /a/b/ird?v=1", [directory(&resources)]);
    let found = client(&server).directory().unwrap();
    assert_eq!(found.uri(), server.uri("/a/b/ird?v=1"));
    for (id, uri) in [
        ("plain", server.uri("/a/b/x")),
        ("dot", server.uri("/a/b/x")),
        ("up", server.uri("/a/x")),
        ("top", server.uri("/x")),
        ("query", server.uri("/a/b/ird?q")),
        ("empty", server.uri("/a/b/ird?v=1")),
        ("host", "http://other.example/x".to_owned()),
        ("absolute", "https://other.example:1/y".to_owned()),
    ] {
        assert_eq!(found.get(id).unwrap().uri(), uri, "{id}");
    }
}

#[test]
fn delegation_is_followed_over_hosts_and_round_in_circles() {
    let (root, other) = (Script::start(), Script::start());
    root.on("GET /ird", [directory(&json!({
        "sub": directory_entry("sub/ird"), "far": directory_entry(&other.uri("/deep/ird")), "nm": network_map_entry(),
        "self": directory_entry(""),
    }))]);
    // The same name means something else here, and the map it depends on is in the other document.
    root.on(
        "GET /sub/ird",
        [Reply::alto(
            "directory",
            &json!({
                "meta": {"cost-types": {"num": {"cost-metric": "hopcount", "cost-mode": "numerical"}}},
                "resources": {"cm-hops": cost_map_entry("hops", "num"), "back": directory_entry("../ird")},
            }),
        )],
    );
    other.on(
        "GET /deep/ird",
        [directory(&json!({
            "cm": cost_map_entry("../cm", "num"), "root": directory_entry(&root.uri("/ird")),
        }))],
    );
    root.on("GET /nm", [network_map("1")]);
    other.on("GET /cm", [cost_map("1", "numerical", &json!({"a": {"b": 3}}))]);
    let hops = json!({"meta": {"dependent-vtags": [{"resource-id": "nm", "tag": "1"}],
        "cost-type": {"cost-metric": "hopcount", "cost-mode": "numerical"}}, "cost-map": {"a": {"b": 2}}});
    root.on("GET /sub/hops", [Reply::alto("costmap", &hops)]);

    let client = client(&root);
    let found = client.directory().unwrap();
    assert_eq!(found.problems(), [""; 0]);
    assert_eq!(found.of_kind(Kind::Directory).count(), 5);
    assert_eq!(found.get("cm-hops").unwrap().cost_types()[0].cost_metric.as_str(), "hopcount");
    assert_eq!(client.maps(&CostMapQuery::default()).unwrap().costs.get("a", "b"), Some(3.0));
    let hops = CostMapQuery { costs: cost_type("hopcount", "numerical").unwrap().into(), ..CostMapQuery::default() };
    assert_eq!(client.maps(&hops).unwrap().costs.get("a", "b"), Some(2.0));
    assert_eq!(root.asked("GET /ird").len(), 1, "each document is read once");
}

#[test]
fn what_is_ill_formed_is_left_out_and_told() {
    let server = Script::start();
    let text = format!(
        r#"{{"meta": {{"default-alto-network-map": "nm", "x": [null],
            "cost-types": {{"num": {{"cost-metric": "routingcost", "cost-mode": "numerical", "description": 5, "cost-context": {{}}}},
                            "dotted": {{"cost-metric": "a.b", "cost-mode": "numerical"}}, "none": 7,
                            "odd": {{"cost-metric": "routingcost", "cost-mode": "priv:x-mode"}}}}}},
          "x-unknown": {{"a": [1]}},
          "resources": {{
            "filter": {{"uri": "f", "media-type": "Application/ALTO-NetworkMap+json; x=y", "accepts": "application/alto-networkmapfilter+json", "uses": ["nm"]}},
            "nm": {{"uri": "nm", "media-type": "application/alto-networkmap+json", "accepts": "", "x": 1, "capabilities": {{"x": 1}}}},
            "nm": {{"uri": "other", "media-type": "application/alto-networkmap+json"}},
            "cm": {{"uri": "cm", "media-type": "application/alto-costmap+json", "uses": ["nm", "no.such"],
                   "capabilities": {{"cost-type-names": ["num", "dotted", "odd", "nowhere"], "cost-constraints": false}}}},
            "no.id": {{"uri": "x", "media-type": "application/alto-networkmap+json"}},
            "no-uri": {{"media-type": "application/alto-networkmap+json"}},
            "bad-uri": {{"uri": "http://a b/", "media-type": "application/alto-networkmap+json"}},
            "ftp": {{"uri": "ftp://h/", "media-type": "application/alto-networkmap+json"}},
            "secret": {{"uri": "http://u:p@h/", "media-type": "application/alto-networkmap+json"}},
            "list": {{"uri": "x", "media-type": "application/alto-costmap+json", "accepts": ["application/alto-costmapfilter+json"]}},
            "number": 5,
            "later": {{"uri": "u", "media-type": "application/alto-updatestreamparams+json", "accepts": "application/x"}},
            "gone": {}, "wrong": {}, "broken": {}
          }}}}"#,
        directory_entry("gone"),
        directory_entry("wrong"),
        directory_entry("broken")
    );
    server.on("GET /ird", [Reply::typed("application/alto-directory+json", text)]);
    server.on("GET /wrong", [Reply::typed("text/html", "<p>hello")]);
    server.on("GET /broken", [Reply::typed("application/alto-directory+json", "{\"meta\":{}}")]);
    server.on("GET /nm", [network_map("1")]);
    let client = client(&server);
    let found = client.directory().unwrap();
    let ids: Vec<&str> = found.entries().map(|entry| entry.id().as_str()).collect();
    assert_eq!(ids, ["filter", "nm", "cm", "later", "gone", "wrong", "broken"]);
    assert_eq!(found.get("nm").unwrap().uri(), server.uri("/nm"), "the first of two counts");
    assert_eq!(found.get("filter").unwrap().kind(), Kind::FilteredNetworkMap);
    assert_eq!(found.get("later").unwrap().kind(), Kind::Other);
    let modes: Vec<&str> = found.get("cm").unwrap().cost_types().iter().map(|c| c.cost_mode.as_str()).collect();
    assert_eq!(modes, ["numerical", "priv:x-mode"], "unknown modes are read, ill-formed ones are not");
    let problems = found.problems().join("\n");
    for told in [
        "\"dotted\"",
        "\"none\"",
        "\"nowhere\"",
        "no.such",
        "no.id",
        "no-uri",
        "bad-uri",
        "ftp",
        "secret",
        "list",
        "number",
        "nm is in the document twice",
        "/gone: HTTP status 404",
        "/wrong: the answer has media type \"text/html\"",
        "/broken: malformed",
    ] {
        assert!(problems.contains(told), "{told} in:\n{problems}");
    }
    assert!(!problems.contains("u:p@"), "{problems}");
    assert_eq!(client.network_map(None).unwrap().vtag().tag.as_str(), "1");
    // Whoever misses something is told what may be the reason.
    let error = client.network_map(Some("no-uri")).unwrap_err().to_string();
    assert!(error.contains("no network map \"no-uri\"; there is nm (left out: ") && error.contains("more)"), "{error}");
}

#[test]
fn the_same_resource_in_two_directories_is_no_contradiction_but_two_are() {
    let server = Script::start();
    let nm = |uri: &str| json!({"uri": uri, "media-type": "application/alto-networkmap+json"});
    server.on(
        "GET /ird",
        [directory(&json!({"nm": nm("nm"), "one": directory_entry("d1"), "two": directory_entry("d2")}))],
    );
    server.on("GET /d1", [directory(&json!({"nm": nm("./nm")}))]);
    let client = client(&server);
    server.on("GET /d2", [directory(&json!({"one": directory_entry("d1")}))]);
    assert_eq!(client.directory().unwrap().problems(), [""; 0]);
    server.on("GET /d2", [directory(&json!({"nm": nm("elsewhere")}))]);
    client.forget();
    let found = client.directory().unwrap();
    assert_eq!(found.problems().len(), 1, "{:?}", found.problems());
    assert_eq!(found.get("nm").unwrap().uri(), server.uri("/nm"), "what is nearer the root counts");
}

#[test]
fn the_default_map_is_chosen_by_name_not_by_place() {
    let server = Script::start();
    let nm = |uri: &str| json!({"uri": uri, "media-type": "application/alto-networkmap+json"});
    let filter = post_entry("f", "networkmap", "networkmapfilter", &json!({}));
    server.on("GET /ird", [directory(&json!({"a-filter": filter, "a-first": nm("first"), "nm": nm("nm")}))]);
    server.on("GET /nm", [network_map("1")]);
    let map = client(&server).network_map(None).unwrap();
    assert_eq!(map.vtag().resource_id.as_str(), "nm");
    assert_eq!(map.pid_of(ip("10.1.1.1")).unwrap().as_str(), "a");

    // A default that does not exist is none; the only map is taken, of several none.
    for (resources, only) in
        [(json!({"solo": nm("nm")}), true), (json!({"one": nm("one"), "two": nm("two")}), false), (json!({}), false)]
    {
        server.on("GET /ird", [directory(&resources)]);
        let client = client(&server);
        assert!(client.directory().unwrap().problems()[0].contains("default-alto-network-map nm"));
        match client.network_map(None) {
            // It calls itself `nm`, which is not the ID it was asked by.
            Err(Error::Malformed { reason, .. }) if only => assert!(reason.contains("solo"), "{reason}"),
            Err(Error::NoDefaultNetworkMap { maps }) => assert_eq!((only, maps.len()), (false, 2)),
            Err(Error::Unsupported { offered, .. }) => assert_eq!((only, offered.len()), (false, 0)),
            other => panic!("{other:?}"),
        }
    }
    // A filter is no map.
    server.on("GET /ird", [directory(&json!({"nm": post_entry("f", "networkmap", "networkmapfilter", &json!({}))}))]);
    assert!(matches!(client(&server).network_map(Some("nm")), Err(Error::Unsupported { .. })));
}

#[test]
fn closures_are_bounded() {
    let server = Script::start();
    for n in 0..100 {
        let next = directory_entry(&format!("d{}", n + 1));
        server.on(&format!("GET /d{n}"), [directory(&json!({format!("next{n}"): next}))]);
    }
    server.on("GET /ird", [directory(&json!({"nm": network_map_entry(), "start": directory_entry("d0")}))]);
    let found = client(&server).directory().unwrap();
    assert!(found.problems()[0].contains("at most 64 directories"), "{:?}", found.problems());
    assert_eq!(server.seen().len(), 64);
    // The first document is one that the client cannot do without.
    server.on("GET /ird", [Reply::status(500)]);
    assert!(matches!(client(&server).directory(), Err(Error::Status { status: 500, .. })));
    server.on("GET /ird", [Reply::typed("application/alto-directory+json", "[1]")]);
    assert!(matches!(client(&server).directory(), Err(Error::Malformed { .. })));
    server.on("GET /ird", [Reply::typed("application/alto-directory+json", "[".repeat(100_000))]);
    assert!(matches!(client(&server).directory(), Err(Error::Malformed { .. })));
    server.on("GET /ird", [Reply::typed("application/alto-directory+json", vec![b' '; 5_000_000])]);
    assert!(matches!(client(&server).directory(), Err(Error::TooLarge { .. })));
}

#[test]
fn a_directory_that_turns_out_to_be_old_is_read_again() {
    let server = Script::start();
    let moved = json!({"nm": {"uri": "new", "media-type": "application/alto-networkmap+json"}});
    // Caches may keep it for an hour, which is too long.
    let old = directory(&json!({"nm": network_map_entry()})).field("Cache-Control", "max-age=3600");
    server.on("GET /ird", [old, directory(&moved)]);
    server.on("GET /nm", [network_map("1"), Reply::status(404)]);
    server.on("GET /new", [network_map("2")]);
    let client = builder(&server).build().unwrap();
    assert_eq!(client.network_map(None).unwrap().vtag().tag.as_str(), "1");
    assert_eq!(client.network_map(None).unwrap().vtag().tag.as_str(), "2");
    assert_eq!(server.asked("GET /ird")[1].field("cache-control"), Some("no-cache"));
    // Where the new one is no better the error stays.
    server.on("GET /new", [Reply::status(404)]);
    assert!(matches!(client.network_map(None), Err(Error::Status { status: 404, .. })));
    assert_eq!(server.asked("GET /ird").len(), 3);
}
