//! Options of queries for costs: metrics, mode and tests.

use std::str::FromStr;

use alto_types::{Constraint, CostMetric, CostMode, CostType};
use structopt::StructOpt;

use alto_client::{CostQuery, CostTest, printable};

/// Options that select costs.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct CostOptions {
    /// Cost metric: routingcost, hopcount, delay-ow, ...; a list, or repeated, for several at once
    #[structopt(long, value_name = "METRIC,...", default_value = "routingcost", require_delimiter = true)]
    metric: Vec<CostMetric>,

    /// Cost mode: numerical for amounts, ordinal for ranks
    #[structopt(long, value_name = "MODE", default_value = "numerical")]
    mode: CostMode,

    /// Selects pairs whose cost passes a test: [METRIC], then gt, lt, ge, le or eq, then a number; without METRIC the
    /// first one is tested; repeat for several, which must all be passed
    #[structopt(long, value_name = "TEST", number_of_values = 1)]
    constraint: Vec<Test>,

    /// Selects pairs that pass all of these tests, or all of those of another --or-constraint
    #[structopt(long, value_name = "TEST,...", number_of_values = 1, conflicts_with = "constraint")]
    or_constraint: Vec<Tests>,
}

/// Test of the metric that is named, or of the first one.
#[derive(Clone, Debug, PartialEq)]
struct Test {
    metric: Option<CostMetric>,
    constraint: Constraint,
}

/// Tests that must all be passed.
#[derive(Clone, Debug, PartialEq)]
struct Tests(Vec<Test>);

impl FromStr for Test {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |text: &str| {
            text.parse().map_err(|error: alto_types::cost::ConstraintError| format!("{:?} {error}", printable(text)))
        };
        let text = text.trim();
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        if matches!(first, "gt" | "lt" | "ge" | "le" | "eq") || rest.trim_start().split(' ').count() < 2 {
            return Ok(Self { metric: None, constraint: read(text)? });
        }
        let metric = first.parse().map_err(|error: alto_types::NameError| error.to_string())?;
        Ok(Self { metric: Some(metric), constraint: read(rest)? })
    }
}

impl FromStr for Tests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl CostOptions {
    fn cost_type(&self, metric: &CostMetric) -> CostType {
        CostType::new(metric.clone(), self.mode.clone())
    }

    /// The query that the options describe.
    pub(super) fn query(&self) -> CostQuery {
        let mut types: Vec<CostType> = Vec::new();
        for metric in &self.metric {
            let cost_type = self.cost_type(metric);
            if !types.contains(&cost_type) {
                types.push(cost_type);
            }
        }
        let of = |test: &Test| {
            let cost_type =
                test.metric.as_ref().map(|metric| self.cost_type(metric)).or_else(|| types.first().cloned())?;
            Some(CostTest { cost_type, constraint: test.constraint })
        };
        let mut tests: Vec<Vec<CostTest>> =
            self.or_constraint.iter().map(|group| group.0.iter().filter_map(of).collect()).collect();
        if !self.constraint.is_empty() {
            tests.push(self.constraint.iter().filter_map(of).collect());
        }
        CostQuery { types, tests }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_may_name_its_metric() {
        for (text, metric) in [("le 5", None), (" delay-ow:p95  gt 1e3 ", Some("delay-ow:p95")), ("ge -1", None)] {
            let test: Test = text.parse().unwrap();
            assert_eq!(test.metric.as_ref().map(CostMetric::as_str), metric, "{text}");
        }
        for bad in ["", "5", "below 5", "hopcount", "hopcount le", "a.b le 5", "hopcount le 5 6", "le 5 6", "le"] {
            assert!(bad.parse::<Test>().is_err(), "{bad}");
        }
        assert_eq!("hopcount le 5, gt 1".parse::<Tests>().unwrap().0.len(), 2);
        assert!("hopcount le 5,".parse::<Tests>().is_err());
    }
}
