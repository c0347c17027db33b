//! What is checked, a file per resource or subject.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they ask anything or not")]

mod cost_map;
mod costs;
mod data_types;
mod directory;
mod endpoint_cost;
mod endpoint_property;
mod entries;
mod errors;
pub(crate) mod every_answer;
mod expect;
mod filtered_cost_map;
mod filtered_network_map;
mod http;
mod http_messages;
mod malformed;
mod metrics;
mod multi_cost;
mod network_map;
mod not_observable;
mod notation;
mod offer;
mod property_map;
mod security;

use crate::check::{Check, Requirement};

pub(crate) use malformed::Malformed;
pub use not_observable::NOT_OBSERVABLE;

/// All checks, those that take longest first, so that they do not end last.
pub fn all() -> impl Iterator<Item = &'static Check> {
    let files = [
        errors::CHECKS,
        filtered_cost_map::CHECKS,
        cost_map::CHECKS,
        endpoint_cost::CHECKS,
        filtered_network_map::CHECKS,
        endpoint_property::CHECKS,
        property_map::prefixes::CHECKS,
        property_map::values::CHECKS,
        property_map::requests::CHECKS,
        property_map::refusals::CHECKS,
        property_map::answers::CHECKS,
        property_map::spellings::CHECKS,
        property_map::pids::CHECKS,
        property_map::listed::CHECKS,
        notation::CHECKS,
        http::CHECKS,
        http_messages::CHECKS,
        network_map::CHECKS,
        directory::CHECKS,
        entries::CHECKS,
        offer::CHECKS,
        security::CHECKS,
        every_answer::CHECKS,
    ];
    multi_cost::CHECKS.into_iter().chain(metrics::CHECKS).chain(files).flatten()
}

/// Everything that gets a verdict, each once.
pub fn requirements() -> Vec<Requirement> {
    let mut all: Vec<_> = all().flat_map(|check| check.grades).copied().chain([crate::run::ALIVE]).collect();
    all.sort_by_key(Requirement::order);
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_id_means_one_requirement() {
        let mut known: BTreeMap<&str, Requirement> = BTreeMap::new();
        for requirement in all().flat_map(|check| check.grades) {
            let other = known.insert(requirement.id, *requirement);
            assert!(other.is_none_or(|other| other == *requirement), "{other:?} and {requirement:?}");
            assert!(!NOT_OBSERVABLE.iter().any(|(id, _)| *id == requirement.id), "{}", requirement.id);
        }
        assert!(known.len() >= 150, "{}", known.len());
    }
}
