//! Directories and resources, as they are served and as directories describe them (RFC 7285 §9).

use serde_json::{Map, Value};

use super::cost_query::Offer;
use super::cost_type::ServedCostType;
use super::media_type;
use super::property_map::Properties;
use crate::updates::{EVENT_STREAM, STREAM_PARAMS, TIPS, TIPS_PARAMS};

/// Information resource directory.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedDirectory {
    /// Resource ID of the directory, for entries in other directories.
    pub id: String,
    /// Path at which the directory is served.
    pub path: String,
    /// Resource ID of the default network map, if the directory names one.
    pub default_map: Option<String>,
    /// Cost types by name; the names are local to this directory.
    pub cost_types: Vec<(String, ServedCostType)>,
    /// Entries: IDs of resources or directories, each with its URI as written in this directory.
    pub entries: Vec<(String, String)>,
}

/// Information resource other than a directory.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedResource {
    /// Resource ID in directories and version tags.
    pub id: String,
    /// Path at which the resource is served, with the query if there is one.
    pub path: String,
    /// Kind of resource, with the data it is made from.
    pub kind: ResourceKind,
}

/// Resource that clients can follow, with the media types of its patches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Resource ID.
    pub id: String,
    /// Value in `incremental-change-media-types`; empty if there are no patches.
    pub patches: String,
}

/// Kind of a resource, with the data it is made from.
#[derive(Clone, Debug, PartialEq)]
pub enum ResourceKind {
    /// Network map, by its ID in the network.
    NetworkMap(String),
    /// Cost map for a network map and a cost type.
    CostMap(String, ServedCostType),
    /// Filtered network map.
    FilteredNetworkMap(String),
    /// Filtered cost map for a network map.
    FilteredCostMap(String, Offer),
    /// Endpoint property service, with the names of its properties.
    EndpointProperty(Vec<String>),
    /// Endpoint cost service.
    EndpointCost(Offer),
    /// Property map (RFC 9240).
    PropertyMap(Properties),
    /// Filtered property map (RFC 9240).
    FilteredPropertyMap(Properties),
    /// Update stream service (RFC 8895), with the resources that it follows.
    UpdateStream(Vec<Followed>),
    /// Transport Information Publication Service (RFC 9569), with the resources that it follows.
    Tips(Vec<Followed>),
}

