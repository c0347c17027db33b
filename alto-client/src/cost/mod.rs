//! Costs of one type (RFC 7285) or of several at once (RFC 8189): queries, the requests they take, and their answers.

mod answer;
mod endpoint_cost;
mod endpoint_key;
mod map;
pub mod metric;
mod plan;
mod query;
mod rank;
mod table;

use alto_types::{CostType, NameError};

pub(crate) use self::answer::{CostMapPart, EndpointCostPart};
pub use self::endpoint_cost::{Basis, EndpointCostQuery, EndpointCosts};
pub(crate) use self::endpoint_key::ByEndpoint;
pub use self::map::{CostMap, CostMapQuery, Maps};
pub(crate) use self::plan::{Plan, Step};
pub use self::query::{CostQuery, CostTest};
pub(crate) use self::rank::{numbers_for, rank};
pub use self::table::{CostColumn, CostRows, CostTable};

/// Cost type of a metric and a mode by their names, such as `routingcost` and `ordinal`.
pub fn cost_type(metric: &str, mode: &str) -> Result<CostType, NameError> {
    Ok(CostType::new(metric.parse()?, mode.parse()?))
}

/// Cost type `routingcost` in numbers. Every server offers the metric, in this mode or as ranks (RFC 7285 §6.1.1.1).
#[expect(clippy::missing_panics_doc, reason = "it does not: the names are legal")]
pub fn routing_cost() -> CostType {
    cost_type("routingcost", alto_types::CostMode::NUMERICAL).expect("these names are legal")
}
