//! Checks that any document of TopoHub is refused or becomes a topology file.

use crate::import::topohub::{self, Options};

const OPTIONS: Options = Options { hosts: 1, detour: 1.0 };

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let read = |text: &_| topohub::import(text, &OPTIONS).map(|(imported, _)| imported);
    if let Some(imported) = crate::import(bytes, read) {
        crate::fault(|| imported.topology.links.len() == 9);
    }
}