/// Directory or resource that a request addresses.
#[derive(Clone, Copy)]
pub enum RequestTarget<'a> {
    /// Information resource directory.
    Directory(&'a ServedDirectory),
    /// Any other resource.
    Resource(&'a ServedResource),
}

impl ResourceKind {
    /// Returns the media type of the resource.
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::NetworkMap(_) | Self::FilteredNetworkMap(_) => media_type::NETWORK_MAP,
            Self::CostMap(..) | Self::FilteredCostMap(..) => media_type::COST_MAP,
            Self::EndpointProperty(_) => media_type::ENDPOINT_PROPERTY,
            Self::EndpointCost(_) => media_type::ENDPOINT_COST,
            Self::PropertyMap(_) | Self::FilteredPropertyMap(_) => media_type::PROPERTY_MAP,
            Self::UpdateStream(_) => EVENT_STREAM,
            Self::Tips(_) => TIPS,
        }
    }

    /// Returns the media type of request bodies, or `None` for a resource that is retrieved by GET.
    pub fn accepts(&self) -> Option<&'static str> {
        match self {
            Self::NetworkMap(_) | Self::CostMap(..) | Self::PropertyMap(_) => None,
            Self::FilteredNetworkMap(_) => Some(media_type::NETWORK_MAP_FILTER),
            Self::FilteredCostMap(..) => Some(media_type::COST_MAP_FILTER),
            Self::EndpointProperty(_) => Some(media_type::ENDPOINT_PROPERTY_PARAMS),
            Self::EndpointCost(_) => Some(media_type::ENDPOINT_COST_PARAMS),
            Self::FilteredPropertyMap(_) => Some(media_type::PROPERTY_MAP_PARAMS),
            Self::UpdateStream(_) => Some(STREAM_PARAMS),
            Self::Tips(_) => Some(TIPS_PARAMS),
        }
    }

    /// Tests whether it is a service that tells of updates.
    pub(super) fn is_of_updates(&self) -> bool {
        matches!(self, Self::UpdateStream(_) | Self::Tips(_))
    }

    /// Returns the IDs of the resources that the directory entry lists under `uses`.
    pub fn uses(&self) -> Vec<&str> {
        match self {
            Self::CostMap(map, _) | Self::FilteredNetworkMap(map) | Self::FilteredCostMap(map, _) => vec![map],
            Self::PropertyMap(properties) | Self::FilteredPropertyMap(properties) => properties.uses(),
            Self::UpdateStream(followed) | Self::Tips(followed) => {
                followed.iter().map(|followed| followed.id.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the cost types that the resource offers.
    pub fn cost_types(&self) -> &[ServedCostType] {
        match self {
            Self::CostMap(_, cost_type) => std::slice::from_ref(cost_type),
            Self::FilteredCostMap(_, offer) | Self::EndpointCost(offer) => &offer.cost_types,
            _ => &[],
        }
    }

    /// Returns `capabilities` as an entry of a directory has them.
    pub(super) fn capabilities(&self, directory: &ServedDirectory) -> Map<String, Value> {
        let mut capabilities = Map::new();
        let names = |types: &[ServedCostType]| -> Value {
            let name = |wanted: &ServedCostType| {
                let found = directory.cost_types.iter().find(|(_, cost_type)| cost_type == wanted);
                found.map(|(name, _)| Value::from(name.as_str()))
            };
            types.iter().filter_map(name).collect()
        };
        if !self.cost_types().is_empty() {
            capabilities.insert("cost-type-names".into(), names(self.cost_types()));
        }
        match self {
            Self::FilteredCostMap(_, offer) | Self::EndpointCost(offer) => {
                if offer.constraints {
                    capabilities.insert("cost-constraints".into(), true.into());
                }
                if offer.max_cost_types > 0 {
                    capabilities.insert("max-cost-types".into(), offer.max_cost_types.into());
                }
                if !offer.testable.is_empty() {
                    capabilities.insert("testable-cost-type-names".into(), names(&offer.testable));
                }
            }
            Self::EndpointProperty(properties) => {
                capabilities.insert("prop-types".into(), properties.clone().into());
            }
            Self::PropertyMap(properties) | Self::FilteredPropertyMap(properties) => {
                capabilities.insert("mappings".into(), properties.mappings());
            }
            Self::UpdateStream(followed) | Self::Tips(followed) => {
                let patched = followed.iter().filter(|followed| !followed.patches.is_empty());
                let types: Map<_, _> =
                    patched.map(|followed| (followed.id.clone(), followed.patches.as_str().into())).collect();
                capabilities.insert("incremental-change-media-types".into(), types.into());
                if matches!(self, Self::UpdateStream(_)) {
                    capabilities.insert("support-stream-control".into(), true.into());
                }
            }
            _ => {}
        }
        capabilities
    }
}

impl RequestTarget<'_> {
    /// Returns the resource ID.
    pub fn id(&self) -> &str {
        match self {
            Self::Directory(directory) => &directory.id,
            Self::Resource(resource) => &resource.id,
        }
    }

    /// Returns the media type of the directory or resource.
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Directory(_) => media_type::DIRECTORY,
            Self::Resource(resource) => resource.kind.media_type(),
        }
    }

    /// Returns the media type of request bodies, or `None` where the method is GET.
    pub fn accepts(&self) -> Option<&'static str> {
        match self {
            Self::Directory(_) => None,
            Self::Resource(resource) => resource.kind.accepts(),
        }
    }

    /// Returns the method that the directory or resource is requested by.
    pub(super) fn method(&self) -> &'static str {
        if self.accepts().is_some() { "POST" } else { "GET" }
    }
}
