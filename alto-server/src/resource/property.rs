//! Entity domains, property names and the form of answers, shared by both property maps (RFC 9240).

use std::collections::{BTreeMap, HashMap};

use alto_history::{Cell, Content, Key, Meta, Row, Rows, Table};
use alto_types::{DomainType, PropertyMap, PropertyMapMeta, VersionTag};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::ser::{Serialize, Serializer};
use topo::{EntityKind, Properties, Property, View};

use super::{json, network_map};
use crate::state::snapshot::Snapshot;

/// Entity domain of a map (§5.1.2), with its properties and their names on the wire.
pub(super) struct Domain {
    pub(super) name: String,
    pub(super) kind: DomainType,
    /// Sorted by property.
    pub(super) properties: Vec<(Property, String)>,
}

/// Values by entity, then by property, serialized straight from an iterator.
pub(super) struct Entries<F>(pub(super) F);

/// Values of one entity.
pub(super) struct Values<'a>(pub(super) Vec<(&'a str, Option<&'a str>)>);

/// Builds a message that depends on the network map.
pub(super) fn message<D>(vtag: Option<VersionTag>, snapshot: &Snapshot, property_map: D) -> PropertyMap<D> {
    let dependent_vtags = vec![snapshot.network_map_vtag().clone()];
    PropertyMap { meta: PropertyMapMeta { dependent_vtags, vtag }, property_map }
}

/// Returns values by entity as a version, in a history, of a property map that depends on the network map.
pub(super) fn content<'a>(
    vtag: Option<&VersionTag>,
    snapshot: &Snapshot,
    entries: impl Iterator<Item = (String, Values<'a>)>,
) -> Content {
    let vtags = json::to_bytes(&[snapshot.network_map_vtag()]).into();
    let meta = Meta { members: vec![(Key::new("dependent-vtags"), vtags)], vtag: vtag.map(json::version) };
    Content::new(meta, "property-map", Table::Rows(rows(entries)))
}

/// Converts values by entity to the rows of a version in a history.
pub(super) fn rows<'a>(entries: impl Iterator<Item = (String, Values<'a>)>) -> Rows {
    // Few names and values are repeated many times.
    let mut keys: HashMap<&'a str, Key> = HashMap::new();
    let mut key = |text: &'a str| keys.entry(text).or_insert_with(|| Key::new(text)).clone();
    let mut row = |(entity, Values(values)): (String, Values<'a>)| {
        let cell = |(name, value): (&'a str, Option<&'a str>)| {
            (key(name), value.map_or(Cell::Null, |value| Cell::Text(key(value))))
        };
        Row::new(Key::new(&entity), values.into_iter().map(cell))
    };
    Rows::new(entries.map(&mut row).collect())
}

/// Lists the domains of the whole map, without those that have no property (§7.4).
///
/// The operator's properties belong to the resource-agnostic address domains, and to the domain of PIDs, which is
/// specific to the network map (§6.2.4). The PID of an address is specific to the network map too (§4.3). Names of
/// self-defined properties begin with a dot (§5.2.2).
pub(super) fn domains(view: &View) -> Vec<Domain> {
    let properties = view.properties();
    let name = |property: Property| match property {
        Property::Pid => format!("{}.{}", network_map::ID, properties.name(property)),
        Property::Operators(_) => format!(".{}", properties.name(property)),
    };
    let of = |kind: DomainType, name_of_domain: String| Domain {
        name: name_of_domain,
        kind,
        properties: properties.of(entity_kind(kind)).iter().map(|property| (*property, name(*property))).collect(),
    };
    let pids = format!("{}.{}", network_map::ID, DomainType::Pid.as_str());
    let agnostic = [DomainType::Ipv4, DomainType::Ipv6].map(|kind| of(kind, kind.as_str().to_owned()));
    let all = agnostic.into_iter().chain([of(DomainType::Pid, pids)]);
    all.filter(|domain| !domain.properties.is_empty()).collect()
}

/// Lists the domains of the filtered map: those of the whole map, and the address domains specific to the network map.
/// The latter only repeat values of the former, so the whole map goes without them.
pub(super) fn filtered_domains(view: &View) -> Vec<Domain> {
    let mut all = domains(view);
    let of_map = |domain: &Domain| {
        let properties: Vec<_> =
            domain.properties.iter().filter(|(property, _)| *property == Property::Pid).cloned().collect();
        let name = format!("{}.{}", network_map::ID, domain.kind.as_str());
        (!properties.is_empty()).then_some(Domain { name, kind: domain.kind, properties })
    };
    let of_map: Vec<Domain> = all.iter().filter_map(of_map).collect();
    all.extend(of_map);
    all
}

/// Returns the `mappings` capability (§7.4).
pub(super) fn mappings(domains: Vec<Domain>) -> BTreeMap<String, Vec<String>> {
    let names = |domain: Domain| domain.properties.into_iter().map(|(_, name)| name).collect();
    domains.into_iter().map(|domain| (domain.name.clone(), names(domain))).collect()
}

/// Returns the prefix of all addresses of a domain; none for PIDs.
pub(super) fn everything(kind: DomainType) -> Option<IpNet> {
    match kind {
        DomainType::Ipv4 => Some(Ipv4Net::default().into()),
        DomainType::Ipv6 => Some(Ipv6Net::default().into()),
        DomainType::Pid => None,
    }
}

/// Lists the PIDs that have properties.
pub(super) fn pids(view: &View) -> impl Iterator<Item = (&str, Vec<(Property, Option<&str>)>)> {
    let all = view.network_map().pids().map(move |(id, pid)| (pid.name().as_str(), of_pid(view.properties(), id)));
    all.filter(|(_, given)| !given.is_empty())
}

/// Returns the properties of a PID.
pub(super) fn of_pid(properties: &Properties, id: topo::PidId) -> Vec<(Property, Option<&str>)> {
    properties.of_pid(id).iter().map(|(property, value)| (*property, value.as_deref())).collect()
}

/// Formats a prefix, or an address if the prefix has full length (§6.1.1.2).
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
    /// Returns the identifier of an entity of this domain (§5.1.3).
    pub(super) fn entity(&self, id: &str) -> String {
        format!("{}:{id}", self.name)
    }

    /// Selects the values of this domain's properties, and names them.
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
