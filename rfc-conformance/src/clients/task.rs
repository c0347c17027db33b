//! Tasks that clients are given, and the outcome that each is expected to have.

use serde_json::Value;

use crate::mock_server::cost_type::ServedCostType;
use crate::requirement::Requirement;

/// Names of all kinds of tasks.
pub(crate) const TASKS: &[&str] = &["directory", "network-map", "pid", "cost-map", "costs", "property"];

/// Something the client is made to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    /// What.
    pub(super) ask: Ask,
    /// What it shows.
    pub(super) requirement: Requirement,
    /// What should come of it.
    pub(super) expected: Expected,
    /// That it comes out right shows nothing by itself; the requests have to show that the occasion arose.
    pub(super) weak: bool,
}

/// A assignment to the client.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    /// All resources of the directory and those it leads to.
    Directory,
    /// A network map.
    NetworkMap {
        /// Its ID; none for the default map.
        map: Option<String>,
    },
    /// The PIDs of addresses.
    Pid {
        /// The map; none for the default map.
        map: Option<String>,
        /// Typed addresses.
        addresses: Vec<String>,
    },
    /// A whole cost map.
    CostMap {
        /// The network map; none for the default map.
        map: Option<String>,
        /// The cost type.
        cost_type: ServedCostType,
    },
    /// Costs between endpoints.
    Costs {
        /// The cost type.
        cost_type: ServedCostType,
        /// A typed address.
        from: String,
        /// Typed addresses.
        to: Vec<String>,
        /// Leave out what costs more.
        most: Option<f64>,
    },
    /// A property of endpoints.
    Property {
        /// Its name.
        property: String,
        /// Typed addresses.
        addresses: Vec<String>,
    },
}

/// What should come of a task.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    /// This answer.
    Answer(Value),
    /// This answer, or none with an error.
    AnswerOrRefusal(Value),
    /// An error.
    Refusal,
    /// Whatever; it should end.
    Anything,
}

impl Ask {
    /// The name that templates are given under.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::NetworkMap { .. } => "network-map",
            Self::Pid { .. } => "pid",
            Self::CostMap { .. } => "cost-map",
            Self::Costs { .. } => "costs",
            Self::Property { .. } => "property",
        }
    }

    /// The cost type asked for.
    pub(super) fn cost_type(&self) -> Option<&ServedCostType> {
        match self {
            Self::CostMap { cost_type, .. } | Self::Costs { cost_type, .. } => Some(cost_type),
            _ => None,
        }
    }

    /// Values of the placeholders, and whether a template must have them to be of use.
    pub(super) fn values(&self, default_map: &str) -> Vec<(&'static str, Vec<String>, bool)> {
        let one = |value: &str| vec![value.to_owned()];
        let map_of = |map: &Option<String>| ("map", one(map.as_deref().unwrap_or(default_map)), map.is_some());
        let type_of = |cost_type: &ServedCostType| {
            [
                ("metric", one(&cost_type.metric), cost_type.metric != "routingcost"),
                ("mode", one(&cost_type.mode), cost_type.mode != "numerical"),
            ]
        };
        match self {
            Self::Directory => Vec::new(),
            Self::NetworkMap { map } => vec![map_of(map)],
            Self::Pid { map, addresses } => vec![map_of(map), ("addresses", addresses.clone(), true)],
            Self::CostMap { map, cost_type } => {
                let [metric, mode] = type_of(cost_type);
                vec![map_of(map), metric, mode]
            }
            Self::Costs { cost_type, from, to, most } => {
                let [metric, mode] = type_of(cost_type);
                let mut values = vec![metric, mode, ("from", one(from), true), ("to", to.clone(), true)];
                values.push(("most", most.iter().map(f64::to_string).collect(), most.is_some()));
                values
            }
            Self::Property { property, addresses } => {
                vec![("property", one(property), true), ("addresses", addresses.clone(), true)]
            }
        }
    }
}
