//! Scenarios with servers that offer less than the example service.

use super::super::expected;
use super::super::requirements;
use super::super::scenario::{Deployment, Scenario};
use super::super::task::{Ask, Expected, Task};
use super::{FROM, TO, addresses, costs_between, fixture, scenario};
use crate::mock_server::cost_query::Offer;
use crate::mock_server::cost_type::ServedCostType;
use crate::mock_server::resource::ResourceKind;
use crate::mock_server::service::Service;
use crate::requirement::Requirement;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "constrained",
            "Nothing is unusual; the client leaves out what costs too much",
            requirements::CONSTRAINT_FORM,
            fixture,
            |service| vec![cheap(service, requirements::CONSTRAINT_FORM)],
        ),
        scenario(
            "unconstrained",
            "No resource has `cost-constraints`",
            requirements::NO_CONSTRAINTS,
            unconstrained,
            |service| vec![cheap(service, requirements::NO_CONSTRAINTS)],
        ),
        scenario(
            "only-ordinal",
            "Costs are offered as ranks only",
            requirements::ADAPTS_TO_ORDINAL,
            |deployment| only(deployment, &ServedCostType::ordinal()),
            |service| {
                vec![Task {
                    expected: Expected::Anything,
                    ..costs_between(service, requirements::ADAPTS_TO_ORDINAL, &ServedCostType::numerical(), FROM, TO)
                }]
            },
        ),
        scenario(
            "only-numerical",
            "Costs are offered as numbers only",
            requirements::ADAPTS_TO_NUMERICAL,
            |deployment| only(deployment, &ServedCostType::numerical()),
            |service| {
                vec![
                    costs_between(service, requirements::ADAPTS_TO_NUMERICAL, &ServedCostType::ordinal(), FROM, TO)
                        .or_refusal(),
                ]
            },
        ),
    ]
}

/// Asks for costs of at most 6, which excludes all but two destinations.
fn cheap(service: &Service, requirement: Requirement) -> Task {
    let (to, most) = (addresses(TO), Some(6.0));
    let right = expected::costs(&service.network, &ServedCostType::numerical(), FROM, &to, most);
    let ask = Ask::Costs { cost_type: ServedCostType::numerical(), from: FROM.into(), to, most };
    Task { ask, requirement, expected: Expected::Answer(right), weak: false }
}

fn unconstrained(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    for resource in &mut service.resources {
        if let ResourceKind::FilteredCostMap(_, offer) | ResourceKind::EndpointCost(offer) = &mut resource.kind {
            offer.constraints = false;
        }
    }
    service
}

/// Restricts all resources to one cost type, and removes cost maps of any other.
fn only(deployment: &Deployment, cost_type: &ServedCostType) -> Service {
    let mut service = fixture(deployment);
    let offer = Offer { cost_types: vec![cost_type.clone()], ..Offer::default() };
    for resource in &mut service.resources {
        match &mut resource.kind {
            ResourceKind::CostMap(_, its) if resource.id == "cm-b-num" => its.clone_from(cost_type),
            ResourceKind::FilteredCostMap(_, its) | ResourceKind::EndpointCost(its) => its.clone_from(&offer),
            _ => {}
        }
    }
    let gone = if cost_type.mode == "ordinal" { "cm-a-num" } else { "cm-a-ord" };
    service.resources.retain(|resource| resource.id != gone);
    for directory in &mut service.directories {
        directory.cost_types = vec![("costs".into(), cost_type.clone())];
        directory.entries.retain(|(id, _)| id != gone);
    }
    service
}
