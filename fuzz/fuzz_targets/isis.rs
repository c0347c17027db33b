//! Checks that any database of IS-IS is refused or becomes a topology file.
#![no_main]

use alto_fuzz::import::isis;
use alto_fuzz::link_state::topology::Names;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(imported) = alto_fuzz::import(bytes, |text| isis::import("n", text, Some(text), &Names::new())) {
        alto_fuzz::fault(|| imported.topology.links.iter().any(|link| link.cost == Some(77.0)));
    }
});
