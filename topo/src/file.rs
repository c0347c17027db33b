//! The grammar of `topo.json`: what a key may be called and which type its value has. Meaning is checked later.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use crate::error::{Problem, TopologyError};

/// Largest file that is read.
pub(crate) const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A network: hosts and switches, the links between them, and how addresses are grouped.
#[derive(Clone, Debug, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "topo.json: a network")]
pub struct TopologyFile {
    /// What the network is called.
    pub name: String,
    /// Ends of traffic; they never carry the traffic of others.
    #[serde(default)]
    pub hosts: Vec<HostFile>,
    /// Nodes that forward traffic.
    #[serde(default)]
    pub switches: Vec<SwitchFile>,
    /// Connections between nodes.
    #[serde(default)]
    pub links: Vec<LinkFile>,
    /// Groups of addresses; absent: one PID for each switch that has hosts.
    pub pids: Option<BTreeMap<String, PidFile>>,
    /// How the cost of a link is computed.
    #[serde(default)]
    pub cost: CostModel,
    /// What the operator tells clients of hosts, prefixes and PIDs (RFC 9240).
    #[serde(default)]
    pub properties: PropertiesFile,
}

/// A host.
#[derive(Clone, Debug, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostFile {
    /// Unique among hosts and switches.
    pub name: String,
    /// Its address, IPv4 or IPv6, optionally with the prefix length of its interface.
    pub ip: Option<String>,
    /// Its addresses, instead of `ip`.
    pub ips: Option<Vec<String>>,
}

/// A switch.
#[derive(Clone, Debug, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchFile {
    /// Unique among hosts and switches.
    pub name: String,
    /// Datapath identifier: 1 to 16 hexadecimal digits, unique.
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{1,16}$"))]
    pub dpid: String,
}

/// A link; both ways are alike unless it is directed.
#[derive(Clone, Debug, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkFile {
    /// One end.
    pub source: String,
    /// The other end.
    pub destination: String,
    /// Mbit/s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub bandwidth: f64,
    /// One way, in milliseconds: a number, or a text such as "2ms".
    pub delay: Delay,
    /// Whether only traffic from source to destination passes.
    #[serde(default)]
    pub directed: bool,
    /// Cost of the link, in place of the computed one.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub cost: Option<f64>,
    /// Added to the routing cost of every route over the link, and of no weight in the choice of routes: an operator's
    /// wish that traffic go elsewhere, while packets take the way they always took.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub price: f64,
    /// Lost packets, one way, in percent; absent: none.
    #[schemars(range(min = 0, max = 100))]
    pub loss: Option<f64>,
    /// Whether it carries traffic.
    #[serde(default = "yes")]
    pub up: bool,
}

/// A group of addresses (RFC 7285 §5.1).
#[derive(Clone, Debug, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PidFile {
    /// Where its traffic enters the network.
    #[serde(default)]
    pub switches: Vec<String>,
    /// IPv4 prefixes.
    #[serde(default)]
    pub ipv4: Vec<String>,
    /// IPv6 prefixes.
    #[serde(default)]
    pub ipv6: Vec<String>,
}

/// Weights of the link cost `hop_weight + delay_weight * delay / reference_delay + bandwidth_weight *
/// reference_bandwidth / available_bandwidth`.
#[derive(Clone, Copy, Debug, PartialEq, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CostModel {
    /// Cost of every link.
    #[schemars(range(min = 0))]
    pub hop_weight: f64,
    /// Cost of a delay of `reference_delay`.
    #[schemars(range(min = 0))]
    pub delay_weight: f64,
    /// Cost of an available bandwidth of `reference_bandwidth`.
    #[schemars(range(min = 0))]
    pub bandwidth_weight: f64,
    /// Mbit/s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub reference_bandwidth: f64,
    /// Milliseconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub reference_delay: f64,
}

/// Properties of hosts, prefixes and PIDs, by the name of each; whoever may ask the server may read them.
///
/// A host and a prefix pass on what they have not got themselves from the longest prefix around them; PIDs do not.
#[derive(Clone, Debug, Default, DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PropertiesFile {
    /// By the name of a host: of each of its addresses.
    pub hosts: BTreeMap<String, GivenFile>,
    /// By IPv4 or IPv6 prefix: of every address in it that is not told otherwise.
    pub prefixes: BTreeMap<String, GivenFile>,
    /// By the name of a PID: of the PID itself, not of its addresses.
    pub pids: BTreeMap<String, GivenFile>,
}

/// Values by property; a property is named `priv:` and 1 to 27 letters, digits, `-`, `_` or `:`.
pub type GivenFile = BTreeMap<String, PropertyValue>;

/// The value of a property, or that there is none where one would be inherited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyValue {
    /// This text.
    Text(String),
    /// `null`: none, and none for what is inside either.
    None,
}

/// A delay in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
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

/// Reads the text of a file, `source` being its name.
pub(crate) fn parse(bytes: &[u8], source: &str) -> Result<TopologyFile, TopologyError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(TopologyError::whole(source, format!("has more than {MAX_BYTES} bytes")));
    }
    read::<Unambiguous>(bytes, source)?;
    read(bytes, source)
}

fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8], source: &str) -> Result<T, TopologyError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = match error.path().to_string() {
            root if root == "." => String::new(),
            path => path,
        };
        let message = error.into_inner().to_string();
        TopologyError { source: source.to_owned(), problems: vec![Problem { path, message }] }
    })?;
    json.end().map_err(|error| TopologyError::whole(source, error.to_string()))?;
    Ok(value)
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Milliseconds;
        impl Visitor<'_> for Milliseconds {
            type Value = Delay;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds as a number, or a text such as \"2ms\"")
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Delay, E> {
                Ok(Delay(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "delays beyond 2^53 ms are refused anyway")]
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Delay, E> {
                Ok(Delay(number as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "negative delays are refused anyway")]
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Delay, E> {
                Ok(Delay(number as f64))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Delay, E> {
                let number = text.strip_suffix("ms").and_then(|number| number.trim().parse().ok());
                number.map(Delay).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Milliseconds)
    }
}

impl<'de> Deserialize<'de> for PropertyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNull;
        impl Visitor<'_> for TextOrNull {
            type Value = PropertyValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes, or null for no value")
            }

            fn visit_str<E>(self, text: &str) -> Result<PropertyValue, E> {
                Ok(PropertyValue::Text(text.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<PropertyValue, E> {
                Ok(PropertyValue::None)
            }
        }
        deserializer.deserialize_any(TextOrNull)
    }
}

impl JsonSchema for PropertyValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PropertyValue".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A text; or null for no value, which is not inherited either.",
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": 255}, {"type": "null"}]
        })
    }
}

impl JsonSchema for Delay {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Delay".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Milliseconds, as a number or as a text such as \"2ms\".",
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "^[0-9.]+ *ms$"}]
        })
    }
}

/// Any JSON in which no object has a member twice: which of the two was meant, nobody knows.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Unambiguous;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_unit<E>(self) -> Result<Unambiguous, E> {
        Ok(Unambiguous)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unambiguous, A::Error> {
        while seq.next_element::<Unambiguous>()?.is_some() {}
        Ok(Unambiguous)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unambiguous, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format!("{key:?} is there twice; leave one")));
            }
            map.next_value::<Unambiguous>()?;
            seen.insert(key);
        }
        Ok(Unambiguous)
    }
}
