//! Cost metrics that the policies `alto` and `best` compare candidates by: one, or several with weights.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use alto_selection::{Criterion, Preference};
use alto_types::{CostMetric, NameError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

use alto_client::metric::{Better, Metric};

/// Maximum number of metrics in one list.
const MAX_METRICS: usize = 8;
/// Range of weights; one outside it would make the others meaningless.
const WEIGHTS: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// A list of metrics with weights: `routingcost`, or `delay-ow=0.7,bw-residual=0.3`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics(Vec<Weighted>);

/// A metric and its influence relative to the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// Name of the metric.
    pub metric: CostMetric,
    /// Influence of the metric; positive. Only its ratio to other weights matters.
    pub weight: f64,
}

/// A text that is not a list of metrics.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// The list is empty.
    #[error("no metric given: write for example routingcost, or delay-ow=0.7,bw-residual=0.3")]
    Empty,
    /// The list is too long.
    #[error("more than {MAX_METRICS} metrics given: leave some out")]
    TooMany,
    /// An invalid metric name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An invalid weight.
    #[error("{0:?} is not a weight: write a number from 0.000001 to 1000000")]
    Weight(String),
    /// A metric is listed twice.
    #[error("{0} is listed twice: keep one of the two")]
    Duplicate(CostMetric),
}

impl Metrics {
    /// The metrics with their weights: at least one, each listed once.
    pub fn as_slice(&self) -> &[Weighted] {
        &self.0
    }

    /// Ratings of candidates by these metrics: `costs` has a row per candidate with a cost per metric, in order.
    pub fn ratings<R: AsRef<[Option<f64>]>>(&self, costs: &[R]) -> Vec<Option<f64>> {
        alto_selection::ratings(&self.criteria(), costs)
    }

    /// True if ratings by these metrics differ from the costs themselves.
    pub fn is_compromise(&self) -> bool {
        alto_selection::is_compromise(&self.criteria())
    }

    /// The metrics as the selection sees them. A metric unknown to this client is taken for a cost: less is better.
    fn criteria(&self) -> Vec<Criterion> {
        let criterion = |Weighted { metric, weight }: &Weighted| Criterion {
            weight: *weight,
            preference: match Metric::of(metric).better() {
                Some(Better::More) => Preference::Higher,
                Some(Better::Less) | None => Preference::Lower,
            },
        };
        self.0.iter().map(criterion).collect()
    }

    /// The metrics for which the predicate holds, or `routingcost` if it holds for none.
    #[must_use]
    pub fn only(&self, usable: impl Fn(&CostMetric) -> bool) -> Self {
        let usable: Vec<Weighted> = self.0.iter().filter(|one| usable(&one.metric)).cloned().collect();
        if usable.is_empty() { Self::default() } else { Self(usable) }
    }
}

impl Default for Metrics {
    /// `routingcost`, which every ALTO server offers.
    fn default() -> Self {
        Self(vec![Weighted { metric: alto_client::routing_cost().cost_metric, weight: 1.0 }])
    }
}

impl FromStr for Metrics {
    type Err = MetricsError;

    fn from_str(text: &str) -> Result<Self, MetricsError> {
        let mut metrics: Vec<Weighted> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|_| !text.trim().is_empty()) {
            let (name, weight) =
                part.split_once('=').map_or((part, None), |(name, weight)| (name, Some(weight.trim())));
            let metric: CostMetric = name.trim().parse()?;
            if metrics.iter().any(|known| known.metric == metric) {
                return Err(MetricsError::Duplicate(metric));
            }
            if metrics.len() == MAX_METRICS {
                return Err(MetricsError::TooMany);
            }
            let parse = |text: &str| text.parse().ok().filter(|weight| WEIGHTS.contains(weight));
            let invalid = |text: &str| MetricsError::Weight(text.chars().take(40).collect());
            let weight = weight.map_or(Ok(1.0), |text| parse(text).ok_or_else(|| invalid(text)))?;
            metrics.push(Weighted { metric, weight });
        }
        if metrics.is_empty() { Err(MetricsError::Empty) } else { Ok(Self(metrics)) }
    }
}

impl fmt::Display for Metrics {
    /// Writes the list as users do; a single metric is written without its weight.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return only.metric.fmt(f);
        }
        for (index, Weighted { metric, weight }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{metric}={weight}")?;
        }
        Ok(())
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Metrics {
    fn schema_name() -> Cow<'static, str> {
        "Metrics".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a cost metric, or several with weights, such as delay-ow=0.7,bw-residual=0.3",
            "type": "string",
            "pattern": "^ *[0-9A-Za-z:_.-]{1,32} *(= *[0-9.eE+-]+ *)?(, *[0-9A-Za-z:_.-]{1,32} *(= *[0-9.eE+-]+ *)?)*$",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_parsed_as_they_are_written() {
        for (text, written) in [
            ("routingcost", "routingcost"),
            ("delay-ow=0.7,bw-residual=0.3", "delay-ow=0.7,bw-residual=0.3"),
            (" delay-ow:p95 = 2 , hopcount", "delay-ow:p95=2,hopcount=1"),
            ("priv:x=1e-3", "priv:x"),
        ] {
            assert_eq!(text.parse::<Metrics>().unwrap().to_string(), written, "{text}");
        }
        assert_eq!("routingcost".parse(), Ok(Metrics::default()));
        for (text, says) in [
            ("", "no metric given"),
            (" ", "no metric"),
            ("a,,b", "not a legal cost metric"),
            ("a.b", "not a legal cost metric"),
            ("delay-ow=0", "\"0\" is not a weight"),
            ("delay-ow=", "\"\" is not a weight"),
            ("delay-ow=-1", "is not a weight"),
            ("delay-ow=NaN", "is not a weight"),
            ("delay-ow=inf", "is not a weight"),
            ("delay-ow=1=2", "is not a weight"),
            ("delay-ow,hopcount,delay-ow=2", "delay-ow is listed twice"),
            ("a,b,c,d,e,f,g,h,i", "more than 8"),
        ] {
            let error = text.parse::<Metrics>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn bandwidths_are_better_the_higher_and_everything_else_the_lower() {
        let costs = [[Some(1.0), Some(1.0)], [Some(2.0), Some(2.0)]];
        for (metrics, first_is_better) in
            [("delay-ow,lossrate", true), ("priv:x,hopcount", true), ("tput,bw-available", false)]
        {
            let metrics: Metrics = metrics.parse().unwrap();
            let ratings = metrics.ratings(&costs);
            assert_eq!(ratings[0] < ratings[1], first_is_better, "{metrics}");
            assert!(metrics.is_compromise());
        }
        assert!(!Metrics::default().is_compromise());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[a-z:.=,0-9 -]{0,40}") {
            if let Ok(metrics) = text.parse::<Metrics>() {
                prop_assert!(metrics.as_slice().iter().all(|one| one.weight > 0.0));
                let json = serde_json::to_string(&metrics).unwrap();
                let again: Metrics = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(again.to_string(), metrics.to_string());
            }
        }
    }
}
