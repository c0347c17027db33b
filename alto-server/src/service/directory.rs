//! The information resource directory (RFC 7285 §9.2).

use std::collections::BTreeMap;

use alto_types::{Capabilities, CostType, Directory, DirectoryMeta, MediaType, PropertyType, Resource, ResourceId};
use topo::View;

use super::property_map::{domains, filtered_domains, mappings};
use super::selection::MAX_COST_TYPES;
use super::{CostKind, endpoint_property, id, path};

/// What of a view the directory speaks of: of what kind its costs are, and the properties that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// By name.
    cost_types: BTreeMap<String, CostType>,
    endpoint_properties: Vec<PropertyType>,
    property_map: BTreeMap<String, Vec<String>>,
    filtered_property_map: BTreeMap<String, Vec<String>>,
}

impl Offer {
    pub(crate) fn of(view: &View) -> Self {
        Self {
            cost_types: CostKind::all().map(|kind| (kind.name(), described(kind, view))).collect(),
            endpoint_properties: endpoint_property::offered(view).map(|(_, name)| name).collect(),
            property_map: mappings(domains(view)),
            filtered_property_map: mappings(filtered_domains(view)),
        }
    }
}

/// Everything this server offers, with URIs relative to the directory's own, so that it works behind any prefix.
pub(crate) fn render(offer: &Offer) -> Vec<u8> {
    super::to_bytes(&directory(offer))
}

fn directory(offer: &Offer) -> Directory {
    let network_map = resource_id(id::NETWORK_MAP);
    let get = |uri: &str, media_type: MediaType| Resource {
        uri: uri.to_owned(),
        media_type: media_type.as_str().to_owned(),
        accepts: None,
        capabilities: Capabilities::default(),
        uses: Vec::new(),
    };
    let post = |uri: &str, media_type: MediaType, accepts: MediaType| Resource {
        accepts: Some(accepts.as_str().to_owned()),
        ..get(uri, media_type)
    };
    let uses = vec![network_map.clone()];
    let all_costs = Capabilities {
        cost_type_names: CostKind::all().map(CostKind::name).collect(),
        // For every cost type, so nothing is listed as testable: the RFC forbids to say both (RFC 8189 §4.1.1).
        cost_constraints: true,
        max_cost_types: MAX_COST_TYPES as u64,
        ..Capabilities::default()
    };
    let properties = Capabilities {
        prop_types: offer.endpoint_properties.iter().map(|name| name.as_str().to_owned()).collect(),
        ..Capabilities::default()
    };

    let mut directory = Directory {
        meta: DirectoryMeta {
            cost_types: offer.cost_types.clone(),
            default_alto_network_map: Some(network_map.clone()),
        },
        ..Directory::default()
    };
    let resources = &mut directory.resources;
    resources.insert(network_map, get(path::NETWORK_MAP, MediaType::NETWORK_MAP));
    for kind in CostKind::all() {
        let capabilities = Capabilities { cost_type_names: vec![kind.name()], ..Capabilities::default() };
        let cost_map = get(&kind.cost_map_path(), MediaType::COST_MAP);
        let entry = Resource { capabilities, uses: uses.clone(), ..cost_map };
        resources.insert(resource_id(&kind.cost_map_id()), entry);
    }
    let entry = post(path::FILTERED_NETWORK_MAP, MediaType::NETWORK_MAP, MediaType::NETWORK_MAP_FILTER);
    resources.insert(resource_id(id::FILTERED_NETWORK_MAP), Resource { uses: uses.clone(), ..entry });
    let mapped = |mappings: &BTreeMap<_, _>, entry: Resource| Resource {
        capabilities: Capabilities { mappings: mappings.clone(), ..Capabilities::default() },
        uses: uses.clone(),
        ..entry
    };
    let entry = mapped(&offer.property_map, get(path::PROPERTY_MAP, MediaType::PROPERTY_MAP));
    resources.insert(resource_id(id::PROPERTY_MAP), entry);
    let entry = post(path::FILTERED_PROPERTY_MAP, MediaType::PROPERTY_MAP, MediaType::PROPERTY_MAP_PARAMS);
    resources.insert(resource_id(id::FILTERED_PROPERTY_MAP), mapped(&offer.filtered_property_map, entry));
    let entry = post(path::FILTERED_COST_MAP, MediaType::COST_MAP, MediaType::COST_MAP_FILTER);
    let entry = Resource { capabilities: all_costs.clone(), uses, ..entry };
    resources.insert(resource_id(id::FILTERED_COST_MAP), entry);
    // Neither endpoint service has `uses`: §11.4.1.5 and §11.5.1.5.
    let entry = post(path::ENDPOINT_PROPERTY, MediaType::ENDPOINT_PROPERTY, MediaType::ENDPOINT_PROPERTY_PARAMS);
    resources.insert(resource_id(id::ENDPOINT_PROPERTY), Resource { capabilities: properties, ..entry });
    let entry = post(path::ENDPOINT_COST, MediaType::ENDPOINT_COST, MediaType::ENDPOINT_COST_PARAMS);
    resources.insert(resource_id(id::ENDPOINT_COST), Resource { capabilities: all_costs, ..entry });
    directory
}

/// A cost type with a sentence for people (RFC 7285 §10.7).
fn described(kind: CostKind, view: &View) -> CostType {
    use topo::Metric;
    let what = match kind.metric {
        Metric::RoutingCost => "cost of the least-cost route, without unit",
        Metric::HopCount => "links on the least-cost route",
        Metric::DelayOneWay => "one-way delay of the least-cost route in microseconds, as configured or reported",
        Metric::DelayRoundTrip => {
            "delay of the least-cost routes there and back in microseconds, as configured or reported"
        }
        Metric::LossRate => "packets lost on the least-cost route in percent, as configured or reported",
        Metric::ResidualBandwidth => "smallest link bandwidth on the least-cost route in bytes per second",
        Metric::AvailableBandwidth => {
            "smallest bandwidth left over by reported utilisation on the least-cost route in bytes per second"
        }
    };
    let how = match kind.mode {
        super::Mode::Numerical => "",
        super::Mode::Ordinal => "rank, 1 is best, of: ",
    };
    CostType { description: Some(format!("{how}{what}")), ..kind.to_wire(view) }
}

fn resource_id(id: &str) -> ResourceId {
    id.parse().expect("resource IDs of this server are legal")
}
