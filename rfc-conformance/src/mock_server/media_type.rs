//! ALTO media types (RFC 7285 §14.1, RFC 9240 §12.1).

/// Information resource directory.
pub const DIRECTORY: &str = "application/alto-directory+json";
/// Network map.
pub const NETWORK_MAP: &str = "application/alto-networkmap+json";
/// Request for a filtered network map.
pub const NETWORK_MAP_FILTER: &str = "application/alto-networkmapfilter+json";
/// Cost map.
pub const COST_MAP: &str = "application/alto-costmap+json";
/// Request for a filtered cost map.
pub const COST_MAP_FILTER: &str = "application/alto-costmapfilter+json";
/// Endpoint properties.
pub const ENDPOINT_PROPERTY: &str = "application/alto-endpointprop+json";
/// Request for endpoint properties.
pub const ENDPOINT_PROPERTY_PARAMS: &str = "application/alto-endpointpropparams+json";
/// Endpoint costs.
pub const ENDPOINT_COST: &str = "application/alto-endpointcost+json";
/// Request for endpoint costs.
pub const ENDPOINT_COST_PARAMS: &str = "application/alto-endpointcostparams+json";
/// Property map (RFC 9240).
pub const PROPERTY_MAP: &str = "application/alto-propmap+json";
/// Request for a filtered property map (RFC 9240).
pub const PROPERTY_MAP_PARAMS: &str = "application/alto-propmapparams+json";
/// Error (RFC 7285 §8.5.1).
pub const ERROR: &str = "application/alto-error+json";
