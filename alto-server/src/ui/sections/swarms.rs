//! What peers share, and how much of it they could get without leaving their PID.

use std::collections::BTreeMap;

use alto_registry::{Completeness, ContentKind, FileQuery, FileSummary, Holder, HolderQuery, Registry, Timestamp};
use maud::{Markup, html};
use topo::View;

use super::super::format::{bytes, count, counted, percent};
use super::super::scene::Scene;
use super::{MOST_ROWS, rest, scrolling, section as titled};
use crate::tracker::service::Overview;

/// Number of files that are looked at, of which those with most holders are listed.
const LOOKED_AT: usize = 1000;
/// Number of files that are listed.
const LISTED: usize = 12;
/// Number of holders of a file that are located; of more, a random choice.
const LOCATED: usize = 500;
/// Number of holders of a file that are named, where visitors are known.
const NAMED: usize = 20;
/// Number of PIDs that are named for a file or torrent.
const MOST_PIDS: usize = 4;

/// File of the registry with holders.
struct Shared {
    file: FileSummary,
    holders: Vec<Holder>,
    /// Number of these holders by PID.
    pids: BTreeMap<String, u64>,
}

/// Peers of a PID.
#[derive(Default)]
struct Row {
    holders: u64,
    seeds: u64,
    leechers: u64,
    /// Peers that the tracker named to them: of their own PID, near, others.
    named: [u64; 3],
}

/// Lists peers by PID, and the largest swarms; nothing if neither registry nor tracker is served.
pub(in crate::ui) fn section(scene: &Scene<'_>) -> Markup {
    let files =
        scene.site.swarm.as_ref().map(|swarm| swarm.call_here(|registry, now| shared(scene.view(), registry, now)));
    let torrents = scene.site.torrents();
    if files.is_none() && torrents.is_none() {
        return html! {};
    }
    let rows = rows(files.as_deref().unwrap_or_default(), torrents.as_deref());
    titled(
        "swarms",
        "Swarms",
        &html! {
            @if rows.is_empty() {
                p { "No peer has registered or announced anything." }
            } @else {
                (by_pid(&rows, torrents.is_some()))
            }
            @if let Some(files) = files.filter(|files| !files.is_empty()) {
                h3 { "Files with most holders" }
                (table_of_files(&files, scene.site.access.is_restricted()))
            }
            @if let Some(torrents) = torrents.filter(|torrents| !torrents.largest.is_empty()) {
                h3 { "Largest torrents" }
                (table_of_torrents(&torrents))
            }
        },
    )
}

/// Looks for the files with most holders, and locates holders of each.
fn shared(view: &View, registry: &dyn Registry, now: Timestamp) -> Vec<Shared> {
    let query = FileQuery { kind: ContentKind::Sha256, name: None, after: None, limit: LOOKED_AT };
    let mut files = registry.files(&query, now).map(|list| list.files).unwrap_or_default();
    files.sort_by_key(|file| std::cmp::Reverse(file.complete + file.partial));
    let located = |file: FileSummary| {
        let query = HolderQuery { file: file.id, except: None, having: Completeness::Any, limit: LOCATED };
        let holders = registry.holders(&query, now, &mut rand::rng()).map(|found| found.holders).unwrap_or_default();
        let mut pids = BTreeMap::new();
        for holder in &holders {
            let pid = view.network_map().lookup(holder.address.ip()).map(|pid| view.network_map().pid(pid).name());
            *pids.entry(pid.map_or_else(|| "no PID".to_owned(), ToString::to_string)).or_default() += 1;
        }
        Shared { file, holders, pids }
    };
    files.into_iter().take(LISTED).map(located).collect()
}

fn rows(files: &[Shared], torrents: Option<&Overview>) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for (pid, number) in files.iter().flat_map(|file| &file.pids) {
        rows.entry(pid.clone()).or_default().holders += number;
    }
    for of_pid in torrents.iter().flat_map(|torrents| &torrents.pids) {
        let row = rows.entry(of_pid.pid.clone()).or_default();
        (row.seeds, row.leechers, row.named) = (of_pid.peers.seeds, of_pid.peers.leechers, of_pid.named);
    }
    rows
}

