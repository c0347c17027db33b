//! Property maps in answers, with inheritance of values (RFC 9240 §6.1.3, §7.6).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::{Map, Value};

use crate::address;
use crate::entity::{Entity, Id, Mappings};
use crate::http::Exchange;
use crate::json::pointer;
use crate::view::{Vtag, spread};

/// A full or filtered property map.
#[derive(Clone, Debug)]
pub(crate) struct PropertyMap {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) tags: Vec<Vtag>,
    /// Properties of each entity, including those that are null.
    pub(crate) entities: BTreeMap<Entity, Map<String, Value>>,
    /// Keys as written, with the entity if it belongs to a mapped domain.
    pub(crate) keys: Vec<(String, Option<Entity>)>,
}

impl PropertyMap {
    /// Reads an answer; `None` if it has no valid `property-map`.
    pub(crate) fn read(exchange: &Arc<Exchange>, mappings: &Mappings) -> Option<Self> {
        let message = exchange.value().filter(|_| exchange.answer.status == 200)?;
        let mut map = Self {
            exchange: Arc::clone(exchange),
            tags: Vtag::dependent(message),
            entities: BTreeMap::new(),
            keys: Vec::new(),
        };
        for (key, properties) in message.get("property-map")?.as_object()? {
            let entity = Entity::read(key, mappings);
            if let (Some(entity), Some(properties)) = (&entity, properties.as_object()) {
                let known = map.entities.entry(entity.clone()).or_default();
                known.extend(properties.clone());
            }
            map.keys.push((key.clone(), entity));
        }
        Some(map)
    }

    /// Returns the JSON pointer to an entity.
    pub(crate) fn place(&self, entity: &Entity) -> String {
        let key = self.keys.iter().find(|(_, known)| known.as_ref() == Some(entity));
        key.map_or_else(|| "/property-map".to_owned(), |(key, _)| pointer("/property-map", key))
    }

    /// Finds the entity that determines a property: the entity itself or the longest prefix around it with the property.
    pub(crate) fn determining(&self, entity: &Entity, property: &str) -> Option<(Entity, &Value)> {
        let stated = |entity: &Entity| self.entities.get(entity).and_then(|properties| properties.get(property));
        let Id::Net(net) = &entity.id else {
            return stated(entity).map(|value| (entity.clone(), value));
        };
        (0..=net.prefix_len()).rev().find_map(|length| {
            let around = Entity::over(&entity.domain, IpNet::new(net.addr(), length).ok()?);
            let value = stated(&around)?;
            Some((around, value))
        })
    }

