//! What a scenario is: something valid but unusual, and what a client should make of it.

use serde_json::Value;

use super::grading::PlayedScenario;
use crate::mock_server::network::ServedCostType;
use crate::mock_server::service::Service;
use crate::requirement::Requirement;
use crate::sheet::Sheet;

/// A scripted server with one peculiarity.
pub(super) struct Scenario {
    /// The first segment of its paths.
    pub(super) name: &'static str,
    /// What is unusual about it, in a sentence.
    pub(super) about: &'static str,
    /// What it is there to see.
    pub(super) requirement: Requirement,
    /// What it takes.
    pub(super) needs: Needs,
    /// The path of the root directory below the name.
    pub(super) root: &'static str,
    /// The server.
    pub(super) service: fn(&Deployment) -> Service,
    /// What the client is made to do, and what comes of it.
    pub(super) tasks: fn(&Service) -> Vec<Task>,
    /// What can be told from the requests alone, beyond the requirements that hold everywhere.
    pub(super) judge: Option<fn(&PlayedScenario<'_>, &mut Sheet)>,
}

/// What a scenario takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Plain HTTP.
    Nothing,
    /// Clients that authenticate.
    Credentials,
    /// HTTPS, with a certificate of this kind.
    Tls(Certificate),
}

/// Certificates that clients should trust, and should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certificate {
    /// For this host, of the authority that clients were told to trust.
    Good,
    /// For another host.
    WrongName,
    /// Of another authority.
    Stranger,
}

/// Where a scenario is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deployment {
    /// The first segment of all its paths, with a slash.
    pub(super) prefix: String,
    /// Scheme and authority.
    pub(super) origin: String,
    /// Scheme and authority of a second server that serves the same paths.
    pub(super) other: String,
    /// How many tasks came before this one.
    pub(super) turn: usize,
}

impl Deployment {
    /// The authority.
    pub(super) fn authority(&self) -> &str {
        self.origin.split_once("//").map_or("", |(_, authority)| authority)
    }
}

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
