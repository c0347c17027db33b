//! Checks that any tables of links and prefixes, separated by a zero byte, are refused or become a topology file.

use crate::import::csv;
use crate::input::Text;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let imported = crate::import(bytes, |text| {
        let (links, prefixes) = text.content.split_once('\0').unwrap_or((text.content.as_str(), ""));
        let prefixes = Text::new("prefixes", prefixes);
        let prefixes = Some(&prefixes).filter(|prefixes| !prefixes.content.is_empty());
        csv::import("n", &Text::new("links", links), prefixes)
    });
    if let Some(imported) = imported {
        let of = |pid: &topo::file::PidFile| !pid.ipv4.is_empty() && !pid.ipv6.is_empty();
        crate::fault(|| imported.topology.pids.iter().flatten().any(|(_, pid)| of(pid)));
    }
}
