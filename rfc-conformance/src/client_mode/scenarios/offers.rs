//! Servers that offer less than the fixture.

use super::super::answers;
use super::super::rules;
use super::super::scenario::{Ask, Expected, Place, Scenario, Task};
use super::{FROM, TO, addresses, costs_between, fixture, odd};
use crate::requirement::Requirement;
use crate::stage::costs::Offer;
use crate::stage::network::CostType;
use crate::stage::site::{Kind, Site};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        odd(
            "constrained",
            "Nothing is unusual; the client leaves out what costs too much",
            rules::CONSTRAINT_FORM,
            fixture,
            |site| vec![cheap(site, rules::CONSTRAINT_FORM)],
        ),
        odd("unconstrained", "No resource has `cost-constraints`", rules::NO_CONSTRAINTS, unconstrained, |site| {
            vec![cheap(site, rules::NO_CONSTRAINTS)]
        }),
        odd(
            "only-ordinal",
            "Costs are offered as ranks only",
            rules::ADAPTS_TO_ORDINAL,
            |place| only(place, &CostType::ordinal()),
            |site| {
                vec![Task {
                    expected: Expected::Anything,
                    ..costs_between(site, rules::ADAPTS_TO_ORDINAL, &CostType::numerical(), FROM, TO)
                }]
            },
        ),
        odd(
            "only-numerical",
            "Costs are offered as numbers only",
            rules::ADAPTS_TO_NUMERICAL,
            |place| only(place, &CostType::numerical()),
            |site| vec![costs_between(site, rules::ADAPTS_TO_NUMERICAL, &CostType::ordinal(), FROM, TO).or_refusal()],
        ),
    ]
}

/// Costs of at most 6, which leaves out all but two destinations.
fn cheap(site: &Site, rule: Requirement) -> Task {
    let (to, most) = (addresses(TO), Some(6.0));
    let right = answers::costs(&site.network, &CostType::numerical(), FROM, &to, most);
    let ask = Ask::Costs { cost_type: CostType::numerical(), from: FROM.into(), to, most };
    Task { ask, rule, expected: Expected::Answer(right), weak: false }
}

fn unconstrained(place: &Place) -> Site {
    let mut site = fixture(place);
    for resource in &mut site.resources {
        if let Kind::FilteredCostMap(_, offer) | Kind::EndpointCost(offer) = &mut resource.kind {
            offer.constraints = false;
        }
    }
    site
}

/// Every cost map, filter and service with other cost types is gone.
fn only(place: &Place, cost_type: &CostType) -> Site {
    let mut site = fixture(place);
    let offer = Offer { cost_types: vec![cost_type.clone()], ..Offer::default() };
    for resource in &mut site.resources {
        match &mut resource.kind {
            Kind::CostMap(_, its) if resource.id == "cm-b-num" => its.clone_from(cost_type),
            Kind::FilteredCostMap(_, its) | Kind::EndpointCost(its) => its.clone_from(&offer),
            _ => {}
        }
    }
    let gone = if cost_type.mode == "ordinal" { "cm-a-num" } else { "cm-a-ord" };
    site.resources.retain(|resource| resource.id != gone);
    for directory in &mut site.directories {
        directory.cost_types = vec![("costs".into(), cost_type.clone())];
        directory.entries.retain(|(id, _)| id != gone);
    }
    site
}
