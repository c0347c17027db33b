//! Address prefixes: longest-prefix match, nesting, and the network map that groups them into PIDs.

pub(crate) mod mapped;
pub(crate) mod network_map;
pub(crate) mod table;
pub(crate) mod tree;
