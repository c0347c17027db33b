//! Entry of a directory: one resource, what it offers and how it is asked (RFC 7285 §9.2.2).

use alto_types::{Capabilities, CostType, MediaType, ResourceId};

use crate::exchange::HttpUri;

/// Resource of a directory, with its capabilities resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(crate) id: ResourceId,
    pub(crate) uri: HttpUri,
    pub(crate) media_type: String,
    pub(crate) accepts: Option<String>,
    pub(crate) capabilities: Capabilities,
    pub(crate) cost_types: Vec<CostType>,
    /// Types listed as testable (RFC 8189 §4.1.1).
    pub(crate) testable: Vec<CostType>,
    pub(crate) uses: Vec<ResourceId>,
}

/// Kind of a resource by its media types. Only `accepts` tells a filter from a whole map (RFC 7285 §9.2.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Directory of further resources (RFC 7285 §9.2.4).
    Directory,
    /// Whole network map, by GET.
    NetworkMap,
    /// Filter of a network map, by POST.
    FilteredNetworkMap,
    /// Whole cost map, by GET.
    CostMap,
    /// Filter of a cost map, by POST.
    FilteredCostMap,
    /// Endpoint property service, by POST.
    EndpointProperty,
    /// Endpoint cost service, by POST.
    EndpointCost,
    /// Whole property map, by GET (RFC 9240 §7).
    PropertyMap,
    /// Filter of a property map, by POST (RFC 9240 §8).
    FilteredPropertyMap,
    /// Resource of an extension that this client does not support.
    Other,
}

impl Entry {
    /// Resource ID.
    pub fn id(&self) -> &ResourceId {
        &self.id
    }

    /// Absolute URI.
    pub fn uri(&self) -> &str {
        self.uri.as_str()
    }

    /// Media type of its answers.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Media type of its requests; `None` if it is asked by GET.
    pub fn accepts(&self) -> Option<&str> {
        self.accepts.as_deref()
    }

    /// Capabilities as the directory states them.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Cost types that it offers: the names in its capabilities, resolved in their document (RFC 7285 §9.2.2).
    pub fn cost_types(&self) -> &[CostType] {
        &self.cost_types
    }

    /// True if the resource can test costs of this type, whichever costs are requested (RFC 8189 §4.1.1).
    pub fn can_test(&self, cost_type: &CostType) -> bool {
        let listed = |types: &[CostType]| types.iter().any(|known| known.is(cost_type));
        let Capabilities { cost_constraints, max_cost_types, testable_cost_type_names, .. } = &self.capabilities;
        // A server must not state both; if it does, the narrower one counts.
        let all = *cost_constraints && testable_cost_type_names.is_empty();
        *max_cost_types > 0 && listed(&self.cost_types) && (all || listed(&self.testable))
    }

    /// IDs of the resources that it depends on.
    pub fn uses(&self) -> &[ResourceId] {
        &self.uses
    }

    /// Kind of the resource.
    pub fn kind(&self) -> Kind {
        let accepts = self.accepts();
        let filter = |expected: MediaType, kind| match accepts {
            Some(accepts) if expected.names(accepts) => kind,
            _ => Kind::Other,
        };
        let whole_or = |expected, whole, part| if accepts.is_none() { whole } else { filter(expected, part) };
        let media_type = self.media_type();
        if MediaType::NETWORK_MAP.names(media_type) {
            whole_or(MediaType::NETWORK_MAP_FILTER, Kind::NetworkMap, Kind::FilteredNetworkMap)
        } else if MediaType::COST_MAP.names(media_type) {
            whole_or(MediaType::COST_MAP_FILTER, Kind::CostMap, Kind::FilteredCostMap)
        } else if MediaType::ENDPOINT_PROPERTY.names(media_type) {
            filter(MediaType::ENDPOINT_PROPERTY_PARAMS, Kind::EndpointProperty)
        } else if MediaType::ENDPOINT_COST.names(media_type) {
            filter(MediaType::ENDPOINT_COST_PARAMS, Kind::EndpointCost)
        } else if MediaType::PROPERTY_MAP.names(media_type) {
            whole_or(MediaType::PROPERTY_MAP_PARAMS, Kind::PropertyMap, Kind::FilteredPropertyMap)
        } else if MediaType::DIRECTORY.names(media_type) && accepts.is_none() {
            Kind::Directory
        } else {
            Kind::Other
        }
    }

    /// True if the resource offers costs of this type.
    pub fn offers(&self, cost_type: &CostType) -> bool {
        self.cost_types().iter().any(|offered| offered.is(cost_type))
    }

    /// True if another entry is the same resource, listed again.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.uri == other.uri && self.media_type == other.media_type && self.accepts == other.accepts
    }
}
