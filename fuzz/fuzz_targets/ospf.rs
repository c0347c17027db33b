//! Checks that any database of OSPF, as text or JSON, is refused or becomes a topology file.
#![no_main]

use alto_fuzz::import::ospf;
use alto_fuzz::link_state::topology::Names;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let imported = alto_fuzz::import(bytes, |text| {
        ospf::import("n", std::slice::from_ref(text), Some(text), &Names::new())
            .or_else(|_| ospf::import("n", std::slice::from_ref(text), None, &Names::new()))
    });
    if let Some(imported) = imported {
        alto_fuzz::fault(|| imported.topology.links.len() > 1 && imported.topology.switches.len() == 3);
    }
});
