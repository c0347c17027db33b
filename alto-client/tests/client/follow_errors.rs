//! Errors while resources are followed: those that may pass are told once and waited for, others end the wait.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use alto_client::Error;
use alto_client::follow::{Followed, Follower, Way};
use serde_json::json;
use test_support::scripted_server::{Reply, Script};

use super::{builder, directory, network_map, network_map_entry, post_entry};

/// A server whose network map is followed in these ways, and what is heard of losses.
fn follower(ways: &[Way]) -> (Script, Follower, Arc<Mutex<Vec<String>>>) {
    let server = Script::start();
    let mut tips = post_entry("tips", "tips", "tipsparams", &json!({"incremental-change-media-types": {}}));
    tips["uses"] = json!(["nm"]);
    let filter = post_entry("filter", "costmapfilter", "costmapfilter", &json!({"cost-type-names": ["num"]}));
    server.on("GET /ird", [directory(&json!({"nm": network_map_entry(), "tips": tips, "filter": filter}))]);
    let view = json!({"tips-view-uri": "/view/1", "tips-view-summary": {
        "updates-graph-summary": {"start-seq": 0, "end-seq": 1, "start-edge-rec": {"seq-i": 0, "seq-j": 1}}}});
    server.on("POST /tips", [Reply::alto("tips", &view)]);
    let list = vec![Followed { resource_id: "nm".parse().unwrap(), input: None }];
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let listening = Arc::clone(&heard);
    let follower = builder(&server).build().unwrap().follow(list).by(ways).interval(Duration::from_millis(10));
    (server, follower.on_loss(move |error| listening.lock().unwrap().push(error.to_string())), heard)
}

#[test]
fn an_error_that_may_pass_is_told_once_and_waited_for() {
    let (server, mut follower, heard) = follower(&[Way::Polling]);
    let bad = || Reply::status(502);
    server.on("GET /nm", [bad(), bad(), Reply::status(504), network_map("1")]);
    assert!(follower.update().unwrap().is_first);
    let uri = server.uri("/nm");
    let expected = [502, 504].map(|status| format!("{uri}: HTTP status {status}"));
    assert_eq!(*heard.lock().unwrap(), expected);
    assert_eq!(server.asked("GET /nm").len(), 4);
}

#[test]
fn a_proxy_that_fails_views_is_told_once_and_left_for_another_way() {
    let (server, mut follower, heard) = follower(&[Way::Views, Way::Polling]);
    server.on("GET /view/1/ug/0/1", [Reply::status(502)]);
    server.on("GET /nm", [network_map("1")]);
    assert_eq!(follower.update().unwrap().way, Way::Polling);
    assert_eq!(server.asked("GET /view/1/ug/0/1").len(), 3);
    assert_eq!(*heard.lock().unwrap(), [format!("{}: HTTP status 502", server.uri("/view/1/ug/0/1"))]);
}

#[test]
fn an_error_that_stays_ends_the_wait() {
    // The view is where no proxy passes it on: it may be gone once or twice, but not always.
    let (server, mut by_views, _) = follower(&[Way::Views]);
    server.on("GET /view/1/ug/0/1", [Reply::status(404)]);
    let error = by_views.update().unwrap_err();
    assert_eq!((error.status(), error.uri()), (Some(404), Some(server.uri("/view/1/ug/0/1").as_str())));
    assert_eq!(server.asked("POST /tips").len(), 3);

    let (server, mut asked, heard) = follower(&[Way::Stream, Way::Views, Way::Polling]);
    let refusal = json!({"meta": {"code": "E_INVALID_FIELD_VALUE", "field": "tag"}});
    server.on("POST /tips", [Reply::alto("error", &refusal).with_status(400)]);
    server.on("GET /nm", [Reply::status(403)]);
    assert_eq!(asked.update().unwrap_err().status(), Some(403));
    assert_eq!((server.asked("POST /tips").len(), server.asked("GET /nm").len()), (1, 1));
    assert!(heard.lock().unwrap().is_empty(), "{heard:?}");
}

#[test]
fn a_resource_that_answers_requests_is_not_followed_without_one() {
    let (server, mut follower, _) = follower(&[Way::Stream, Way::Views, Way::Polling]);
    follower.follow_instead(vec![Followed { resource_id: "filter".parse().unwrap(), input: None }]);
    let error = follower.update().unwrap_err();
    assert!(matches!(error, Error::NoRequest { .. }) && error.to_string().contains("--input"), "{error}");
    assert_eq!(server.seen().len(), 1, "the directory");
}
