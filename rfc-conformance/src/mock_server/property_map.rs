//! Property maps (RFC 9240), whole and filtered: values by domain and entity, with inheritance along prefixes.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::error::AltoError;
use super::network::{Network, ServedMap};
use super::request::{Member, Object};

/// Data of a property map.
#[derive(Clone, Debug, PartialEq)]
pub struct Properties {
    /// Entity domains, in the order of the capability `mappings`.
    pub domains: Vec<Domain>,
}

/// Entity domain with its entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Domain name, such as `ipv4` or `nm-a.pid`.
    pub name: String,
    /// Names of the properties that the domain maps to.
    pub properties: Vec<String>,
    /// Property values by entity, without `X.pid`, which comes from the network map `X`.
    pub values: BTreeMap<EntityId, Map<String, Value>>,
}

/// Identifier of an entity within its domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntityId {
    /// Prefix; an address is a prefix of full length.
    Net(IpNet),
    /// Name of a PID.
    Name(String),
}

/// Property values by domain index, prefix length and entity, so that longer prefixes come later.
type Values = BTreeMap<(usize, u8, EntityId), Map<String, Value>>;

/// Entities and properties that a request asks for.
struct RequestedEntities {
    /// Domain index, identifier and spelling of each entity; empty for all entities.
    entities: Vec<(usize, EntityId, String)>,
    /// Names of the properties, or `None` if the request asks for entity names only.
    properties: Option<Vec<String>>,
}

impl EntityId {
    /// Parses an entity identifier of a domain type.
    fn parse(kind: &str, text: &str) -> Option<Self> {
        let net = |net: IpNet| Some(Self::Net(net.trunc())).filter(|_| net.addr().is_ipv4() == (kind == "ipv4"));
        match kind {
            "ipv4" | "ipv6" => {
                let single = || Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?));
                net(if text.contains('/') { text.parse().ok()? } else { single()? })
            }
            _ => {
                let allowed = |c: char| c.is_ascii_alphanumeric() || ":@_-".contains(c);
                ((1..=64).contains(&text.len()) && text.chars().all(allowed)).then(|| Self::Name(text.to_owned()))
            }
        }
    }

    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Net(outer), Self::Net(inner)) => outer.contains(inner),
            (one, other) => one == other,
        }
    }

    fn length(&self) -> u8 {
        if let Self::Net(net) = self { net.prefix_len() } else { 0 }
    }
}

impl std::fmt::Display for EntityId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            Self::Net(net) => net.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Domain {
    /// Creates a domain from a list of property names and the values of its entities.
    pub(super) fn parse(name: &str, properties: &str, values: &[(&str, Value)]) -> Self {
        let kind = name.rsplit('.').next().unwrap_or(name);
        let values =
            values.iter().filter_map(|(id, value)| Some((EntityId::parse(kind, id)?, value.as_object()?.clone())));
        Self {
            name: name.to_owned(),
            properties: properties.split_whitespace().map(str::to_owned).collect(),
            values: values.collect(),
        }
    }

    fn kind(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// Returns the ID of the resource that defines the domain, if it is resource-specific.
    fn resource(&self) -> Option<&str> {
        self.name.split_once('.').map(|(resource, _)| resource)
    }

    /// Returns the values of all entities, including the PIDs of prefixes.
    fn all_values(&self, network: &Network) -> BTreeMap<EntityId, Map<String, Value>> {
        let mut all = self.values.clone();
        for property in &self.properties {
            let map = property.strip_suffix(".pid").and_then(|id| network.map(id));
            let Some(map) = map.filter(|_| self.kind() != "pid") else { continue };
            for (pid, prefixes) in &map.pids {
                for net in prefixes.iter().filter(|net| net.addr().is_ipv4() == (self.kind() == "ipv4")) {
                    let entry = all.entry(EntityId::Net(*net)).or_default();
                    entry.insert(property.clone(), pid.as_str().into());
                }
            }
        }
        all
    }
}

impl Properties {
    /// Returns the capability `mappings`.
    pub fn mappings(&self) -> Value {
        let domains = self.domains.iter().map(|domain| (domain.name.clone(), domain.properties.clone().into()));
        Value::Object(domains.collect())
    }

