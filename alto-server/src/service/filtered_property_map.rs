//! Parts of the property map (RFC 9240 §8).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use alto_types::{DomainType, Entity, MediaType, PropertyMapRequest, ProtocolError};
use ipnet::IpNet;
use topo::{Property, View};

use super::prefix_answer::{self, Cells};
use super::property_map::{Domain, Entries, Values, everything, filtered_domains, message, of_pid, pids, text};
use super::{Lookup, WorkLimits, bound_list, bound_pairs, id};
use crate::published::Published;

pub(crate) struct FilteredPropertyMap;

/// What is asked for in one domain.
#[derive(Default)]
struct Asked {
    /// Everything there is.
    all: bool,
    /// Prefixes, each with its first spelling if that names it exactly.
    nets: BTreeMap<IpNet, Option<String>>,
    pids: BTreeSet<String>,
}

impl Lookup for FilteredPropertyMap {
    type Request = PropertyMapRequest;
    const ANSWER: MediaType = MediaType::PROPERTY_MAP;
    const ID: &'static str = id::FILTERED_PROPERTY_MAP;

    fn weigh(request: &Self::Request, published: &Published, limits: &WorkLimits) -> Result<usize, ProtocolError> {
        let entities = bound_list("entities", request.entities.len(), limits)?;
        let properties = request.properties.as_ref().map_or(1, Vec::len);
        bound_list("properties", properties, limits)?;
        // An empty list is all of them.
        let known = published.view().properties();
        let of_addresses = known.of(topo::EntityKind::Ipv4).len() + known.of(topo::EntityKind::Ipv6).len();
        let properties = if properties == 0 { of_addresses } else { properties.min(of_addresses) };
        let pairs = bound_pairs("entities", (entities, properties), 1, limits)?;
        // A prefix may hold everything there is.
        let whole = entities == 0 || request.entities.iter().any(|entity| entity.contains('/'));
        Ok(pairs + if whole { known.len() } else { 0 })
    }

    fn answer(published: &Published, request: Self::Request, _client: IpAddr) -> Result<Vec<u8>, ProtocolError> {
        let view = published.view();
        let domains = filtered_domains(view);
        let asked = asked(&domains, &request.entities)?;
        let wanted = wanted(&domains, request.properties.as_deref())?;
        let mut entries = Vec::new();
        for (domain, asked) in domains.iter().zip(&asked) {
            let of_domain =
                domain.properties.iter().filter(|(_, name)| wanted.as_ref().is_none_or(|w| w.contains(name)));
            let properties: BTreeSet<Property> = of_domain.map(|(property, _)| *property).collect();
            match (asked, &wanted) {
                (None, _) => {}
                (Some(asked), Some(_)) => entries.extend(values(view, domain, asked, &properties)),
                (Some(asked), None) => entries.extend(names(view, domain, asked, &properties)),
            }
        }
        let entries = Entries(|| entries.iter().map(|(entity, values)| (entity, values)));
        Ok(super::to_bytes(&message(None, published, entries)))
    }
}

/// What is asked for in each domain; of an empty list all, which is an [`Asked`] for everything (§8.3).
fn asked(domains: &[Domain], entities: &[String]) -> Result<Vec<Option<Asked>>, ProtocolError> {
    if entities.is_empty() {
        let all = |domain: &Domain| {
            let nets = everything(domain.kind).map(|net| (net, None)).into_iter().collect();
            Some(Asked { all: true, nets, pids: BTreeSet::new() })
        };
        return Ok(domains.iter().map(all).collect());
    }
    let mut asked: Vec<Option<Asked>> = domains.iter().map(|_| None).collect();
    for text in entities {
        let unknown = || ProtocolError::invalid_value("entities", text.as_str());
        let (place, entity) = resolve(domains, text).ok_or_else(unknown)?;
        let asked = asked[place].get_or_insert_default();
        match entity {
            // Bits after the length are not meant, and such a prefix is never sent.
            Entity::Net(net) => {
                let spelling = (net == net.trunc()).then(|| text.clone());
                asked.nets.entry(net.trunc()).or_insert(spelling);
            }
            Entity::Pid(name) => drop(asked.pids.insert(name.as_str().to_owned())),
        }
    }
    Ok(asked)
}

/// Finds the domain of an entity and reads the rest: names of domains may hold colons, so the longest that fits counts.
fn resolve(domains: &[Domain], text: &str) -> Option<(usize, Entity)> {
    let after = |domain: &Domain| text.strip_prefix(domain.name.as_str())?.strip_prefix(':');
    let fits = domains.iter().enumerate().filter_map(|(place, domain)| Some((place, domain, after(domain)?)));
    let (place, domain, id) = fits.max_by_key(|(_, domain, _)| domain.name.len())?;
    Some((place, Entity::parse(domain.kind, id)?))
}

/// The names of the properties asked for; nothing where only the entities are.
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
    // One that is mapped for another domain is no error: the entity just has none (§8.6).
    match requested.iter().find(|name| !all.contains(name)) {
        Some(unknown) => Err(ProtocolError::invalid_value("properties", unknown.as_str())),
        None => Ok(Some(requested.iter().collect())),
    }
}

/// An entity with its values.
type Entry<'a> = (String, Values<'a>);

/// The values of what is asked for in a domain.
fn values<'a>(view: &'a View, domain: &'a Domain, asked: &Asked, properties: &BTreeSet<Property>) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    let nets = asked.nets.keys().copied().collect();
    for (net, cells) in prefix_answer::compose(view.properties(), &nets, properties) {
        entries.push((spelt(domain, asked, &net), domain.values(cells)));
    }
    for (name, cells) in asked_pids(view, domain, asked) {
        let cells: Cells<'a> = cells.into_iter().filter(|(property, _)| properties.contains(property)).collect();
        if !cells.is_empty() {
            entries.push((domain.entity(name), domain.values(cells)));
        }
    }
    entries
}

/// Which of what is asked for in a domain has any value, its own or inherited: each with nothing (§8.3). What is inside
/// is left out, unless everything was asked for.
fn names<'a>(view: &'a View, domain: &'a Domain, asked: &Asked, properties: &BTreeSet<Property>) -> Vec<Entry<'a>> {
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
    let pids = asked_pids(view, domain, asked).map(|(name, _)| domain.entity(name));
    nets.chain(pids).map(|entity| (entity, Values(Vec::new()))).collect()
}

/// The PIDs asked for that have properties. One that does not exist may have existed a moment ago: it is left out.
fn asked_pids<'a>(view: &'a View, domain: &Domain, asked: &Asked) -> impl Iterator<Item = (&'a str, Cells<'a>)> {
    let map = view.network_map();
    let listed = asked.pids.iter().filter_map(|name| map.id(name));
    let listed = listed.map(|id| (map.pid(id).name().as_str(), of_pid(view.properties(), id)));
    let all = pids(view).filter(|_| asked.all && domain.kind == DomainType::Pid);
    let found: Vec<_> = listed.chain(all).filter(|(_, given)| !given.is_empty()).collect();
    found.into_iter().map(|(name, given)| (name, given.into_iter().collect()))
}

/// An entity as the client spelt it, or else in canonical form.
fn spelt(domain: &Domain, asked: &Asked, net: &IpNet) -> String {
    let spelling = asked.nets.get(net).and_then(Option::as_ref);
    spelling.cloned().unwrap_or_else(|| domain.entity(&text(net)))
}
