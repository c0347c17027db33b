//! Media types of RFC 7285 §14.1, RFC 9240 §12.1, RFC 8895 §12 and RFC 9569 §10, and the trait that associates them with messages.

use std::fmt;

/// A media type without parameters, which ALTO does not use (RFC 7285 §14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MediaType(&'static str);

/// A message with a media type of its own (RFC 7285 §9.1.2).
pub trait Message {
    /// Media type for the `Content-Type` field of this message.
    const MEDIA_TYPE: MediaType;
}

impl MediaType {
    /// Information resource directory, RFC 7285 §9.2.1.
    pub const DIRECTORY: Self = Self("application/alto-directory+json");
    /// Network map, whole or filtered, RFC 7285 §11.2.1.1.
    pub const NETWORK_MAP: Self = Self("application/alto-networkmap+json");
    /// Request for a filtered network map, RFC 7285 §11.3.1.3.
    pub const NETWORK_MAP_FILTER: Self = Self("application/alto-networkmapfilter+json");
    /// Cost map, whole or filtered, RFC 7285 §11.2.3.1.
    pub const COST_MAP: Self = Self("application/alto-costmap+json");
    /// Request for a filtered cost map, RFC 7285 §11.3.2.3.
    pub const COST_MAP_FILTER: Self = Self("application/alto-costmapfilter+json");
    /// Endpoint properties, RFC 7285 §11.4.1.1.
    pub const ENDPOINT_PROPERTY: Self = Self("application/alto-endpointprop+json");
    /// Request for endpoint properties, RFC 7285 §11.4.1.3.
    pub const ENDPOINT_PROPERTY_PARAMS: Self = Self("application/alto-endpointpropparams+json");
    /// Endpoint costs, RFC 7285 §11.5.1.1.
    pub const ENDPOINT_COST: Self = Self("application/alto-endpointcost+json");
    /// Request for endpoint costs, RFC 7285 §11.5.1.3.
    pub const ENDPOINT_COST_PARAMS: Self = Self("application/alto-endpointcostparams+json");
    /// Property map, whole or filtered, RFC 9240 §7.1.
    pub const PROPERTY_MAP: Self = Self("application/alto-propmap+json");
    /// Request for a filtered property map, RFC 9240 §8.3.
    pub const PROPERTY_MAP_PARAMS: Self = Self("application/alto-propmapparams+json");
    /// Request for an update stream, or for a change to one, RFC 8895 §6.5.
    pub const UPDATE_STREAM_PARAMS: Self = Self("application/alto-updatestreamparams+json");
    /// Control event within an update stream, RFC 8895 §5.3.
    pub const UPDATE_STREAM_CONTROL: Self = Self("application/alto-updatestreamcontrol+json");
    /// Request for a TIPS view or for its next edge, RFC 9569 §6.1.
    pub const TIPS_PARAMS: Self = Self("application/alto-tipsparams+json");
    /// TIPS view, RFC 9569 §6.2.
    pub const TIPS: Self = Self("application/alto-tips+json");
    /// Stream of events, not an ALTO type, RFC 8895 §6.1.
    pub const EVENT_STREAM: Self = Self("text/event-stream");
    /// Merge patch, not an ALTO type, RFC 7396.
    pub const MERGE_PATCH: Self = Self("application/merge-patch+json");
    /// JSON patch, not an ALTO type, RFC 6902.
    pub const JSON_PATCH: Self = Self("application/json-patch+json");
    /// Protocol error, RFC 7285 §8.5.1.
    pub const ERROR: Self = Self("application/alto-error+json");
    /// Plain JSON, not used by ALTO but by other interfaces of a server, such as the registry of peers.
    pub const JSON: Self = Self("application/json");

    /// All ALTO media types, for requests and answers.
    pub const ALL: [Self; 16] = [
        Self::DIRECTORY,
        Self::NETWORK_MAP,
        Self::NETWORK_MAP_FILTER,
        Self::COST_MAP,
        Self::COST_MAP_FILTER,
        Self::ENDPOINT_PROPERTY,
        Self::ENDPOINT_PROPERTY_PARAMS,
        Self::ENDPOINT_COST,
        Self::ENDPOINT_COST_PARAMS,
        Self::PROPERTY_MAP,
        Self::PROPERTY_MAP_PARAMS,
        Self::UPDATE_STREAM_PARAMS,
        Self::UPDATE_STREAM_CONTROL,
        Self::TIPS_PARAMS,
        Self::TIPS,
        Self::ERROR,
    ];

    /// Returns the media type as written in a header field.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns whether a `Content-Type` value is of this type, ignoring case and parameters (RFC 7231 §3.1.1.1).
    pub fn names(self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(self.0)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_parameters_are_ignored() {
        let filter = MediaType::NETWORK_MAP_FILTER;
        assert!(filter.names("Application/ALTO-NetworkMapFilter+JSON; charset=utf-8; x=\"a;b\""));
        assert!(!filter.names("application/alto-networkmap+json"));
        assert!(!filter.names(""));
    }
}
