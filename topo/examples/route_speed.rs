//! How long all routes of a network take: our view, with all five metrics, tags and ties, beside `pathfinding`'s
//! `dijkstra_all` from every node, on the same links in the same run; and how long one changed link takes, beside all of
//! it again.
//!
//! `cargo run --release -p topo --example route_speed -- NODES LINKS`

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use pathfinding::prelude::dijkstra_all;
use topo::{LinkChange, Override, Topology, View};

/// Changes that are timed.
const CHANGES: usize = 200;

/// Links between random switches over a ring, with costs from 1 to 100; always the same for the same numbers.
fn links(nodes: u64, links: u64) -> Vec<(u64, u64, u64)> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let ring = (0..nodes).map(|node| (node, (node + 1) % nodes));
    let mut ends: Vec<(u64, u64)> = ring.collect();
    while (ends.len() as u64) < links {
        let (a, b) = (random(nodes), random(nodes));
        if a != b {
            ends.push((a, b));
        }
    }
    ends.into_iter().map(|(a, b)| (a, b, 1 + random(100))).collect()
}

fn topology(nodes: u64, links: &[(u64, u64, u64)]) -> String {
    let (mut switches, mut pids, mut wires) = (String::new(), String::new(), String::new());
    for node in 0..nodes {
        let comma = if node == 0 { "" } else { "," };
        let _ = write!(switches, "{comma}{{\"name\":\"s{node:05}\",\"dpid\":\"{node:x}\"}}");
        let prefix = format!("10.{}.{}.0/24", node >> 8, node & 255);
        let _ = write!(pids, "{comma}\"s{node:05}\":{{\"switches\":[\"s{node:05}\"],\"ipv4\":[\"{prefix}\"]}}");
    }
    for (i, (a, b, cost)) in links.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let ends = format!("\"source\":\"s{a:05}\",\"destination\":\"s{b:05}\"");
        let _ = write!(wires, "{comma}{{{ends},\"bandwidth\":1000,\"delay\":1,\"cost\":{cost}}}");
    }
    format!("{{\"name\":\"speed\",\"switches\":[{switches}],\"links\":[{wires}],\"pids\":{{{pids}}}}}")
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let (nodes, count) = (numbers.next().unwrap_or(500), numbers.next().unwrap_or(2000));
    let links = links(nodes, count);
    let topology = match Topology::from_json(topology(nodes, &links).as_bytes(), "generated") {
        Ok(topology) => Arc::new(topology),
        Err(error) => return eprintln!("{error}"),
    };
    let start = Instant::now();
    let view = View::compute(Arc::clone(&topology));
    let ours = start.elapsed();

    let mut out = vec![Vec::new(); usize::try_from(nodes).unwrap_or_default()];
    for (a, b, cost) in links {
        for (from, to) in [(a, b), (b, a)] {
            if let Some(list) = usize::try_from(from).ok().and_then(|from| out.get_mut(from)) {
                list.push((u32::try_from(to).unwrap_or_default(), cost));
            }
        }
    }
    let start = Instant::now();
    let reached: usize = (0..u32::try_from(nodes).unwrap_or_default())
        .map(|source| dijkstra_all(&source, |node| out[*node as usize].iter().copied()).len())
        .sum();
    let theirs = start.elapsed();
    println!(
        "{nodes} nodes, {count} links: view {} ms ({} PIDs, all metrics, all cores)",
        ours.as_millis(),
        view.network_map().len()
    );
    println!("pathfinding::dijkstra_all from every node: {} ms ({reached} costs, one core)", theirs.as_millis());
    changes(view);
}

/// Changes random links one by one: cheaper, dearer, down, up.
fn changes(mut view: View) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % below
    };
    let mut times = Vec::with_capacity(CHANGES);
    let mut down: Option<LinkChange> = None;
    for i in 0..CHANGES {
        let links: Vec<_> = view.topology().links().collect();
        let link = links[random(links.len())];
        let mut change = LinkChange {
            source: link.source().to_string(),
            destination: link.destination().to_string(),
            index: Some(0),
            utilisation: None,
            bandwidth: None,
            delay: None,
            up: None,
            cost: None,
        };
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
        let topology = match view.topology().with_changes(&[change]) {
            Ok(topology) => Arc::new(topology),
            Err(error) => return eprintln!("{error}"),
        };
        view = view.successor(topology);
        times.push(start.elapsed());
    }
    let start = Instant::now();
    let anew = View::compute(Arc::clone(view.topology()));
    let full = start.elapsed();
    times.sort_unstable();
    let (median, worst) = (times[CHANGES / 2], times[CHANGES - 1]);
    println!(
        "{CHANGES} changed links: median {:.2} ms, worst {:.2} ms; all anew {:.2} ms; the same: {}",
        median.as_secs_f64() * 1e3,
        worst.as_secs_f64() * 1e3,
        full.as_secs_f64() * 1e3,
        anew.tag() == view.tag()
    );
}
