//! IS-IS: the text of the laboratory's database gives exactly its routers' costs.

use alto_feed::import::isis::import;
use alto_feed::input::Text;
use alto_feed::link_state::topology::Names;

use crate::lab;

#[test]
fn costs_are_the_metrics_of_the_routers_for_every_pair() {
    let (database, hostnames) = (lab::text("r1-isis-database.txt"), lab::text("r1-isis-hostname.txt"));
    let imported = import("lab", &database, Some(&hostnames), &Names::new()).unwrap();
    assert_eq!(lab::costs(&imported.topology, &lab::pids("r")), lab::expected("all-up"));
    assert_eq!(imported.assumptions.count("lans"), 1);
    let link = imported.topology.links.iter().find(|link| link.source == "r5" && link.destination == "r6").unwrap();
    assert_eq!((link.cost, link.bandwidth, link.delay.0), (Some(50.0), 100.0, 8.0));
}

#[test]
fn hostnames_without_system_identifiers_are_an_error_that_says_what_to_add() {
    let error = import("lab", &lab::text("r1-isis-database.txt"), None, &Names::new()).unwrap_err();
    assert!(
        error.to_string().contains(":4:1: the system identifier of \"r1\" is unknown: add the output of"),
        "{error}"
    );
}

#[test]
fn ipv6_prefixes_overloaded_routers_and_dead_lsps_are_understood() {
    let database = "IS-IS Level-2 link-state database:\n\
        0000.0000.0001.00-00 * 100 0x00000001 0x0001 1000 0/0/1\n  \
          Extended Reachability: 0000.0000.0002.00 (Metric: 10)\n  \
          Extended Reachability: 0000.0000.0003.00 (Metric: 16777215)\n  \
          IPv6 Reachability: 2001:db8:1::/48 (Metric: 10)\n\
        0000.0000.0002.00-00   100 0x00000001 0x0001 1000 0/0/0\n  \
          Extended Reachability: 0000.0000.0001.00 (Metric: 20)\n\
        0000.0000.0003.00-00   100 0x00000001 0x0001    0 0/0/0\n  \
          Extended Reachability: 0000.0000.0001.00 (Metric: 20)\n";
    let imported = import("n", &Text::new("f", database), None, &Names::new()).unwrap();
    let links: Vec<_> = imported.topology.links.iter().map(|link| (&*link.source, link.cost)).collect();
    let expected = [("0000-0000-0001-00", Some(10.0 + 16_777_216.0)), ("0000-0000-0002-00", Some(20.0))];
    assert_eq!(links, expected);
    assert_eq!(imported.topology.pids.unwrap()["0000-0000-0001-00"].ipv6, ["2001:db8:1::/48"]);
    assert_eq!(imported.assumptions.count("dead-lsps"), 1);
}