fn by_pid(rows: &BTreeMap<String, Row>, with_torrents: bool) -> Markup {
    let table = html! {
        table {
            caption {
                "Holders are those of the files below."
                @if with_torrents { " Named peers are those of which the tracker told the peers of a PID since the network map last changed." }
            }
            thead { tr {
                th scope="col" { "PID" }
                th.n scope="col" { "Holders" }
                @if with_torrents {
                    th.n scope="col" { "Seeds" }
                    th.n scope="col" { "Leechers" }
                    th.n scope="col" { "Named peers" }
                    th.n scope="col" { "of the own PID" }
                    th.n scope="col" { "near" }
                }
            } }
            tbody {
                @for (pid, row) in rows.iter().take(MOST_ROWS) {
                    @let named: u64 = row.named.iter().sum();
                    tr {
                        th scope="row" { (pid) }
                        td.n { (row.holders) }
                        @if with_torrents {
                            td.n { (row.seeds) }
                            td.n { (row.leechers) }
                            td.n { (named) }
                            @for part in &row.named[..2] { td.n { (share(*part, named)) } }
                        }
                    }
                }
            }
        }
        (rest(MOST_ROWS, rows.len(), "PID", "the API of the registry"))
    };
    scrolling("Table: peers by PID", &table)
}

fn table_of_files(files: &[Shared], names_holders: bool) -> Markup {
    let table = html! {
        table {
            caption { "Inside: the part of the other holders that are in the PID of a holder, as a mean over its holders." }
            (head("File"))
            tbody {
                @for Shared { file, holders, pids } in files {
                    @let id = file.id.to_string();
                    tr {
                        th scope="row" {
                            @if let Some(name) = &file.name { (name.as_str()) } @else { code title=(id) { (id.get(..12).unwrap_or(&id)) } }
                            @if let Some(size) = file.size { span.note { " " (bytes(size)) } }
                            @if names_holders && !holders.is_empty() {
                                details {
                                    summary { (counted(holders.len(), "holder")) }
                                    ul { @for holder in holders.iter().take(NAMED) { li { (named(holder)) } } }
                                }
                            }
                        }
                        td.n { (count(file.complete)) }
                        td.n { (count(file.partial)) }
                        td { (places(pids.iter().map(|(pid, number)| (pid.as_str(), *number)))) }
                        td.n { (inside(pids.values().copied())) }
                    }
                }
            }
        }
    };
    scrolling("Table: files with most holders", &table)
}

fn table_of_torrents(torrents: &Overview) -> Markup {
    let table = html! {
        table {
            caption { "Inside: the part of the other peers that are in the PID of a peer, as a mean over the swarm." }
            (head("Torrent"))
            tbody {
                @for swarm in &torrents.largest {
                    @let id = swarm.infohash.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
                    tr {
                        th scope="row" { code title=(id) { (&id[..12]) } }
                        td.n { (swarm.counts.complete) }
                        td.n { (swarm.counts.incomplete) }
                        td { (places(swarm.pids.iter().map(|(pid, peers)| (pid.as_str(), peers.total())))) }
                        td.n { (inside(swarm.pids.iter().map(|(_, peers)| peers.total()))) }
                    }
                }
            }
        }
    };
    scrolling("Table: largest torrents", &table)
}

fn head(what: &str) -> Markup {
    html! {
        thead { tr {
            th scope="col" { (what) }
            th.n scope="col" { "Complete" }
            th.n scope="col" { "In part" }
            th scope="col" { "Most are in" }
            th.n scope="col" { "Inside" }
        } }
    }
}

/// Name and address of a holder.
fn named(holder: &Holder) -> Markup {
    html! {
        @if let Some(name) = &holder.name { (name.as_str()) " at " }
        (std::net::SocketAddr::new(holder.address.ip(), holder.address.port()))
    }
}

/// Names the PIDs with most peers.
fn places<'a>(pids: impl Iterator<Item = (&'a str, u64)>) -> String {
    let mut pids: Vec<_> = pids.collect();
    pids.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    let named: Vec<String> = pids.iter().take(MOST_PIDS).map(|(pid, number)| format!("{pid} {number}")).collect();
    named.join(", ") + if pids.len() > MOST_PIDS { ", …" } else { "" }
}

/// Part of the other peers of a swarm that are in the PID of a peer, as a mean over all peers.
fn inside(pids: impl Iterator<Item = u64>) -> String {
    let (mut peers, mut pairs) = (0, 0);
    for number in pids {
        peers += number;
        pairs += number * number.saturating_sub(1);
    }
    share(pairs, peers * peers.saturating_sub(1))
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { percent(part as f64 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_inside_is_a_mean_over_peers() {
        let cases: [(&[u64], &str); 6] =
            [(&[], "–"), (&[1], "–"), (&[4], "100 %"), (&[1, 1, 1], "0 %"), (&[2, 2], "33 %"), (&[3, 1], "50 %")];
        for (pids, expected) in cases {
            assert_eq!(inside(pids.iter().copied()), expected, "{pids:?}");
        }
        assert_eq!(places([("a", 1), ("b", 7), ("c", 7), ("d", 2), ("e", 3)].into_iter()), "b 7, c 7, e 3, d 2, …");
    }
}
