//! Checks that any tables of links and prefixes, separated by a zero byte, are refused or become a topology file.
#![no_main]

use alto_fuzz::import::csv;
use alto_fuzz::input::Text;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let imported = alto_fuzz::import(bytes, |text| {
        let (links, prefixes) = text.content.split_once('\0').unwrap_or((&text.content, ""));
        let prefixes = Text::new("prefixes", prefixes);
        let prefixes = Some(&prefixes).filter(|prefixes| !prefixes.content.is_empty());
        csv::import("n", &Text::new("links", links), prefixes)
    });
    if let Some(imported) = imported {
        let of = |pid: &topo::file::PidFile| !pid.ipv4.is_empty() && !pid.ipv6.is_empty();
        alto_fuzz::fault(|| imported.topology.pids.iter().flatten().any(|(_, pid)| of(pid)));
    }
});
