//! Reading of topology files.

use std::collections::BTreeMap;
use std::fmt;

use plain_words::syntax;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::{MAX_BYTES, PropertyValue, TopologyFile, shape};
use crate::error::TopologyError;

/// Shortest topology file.
const LEAST: &str = "{\"name\": \"my-network\"}";

impl TopologyFile {
    /// Parses the JSON of a topology file; `source` names it in errors.
    pub fn from_json(bytes: &[u8], source: &str) -> Result<Self, TopologyError> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(TopologyError::whole(source, format!("has more than {MAX_BYTES} bytes")));
        }
        let text = syntax::text(bytes).map_err(|message| TopologyError::whole(source, message))?;
        // Tracking paths is slow, so it is done only once there is an error to report.
        serde_json::from_str(text).map_err(|error| explain(text, &error, source))
    }
}

/// Describes everything that keeps a text from being a topology file.
fn explain(text: &str, error: &serde_json::Error, source: &str) -> TopologyError {
    match shape::problems(text) {
        Err(error) => TopologyError::whole(source, syntax::describe(text, &error, LEAST).to_string()),
        Ok(mut problems) => problems.finish(source).err().unwrap_or_else(|| {
            TopologyError::whole(
                source,
                format!("cannot be read as a topology: {}", plain_words::plain(&error.to_string())),
            )
        }),
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

/// A map without duplicate keys. Duplicate members of structs are refused by their derived implementations.
struct UniqueMap<V>(BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for UniqueMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
            type Value = UniqueMap<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueMap<V>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    if members.contains_key(&key) {
                        return Err(serde::de::Error::custom("a key appears twice"));
                    }
                    members.insert(key, value);
                }
                Ok(UniqueMap(members))
            }
        }
        deserializer.deserialize_map(Members(std::marker::PhantomData))
    }
}

pub(super) fn distinct_keys_if_any<'de, D, V>(deserializer: D) -> Result<Option<BTreeMap<String, V>>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    Ok(Option::<UniqueMap<V>>::deserialize(deserializer)?.map(|unique| unique.0))
}

pub(super) fn distinct_keys_twice<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, BTreeMap<String, V>>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    let outer = UniqueMap::<UniqueMap<V>>::deserialize(deserializer)?.0;
    Ok(outer.into_iter().map(|(key, inner)| (key, inner.0)).collect())
}
