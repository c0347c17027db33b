//! Cost types with the source of their values, and constraints on costs (RFC 7285 §10.7 and §11.3.2.3, RFC 9439 §3.1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::name::{CostMetric, CostMode, CostSource};

/// A cost type (RFC 7285 §10.7), identified by metric and mode; see [`CostType::is`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CostType {
    /// Metric of the costs.
    pub cost_metric: CostMetric,
    /// Mode: numbers or ranks.
    pub cost_mode: CostMode,
    /// Source of the values, ignored by matching; estimations if absent (RFC 9439 §3.1).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "ignoring_invalid")]
    pub cost_context: Option<CostContext>,
    /// Description for human readers, ignored by matching.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The source of the values of a cost type (RFC 9439 §3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CostContext {
    /// Kind of the source.
    pub cost_source: CostSource,
    /// Parameters of the source, in a format of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<serde_json::Value>,
}

/// Deserialises a context; an invalid one is ignored, as by a client that does not know contexts.
fn ignoring_invalid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CostContext>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(|context| CostContext::deserialize(context).ok())
}

/// A constraint that costs in the answer must satisfy, such as `le 100` (RFC 7285 §11.3.2.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constraint {
    /// Comparison of the cost with the value.
    pub comparison: Comparison,
    /// Value to compare with, in units of the metric.
    pub value: f64,
}

/// The comparison operator of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Greater than, `gt`.
    Greater,
    /// Less than, `lt`.
    Less,
    /// Greater than or equal to, `ge`.
    GreaterOrEqual,
    /// Less than or equal to, `le`.
    LessOrEqual,
    /// Equal to, `eq`.
    Equal,
}

/// A text that is not a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a constraint: write gt, lt, ge, le or eq, a space, and a JSON number (RFC 7285 §11.3.2.3)")]
pub struct ConstraintError;

impl CostType {
    /// Creates a cost type without description and context.
    pub fn new(cost_metric: CostMetric, cost_mode: CostMode) -> Self {
        Self { cost_metric, cost_mode, cost_context: None, description: None }
    }

    /// Returns whether metric and mode are the same; description (RFC 7285 §11.3.2.3) and context (RFC 9439 §3.1) are
    /// ignored.
    pub fn is(&self, other: &Self) -> bool {
        self.cost_metric == other.cost_metric && self.cost_mode == other.cost_mode
    }
}

impl Constraint {
    /// Returns whether a cost satisfies the constraint.
    pub fn admits(&self, cost: f64) -> bool {
        match self.comparison {
            Comparison::Greater => cost > self.value,
            Comparison::Less => cost < self.value,
            Comparison::GreaterOrEqual => cost >= self.value,
            Comparison::LessOrEqual => cost <= self.value,
            // Exact comparison is intended: both sides are decimals parsed by the same rule.
            #[expect(clippy::float_cmp, reason = "`eq` compares exactly")]
            Comparison::Equal => cost == self.value,
        }
    }
}

impl FromStr for Constraint {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, ConstraintError> {
        let blank = [' ', '\t'];
        let (operator, number) = text.trim_matches(blank).split_once(blank).ok_or(ConstraintError)?;
        let comparison = match operator {
            "gt" => Comparison::Greater,
            "lt" => Comparison::Less,
            "ge" => Comparison::GreaterOrEqual,
            "le" => Comparison::LessOrEqual,
            "eq" => Comparison::Equal,
            _ => return Err(ConstraintError),
        };
        // Only JSON numbers are legal, so no `+5`, `.5`, `0x1`, `NaN` or surrounding line breaks.
        let number = number.trim_matches(blank);
        if !number.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) {
            return Err(ConstraintError);
        }
        let value = serde_json::from_str(number).map_err(|_| ConstraintError)?;
        Ok(Self { comparison, value })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.comparison {
            Comparison::Greater => "gt",
            Comparison::Less => "lt",
            Comparison::GreaterOrEqual => "ge",
            Comparison::LessOrEqual => "le",
            Comparison::Equal => "eq",
        };
        write!(f, "{operator} {}", self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn constraints_follow_the_grammar() {
        for good in ["gt 5", "ge  5", "le\t1e3", " eq -1.5 ", "lt 0.1"] {
            assert!(good.parse::<Constraint>().is_ok(), "{good}");
        }
        for bad in [
            "ne 5", "GE 5", "ge5", "5 ge", "ge x", "", "ge 1 2", "ge +5", "ge .5", "ge 0x1", "ge NaN", "ge 05",
            "ge 1e999", "ge \n5",
        ] {
            assert!(bad.parse::<Constraint>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn invalid_contexts_are_ignored_and_matching_ignores_contexts() {
        let read = |context: &str| {
            let text = format!(r#"{{"cost-metric":"delay-ow:p95","cost-mode":"numerical"{context}}}"#);
            let cost_type: CostType = serde_json::from_str(&text).unwrap();
            (text == serde_json::to_string(&cost_type).unwrap(), cost_type)
        };
        let (same, plain) = read("");
        assert!(same && plain.cost_context.is_none());
        let (same, promised) =
            read(r#","cost-context":{"cost-source":"sla","parameters":{"link":"https://isp.example/"}}"#);
        assert!(same && promised.is(&plain) && promised != plain);
        assert_eq!(promised.cost_context.unwrap().cost_source.as_str(), CostSource::SLA);
        for odd in ["7", "null", "{}", r#"{"cost-source":"not-a-word"}"#, r#"{"cost-source":["sla"]}"#] {
            assert_eq!(read(&format!(",\"cost-context\":{odd}")).1, plain, "{odd}");
        }
    }

    #[test]
    fn comparison_is_in_double_precision() {
        let above: Constraint = "gt 9007199254740990".parse().unwrap();
        assert!(above.admits(9_007_199_254_740_991.0));
        assert!(!above.admits(9_007_199_254_740_990.0));
        assert!("eq 0.1".parse::<Constraint>().unwrap().admits(0.1));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = text.parse::<Constraint>();
        }

        #[test]
        fn formatted_constraints_parse_back_equal(value in proptest::num::f64::NORMAL) {
            let constraint = Constraint { comparison: Comparison::LessOrEqual, value };
            prop_assert_eq!(constraint.to_string().parse::<Constraint>(), Ok(constraint));
        }
    }
}
