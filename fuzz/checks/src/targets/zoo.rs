//! Checks that any GraphML file is refused or becomes a topology file.

use crate::import::zoo;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let options = zoo::Options { external: true, ..zoo::Options::default() };
    if let Some(imported) = crate::import(bytes, |text| zoo::import(text, &options)) {
        crate::fault(|| imported.topology.name.len() < 5 && imported.topology.links.len() > 2);
    }
}
