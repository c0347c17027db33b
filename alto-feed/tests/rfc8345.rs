//! YANG-JSON of RFC 8345 with the metrics of RFC 8346.

use alto_feed::import::rfc8345::import;
use alto_feed::input::Text;
use alto_feed::link_state::topology::Names;

use crate::lab;

fn network(id: &str, links: &str) -> String {
    let node = |id: &str, prefix: &str| {
        format!(
            r#"{{"node-id": "{id}", "ietf-network-topology:termination-point": [{{"tp-id": "1"}}],
               "ietf-l3-unicast-topology:l3-node-attributes": {{"name": "core-{id}", "prefix": [{{"prefix": "{prefix}"}}]}}}}"#
        )
    };
    let nodes = [node("1", "10.1.0.0/16"), node("2", "10.2.0.0/16"), node("3", "2001:db8:3::/48")].join(",");
    format!(r#"{{"network-id": "{id}", "node": [{nodes}], "ietf-network-topology:link": [{links}]}}"#)
}

fn link(from: &str, to: &str, metric: &str) -> String {
    format!(
        r#"{{"link-id": "{from}-{to}", "source": {{"source-node": "{from}", "source-tp": "1"}},
            "destination": {{"dest-node": "{to}", "dest-tp": "1"}},
            "ietf-l3-unicast-topology:l3-link-attributes": {{"metric1": {metric}}}}}"#
    )
}

fn document(networks: &[String]) -> Text {
    Text::new("f", format!(r#"{{"ietf-network:networks": {{"network": [{}]}}}}"#, networks.join(",")))
}

#[test]
fn costs_are_the_metrics_in_both_directions() {
    // 64-bit numbers are texts in YANG-JSON.
    let links = [link("1", "2", "\"10\""), link("2", "1", "30"), link("2", "3", "5"), link("3", "2", "5")].join(",");
    let imported = import(&document(&[network("l3", &links), network("empty", "")]), None, &Names::new()).unwrap();
    let pids = ["core-1", "core-2", "core-3"].map(str::to_owned);
    let expected = [[0.0, 10.0, 15.0], [30.0, 0.0, 5.0], [35.0, 5.0, 0.0]].map(Vec::from);
    assert_eq!(lab::costs(&imported.topology, &pids), expected);
    assert_eq!(imported.topology.pids.unwrap()["core-3"].ipv6, ["2001:db8:3::/48"]);
}

#[test]
fn several_networks_need_a_choice() {
    let links = [link("1", "2", "1"), link("2", "1", "1")].join(",");
    let document = document(&[network("a", &links), network("b", &links)]);
    let error = import(&document, None, &Names::new()).unwrap_err().to_string();
    assert!(error.contains("select one with --network: [\"a\", \"b\"]"), "{error}");
    assert_eq!(import(&document, Some("b"), &Names::new()).unwrap().topology.name, "b");
}
