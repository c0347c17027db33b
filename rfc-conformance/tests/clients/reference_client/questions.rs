//! Tasks about directories, network maps, PIDs and properties.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::super::fault::Fault;
use super::{CostSource, Failed, NETWORK_MAP, Run};

impl Run<'_> {
    pub(super) fn list(&mut self) -> Failed<Value> {
        self.discover()?;
        if self.is(Fault::AsksForEveryKind) {
            for entry in self.entries.clone().iter().filter(|entry| entry.accepts.is_none()) {
                let _ = self.ask("GET", &entry.uri, &entry.media_type, None);
            }
        }
        let entries = self.entries.iter().map(|entry| (entry.id.clone(), json!({ "uri": entry.uri })));
        Ok(entries.collect::<Map<_, _>>().into())
    }

    pub(super) fn map(&mut self, id: Option<&str>) -> Failed<Value> {
        self.discover()?;
        let id = id.map(str::to_owned).or_else(|| self.default_map.clone()).ok_or("no default map")?;
        let entry = self.entry(|entry| entry.id == id && entry.media_type == NETWORK_MAP)?;
        if self.is(Fault::OmitsPids) || self.is(Fault::InvalidPidNames) || self.is(Fault::UnknownAddressType) {
            let filter = self.entry(|entry| entry.media_type == NETWORK_MAP && entry.accepts.is_some())?;
            let body = match self.fault {
                Some(Fault::OmitsPids) => json!({}),
                Some(Fault::InvalidPidNames) => json!({ "pids": ["a.b", "x".repeat(65), "a b"] }),
                _ => json!({ "pids": [], "address-types": ["mac-48"] }),
            };
            let _ = self.fetch(&filter, Some(&body));
        }
        if self.is(Fault::AsksForAllByFilter) {
            let filter = self.entry(|entry| entry.media_type == NETWORK_MAP && entry.accepts.is_some())?;
            return self.fetch(&filter, Some(&json!({ "pids": [] })));
        }
        let map = self.fetch(&entry, None)?;
        self.checked_map(map)
    }

    fn checked_map(&self, mut map: Value) -> Failed<Value> {
        let groups = map["network-map"].as_object_mut().ok_or("no network-map")?;
        for (_, group) in groups.iter() {
            for (kind, prefixes) in group.as_object().ok_or("a group is not an object")? {
                match kind.as_str() {
                    "ipv4" | "ipv6" => {
                        for prefix in prefixes.as_array().ok_or("prefixes are not a list")? {
                            let text = prefix.as_str().ok_or("a prefix is not a string")?;
                            text.parse::<IpNet>().map_err(|_| format!("{text} is no prefix"))?;
                            let odd = text.contains(|c: char| c.is_ascii_uppercase()) || text.contains("0:0:0");
                            if self.is(Fault::ComparesIpv6AsText) && odd {
                                return Err(format!("{text} is no prefix to me"));
                            }
                        }
                    }
                    other if self.is(Fault::OnlyKnownTypes) => return Err(format!("{other}?")),
                    _ => {}
                }
            }
        }
        if self.is(Fault::DropsEmptyPids) {
            groups.retain(|_, group| group.get("ipv4").or(group.get("ipv6")).is_some());
        }
        Ok(map)
    }

    pub(super) fn pids(&mut self, id: Option<&str>, addresses: &[String]) -> Failed<Value> {
        if self.client.source == CostSource::Service {
            self.discover()?;
            let id = id.map(str::to_owned).or_else(|| self.default_map.clone()).ok_or("no default map")?;
            return self.property(&format!("{id}.pid"), addresses);
        }
        let map = self.map(id)?;
        let found = addresses.iter().filter_map(|text| Some((text.clone(), json!(self.pid_of(&map, text)?))));
        Ok(found.collect::<Map<_, _>>().into())
    }

    pub(super) fn pid_of(&self, map: &Value, address: &str) -> Option<String> {
        let address: IpAddr = address.split_once(':')?.1.parse().ok()?;
        let kind = if address.is_ipv4() { "ipv4" } else { "ipv6" };
        let mut best: Option<(u8, &String)> = None;
        for (pid, group) in map["network-map"].as_object()? {
            for prefix in group.get(kind).and_then(Value::as_array).into_iter().flatten() {
                let prefix: IpNet = prefix.as_str()?.parse().ok()?;
                let better =
                    best.is_none_or(|(length, _)| prefix.prefix_len() > length && !self.is(Fault::FirstPrefixWins));
                if prefix.contains(&address) && better {
                    best = Some((prefix.prefix_len(), pid));
                }
            }
        }
        best.map(|(_, pid)| pid.clone())
    }

    pub(super) fn property(&mut self, property: &str, addresses: &[String]) -> Failed<Value> {
        self.discover()?;
        let entry = self.entry(|entry| entry.properties.iter().any(|offered| offered == property))?;
        let body = match self.fault {
            Some(Fault::AsksUnofferedProperty) => {
                json!({ "properties": ["pid", "a.b.c", "priv:", "x".repeat(33)], "endpoints": addresses })
            }
            Some(Fault::EmptyProperties) => json!({ "properties": [], "endpoints": addresses }),
            _ => json!({ "properties": [property], "endpoints": addresses }),
        };
        let found = self.fetch(&entry, Some(&body))?;
        let mut answer = Map::new();
        for (key, values) in found["endpoint-properties"].as_object().ok_or("no endpoint-properties")? {
            if let Some(value) = values.get(property) {
                if !value.is_string() && !self.is(Fault::LenientProperties) {
                    return Err(format!("{value} is no property"));
                }
                answer.insert(key.clone(), value.clone());
            }
        }
        Ok(answer.into())
    }
}
