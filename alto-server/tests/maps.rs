//! Several network maps: resources of each, properties of all, updates, and what may change while the server runs.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Answer, Request, Server, data};
use crate::updates::subscriber::{Subscriber, resources};

const TOKEN: &str = "correct-horse-battery-staple";

fn start(topology: &Path) -> Server {
    let mut command = crate::support::program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--map-interval", "0", "--topology"]);
    Server::start(command.arg(topology))
}

fn server() -> Server {
    start(&data("two-maps.json"))
}

fn admin(server: &Server, method: &str, path: &str, media_type: &str, body: &str) -> Answer {
    let request = Request::new(method, path).field("Authorization", &format!("Bearer {TOKEN}"));
    request.field("Content-Type", media_type).body(body).send(server.address)
}

fn raise_cost(server: &Server, cost: u32) {
    let change = json!({"source": "north", "destination": "centre", "cost": cost}).to_string();
    let answer = admin(server, "POST", "/admin/links", "application/json", &change);
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn file() -> Value {
    serde_json::from_slice(&std::fs::read(data("two-maps.json")).unwrap()).unwrap()
}

const ACCESS: &str = "/maps/access/costmap/numerical/routingcost";

#[test]
fn every_cost_map_uses_exactly_one_network_map() {
    let server = server();
    let directory = server.get("/directory").alto("directory");
    assert_eq!(directory["meta"]["default-alto-network-map"], "network-map");
    let entries = directory["resources"].as_object().unwrap();
    // Beside those of a server with one map: the network map, its filtered variant, the filtered cost map, and cost maps
    // of seven metrics in two modes.
    assert_eq!(entries.len(), 23 + 17);
    for (id, entry) in entries.iter().filter(|(id, _)| id.contains("cost-map")) {
        let map = if id.contains("-access") { "network-map-access" } else { "network-map" };
        assert_eq!(entry["uses"], json!([map]), "{id}");
        assert_eq!(entry["uri"].as_str().unwrap().starts_with("maps/access/"), map == "network-map-access", "{id}");
        if entry.get("accepts").is_none() {
            let path = format!("/{}", entry["uri"].as_str().unwrap());
            let answer = server.get(&path).alto("costmap");
            assert_eq!(answer["meta"]["dependent-vtags"][0]["resource-id"], map, "{id}");
            assert_eq!(answer["meta"]["vtag"]["resource-id"], id.as_str());
        }
    }
}

#[test]
fn a_further_map_answers_for_its_own_pids() {
    let server = server();
    let map = server.get("/maps/access/networkmap").alto("networkmap");
    let pids: Vec<_> = map["network-map"].as_object().unwrap().keys().collect();
    assert_eq!(pids, ["default", "dsl", "fibre"]);
    let vtag = &map["meta"]["vtag"];
    assert_eq!(vtag["resource-id"], "network-map-access");

    let filtered = json!({"pids": ["dsl", "north"]}).to_string();
    let filtered = server.post("/maps/access/networkmap/filtered", "application/alto-networkmapfilter+json", filtered);
    let filtered = filtered.alto("networkmap");
    assert_eq!(filtered["network-map"], json!({"dsl": map["network-map"]["dsl"]}), "PIDs of the other map are unknown");
    assert_eq!(&filtered["meta"]["vtag"], vtag);

    let cost_type = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
    let some = json!({"cost-type": cost_type, "pids": {"srcs": ["fibre", "north"], "dsts": ["dsl"]}}).to_string();
    let some = server.post("/maps/access/costmap/filtered", "application/alto-costmapfilter+json", some);
    let some = some.alto("costmap");
    let whole = server.get(ACCESS).alto("costmap");
    assert_eq!(some["cost-map"], json!({"fibre": {"dsl": whole["cost-map"]["fibre"]["dsl"]}}));
    assert_eq!(some["meta"]["dependent-vtags"], json!([vtag]));
    assert_eq!(some["meta"]["vtag"]["resource-id"], "filtered-cost-map-access");
}

#[test]
fn endpoints_have_a_pid_in_every_map() {
    let server = server();
    let ask = |properties: Value| {
        let body = json!({"properties": properties, "endpoints": ["ipv4:192.0.2.129", "ipv4:203.0.113.1"]}).to_string();
        server.post("/endpointprop/lookup", "application/alto-endpointpropparams+json", body).alto("endpointprop")
    };
    let answer = ask(json!(["network-map-access.pid", "network-map.pid"]));
    let expected = json!({
        "ipv4:192.0.2.129": {"network-map.pid": "north", "network-map-access.pid": "dsl"},
        "ipv4:203.0.113.1": {"network-map.pid": "default", "network-map-access.pid": "default"},
    });
    assert_eq!(answer["endpoint-properties"], expected);
    let vtag = |path: &str| server.get(path).alto("networkmap")["meta"]["vtag"].clone();
    let (own, access) = (vtag("/networkmap"), vtag("/maps/access/networkmap"));
    assert_eq!(answer["meta"]["dependent-vtags"], json!([own, access]));
    assert_eq!(ask(json!(["network-map-access.pid"]))["meta"]["dependent-vtags"], json!([access]), "only what is used");
}

#[test]
fn costs_of_every_map_follow_links_and_the_maps_stay() {
    let server = server();
    let before = [ACCESS, "/costmap/numerical/routingcost"].map(|path| server.get(path).alto("costmap"));
    let maps =
        ["/maps/access/networkmap", "/networkmap"].map(|path| server.get(path).field("etag").unwrap().to_owned());
    raise_cost(&server, 5000);
    let after = [ACCESS, "/costmap/numerical/routingcost"].map(|path| server.get(path).alto("costmap"));
    for (before, after) in before.iter().zip(&after) {
        assert_ne!(before["cost-map"], after["cost-map"]);
        assert_ne!(before["meta"]["vtag"], after["meta"]["vtag"]);
        assert_eq!(before["meta"]["dependent-vtags"], after["meta"]["dependent-vtags"]);
    }
    let now = ["/maps/access/networkmap", "/networkmap"].map(|path| server.get(path).field("etag").unwrap().to_owned());
    assert_eq!(now, maps);
}

#[test]
fn prefixes_of_feeds_belong_to_the_default_map() {
    let server = server();
    let tag = |path: &str| server.get(path).alto("networkmap")["meta"]["vtag"]["tag"].clone();
    let before = [tag("/networkmap"), tag("/maps/access/networkmap")];
    let answer = admin(&server, "PUT", "/admin/prefixes/bgp?sequence=1", "text/plain", "203.0.113.0/24 south\n");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_ne!(tag("/networkmap"), before[0]);
    assert_eq!(tag("/maps/access/networkmap"), before[1]);
    let refused = admin(&server, "PUT", "/admin/prefixes/bgp?sequence=2", "text/plain", "203.0.113.0/24 dsl\n");
    assert!((400..500).contains(&refused.status), "a PID of another map is unknown: {refused:?}");
}

#[test]
fn updates_of_every_map_are_told() {
    let server = server();
    let ids = ["network-map-access", "cost-map-access-routingcost", "cost-map-routingcost"];
    let mut subscriber = Subscriber::open(server.address, &resources(&ids));
    subscriber.control_uri();
    for _ in ids {
        subscriber.event();
    }
    raise_cost(&server, 5000);
    let (access, own) = (server.get(ACCESS).json(), server.get("/costmap/numerical/routingcost").json());
    subscriber.event();
    subscriber.event();
    assert_eq!(subscriber.documents["cost-map-access-routingcost"], access);
    assert_eq!(subscriber.documents["cost-map-routingcost"], own);
    assert_eq!(subscriber.documents["network-map-access"], server.get("/maps/access/networkmap").json());
}

#[test]
fn the_names_of_the_maps_stay_while_the_server_runs() {
    let server = server();
    let directory = server.get("/directory").alto("directory");
    let mut other = file();
    other["maps"]["more"] = json!({});
    let refused = admin(&server, "PUT", "/admin/topology", "application/json", &other.to_string());
    assert!((400..500).contains(&refused.status), "{refused:?}");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("has access, more") && detail.contains("restart"), "{detail}");
    assert_eq!(server.get("/directory").alto("directory"), directory);

    let mut same = file();
    same["maps"]["access"] = json!({"all": {"ipv4": ["192.0.2.0/24"]}});
    let answer = admin(&server, "PUT", "/admin/topology", "application/json", &same.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let map = server.get("/maps/access/networkmap").alto("networkmap");
    assert_eq!(map["network-map"]["all"], json!({"ipv4": ["192.0.2.0/24"]}));
    assert_eq!(server.get(ACCESS).alto("costmap")["meta"]["dependent-vtags"], json!([map["meta"]["vtag"]]));
}

#[test]
fn a_reload_of_a_file_with_other_maps_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topo.json");
    std::fs::write(&path, file().to_string()).unwrap();
    let server = start(&path);
    let mut other = file();
    other["maps"] = json!({});
    std::fs::write(&path, other.to_string()).unwrap();
    let refused = admin(&server, "POST", "/admin/reload", "application/json", "");
    assert!((400..500).contains(&refused.status), "{refused:?}");
    assert_eq!(server.get("/maps/access/networkmap").status, 200);
    std::fs::write(&path, file().to_string().replace("192.0.2.128/25", "192.0.2.192/26")).unwrap();
    assert_eq!(admin(&server, "POST", "/admin/reload", "application/json", "").status, 200);
    let map = server.get("/maps/access/networkmap").alto("networkmap");
    assert_eq!(map["network-map"]["dsl"]["ipv4"][0], "192.0.2.192/26");
}

#[test]
fn three_maps_pass_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topo.json");
    let mut three = file();
    three["maps"]["hosts"] = json!({
        "n1": {"switches": ["north"], "ipv4": ["192.0.2.1/32"]},
        "rest": {"switches": ["centre"], "ipv4": ["192.0.2.0/24", "198.51.100.0/24"], "ipv6": ["2001:db8::/32"]},
    });
    std::fs::write(&path, three.to_string()).unwrap();
    let server = start(&path);
    let directory = format!("http://{}/directory", server.address);
    let only = ["rfc7285/6", "rfc7285/9", "rfc7285/10", "rfc7285/11", "rfc8189", "rfc9240"].map(str::to_owned).to_vec();
    let timeout = crate::conformance::TIMEOUT;
    let options = rfc_conformance::Options { strict: true, only, timeout, ..rfc_conformance::Options::new(&directory) };
    let report = rfc_conformance::run(&options);
    assert_eq!(report.could_not_run, None);
    assert_eq!(report.failures().count(), 0, "{}", report.to_text(false));
}
