//! A network as a feed observes it, and as the server has it.

use topo::file::TopologyFile;

use super::prefixes::Prefixes;

/// A topology, and the prefixes of its PIDs.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Topology whose PIDs have no prefixes.
    pub topology: TopologyFile,
    /// Prefixes of the PIDs.
    pub prefixes: Prefixes,
}

/// What all sources together tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The network.
    pub network: Network,
    /// A source of which only what it told earlier is in the network.
    pub missing: Option<String>,
}

/// What a server has of a feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The network that the server has.
    pub network: Network,
    /// Sequence number that the server has of the feed's prefixes.
    pub sequence: u64,
}

impl Network {
    /// Divides a topology file into topology and prefixes.
    pub fn of(mut topology: TopologyFile) -> Self {
        let prefixes = Prefixes::take_from(&mut topology);
        Self { topology, prefixes }
    }
}
