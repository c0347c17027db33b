//! Decoding of one directory document (RFC 7285 §9.2.2). Ill-formed parts are left out and listed as problems.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

use alto_types::{Capabilities, CostContext, CostSource, CostType, MediaType, ResourceId};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::entry::Entry;
use crate::cost::metric::source;
use crate::decode;
use crate::error::Error;
use crate::exchange::{Answer, HttpUri, UriError};
use crate::printable::printable;

/// Number of entries of one document that are read; later ones are left out.
const MAX_ENTRIES: usize = 10_000;

/// Directory document, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// URI of the document, after redirects.
    pub(crate) uri: HttpUri,
    pub(crate) default_network_map: Option<ResourceId>,
    pub(crate) entries: Vec<Entry>,
    /// Parts that were left out, each with the reason.
    pub(crate) problems: Vec<String>,
}

/// Directory document on the wire, its parts not yet checked.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    meta: Value,
    resources: Members<Value>,
}

/// Entry on the wire; unknown members are ignored (RFC 7285 §8.3.7).
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawEntry {
    uri: String,
    media_type: String,
    #[serde(default)]
    accepts: Option<String>,
    #[serde(default)]
    capabilities: Map<String, Value>,
    #[serde(default)]
    uses: Vec<String>,
}

impl Document {
    /// Decodes a directory; only one without `resources` is an error.
    pub(crate) fn read(answer: &Answer) -> Result<Self, Error> {
        let raw: Raw = decode::json(answer)?;
        let mut document =
            Self { uri: answer.uri.clone(), default_network_map: None, entries: Vec::new(), problems: Vec::new() };
        let meta = raw.meta.as_object().cloned().unwrap_or_else(|| {
            document.problem("meta", "is missing or no JSON object");
            Map::new()
        });
        document.default_network_map = document.default_of(&meta);
        let cost_types = document.cost_types_of(&meta);
        let mut resources = raw.resources.0;
        if resources.len() > MAX_ENTRIES {
            document.problem("resources", &format!("has more than {MAX_ENTRIES} entries: the rest is left out"));
            resources.truncate(MAX_ENTRIES);
        }
        let mut seen = HashSet::new();
        for (id, value) in resources {
            if !seen.insert(id.clone()) {
                document.problem(&id, "is in the document twice: the first entry is used");
                continue;
            }
            match document.entry(&id, value, &cost_types) {
                Ok(entry) => document.entries.push(entry),
                Err(reason) => document.problem(&id, &format!("is left out: {reason}")),
            }
        }
        Ok(document)
    }

    fn problem(&mut self, what: &str, reason: &str) {
        self.problems.push(format!("{}: {} {}", self.uri, printable(what), printable(reason)));
    }

    fn default_of(&mut self, meta: &Map<String, Value>) -> Option<ResourceId> {
        let value = meta.get("default-alto-network-map")?;
        let id = value.as_str().and_then(|id| id.parse().ok());
        if id.is_none() {
            self.problem("default-alto-network-map", "is no resource ID");
        }
        id
    }

    fn cost_types_of(&mut self, meta: &Map<String, Value>) -> BTreeMap<String, CostType> {
        let mut known = BTreeMap::new();
        match meta.get("cost-types") {
            None => {}
            Some(Value::Object(types)) => {
                for (name, value) in types {
                    match cost_type(value) {
                        Ok(cost_type) => drop(known.insert(name.clone(), cost_type)),
                        Err(reason) => self.problem(&format!("cost type {name:?}"), &format!("is left out: {reason}")),
                    }
                }
            }
            Some(_) => self.problem("cost-types", "is no object"),
        }
        known
    }

    fn entry(&mut self, id: &str, value: Value, cost_types: &BTreeMap<String, CostType>) -> Result<Entry, String> {
        let id: ResourceId = id.parse().map_err(|error: alto_types::NameError| error.to_string())?;
        let raw: RawEntry = plain_words::convert(value).map_err(|faults| faults.to_string())?;
        let uri = self.uri.resolve(&raw.uri).map_err(|error| match error {
            // It may hold a password, so it is not shown.
            UriError::UserInfo => format!("its uri {error}"),
            _ => format!("its uri {:?} {error}", raw.uri),
        })?;
        let capabilities: Capabilities = plain_words::convert(Value::Object(raw.capabilities))
            .map_err(|faults| format!("capabilities: {faults}"))?;
        let mut offered = Vec::new();
        for name in &capabilities.cost_type_names {
            match cost_types.get(name) {
                Some(cost_type) => offered.push(cost_type.clone()),
                // Those of an entry that is a directory are names in the other document.
                None if MediaType::DIRECTORY.names(&raw.media_type) => {}
                None => self.problem(
                    id.as_str(),
                    &format!("has the cost type {name:?}, which meta.cost-types does not define"),
                ),
            }
        }
        let names = &capabilities.testable_cost_type_names;
        let testable = names.iter().filter_map(|name| cost_types.get(name)).cloned().collect();
        let mut uses = Vec::new();
        for used in &raw.uses {
            match used.parse() {
                Ok(id) => uses.push(id),
                Err(error) => self.problem(id.as_str(), &format!("uses a resource that cannot exist: {error}")),
            }
        }
        Ok(Entry {
            id,
            uri,
            media_type: raw.media_type,
            // Some servers write an empty string for "none".
            accepts: raw.accepts.filter(|accepts| !accepts.trim().is_empty()),
            capabilities,
            cost_types: offered,
            testable,
            uses,
        })
    }
}

/// Decodes a cost type, whatever extensions it has; a description that is no text is ignored.
fn cost_type(value: &Value) -> Result<CostType, String> {
    let name =
        |member: &str| value.get(member).and_then(Value::as_str).ok_or(format!("it has no {member} that is text"));
    let cost_type = CostType {
        cost_metric: name("cost-metric")?.parse().map_err(|error: alto_types::NameError| error.to_string())?,
        cost_mode: name("cost-mode")?.parse().map_err(|error: alto_types::NameError| error.to_string())?,
        cost_context: value.get("cost-context").and_then(|context| CostContext::deserialize(context).ok()),
        description: value.get("description").and_then(Value::as_str).map(str::to_owned),
    };
    // Anything else is invalid (RFC 9439 §6.3).
    match source(&cost_type) {
        CostSource::ESTIMATION => Ok(cost_type),
        other if cost_type.cost_metric.as_str() == "routingcost" => {
            Err(format!("its source is {other}, and that of routingcost is always estimation"))
        }
        _ => Ok(cost_type),
    }
}

/// Members of a JSON object in their order, with repetitions.
struct Members<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

struct MembersVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MembersVisitor<T> {
    type Value = Members<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<T>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
