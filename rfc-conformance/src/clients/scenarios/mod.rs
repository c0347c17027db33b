//! All scenarios, and functions to build them.

mod access;
mod directories;
mod following;
mod messages;
mod offers;
mod transport;
mod unusable;
mod versions;

pub(super) use access::{PASSWORD, USER};

use std::sync::Arc;

use serde_json::Value;

use super::expected;
use super::scenario::{Deployment, FollowUp, Needs, PlayedScenario, Scenario};
use super::task::{Ask, Expected, Task};
use crate::mock_server::cost_type::ServedCostType;
use crate::mock_server::http::{ReceivedRequest, Response};
use crate::mock_server::resource::RequestTarget;
use crate::mock_server::service::Service;
use crate::requirement::Requirement;
use crate::sheet::Sheet;

/// Returns all scenarios, `plain` first.
pub(super) fn all() -> Vec<Scenario> {
    [
        messages::scenarios(),
        unusable::scenarios(),
        directories::scenarios(),
        offers::scenarios(),
        transport::scenarios(),
        versions::scenarios(),
        following::scenarios(),
        access::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Creates a scenario over plain HTTP without grading of its own.
fn scenario(
    name: &'static str,
    about: &'static str,
    requirement: Requirement,
    service: fn(&Deployment) -> Service,
    tasks: fn(&Service) -> Vec<Task>,
) -> Scenario {
    Scenario {
        name,
        about,
        requirement,
        needs: Needs::Nothing,
        root: "/directory",
        follow_up: FollowUp::NoEvidence,
        service,
        tasks,
        grade: None,
    }
}

/// Adds a function that grades the requests of a scenario.
fn graded_by(grade: fn(&PlayedScenario<'_>, &mut Sheet), mut scenario: Scenario) -> Scenario {
    scenario.grade = Some(grade);
    scenario
}

/// Creates the example service below the path of the scenario.
fn fixture(deployment: &Deployment) -> Service {
    Service::fixture(&deployment.prefix)
}

/// Creates the example service with changed messages.
fn with_rewritten_messages(
    deployment: &Deployment,
    rewrite: impl Fn(RequestTarget<'_>, &ReceivedRequest, &mut Value) + Send + Sync + 'static,
) -> Service {
    let mut service = fixture(deployment);
    service.hooks.rewrite = Some(Arc::new(rewrite));
    service
}

/// Creates the example service with other responses to some requests for resources.
fn with_replaced_responses(
    deployment: &Deployment,
    replace: impl Fn(&Service, RequestTarget<'_>, &ReceivedRequest) -> Option<Response> + Send + Sync + 'static,
) -> Service {
    let mut service = fixture(deployment);
    service.hooks.intercept = Some(Arc::new(move |service, request| {
        let found = service.find(request)?;
        let fits =
            matches!(found, RequestTarget::Resource(_)) && (request.method == "POST") == found.accepts().is_some();
        fits.then(|| replace(service, found, request)).flatten()
    }));
    service
}

fn addresses(list: &[&str]) -> Vec<String> {
    list.iter().map(|address| (*address).to_owned()).collect()
}

/// Addresses whose PIDs depend on the longest prefix.
const ADDRESSES: &[&str] = &[
    "ipv4:192.0.2.1",
    "ipv4:192.0.2.7",
    "ipv4:192.0.2.200",
    "ipv4:198.51.100.200",
    "ipv4:203.0.113.1",
    "ipv6:2001:db8:a::1",
    "ipv6:2001:db8:a:b::1",
    "ipv6:2001:db8:d::1",
    "ipv6:2001:db8:ffff::1",
];
/// Endpoints for cost questions, all in different PIDs, one of them with an IPv6 address.
const FROM: &str = "ipv4:192.0.2.1";
const TO: &[&str] = &["ipv4:192.0.2.7", "ipv4:198.51.100.200", "ipv4:203.0.113.1", "ipv6:2001:db8:d::1"];

fn directory_task(service: &Service, requirement: Requirement) -> Task {
    Task {
        ask: Ask::Directory,
        requirement,
        expected: Expected::Answer(expected::resources(service)),
        inconclusive: false,
    }
}

fn map_task(service: &Service, requirement: Requirement) -> Task {
    let right = expected::network_map(&service.network, "nm-a");
    Task { ask: Ask::NetworkMap { map: None }, requirement, expected: Expected::Answer(right), inconclusive: false }
}

fn pid_task(service: &Service, requirement: Requirement) -> Task {
    let list = addresses(ADDRESSES);
    let right = expected::pids(&service.network, "nm-a", &list);
    Task {
        ask: Ask::Pid { map: None, addresses: list },
        requirement,
        expected: Expected::Answer(right),
        inconclusive: false,
    }
}

fn cost_map_task(service: &Service, requirement: Requirement) -> Task {
    let right = expected::cost_map(&service.network, "nm-a", &ServedCostType::numerical());
    let ask = Ask::CostMap { map: None, cost_type: ServedCostType::numerical() };
    Task { ask, requirement, expected: Expected::Answer(right), inconclusive: false }
}

fn costs_task(service: &Service, requirement: Requirement) -> Task {
    costs_between(service, requirement, &ServedCostType::numerical(), FROM, TO)
}

fn costs_between(
    service: &Service,
    requirement: Requirement,
    cost_type: &ServedCostType,
    from: &str,
    to: &[&str],
) -> Task {
    let to = addresses(to);
    let right = expected::costs(&service.network, cost_type, from, &to, None);
    let ask = Ask::Costs { cost_type: cost_type.clone(), from: from.into(), to, most: None };
    Task { ask, requirement, expected: Expected::Answer(right), inconclusive: false }
}

fn property_task(service: &Service, requirement: Requirement, list: &[&str]) -> Task {
    let list = addresses(list);
    let right = expected::properties(&service.network, "priv:x-link", &list);
    let ask = Ask::Property { property: "priv:x-link".into(), addresses: list };
    Task { ask, requirement, expected: Expected::Answer(right), inconclusive: false }
}

/// Creates one task of each kind, all for one requirement.
fn everything(service: &Service, requirement: Requirement) -> Vec<Task> {
    vec![
        directory_task(service, requirement),
        map_task(service, requirement),
        pid_task(service, requirement),
        cost_map_task(service, requirement),
        costs_task(service, requirement),
        property_task(service, requirement, ADDRESSES),
    ]
}

impl Task {
    /// Also accepts an error.
    fn or_refusal(mut self) -> Self {
        if let Expected::Answer(right) = self.expected {
            self.expected = Expected::AnswerOrRefusal(right);
        }
        self
    }

    /// Marks success as no evidence by itself.
    fn inconclusive(mut self) -> Self {
        self.inconclusive = true;
        self
    }

    /// Expects an error.
    fn refused(mut self) -> Self {
        self.expected = Expected::Refusal;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_and_unique() {
        let all = all();
        let mut names: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
        assert!(
            names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        );
        assert_eq!(names[0], "plain");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn every_scenario_is_valid_where_it_does_not_mean_to_be_otherwise() {
        for scenario in all().iter().filter(|scenario| scenario.needs == Needs::Nothing) {
            let deployment = Deployment {
                prefix: format!("/{}", scenario.name),
                origin: "http://127.0.0.1:1".into(),
                other: "http://127.0.0.1:2".into(),
                turn: 0,
            };
            let service = (scenario.service)(&deployment);
            for directory in &service.directories {
                let message = service.directory_message(directory);
                let wrong = crate::schema::violations("application/alto-directory+json", &message);
                assert_eq!(wrong, Some(Vec::new()), "{}: {message}", scenario.name);
            }
            assert!(!(scenario.tasks)(&service).is_empty(), "{}", scenario.name);
        }
    }
}
