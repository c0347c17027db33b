//! The example network and the service that publishes it, with documentation addresses only.
//!
//! The data contain the traps of RFC 7285. `nm-a` has prefixes nested across PIDs, a PID without IPv6 and one without
//! IPv4, costs that differ by direction and costs that are undefined, two of them for a PID that has costs to everything
//! else. `nm-b` has IPv4 only, and covers it without a default prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Value, json};

use super::cost_query::Offer;
use super::cost_type::{Costs, ServedCostType};
use super::network::{Network, ServedMap};
use super::property_map::{Domain, Properties};
use super::resource::{ResourceKind, ServedDirectory, ServedResource};
use super::service::{Hooks, Service};

impl Network {
    /// Returns the example network.
    pub fn fixture() -> Self {
        let a = map(
            "nm-a",
            &[
                ("pidA", "192.0.2.0/24 198.51.100.0/25 2001:db8:a::/48"),
                ("pidB", "192.0.2.128/25 192.0.2.7/32 2001:db8:a:b::/64"),
                ("pidC", "198.51.100.128/25"),
                ("pidD", "2001:db8:d::/48"),
                ("pidZ", "0.0.0.0/0 ::/0"),
            ],
            &["0 1.5 5 7 20", "2 0 5 - 20", "5 5 0 9 30", "7 - 9 0 -", "20 20 30 40 -"],
        );
        let b = map("nm-b", &[("west", "0.0.0.0/1"), ("east", "128.0.0.0/1")], &["1 10", "20 2"]);
        let fiber = BTreeMap::from([(IpAddr::from([192, 0, 2, 7]), Value::from("fiber"))]);
        let properties = BTreeMap::from([("priv:x-link".into(), fiber)]);
        Self { maps: vec![a, b], properties, absent: BTreeSet::new() }
    }
}

/// Parses a network map from the prefixes of each PID and a cost matrix.
fn map(id: &str, pids: &[(&str, &str)], costs: &[&str]) -> ServedMap {
    let prefixes = |text: &str| text.split_whitespace().filter_map(|prefix| prefix.parse().ok()).collect();
    let names: Vec<_> = pids.iter().map(|(pid, _)| *pid).collect();
    ServedMap {
        id: id.into(),
        pids: pids.iter().map(|(pid, text)| ((*pid).to_owned(), prefixes(text))).collect(),
        costs: matrix(&names, costs),
        metrics: BTreeMap::new(),
    }
}

/// Parses a cost matrix with a row and a column per PID, where `-` is an undefined cost.
pub(super) fn matrix(pids: &[&str], rows: &[&str]) -> Costs {
    let cells = pids.iter().zip(rows).flat_map(|(source, row)| {
        let row = pids.iter().zip(row.split_whitespace());
        row.filter_map(|(destination, cost)| {
            Some((((*source).to_owned(), (*destination).to_owned()), cost.parse().ok()?))
        })
    });
    cells.collect()
}

impl Properties {
    /// Returns the example property map: nested prefixes, prefixes split in two, null values, PIDs, and the addresses of
    /// one network map.
    pub fn fixture() -> Self {
        let v4 = [
            ("192.0.2.0/24", json!({ ".priv:x-tier": "gold", ".priv:x-site": "ams" })),
            ("192.0.2.128/26", json!({ ".priv:x-site": "ber" })),
            ("192.0.2.160/27", json!({ ".priv:x-tier": null })),
            ("192.0.2.200", json!({ ".priv:x-tier": "bronze" })),
            ("198.51.100.0/25", json!({ ".priv:x-tier": "tin" })),
            ("198.51.100.128/25", json!({ ".priv:x-tier": "lead" })),
        ];
        let v6 = [
            ("2001:db8:a::/48", json!({ ".priv:x-tier": "gold" })),
            ("2001:db8:a:b::/64", json!({ ".priv:x-tier": null })),
        ];
        let pids = [("pidA", json!({ ".priv:x-site": "ams" })), ("pidB", json!({ ".priv:x-site": "ber" }))];
        Self {
            domains: vec![
                Domain::parse("ipv4", ".priv:x-tier .priv:x-site nm-a.pid nm-b.pid", &v4),
                Domain::parse("ipv6", ".priv:x-tier nm-a.pid", &v6),
                Domain::parse("nm-a.pid", ".priv:x-site", &pids),
                Domain::parse("nm-b.ipv4", "nm-b.pid", &[]),
            ],
        }
    }
}

