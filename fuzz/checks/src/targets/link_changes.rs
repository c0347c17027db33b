//! Checks that any change to a link is rejected, or leaves a topology whose view equals the one computed from scratch.

use std::sync::{Arc, LazyLock};

use topo::{LinkChange, Topology, View};

const FILE: &str = include_str!("../../../../topo/data/two-isps.json");

static BEFORE: LazyLock<View> = LazyLock::new(|| {
    View::compute(Arc::new(Topology::from_json(FILE.as_bytes(), "two-isps").expect("a topology that ships")))
});

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let Ok(changes) = serde_json::from_slice::<Vec<LinkChange>>(bytes) else { return };
    if changes.len() > 4 {
        return;
    }
    let Ok(after) = BEFORE.topology().with_changes(&changes) else { return };
    let after = Arc::new(after);
    let (next, scratch) = (BEFORE.successor(Arc::clone(&after)), View::compute(after));
    assert_eq!(next.tag(), scratch.tag());
    crate::fault(|| changes.len() > 1 && next.tag() != BEFORE.tag());
}
