//! Checks that any topology file is rejected, or gives the same view twice and round-trips through the writer.

use std::sync::Arc;

use topo::file::TopologyFile;
use topo::{Topology, View};

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Ok(file) = TopologyFile::from_json(bytes, "fuzz") {
        let written = file.to_json();
        let read = TopologyFile::from_json(written.as_bytes(), "written").expect("written files can be read");
        assert_eq!((&read, read.to_json()), (&file, written));
    }
    if let Ok(topology) = Topology::from_json(bytes, "fuzz") {
        let topology = Arc::new(topology);
        let (one, other) = (View::compute(Arc::clone(&topology)), View::compute(Arc::clone(&topology)));
        assert_eq!(one.tag(), other.tag());
        crate::fault(|| topology.links().count() > 1 && one.network_map().len() == 2);
    }
}
