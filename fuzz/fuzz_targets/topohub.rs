//! Checks that any document of TopoHub is refused or becomes a topology file.
#![no_main]

use alto_fuzz::import::topohub::{self, Options};

const OPTIONS: Options = Options { hosts: 1, detour: 1.0 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let read = |text: &_| topohub::import(text, &OPTIONS).map(|(imported, _)| imported);
    if let Some(imported) = alto_fuzz::import(bytes, read) {
        alto_fuzz::fault(|| imported.topology.links.len() == 9);
    }
});
