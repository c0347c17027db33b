//! The property map (RFC 9240 §7), and what it shares with its filtered twin: domains, names and the form of answers.

use std::collections::BTreeMap;

use alto_types::{DomainType, PropertyMap, PropertyMapMeta, VersionTag};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::ser::{Serialize, Serializer};
use topo::{EntityKind, Properties, Property, View};

use super::id;
use crate::published::Published;

/// An entity domain of a map (§5.1.2), and the properties that can be asked for in it by their names on the wire.
pub(super) struct Domain {
    pub(super) name: String,
    pub(super) kind: DomainType,
    /// Sorted by property.
    pub(super) properties: Vec<(Property, String)>,
}

/// The values of some entities, streamed: what the RFC writes as objects by entity, then by property.
pub(super) struct Entries<F>(pub(super) F);

/// The values of one entity.
pub(super) struct Values<'a>(pub(super) Vec<(&'a str, Option<&'a str>)>);

/// The whole map: what the operator and the network map say, without what is inherited (§7.6).
pub(crate) fn render(published: &Published) -> Vec<u8> {
    let view = published.view();
    let domains = domains(view);
    let entries = Entries(|| domains.iter().flat_map(move |domain| said(view, domain)));
    let vtag = Some(published.property_vtag());
    super::to_bytes(&message(vtag, published, entries))
}

/// A message with the tags of all that the map uses, which is the network map.
pub(super) fn message<D>(vtag: Option<VersionTag>, published: &Published, property_map: D) -> PropertyMap<D> {
    let dependent_vtags = vec![published.network_map_vtag().clone()];
    PropertyMap { meta: PropertyMapMeta { dependent_vtags, vtag }, property_map }
}

/// The domains of the whole map. One without properties is none (§7.4).
///
/// What the operator says is of the resource-agnostic address domains, and of the PIDs of the network map, which only
/// that map defines (§6.2.4). The PID of an address is specific to the network map (§4.3), and self-defined properties
/// begin with a dot (§5.2.2).
pub(super) fn domains(view: &View) -> Vec<Domain> {
    let properties = view.properties();
    let name = |property: Property| match property {
        Property::Pid => format!("{}.{}", id::NETWORK_MAP, properties.name(property)),
        Property::Operators(_) => format!(".{}", properties.name(property)),
    };
    let of = |kind: DomainType, name_of_domain: String| Domain {
        name: name_of_domain,
        kind,
        properties: properties.of(entity_kind(kind)).iter().map(|property| (*property, name(*property))).collect(),
    };
    let pids = format!("{}.{}", id::NETWORK_MAP, DomainType::Pid.as_str());
    let agnostic = [DomainType::Ipv4, DomainType::Ipv6].map(|kind| of(kind, kind.as_str().to_owned()));
    let all = agnostic.into_iter().chain([of(DomainType::Pid, pids)]);
    all.filter(|domain| !domain.properties.is_empty()).collect()
}

/// The domains of the filtered map: beside those of the whole map, the addresses as the network map knows them. They
/// say nothing that the map does not say of all addresses, so the whole map does without them.
pub(super) fn filtered_domains(view: &View) -> Vec<Domain> {
    let mut all = domains(view);
    let of_map = |domain: &Domain| {
        let properties: Vec<_> =
            domain.properties.iter().filter(|(property, _)| *property == Property::Pid).cloned().collect();
        let name = format!("{}.{}", id::NETWORK_MAP, domain.kind.as_str());
        (!properties.is_empty()).then_some(Domain { name, kind: domain.kind, properties })
    };
    let of_map: Vec<Domain> = all.iter().filter_map(of_map).collect();
    all.extend(of_map);
    all
}

/// The capability of the directory (§7.4).
pub(super) fn mappings(domains: Vec<Domain>) -> BTreeMap<String, Vec<String>> {
    let names = |domain: Domain| domain.properties.into_iter().map(|(_, name)| name).collect();
    domains.into_iter().map(|domain| (domain.name.clone(), names(domain))).collect()
}

/// Everything that is said in a domain, by entity.
fn said<'a>(view: &'a View, domain: &'a Domain) -> Box<dyn Iterator<Item = (String, Values<'a>)> + 'a> {
    let Some(net) = everything(domain.kind) else {
        return Box::new(pids(view).map(|(name, given)| (domain.entity(name), domain.values(given))));
    };
    let inside = view.properties().inside(&net);
    let entries = inside.map(|(net, given)| (domain.entity(&text(&net)), domain.values(given)));
    Box::new(entries.filter(|(_, values)| !values.0.is_empty()))
}

/// The prefix of all addresses of a domain.
pub(super) fn everything(kind: DomainType) -> Option<IpNet> {
    match kind {
        DomainType::Ipv4 => Some(Ipv4Net::default().into()),
        DomainType::Ipv6 => Some(Ipv6Net::default().into()),
        DomainType::Pid => None,
    }
}

/// The PIDs that have properties, with these.
pub(super) fn pids(view: &View) -> impl Iterator<Item = (&str, Vec<(Property, Option<&str>)>)> {
    let all = view.network_map().pids().map(move |(id, pid)| (pid.name().as_str(), of_pid(view.properties(), id)));
    all.filter(|(_, given)| !given.is_empty())
}

/// What is said of a PID.
pub(super) fn of_pid(properties: &Properties, id: topo::PidId) -> Vec<(Property, Option<&str>)> {
    properties.of_pid(id).iter().map(|(property, value)| (*property, value.as_deref())).collect()
}

/// An address, or a prefix with its length; an address rather than its prefix of full length (§6.1.1.2).
pub(super) fn text(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

fn entity_kind(kind: DomainType) -> EntityKind {
    match kind {
        DomainType::Ipv4 => EntityKind::Ipv4,
        DomainType::Ipv6 => EntityKind::Ipv6,
        DomainType::Pid => EntityKind::Pid,
    }
}

impl Domain {
    /// The identifier of an entity of this domain (§5.1.3).
    pub(super) fn entity(&self, id: &str) -> String {
        format!("{}:{id}", self.name)
    }

    /// Those values whose properties are of this domain, by their names.
    pub(super) fn values<'a>(&'a self, given: impl IntoIterator<Item = (Property, Option<&'a str>)>) -> Values<'a> {
        let named = |(property, value): (Property, Option<&'a str>)| {
            let place = self.properties.binary_search_by_key(&property, |(known, _)| *known).ok()?;
            Some((self.properties[place].1.as_str(), value))
        };
        Values(given.into_iter().filter_map(named).collect())
    }
}

impl<F, I, K, V> Serialize for Entries<F>
where
    F: Fn() -> I,
    I: Iterator<Item = (K, V)>,
    K: Serialize,
    V: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map((self.0)())
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}
