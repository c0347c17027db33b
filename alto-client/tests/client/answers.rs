//! Reading answers: by what they say they are, ignoring what is unknown, refusing what is wrong (RFC 7285 §8.3.4.2,
//! §8.3.7, §8.5, §11).

use alto_client::{AltoError, CostMapQuery, Error, cost_type};
use alto_types::ErrorCode;
use serde_json::{Value, json};

use super::{client, cost_map, cost_map_entry, directory, ip, network_map, network_map_entry};
use test_support::scripted_server::{Reply, Script};

fn server() -> Script {
    let server = Script::start();
    let entries = json!({
        "nm": network_map_entry(), "cm": cost_map_entry("cm", "num"), "cm-ord": cost_map_entry("ord", "ord"),
    });
    server.on("GET /ird", [directory(&entries)]);
    server.on("GET /nm", [network_map("1")]);
    server
}

fn map_error(server: &Script, reply: Reply) -> Error {
    server.on("GET /nm", [reply]);
    client(server).network_map(None).unwrap_err()
}

fn error_reply(meta: &Value) -> Reply {
    Reply::alto("error", &json!({"meta": meta}))
}

#[test]
fn alto_errors_keep_everything_under_any_status() {
    let server = server();
    let meta = json!({"code": "E_INVALID_FIELD_VALUE", "field": "cost-type/cost-mode", "value": "x", "later": {}});
    for status in [200, 400, 500] {
        let error = map_error(&server, error_reply(&meta).with_status(status));
        let expected = AltoError {
            uri: server.uri("/nm"),
            status,
            code: "E_INVALID_FIELD_VALUE".to_owned(),
            syntax_error: None,
            field: Some("cost-type/cost-mode".to_owned()),
            value: Some("x".to_owned()),
        };
        assert_eq!(error.alto(), Some(&expected));
        assert_eq!(expected.code(), Ok(ErrorCode::InvalidFieldValue));
        assert_eq!(error.status(), Some(status));
        let text = error.to_string();
        assert!(text.contains("E_INVALID_FIELD_VALUE in field cost-type/cost-mode, value \"x\""), "{text}");
    }
    // A code of the future, a value that should have been text, text that should not reach a terminal.
    let meta = json!({"code": "E_NEW", "value": 42, "syntax-error": "a\u{1b}[31mb"});
    let error = map_error(&server, error_reply(&meta).with_status(400));
    let alto = error.alto().unwrap();
    assert_eq!((alto.code.as_str(), alto.value.as_deref()), ("E_NEW", Some("42")));
    assert!(alto.code().is_err());
    assert!(!error.to_string().contains('\u{1b}'));
    assert!(matches!(map_error(&server, error_reply(&json!({})).with_status(400)), Error::Status { .. }));
    assert!(matches!(map_error(&server, error_reply(&json!({}))), Error::Malformed { .. }));
}

#[test]
fn other_types_are_not_taken_for_the_one_asked_for() {
    let server = server();
    let body = "{\"meta\":{\"vtag\":{\"resource-id\":\"nm\",\"tag\":\"1\"}},\"network-map\":{}}";
    for media_type in [
        "text/html",
        "application/json",
        "application/alto-costmap+json",
        "application/alto-directory+json",
        "application/alto-networkmap+json-x",
    ] {
        match map_error(&server, Reply::typed(media_type, body)) {
            Error::MediaType { got, .. } => assert_eq!(got, media_type),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(map_error(&server, Reply::status(200)), Error::MediaType { got, .. } if got.is_empty()));
    assert!(matches!(map_error(&server, Reply::status(204)), Error::Status { status: 204, .. }));
    server.on("GET /nm", [Reply::typed("Application/ALTO-networkmap+JSON ; charset=utf-8", body)]);
    assert!(client(&server).network_map(None).is_ok(), "case and parameters do not count");
}

#[test]
fn other_statuses_show_what_they_say() {
    let server = server();
    let plain = Reply::typed("text/plain", "out of\r\norder").with_status(500);
    assert!(map_error(&server, plain).to_string().ends_with("/nm: HTTP status 500: out of  order"));
    let problem = Reply::typed("application/problem+json", "{\"title\":\"no\",\"detail\":\"not today\"}");
    assert!(map_error(&server, problem.with_status(403)).to_string().ends_with("403: not today"));
    let html = Reply::typed("text/html", "<script>").with_status(502);
    assert!(map_error(&server, html).to_string().ends_with("HTTP status 502"));
}

#[test]
fn unknown_members_and_address_types_are_ignored() {
    let server = server();
    let map = json!({
        "x": [1],
        "meta": {"vtag": {"resource-id": "nm", "tag": "\"\\~", "x": {}}, "x": null, "y": [1.5], "z": "s"},
        "network-map": {
            "a": {"ipv4": ["10.1.2.3/8"], "mac48": ["00-00-5E-00-53-00"], "eui64": null},
            "b": {"ipv6": ["2001:0DB8:0000:0000:0000:0000:0000:0000/32", "::ffff:192.0.2.0/120"]},
            "c": {"x400": [{}]},
            "d": {},
            "z": {"ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"]},
        },
    });
    let text = serde_json::to_string_pretty(&map).unwrap().replace("\"ipv4\"", "\"\\u0069pv4\"");
    server.on("GET /nm", [Reply::typed("application/alto-networkmap+json", text)]);
    let costs = json!({"a": {"c": 1}, "c": {"d": 0}, "d": {"x@y": 1E0}});
    let meta = json!({"dependent-vtags": [{"resource-id": "x", "tag": "1"}, {"resource-id": "nm", "tag": "\"\\~", "y": 1}],
                      "cost-type": {"cost-metric": "routingcost", "cost-mode": "numerical", "description": "d", "cost-context": {}},
                      "vtag": {"resource-id": "cm", "tag": "7"}, "calendar-response-attributes": [{}]});
    server.on("GET /cm", [Reply::alto("costmap", &json!({"meta": meta, "cost-map": costs, "x": {}}))]);
    let maps = client(&server).maps(&CostMapQuery::default()).unwrap();
    assert_eq!(maps.network.vtag().tag.as_str(), "\"\\~");
    for (address, pid) in [("10.9.9.9", "a"), ("2001:db8::1", "b"), ("::ffff:192.0.2.9", "b"), ("192.0.2.9", "z")] {
        assert_eq!(maps.network.pid_of(ip(address)).unwrap().as_str(), pid, "{address}");
    }
    assert_eq!(maps.network.pids().len(), 5, "PIDs without known addresses are PIDs");
    assert_eq!(maps.costs.get("c", "d"), Some(0.0));
}

