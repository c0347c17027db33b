//! Invalid request bodies and the single error that each must give (RFC 7285 §8.5.2).

use alto_types::{
    EdgeRequest, EndpointCostRequest, EndpointPropertyRequest, ErrorCode, FilteredCostMapRequest,
    FilteredNetworkMapRequest, PropertyMapRequest, ProtocolError, Request, SpeltAddr, StreamControlRequest,
    TipsRequest, UpdateStreamRequest, decode_request,
};
use proptest::prelude::*;

type Costs = EndpointCostRequest<SpeltAddr>;
type Properties = EndpointPropertyRequest<SpeltAddr>;

const NUM: &str = r#"{"cost-mode":"numerical","cost-metric":"routingcost"}"#;

/// Asserts that `body` is rejected with a code and a field, and with a value if one is given.
#[track_caller]
fn assert_rejected<R: Request + std::fmt::Debug>(body: &str, code: ErrorCode, field: &str, value: Option<&str>) {
    let message = decode_request::<R>(body.as_bytes()).expect_err(body).into_message();
    assert_eq!(message.meta.code, code.as_str(), "{body}");
    assert_eq!(message.meta.field.as_deref(), Some(field), "{body}");
    if value.is_some() {
        assert_eq!(message.meta.value.as_deref(), value, "{body}");
    }
}

