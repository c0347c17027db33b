//! Tasks that clients are given, and the outcome that each is expected to have.

use serde_json::Value;

use crate::mock_server::cost_type::ServedCostType;
use crate::requirement::Requirement;

/// Names of all kinds of tasks.
pub(crate) const TASKS: &[&str] = &["directory", "network-map", "pid", "cost-map", "costs", "property"];

/// Task for a client, with the expected outcome.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    /// Question to answer.
    pub(super) ask: Ask,
    /// Requirement that the task is evidence for.
    pub(super) requirement: Requirement,
    /// Expected outcome.
    pub(super) expected: Expected,
    /// Whether success is no evidence by itself, so that the requests must show it.
    pub(super) weak: bool,
}

/// Question to a client.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    /// All resources of the root directory and of the directories it leads to.
    Directory,
    /// Network map.
    NetworkMap {
        /// Resource ID; `None` for the default map.
        map: Option<String>,
    },
    /// PIDs of addresses.
    Pid {
        /// Network map; `None` for the default map.
        map: Option<String>,
        /// Typed addresses.
        addresses: Vec<String>,
    },
    /// Full cost map.
    CostMap {
        /// Network map; `None` for the default map.
        map: Option<String>,
        /// Cost type.
        cost_type: ServedCostType,
    },
    /// Costs between endpoints.
    Costs {
        /// Cost type.
        cost_type: ServedCostType,
        /// Typed source address.
        from: String,
        /// Typed destination addresses.
        to: Vec<String>,
        /// Upper limit on the costs to return.
        most: Option<f64>,
    },
    /// Property of endpoints.
    Property {
        /// Property name.
        property: String,
        /// Typed addresses.
        addresses: Vec<String>,
    },
}

/// Expected outcome of a task.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    /// Success with this answer.
    Answer(Value),
    /// Success with this answer, or an error.
    AnswerOrRefusal(Value),
    /// An error.
    Refusal,
    /// Any outcome, as long as the client ends.
    Anything,
}

impl Ask {
    /// Returns the kind of task.
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

    /// Returns the cost type in question.
    pub(super) fn cost_type(&self) -> Option<&ServedCostType> {
        match self {
            Self::CostMap { cost_type, .. } | Self::Costs { cost_type, .. } => Some(cost_type),
            _ => None,
        }
    }

    /// Returns the values of the placeholders, each with whether a template must use it.
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
