//! Checks that any change to a link is rejected, or leaves a topology whose view equals the one computed from scratch.
#![no_main]

use std::sync::{Arc, LazyLock};

use topo::{LinkChange, Topology, View};

const FILE: &str = include_str!("../../topo/data/two-isps.json");

static BEFORE: LazyLock<View> = LazyLock::new(|| {
    View::compute(Arc::new(Topology::from_json(FILE.as_bytes(), "two-isps").expect("a topology that ships")))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(changes) = serde_json::from_slice::<Vec<LinkChange>>(bytes) else { return };
    if changes.len() > 4 {
        return;
    }
    let Ok(changed) = BEFORE.topology().with_changes(&changes) else { return };
    let changed = Arc::new(changed);
    let (next, scratch) = (BEFORE.successor(Arc::clone(&changed)), View::compute(changed));
    assert_eq!(next.tag(), scratch.tag());
    alto_fuzz::fault(|| changes.len() > 1 && next.tag() != BEFORE.tag());
});
