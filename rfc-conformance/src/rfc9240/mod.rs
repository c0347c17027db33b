//! RFC 9240, entity property maps: requirements and checks.
//!
//! The answers of a filtered property map are compared with its answer to a request for everything, with the full property
//! map, and with network maps and endpoint properties that have the same values.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

pub(crate) mod requirements;

// Slowest first.
checks! {
    mod prefixes;
    mod values;
    mod requests;
    mod errors;
    mod answers;
    mod spellings;
    mod pids;
    mod directory_entries;
}

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::check::checks;
use crate::context::{Context, MOST_OF_A_KIND, Steady};
use crate::entity::{Entity, Mappings, parts};
use crate::http::{Exchange, NoAnswer};
use crate::property_map::PropertyMap;
use crate::standard::Standard;
use crate::subject::{Kind, Resource};

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc9240",
    title: "RFC 9240 An ALTO Extension: Entity Property Maps",
    chapters: &[
        ("3", "Basic Features of the Entity Property Map Extension"),
        ("4", "Advanced Features of the Entity Property Map Extension"),
        ("5.1", "Entity Domain"),
        ("5.2", "Entity Property"),
        ("6", "Entity Domain Types Defined in This Document"),
        ("7", "Property Map"),
        ("8", "Filtered Property Map"),
        ("9", "Impact on Legacy ALTO Servers and ALTO Clients"),
        ("11", "Security Considerations"),
        ("12", "IANA Considerations"),
    ],
    ledger: include_str!("../../ledger/rfc9240.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: CHECKS,
};

/// Reasons to skip checks.
const NO_MAP: &str = "no property map is listed";
const NO_FILTER: &str = "no filtered property map is listed";
const NO_ADDRESSES: &str = "no filtered property map of addresses is listed";
const CHANGING: &str = "a request for everything is not answered, or answers changed during every comparison";

/// Maximum number of addresses in a request.
const MOST_ADDRESSES: usize = 96;

/// A full or filtered property map with its mappings.
#[derive(Clone)]
struct Mapped<'a> {
    resource: &'a Resource,
    mappings: Mappings,
}

impl<'a> Mapped<'a> {
    /// Collects the property maps of a kind, up to a bound.
    fn all(context: &'a Context<'_>, kind: Kind) -> Vec<Self> {
        let resources = context.of(kind).take(MOST_OF_A_KIND);
        resources.map(|resource| Self { resource, mappings: Mappings::of(resource) }).collect()
    }

    /// Collects the filtered property maps.
    fn filters(context: &'a Context<'_>) -> Vec<Self> {
        Self::all(context, Kind::FilteredPropertyMap)
    }

    fn read(&self, exchange: &Arc<Exchange>) -> Option<PropertyMap> {
        PropertyMap::read(exchange, &self.mappings)
    }

    /// Makes requests while the answer to a request for everything does not change; `None` if it always changes.
    fn steady<T>(
        &self,
        context: &Context<'_>,
        mut requests: impl FnMut(&PropertyMap) -> Result<T, NoAnswer>,
    ) -> Result<Option<Unchanged<T>>, NoAnswer> {
        let asked = context.steady_post(self.resource, &everything(), |before| {
            self.read(before).map(|full| requests(&full)).transpose()
        })?;
        let Some(Steady { full, found: Some(found) }) = asked else {
            return Ok(None);
        };
        Ok(self.read(&full).map(|full| Unchanged { full, found }))
    }

    /// Requests properties of entities.
    fn ask(
        &self,
        context: &Context<'_>,
        entities: &[String],
        properties: &[String],
    ) -> Result<Arc<Exchange>, NoAnswer> {
        context.post(self.resource, &request(entities, properties))
    }

    /// Returns the full property map that a filtered one is a view of: the only one with the same `uses` whose mappings the
    /// filtered one covers. Self-defined properties belong to one map, so other maps are not comparable (§9.2).
    fn full_map(&self, context: &'a Context<'_>) -> Option<Self> {
        let same_uses = |one: &Resource| {
            let sorted = |resource: &Resource| {
                let mut uses: Vec<String> = resource.uses().into_iter().map(str::to_owned).collect();
                uses.sort_unstable();
                uses
            };
            sorted(one) == sorted(self.resource)
        };
        let mut fitting = Self::all(context, Kind::PropertyMap)
            .into_iter()
            .filter(|whole| same_uses(whole.resource) && self.mappings.cover(&whole.mappings));
        fitting.next().filter(|_| fitting.next().is_none())
    }
}

/// Result of requests, and the map that did not change meanwhile.
struct Unchanged<T> {
    full: PropertyMap,
    found: T,
}

/// Selects addresses of a domain for requests: some that the property map distinguishes, and one of each PID.
fn addresses(context: &Context<'_>, full: &PropertyMap, domain: &str) -> Result<Vec<IpAddr>, NoAnswer> {
    let is_v4 = parts(domain).1 == "ipv4";
    let more = context.addresses(MOST_ADDRESSES / 4)?.into_iter().filter(|address| address.is_ipv4() == is_v4);
    let mut addresses = full.select_addresses(domain, MOST_ADDRESSES * 3 / 4);
    addresses.extend(more);
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// Creates the request for all properties of all entities.
fn everything() -> Value {
    json!({"entities": [], "properties": []})
}

fn request(entities: &[String], properties: &[String]) -> Value {
    json!({"entities": entities, "properties": properties})
}

/// Returns addresses as entity IDs of a domain.
fn entity_ids(domain: &str, addresses: &[IpAddr]) -> Vec<String> {
    addresses.iter().map(|address| Entity::at(domain, *address).to_string()).collect()
}
