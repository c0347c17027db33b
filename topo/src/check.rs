//! Construction of a topology from a file: every statement is checked against all others, and all problems are reported.

mod links;
mod nodes;
mod pids;
mod properties;
mod warnings;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Problems, TopologyError};
use crate::file::{self, CostModel, PidFile, TopologyFile};
use crate::model::limits;
use crate::model::parts::Switch;
use crate::model::topology::{Frame, FurtherMap, Grouping, Topology};
use crate::name::MapName;
use crate::route::graph::kinds;
use nodes::Names;

/// Largest number of network maps beside the default one.
const MAX_MAPS: usize = 16;
/// Largest number of nodes in a network.
const MAX_NODES: usize = 1_000_000;

impl Topology {
    /// Reads and checks a topology file.
    pub fn from_path(path: &Path) -> Result<Self, TopologyError> {
        let source = path.display().to_string();
        let unreadable = |error: std::io::Error| TopologyError::whole(&source, format!("cannot be read: {error}"));
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        // Opening a named pipe would wait for its other end, and a device may never end.
        if !metadata.is_file() {
            return Err(TopologyError::whole(&source, "is not a regular file"));
        }
        let size = metadata.len();
        if size > file::MAX_BYTES {
            let message = format!("has {size} bytes; the limit is {}", file::MAX_BYTES);
            return Err(TopologyError::whole(&source, message));
        }
        Self::from_json(&std::fs::read(path).map_err(unreadable)?, &source)
    }

    /// Parses and checks the JSON of a topology file; `source` names it in errors.
    pub fn from_json(bytes: &[u8], source: &str) -> Result<Self, TopologyError> {
        Self::from_file(TopologyFile::from_json(bytes, source)?, source)
    }

    /// Checks the content of a topology file; `source` names it in errors.
    pub fn from_file(file: TopologyFile, source: &str) -> Result<Self, TopologyError> {
        let mut problems = Problems::default();
        let mut warnings = Vec::new();
        if file.hosts.len() + file.switches.len() > MAX_NODES {
            return Err(TopologyError::whole(source, format!("has more than {MAX_NODES} nodes")));
        }
        check_model(&file.cost, &mut problems);
        let names = Names::of(&file, &mut problems);
        let hosts = nodes::hosts(&file.hosts, &names, &mut problems);
        let switches = nodes::switches(&file.switches, &names, &mut problems);
        let links = links::links(&file.links, &file.cost, &names, &mut problems);
        let groups = match &file.pids {
            Some(pids) => pids::from_file(("pids", pids), &switches, &names, &mut problems, &mut warnings),
            None => pids::from_switches(&hosts, &switches, &links, &mut problems, &mut warnings),
        };
        let further = further(&file.maps, &switches, &names, &mut problems, &mut warnings);
        let properties = properties::read(&file.properties, &hosts, &names, &mut problems, &mut warnings);
        problems.finish(source)?;

        let any_ipv6 = hosts.iter().flat_map(|host| &host.addresses).any(IpAddr::is_ipv6);
        let (network_map, entries) = pids::network_map(groups, any_ipv6);
        let network_map = Arc::new(network_map);
        warnings::many_pids(network_map.len(), &mut warnings);
        warnings::stray_hosts(&hosts, &links, &network_map, &entries, &mut warnings);
        warnings::unusable_addresses(&hosts, &mut warnings);
        let kinds = kinds(names.sorted().len(), &hosts, &switches);
        warnings::partitions(names.sorted(), kinds, &links, &mut warnings);
        // The PIDs are known only once the map is complete.
        let properties = properties.complete(&network_map, &mut problems);
        problems.finish(source)?;
        let further = further.into_iter().map(|(name, groups)| {
            let (map, entries) = pids::network_map(groups, any_ipv6);
            warnings::many_pids(map.len(), &mut warnings);
            FurtherMap { name, grouping: Arc::new(Grouping::without_properties(map, entries)) }
        });
        let maps: Arc<[FurtherMap]> = further.collect();

        let (name, cost, nodes) = (file.name, file.cost, names.into_sorted());
        let frame = Frame { name, hosts, switches, nodes, cost, warnings };
        let own = Arc::new(Grouping { network_map, entries: Arc::new(entries), properties });
        Ok(Self { frame: Arc::new(frame), grouping: Arc::clone(&own), own, maps, links })
    }
}

/// Checks the network maps beside the default one.
fn further(
    maps: &BTreeMap<String, BTreeMap<String, PidFile>>,
    switches: &[Switch],
    names: &Names,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Vec<(MapName, Vec<pids::Group>)> {
    let mut checked = Vec::with_capacity(maps.len());
    if maps.len() > MAX_MAPS {
        problems.add("maps", format!("has {} network maps; at most {MAX_MAPS} are taken", maps.len()));
        return checked;
    }
    for (name, pids) in maps {
        let path = format!("maps.{name}");
        let name = problems.take(path.as_str(), name.parse());
        let groups = pids::from_file((&path, pids), switches, names, problems, warnings);
        checked.extend(name.map(|name| (name, groups)));
    }
    checked
}

fn check_model(model: &CostModel, problems: &mut Problems) {
    for (key, value, limit) in [
        ("hop_weight", model.hop_weight, limits::COST),
        ("delay_weight", model.delay_weight, limits::COST),
        ("bandwidth_weight", model.bandwidth_weight, limits::COST),
        ("reference_bandwidth", model.reference_bandwidth, limits::REFERENCE),
        ("reference_delay", model.reference_delay, limits::REFERENCE),
    ] {
        problems.take(format!("cost.{key}"), limit.check(value));
    }
}
