//! Checks that any database of OSPF, as text or JSON, is refused or becomes a topology file.

use crate::import::ospf;
use crate::link_state::topology::Names;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let imported = crate::import(bytes, |text| {
        ospf::import("n", std::slice::from_ref(text), Some(text), &Names::new())
            .or_else(|_| ospf::import("n", std::slice::from_ref(text), None, &Names::new()))
    });
    if let Some(imported) = imported {
        crate::fault(|| imported.topology.links.len() > 1 && imported.topology.switches.len() == 3);
    }
}
