//! Resources of the subject, their kinds and cost types.

use serde_json::{Value, json};

/// Kind of resource, determined by `media-type` and `accepts` of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A directory, which may list further ones.
    Directory,
    /// A full network map.
    NetworkMap,
    /// A full cost map.
    CostMap,
    /// A filtered network map.
    FilteredNetworkMap,
    /// A filtered cost map.
    FilteredCostMap,
    /// The endpoint property service.
    EndpointProperty,
    /// The endpoint cost service.
    EndpointCost,
    /// A full property map (RFC 9240).
    PropertyMap,
    /// A filtered property map (RFC 9240).
    FilteredPropertyMap,
    /// Resource of another standard.
    Other,
}

/// A resource as its directory entry describes it.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Resource ID, the key of the entry.
    pub id: String,
    /// Absolute URI of the resource.
    pub uri: String,
    /// Media type of answers.
    pub media_type: String,
    /// Media type of request bodies; `None` for resources that are read by GET.
    pub accepts: Option<String>,
    /// Kind of the resource.
    pub kind: Kind,
    /// Whole directory entry.
    pub entry: Value,
    /// Index of the directory that lists it.
    pub directory: usize,
}

/// A cost metric in a cost mode.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CostType {
    /// Cost metric, such as `routingcost`.
    pub metric: String,
    /// Cost mode, such as `numerical`.
    pub mode: String,
}

impl Kind {
    /// Determines the kind from the media types of an entry.
    pub fn of(media_type: &str, accepts: Option<&str>) -> Self {
        match (media_type, accepts.unwrap_or("")) {
            ("application/alto-directory+json", _) => Self::Directory,
            ("application/alto-networkmap+json", "") => Self::NetworkMap,
            ("application/alto-costmap+json", "") => Self::CostMap,
            ("application/alto-networkmap+json", "application/alto-networkmapfilter+json") => Self::FilteredNetworkMap,
            ("application/alto-costmap+json", "application/alto-costmapfilter+json") => Self::FilteredCostMap,
            ("application/alto-endpointprop+json", "application/alto-endpointpropparams+json") => {
                Self::EndpointProperty
            }
            ("application/alto-endpointcost+json", "application/alto-endpointcostparams+json") => Self::EndpointCost,
            ("application/alto-propmap+json", "") => Self::PropertyMap,
            ("application/alto-propmap+json", "application/alto-propmapparams+json") => Self::FilteredPropertyMap,
            _ => Self::Other,
        }
    }

    /// Returns the name of the kind in sentences.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::NetworkMap => "network map",
            Self::CostMap => "cost map",
            Self::FilteredNetworkMap => "filtered network map",
            Self::FilteredCostMap => "filtered cost map",
            Self::EndpointProperty => "endpoint property service",
            Self::EndpointCost => "endpoint cost service",
            Self::PropertyMap => "property map",
            Self::FilteredPropertyMap => "filtered property map",
            Self::Other => "other resource",
        }
    }

    /// Returns the name of the data member of answers.
    pub fn data_member(self) -> Option<&'static str> {
        match self {
            Self::Directory => Some("resources"),
            Self::NetworkMap | Self::FilteredNetworkMap => Some("network-map"),
            Self::CostMap | Self::FilteredCostMap => Some("cost-map"),
            Self::EndpointProperty => Some("endpoint-properties"),
            Self::EndpointCost => Some("endpoint-cost-map"),
            Self::PropertyMap | Self::FilteredPropertyMap => Some("property-map"),
            Self::Other => None,
        }
    }
}

impl Resource {
    /// Returns the JSON pointer to the entry in its directory.
    pub fn pointer(&self) -> String {
        crate::json::pointer("/resources", &self.id)
    }

    /// Returns the strings in `uses`.
    pub fn uses(&self) -> Vec<&str> {
        strings(self.entry.get("uses"))
    }

    /// Returns the strings in `capabilities.cost-type-names`.
    pub fn cost_type_names(&self) -> Vec<&str> {
        strings(self.entry.pointer("/capabilities/cost-type-names"))
    }

    /// Returns the strings in `capabilities.prop-types`.
    pub fn prop_types(&self) -> Vec<&str> {
        strings(self.entry.pointer("/capabilities/prop-types"))
    }

    /// Tests whether `capabilities.cost-constraints` is true; absent means false.
    pub fn takes_constraints(&self) -> bool {
        self.entry.pointer("/capabilities/cost-constraints") == Some(&Value::Bool(true))
    }

    /// Tests whether the resource is requested by POST.
    pub fn is_posted(&self) -> bool {
        self.accepts.as_ref().is_some_and(|accepts| !accepts.is_empty())
    }
}

impl CostType {
    /// Reads a cost type object; `None` if a member is missing or not a string.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Some(Self { metric: text("cost-metric")?, mode: text("cost-mode")? })
    }

    /// Returns the cost type object for a request.
    pub fn to_json(&self) -> Value {
        json!({"cost-mode": self.mode, "cost-metric": self.metric})
    }

    /// Tests whether the mode is `numerical`.
    pub fn is_numerical(&self) -> bool {
        self.mode == "numerical"
    }

    /// Tests whether the mode is `ordinal`.
    pub fn is_ordinal(&self) -> bool {
        self.mode == "ordinal"
    }
}

impl std::fmt::Display for CostType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.mode, self.metric)
    }
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
