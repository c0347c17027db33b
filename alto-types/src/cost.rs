//! Cost types, where their values come from, and constraints (RFC 7285 §10.7 and §11.3.2.3, RFC 9439 §3.1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::name::{CostMetric, CostMode, CostSource};

/// What a cost is and how it is to be read (RFC 7285 §10.7). Its identity is metric and mode; see [`CostType::is`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CostType {
    /// What is measured.
    pub cost_metric: CostMetric,
    /// Amounts or ranks.
    pub cost_mode: CostMode,
    /// Where the values come from; takes no part in matching. Absent, they are estimations (RFC 9439 §3.1).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "if_legible")]
    pub cost_context: Option<CostContext>,
    /// For people; takes no part in matching.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Where the values of a cost type come from (RFC 9439 §3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CostContext {
    /// The kind of source.
    pub cost_source: CostSource,
    /// How it was made use of; of any form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<serde_json::Value>,
}

/// A context that cannot be read says nothing, as to a client that does not know of contexts.
fn if_legible<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CostContext>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(|context| CostContext::deserialize(context).ok())
}

/// A test that a cost must pass to be in the answer, such as `le 100` (RFC 7285 §11.3.2.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constraint {
    /// How the cost is compared.
    pub comparison: Comparison,
    /// With what, in the units of the metric.
    pub value: f64,
}

/// The five operators of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `gt`
    Greater,
    /// `lt`
    Less,
    /// `ge`
    GreaterOrEqual,
    /// `le`
    LessOrEqual,
    /// `eq`
    Equal,
}

/// Why a string is not a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a constraint: write gt, lt, ge, le or eq, a space, and a JSON number (RFC 7285 §11.3.2.3)")]
pub struct ConstraintError;

impl CostType {
    /// A cost type without description and context.
    pub fn new(cost_metric: CostMetric, cost_mode: CostMode) -> Self {
        Self { cost_metric, cost_mode, cost_context: None, description: None }
    }

    /// Whether both are the same type: metric and mode, never the description (RFC 7285 §11.3.2.3) or the context
    /// (RFC 9439 §3.1).
    pub fn is(&self, other: &Self) -> bool {
        self.cost_metric == other.cost_metric && self.cost_mode == other.cost_mode
    }
}

impl Constraint {
    /// Whether a cost passes.
    pub fn admits(&self, cost: f64) -> bool {
        match self.comparison {
            Comparison::Greater => cost > self.value,
            Comparison::Less => cost < self.value,
            Comparison::GreaterOrEqual => cost >= self.value,
            Comparison::LessOrEqual => cost <= self.value,
            // Exactness is meant: costs and constraints are the same decimal read by the same rule.
            #[expect(clippy::float_cmp, reason = "`eq` asks for the same double")]
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
        // A JSON number and nothing else: no `+5`, `.5`, `0x1`, `NaN` or line breaks around it.
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
    fn the_grammar_is_that_of_the_rfc() {
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
    fn a_context_is_read_where_it_can_be_and_takes_no_part_in_matching() {
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
        fn printing_and_parsing_agree(value in proptest::num::f64::NORMAL) {
            let constraint = Constraint { comparison: Comparison::LessOrEqual, value };
            prop_assert_eq!(constraint.to_string().parse::<Constraint>(), Ok(constraint));
        }
    }
}
