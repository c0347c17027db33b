//! The PIDs, with what belongs to each.

use maud::{Markup, html};
use topo::{Pid, PidId};

use super::super::format::count;
use super::super::scene::Scene;
use super::{rest, scrolling, section as titled};
use crate::http::offload::Abandoned;

/// Number of PIDs that are listed.
const LISTED: usize = 100;
/// Number of prefixes of a PID that are written out.
const PREFIXES: usize = 3;

/// Number of hosts that are located between two looks whether anybody still waits.
const AT_A_TIME: usize = 4096;

/// Lists PIDs in the order of the network map.
pub(in crate::ui) fn section(scene: &Scene<'_>) -> Result<Markup, Abandoned> {
    let map = scene.view().network_map();
    let hosts = hosts_by_pid(scene)?;
    let table = html! {
        table {
            caption { "Every address belongs to the PID with the longest prefix that covers it." }
            thead { tr {
                th scope="col" { "PID" }
                th.n scope="col" { "Hosts" }
                th.n scope="col" { "Prefixes" }
                th scope="col" { "The first of them" }
            } }
            tbody {
                @for (id, pid) in map.pids().take(LISTED) {
                    @let prefixes = pid.ipv4().len() + pid.ipv6().len();
                    tr {
                        th scope="row" { (pid.name()) }
                        td.n { (count(hosts[id.0 as usize])) }
                        td.n { (count(prefixes)) }
                        td { (first_prefixes(pid)) }
                    }
                }
            }
        }
        (rest(LISTED, map.len(), "PID", "the network map"))
    };
    Ok(titled("pids", "PIDs", &scrolling("Table: PIDs", &table)))
}

/// Lists the first prefixes of a PID.
fn first_prefixes(pid: &Pid) -> String {
    let ipv4 = pid.ipv4().iter().map(ToString::to_string);
    let mut prefixes = ipv4.chain(pid.ipv6().iter().map(ToString::to_string));
    let first: Vec<String> = prefixes.by_ref().take(PREFIXES).collect();
    first.join(", ") + if prefixes.next().is_some() { ", …" } else { "" }
}

/// Counts the hosts that have an address in each PID, by the number of the PID.
fn hosts_by_pid(scene: &Scene<'_>) -> Result<Vec<usize>, Abandoned> {
    let map = scene.view().network_map();
    let mut hosts = vec![0; map.len()];
    for (index, host) in scene.view().topology().hosts().enumerate() {
        if index % AT_A_TIME == 0 {
            scene.cancel.check()?;
        }
        let mut own: Vec<PidId> = host.addresses().iter().filter_map(|address| map.lookup(*address)).collect();
        own.sort_unstable();
        own.dedup();
        for pid in own {
            hosts[pid.0 as usize] += 1;
        }
    }
    Ok(hosts)
}
