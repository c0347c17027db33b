//! The parts of a topology file as importers write them.

use std::collections::BTreeMap;

use topo::file::{CostModel, Delay, LinkFile, PidFile, PropertiesFile, SwitchFile, TopologyFile};

/// Bandwidth of a link whose format tells none, in Mbit/s.
pub const DEFAULT_BANDWIDTH: f64 = 1000.0;
/// Delay of a link whose format tells none, in milliseconds.
pub const DEFAULT_DELAY: f64 = 1.0;
/// Smallest and largest bandwidth that a topology file accepts, in Mbit/s.
const BANDWIDTHS: (f64, f64) = (1e-6, 1e7);
/// Largest delay that a topology file accepts, in milliseconds.
const MAX_DELAY: f64 = 1e5;

/// Returns a topology file without content.
pub fn empty(name: &str) -> TopologyFile {
    TopologyFile {
        schema: None,
        name: name.to_owned(),
        hosts: Vec::new(),
        switches: Vec::new(),
        links: Vec::new(),
        pids: Some(BTreeMap::new()),
        maps: BTreeMap::new(),
        cost: CostModel::default(),
        properties: PropertiesFile::default(),
    }
}

/// Returns a switch.
pub fn switch(name: &str) -> SwitchFile {
    SwitchFile { name: name.to_owned(), dpid: None, hop: true }
}

/// Returns a switch that joins links without being a router, such as a LAN or a cable junction.
pub fn junction(name: &str) -> SwitchFile {
    SwitchFile { hop: false, ..switch(name) }
}

/// Returns a symmetric link.
pub fn link(source: &str, destination: &str, bandwidth: f64, delay: f64) -> LinkFile {
    LinkFile {
        source: source.to_owned(),
        destination: destination.to_owned(),
        bandwidth: bandwidth.clamp(BANDWIDTHS.0, BANDWIDTHS.1),
        delay: Delay(rounded(delay).clamp(0.0, MAX_DELAY)),
        directed: false,
        cost: None,
        price: 0.0,
        loss: None,
        up: true,
    }
}

/// Returns a link in one direction with a cost of its own.
pub fn directed(source: &str, destination: &str, bandwidth: f64, delay: f64, cost: f64) -> LinkFile {
    LinkFile { directed: true, cost: Some(cost), ..link(source, destination, bandwidth, delay) }
}

/// Returns a PID that is entered at one switch.
pub fn pid(switch: &str) -> PidFile {
    PidFile { switches: vec![switch.to_owned()], ipv4: Vec::new(), ipv6: Vec::new() }
}

/// Rounds milliseconds to microseconds, the precision in which costs are computed.
fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 1000.0).round() / 1000.0
}
