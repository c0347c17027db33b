//! The scenarios, and what they have in common.

mod access;
mod directories;
mod messages;
mod offers;
mod transport;
mod unusable;
mod versions;

pub(super) use access::{PASSWORD, USER};

use std::sync::Arc;

use serde_json::Value;

use super::answers;
use super::scenario::{Ask, Expected, Needs, Place, Scenario, Task};
use crate::requirement::Requirement;
use crate::stage::http::{Answer, Request};
use crate::stage::network::CostType;
use crate::stage::site::{Found, Site};

/// What must never come back: it stands only in what a client has to ignore.
pub(super) const POISON: &str = "poison";

/// All scenarios, the plain one first.
pub(super) fn all() -> Vec<Scenario> {
    [
        messages::scenarios(),
        unusable::scenarios(),
        directories::scenarios(),
        offers::scenarios(),
        transport::scenarios(),
        versions::scenarios(),
        access::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A scenario over plain HTTP that is judged by the client's answers and by the rules for all requests.
fn odd(
    name: &'static str,
    about: &'static str,
    rule: Requirement,
    site: fn(&Place) -> Site,
    tasks: fn(&Site) -> Vec<Task>,
) -> Scenario {
    Scenario { name, about, rule, needs: Needs::Nothing, root: "/directory", site, tasks, judge: None }
}

/// The fixture where the scenario is played.
fn fixture(place: &Place) -> Site {
    Site::fixture(&place.prefix)
}

/// The fixture with its messages changed.
fn rewritten(place: &Place, rewrite: impl Fn(Found<'_>, &Request, &mut Value) + Send + Sync + 'static) -> Site {
    let mut site = fixture(place);
    site.hooks.rewrite = Some(Arc::new(rewrite));
    site
}

/// The fixture with some requests for resources (not directories) answered otherwise.
fn replaced(
    place: &Place,
    replace: impl Fn(&Site, Found<'_>, &Request) -> Option<Answer> + Send + Sync + 'static,
) -> Site {
    let mut site = fixture(place);
    site.hooks.before = Some(Arc::new(move |site, request| {
        let found = site.find(request)?;
        let fits = matches!(found, Found::Resource(_)) && (request.method == "POST") == found.accepts().is_some();
        fits.then(|| replace(site, found, request)).flatten()
    }));
    site
}

fn addresses(list: &[&str]) -> Vec<String> {
    list.iter().map(|address| (*address).to_owned()).collect()
}

/// Addresses that only the longest prefix puts where they belong.
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
/// Where costs are asked from and to: all different, one of them over IPv6.
const FROM: &str = "ipv4:192.0.2.1";
const TO: &[&str] = &["ipv4:192.0.2.7", "ipv4:198.51.100.200", "ipv4:203.0.113.1", "ipv6:2001:db8:d::1"];

fn directory_task(site: &Site, rule: Requirement) -> Task {
    Task { ask: Ask::Directory, rule, expected: Expected::Answer(answers::resources(site)), weak: false }
}

fn map_task(site: &Site, rule: Requirement) -> Task {
    let right = answers::network_map(&site.network, "nm-a");
    Task { ask: Ask::NetworkMap { map: None }, rule, expected: Expected::Answer(right), weak: false }
}

fn pid_task(site: &Site, rule: Requirement) -> Task {
    let list = addresses(ADDRESSES);
    let right = answers::pids(&site.network, "nm-a", &list);
    Task { ask: Ask::Pid { map: None, addresses: list }, rule, expected: Expected::Answer(right), weak: false }
}

fn cost_map_task(site: &Site, rule: Requirement) -> Task {
    let right = answers::cost_map(&site.network, "nm-a", &CostType::numerical());
    let ask = Ask::CostMap { map: None, cost_type: CostType::numerical() };
    Task { ask, rule, expected: Expected::Answer(right), weak: false }
}

fn costs_task(site: &Site, rule: Requirement) -> Task {
    costs_between(site, rule, &CostType::numerical(), FROM, TO)
}

fn costs_between(site: &Site, rule: Requirement, cost_type: &CostType, from: &str, to: &[&str]) -> Task {
    let to = addresses(to);
    let right = answers::costs(&site.network, cost_type, from, &to, None);
    let ask = Ask::Costs { cost_type: cost_type.clone(), from: from.into(), to, most: None };
    Task { ask, rule, expected: Expected::Answer(right), weak: false }
}

fn property_task(site: &Site, rule: Requirement, list: &[&str]) -> Task {
    let list = addresses(list);
    let right = answers::properties(&site.network, "priv:x-link", &list);
    let ask = Ask::Property { property: "priv:x-link".into(), addresses: list };
    Task { ask, rule, expected: Expected::Answer(right), weak: false }
}

/// Everything a client can be asked, all for one rule.
fn everything(site: &Site, rule: Requirement) -> Vec<Task> {
    vec![
        directory_task(site, rule),
        map_task(site, rule),
        pid_task(site, rule),
        cost_map_task(site, rule),
        costs_task(site, rule),
        property_task(site, rule, ADDRESSES),
    ]
}

impl Task {
    /// The same, but an error will do as well.
    fn or_refusal(mut self) -> Self {
        if let Expected::Answer(right) = self.expected {
            self.expected = Expected::AnswerOrRefusal(right);
        }
        self
    }

    /// The same, but that it comes out right shows nothing by itself.
    fn weak(mut self) -> Self {
        self.weak = true;
        self
    }

    /// The same question, to which there is no answer.
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
            let place = Place {
                prefix: format!("/{}", scenario.name),
                origin: "http://127.0.0.1:1".into(),
                other: "http://127.0.0.1:2".into(),
                turn: 0,
            };
            let site = (scenario.site)(&place);
            for directory in &site.directories {
                let message = site.directory(directory);
                let wrong = crate::schema::violations("application/alto-directory+json", &message);
                assert_eq!(wrong, Some(Vec::new()), "{}: {message}", scenario.name);
            }
            assert!(!(scenario.tasks)(&site).is_empty(), "{}", scenario.name);
        }
    }
}
