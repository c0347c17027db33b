//! The grammar of `topo.json`: the keys of a topology file and the types of their values.
//!
//! A file is read with [`TopologyFile::from_json`] and written with [`TopologyFile::to_json`]. `quantity` has the values
//! with units. A file that cannot be read is described by [`plain_words::syntax`], if it is not JSON, or else by `shape`,
//! which lists every value of a wrong type. Whether the content makes sense is checked by
//! [`Topology::from_file`](crate::Topology::from_file).

pub(crate) mod quantity;
mod read;
mod shape;
mod write;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use write::is_default;

/// Largest accepted file size in bytes.
pub(crate) const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A network: hosts and switches, the links between them, and the grouping of addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "topo.json: a network")]
pub struct TopologyFile {
    /// Path or URI of the JSON Schema of this file, for editors; it has no other effect.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Name of the network.
    pub name: String,
    /// Hosts: sources and destinations of traffic, which never forward the traffic of others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostFile>,
    /// Switches: nodes that forward traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<SwitchFile>,
    /// Links between nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkFile>,
    /// Groups of addresses by name; if absent, each switch with hosts gets a PID.
    #[serde(default, deserialize_with = "read::distinct_keys_if_any", skip_serializing_if = "Option::is_none")]
    pub pids: Option<BTreeMap<String, PidFile>>,
    /// Further network maps by name: other groupings of the same addresses into PIDs, beside the one that `pids` is.
    #[serde(default, deserialize_with = "read::distinct_keys_twice", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("default" = {}))]
    pub maps: BTreeMap<String, BTreeMap<String, PidFile>>,
    /// Cost model: the weights from which the cost of a link is computed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cost: CostModel,
    /// Properties of hosts, prefixes and PIDs that clients can query (RFC 9240).
    #[serde(default, skip_serializing_if = "is_default")]
    pub properties: PropertiesFile,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostFile {
    /// Name, unique among hosts and switches.
    pub name: String,
    /// IPv4 or IPv6 address, optionally with the prefix length of the interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// List of addresses, instead of `ip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ips: Option<Vec<String>>,
}

/// A switch or router, or a network segment (LAN) that joins several of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchFile {
    /// Name, unique among hosts and switches.
    pub name: String,
    /// Datapath identifier: 1 to 16 hexadecimal digits, unique; an emulation chooses one where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{1,16}$"))]
    pub dpid: Option<String>,
    /// Whether the switch counts as a hop; false for a LAN or a junction.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    #[schemars(extend("default" = true))]
    pub hop: bool,
}

/// A link, symmetric unless it is directed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkFile {
    /// Name of the node at one end.
    pub source: String,
    /// Name of the node at the other end.
    pub destination: String,
    /// Bandwidth: a number of Mbit/s, or a text with a unit such as "100G" or "2.5Mbit".
    #[serde(serialize_with = "write::number", deserialize_with = "quantity::bandwidth")]
    #[schemars(schema_with = "quantity::bandwidth_schema")]
    pub bandwidth: f64,
    /// One-way delay: a number of milliseconds, or a text with a unit such as "2ms" or "350us".
    pub delay: Delay,
    /// Whether the link carries traffic from source to destination only.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(extend("default" = false))]
    pub directed: bool,
    /// Cost of the link, replacing the computed one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::number_if_any")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub cost: Option<f64>,
    /// Surcharge on the routing cost of every route over the link. It does not influence route selection: it steers
    /// traffic away from the link while packets keep taking the same routes.
    #[serde(default, skip_serializing_if = "is_default", serialize_with = "write::number")]
    #[schemars(range(min = 0, max = 1_000_000_000), extend("default" = 0.0))]
    pub price: f64,
    /// One-way packet loss in percent; none if absent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::number_if_any")]
    #[schemars(range(min = 0, max = 100))]
    pub loss: Option<f64>,
    /// Whether the link carries traffic at all.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    #[schemars(extend("default" = true))]
    pub up: bool,
}

/// A group of addresses (RFC 7285 §5.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PidFile {
    /// Switches where the group's traffic enters the network, the nearest of which counts. A switch may be in several
    /// PIDs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("default" = []))]
    pub switches: Vec<String>,
    /// IPv4 prefixes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("default" = []))]
    pub ipv4: Vec<String>,
    /// IPv6 prefixes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("default" = []))]
    pub ipv6: Vec<String>,
}

/// Weights of the link cost `hop_weight + delay_weight * delay / reference_delay + bandwidth_weight *
/// reference_bandwidth / available_bandwidth`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CostModel {
    /// Fixed cost of every link.
    #[schemars(range(min = 0))]
    pub hop_weight: f64,
    /// Cost of a delay of `reference_delay`.
    #[schemars(range(min = 0))]
    pub delay_weight: f64,
    /// Cost of an available bandwidth of `reference_bandwidth`.
    #[schemars(range(min = 0))]
    pub bandwidth_weight: f64,
    /// Bandwidth in Mbit/s at which a link costs `bandwidth_weight`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub reference_bandwidth: f64,
    /// Delay in milliseconds at which a link costs `delay_weight`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub reference_delay: f64,
}

/// Properties of hosts, prefixes and PIDs by name, readable by every client of the server.
///
/// Hosts and prefixes inherit properties they lack from the longest prefix that covers them; PIDs inherit nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PropertiesFile {
    /// Properties of all addresses of a host, by host name.
    #[serde(deserialize_with = "read::distinct_keys_twice", skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, PropertyValues>,
    /// Properties of all addresses in a prefix that have none of their own, by IPv4 or IPv6 prefix.
    #[serde(deserialize_with = "read::distinct_keys_twice", skip_serializing_if = "BTreeMap::is_empty")]
    pub prefixes: BTreeMap<String, PropertyValues>,
    /// Properties of a PID itself, not of its addresses, by PID name.
    #[serde(deserialize_with = "read::distinct_keys_twice", skip_serializing_if = "BTreeMap::is_empty")]
    pub pids: BTreeMap<String, PropertyValues>,
}

/// Values by property name: `priv:` and 1 to 27 letters, digits, `-`, `_` or `:`.
pub type PropertyValues = BTreeMap<String, PropertyValue>;

/// The value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyValue {
    /// A text.
    Text(String),
    /// `null`: no value, neither inherited nor passed on.
    None,
}

/// A delay in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay(pub f64);

impl Default for CostModel {
    fn default() -> Self {
        Self {
            hop_weight: 1.0,
            delay_weight: 1.0,
            bandwidth_weight: 1.0,
            reference_bandwidth: 1000.0,
            reference_delay: 1.0,
        }
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

impl JsonSchema for PropertyValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PropertyValue".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A text, or null for no value, which also stops inheritance.",
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": 255}, {"type": "null"}]
        })
    }
}
