//! Property maps, whole and filtered (RFC 9240). The answers of a filtered map are held against what it says of
//! everything, against the whole map, and against the network maps and endpoint properties that say the same.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

mod answers;
mod listed;
mod pids;
mod prefixes;
mod refusals;
mod requests;
pub(crate) mod requirements;
mod spellings;
mod values;

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};

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
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: &[
        prefixes::CHECKS,
        values::CHECKS,
        requests::CHECKS,
        refusals::CHECKS,
        answers::CHECKS,
        spellings::CHECKS,
        pids::CHECKS,
        listed::CHECKS,
    ],
};

const NO_MAP: &str = "no property map is listed";
const NO_FILTER: &str = "no filtered property map is listed";
const NO_ADDRESSES: &str = "no filtered property map of addresses is listed";
const CHANGING: &str = "everything at once is not answered, or changed during every comparison";

/// Addresses that are asked about at a time.
const MOST_ADDRESSES: usize = 96;

/// A property map of either kind, with what it says it has.
#[derive(Clone)]
struct Mapped<'a> {
    resource: &'a Resource,
    mappings: Mappings,
}

impl<'a> Mapped<'a> {
    /// All of a kind, as far as they are looked at.
    fn all(context: &'a Context<'_>, kind: Kind) -> Vec<Self> {
        let resources = context.subject.of(kind).take(MOST_OF_A_KIND);
        resources.map(|resource| Self { resource, mappings: Mappings::of(resource) }).collect()
    }

    /// All filtered ones.
    fn filters(context: &'a Context<'_>) -> Vec<Self> {
        Self::all(context, Kind::FilteredPropertyMap)
    }

    fn read(&self, exchange: &Arc<Exchange>) -> Option<PropertyMap> {
        PropertyMap::read(exchange, &self.mappings)
    }

    /// Asks a question while everything that a filtered map says stays as it is; nothing if it never does.
    fn steady<T>(
        &self,
        context: &Context<'_>,
        mut question: impl FnMut(&PropertyMap) -> Result<T, NoAnswer>,
    ) -> Result<Option<Held<T>>, NoAnswer> {
        let asked = context.steady_post(self.resource, &everything(), |before| {
            self.read(before).map(|full| question(&full)).transpose()
        })?;
        let Some(Steady { full, found: Some(found) }) = asked else {
            return Ok(None);
        };
        Ok(self.read(&full).map(|full| Held { full, found }))
    }

    /// Asks for properties of entities.
    fn ask(
        &self,
        context: &Context<'_>,
        entities: &[String],
        properties: &[String],
    ) -> Result<Arc<Exchange>, NoAnswer> {
        context.post(self.resource, &request(entities, properties))
    }

    /// The whole map that a filtered one is a view of: the only one over the same resources that has nothing the
    /// filtered one lacks. Properties without a resource are those of a map, so others are not to be compared (§9.2).
    fn whole_of(&self, context: &'a Context<'_>) -> Option<Self> {
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

/// An answer to a question, and the map that did not change meanwhile.
struct Held<T> {
    full: PropertyMap,
    found: T,
}

/// Addresses of an address domain worth asking for: those of the map itself, and some of each PID.
fn addresses(context: &Context<'_>, full: &PropertyMap, domain: &str) -> Result<Vec<IpAddr>, NoAnswer> {
    let is_v4 = parts(domain).1 == "ipv4";
    let more = context.addresses(MOST_ADDRESSES / 4)?.into_iter().filter(|address| address.is_ipv4() == is_v4);
    let mut addresses = full.telling_addresses(domain, MOST_ADDRESSES * 3 / 4);
    addresses.extend(more);
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// The request for all there is.
fn everything() -> Value {
    json!({"entities": [], "properties": []})
}

fn request(entities: &[String], properties: &[String]) -> Value {
    json!({"entities": entities, "properties": properties})
}

/// Addresses as entities of a domain.
fn spelt(domain: &str, addresses: &[IpAddr]) -> Vec<String> {
    addresses.iter().map(|address| Entity::at(domain, *address).to_string()).collect()
}