impl Service {
    /// Returns the example service below a path prefix: the root directory, and a directory `sub` with the cost map of
    /// the second network map.
    pub fn fixture(prefix: &str) -> Self {
        let both = vec![ServedCostType::numerical(), ServedCostType::ordinal()];
        let constrainable = Offer { cost_types: both, constraints: true, ..Offer::default() };
        let basic = Offer { cost_types: vec![ServedCostType::numerical()], ..Offer::default() };
        let map = |id: &str| id.to_owned();
        let kinds = [
            ("nm-a", "maps/a", ResourceKind::NetworkMap(map("nm-a"))),
            ("nm-b", "maps/b", ResourceKind::NetworkMap(map("nm-b"))),
            ("cm-a-num", "costs/a", ResourceKind::CostMap(map("nm-a"), ServedCostType::numerical())),
            ("cm-a-ord", "costs/a/ranks", ResourceKind::CostMap(map("nm-a"), ServedCostType::ordinal())),
            ("fnm-a", "maps/a/filtered", ResourceKind::FilteredNetworkMap(map("nm-a"))),
            ("fcm-a", "costs/a/filtered", ResourceKind::FilteredCostMap(map("nm-a"), constrainable.clone())),
            ("fcm-a-nc", "costs/a/filtered/plain", ResourceKind::FilteredCostMap(map("nm-a"), basic.clone())),
            (
                "eps",
                "endpoints/properties",
                ResourceKind::EndpointProperty(vec!["nm-a.pid".into(), "nm-b.pid".into(), "priv:x-link".into()]),
            ),
            ("ecs", "endpoints/costs", ResourceKind::EndpointCost(constrainable)),
            ("ecs-nc", "endpoints/costs/plain", ResourceKind::EndpointCost(basic)),
            ("cm-b-num", "more/costs/b", ResourceKind::CostMap(map("nm-b"), ServedCostType::numerical())),
        ];
        let entry = |(id, path, _): &(&str, &str, ResourceKind)| ((*id).to_owned(), (*path).to_owned());
        let mut entries: Vec<_> = kinds[..10].iter().map(entry).collect();
        entries.push(("sub".into(), "more/directory".into()));
        let root = ServedDirectory {
            id: "root".into(),
            path: format!("{prefix}/directory"),
            default_map: Some("nm-a".into()),
            cost_types: vec![
                ("num-routing".into(), ServedCostType::numerical()),
                ("ord-routing".into(), ServedCostType::ordinal()),
            ],
            entries,
        };
        let sub = ServedDirectory {
            id: "sub".into(),
            path: format!("{prefix}/more/directory"),
            default_map: None,
            cost_types: vec![("num-routing".into(), ServedCostType::numerical())],
            entries: vec![("cm-b-num".into(), "costs/b".into())],
        };
        let resource = |(id, path, kind): (&str, &str, ResourceKind)| ServedResource {
            id: id.into(),
            path: format!("{prefix}/{path}"),
            kind,
        };
        Self {
            network: Network::fixture(),
            directories: vec![root, sub],
            resources: kinds.map(resource).into(),
            hooks: Hooks::default(),
            updates: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cost_type::in_mode;
    use super::*;

    #[test]
    fn the_longest_prefix_determines_the_pid() {
        let network = Network::fixture();
        for (address, a, b) in [
            ("192.0.2.1", "pidA", Some("east")),
            ("192.0.2.7", "pidB", Some("east")),
            ("192.0.2.200", "pidB", Some("east")),
            ("198.51.100.1", "pidA", Some("east")),
            ("198.51.100.200", "pidC", Some("east")),
            ("203.0.113.1", "pidZ", Some("east")),
            ("10.0.0.1", "pidZ", Some("west")),
            ("2001:db8:a::1", "pidA", None),
            ("2001:db8:a:b::1", "pidB", None),
            ("2001:db8:d::1", "pidD", None),
            ("2001:db8:ffff::1", "pidZ", None),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(network.maps[0].pid_of(address), Some(a), "{address}");
            assert_eq!(network.maps[1].pid_of(address), b, "{address}");
        }
    }

    #[test]
    fn every_prefix_and_cost_of_the_fixture_parses() {
        let network = Network::fixture();
        assert_eq!(network.maps[0].costs.len(), 21);
        assert_eq!(network.maps[0].cost("pidB", "pidD"), None);
        assert_eq!(network.maps[0].cost("pidB", "pidA"), Some(2.0));
        assert_eq!(network.maps[0].pids.values().map(Vec::len).sum::<usize>(), 10);
        let ranks = in_mode("ordinal", &network.maps[0].costs);
        assert_eq!(ranks[&("pidA".to_owned(), "pidB".to_owned())], 2);
    }
}
