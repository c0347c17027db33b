//! A followed document as typed maps, to which patches are applied where they belong.

use std::collections::BTreeMap;
use std::fmt;

use alto_types::VersionTag;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A followed document: its `meta`, and the objects of its data member.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Document {
    pub(super) meta: Map<String, Value>,
    /// Name of the data member, such as `cost-map`.
    pub(super) member: String,
    pub(super) rows: Rows,
}

/// Objects by name, each with its members.
pub(super) type Rows = BTreeMap<String, BTreeMap<String, Leaf>>;

/// Value of a member: a cost, the costs of several types, a property, or prefixes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Leaf {
    /// Absence of a value that is data, in property maps (RFC 9240 §4.6).
    Null,
    /// One cost.
    Number(f64),
    /// Text, such as a property.
    Text(String),
    /// Costs of several types, absent where undefined (RFC 8189 §4.1.3).
    Numbers(Vec<Option<f64>>),
    /// Texts, such as the prefixes of a PID.
    Texts(Vec<String>),
    /// Anything else.
    Other(Value),
}

/// What differs between two versions of a document: an object or a member that came, went or changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Name of the object, such as a PID or an endpoint.
    pub row: String,
    /// Name of the member; absent if an object without members came or went.
    pub cell: Option<String>,
    /// Value before; absent if there was none.
    pub before: Option<Leaf>,
    /// Value now; absent if there is none.
    pub after: Option<Leaf>,
}

impl Document {
    /// Reads a whole document.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let document = reader.deserialize_map(WholeDocument).map_err(|error| error.to_string())?;
        reader.end().map_err(|error| error.to_string())?;
        if document.member.is_empty() { Err("the document has no data member".to_owned()) } else { Ok(document) }
    }

    /// Version of the document, if it states one.
    pub fn vtag(&self) -> Option<VersionTag> {
        self.meta.get("vtag").and_then(|vtag| VersionTag::deserialize(vtag).ok())
    }

    /// Versions of the resources that it depends on (RFC 7285 §11.2.3.1).
    pub fn depends_on(&self) -> Vec<VersionTag> {
        let tags = self.meta.get("dependent-vtags").and_then(|tags| Vec::deserialize(tags).ok());
        tags.unwrap_or_default()
    }

    /// Value of a member of an object: a cost from a source to a destination, or a property of an entity.
    pub fn get(&self, row: &str, cell: &str) -> Option<&Leaf> {
        self.rows.get(row)?.get(cell)
    }

    /// All members of all objects.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Leaf)> {
        self.rows
            .iter()
            .flat_map(|(row, cells)| cells.iter().map(move |(cell, leaf)| (row.as_str(), cell.as_str(), leaf)))
    }

    /// Names of all objects, those without members included.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// The document as the message in which a server would have sent it.
    pub fn to_message(&self) -> Result<Value, serde_json::Error> {
        let mut message = Map::new();
        message.insert("meta".to_owned(), Value::Object(self.meta.clone()));
        message.insert(self.member.clone(), serde_json::to_value(&self.rows)?);
        Ok(Value::Object(message))
    }

    /// Lists what differs in a later version.
    pub(super) fn differences(&self, later: &Self) -> Vec<Difference> {
        let mut all = Vec::new();
        let nothing = BTreeMap::new();
        let names = self.rows.keys().chain(later.rows.keys().filter(|name| !self.rows.contains_key(*name)));
        for row in names {
            let (old, new) = (self.rows.get(row), later.rows.get(row));
            let (before, after) = (old.unwrap_or(&nothing), new.unwrap_or(&nothing));
            if before.is_empty() && after.is_empty() && old.is_some() != new.is_some() {
                all.push(Difference { row: row.clone(), cell: None, before: None, after: None });
            }
            let cells = before.keys().chain(after.keys().filter(|cell| !before.contains_key(*cell)));
            for cell in cells {
                let (before, after) = (before.get(cell).cloned(), after.get(cell).cloned());
                if before != after {
                    all.push(Difference { row: row.clone(), cell: Some(cell.clone()), before, after });
                }
            }
        }
        all
    }
}

/// Reader of a whole document.
struct WholeDocument;

impl<'de> Visitor<'de> for WholeDocument {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ALTO document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Document, A::Error> {
        let mut document = Document::default();
        while let Some(name) = members.next_key::<String>()? {
            if name == "meta" {
                document.meta = members.next_value()?;
            } else if document.member.is_empty() {
                // Unknown members are no objects of objects (RFC 7285 §8.3.7).
                if let Some(rows) = members.next_value_seed(MaybeRows)? {
                    (document.member, document.rows) = (name, rows);
                }
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(document)
    }
}

/// Reader of what may be the data member.
struct MaybeRows;

impl<'de> DeserializeSeed<'de> for MaybeRows {
    type Value = Option<Rows>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Rows>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MaybeRows {
    type Value = Option<Rows>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<Rows>, A::Error> {
        let mut rows = Rows::new();
        while let Some((name, row)) = members.next_entry()? {
            rows.insert(name, row);
        }
        Ok(Some(rows))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Option<Rows>, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<Rows>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<Rows>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<Rows>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<Rows>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<Rows>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Rows>, E> {
        Ok(None)
    }
}

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LeafVisitor)
    }
}

struct LeafVisitor;

impl<'de> Visitor<'de> for LeafVisitor {
    type Value = Leaf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Leaf, E> {
        Ok(Leaf::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Leaf, E> {
        Ok(Leaf::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Leaf, E> {
        Ok(Leaf::Number(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "costs are doubles (RFC 7285 §10.5)")]
    fn visit_u64<E>(self, value: u64) -> Result<Leaf, E> {
        Ok(Leaf::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "costs are doubles (RFC 7285 §10.5)")]
    fn visit_i64<E>(self, value: i64) -> Result<Leaf, E> {
        Ok(Leaf::Number(value as f64))
    }

    fn visit_str<E>(self, value: &str) -> Result<Leaf, E> {
        Ok(Leaf::Text(value.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Leaf, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = members.next_entry()? {
            object.insert(name, value);
        }
        Ok(Leaf::Other(Value::Object(object)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Leaf, A::Error> {
        let mut all: Vec<Self::Value> = Vec::new();
        while let Some(element) = elements.next_element::<Leaf>()? {
            all.push(element);
        }
        Leaf::list(all).map_err(A::Error::custom)
    }
}

impl Leaf {
    /// Makes a list of its elements, in the narrowest form that has them.
    fn list(elements: Vec<Self>) -> Result<Self, serde_json::Error> {
        if elements.iter().all(|element| matches!(element, Self::Text(_))) {
            let text = |element| if let Self::Text(text) = element { Some(text) } else { None };
            return Ok(Self::Texts(elements.into_iter().filter_map(text).collect()));
        }
        if elements.iter().all(|element| matches!(element, Self::Number(_) | Self::Null)) {
            let number = |element| if let Self::Number(number) = element { Some(number) } else { None };
            return Ok(Self::Numbers(elements.into_iter().map(number).collect()));
        }
        Ok(Self::Other(serde_json::to_value(elements)?))
    }

    /// The value as JSON.
    pub(super) fn to_value(&self) -> Value {
        // Every leaf came from JSON.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads a value of JSON.
    pub(super) fn from_value(value: Value) -> Result<Self, String> {
        Self::deserialize(value).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            other => other.to_value().fmt(f),
        }
    }
}
