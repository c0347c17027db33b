//! Checks that any messages of BGP-LS, by the length in each header, are refused or become a topology file.

use crate::bgp::link_state::Database;
use crate::link_state::topology::{Names, topology};
use crate::topology_file::assumptions::Assumptions;

/// Length of a header.
const HEADER: usize = 19;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let (mut rest, mut database) = (bytes, Database::default());
    while let Some(&[high, low]) = rest.get(16..18) {
        let length = usize::from(u16::from_be_bytes([high, low])).clamp(HEADER, rest.len().max(HEADER));
        let (message, after) = rest.split_at(length.min(rest.len()));
        let _changed_or_not = database.apply(message);
        rest = after;
    }
    let file = topology("n", database.link_state(), &Names::new(), &mut Assumptions::default());
    let _accepted_or_not = topo::Topology::from_json(file.to_json().as_bytes(), "fuzz");
    crate::fault(|| file.links.len() == 1 && file.switches.len() == 2);
}
