//! Cost metrics, and the ranking of their values.

use std::str::FromStr;

use crate::value::Value;

/// A cost metric (RFC 7285 §6.1.1, RFC 9439).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Sum of link costs and prices (RFC 7285 §6.1.1.1).
    RoutingCost,
    /// Number of links (RFC 9439 §4.5).
    HopCount,
    /// Sum of link delays, in microseconds (RFC 9439 §4.1).
    DelayOneWay,
    /// Sum of the one-way delays in both directions, each along its own route, in microseconds (RFC 9439 §4.2).
    DelayRoundTrip,
    /// Percentage of packets lost along the route (RFC 9439 §4.4).
    LossRate,
    /// Smallest link bandwidth, in bytes per second (RFC 9439 §5.2).
    ResidualBandwidth,
    /// Smallest unused link bandwidth, in bytes per second (RFC 9439 §5.3).
    AvailableBandwidth,
}

/// A text that is not the name of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no metric of this name")]
pub struct UnknownMetric;

impl Metric {
    /// All metrics, in display order.
    pub const ALL: [Self; 7] = [
        Self::RoutingCost,
        Self::HopCount,
        Self::DelayOneWay,
        Self::DelayRoundTrip,
        Self::LossRate,
        Self::ResidualBandwidth,
        Self::AvailableBandwidth,
    ];

    /// Registered name of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::RoutingCost => "routingcost",
            Self::HopCount => "hopcount",
            Self::DelayOneWay => "delay-ow",
            Self::DelayRoundTrip => "delay-rt",
            Self::LossRate => "lossrate",
            Self::ResidualBandwidth => "bw-residual",
            Self::AvailableBandwidth => "bw-available",
        }
    }

    /// Returns whether larger values are better.
    pub fn larger_is_better(self) -> bool {
        matches!(self, Self::ResidualBandwidth | Self::AvailableBandwidth)
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or(UnknownMetric)
    }
}

/// Returns the dense ranks of values: 1 for the best, no gaps, equal ranks for equal values.
pub fn dense_ranks(metric: Metric, values: &[Value]) -> Vec<u32> {
    let mut distinct = values.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let rank = |value: &Value| {
        let below = distinct.partition_point(|other| other < value);
        let better = if metric.larger_is_better() { distinct.len() - 1 - below } else { below };
        u32::try_from(better + 1).unwrap_or(u32::MAX)
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_by_name() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(metric));
        }
        assert_eq!("RoutingCost".parse::<Metric>(), Err(UnknownMetric));
    }

    #[test]
    fn ranks_are_dense_and_the_best_is_first() {
        let values = [30, 10, 30, 20].map(Value::from_integer);
        assert_eq!(dense_ranks(Metric::RoutingCost, &values), [3, 1, 3, 2]);
        assert_eq!(dense_ranks(Metric::AvailableBandwidth, &values), [1, 3, 1, 2]);
        assert!(dense_ranks(Metric::HopCount, &[]).is_empty());
    }
}
