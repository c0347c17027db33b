//! The shape of a topology file, for the description of everything in a file that has another one.
//!
//! Reading stops at the first value of a wrong type. Only then is the file read a second time by this module, which
//! carries on after each problem and keeps no values, so that all problems are reported at once and in plain words.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use plain_words::is_misspelt;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::quantity::{BANDWIDTH_FORMS, DELAY_FORMS, parse_bandwidth, parse_delay};
use crate::error::Problems;

/// Largest number of problems that are described.
const MAX_PROBLEMS: usize = 1000;
/// Number of characters of a value that a message quotes.
const QUOTED: usize = 60;

/// The shape of a value.
#[derive(Debug)]
pub(super) enum Shape {
    /// A text, described for messages.
    Text(&'static str),
    /// A number, described for messages.
    Number(&'static str),
    /// A bandwidth, with or without a unit.
    Bandwidth,
    /// A delay, with or without a unit.
    Delay,
    /// `true` or `false`.
    Flag,
    /// A list of values of one shape.
    List(&'static Shape),
    /// An object with known keys; the text names it in messages.
    Object(&'static str, &'static [Key]),
    /// An object whose keys are names.
    Map(&'static Shape),
    /// The value of a property.
    Property,
}

/// A key of an object.
#[derive(Debug)]
pub(super) struct Key {
    name: &'static str,
    shape: Shape,
    presence: Presence,
}

/// Whether a key has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
    /// Optional, and `null` stands for absence.
    Nullable,
}

const NAME: Shape = Shape::Text("a name in quotes");
const PREFIXES: Shape = Shape::List(&Shape::Text("a prefix in quotes, as in \"192.0.2.0/24\""));
const PROPERTIES: Shape = Shape::Map(&Shape::Map(&Shape::Property));

/// The shape of a whole file.
pub(super) const FILE: Shape = Shape::Object(
    "a topology",
    &[
        nullable("$schema", Shape::Text("the path or URI of a JSON Schema in quotes")),
        required("name", Shape::Text("a text")),
        optional("hosts", Shape::List(&HOST)),
        optional("switches", Shape::List(&SWITCH)),
        optional("links", Shape::List(&LINK)),
        nullable("pids", Shape::Map(&PID)),
        optional("maps", Shape::Map(&Shape::Map(&PID))),
        optional("cost", COST),
        optional(
            "properties",
            Shape::Object(
                "\"properties\"",
                &[optional("hosts", PROPERTIES), optional("prefixes", PROPERTIES), optional("pids", PROPERTIES)],
            ),
        ),
    ],
);

const HOST: Shape = Shape::Object(
    "a host",
    &[
        required("name", NAME),
        nullable("ip", Shape::Text("an address in quotes, as in \"10.1.0.1\"")),
        nullable("ips", Shape::List(&Shape::Text("an address in quotes, as in \"10.1.0.1\""))),
    ],
);

const SWITCH: Shape = Shape::Object(
    "a switch",
    &[
        required("name", NAME),
        nullable("dpid", Shape::Text("1 to 16 hexadecimal digits in quotes, as in \"0000000000000001\"")),
        optional("hop", Shape::Flag),
    ],
);

const LINK: Shape = Shape::Object(
    "a link",
    &[
        required("source", Shape::Text("the name of a node in quotes")),
        required("destination", Shape::Text("the name of a node in quotes")),
        required("bandwidth", Shape::Bandwidth),
        required("delay", Shape::Delay),
        optional("directed", Shape::Flag),
        nullable("cost", Shape::Number("a cost: use a number, or leave the key out for the computed cost")),
        optional("price", Shape::Number("a price: use a number")),
        nullable("loss", Shape::Number("a loss: use a number of percent")),
        optional("up", Shape::Flag),
    ],
);

const PID: Shape = Shape::Object(
    "a PID",
    &[
        optional("switches", Shape::List(&Shape::Text("the name of a switch in quotes"))),
        optional("ipv4", PREFIXES),
        optional("ipv6", PREFIXES),
    ],
);

const COST: Shape = Shape::Object(
    "\"cost\"",
    &[
        optional("hop_weight", Shape::Number("a weight: use a number")),
        optional("delay_weight", Shape::Number("a weight: use a number")),
        optional("bandwidth_weight", Shape::Number("a weight: use a number")),
        optional("reference_bandwidth", Shape::Number("a bandwidth: use a number of Mbit/s")),
        optional("reference_delay", Shape::Number("a delay: use a number of milliseconds")),
    ],
);

const fn required(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, presence: Presence::Required }
}

const fn optional(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, presence: Presence::Optional }
}

const fn nullable(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, presence: Presence::Nullable }
}

