//! Example costs of the RFC 9439 metrics, some of them with statistics.
//!
//! All costs are multiples of powers of two, so that arithmetic on them is exact. A pair with a cost of one metric may
//! lack another; bandwidths within a PID are undefined.

use std::collections::BTreeMap;

use super::cost_type::Costs;
use super::fixture::matrix;
use super::network::{Network, ServedMap};

/// `delay-ow` in microseconds.
const DELAY: [&str; 5] = [
    "120 2350.5 5100 7200 20400",
    "2410 96 5230 8050 20100",
    "5080 5190 140 - 30600",
    "7150 8100 9020 110 -",
    "20300 20050 30400 - -",
];
/// `hopcount`.
const HOPS: [&str; 5] = ["1 2 3 4 7", "2 1 3 5 7", "3 3 1 4 8", "4 5 4 1 -", "7 7 8 9 -"];
/// `lossrate` in percent.
const LOSS: [&str; 5] =
    ["0 0.25 0.5 0.5 1.25", "0.25 0 0.5 0.75 1.25", "0.5 0.5 0 - 2.5", "0.5 0.75 0.5 0 -", "1.25 1.25 2.5 3.5 -"];
/// `bw-residual` in bytes per second.
const BANDWIDTH: [&str; 5] = [
    "- 125000000 12500000 1250000 250000",
    "125000000 - 12500000 2500000 250000",
    "12500000 25000000 - 1250000 125000",
    "1250000 2500000 1250000 - -",
    "250000 250000 125000 62500 -",
];

/// Metrics that are a constant multiple of another one.
const MULTIPLES: &[(&str, &str, f64)] = &[
    ("delay-ow:median", "delay-ow", 1.0),
    ("delay-ow:min", "delay-ow", 0.5),
    ("delay-ow:mean", "delay-ow", 1.25),
    ("delay-ow:p95", "delay-ow", 1.5),
    ("delay-ow:p99.9", "delay-ow", 1.75),
    ("delay-ow:max", "delay-ow", 2.0),
    ("delay-ow:stddev", "delay-ow", 0.125),
    ("delay-variation", "delay-ow", 0.0625),
    ("bw-residual:cur", "bw-residual", 1.0),
    ("bw-available", "bw-residual", 0.75),
    ("bw-available:cur", "bw-residual", 0.75),
    ("tput", "bw-residual", 0.5),
];

impl Network {
    /// Adds costs of many metrics to the default map.
    #[must_use]
    pub fn with_metrics(mut self) -> Self {
        if let Some(map) = self.maps.first_mut() {
            add(map);
        }
        self
    }
}

fn add(map: &mut ServedMap) {
    let pids: Vec<_> = map.pids.keys().map(String::as_str).collect();
    let tables = [("delay-ow", DELAY), ("hopcount", HOPS), ("lossrate", LOSS), ("bw-residual", BANDWIDTH)];
    let mut metrics: BTreeMap<String, Costs> =
        tables.iter().map(|(name, rows)| ((*name).to_owned(), matrix(&pids, rows))).collect();
    for (name, other, factor) in MULTIPLES {
        let costs = metrics[*other].iter().map(|(pair, cost)| (pair.clone(), cost * factor));
        metrics.insert((*name).to_owned(), costs.collect());
    }
    for (name, one_way) in [("delay-rt", "delay-ow"), ("delay-rt:mean", "delay-ow:mean")] {
        let there = &metrics[one_way];
        let back = |(source, destination): &(String, String)| there.get(&(destination.clone(), source.clone()));
        let both = there.iter().filter_map(|(pair, cost)| Some((pair.clone(), cost + back(pair)?)));
        let both = both.collect();
        metrics.insert(name.to_owned(), both);
    }
    map.metrics = metrics;
}