    /// Returns the IDs of the resources that domains and properties refer to, sorted and without duplicates.
    pub fn uses(&self) -> Vec<&str> {
        let properties = self.domains.iter().flat_map(|domain| &domain.properties);
        let properties = properties.filter_map(|name| name.split_once('.').map(|(resource, _)| resource));
        let mut uses: Vec<_> = self.domains.iter().filter_map(Domain::resource).chain(properties).collect();
        uses.retain(|resource| !resource.is_empty());
        uses.sort_unstable();
        uses.dedup();
        uses
    }

    /// Returns the message of the whole map, without inherited values.
    pub fn whole(&self, network: &Network) -> Value {
        let values = self.everything(network);
        self.message(network, &values, &BTreeMap::new(), &self.uses())
    }

    /// Answers a request for a filtered property map.
    pub fn filtered(&self, network: &Network, body: &[u8]) -> Result<Value, AltoError> {
        let wanted = self.wanted(&Object::parse(body)?)?;
        let all = self.everything(network);
        let mut answer = Values::new();
        for (domain, id, _) in &wanted.entities {
            self.add(*domain, id, &all, &mut answer);
        }
        if wanted.entities.is_empty() {
            answer.clone_from(&all);
        }
        if let Some(properties) = &wanted.properties {
            for values in answer.values_mut() {
                values.retain(|name, _| properties.contains(name));
            }
        }
        let spellings: BTreeMap<_, _> =
            wanted.entities.iter().map(|(domain, id, text)| ((*domain, id.clone()), text.clone())).collect();
        let tags = self.tags(&wanted);
        if wanted.properties.is_none() {
            let has_any = |domain: usize, id: &EntityId| {
                self.domains[domain].properties.iter().any(|name| value(&answer, domain, id, name).is_some())
            };
            let keys = answer.keys().filter(|(domain, _, id)| {
                let asked = wanted.entities.is_empty() || spellings.contains_key(&(*domain, id.clone()));
                asked && has_any(*domain, id)
            });
            let names: Values = keys.map(|key| (key.clone(), Map::new())).collect();
            return Ok(self.message(network, &names, &spellings, &tags));
        }
        remove_redundant(&mut answer, !wanted.entities.is_empty());
        Ok(self.message(network, &answer, &spellings, &tags))
    }

    fn everything(&self, network: &Network) -> Values {
        let mut all = Values::new();
        for (index, domain) in self.domains.iter().enumerate() {
            all.extend(domain.all_values(network).into_iter().map(|(id, values)| ((index, id.length(), id), values)));
        }
        for ((_, _, id), values) in &mut all {
            let gone =
                |name: &String| matches!(id, EntityId::Net(net) if network.absent.contains(&(*net, name.clone())));
            values.iter_mut().filter(|(name, _)| gone(name)).for_each(|(_, value)| *value = Value::Null);
        }
        all
    }

    fn wanted(&self, request: &Object) -> Result<RequestedEntities, AltoError> {
        let entities = request.required("entities")?;
        let properties = request.optional("properties");
        let mut wanted = RequestedEntities { entities: Vec::new(), properties: None };
        for text in entities.strings()? {
            let (domain, id) = self.entity(&text).ok_or_else(|| AltoError::value(&entities.path, &json!(text)))?;
            if !wanted.entities.iter().any(|(other, known, _)| (*other, known) == (domain, &id)) {
                // The spelling of the request is kept, unless the prefix has bits set beyond its length.
                let exact = !text.contains('/') || text.ends_with(&format!(":{id}"));
                let text = if exact { text } else { format!("{}:{id}", self.domains[domain].name) };
                wanted.entities.push((domain, id, text));
            }
        }
        wanted.properties = properties.map(|list| self.names(&list)).transpose()?;
        Ok(wanted)
    }

    fn names(&self, list: &Member) -> Result<Vec<String>, AltoError> {
        let all: Vec<_> = self.domains.iter().flat_map(|domain| &domain.properties).cloned().collect();
        let names = list.strings()?;
        if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
            return Err(AltoError::value(&list.path, &json!(unknown)));
        }
        Ok(if names.is_empty() { all } else { names })
    }

