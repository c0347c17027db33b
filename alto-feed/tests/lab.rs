//! The laboratory of six FRR routers whose outputs are in `data/frr-lab`, and the costs its routers compute.

use std::path::PathBuf;

use alto_feed::input::{Text, read_text};
use topo::file::TopologyFile;
use topo::{Metric, Topology, View};

/// Path of a file of the laboratory.
pub(crate) fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data/frr-lab", name].iter().collect()
}

pub(crate) fn text(name: &str) -> Text {
    read_text(&path(name)).unwrap()
}

/// Costs between all routers, in the order of their numbers, as the routers' own routes have them.
pub(crate) fn expected(state: &str) -> Vec<Vec<f64>> {
    let all: serde_json::Value = text("expected-costs.json").json().unwrap();
    serde_json::from_value(all[state].clone()).unwrap()
}

/// Routing costs between PIDs, as a server computes them.
pub(crate) fn costs(file: &TopologyFile, pids: &[String]) -> Vec<Vec<f64>> {
    let topology = Topology::from_file(file.clone(), "test").unwrap();
    let view = View::compute(topology.into());
    let id = |name: &String| view.network_map().id(name).unwrap_or_else(|| panic!("no PID {name}"));
    let cost = |from, to| view.pid_cost(Metric::RoutingCost, id(from), id(to)).unwrap().as_f64();
    pids.iter().map(|from| pids.iter().map(|to| cost(from, to)).collect()).collect()
}

/// Names of the six routers' PIDs.
pub(crate) fn pids(prefix: &str) -> Vec<String> {
    (1..=6).map(|number| format!("{prefix}{number}")).collect()
}