/// Lists everything in a text that differs from the shape of a topology file; fails if the text is not JSON.
pub(super) fn problems(text: &str) -> Result<Problems, serde_json::Error> {
    let mut checker = Checker { problems: Problems::default(), path: Vec::new() };
    let mut json = serde_json::Deserializer::from_str(text);
    Seed { checker: &mut checker, shape: &FILE, nullable: false }.deserialize(&mut json)?;
    json.end()?;
    Ok(checker.problems)
}

/// A step from a value to one within it.
enum Step {
    Key(String),
    Index(usize),
}

/// The problems found so far, and the path of the value being read.
struct Checker {
    problems: Problems,
    path: Vec<Step>,
}

/// A value to be read and compared with a shape.
struct Seed<'a> {
    checker: &'a mut Checker,
    shape: &'static Shape,
    nullable: bool,
}

impl Checker {
    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            let _ = match step {
                Step::Key(key) if path.is_empty() => write!(path, "{key}"),
                Step::Key(key) => write!(path, ".{key}"),
                Step::Index(index) => write!(path, "[{index}]"),
            };
        }
        path
    }

    fn add(&mut self, message: impl Into<String>) {
        if self.problems.count() < MAX_PROBLEMS {
            self.problems.add(self.path(), message);
        }
    }

    fn add_at(&mut self, key: &str, message: impl Into<String>) {
        self.path.push(Step::Key(key.chars().take(QUOTED).collect()));
        self.add(message);
        self.path.pop();
    }
}

impl Shape {
    /// Describes what belongs in the place of a value, to complete "is not ...".
    fn wanted(&self) -> String {
        match self {
            Self::Text(what) | Self::Number(what) => (*what).to_owned(),
            Self::Bandwidth => format!("a bandwidth: use {BANDWIDTH_FORMS}"),
            Self::Delay => format!("a delay: use {DELAY_FORMS}"),
            Self::Flag => "true or false".to_owned(),
            Self::List(_) => "a list in brackets: [...]".to_owned(),
            Self::Object(what, _) => format!("{what}: use an object in braces: {{...}}"),
            Self::Map(_) => "an object with one key for each name: {...}".to_owned(),
            Self::Property => "the value of a property: use a text in quotes, or null for no value".to_owned(),
        }
    }
}