    /// Returns the value of a property, possibly inherited; null stops inheritance and counts as none.
    pub(crate) fn value(&self, entity: &Entity, property: &str) -> Option<&Value> {
        self.determining(entity, property).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// Tests whether null determines a property.
    pub(crate) fn is_blocked(&self, entity: &Entity, property: &str) -> bool {
        self.determining(entity, property).is_some_and(|(_, value)| value.is_null())
    }

    /// Returns all values of an entity, including inherited ones.
    pub(crate) fn values(&self, entity: &Entity, properties: &[String]) -> Map<String, Value> {
        let value = |property: &String| Some((property.clone(), self.value(entity, property)?.clone()));
        properties.iter().filter_map(value).collect()
    }

    /// Returns the prefixes of a domain, including addresses.
    pub(crate) fn nets(&self, domain: &str) -> Vec<IpNet> {
        let entities = self.entities.keys().filter(|entity| entity.domain == domain);
        entities.filter_map(Entity::net).copied().collect()
    }

    /// Returns the part of the map within an entity.
    pub(crate) fn within(&self, outer: &Entity) -> Self {
        let entities = self.entities.iter().filter(|(entity, _)| entity.is_within(outer));
        let keys = self.keys.iter().filter(|(_, entity)| entity.as_ref().is_some_and(|entity| entity.is_within(outer)));
        Self {
            exchange: Arc::clone(&self.exchange),
            tags: self.tags.clone(),
            entities: entities.map(|(entity, properties)| (entity.clone(), properties.clone())).collect(),
            keys: keys.cloned().collect(),
        }
    }

    /// Selects at most `most` addresses of a domain for requests: the ends and middle of each prefix and the adjacent
    /// addresses, first of prefixes with null, where inheritance stops.
    pub(crate) fn select_addresses(&self, domain: &str, most: usize) -> Vec<IpAddr> {
        let (mut first, mut then) = (Vec::new(), Vec::new());
        for (entity, properties) in self.entities.iter().filter(|(entity, _)| entity.domain == domain) {
            if let Some(net) = entity.net() {
                let list = if properties.values().any(Value::is_null) { &mut first } else { &mut then };
                list.extend(edges(net));
            }
        }
        let mut chosen = spread(&first, most / 2);
        for address in spread(&then, most.saturating_sub(chosen.len())) {
            chosen.push(address);
        }
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }
}

/// Returns the ends and middle of a prefix and the adjacent addresses.
pub(crate) fn edges(net: &IpNet) -> Vec<IpAddr> {
    let halves = halves(net);
    let middle = halves.map(|(_, second)| second.network());
    let inner = [Some(net.network()), middle, Some(net.broadcast())];
    inner.into_iter().chain([address::just_before(net), address::just_after(net)]).flatten().collect()
}

/// Returns the two halves of a prefix; `None` for an address.
pub(crate) fn halves(net: &IpNet) -> Option<(IpNet, IpNet)> {
    let mut halves = net.subnets(net.prefix_len() + 1).ok().filter(|_| net.prefix_len() < net.max_prefix_len())?;
    halves.next().zip(halves.next())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::{Answer, Request};

    fn map(entities: &Value) -> PropertyMap {
        let body = json!({"meta": {}, "property-map": entities}).to_string().into_bytes();
        let answer = Answer { status: 200, headers: Vec::new(), body };
        let exchange = Exchange::captured(0, Request::get("http://192.0.2.1/"), answer);
        let names = vec!["t".to_owned(), "s".to_owned()];
        let mappings = ["ipv4", "m.pid"].map(|domain| (domain.to_owned(), names.clone())).into();
        PropertyMap::read(&Arc::new(exchange), &Mappings(mappings)).unwrap()
    }

    #[test]
    fn the_longest_prefix_with_the_property_determines_the_value() {
        let map = map(&json!({
            "ipv4:198.51.100.0/24": {"t": "gold", "s": "ams"},
            "ipv4:198.51.100.128/26": {"s": "ber"},
            "ipv4:198.51.100.160/27": {"t": null},
            "ipv4:198.51.100.200": {"t": "bronze"},
            "m.pid:x": {"t": "z"}
        }));
        for (address, t, s) in [
            ("198.51.100.1", Some("gold"), Some("ams")),
            ("198.51.100.129", Some("gold"), Some("ber")),
            ("198.51.100.170", None, Some("ber")),
            ("198.51.100.200", Some("bronze"), Some("ams")),
            ("203.0.113.1", None, None),
        ] {
            let entity = Entity::at("ipv4", address.parse().unwrap());
            assert_eq!(map.value(&entity, "t").and_then(Value::as_str), t, "{address}");
            assert_eq!(map.value(&entity, "s").and_then(Value::as_str), s, "{address}");
            assert_eq!(map.is_blocked(&entity, "t"), address == "198.51.100.170", "{address}");
        }
        let half = Entity::over("ipv4", "198.51.100.128/25".parse().unwrap());
        assert_eq!(map.value(&half, "s"), Some(&json!("ams")));
        assert_eq!(map.within(&half).value(&half, "s"), None);
        assert_eq!(map.within(&half).entities.len(), 3);
        let pid = Entity { domain: "m.pid".into(), id: Id::Name("x".into()) };
        assert_eq!(map.values(&pid, &["s".into(), "t".into()]), *json!({"t": "z"}).as_object().unwrap());
    }

    #[test]
    fn a_filtered_map_determines_every_address_in_it() {
        let answer = json!({
            "ipv4:198.51.100.128/25": {"t": "gold", "s": "ams", "p": "ams-core"},
            "ipv4:198.51.100.128/26": {"s": "ber", "p": "ber-edge"},
            "ipv4:198.51.100.160/27": {"t": null},
            "ipv4:198.51.100.200": {"t": "bronze"},
            "ipv4:198.51.100.5": {"t": "gold", "s": "ams", "p": "ams-core"},
            "ipv4:203.0.113.9": {"p": "world"}
        });
        let whole = json!({"meta": {}, "property-map": answer});
        assert_eq!(crate::schema::violations("application/alto-propmap+json", &whole), Some(Vec::new()));
        let map = map(&answer);
        for (address, t, s, p) in [
            ("198.51.100.170", None, Some("ber"), Some("ber-edge")),
            ("198.51.100.190", None, Some("ber"), Some("ber-edge")),
            ("198.51.100.129", Some("gold"), Some("ber"), Some("ber-edge")),
            ("198.51.100.200", Some("bronze"), Some("ams"), Some("ams-core")),
            ("198.51.100.255", Some("gold"), Some("ams"), Some("ams-core")),
            ("198.51.100.5", Some("gold"), Some("ams"), Some("ams-core")),
            ("203.0.113.9", None, None, Some("world")),
            ("198.51.100.6", None, None, None),
        ] {
            let entity = Entity::at("ipv4", address.parse().unwrap());
            let value = |property| map.value(&entity, property).and_then(Value::as_str);
            assert_eq!((value("t"), value("s"), value("p")), (t, s, p), "{address}");
        }
    }

    #[test]
    fn edges_are_ends_middle_and_adjacent_addresses() {
        let edges = |text: &str| edges(&text.parse().unwrap());
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let expected = ["192.0.2.0", "192.0.2.128", "192.0.2.255", "192.0.1.255", "192.0.3.0"];
        assert_eq!(edges("192.0.2.0/24"), addresses(&expected));
        assert_eq!(edges("::/0").len(), 3);
        assert_eq!(halves(&"::1/128".parse().unwrap()), None);
    }
}
