//! The registry of peers over HTTP.

mod durability;
mod invalid_requests;
mod limits;
mod listing;
mod registration;

use std::path::Path;

use crate::support::swarm::{Peer, id};
use crate::support::{Answer, Server};
use serde_json::Value;

/// Serves two-isps.json with additional arguments.
fn start(more: &[&str]) -> Server {
    Server::of_with("two-isps.json", more)
}

/// Serves with a state folder.
fn start_with_state(state: &Path, more: &[&str]) -> Server {
    start(&[&["--state", state.to_str().unwrap()], more].concat())
}

/// Body of a JSON answer with status 200.
#[track_caller]
fn good(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.media_type()), (200, "application/json"), "{answer:?}");
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    answer.json()
}

/// Member `detail` of a problem document with the given status.
#[track_caller]
fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!((answer.status, answer.media_type()), (status, "application/problem+json"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["status"], status);
    assert!(body["title"].is_string());
    body["detail"].as_str().unwrap().to_owned()
}

/// Sorted names of the holders in a list.
fn names(holders: &Value) -> Vec<String> {
    let mut names: Vec<_> =
        holders.as_array().unwrap().iter().map(|holder| holder["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Sorted names of the holders of a file; empty if the file is unknown.
fn holders(peer: &Peer, file: u64) -> Vec<String> {
    let answer = peer.get(&format!("/swarm/files/{}/holders", id(file)));
    if answer.status == 404 { Vec::new() } else { names(&good(&answer)["holders"]) }
}
