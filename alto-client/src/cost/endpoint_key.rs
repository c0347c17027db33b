//! JSON objects keyed by endpoint addresses, which are compared by value, not by spelling (RFC 7285 §10.4).

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use alto_types::TypedEndpointAddr;
use alto_types::address::AddressError;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// Values of an answer by endpoint. Two spellings of one address are one endpoint; addresses of unknown types are left
/// out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ByEndpoint<V>(pub(crate) BTreeMap<TypedEndpointAddr, V>);

/// Merging of the values that two spellings of one endpoint have.
pub(crate) trait Merge {
    fn merge(&mut self, more: Self);
}

impl Merge for f64 {
    fn merge(&mut self, more: Self) {
        *self = more;
    }
}

impl Merge for Vec<Option<f64>> {
    fn merge(&mut self, more: Self) {
        *self = more;
    }
}

impl<V: Merge> Merge for ByEndpoint<V> {
    fn merge(&mut self, more: Self) {
        for (address, value) in more.0 {
            self.add(address, value);
        }
    }
}

impl Merge for BTreeMap<String, String> {
    fn merge(&mut self, more: Self) {
        self.extend(more);
    }
}

impl<V: Merge> ByEndpoint<V> {
    fn add(&mut self, address: TypedEndpointAddr, value: V) {
        match self.0.get_mut(&address) {
            Some(known) => known.merge(value),
            None => drop(self.0.insert(address, value)),
        }
    }
}

impl<'de, V: Deserialize<'de> + Merge> Deserialize<'de> for ByEndpoint<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EndpointVisitor(PhantomData))
    }
}

struct EndpointVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de> + Merge> Visitor<'de> for EndpointVisitor<V> {
    type Value = ByEndpoint<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with endpoint addresses as names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByEndpoint<V>, A::Error> {
        let mut found = ByEndpoint(BTreeMap::new());
        while let Some(name) = map.next_key::<String>()? {
            match name.parse() {
                Ok(address) => found.add(address, map.next_value()?),
                Err(AddressError::UnknownType) => drop(map.next_value::<IgnoredAny>()?),
                Err(error) => return Err(A::Error::custom(format_args!("the name {name:?} {error}"))),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one_endpoint() {
        let text = r#"{"ipv6:2001:DB8:0:0:0:0:0:1":{"ipv4:192.0.2.1":1},"mac:00-00":"?",
                       "ipv6:2001:db8::1":{"ipv4:192.0.2.2":2e0,"ipv4:192.0.2.3":-0}}"#;
        let found: ByEndpoint<ByEndpoint<f64>> = serde_json::from_str(text).unwrap();
        let address = |text: &str| text.parse::<TypedEndpointAddr>().unwrap();
        assert_eq!(found.0.len(), 1);
        let row = &found.0[&address("ipv6:2001:db8::1")].0;
        assert_eq!(row.len(), 3);
        assert!((row[&address("ipv4:192.0.2.2")] - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn costs_are_numbers() {
        for cost in ["\"1\"", "null", "[1]", "{}", "true", "1e999"] {
            let text = format!(r#"{{"ipv4:192.0.2.1":{{"ipv4:192.0.2.2":{cost}}}}}"#);
            assert!(serde_json::from_str::<ByEndpoint<ByEndpoint<f64>>>(&text).is_err(), "{cost}");
        }
        assert!(serde_json::from_str::<ByEndpoint<f64>>(r#"{"ipv4:192.0.2.256":1}"#).is_err());
    }
}
