//! OSPF: the laboratory's databases give exactly its routers' costs.

use alto_feed::import::Imported;
use alto_feed::import::ospf::import;
use alto_feed::input::Text;
use alto_feed::link_state::topology::Names;

use crate::lab;

fn lab(files: [&str; 2]) -> Imported {
    let files = files.map(lab::text);
    import("lab", &files, Some(&lab::text("r1-ospf-te.json")), &Names::new()).unwrap()
}

#[test]
fn costs_are_the_metrics_of_the_routers_for_every_pair() {
    for files in [["r1-ospf-router.json", "r1-ospf-network.json"], ["r1-ospf-router.txt", "r1-ospf-network.txt"]] {
        let imported = lab(files);
        let costs = lab::costs(&imported.topology, &lab::pids("10-255-0-"));
        assert_eq!(costs, lab::expected("all-up"), "{files:?}");
    }
}

#[test]
fn text_and_json_give_the_same_topology() {
    let json = lab(["r1-ospf-router.json", "r1-ospf-network.json"]);
    assert_eq!(lab(["r1-ospf-router.txt", "r1-ospf-network.txt"]), json);
    assert_eq!(json.assumptions.count("lans"), 1);
    // The TE database has one half edge for the LAN instead of one for each of its three routers.
    let warning = "2 interfaces have no bandwidth, 1000 Mbit/s is taken; 2 interfaces have no delay, 1 ms is taken";
    assert_eq!(json.assumptions.warning().as_deref(), Some(warning));
}

#[test]
fn interfaces_have_bandwidth_and_delay_of_the_te_database() {
    let file = lab(["r1-ospf-router.json", "r1-ospf-network.json"]).topology;
    let link = |from: &str, to: &str| {
        let link = file.links.iter().find(|link| link.source == from && link.destination == to).unwrap();
        (link.cost, link.bandwidth, link.delay.0)
    };
    assert_eq!(link("10-255-0-4", "10-255-0-2"), (Some(30.0), 10_000.0, 4.0));
    assert_eq!(link("10-255-0-2", "10-255-0-4"), (Some(10.0), 10_000.0, 4.0));
    assert_eq!(link("10-255-0-5", "lan-10-0-100-6"), (Some(10.0), 1000.0, 0.1));
    assert_eq!(link("lan-10-0-100-6", "10-255-0-5"), (Some(0.0), 1000.0, 0.0));
}

#[test]
fn routers_and_lans_have_the_prefixes_that_only_they_reach() {
    let pids = lab(["r1-ospf-router.json", "r1-ospf-network.json"]).topology.pids.unwrap();
    assert_eq!(pids["10-255-0-3"].ipv4, ["10.3.0.1/32", "10.255.0.3/32"]);
    assert_eq!(pids["lan-10-0-100-6"].ipv4, ["10.0.100.0/24"]);
    let all: Vec<_> = pids.values().flat_map(|pid| &pid.ipv4).collect();
    assert_eq!(all.len(), 13, "subnets between routers belong to no PID: {all:?}");
}

#[test]
fn adjacencies_need_both_ends_and_dead_lsas_count_for_nothing() {
    let router = |id: u8, age: u32, links: &[(u8, u32)]| {
        let links: Vec<String> = links
            .iter()
            .enumerate()
            .map(|(number, (to, metric))| {
                format!(
                    r#""link{number}": {{"linkType": "another Router (point-to-point)", "neighborRouterId": "10.0.0.{to}",
                       "routerInterfaceAddress": "10.1.{id}.{number}", "tos0Metric": {metric}}}"#
                )
            })
            .collect();
        format!(r#"{{"lsaAge": {age}, "advertisingRouter": "10.0.0.{id}", "routerLinks": {{{}}}}}"#, links.join(","))
    };
    let lsas = [
        router(1, 10, &[(2, 5), (2, 7), (3, 1), (4, 1)]),
        router(2, 10, &[(1, 65535)]),
        router(3, 10, &[]),
        router(4, 3600, &[(1, 1)]),
    ];
    let json = format!(r#"{{"routerLinkStates": {{"areas": {{"0.0.0.0": [{}]}}}}}}"#, lsas.join(","));
    let imported = import("n", &[Text::new("f", json)], None, &Names::new()).unwrap();
    let links: Vec<_> =
        imported.topology.links.iter().map(|link| (&*link.source, &*link.destination, link.cost)).collect();
    let expected = [("10-0-0-1", "10-0-0-2", 5.0), ("10-0-0-1", "10-0-0-2", 7.0), ("10-0-0-2", "10-0-0-1", 65535.0)];
    assert_eq!(links, expected.map(|(from, to, cost)| (from, to, Some(cost))));
    assert_eq!((imported.assumptions.count("one-way"), imported.assumptions.count("dead-lsas")), (2, 1));
    assert_eq!(imported.topology.switches.len(), 3);
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place_and_a_remedy() {
    let cases = [
        ("{\"routerId\": \"10.0.0.1\"}", "f: has neither \"routerLinkStates\" nor"),
        (
            "{\"routerLinkStates\": {\"areas\": {\"0\": [{\"lsaAge\": 1,\n \"advertisingRouter\": \"x\"}]}}}",
            "f:2:25: routerLinkStates.areas.0[0].advertisingRouter: \"x\" is not an IPv4 address: use one such as",
        ),
        ("OSPFv3 Router with ID (1.1.1.1)", "is the database of OSPFv3, which is not supported"),
        (
            "        Area Scoped Link State Database (Area 0.0.0.0)\n\nAge:   10 Type: Router\nLink State ID: 0.0.0.0\n",
            "is the database of OSPFv3, which is not supported",
        ),
        ("{\"areaScopedLinkStateDb\":[{\"areaId\":\"0.0.0.0\"}]}", "is the database of OSPFv3, which is not supported"),
        ("nothing", "f: has neither a router LSA nor a network LSA"),
        (
            "  Link State ID: 10.0.0.1\n   Number of Links: 1\n    Link connected to: Stub Network\n       TOS 0 Metric: ten",
            "f:4:22: \"ten\"",
        ),
    ];
    for (content, expected) in cases {
        let error = import("n", &[Text::new("f", content)], None, &Names::new()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
