//! A measurement of prefixes from feeds: the network map of 1.2 million prefixes in 65 PIDs, then differences of 1,000
//! prefixes, each published as a view of its own.
//!
//! `cargo run --release -p topo --example prefix_speed` prints one JSON object; `--quick` takes a fiftieth of the prefixes.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use topo::{PidName, PrefixChanges, PrefixLayer, PrefixSet, Topology, View};

const PIDS: usize = 65;
const IPV4: u32 = 1_000_000;
const IPV6: u32 = 200_000;
/// Divisor of the number of prefixes with `--quick`.
const QUICK: u32 = 50;
/// Number of prefixes in a difference, and of differences to time.
const CHANGED: u32 = 1000;
const ROUNDS: u32 = 20;

fn main() {
    let divisor = if std::env::args().any(|argument| argument == "--quick") { QUICK } else { 1 };
    let (ipv4, count) = (IPV4 / divisor, (IPV4 + IPV6) / divisor);
    let net = |number: u32| net(number, ipv4);
    let names: Vec<String> = (0..PIDS).map(|pid| format!("\"p{pid}\":{{\"switches\":[\"s\"]}}")).collect();
    let text = format!("{{\"name\":\"n\",\"switches\":[{{\"name\":\"s\"}}],\"pids\":{{{}}}}}", names.join(","));
    let base = match Topology::from_json(text.as_bytes(), "built in") {
        Ok(topology) => topology,
        Err(error) => return eprintln!("{error}"),
    };
    let pids: Vec<PidName> = (0..PIDS).filter_map(|pid| format!("p{pid}").parse().ok()).collect();
    let pid = |number: u32| &pids[number as usize * 7 % PIDS];
    let mut changes = PrefixChanges::default();
    (0..count).for_each(|number| changes.set(net(number), Some(pid(number))));

    let start = Instant::now();
    let set = PrefixSet::default().with(changes).0;
    let parsed = milliseconds(start);
    let mut layer = PrefixLayer::default();
    layer.insert("bgp", Arc::new(set));
    let start = Instant::now();
    let mut view = View::compute(Arc::new(base.with_prefixes(&layer)));
    let all = milliseconds(start);

    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let mut changes = PrefixChanges::default();
        // Spread over the whole table: some move, some go.
        for place in 0..CHANGED {
            let number = (place * 1201 + round * 17) % count;
            changes.set(net(number), (place % 3 > 0).then(|| pid(number + 1 + round)));
        }
        let start = Instant::now();
        let Some(set) = layer.get("bgp").map(Arc::clone) else { return };
        let (set, difference) = set.with(changes);
        layer.insert("bgp", Arc::new(set));
        let topology = view.topology().with_prefix_changes(&layer, &difference);
        view = view.successor(Arc::new(topology));
        times.push(milliseconds(start));
    }
    times.sort_by(f64::total_cmp);
    let same = base.with_prefixes(&layer).own_network_map().len() == view.network_map().len()
        && View::compute(Arc::new(base.with_prefixes(&layer))).tag() == view.tag();
    let median = times[times.len() / 2];
    let result = serde_json::json!({
        "prefixes": view.network_map().prefix_count(), "set-ms": parsed, "all-ms": all, "difference-ms": median,
        "share": median / (parsed + all), "changed": CHANGED, "rounds": ROUNDS, "same": same, "peak-mib": peak_mib(),
    });
    println!("{result}");
}

/// Prefix of a number: a /24 of IPv4, or from the number `ipv4` on a /48 of IPv6.
fn net(number: u32, ipv4: u32) -> IpNet {
    if number < ipv4 {
        return Ipv4Net::new_assert(Ipv4Addr::from((1 << 24) + (number << 8)), 24).into();
    }
    let bits = (0x2001_u128 << 112) | (u128::from(number - ipv4) << 80);
    Ipv6Net::new_assert(Ipv6Addr::from(bits), 48).into()
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