#[test]
fn maps_that_are_wrong_are_refused_with_the_place() {
    let server = server();
    let vtag = json!({"resource-id": "nm", "tag": "1"});
    for (meta, map, says) in [
        (json!({}), json!({}), "vtag"),
        (json!({"vtag": {"resource-id": "nm", "tag": "a b"}}), json!({}), "meta.vtag.tag"),
        (json!({"vtag": {"resource-id": "n.m", "tag": "1"}}), json!({}), "meta.vtag.resource-id"),
        (json!({"vtag": vtag}), json!({"p": {"ipv4": ["10.0.0.0"]}}), "network-map.p.ipv4[0]"),
        (json!({"vtag": vtag}), json!({"p": {"ipv4": ["10.0.0.0/33"]}}), "network-map.p.ipv4[0]"),
        (json!({"vtag": vtag}), json!({"p": {"ipv4": "10.0.0.0/8"}}), "network-map.p.ipv4"),
        (json!({"vtag": vtag}), json!({"p.q": {}}), "PID name"),
        (json!({"vtag": vtag}), json!({"p": null}), "network-map.p"),
        (json!({"vtag": vtag}), json!([]), "network-map"),
    ] {
        let body = json!({"meta": meta, "network-map": map});
        match map_error(&server, Reply::alto("networkmap", &body)) {
            Error::Malformed { reason, .. } => assert!(reason.contains(says), "{reason} should say {says}"),
            other => panic!("{other:?}"),
        }
    }
    for body in ["", "{", "[]", "null", "{\"meta\":{}} x", "\u{feff}{}", "{\"a\":\"\u{0}\"}"] {
        let reply = Reply::typed("application/alto-networkmap+json", body);
        assert!(matches!(map_error(&server, reply), Error::Malformed { .. }), "{body:?}");
    }
    let invalid = Reply::typed("application/alto-networkmap+json", &b"{\"a\":\"\xff\"}"[..]);
    assert!(matches!(map_error(&server, invalid), Error::Malformed { .. }));
}

#[test]
fn costs_are_numbers_of_any_form_and_nothing_else() {
    let server = server();
    let text = r#"{"meta":{"dependent-vtags":[{"resource-id":"nm","tag":"1"}],"cost-type":{"cost-mode":"numerical",
        "cost-metric":"routingcost"}},"cost-map":{"a":{"p":1,"q":1.0,"r":1E0,"s":-0,"t":1e-3,"u":-4.5}}}"#;
    server.on("GET /cm", [Reply::typed("application/alto-costmap+json", text)]);
    let costs = client(&server).cost_map(&CostMapQuery::default()).unwrap();
    let found: Vec<f64> = costs.iter().map(|(_, _, cost)| cost).collect();
    assert_eq!(found, [1.0, 1.0, 1.0, 0.0, 0.001, -4.5]);
    assert_eq!(costs.get("a", "a"), None, "the diagonal has no default");
    for cost in ["\"1\"", "null", "[1]", "{}", "true", "1e999"] {
        let text = text.replace("1E0", cost);
        server.on("GET /cm", [Reply::typed("application/alto-costmap+json", text)]);
        match client(&server).cost_map(&CostMapQuery::default()) {
            Err(Error::Malformed { reason, .. }) => assert!(reason.contains("cost-map.a.r"), "{reason}"),
            other => panic!("{cost}: {other:?}"),
        }
    }
}

#[test]
fn costs_of_another_type_than_asked_for_are_refused() {
    let server = server();
    server.on("GET /cm", [cost_map("1", "ordinal", &json!({}))]);
    let error = client(&server).cost_map(&CostMapQuery::default()).unwrap_err();
    assert!(matches!(&error, Error::Malformed { reason, .. } if reason.contains("ordinal routingcost")), "{error:?}");
    // Ranks may be equal and have gaps.
    server.on("GET /ord", [cost_map("1", "ordinal", &json!({"a": {"a": 0, "b": 0, "c": 7}}))]);
    let query = CostMapQuery { costs: cost_type("routingcost", "ordinal").unwrap().into(), ..CostMapQuery::default() };
    assert_eq!(client(&server).cost_map(&query).unwrap().get("a", "c"), Some(7.0));
    // What nobody offers is not asked for.
    let query = CostMapQuery { costs: cost_type("hopcount", "array").unwrap().into(), ..CostMapQuery::default() };
    match client(&server).cost_map(&query) {
        Err(Error::Unsupported { offered, .. }) => {
            assert_eq!(offered, ["numerical routingcost", "ordinal routingcost"]);
        }
        other => panic!("{other:?}"),
    }
}
