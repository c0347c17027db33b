//! Property maps (RFC 9240): values by domain and entity, inherited by the longest prefix, whole and filtered.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::error::AltoError;
use super::network::{Network, ServedMap};
use super::request::{Member, Object};

/// What a property map has.
#[derive(Clone, Debug, PartialEq)]
pub struct Properties {
    /// The domains, in the order in which they are announced.
    pub domains: Vec<Domain>,
}

/// A domain with its entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Its name: `ipv4`, `nm-a.pid`.
    pub name: String,
    /// The properties that can be asked for.
    pub properties: Vec<String>,
    /// What is said, apart from `X.pid`, which is that of the network map X.
    pub values: BTreeMap<EntityId, Map<String, Value>>,
}

/// What an entity is within its domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntityId {
    /// A prefix; an address is one of full length.
    Net(IpNet),
    /// The name of a PID.
    Name(String),
}

/// Values by entity; the longest prefixes are last.
type Values = BTreeMap<(usize, u8, EntityId), Map<String, Value>>;

/// What a request wants.
struct RequestedEntities {
    /// Entities with their spelling; none for all.
    entities: Vec<(usize, EntityId, String)>,
    /// Nothing if only names are wanted.
    properties: Option<Vec<String>>,
}

impl EntityId {
    /// Reads the identifier of an entity of a domain type.
    fn read(kind: &str, text: &str) -> Option<Self> {
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
    fn parse(name: &str, properties: &str, values: &[(&str, Value)]) -> Self {
        let kind = name.rsplit('.').next().unwrap_or(name);
        let values =
            values.iter().filter_map(|(id, value)| Some((EntityId::read(kind, id)?, value.as_object()?.clone())));
        Self {
            name: name.to_owned(),
            properties: properties.split_whitespace().map(str::to_owned).collect(),
            values: values.collect(),
        }
    }

    fn kind(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// The resource that defines it, if one does.
    fn resource(&self) -> Option<&str> {
        self.name.split_once('.').map(|(resource, _)| resource)
    }

    /// What is said of its entities, with the PIDs of prefixes.
    fn said(&self, network: &Network) -> BTreeMap<EntityId, Map<String, Value>> {
        let mut said = self.values.clone();
        for property in &self.properties {
            let map = property.strip_suffix(".pid").and_then(|id| network.map(id));
            let Some(map) = map.filter(|_| self.kind() != "pid") else { continue };
            for (pid, prefixes) in &map.pids {
                for net in prefixes.iter().filter(|net| net.addr().is_ipv4() == (self.kind() == "ipv4")) {
                    let entry = said.entry(EntityId::Net(*net)).or_default();
                    entry.insert(property.clone(), pid.as_str().into());
                }
            }
        }
        said
    }
}

impl Properties {
    /// The fixture: prefixes nested and split in two, values that are none, PIDs, and the addresses of one map.
    pub fn fixture() -> Self {
        let v4 = [
            ("192.0.2.0/24", json!({ ".priv:x-tier": "gold", ".priv:x-site": "ams" })),
            ("192.0.2.128/26", json!({ ".priv:x-site": "ber" })),
            ("192.0.2.160/27", json!({ ".priv:x-tier": null })),
            ("192.0.2.200", json!({ ".priv:x-tier": "bronze" })),
            ("198.51.100.0/25", json!({ ".priv:x-tier": "tin" })),
            ("198.51.100.128/25", json!({ ".priv:x-tier": "lead" })),
        ];
        let v6 = [
            ("2001:db8:a::/48", json!({ ".priv:x-tier": "gold" })),
            ("2001:db8:a:b::/64", json!({ ".priv:x-tier": null })),
        ];
        let pids = [("pidA", json!({ ".priv:x-site": "ams" })), ("pidB", json!({ ".priv:x-site": "ber" }))];
        Self {
            domains: vec![
                Domain::parse("ipv4", ".priv:x-tier .priv:x-site nm-a.pid nm-b.pid", &v4),
                Domain::parse("ipv6", ".priv:x-tier nm-a.pid", &v6),
                Domain::parse("nm-a.pid", ".priv:x-site", &pids),
                Domain::parse("nm-b.ipv4", "nm-b.pid", &[]),
            ],
        }
    }

    /// `capabilities.mappings`.
    pub fn mappings(&self) -> Value {
        let domains = self.domains.iter().map(|domain| (domain.name.clone(), domain.properties.clone().into()));
        Value::Object(domains.collect())
    }

    /// The resources that domains and properties are named with, each once, in order.
    pub fn uses(&self) -> Vec<&str> {
        let properties = self.domains.iter().flat_map(|domain| &domain.properties);
        let properties = properties.filter_map(|name| name.split_once('.').map(|(resource, _)| resource));
        let mut uses: Vec<_> = self.domains.iter().filter_map(Domain::resource).chain(properties).collect();
        uses.retain(|resource| !resource.is_empty());
        uses.sort_unstable();
        uses.dedup();
        uses
    }

    /// The whole map: what is said, without what is inherited.
    pub fn whole(&self, network: &Network) -> Value {
        let values = self.everything(network);
        self.message(network, &values, &BTreeMap::new(), &self.uses())
    }

    /// A part of the map.
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
        without_needless(&mut answer, !wanted.entities.is_empty());
        Ok(self.message(network, &answer, &spellings, &tags))
    }

    fn everything(&self, network: &Network) -> Values {
        let mut all = Values::new();
        for (index, domain) in self.domains.iter().enumerate() {
            all.extend(domain.said(network).into_iter().map(|(id, values)| ((index, id.length(), id), values)));
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
                // Bits after the length of a prefix are not meant, so they are not repeated.
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
            Some((index, EntityId::read(domain.kind(), id)?))
        };
        self.domains.iter().enumerate().find_map(of)
    }

    /// Adds an entity that was asked for: what it has, itself or by inheritance, and what is said inside.
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

    /// All resources if an entity of no resource is asked for, otherwise those of the domains and properties.
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

/// The value of a property of an entity: that of the longest prefix around it that says something, unless it is null.
fn value<'v>(all: &'v Values, domain: usize, id: &EntityId, name: &str) -> Option<&'v Value> {
    let mut around = all.iter().rev().filter(|((other, _, outer), _)| *other == domain && outer.contains(id));
    around.find_map(|(_, values)| values.get(name)).filter(|value| !value.is_null())
}

/// Takes out null where nothing would be inherited, entities without values, and, in an answer to what was asked for,
/// prefixes that others cover: those get their values.
fn without_needless(answer: &mut Values, merge: bool) {
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
                // What lies deeper inherits from those.
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
    fn answers_are_enough_and_no_more() {
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
            // An address is an address, however it was asked for.
            let answer: Value = serde_json::from_str(&answer.to_string().replace("/32\"", "\"")).unwrap();
            assert_eq!(answer, expected, "{entity}");
        }
    }

    #[test]
    fn covered_prefixes_hand_their_values_on() {
        let answer = ask(&json!({ "entities": ["ipv4:0.0.0.0/0"], "properties": ["nm-a.pid", "nm-b.pid"] }));
        assert_eq!(answer["ipv4:0.0.0.0/0"], Value::Null);
        assert_eq!(answer["ipv4:0.0.0.0/1"], json!({ "nm-a.pid": "pidZ", "nm-b.pid": "west" }));
        assert_eq!(answer["ipv4:192.0.2.7"], json!({ "nm-a.pid": "pidB" }));
    }

    #[test]
    fn what_is_wrong_is_named() {
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
