//! Checks that every importer of texts rejects any text, or makes a topology that the server accepts or rejects.
#![no_main]

use alto_feed::import::{csv, isis, ospf, rfc8345, zoo};
use alto_feed::input::Text;
use alto_feed::link_state::topology::Names;
use alto_feed::live::prometheus::Interfaces;
use alto_feed::pids::rules::Rules;
use topo::Topology;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Ok(text) = Text::from_bytes("fuzz".to_owned(), rest.to_vec()) else { return };
    let names = Names::new();
    let imported = match kind % 7 {
        0 => zoo::import(&text, &zoo::Options::default()),
        1 => ospf::import("n", std::slice::from_ref(&text), Some(&text), &names),
        2 => isis::import("n", &text, Some(&text), &names),
        3 => csv::import("n", &text, Some(&text)),
        4 => rfc8345::import(&text, None, &names),
        5 => return drop(Rules::read(&text)),
        _ => return drop(Interfaces::read(&text)),
    };
    if let Ok(imported) = imported {
        let _accepted_or_not = Topology::from_file(imported.topology, "fuzz");
    }
});
