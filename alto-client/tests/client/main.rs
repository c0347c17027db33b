//! Tests of the ALTO client: with a real server, and with answers that no server should give but some do.
#![allow(clippy::float_cmp, reason = "every number is exact")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "modules of one test program")]

mod answers;
mod authentication;
mod caching;
mod closure;
mod endpoints;
mod exchanges;
mod follow;
mod follow_errors;
mod follow_losses;
mod multi_cost;
mod real_server;

use std::net::IpAddr;

use alto_client::{Client, ClientBuilder};
use alto_types::TypedEndpointAddr;
use serde_json::{Value, json};
use test_support::scripted_server::{Reply, Script};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn endpoint(text: &str) -> TypedEndpointAddr {
    TypedEndpointAddr(ip(text))
}

fn endpoints<const N: usize>(list: [&str; N]) -> Vec<TypedEndpointAddr> {
    list.map(endpoint).to_vec()
}

/// A client of a scripted server whose directory is at `/ird`.
fn client(server: &Script) -> Client {
    builder(server).build().unwrap()
}

fn builder(server: &Script) -> ClientBuilder {
    Client::builder(&server.uri("/ird"))
}

/// A directory with these resources, the usual cost types, and `nm` as default network map.
fn directory(resources: &Value) -> Reply {
    let cost_types = json!({
        "num": {"cost-metric": "routingcost", "cost-mode": "numerical"},
        "ord": {"cost-metric": "routingcost", "cost-mode": "ordinal"},
        "hops": {"cost-metric": "hopcount", "cost-mode": "numerical"},
    });
    let meta = json!({"cost-types": cost_types, "default-alto-network-map": "nm"});
    Reply::alto("directory", &json!({"meta": meta, "resources": resources}))
}

fn network_map_entry() -> Value {
    json!({"uri": "nm", "media-type": "application/alto-networkmap+json"})
}

fn cost_map_entry(uri: &str, cost_type: &str) -> Value {
    json!({"uri": uri, "media-type": "application/alto-costmap+json", "uses": ["nm"],
           "capabilities": {"cost-type-names": [cost_type]}})
}

/// An entry that is asked by POST: kinds as in the media types, such as `costmap` and `costmapfilter`.
fn post_entry(uri: &str, kind: &str, accepts: &str, capabilities: &Value) -> Value {
    json!({"uri": uri, "media-type": format!("application/alto-{kind}+json"),
           "accepts": format!("application/alto-{accepts}+json"), "capabilities": capabilities, "uses": ["nm"]})
}

fn network_map(tag: &str) -> Reply {
    let map = json!({"a": {"ipv4": ["10.0.0.0/8"]}, "b": {"ipv4": ["0.0.0.0/0"]}});
    Reply::alto("networkmap", &json!({"meta": {"vtag": {"resource-id": "nm", "tag": tag}}, "network-map": map}))
}

fn cost_map(tag: &str, mode: &str, costs: &Value) -> Reply {
    let meta = json!({"dependent-vtags": [{"resource-id": "nm", "tag": tag}],
                      "cost-type": {"cost-metric": "routingcost", "cost-mode": mode}});
    Reply::alto("costmap", &json!({"meta": meta, "cost-map": costs}))
}

fn endpoint_costs(mode: &str, costs: &Value) -> Reply {
    let meta = json!({"cost-type": {"cost-metric": "routingcost", "cost-mode": mode}});
    Reply::alto("endpointcost", &json!({"meta": meta, "endpoint-cost-map": costs}))
}