    fn entity(&self, text: &str) -> Option<(usize, EntityId)> {
        let of = |(index, domain): (usize, &Domain)| {
            let id = text.strip_prefix(&domain.name)?.strip_prefix(':')?;
            Some((index, EntityId::parse(domain.kind(), id)?))
        };
        self.domains.iter().enumerate().find_map(of)
    }

    /// Adds a requested entity with its own and inherited values, and the entities within it.
    fn add(&self, domain: usize, id: &EntityId, all: &Values, answer: &mut Values) {
        let own: Map<_, _> = (self.domains[domain].properties.iter())
            .filter_map(|name| Some((name.clone(), value(all, domain, id, name)?.clone())))
            .collect();
        answer.entry((domain, id.length(), id.clone())).or_default().extend(own);
        for (key, values) in
            all.iter().filter(|((other, _, inner), _)| *other == domain && inner != id && id.contains(inner))
        {
            answer.entry(key.clone()).or_default().extend(values.clone());
        }
    }

    /// Returns the IDs for `dependent-vtags`: all resources if a requested domain is not resource-specific, otherwise
    /// those of the requested domains and properties.
    fn tags(&self, wanted: &RequestedEntities) -> Vec<&str> {
        let domains: Vec<_> = wanted.entities.iter().map(|(domain, ..)| &self.domains[*domain]).collect();
        let uses = self.uses();
        if domains.is_empty() || domains.iter().any(|domain| domain.resource().is_none()) {
            return uses;
        }
        let asked = |name: &&String| wanted.properties.as_ref().is_none_or(|properties| properties.contains(name));
        let of = |domain: &&Domain| -> Vec<String> {
            let resource = domain.resource().map(str::to_owned);
            let properties = domain.properties.iter().filter(asked);
            let properties = properties.filter_map(|name| Some(name.split_once('.')?.0.to_owned()));
            resource.into_iter().chain(properties).collect()
        };
        let needed: Vec<_> = domains.iter().flat_map(of).collect();
        uses.into_iter().filter(|resource| needed.iter().any(|other| other == resource)).collect()
    }

    fn message(
        &self,
        network: &Network,
        values: &Values,
        spellings: &BTreeMap<(usize, EntityId), String>,
        tags: &[&str],
    ) -> Value {
        let mut map = Map::new();
        for ((domain, _, id), values) in values {
            let plain = || format!("{}:{id}", self.domains[*domain].name);
            let key = spellings.get(&(*domain, id.clone())).cloned().unwrap_or_else(plain);
            map.insert(key, values.clone().into());
        }
        let tags: Vec<_> = tags.iter().filter_map(|id| network.map(id)).map(ServedMap::vtag).collect();
        json!({ "meta": { "dependent-vtags": tags }, "property-map": map })
    }
}

/// Returns the value of a property of an entity, inherited from the longest enclosing prefix that has one; null counts as
/// no value.
fn value<'v>(all: &'v Values, domain: usize, id: &EntityId, name: &str) -> Option<&'v Value> {
    let mut around = all.iter().rev().filter(|((other, _, outer), _)| *other == domain && outer.contains(id));
    around.find_map(|(_, values)| values.get(name)).filter(|value| !value.is_null())
}

