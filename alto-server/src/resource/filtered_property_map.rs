//! The filtered property map (RFC 9240 §8).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use alto_history::Content;
use alto_types::{Capabilities, DomainType, Entity, MediaType, PropertyMapRequest, ProtocolError};
use ipnet::IpNet;
use topo::{Property, View};

use super::catalogue::{ALL_PATCHES, Entry, Resource, Service};
use super::limits::WorkLimits;
use super::lookup::Lookup;
use super::prefix_answer::{self, Cells};
use super::property::{
    Domain, Entries, Values, content, everything, filtered_domains, mappings, message, of_pid, pids, text,
};
use super::{json, network_map};
use crate::http::HttpError;
use crate::http::answer::Answer;
use crate::http::offload::Cancel;
use crate::state::snapshot::Snapshot;

/// Resource ID of the filtered property map.
const ID: &str = "filtered-property-map";

/// Lookup of parts of the property map.
struct FilteredPropertyMap;

pub(super) fn resources() -> Vec<Resource> {
    vec![Resource {
        id: ID.into(),
        path: "propmap/filtered".into(),
        media_type: MediaType::PROPERTY_MAP,
        service: Service::lookup::<FilteredPropertyMap>(),
        entry: Some(Entry { uses: vec![network_map::ID.into()], capabilities: Box::new(capabilities) }),
        patches: ALL_PATCHES,
    }]
}

fn capabilities(snapshot: &Snapshot) -> Capabilities {
    Capabilities { mappings: mappings(filtered_domains(snapshot.view())), ..Capabilities::default() }
}

/// Entities requested in one domain.
#[derive(Default)]
struct Requested {
    /// True if all entities are requested.
    all: bool,
    /// Prefixes, each with its first spelling if that has no bits after the length.
    nets: BTreeMap<IpNet, Option<String>>,
    pids: BTreeSet<String>,
}

impl Lookup for FilteredPropertyMap {
    type Request = PropertyMapRequest;
    type Work = Self::Request;

    fn weigh(
        request: Self::Request,
        snapshot: &Snapshot,
        limits: &WorkLimits,
    ) -> Result<(usize, Self::Work), ProtocolError> {
        let entities = limits.bound_list("entities", request.entities.len())?;
        let properties = request.properties.as_ref().map_or(1, Vec::len);
        limits.bound_list("properties", properties)?;
        // An empty list requests all properties.
        let known = snapshot.view().properties();
        let of_addresses = known.of(topo::EntityKind::Ipv4).len() + known.of(topo::EntityKind::Ipv6).len();
        let properties = if properties == 0 { of_addresses } else { properties.min(of_addresses) };
        let pairs = limits.bound_pairs("entities", (entities, properties), 1)?;
        // A prefix may contain all entities.
        let whole = entities == 0 || request.entities.iter().any(|entity| entity.contains('/'));
        Ok((pairs + if whole { known.len() } else { 0 }, request))
    }

    fn answer(
        snapshot: &Snapshot,
        request: Self::Request,
        _client: IpAddr,
        cancel: &Cancel,
    ) -> Result<Answer, HttpError> {
        let domains = filtered_domains(snapshot.view());
        let entries = entries(snapshot, &domains, &request, cancel)?;
        let entries = Entries(|| entries.iter().map(|(entity, values)| (entity, values)));
        let body = json::to_bytes(&message(None, snapshot, entries));
        Ok(Answer::whole(MediaType::PROPERTY_MAP, body))
    }

    fn content(
        snapshot: &Snapshot,
        request: Self::Request,
        _client: IpAddr,
        cancel: &Cancel,
    ) -> Result<Content, HttpError> {
        let domains = filtered_domains(snapshot.view());
        let entries = entries(snapshot, &domains, &request, cancel)?;
        Ok(content(None, snapshot, entries.into_iter()))
    }
}

/// Lists the entities that a request is about, with their values.
fn entries<'a>(
    snapshot: &'a Snapshot,
    domains: &'a [Domain],
    request: &PropertyMapRequest,
    cancel: &Cancel,
) -> Result<Vec<EntityValues<'a>>, HttpError> {
    let view = snapshot.view();
    let asked = asked(domains, &request.entities)?;
    let wanted = wanted(domains, request.properties.as_deref())?;
    let mut entries = Vec::new();
    for (domain, asked) in domains.iter().zip(&asked) {
        cancel.check()?;
        let of_domain = domain.properties.iter().filter(|(_, name)| wanted.as_ref().is_none_or(|w| w.contains(name)));
        let properties: BTreeSet<Property> = of_domain.map(|(property, _)| *property).collect();
        match (asked, &wanted) {
            (None, _) => {}
            (Some(asked), Some(_)) => entries.extend(values(view, domain, asked, &properties)),
            (Some(asked), None) => entries.extend(names(view, domain, asked, &properties)),
        }
    }
    Ok(entries)
}

