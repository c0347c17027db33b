//! Tasks that clients are given, and the outcome that each is expected to have.

use serde_json::Value;

use crate::mock_server::cost_type::ServedCostType;
use crate::requirement::Requirement;

/// Names of all kinds of tasks.
pub(crate) const TASKS: &[&str] = &["directory", "network-map", "pid", "cost-map", "costs", "property", "follow"];

/// Task for a client, with the expected outcome.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    /// Question to answer.
    pub(super) ask: Ask,
    /// Requirement that the task is evidence for.
    pub(super) requirement: Requirement,
    /// Outcome that a conforming client has.
    pub(super) expected: Expected,
    /// True if success alone proves nothing, so that only the requests can show conformance.
    pub(super) inconclusive: bool,
}

/// Question to a client.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    /// All resources of the root directory and of the directories it leads to.
    Directory,
    /// PIDs of a network map with their prefixes.
    NetworkMap {
        /// Resource ID; `None` for the default map.
        map: Option<String>,
    },
    /// PIDs of addresses.
    Pid {
        /// Network map; `None` for the default map.
        map: Option<String>,
        /// Addresses with their types, such as `ipv4:192.0.2.1`.
        addresses: Vec<String>,
    },
    /// Full cost map.
    CostMap {
        /// Network map; `None` for the default map.
        map: Option<String>,
        /// Metric and mode of the costs.
        cost_type: ServedCostType,
    },
    /// Costs between endpoints.
    Costs {
        /// Metric and mode of the costs.
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
        /// Name of the property, such as `nm-a.pid`.
        property: String,
        /// Addresses with their types, such as `ipv4:192.0.2.1`.
        addresses: Vec<String>,
    },
    /// Resource in a later version.
    Follow {
        /// Resource ID.
        resource: String,
        /// Way to follow it: `stream` or `tips`.
        by: &'static str,
        /// Tag of the version at which the client ends.
        tag: String,
    },
}

/// Expected outcome of a task.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    /// Success with this answer.
    Answer(Value),
    /// Success with this answer, or an error.
    AnswerOrRefusal(Value),
    /// Error, by an exit code other than 0.
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
            Self::Follow { .. } => "follow",
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
            Self::Follow { resource, by, tag } => {
                vec![("resource", one(resource), true), ("by", one(by), true), ("tag", one(tag), true)]
            }
        }
    }
}