#[test]
fn absent_required_fields_are_missing_field_errors() {
    use ErrorCode::MissingField as Missing;
    assert_rejected::<FilteredNetworkMapRequest>("{}", Missing, "pids", None);
    assert_rejected::<FilteredNetworkMapRequest>(r#"{"PIDS":[]}"#, Missing, "pids", None);
    assert_rejected::<FilteredNetworkMapRequest>(r#"{"address-types":["ipv4"]}"#, Missing, "pids", None);
    assert_rejected::<FilteredCostMapRequest>("{}", Missing, "cost-type", None);
    let no_metric = r#"{"cost-type":{"cost-mode":"numerical"}}"#;
    assert_rejected::<FilteredCostMapRequest>(no_metric, Missing, "cost-type/cost-metric", None);
    let no_mode = r#"{"cost-type":{"cost-metric":"routingcost"}}"#;
    assert_rejected::<FilteredCostMapRequest>(no_mode, Missing, "cost-type/cost-mode", None);
    let half = format!(r#"{{"cost-type":{NUM},"pids":{{"srcs":["a"]}}}}"#);
    assert_rejected::<FilteredCostMapRequest>(&half, Missing, "pids/dsts", None);
    assert_rejected::<Properties>(r#"{"endpoints":["ipv4:192.0.2.1"]}"#, Missing, "properties", None);
    assert_rejected::<Properties>(r#"{"properties":["nm.pid"]}"#, Missing, "endpoints", None);
    assert_rejected::<Costs>(&format!(r#"{{"cost-type":{NUM}}}"#), Missing, "endpoints", None);
    assert_rejected::<PropertyMapRequest>("{}", Missing, "entities", None);
    assert_rejected::<PropertyMapRequest>(r#"{"properties":[]}"#, Missing, "entities", None);
    assert_rejected::<Costs>(r#"{"endpoints":{"dsts":["ipv4:192.0.2.1"]}}"#, Missing, "cost-type", None);
}

#[test]
fn wrong_types_are_field_type_errors() {
    use ErrorCode::InvalidFieldType as Type;
    assert_rejected::<FilteredNetworkMapRequest>(r#"{"pids":"a"}"#, Type, "pids", None);
    assert_rejected::<FilteredNetworkMapRequest>(r#"{"pids":{}}"#, Type, "pids", None);
    assert_rejected::<FilteredNetworkMapRequest>(r#"{"pids":[],"address-types":null}"#, Type, "address-types", None);
    assert_rejected::<FilteredCostMapRequest>(r#"{"cost-type":"num"}"#, Type, "cost-type", None);
    assert_rejected::<FilteredCostMapRequest>(
        r#"{"cost-type":{"cost-mode":1,"cost-metric":"routingcost"}}"#,
        Type,
        "cost-type/cost-mode",
        None,
    );
    for (member, field) in [
        (r#""constraints":"ge 1""#, "constraints"),
        (r#""pids":[]"#, "pids"),
        (r#""pids":null"#, "pids"),
        (r#""pids":{"srcs":"a","dsts":[]}"#, "pids/srcs"),
    ] {
        assert_rejected::<FilteredCostMapRequest>(&format!(r#"{{"cost-type":{NUM},{member}}}"#), Type, field, None);
    }
    assert_rejected::<Properties>(r#"{"properties":["nm.pid"],"endpoints":"ipv4:192.0.2.1"}"#, Type, "endpoints", None);
    assert_rejected::<Costs>(&format!(r#"{{"cost-type":{NUM},"endpoints":[]}}"#), Type, "endpoints", None);
    assert_rejected::<PropertyMapRequest>(r#"{"entities":"ipv4:192.0.2.1"}"#, Type, "entities", None);
    assert_rejected::<PropertyMapRequest>(r#"{"entities":[],"properties":null}"#, Type, "properties", None);
}

#[test]
fn wrong_values_and_wrong_elements_are_field_value_errors() {
    use ErrorCode::InvalidFieldValue as Value;
    // An element of the wrong type is a value error that repeats the element as text.
    assert_rejected::<PropertyMapRequest>(r#"{"entities":[7]}"#, Value, "entities", Some("7"));
    assert_rejected::<PropertyMapRequest>(r#"{"entities":[],"properties":[null]}"#, Value, "properties", Some("null"));
    assert_rejected::<FilteredNetworkMapRequest>(r#"{"pids":["a",7]}"#, Value, "pids", Some("7"));
    assert_rejected::<FilteredNetworkMapRequest>(r#"{"pids":[{"a":[null]}]}"#, Value, "pids", Some(r#"{"a":[null]}"#));
    assert_rejected::<Properties>(r#"{"properties":["nm.pid"],"endpoints":[null]}"#, Value, "endpoints", Some("null"));
    assert_rejected::<Properties>(r#"{"properties":[],"endpoints":["ipv4:192.0.2.1"]}"#, Value, "properties", None);
    assert_rejected::<Properties>(r#"{"properties":["nm.pid"],"endpoints":[]}"#, Value, "endpoints", None);
    for constraint in ["ne 5", "GE 5", "ge5", "5 ge", "ge x", "", "ge 1 2"] {
        let body = format!(r#"{{"cost-type":{NUM},"constraints":["ge 1","{constraint}"]}}"#);
        assert_rejected::<FilteredCostMapRequest>(&body, Value, "constraints", Some(constraint));
    }
    let body = format!(r#"{{"cost-type":{NUM},"endpoints":{{"srcs":[],"dsts":["ipv4:192.0.2.1","ipv4:nope"]}}}}"#);
    assert_rejected::<Costs>(&body, Value, "endpoints/dsts", Some("ipv4:nope"));
    let both_empty = format!(r#"{{"cost-type":{NUM},"endpoints":{{"srcs":[]}}}}"#);
    assert_rejected::<Costs>(&both_empty, Value, "endpoints", None);
    let mode = r#"{"cost-type":{"cost-mode":"a.b","cost-metric":"routingcost"}}"#;
    assert_rejected::<FilteredCostMapRequest>(mode, Value, "cost-type/cost-mode", Some("a.b"));
}

#[test]
fn a_very_long_value_is_not_echoed() {
    let body = format!(r#"{{"properties":["nm.pid"],"endpoints":["{}"]}}"#, "x".repeat(2000));
    let error = decode_request::<Properties>(body.as_bytes()).expect_err("not an address");
    assert_eq!(error, ProtocolError::InvalidFieldValue { field: "endpoints".to_owned(), value: None });
}

#[test]
fn anything_but_an_object_is_a_syntax_error() {
    for body in ["[]", "\"x\"", "null", "3", "", "{", "{} x"] {
        let error = decode_request::<FilteredNetworkMapRequest>(body.as_bytes()).expect_err(body);
        assert_eq!(error.code(), ErrorCode::Syntax, "{body}");
    }
}

#[test]
fn absent_properties_differ_from_an_empty_list() {
    let decode = |body: &str| decode_request::<PropertyMapRequest>(body.as_bytes()).unwrap();
    assert_eq!(decode(r#"{"entities":["a"]}"#).properties, None);
    assert_eq!(decode(r#"{"entities":["a"],"properties":[]}"#).properties, Some(Vec::new()));
    for request in
        [None, Some(vec!["x".to_owned()])].map(|properties| PropertyMapRequest { entities: Vec::new(), properties })
    {
        assert_eq!(decode(&serde_json::to_string(&request).unwrap()), request);
    }
}

#[test]
fn unknown_members_and_descriptions_are_ignored_everywhere() {
    let plain = format!(r#"{{"cost-type":{NUM},"pids":{{"srcs":["a"],"dsts":[]}}}}"#);
    let adorned = r#" { "x-unknown":{"a":[1]}, "pids":{"dsts":[],"x":0,"\u0073rcs":["a"]},
        "cost-type":{"description":7,"cost-metric":"routingcost","cost-context":{},"cost-mode":"numerical"} } "#;
    assert_eq!(
        decode_request::<FilteredCostMapRequest>(adorned.as_bytes()),
        decode_request::<FilteredCostMapRequest>(plain.as_bytes())
    );
}

/// Almost valid bodies.
fn nearly_a_request() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("3".to_owned()),
        Just(NUM.to_owned()),
        Just(r#"["ipv4:192.0.2.1","nm.pid","ge 1"]"#.to_owned()),
        Just(r#"{"srcs":[],"dsts":["ipv6:::1"]}"#.to_owned()),
        "[ -~]{0,10}",
    ];
    let name =
        prop::sample::select(vec!["pids", "cost-type", "constraints", "endpoints", "entities", "properties", "x"]);
    prop::collection::vec((name, leaf), 0..5).prop_map(|members| {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #[test]
    fn decoding_never_panics(body in nearly_a_request()) {
        let _ = decode_request::<FilteredNetworkMapRequest>(body.as_bytes());
        let _ = decode_request::<FilteredCostMapRequest>(body.as_bytes());
        let _ = decode_request::<Properties>(body.as_bytes());
        let _ = decode_request::<Costs>(body.as_bytes());
        let _ = decode_request::<PropertyMapRequest>(body.as_bytes());
    }

    /// Requests that clients serialise decode to the same request in servers.
    #[test]
    fn serialised_requests_decode_to_the_same_request(pids in prop::collection::vec("[a-z]{1,4}", 0..4), types in prop::collection::vec("ipv[46]", 0..3)) {
        let request = FilteredNetworkMapRequest { pids, address_types: types };
        let body = serde_json::to_vec(&request).unwrap();
        prop_assert_eq!(decode_request::<FilteredNetworkMapRequest>(&body), Ok(request));
    }
}

#[test]
fn a_stream_is_asked_for_with_at_least_one_resource() {
    use ErrorCode::{InvalidFieldType as Type, InvalidFieldValue as Value, MissingField as Missing};
    for body in ["{}", r#"{"add":{}}"#, r#"{"remove":[]}"#] {
        assert_rejected::<UpdateStreamRequest>(body, Missing, "add", None);
    }
    assert_rejected::<UpdateStreamRequest>(r#"{"add":{"s":{}}}"#, Missing, "add/s/resource-id", None);
    assert_rejected::<UpdateStreamRequest>(r#"{"add":{"s":1}}"#, Type, "add/s", None);
    assert_rejected::<UpdateStreamRequest>(r#"{"add":{"a.b":{"resource-id":"n"}}}"#, Value, "add", Some("a.b"));
    let odd = r#"{"add":{"s":{"resource-id":"n","incremental-changes":"no"}}}"#;
    assert_rejected::<UpdateStreamRequest>(odd, Type, "add/s/incremental-changes", None);
    let body = br#"{"add":{"s":{"resource-id":"n","input":{"pids":[]}}},"remove":7}"#;
    let request: UpdateStreamRequest = decode_request(body).unwrap();
    assert_eq!(request.add.len(), 1);
    assert!(request.add[0].1.incremental_changes && request.add[0].1.input.is_some());
}

#[test]
fn a_control_request_changes_something_and_never_adds_while_it_ends_all() {
    use ErrorCode::{InvalidFieldValue as Value, MissingField as Missing};
    assert_rejected::<StreamControlRequest>("{}", Missing, "add", None);
    let both = r#"{"add":{"s":{"resource-id":"n"}},"remove":[]}"#;
    assert_rejected::<StreamControlRequest>(both, Value, "remove", Some("[]"));
    let all: StreamControlRequest = decode_request(br#"{"add":{},"remove":[]}"#).unwrap();
    assert_eq!((all.add.len(), all.remove), (0, Some(Vec::new())));
}

#[test]
fn an_edge_is_asked_for_without_input() {
    use ErrorCode::{InvalidFieldValue as Value, MissingField as Missing};
    assert_rejected::<EdgeRequest>(r#"{"tag":"x"}"#, Missing, "resource-id", None);
    assert_rejected::<EdgeRequest>(r#"{"resource-id":"n","input":{}}"#, Value, "input", None);
    assert_rejected::<TipsRequest>(r#"{"tag":"x"}"#, Missing, "resource-id", None);
    assert!(decode_request::<TipsRequest>(br#"{"resource-id":"n","input":{}}"#).is_ok());
}
