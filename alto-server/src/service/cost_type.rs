//! Between the wire's cost types and the metrics of the topology.

use std::str::FromStr;

use alto_types::{CostContext, CostMetric, CostMode, CostSource, CostType, ProtocolError};
use serde_json::json;
use topo::{Metric, View};

/// How costs are given (RFC 7285 §6.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Amounts.
    Numerical,
    /// Ranks, 1 for the most preferred.
    Ordinal,
}

/// One of the cost types this server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CostKind {
    pub(crate) metric: Metric,
    pub(crate) mode: Mode,
}

impl Mode {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Numerical => CostMode::NUMERICAL,
            Self::Ordinal => CostMode::ORDINAL,
        }
    }
}

impl CostKind {
    /// Every metric in both modes, numerical ones first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let modes = [Mode::Numerical, Mode::Ordinal];
        modes.into_iter().flat_map(|mode| Metric::ALL.map(|metric| Self { metric, mode }))
    }

    /// The name under which the directory defines this cost type.
    pub(crate) fn name(self) -> String {
        format!("{}-{}", self.mode.name(), self.metric.name())
    }

    /// The ID of the full cost map of this type.
    pub(crate) fn cost_map_id(self) -> String {
        match self.mode {
            Mode::Numerical => format!("cost-map-{}", self.metric.name()),
            Mode::Ordinal => format!("cost-map-{}-ordinal", self.metric.name()),
        }
    }

    /// Where the full cost map of this type is.
    pub(crate) fn cost_map_path(self) -> String {
        format!("costmap/{}/{}", self.mode.name(), self.metric.name())
    }

    /// The cost type on the wire, without description, for values of this view.
    pub(crate) fn to_wire(self, view: &View) -> CostType {
        let metric: CostMetric = self.metric.name().parse().expect("metrics have legal names");
        let mode = self.mode.name().parse().expect("modes have legal names");
        CostType { cost_context: context(self.metric, view), ..CostType::new(metric, mode) }
    }

    /// The cost type that `field` of a request asks for, if this server offers it (RFC 7285 §11.3.2.3, RFC 9274 §4).
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

/// Where the values of a metric come from (RFC 9439 §3.1): the topology, or what was measured since; and how those of
/// links make those of routes.
fn context(metric: Metric, view: &View) -> Option<CostContext> {
    let parameters = match metric {
        // Without unit and source: the RFC wants an estimation here, and that is what an absent context says (§6.3).
        Metric::RoutingCost => return None,
        Metric::HopCount => json!({"hop": "link"}),
        Metric::DelayOneWay => json!({"links": "median", "path": "sum"}),
        Metric::DelayRoundTrip => json!({"links": "median", "path": "sum of both ways"}),
        Metric::LossRate => json!({"links": "median", "path": "independent losses"}),
        Metric::ResidualBandwidth => json!({"path": "minimum"}),
        Metric::AvailableBandwidth => json!({"links": "latest", "path": "minimum"}),
    };
    // Routes are computed, so what counts their links is.
    let estimated = metric == Metric::HopCount || view.is_measured(metric);
    let source = if estimated { CostSource::ESTIMATION } else { CostSource::NOMINAL };
    let cost_source = source.parse().expect("registered sources have legal names");
    Some(CostContext { cost_source, parameters: Some(parameters) })
}
