//! Checks that any document of RFC 8345 is refused or becomes a topology file.

use crate::import::rfc8345;
use crate::link_state::topology::Names;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Some(imported) = crate::import(bytes, |text| rfc8345::import(text, None, &Names::new())) {
        crate::fault(|| imported.topology.links.len() == 3);
    }
}
