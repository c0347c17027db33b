//! A measurement of route computation: all routes of a network with all metrics and tags, then single link changes. With
//! `--bare`, what the libraries alone take for as much of it as they do: `serde_json` to read the file into the same types,
//! and `dijkstra_all` of `pathfinding` from every switch, on all cores.
//!
//! `cargo run --release -p topo --example route_speed -- --topology FILE [--bare]` prints one JSON object.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pathfinding::prelude::dijkstra_all;
use topo::file::TopologyFile;
use topo::{LinkChange, Override, Topology, View};

/// Number of link changes to time.
const CHANGES: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let file = arguments.iter().position(|argument| argument == "--topology").and_then(|i| arguments.get(i + 1));
    let Some(file) = file else { return eprintln!("usage: route_speed --topology FILE [--bare]") };
    if arguments.iter().any(|argument| argument == "--bare") {
        return match bare(file) {
            Ok(result) => println!("{result}"),
            Err(error) => eprintln!("{error}"),
        };
    }
    let start = Instant::now();
    let topology = match Topology::from_path(Path::new(file)) {
        Ok(topology) => Arc::new(topology),
        Err(error) => return eprintln!("{error}"),
    };
    let read = milliseconds(start);
    let start = Instant::now();
    let view = View::compute(Arc::clone(&topology));
    let all = milliseconds(start);
    let pids = view.network_map().len();
    let mut result = serde_json::json!({
        "read-ms": read, "all-ms": all, "all-mib": peak_mib(), "pids": pids, "changes": CHANGES,
    });
    if let Some((times, view)) = changes(view) {
        let start = Instant::now();
        let anew = View::compute(Arc::clone(view.topology()));
        result["anew-ms"] = milliseconds(start).into();
        result["median-ms"] = times[times.len() / 2].into();
        result["worst-ms"] = times[times.len() - 1].into();
        result["same"] = (anew.tag() == view.tag()).into();
    }
    result["peak-mib"] = peak_mib().into();
    println!("{result}");
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// Peak memory of this process in MiB.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

/// Times of the libraries alone. Links that are down or have a cost of the formula count as well, at no cost.
fn bare(path: &str) -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    let start = Instant::now();
    let file = TopologyFile::from_json(&std::fs::read(path)?, path)?;
    let read = milliseconds(start);
    let mut names: Vec<&str> = file.switches.iter().map(|switch| &*switch.name).collect();
    names.sort_unstable();
    let mut out: Vec<Vec<(u32, u64)>> = vec![Vec::new(); names.len()];
    for link in &file.links {
        let ends = [&link.source, &link.destination].map(|name| names.binary_search(&&**name));
        if let [Ok(a), Ok(b)] = ends {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "costs are positive and small")]
            let cost = (link.cost.unwrap_or_default() * 1e6).round() as u64;
            out[a].push((u32::try_from(b)?, cost));
            out[b].push((u32::try_from(a)?, cost));
        }
    }
    let start = Instant::now();
    let sources: Vec<u32> = (0..u32::try_from(names.len())?).collect();
    let share = sources.len().div_ceil(thread::available_parallelism()?.get()).max(1);
    thread::scope(|scope| {
        for sources in sources.chunks(share) {
            let out = &out;
            scope.spawn(move || {
                for source in sources {
                    std::hint::black_box(dijkstra_all(source, |node| out[*node as usize].iter().copied()));
                }
            });
        }
    });
    Ok(serde_json::json!({ "read-ms": read, "all-ms": milliseconds(start), "switches": names.len() }))
}

/// Changes random links one by one (cost, down, up); returns the sorted times in ms and the resulting view.
fn changes(mut view: View) -> Option<(Vec<f64>, View)> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % below.max(1)
    };
    let mut times = Vec::with_capacity(CHANGES);
    let mut down: Option<LinkChange> = None;
    for i in 0..CHANGES {
        let links: Vec<_> = view.topology().links().collect();
        let link = links.get(random(links.len()))?;
        let ends = (link.source().to_string(), link.destination().to_string());
        let mut change = LinkChange { index: Some(0), ..LinkChange::of(ends.0, ends.1) };
        match (i % 3, down.take()) {
            (0, _) => change.cost = Some(Override::Set([1.0, 10.0, 50.0, 100.0][random(4)])),
            (1, _) => {
                change.up = Some(false);
                down = Some(change.clone());
            }
            (_, Some(gone)) => change = LinkChange { up: Some(true), ..gone },
            (_, None) => change.cost = Some(Override::Set(5.0)),
        }
        let start = Instant::now();
        let topology = view.topology().with_changes(&[change]).ok()?;
        view = view.successor(Arc::new(topology));
        times.push(milliseconds(start));
    }
    times.sort_unstable_by(f64::total_cmp);
    Some((times, view))
}