impl Seed<'_> {
    /// Reports a value of another shape.
    fn differs(self, shown: &str) {
        let wanted = self.shape.wanted();
        self.checker.add(format!("{shown} is not {wanted}"));
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        if !matches!(self.shape, Shape::Flag) {
            self.differs(&flag.to_string());
        }
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        if !matches!(self.shape, Shape::Number(_) | Shape::Bandwidth | Shape::Delay) {
            self.differs(&number.to_string());
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "only shown to people")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "only shown to people")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let parsed = match self.shape {
            Shape::Text(_) | Shape::Property => return Ok(()),
            Shape::Bandwidth => parse_bandwidth(text).map(drop),
            Shape::Delay => parse_delay(text).map(drop),
            _ => {
                let shown: String = text.chars().take(QUOTED).collect();
                self.differs(&format!("{shown:?}"));
                return Ok(());
            }
        };
        if let Err(message) = parsed {
            self.checker.add(message);
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        if !self.nullable && !matches!(self.shape, Shape::Property) {
            self.differs("null");
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Shape::List(shape) = self.shape else {
            self.differs("a list");
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        for index in 0.. {
            self.checker.path.push(Step::Index(index));
            let found = seq.next_element_seed(Seed { checker: &mut *self.checker, shape, nullable: false })?;
            self.checker.path.pop();
            if found.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (known, values): (&[Key], Option<&'static Shape>) = match self.shape {
            Shape::Object(_, keys) => (keys, None),
            Shape::Map(values) => (&[], Some(values)),
            _ => {
                self.differs("an object");
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(());
            }
        };
        let mut seen: HashSet<String> = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let found = known.iter().find(|known| known.name == key);
            if seen.contains(&key) {
                self.checker.add_at(&key, "appears twice in one object: remove one of them");
                map.next_value::<IgnoredAny>()?;
            } else if let Some(shape) = found.map(|key| &key.shape).or(values) {
                let nullable = found.is_some_and(|key| key.presence == Presence::Nullable);
                self.checker.path.push(Step::Key(key.chars().take(QUOTED).collect()));
                map.next_value_seed(Seed { checker: &mut *self.checker, shape, nullable })?;
                self.checker.path.pop();
            } else {
                let message = unknown_key(&key, self.shape, known);
                self.checker.add_at(&key, message);
                map.next_value::<IgnoredAny>()?;
            }
            seen.insert(key);
        }
        for key in known.iter().filter(|key| key.presence == Presence::Required && !seen.contains(key.name)) {
            self.checker.add_at(key.name, format!("is missing: give {}", key.shape.wanted()));
        }
        Ok(())
    }
}

/// Describes a key that an object does not have, with the one that was probably meant.
fn unknown_key(key: &str, shape: &Shape, known: &[Key]) -> String {
    let what = if let Shape::Object(what, _) = shape { what } else { "this object" };
    let similar = known.iter().find(|known| is_misspelt(key, known.name));
    if let Some(similar) = similar {
        return format!("is not a key of {what}: did you mean {:?}?", similar.name);
    }
    let names: Vec<&str> = known.iter().map(|key| key.name).collect();
    format!("is not a key of {what}: use {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::file::TopologyFile;

    /// Compares a shape with the JSON schema that is derived from the types, keys and required keys included.
    fn compare(shape: &Shape, schema: &Value, root: &Value, path: &str) {
        let schema = match schema["$ref"].as_str() {
            Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        };
        // An optional value is a choice between its type and null.
        let schema = match schema["anyOf"].as_array() {
            Some(choices) if choices.iter().any(|choice| choice["$ref"].is_string()) => {
                return compare(shape, &choices[0], root, path);
            }
            _ => schema,
        };
        match shape {
            Shape::Object(_, keys) => {
                let names: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
                let mut known: Vec<_> = keys.iter().map(|key| key.name).collect();
                known.sort_unstable();
                assert_eq!(known, names, "{path}");
                for key in *keys {
                    let required = schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == key.name));
                    assert_eq!(key.presence == Presence::Required, required, "{path}.{}", key.name);
                    let nullable = schema["properties"][key.name].to_string().contains("null");
                    let is_properties = path.contains("properties");
                    assert_eq!(key.presence == Presence::Nullable, nullable && !is_properties, "{path}.{}", key.name);
                    compare(&key.shape, &schema["properties"][key.name], root, &format!("{path}.{}", key.name));
                }
            }
            Shape::List(items) => compare(items, &schema["items"], root, &format!("{path}[]")),
            Shape::Map(values) => compare(values, &schema["additionalProperties"], root, &format!("{path}.*")),
            Shape::Text(_) => assert!(schema["type"].to_string().contains("string"), "{path}: {schema}"),
            Shape::Number(_) => assert!(schema["type"].to_string().contains("number"), "{path}: {schema}"),
            Shape::Flag => assert_eq!(schema["type"], "boolean", "{path}"),
            Shape::Bandwidth | Shape::Delay => assert_eq!(schema["anyOf"][0]["type"], "number", "{path}"),
            Shape::Property => assert_eq!(schema["anyOf"][1]["type"], "null", "{path}"),
        }
    }

    #[test]
    fn the_shape_is_that_of_the_types() {
        let schema = serde_json::to_value(schemars::schema_for!(TopologyFile)).unwrap();
        compare(&FILE, &schema, &schema, "");
    }

    #[test]
    fn every_problem_is_listed_with_its_path() {
        let text = r#"{"nmae": "t", "hosts": {"h1": 1}, "switches": [{"name": 7, "hop": "no"}, "s2"],
            "links": [{"source": "a", "destination": "b", "bandwidth": "fast", "delay": [1], "weight": 3, "up": 1, "up": 0}],
            "pids": {"p": {"ipv4": ["10.0.0.0/8", 7]}}, "properties": {"hosts": {"h": {"priv:x": 1}}}}"#;
        let problems = problems(text).unwrap().finish("t").unwrap_err();
        let found: Vec<String> = problems.problems.iter().map(|p| format!("{}: {}", p.path, p.message)).collect();
        for expected in [
            "nmae: is not a key of a topology: did you mean \"name\"?",
            "hosts: an object is not a list",
            "switches[0].name: 7 is not a name in quotes",
            "switches[0].hop: \"no\" is not true or false",
            "switches[1]: \"s2\" is not a switch: use an object",
            "links[0].bandwidth: \"fast\" is not a bandwidth",
            "links[0].delay: a list is not a delay",
            "links[0].weight: is not a key of a link: use source, destination",
            "links[0].up: 1 is not true or false",
            "links[0].up: appears twice",
            "pids.p.ipv4[1]: 7 is not a prefix in quotes",
            "properties.hosts.h.priv:x: 1 is not the value of a property",
            "name: is missing: give a text",
        ] {
            assert!(found.iter().any(|found| found.starts_with(expected)), "{expected} is not in {found:#?}");
        }
        assert_eq!(found.len(), 13, "{found:#?}");
    }
}
