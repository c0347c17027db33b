//! TIPS views.

use std::thread;

use serde_json::{Value, json};
use test_support::patience::wait_until;

use super::subscriber::Subscriber;
use super::{change_cost, followed, present, server};
use crate::support::{Answer, Request, Server};

const PARAMS: &str = "application/alto-tipsparams+json";
const STREAM_PARAMS: &str = "application/alto-updatestreamparams+json";
const ROUTING: &str = "cost-map-routingcost";

/// Costs of a link, each of which changes the costs between PIDs.
const COSTS: [u32; 3] = [5000, 1, 300];

fn open(server: &Server, request: &Value) -> Value {
    let answer = server.post("/tips", PARAMS, request.to_string());
    assert_eq!((answer.status, answer.media_type()), (200, "application/alto-tips+json"), "{answer:?}");
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    answer.json()
}

/// Path of a view.
fn path(view: &Value) -> String {
    let uri = view["tips-view-uri"].as_str().unwrap();
    uri.strip_prefix("http://test").unwrap_or_else(|| panic!("{uri} is not below the host of the request")).to_owned()
}

fn summary(view: &Value) -> [u64; 4] {
    let graph = &view["tips-view-summary"]["updates-graph-summary"];
    let edge = &graph["start-edge-rec"];
    [&graph["start-seq"], &graph["end-seq"], &edge["seq-i"], &edge["seq-j"]].map(|value| value.as_u64().unwrap())
}

fn edge(server: &Server, view: &str, from: u64, to: u64) -> Answer {
    server.get(&format!("{view}/ug/{from}/{to}"))
}

fn apply(document: &mut Value, answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.field("cache-control"), Some("public, max-age=300, immutable"));
    match answer.media_type() {
        "application/merge-patch+json" => json_patch::merge(document, &answer.json()),
        "application/json-patch+json" => {
            let patch: json_patch::Patch = serde_json::from_value(answer.json()).unwrap();
            json_patch::patch(document, &patch).unwrap();
        }
        _ => *document = answer.json(),
    }
}

#[test]
fn every_resource_has_a_view_whose_first_edge_is_its_document() {
    let server = server(&[]);
    let all = followed(&server, "tips");
    assert_eq!(all.len(), 21);
    let mut paths = std::collections::BTreeSet::new();
    for (id, path_of_resource, input) in &all {
        let mut request = json!({"resource-id": id});
        if let Some(input) = input {
            request["input"] = input.clone();
        }
        let view = open(&server, &request);
        assert_eq!(summary(&view), [1, 1, 0, 1], "{id}");
        let mut document = Value::Null;
        apply(&mut document, &edge(&server, &path(&view), 0, 1));
        assert_eq!(document, present(&server, id, path_of_resource, input.as_ref()), "{id}");
        assert_eq!(path(&open(&server, &request)), path(&view), "the same request has the same view");
        assert!(paths.insert(path(&view)), "different requests have different views");
    }
}

#[test]
fn a_request_for_the_next_version_is_held_until_it_exists() {
    let server = server(&["--request-timeout", "5"]);
    let view = open(&server, &json!({"resource-id": ROUTING}));
    let (path, address) = (path(&view), server.address);
    let mut document = Value::Null;
    apply(&mut document, &edge(&server, &path, 0, 1));
    for version in 1..=3_u64 {
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let request = Request::new("GET", &format!("{path}/ug/{version}/{}", version + 1));
                thread::spawn(move || request.send(address))
            })
            .collect();
        if version == 1 {
            // Longer than other answers may take.
            thread::sleep(std::time::Duration::from_millis(5500));
        }
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
        change_cost(&server, COSTS[usize::try_from(version).unwrap() - 1]);
        let answers: Vec<Answer> = waiting.into_iter().map(|waiting| waiting.join().unwrap()).collect();
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        apply(&mut document, &answers[0]);
        assert_eq!(document, server.get("/costmap/numerical/routingcost").json());
    }
    let again = open(&server, &json!({"resource-id": ROUTING}));
    assert_eq!(summary(&again)[..2], [1, 4]);
}

