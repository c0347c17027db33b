//! What clients that follow resources are told: update streams (RFC 8895) and TIPS views (RFC 9569).

mod conformance;
mod control;
mod slow;
mod streams;
pub(crate) mod subscriber;
mod views;

use serde_json::{Value, json};

use crate::support::{Request, Server, data, program};

const TOKEN: &str = "correct-horse-battery-staple";

/// Starts a server whose network can be changed.
fn server(options: &[&str]) -> Server {
    let mut command = program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--topology"]).arg(data("two-isps.json"));
    Server::start(command.args(["--update-interval", "0"]).args(options))
}

/// Sends a request to an operator's resource, which must succeed.
fn admin(server: &Server, method: &str, path: &str, body: &str) -> Value {
    let request = Request::new(method, path).field("Authorization", &format!("Bearer {TOKEN}"));
    let answer = request.field("Content-Type", "application/json").body(body).send(server.address);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Sets the cost of a link between the networks.
fn change_cost(server: &Server, cost: u32) {
    let change = json!({"source": "a2", "destination": "b2", "cost": cost});
    admin(server, "POST", "/admin/links", &change.to_string());
}

/// Gives the network another PID, with a prefix.
fn add_pid(server: &Server, name: &str, prefix: &str) {
    let mut topology: Value = serde_json::from_slice(&std::fs::read(data("two-isps.json")).unwrap()).unwrap();
    topology["pids"][name] = json!({"switches": ["a3"], "ipv4": [prefix]});
    admin(server, "PUT", "/admin/topology", &topology.to_string());
}

/// Returns the resources that a service follows, each with its path and the request that it is asked with.
fn followed(server: &Server, service: &str) -> Vec<(String, String, Option<Value>)> {
    let directory = server.get("/directory").alto("directory");
    let cost_type = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
    let endpoints = json!({"srcs": ["ipv4:127.1.1.1"], "dsts": ["ipv4:127.2.2.7", "ipv4:127.2.3.8"]});
    let uses = directory["resources"][service]["uses"].as_array().unwrap();
    let resource = |id: &Value| {
        let id = id.as_str().unwrap();
        let input = match id {
            "filtered-network-map" => Some(json!({"pids": ["isp-a-1", "extra"]})),
            "filtered-cost-map" => Some(json!({"cost-type": cost_type, "constraints": ["ge 5"]})),
            "endpoint-cost" => Some(json!({"cost-type": cost_type, "endpoints": endpoints})),
            "endpoint-property" => {
                Some(json!({"properties": ["network-map.pid"], "endpoints": ["ipv4:127.1.1.1", "ipv4:127.2.2.7"]}))
            }
            "filtered-property-map" => {
                Some(json!({"entities": ["ipv4:127.2.2.7", "ipv4:127.2.0.0/16"], "properties": []}))
            }
            _ => None,
        };
        let path = format!("/{}", directory["resources"][id]["uri"].as_str().unwrap());
        (id.to_owned(), path, input)
    };
    uses.iter().map(resource).collect()
}

/// Reads a resource as it is now.
fn present(server: &Server, id: &str, path: &str, input: Option<&Value>) -> Value {
    let Some(input) = input else { return server.get(path).json() };
    let params = match id {
        "filtered-network-map" => "networkmapfilter",
        "filtered-cost-map" => "costmapfilter",
        "endpoint-cost" => "endpointcostparams",
        "endpoint-property" => "endpointpropparams",
        _ => "propmapparams",
    };
    server.post(path, &format!("application/alto-{params}+json"), input.to_string()).json()
}

/// Tells whether a followed document is the present one. Where nothing but the tag is newer, no update was sent.
fn is_present(followed: &Value, present: &Value) -> bool {
    let mut present = present.clone();
    if let Some(tag) = followed.pointer("/meta/vtag/tag")
        && present.pointer("/meta/vtag/tag").is_some()
    {
        present["meta"]["vtag"]["tag"] = tag.clone();
    }
    *followed == present
}
