//! Importers: one module for each format, all of which end in a topology file and a count of what had to be assumed.

pub mod csv;
pub mod isis;
pub mod mrt;
pub mod ospf;
pub mod rfc8345;
pub mod topohub;
pub mod zoo;

use topo::file::TopologyFile;

use crate::topology_file::assumptions::Assumptions;

/// An imported network.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The network as a topology file.
    pub topology: TopologyFile,
    /// Counts of what was found, and of every default that was taken.
    pub assumptions: Assumptions,
}
