//! An entry of a directory.

use serde_json::{Value, json};

/// What an entry leads to: told by its `media-type` and `accepts` together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Another directory.
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
    /// Something of another standard.
    Other,
}

/// An entry of a directory, as far as it can be read.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The key.
    pub id: String,
    /// Where to ask, absolute.
    pub uri: String,
    /// What the answer is.
    pub media_type: String,
    /// What the body of a request is; nothing means GET.
    pub accepts: Option<String>,
    /// What it leads to.
    pub kind: Kind,
    /// The whole entry.
    pub entry: Value,
    /// The directory it stands in: an index into those of the target.
    pub directory: usize,
}

/// A metric in a mode.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CostType {
    /// `cost-metric`.
    pub metric: String,
    /// `cost-mode`.
    pub mode: String,
}

impl Kind {
    /// From an entry's media types.
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

    /// What it is called in sentences.
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

    /// The member of an answer that holds the data.
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
    /// Where the entry stands in its directory.
    pub fn pointer(&self) -> String {
        crate::json::pointer("/resources", &self.id)
    }

    /// `uses`, as far as it holds strings.
    pub fn uses(&self) -> Vec<&str> {
        strings(self.entry.get("uses"))
    }

    /// `capabilities.cost-type-names`.
    pub fn cost_type_names(&self) -> Vec<&str> {
        strings(self.entry.pointer("/capabilities/cost-type-names"))
    }

    /// `capabilities.prop-types`.
    pub fn prop_types(&self) -> Vec<&str> {
        strings(self.entry.pointer("/capabilities/prop-types"))
    }

    /// `capabilities.cost-constraints`; absent means false.
    pub fn takes_constraints(&self) -> bool {
        self.entry.pointer("/capabilities/cost-constraints") == Some(&Value::Bool(true))
    }

    /// Whether it is asked by POST.
    pub fn is_posted(&self) -> bool {
        self.accepts.as_ref().is_some_and(|accepts| !accepts.is_empty())
    }
}

impl CostType {
    /// Reads a cost type object.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Some(Self { metric: text("cost-metric")?, mode: text("cost-mode")? })
    }

    /// For a request.
    pub fn to_json(&self) -> Value {
        json!({"cost-mode": self.mode, "cost-metric": self.metric})
    }

    /// Whether the costs are numbers that can be compared with constraints.
    pub fn is_numerical(&self) -> bool {
        self.mode == "numerical"
    }

    /// Whether the costs are ranks.
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
