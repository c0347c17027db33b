//! Reading of topology files, with the path of every error.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Delay, MAX_BYTES, PropertyValue, TopologyFile};
use crate::error::{Problem, TopologyError};

impl TopologyFile {
    /// Parses the JSON of a topology file; `source` names it in errors.
    pub fn from_json(bytes: &[u8], source: &str) -> Result<Self, TopologyError> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(TopologyError::whole(source, format!("has more than {MAX_BYTES} bytes")));
        }
        // Tracking paths and keys is slow, so it is done only once there is an error to report.
        serde_json::from_slice(bytes).or_else(|_| {
            read::<DistinctKeys>(bytes, source)?;
            read(bytes, source)
        })
    }
}

/// Parses JSON; errors name the path of the offending value.
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
                        return Err(duplicate_key(&key));
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

fn duplicate_key<E: serde::de::Error>(key: &str) -> E {
    E::custom(format!("the key {key:?} appears twice; remove one of them"))
}

/// Any JSON value without duplicate keys in its objects, where it would be unclear which of the two was meant.
struct DistinctKeys;

impl<'de> Deserialize<'de> for DistinctKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctKeysVisitor)
    }
}

struct DistinctKeysVisitor;

impl<'de> Visitor<'de> for DistinctKeysVisitor {
    type Value = DistinctKeys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<DistinctKeys, E> {
        Ok(DistinctKeys)
    }

    fn visit_i64<E>(self, _: i64) -> Result<DistinctKeys, E> {
        Ok(DistinctKeys)
    }

    fn visit_u64<E>(self, _: u64) -> Result<DistinctKeys, E> {
        Ok(DistinctKeys)
    }

    fn visit_f64<E>(self, _: f64) -> Result<DistinctKeys, E> {
        Ok(DistinctKeys)
    }

    fn visit_str<E>(self, _: &str) -> Result<DistinctKeys, E> {
        Ok(DistinctKeys)
    }

    fn visit_unit<E>(self) -> Result<DistinctKeys, E> {
        Ok(DistinctKeys)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<DistinctKeys, A::Error> {
        while seq.next_element::<DistinctKeys>()?.is_some() {}
        Ok(DistinctKeys)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DistinctKeys, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(duplicate_key(&key));
            }
            map.next_value::<DistinctKeys>()?;
            seen.insert(key);
        }
        Ok(DistinctKeys)
    }
}
