//! Which costs the policies `alto` and `best` go by: one metric, or several with weights.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use alto_types::{CostMetric, NameError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

/// Most metrics of one list.
const MOST: usize = 8;
/// Weights outside of this would make others meaningless.
const WEIGHTS: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// Metrics with weights: `routingcost`, or `delay-ow=0.7,bw-residual=0.3`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics(Vec<Weighted>);

/// A metric and how much it counts beside the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// What is measured.
    pub metric: CostMetric,
    /// Positive; only its ratio to other weights matters.
    pub weight: f64,
}

/// Why a text is no list of metrics.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// No metric at all.
    #[error("there is no metric: write for example routingcost, or delay-ow=0.7,bw-residual=0.3")]
    Nothing,
    /// More than can be weighed against each other with sense.
    #[error("there are more than {MOST} metrics")]
    TooMany,
    /// Not the name of a metric.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not a weight.
    #[error("{0:?} is not a weight: write a number from 0.000001 to 1000000")]
    Weight(String),
    /// A metric that stands there twice.
    #[error("{0} stands there twice")]
    Twice(CostMetric),
}

impl Metrics {
    /// The metrics with their weights: one at least, each once.
    pub fn as_slice(&self) -> &[Weighted] {
        &self.0
    }

    /// Those that `usable` says; or `routingcost` where that is none.
    #[must_use]
    pub fn only(&self, usable: impl Fn(&CostMetric) -> bool) -> Self {
        let usable: Vec<Weighted> = self.0.iter().filter(|one| usable(&one.metric)).cloned().collect();
        if usable.is_empty() { Self::default() } else { Self(usable) }
    }
}

impl Default for Metrics {
    /// `routingcost`, which every server has.
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
                return Err(MetricsError::Twice(metric));
            }
            if metrics.len() == MOST {
                return Err(MetricsError::TooMany);
            }
            let read = |text: &str| text.parse().ok().filter(|weight| WEIGHTS.contains(weight));
            let wrong = |text: &str| MetricsError::Weight(text.chars().take(40).collect());
            let weight = weight.map_or(Ok(1.0), |text| read(text).ok_or_else(|| wrong(text)))?;
            metrics.push(Weighted { metric, weight });
        }
        if metrics.is_empty() { Err(MetricsError::Nothing) } else { Ok(Self(metrics)) }
    }
}

impl fmt::Display for Metrics {
    /// As people write it; a single metric needs no weight.
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
    fn lists_are_read_as_they_are_written() {
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
            ("", "no metric"),
            (" ", "no metric"),
            ("a,,b", "not a legal cost metric"),
            ("a.b", "not a legal cost metric"),
            ("delay-ow=0", "\"0\" is not a weight"),
            ("delay-ow=", "\"\" is not a weight"),
            ("delay-ow=-1", "is not a weight"),
            ("delay-ow=NaN", "is not a weight"),
            ("delay-ow=inf", "is not a weight"),
            ("delay-ow=1=2", "is not a weight"),
            ("delay-ow,hopcount,delay-ow=2", "delay-ow stands there twice"),
            ("a,b,c,d,e,f,g,h,i", "more than 8"),
        ] {
            let error = text.parse::<Metrics>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "[a-z:.=,0-9 -]{0,40}") {
            if let Ok(metrics) = text.parse::<Metrics>() {
                prop_assert!(metrics.as_slice().iter().all(|one| one.weight > 0.0));
                let json = serde_json::to_string(&metrics).unwrap();
                let again: Metrics = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(again.to_string(), metrics.to_string());
            }
        }
    }
}
