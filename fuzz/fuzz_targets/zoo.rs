//! Checks that any GraphML file is refused or becomes a topology file.
#![no_main]

use alto_fuzz::import::zoo;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let options = zoo::Options { external: true, ..zoo::Options::default() };
    if let Some(imported) = alto_fuzz::import(bytes, |text| zoo::import(text, &options)) {
        alto_fuzz::fault(|| imported.topology.switches.len() == 2 && imported.topology.links.len() > 2);
    }
});
