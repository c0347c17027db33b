//! Checks that any database of IS-IS is refused or becomes a topology file.

use crate::import::isis;
use crate::link_state::topology::Names;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Some(imported) = crate::import(bytes, |text| isis::import("n", text, Some(text), &Names::new())) {
        crate::fault(|| imported.topology.links.iter().any(|link| link.cost.is_some_and(|cost| cost > 1000.0)));
    }
}
