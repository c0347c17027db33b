//! One file per ALTO resource, and what they share: the resource IDs, where each is found, and the cost types.
//!
//! A service turns a view of the network into the body of an answer; it knows nothing of HTTP. Resources read by GET
//! *render* a whole document once per view; resources read by POST *answer* one decoded request ([`Lookup`]).

pub(crate) mod cost_map;
mod cost_matrix;
mod cost_meta;
pub(crate) mod cost_type;
pub(crate) mod directory;
pub(crate) mod endpoint_cost;
pub(crate) mod endpoint_property;
pub(crate) mod filtered_cost_map;
pub(crate) mod filtered_network_map;
pub(crate) mod filtered_property_map;
pub(crate) mod network_map;
mod prefix_answer;
pub(crate) mod property_map;
mod selection;

use std::net::IpAddr;
use std::time::SystemTime;

use alto_types::{MediaType, ProtocolError, Request};
use serde::Serialize;

use crate::published::Published;
use cost_matrix::CostMatrix;

pub(crate) use cost_type::{CostKind, Mode};

/// Resource IDs of the directory (RFC 7285 §10.2). They never change their meaning (§9.1.1).
pub(crate) mod id {
    /// The network map, and the default one.
    pub(crate) const NETWORK_MAP: &str = "network-map";
    /// Parts of the network map.
    pub(crate) const FILTERED_NETWORK_MAP: &str = "filtered-network-map";
    /// Parts of the cost maps.
    pub(crate) const FILTERED_COST_MAP: &str = "filtered-cost-map";
    /// Properties of endpoints.
    pub(crate) const ENDPOINT_PROPERTY: &str = "endpoint-property";
    /// Costs between endpoints.
    pub(crate) const ENDPOINT_COST: &str = "endpoint-cost";
    /// Properties of addresses, prefixes and PIDs.
    pub(crate) const PROPERTY_MAP: &str = "property-map";
    /// Parts of the property map.
    pub(crate) const FILTERED_PROPERTY_MAP: &str = "filtered-property-map";
}

/// Where the resources are, relative to the root.
pub(crate) mod path {
    pub(crate) const DIRECTORY: &str = "directory";
    pub(crate) const NETWORK_MAP: &str = "networkmap";
    pub(crate) const FILTERED_NETWORK_MAP: &str = "networkmap/filtered";
    pub(crate) const FILTERED_COST_MAP: &str = "costmap/filtered";
    pub(crate) const ENDPOINT_PROPERTY: &str = "endpointprop/lookup";
    pub(crate) const ENDPOINT_COST: &str = "endpointcost/lookup";
    pub(crate) const PROPERTY_MAP: &str = "propmap";
    pub(crate) const FILTERED_PROPERTY_MAP: &str = "propmap/filtered";
}

/// Bounds on the work one request may ask for (RFC 7285 §15.5.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkLimits {
    /// Elements of one list of a request.
    pub(crate) list_entries: usize,
    /// Sources times destinations of a cost request, times the costs asked for where those are several; addresses or
    /// entities times properties of a property request.
    pub(crate) pairs: usize,
}

/// A resource that answers requests with input parameters (RFC 7285 §8.3.2).
pub(crate) trait Lookup {
    /// What is asked.
    type Request: Request + Send + 'static;
    /// Type of the answer.
    const ANSWER: MediaType;
    /// The ID under which the directory lists it, also its name in metrics.
    const ID: &'static str;

    /// Refuses what is too much work, before any of it is done. A large request is answered off the event loop.
    fn weigh(request: &Self::Request, published: &Published, limits: &WorkLimits) -> Result<usize, ProtocolError>;

    /// Since when what is looked up is as it is, where that is known.
    fn since(_published: &Published) -> Option<SystemTime> {
        None
    }

    /// The body of the answer. `client` is the address that the request came from.
    fn answer(published: &Published, request: Self::Request, client: IpAddr) -> Result<Vec<u8>, ProtocolError>;
}

/// Refuses a list that is longer than allowed, naming its field.
fn bound_list(field: &str, len: usize, limits: &WorkLimits) -> Result<usize, ProtocolError> {
    if len > limits.list_entries {
        let value = format!("{len} entries, at most {} are answered", limits.list_entries);
        return Err(ProtocolError::invalid_value(field, value));
    }
    Ok(len)
}

/// Refuses more pairs than allowed, of sources and destinations or of entities and properties, those of each of several
/// costs counted.
fn bound_pairs(
    field: &str,
    (srcs, dsts): (usize, usize),
    costs: usize,
    limits: &WorkLimits,
) -> Result<usize, ProtocolError> {
    let pairs = srcs.saturating_mul(dsts).saturating_mul(costs);
    if pairs > limits.pairs {
        let each = if costs > 1 { format!(" for {costs} costs") } else { String::new() };
        let value = format!("{srcs} x {dsts} pairs{each}, at most {} are answered", limits.pairs);
        return Err(ProtocolError::invalid_value(field, value));
    }
    Ok(pairs)
}

/// An answer of costs: what it says of them, and the costs under the name `member`.
fn cost_answer(meta: &impl Serialize, member: &str, costs: &CostMatrix<impl AsRef<str>>) -> Vec<u8> {
    let mut out = br#"{"meta":"#.to_vec();
    append(&mut out, meta);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(member.as_bytes());
    out.extend_from_slice(b"\":");
    costs.write(&mut out);
    out.push(b'}');
    out
}

/// Serialises an answer.
fn to_bytes<T: Serialize>(message: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    append(&mut out, message);
    out
}

/// Appends the JSON of a value. Only a failing writer could make this fail, and a vector does not fail.
fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("ALTO messages have string keys and finite numbers");
}
