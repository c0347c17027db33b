//! Reading one directory document (RFC 7285 §9.2.2): what is ill-formed in it is left out, and said.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

use alto_types::{Capabilities, CostContext, CostSource, CostType, MediaType, ResourceId};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::decode;
use super::error::{Error, printable};
use super::exchange::Answer;
use super::metric::source;
use super::uri::{HttpUri, UriError};

/// Entries of one document that are read; what comes after is left out.
const MAX_ENTRIES: usize = 10_000;

/// One directory document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Where it came from, after redirects.
    pub(crate) uri: HttpUri,
    pub(crate) default_network_map: Option<ResourceId>,
    pub(crate) entries: Vec<Entry>,
    /// What was left out and why.
    pub(crate) problems: Vec<String>,
}

/// A resource of a directory, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(crate) id: ResourceId,
    pub(crate) uri: HttpUri,
    pub(crate) media_type: String,
    pub(crate) accepts: Option<String>,
    pub(crate) capabilities: Capabilities,
    pub(crate) cost_types: Vec<CostType>,
    /// Those that only are testable; none where nothing is said of it (RFC 8189 §4.1.1).
    pub(crate) testable: Vec<CostType>,
    pub(crate) uses: Vec<ResourceId>,
}

impl Entry {
    /// Its resource ID.
    pub fn id(&self) -> &ResourceId {
        &self.id
    }

    /// Its absolute URI.
    pub fn uri(&self) -> &str {
        self.uri.as_str()
    }

    /// The media type of its answers.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The media type of its requests; nothing where it is asked by GET.
    pub fn accepts(&self) -> Option<&str> {
        self.accepts.as_deref()
    }

    /// What it can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Its cost types, as the names in its capabilities mean in the document it stands in (RFC 7285 §9.2.2).
    pub fn cost_types(&self) -> &[CostType] {
        &self.cost_types
    }

    /// Whether pairs can be selected by this type of cost, whichever costs are asked for (RFC 8189 §4.1.1).
    pub fn can_test(&self, cost_type: &CostType) -> bool {
        let listed = |types: &[CostType]| types.iter().any(|known| known.is(cost_type));
        let Capabilities { cost_constraints, max_cost_types, testable_cost_type_names, .. } = &self.capabilities;
        // Where both are there, which they must not be, the narrower one counts.
        let all = *cost_constraints && testable_cost_type_names.is_empty();
        *max_cost_types > 0 && listed(&self.cost_types) && (all || listed(&self.testable))
    }

    /// The resources it depends on.
    pub fn uses(&self) -> &[ResourceId] {
        &self.uses
    }
}

/// The document as it stands on the wire, every part still to be judged.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    meta: Value,
    resources: Members<Value>,
}

/// One entry as it stands on the wire; unknown members are ignored (RFC 7285 §8.3.7).
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
    /// Reads a directory; only one that has no `resources` at all is an error.
    pub(crate) fn read(answer: &Answer) -> Result<Self, Error> {
        let raw: Raw = decode::json(answer)?;
        let mut document =
            Self { uri: answer.uri.clone(), default_network_map: None, entries: Vec::new(), problems: Vec::new() };
        let meta = raw.meta.as_object().cloned().unwrap_or_else(|| {
            document.problem("meta", "is missing or no object");
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
                document.problem(&id, "stands in the document twice: the first is used");
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
        let raw: RawEntry = serde_path_to_error::deserialize(value).map_err(|error| error.to_string())?;
        let uri = self.uri.resolve(&raw.uri).map_err(|error| match error {
            // What may hold a password is not shown.
            UriError::UserInfo => format!("its uri {error}"),
            _ => format!("its uri {:?} {error}", raw.uri),
        })?;
        let capabilities: Capabilities = serde_path_to_error::deserialize(Value::Object(raw.capabilities))
            .map_err(|e| format!("capabilities: {e}"))?;
        let mut offered = Vec::new();
        for name in &capabilities.cost_type_names {
            match cost_types.get(name) {
                Some(cost_type) => offered.push(cost_type.clone()),
                // On an entry that is a directory itself they speak of what it leads to.
                None if MediaType::DIRECTORY.names(&raw.media_type) => {}
                None => self.problem(id.as_str(), &format!("has the cost type {name:?}, which this document lacks")),
            }
        }
        let names = &capabilities.testable_cost_type_names;
        let testable = names.iter().filter_map(|name| cost_types.get(name)).cloned().collect();
        let mut uses = Vec::new();
        for used in &raw.uses {
            match used.parse() {
                Ok(id) => uses.push(id),
                Err(error) => self.problem(id.as_str(), &format!("uses what cannot exist: {error}")),
            }
        }
        Ok(Entry {
            id,
            uri,
            media_type: raw.media_type,
            // An empty string means the same as none.
            accepts: raw.accepts.filter(|accepts| !accepts.trim().is_empty()),
            capabilities,
            cost_types: offered,
            testable,
            uses,
        })
    }
}

/// A cost type, whatever extensions it has; a description that is no text is none.
fn cost_type(value: &Value) -> Result<CostType, String> {
    let name = |member: &str| value.get(member).and_then(Value::as_str).ok_or(format!("it has no {member}"));
    let cost_type = CostType {
        cost_metric: name("cost-metric")?.parse().map_err(|error: alto_types::NameError| error.to_string())?,
        cost_mode: name("cost-mode")?.parse().map_err(|error: alto_types::NameError| error.to_string())?,
        cost_context: value.get("cost-context").and_then(|context| CostContext::deserialize(context).ok()),
        description: value.get("description").and_then(Value::as_str).map(str::to_owned),
    };
    // RFC 9439 §6.3: such information is invalid.
    match source(&cost_type) {
        CostSource::ESTIMATION => Ok(cost_type),
        other if cost_type.cost_metric.as_str() == "routingcost" => {
            Err(format!("its source is {other}, and that of routingcost is always estimation"))
        }
        _ => Ok(cost_type),
    }
}

/// The members of an object in their order, repeated ones included.
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
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<T>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
