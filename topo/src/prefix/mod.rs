//! Address prefixes: longest-prefix match, nesting, the network map that groups them into PIDs, and the layer of prefixes
//! from outside the topology.

mod blocks;
pub(crate) mod layer;
pub(crate) mod mapped;
pub(crate) mod network_map;
pub(crate) mod table;
pub(crate) mod tree;