/// Removes nulls that suppress no inheritance and entities without values; with `merge`, also moves the values of a prefix
/// that others cover completely to those.
fn remove_redundant(answer: &mut Values, merge: bool) {
    for key in answer.keys().cloned().collect::<Vec<_>>() {
        let (domain, _, id) = &key;
        let inner: Vec<_> = answer
            .keys()
            .filter(|(other, _, inner)| other == domain && inner != id && id.contains(inner))
            .cloned()
            .collect();
        let nets: Vec<_> =
            inner.iter().filter_map(|(_, _, id)| if let EntityId::Net(net) = id { Some(*net) } else { None }).collect();
        let Some(values) = answer.get(&key).cloned() else { continue };
        if merge && matches!(id, EntityId::Net(net) if IpNet::aggregate(&nets).contains(net)) {
            for inner in inner {
                // Deeper prefixes inherit from the outermost ones.
                let outermost =
                    !nets.iter().any(|net| EntityId::Net(*net) != inner.2 && EntityId::Net(*net).contains(&inner.2));
                if let Some(own) = answer.get_mut(&inner).filter(|_| outermost) {
                    for (name, value) in &values {
                        own.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                }
            }
            answer.remove(&key);
        }
    }
    for key in answer.keys().cloned().collect::<Vec<_>>() {
        let (domain, _, id) = &key;
        let others: Values = answer
            .iter()
            .filter(|(other, _)| **other != key)
            .map(|(key, values)| (key.clone(), values.clone()))
            .collect();
        if let Some(own) = answer.get_mut(&key) {
            own.retain(|name, own| !own.is_null() || value(&others, *domain, id, name).is_some());
        }
    }
    answer.retain(|_, values| !values.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &Value) -> Value {
        let network = Network::fixture();
        let answer = Properties::fixture().filtered(&network, body.to_string().as_bytes());
        answer.map_or_else(|error| error.to_json(), |answer| answer["property-map"].clone())
    }

    #[test]
    fn filtered_maps_have_the_needed_entities_and_no_more() {
        let tier = [".priv:x-tier", ".priv:x-site"];
        for (entity, expected) in [
            (
                "ipv4:192.0.2.128/25",
                json!({
                    "ipv4:192.0.2.128/25": { ".priv:x-tier": "gold", ".priv:x-site": "ams" },
                    "ipv4:192.0.2.128/26": { ".priv:x-site": "ber" },
                    "ipv4:192.0.2.160/27": { ".priv:x-tier": null },
                    "ipv4:192.0.2.200": { ".priv:x-tier": "bronze" }
                }),
            ),
            ("ipv4:192.0.2.170/32", json!({ "ipv4:192.0.2.170": { ".priv:x-site": "ber" } })),
            (
                "ipv4:198.51.100.0/24",
                json!({
                    "ipv4:198.51.100.0/25": { ".priv:x-tier": "tin" },
                    "ipv4:198.51.100.128/25": { ".priv:x-tier": "lead" }
                }),
            ),
            ("ipv4:203.0.113.9", json!({})),
            ("ipv6:2001:db8:a:b::/64", json!({})),
            ("nm-a.pid:pidA", json!({ "nm-a.pid:pidA": { ".priv:x-site": "ams" } })),
            ("nm-a.pid:pidQ", json!({})),
        ] {
            let answer = ask(&json!({ "entities": [entity], "properties": tier }));
            // `/32` and the bare address are the same entity.
            let answer: Value = serde_json::from_str(&answer.to_string().replace("/32\"", "\"")).unwrap();
            assert_eq!(answer, expected, "{entity}");
        }
    }

    #[test]
    fn covered_prefixes_pass_their_values_to_the_covering_ones() {
        let answer = ask(&json!({ "entities": ["ipv4:0.0.0.0/0"], "properties": ["nm-a.pid", "nm-b.pid"] }));
        assert_eq!(answer["ipv4:0.0.0.0/0"], Value::Null);
        assert_eq!(answer["ipv4:0.0.0.0/1"], json!({ "nm-a.pid": "pidZ", "nm-b.pid": "west" }));
        assert_eq!(answer["ipv4:192.0.2.7"], json!({ "nm-a.pid": "pidB" }));
    }

    #[test]
    fn errors_name_field_and_value() {
        for (body, meta) in [
            (json!({}), json!({ "code": "E_MISSING_FIELD", "field": "entities" })),
            (
                json!({ "entities": ["ipv4:192.0.2.0/33"] }),
                json!({ "code": "E_INVALID_FIELD_VALUE", "field": "entities", "value": "ipv4:192.0.2.0/33" }),
            ),
            (
                json!({ "entities": [], "properties": ["nm-a.pid", "pid"] }),
                json!({ "code": "E_INVALID_FIELD_VALUE", "field": "properties", "value": "pid" }),
            ),
        ] {
            assert_eq!(ask(&body), json!({ "meta": meta }));
        }
    }
}