/// Resolves the requested entities by domain; an empty list requests all (§8.3).
fn asked(domains: &[Domain], entities: &[String]) -> Result<Vec<Option<Requested>>, ProtocolError> {
    if entities.is_empty() {
        let all = |domain: &Domain| {
            let nets = everything(domain.kind).map(|net| (net, None)).into_iter().collect();
            Some(Requested { all: true, nets, pids: BTreeSet::new() })
        };
        return Ok(domains.iter().map(all).collect());
    }
    let mut asked: Vec<Option<Requested>> = domains.iter().map(|_| None).collect();
    for text in entities {
        let unknown = || ProtocolError::invalid_value("entities", text.as_str());
        let (place, entity) = resolve(domains, text).ok_or_else(unknown)?;
        let asked = asked[place].get_or_insert_default();
        match entity {
            // Bits after the length are ignored, and not repeated in the answer.
            Entity::Net(net) => {
                let spelling = (net == net.trunc()).then(|| text.clone());
                asked.nets.entry(net.trunc()).or_insert(spelling);
            }
            Entity::Pid(name) => drop(asked.pids.insert(name.as_str().to_owned())),
        }
    }
    Ok(asked)
}

/// Finds the domain of an entity and parses the rest. Names of domains may contain colons, so the longest match counts.
fn resolve(domains: &[Domain], text: &str) -> Option<(usize, Entity)> {
    let after = |domain: &Domain| text.strip_prefix(domain.name.as_str())?.strip_prefix(':');
    let fits = domains.iter().enumerate().filter_map(|(place, domain)| Some((place, domain, after(domain)?)));
    let (place, domain, id) = fits.max_by_key(|(_, domain, _)| domain.name.len())?;
    Some((place, Entity::parse(domain.kind, id)?))
}

/// Returns the names of the requested properties; none if only entities are requested (§8.3).
fn wanted<'a>(
    domains: &'a [Domain],
    requested: Option<&'a [String]>,
) -> Result<Option<BTreeSet<&'a String>>, ProtocolError> {
    let known = || domains.iter().flat_map(|domain| domain.properties.iter().map(|(_, name)| name));
    let Some(requested) = requested else { return Ok(None) };
    let all: BTreeSet<&String> = known().collect();
    if requested.is_empty() {
        return Ok(Some(all));
    }
    // A property of another domain is no error: the entity has no value of it (§8.6).
    match requested.iter().find(|name| !all.contains(name)) {
        Some(unknown) => Err(ProtocolError::invalid_value("properties", unknown.as_str())),
        None => Ok(Some(requested.iter().collect())),
    }
}

/// Entity with its values.
type EntityValues<'a> = (String, Values<'a>);

/// Returns the values of the entities requested in a domain.
fn values<'a>(
    view: &'a View,
    domain: &'a Domain,
    asked: &Requested,
    properties: &BTreeSet<Property>,
) -> Vec<EntityValues<'a>> {
    let mut entries = Vec::new();
    let nets = asked.nets.keys().copied().collect();
    for (net, cells) in prefix_answer::compose(view.properties(), &nets, properties) {
        entries.push((spelt(domain, asked, &net), domain.values(cells)));
    }
    for (name, cells) in requested_pids(view, domain, asked) {
        let cells: Cells<'a> = cells.into_iter().filter(|(property, _)| properties.contains(property)).collect();
        if !cells.is_empty() {
            entries.push((domain.entity(name), domain.values(cells)));
        }
    }
    entries
}

/// Returns the entities requested in a domain that have any value, their own or inherited, without the values (§8.3).
/// Entities inside a requested prefix are left out unless all were requested.
fn names<'a>(
    view: &'a View,
    domain: &'a Domain,
    asked: &Requested,
    properties: &BTreeSet<Property>,
) -> Vec<EntityValues<'a>> {
    let nets: Vec<IpNet> = match everything(domain.kind).filter(|_| asked.all) {
        Some(net) => {
            let inside = view.properties().inside(&net);
            let said = inside.filter(|(_, said)| said.iter().any(|(property, _)| properties.contains(property)));
            said.map(|(net, _)| net).collect()
        }
        None => asked.nets.keys().copied().collect(),
    };
    let has_any = |net: &IpNet| view.properties().values(net).keys().any(|property| properties.contains(property));
    let nets = nets.into_iter().filter(has_any).map(|net| spelt(domain, asked, &net));
    let pids = requested_pids(view, domain, asked).map(|(name, _)| domain.entity(name));
    nets.chain(pids).map(|entity| (entity, Values(Vec::new()))).collect()
}

/// Returns the requested PIDs that have properties. Unknown PIDs are left out, because they may have just disappeared.
fn requested_pids<'a>(
    view: &'a View,
    domain: &Domain,
    asked: &Requested,
) -> impl Iterator<Item = (&'a str, Cells<'a>)> {
    let map = view.network_map();
    let listed = asked.pids.iter().filter_map(|name| map.id(name));
    let listed = listed.map(|id| (map.pid(id).name().as_str(), of_pid(view.properties(), id)));
    let all = pids(view).filter(|_| asked.all && domain.kind == DomainType::Pid);
    let found: Vec<_> = listed.chain(all).filter(|(_, given)| !given.is_empty()).collect();
    found.into_iter().map(|(name, given)| (name, given.into_iter().collect()))
}

/// Returns an entity as the client spelt it, or else in canonical form.
fn spelt(domain: &Domain, asked: &Requested, net: &IpNet) -> String {
    let spelling = asked.nets.get(net).and_then(Option::as_ref);
    spelling.cloned().unwrap_or_else(|| domain.entity(&text(net)))
}
