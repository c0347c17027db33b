//! Checks that any document of RFC 8345 is refused or becomes a topology file.
#![no_main]

use alto_fuzz::import::rfc8345;
use alto_fuzz::link_state::topology::Names;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(imported) = alto_fuzz::import(bytes, |text| rfc8345::import(text, None, &Names::new())) {
        alto_fuzz::fault(|| imported.topology.links.len() == 3);
    }
});