#[test]
fn who_has_a_version_is_recommended_the_way_on_from_it() {
    let server = server(&[]);
    let view = open(&server, &json!({"resource-id": ROUTING}));
    let path = path(&view);
    let tag = server.get("/costmap/numerical/routingcost").json()["meta"]["vtag"]["tag"].clone();
    for (version, cost) in (1..).zip(COSTS) {
        change_cost(&server, cost);
        assert_eq!(edge(&server, &path, version, version + 1).status, 200);
    }
    let recommend = |request: &Value| server.post(&format!("{path}/ug"), PARAMS, request.to_string());
    let with = |tag: &Value| {
        let answer = recommend(&json!({"resource-id": ROUTING, "tag": tag}));
        assert_eq!((answer.status, answer.media_type()), (200, "application/merge-patch+json"));
        let mut patched = view.clone();
        json_patch::merge(&mut patched, &answer.json());
        assert_eq!(patched["tips-view-uri"], view["tips-view-uri"]);
        summary(&patched)
    };
    assert_eq!(with(&tag), [1, 4, 1, 2]);
    let newest = server.get("/costmap/numerical/routingcost").json()["meta"]["vtag"]["tag"].clone();
    assert_eq!(with(&newest), [1, 4, 4, 5]);
    assert_eq!(with(&json!("unknown"))[2], 0);
    let reopened = open(&server, &json!({"resource-id": ROUTING, "tag": tag}));
    assert_eq!(summary(&reopened), [1, 4, 1, 2]);
    for bad in
        [json!({"tag": "x"}), json!({"resource-id": "network-map"}), json!({"resource-id": ROUTING, "input": {}})]
    {
        assert_eq!(recommend(&bad).status, 400, "{bad}");
    }
}

#[test]
fn edges_that_do_not_exist_say_why() {
    // Memory for one version only.
    let server = server(&["--max-history-bytes", "0"]);
    let view = open(&server, &json!({"resource-id": ROUTING}));
    let path = path(&view);
    for (cost, version) in COSTS[..2].iter().zip(2..) {
        change_cost(&server, *cost);
        // One by one, because changes that follow each other at once may become one version.
        let now = || summary(&open(&server, &json!({"resource-id": ROUTING})));
        let now = wait_until("the next version", || Some(now()).filter(|now| now[1] == version));
        assert_eq!(now, [version, version, 0, version]);
    }
    for (from, to, status) in [
        ("1", "2", 410),
        ("0", "1", 410),
        ("2", "3", 410),
        ("0", "3", 200),
        ("0", "4", 404),
        ("3", "3", 404),
        ("4", "3", 404),
        ("3", "5", 425),
        ("3", "04", 404),
        ("3", "4.0", 404),
        ("-1", "3", 404),
        ("1003", "1004", 425),
    ] {
        let answer = server.get(&format!("{path}/ug/{from}/{to}"));
        assert_eq!(answer.status, status, "{from} {to}");
        if status != 200 {
            assert_eq!(answer.media_type(), "application/alto-error+json");
            assert_eq!(answer.field("cache-control"), Some("no-store"));
            assert!(answer.json()["meta"]["code"].is_string());
        }
    }
    let other = format!("/tips/{}/ug/0/3", "0".repeat(32));
    assert_eq!(server.get(&other).status, 404);
    let accept =
        |types: &str| Request::new("GET", &format!("{path}/ug/0/3")).field("Accept", types).send(server.address);
    assert_eq!(accept("application/alto-error+json, text/plain").status, 415);
    assert_eq!(accept("application/alto-costmap+json, application/alto-error+json").status, 200);
    for method in ["PUT", "POST", "PATCH", "DELETE"] {
        assert_eq!(Request::new(method, &format!("{path}/ug/0/3")).body("").send(server.address).status, 405);
    }
}

