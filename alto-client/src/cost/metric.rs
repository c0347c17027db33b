//! Cost metrics: units, order of preference, and default statistic and source (RFC 7285 §6.1.1.1, RFC 9439 §3 to §5).

use std::cmp::Ordering;

use alto_types::{CostMetric, CostMode, CostSource, CostType};

/// Cost metric, its name split into metric and statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric<'a> {
    /// Name without statistic, such as `delay-ow`.
    pub base: &'a str,
    /// Statistic that the name ends with, such as `p95`.
    pub operator: Option<&'a str>,
}

/// Order of preference of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is better, as of costs, delays and losses.
    Less,
    /// More is better, as of bandwidths.
    More,
}

/// Unit of a metric's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Full name, such as `bytes per second`.
    pub name: &'static str,
    /// Symbol for the head of a column, such as `B/s`.
    pub symbol: &'static str,
}

impl<'a> Metric<'a> {
    /// Splits the name of a metric. The part after the last colon is a statistic only if it can be one: `priv:min` has
    /// none.
    pub fn of(metric: &'a CostMetric) -> Self {
        let name = metric.as_str();
        let split = name.rsplit_once(':').filter(|(base, operator)| *base != "priv" && is_operator(operator));
        split.map_or(Self { base: name, operator: None }, |(base, operator)| Self { base, operator: Some(operator) })
    }

    /// Statistic of the metric, stated or by default (RFC 9439 §3.2, §5.2.3, §5.3.3); `None` for metrics without one.
    pub fn statistic(self) -> Option<&'a str> {
        self.operator.or(match self.base {
            "bw-residual" | "bw-available" => Some("cur"),
            "delay-ow" | "delay-rt" | "delay-variation" | "lossrate" | "hopcount" | "tput" => Some("median"),
            _ => None,
        })
    }

    /// Unit of the metric; `None` for `routingcost`, which has none, and for unknown metrics.
    pub fn unit(self) -> Option<Unit> {
        let squared = self.operator == Some("stdvar");
        let unit = |name, symbol, squared_name, squared_symbol| {
            let (name, symbol) = if squared { (squared_name, squared_symbol) } else { (name, symbol) };
            Some(Unit { name, symbol })
        };
        match self.base {
            "delay-ow" | "delay-rt" | "delay-variation" => unit("microseconds", "us", "square microseconds", "us^2"),
            "lossrate" => unit("percent of packets", "%", "square percent of packets", "%^2"),
            "hopcount" => unit("hops", "hops", "square hops", "hops^2"),
            "tput" | "bw-residual" | "bw-available" => {
                unit("bytes per second", "B/s", "square bytes per second", "(B/s)^2")
            }
            _ => None,
        }
    }

    /// Order of preference; `None` for unknown metrics.
    pub fn better(self) -> Option<Better> {
        match self.base {
            "routingcost" | "hopcount" | "delay-ow" | "delay-rt" | "delay-variation" | "lossrate" => Some(Better::Less),
            // Little variation is good, whatever varies.
            "tput" | "bw-residual" | "bw-available" if matches!(self.operator, Some("stddev" | "stdvar")) => {
                Some(Better::Less)
            }
            "tput" | "bw-residual" | "bw-available" => Some(Better::More),
            _ => None,
        }
    }
}

impl Better {
    /// Compares costs; the better one is less.
    pub fn compare(self, a: f64, b: f64) -> Ordering {
        match self {
            Self::Less => a.total_cmp(&b),
            Self::More => b.total_cmp(&a),
        }
    }

    /// Order of preference of a cost type. Less is better for ranks, which begin with the best, and for unknown metrics.
    pub fn of(cost_type: &CostType) -> Self {
        if cost_type.cost_mode.as_str() == CostMode::ORDINAL {
            return Self::Less;
        }
        Metric::of(&cost_type.cost_metric).better().unwrap_or(Self::Less)
    }
}

/// Source of the values of a cost type; estimation by default (RFC 9439 §3.1).
pub fn source(cost_type: &CostType) -> &str {
    cost_type.cost_context.as_ref().map_or(CostSource::ESTIMATION, |context| context.cost_source.as_str())
}

/// Names a cost type in messages for people, such as `numerical routingcost`.
pub(crate) fn label(cost_type: &CostType) -> String {
    format!("{} {}", cost_type.cost_mode, cost_type.cost_metric)
}

/// True if a suffix is a statistical operator (RFC 9439 §3.2).
fn is_operator(text: &str) -> bool {
    matches!(text, "cur" | "min" | "max" | "median" | "mean" | "stddev" | "stdvar")
        || text.strip_prefix('p').is_some_and(|percentile| percentile.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str) -> CostMetric {
        name.parse().unwrap()
    }

    #[test]
    fn statistics_are_told_from_names() {
        for (name, base, operator, statistic) in [
            ("routingcost", "routingcost", None, None),
            ("delay-ow", "delay-ow", None, Some("median")),
            ("delay-ow:p99.9", "delay-ow", Some("p99.9"), Some("p99.9")),
            ("bw-available", "bw-available", None, Some("cur")),
            ("bw-residual:mean", "bw-residual", Some("mean"), Some("mean")),
            ("priv:min", "priv:min", None, None),
            ("priv:acme-rtt:max", "priv:acme-rtt", Some("max"), Some("max")),
            ("priv:a:b", "priv:a:b", None, None),
        ] {
            let name = metric(name);
            let read = Metric::of(&name);
            assert_eq!((read.base, read.operator, read.statistic()), (base, operator, statistic), "{name}");
        }
    }

    #[test]
    fn units_and_the_better_end() {
        for (name, symbol, better) in [
            ("routingcost", None, Some(Better::Less)),
            ("delay-ow:p95", Some("us"), Some(Better::Less)),
            ("lossrate", Some("%"), Some(Better::Less)),
            ("bw-residual", Some("B/s"), Some(Better::More)),
            ("tput:stdvar", Some("(B/s)^2"), Some(Better::Less)),
            ("priv:x", None, None),
        ] {
            let name = metric(name);
            let read = Metric::of(&name);
            assert_eq!((read.unit().map(|unit| unit.symbol), read.better()), (symbol, better), "{name}");
        }
        let ranks = crate::cost_type("bw-residual", CostMode::ORDINAL).unwrap();
        assert_eq!(Better::of(&ranks), Better::Less, "the best has rank 1");
        assert_eq!(source(&ranks), "estimation");
    }
}
