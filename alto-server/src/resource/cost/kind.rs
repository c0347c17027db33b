//! The cost types of this server: every metric of the topology in both modes.

use std::str::FromStr;

use alto_types::{CostContext, CostMetric, CostMode, CostSource, CostType, ProtocolError};
use serde_json::Value;
use topo::{Metric, View};

/// Cost mode (RFC 7285 §6.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Amounts in the unit of the metric.
    Numerical,
    /// Ranks, 1 for the most preferred.
    Ordinal,
}

/// Cost type that this server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CostKind {
    pub(crate) metric: Metric,
    pub(crate) mode: Mode,
}

impl Mode {
    /// Registered name of the mode.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Numerical => CostMode::NUMERICAL,
            Self::Ordinal => CostMode::ORDINAL,
        }
    }
}

impl CostKind {
    /// Number of cost types.
    pub(crate) const COUNT: usize = 2 * Metric::ALL.len();

    /// Lists all cost types, numerical ones first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let modes = [Mode::Numerical, Mode::Ordinal];
        modes.into_iter().flat_map(|mode| Metric::ALL.map(|metric| Self { metric, mode }))
    }

    /// Name by which the directory refers to this cost type.
    pub(crate) fn name(self) -> String {
        format!("{}-{}", self.mode.name(), self.metric.name())
    }

    /// Description for people (RFC 7285 §10.7).
    pub(crate) fn description(self) -> String {
        match self.mode {
            Mode::Numerical => self.metric.description().to_owned(),
            Mode::Ordinal => format!("rank, 1 is best, of: {}", self.metric.description()),
        }
    }

    /// Converts to the wire, without description, for values of this view.
    pub(crate) fn to_wire(self, view: &View) -> CostType {
        let metric: CostMetric = self.metric.name().parse().expect("metrics have legal names");
        let mode = self.mode.name().parse().expect("modes have legal names");
        CostType { cost_context: context(self.metric, view), ..CostType::new(metric, mode) }
    }

    /// Converts the cost type in `field` of a request, if this server offers it (RFC 7285 §11.3.2.3, RFC 9274 §4).
    pub(crate) fn requested(cost_type: &CostType, field: &str) -> Result<Self, ProtocolError> {
        let refused = |member: &str, value: &str| ProtocolError::invalid_value(format!("{field}/{member}"), value);
        let mode = match cost_type.cost_mode.as_str() {
            CostMode::NUMERICAL => Mode::Numerical,
            CostMode::ORDINAL => Mode::Ordinal,
            other => return Err(refused("cost-mode", other)),
        };
        let name = cost_type.cost_metric.as_str();
        let metric = Metric::from_str(name).map_err(|_error| refused("cost-metric", name))?;
        Ok(Self { metric, mode })
    }
}

/// Returns the cost context of a metric for values of this view (RFC 9439 §3.1).
fn context(metric: Metric, view: &View) -> Option<CostContext> {
    let context = metric.context()?;
    let estimated = context.always_estimated || view.is_measured(metric);
    let source = if estimated { CostSource::ESTIMATION } else { CostSource::NOMINAL };
    let cost_source = source.parse().expect("registered sources have legal names");
    let parameters = context.parameters.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    Some(CostContext { cost_source, parameters: Some(Value::Object(parameters)) })
}