#[test]
fn faulty_requests_for_views_give_the_errors_of_the_resources() {
    let server = server(&[]);
    let refused = |body: &str| {
        let answer = server.post("/tips", PARAMS, body);
        assert_eq!((answer.status, answer.media_type()), (400, "application/alto-error+json"), "{body}");
        answer.json()["meta"].clone()
    };
    assert_eq!(refused("{")["code"], "E_SYNTAX");
    assert_eq!(refused("{}"), json!({"code": "E_MISSING_FIELD", "field": "resource-id"}));
    let unknown = json!({"code": "E_INVALID_FIELD_VALUE", "field": "resource-id", "value": "quay"});
    assert_eq!(refused(r#"{"resource-id":"quay"}"#), unknown);
    let bad = json!({"cost-type": {"cost-mode": "numerical", "cost-metric": "x"}});
    let direct = present(&server, "filtered-cost-map", "/costmap/filtered", Some(&bad))["meta"].clone();
    assert_eq!(refused(&json!({"resource-id": "filtered-cost-map", "input": bad}).to_string()), direct);
}

#[test]
fn views_and_waiting_requests_are_limited() {
    let server = server(&["--max-followed", "1", "--max-streams", "1", "--max-client-share", "100"]);
    let filtered = |pid: &str| json!({"resource-id": "filtered-network-map", "input": {"pids": [pid]}});
    let view = path(&open(&server, &filtered("isp-a-1")));
    let more = server.post("/tips", PARAMS, filtered("isp-a-2").to_string());
    assert_eq!((more.status, more.media_type()), (429, "application/alto-error+json"));
    assert!(more.field("retry-after").is_some());
    let address = server.address;
    let request = Request::new("GET", &format!("{view}/ug/1/2"));
    let waiting = thread::spawn({
        let request = request.clone();
        // A probe has the only place for a moment.
        move || wait_until("a place", || Some(request.send(address)).filter(|answer| answer.status != 429))
    });
    let probe = || server.post("/updates", STREAM_PARAMS, json!({"add": {"n": {"resource-id": "x"}}}).to_string());
    wait_until("a request that waits", || (probe().status == 503).then_some(()));
    let second = request.send(address);
    assert_eq!((second.status, second.media_type()), (429, "application/alto-error+json"));
    // A resource that is asked with GET is not counted.
    open(&server, &json!({"resource-id": "network-map"}));
    server.signal("TERM");
    assert_eq!(waiting.join().unwrap().status, 503);
}

#[test]
fn requests_that_nobody_follows_any_more_make_room_for_others() {
    let server = server(&["--max-followed", "3", "--max-client-share", "100"]);
    let filtered = |pid: &str| json!({"add": {"n": {"resource-id": "filtered-network-map", "input": {"pids": [pid]}}}});
    let open = |pid: &str| Subscriber::open(server.address, &filtered(pid));
    let (_kept, gone, _also_kept) = (open("isp-a-1"), open("isp-a-2"), open("isp-a-3"));
    let refused = server.post("/updates", STREAM_PARAMS, filtered("isp-b-1").to_string());
    assert_eq!((refused.status, refused.field("retry-after").is_some()), (503, true));
    drop(gone);
    let opened = || {
        let answer = server.post(
            "/tips",
            PARAMS,
            json!({"resource-id": "filtered-network-map", "input": {"pids": ["isp-b-1"]}}).to_string(),
        );
        (answer.status == 200).then_some(())
    };
    wait_until("the place of a stream that has ended", opened);
    // Those that are followed have kept theirs.
    let refused = server.post("/updates", STREAM_PARAMS, filtered("isp-b-2").to_string());
    assert_eq!(refused.status, 503);
}

#[test]
fn a_base_uri_of_the_operator_begins_the_uris_of_views() {
    let server = server(&["--base-uri", "https://alto.example/isp/"]);
    let view = open(&server, &json!({"resource-id": ROUTING}));
    assert!(view["tips-view-uri"].as_str().unwrap().starts_with("https://alto.example/isp/tips/"), "{view}");
}
