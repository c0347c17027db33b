//! Any bytes as a topology file are either refused, or a network whose view can be computed, the same twice.
#![no_main]

use std::sync::Arc;

use topo::{Topology, View};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(topology) = Topology::from_json(bytes, "fuzz") {
        let topology = Arc::new(topology);
        let (one, other) = (View::compute(Arc::clone(&topology)), View::compute(topology));
        assert_eq!(one.tag(), other.tag());
    }
});
