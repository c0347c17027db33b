//! Reading of `server.json`, with every fault of its form described at once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use plain_words::{is_misspelt, plain, syntax};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::ConfigError;
use super::listeners::ADDRESS_FORMS;
use super::settings::Settings;
use crate::regular_file;

/// Longest settings file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Number of characters of a value that a message quotes.
const QUOTED: usize = 60;
/// Shortest settings file.
const LEAST: &str = "{\"topology\": \"topo.json\"}";

/// JSON schema of all settings, which says what belongs to a key.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Settings).to_value());

/// Keys and values of a file, in its order. A key may occur twice.
struct Entries(Vec<(String, Value)>);

/// Reads a settings file. Its relative paths are relative to its folder.
pub(crate) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let unusable = |problems| ConfigError::Malformed { path: path.to_owned(), problems };
    let bytes = regular_file::read(path, MAX_FILE_BYTES)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let text = syntax::text(&bytes).map_err(|problem| unusable(vec![problem]))?;
    let Entries(entries) = serde_json::from_str(text).map_err(|error| {
        let problem = if error.is_data() {
            "is not a file of settings: use an object in braces: {...}".to_owned()
        } else {
            syntax::describe(text, &error, LEAST).to_string()
        };
        unusable(vec![problem])
    })?;
    let mut problems = Vec::new();
    let mut object = Map::new();
    for (key, value) in entries {
        if object.contains_key(&key) {
            problems.push(format!("{key}: appears twice: remove one of them"));
        } else {
            problems.extend(faults(&key, &value));
            object.insert(key, value);
        }
    }
    if !problems.is_empty() {
        return Err(unusable(problems));
    }
    let mut settings: Settings =
        serde_json::from_value(Value::Object(object)).map_err(|error| unusable(vec![plain(&error.to_string())]))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    settings.paths().into_iter().for_each(|named| *named = folder.join(&*named));
    Ok(settings)
}

/// Keys of all settings, each with whether it is a switch, which has no value on the command line.
pub(crate) fn keys() -> impl Iterator<Item = (&'static String, bool)> {
    let known = SCHEMA["properties"].as_object().expect("settings are an object");
    known.iter().map(|(key, schema)| (key, schema["type"] == "boolean"))
}

/// Describes what is wrong with a key and its value.
fn faults(key: &str, value: &Value) -> Vec<String> {
    let known = SCHEMA["properties"].as_object().expect("settings are an object");
    let Some(schema) = known.get(key) else {
        let shown: String = key.chars().take(QUOTED).collect();
        let remedy = match known.keys().find(|known| is_misspelt(key, known)) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => "alto-server --help lists all keys".to_owned(),
        };
        return vec![format!("{shown}: is not a key of the settings: {remedy}")];
    };
    if is_usable(key, value) {
        return Vec::new();
    }
    // Of a list, the elements are to blame, each with its position.
    if let (Value::Array(elements), "array") = (value, schema["type"].as_str().unwrap_or_default()) {
        let at = |(index, element): (usize, &Value)| {
            let alone = Value::Array(vec![element.clone()]);
            (!is_usable(key, &alone)).then(|| format!("{key}[{index}]: {} is not {}", shown(element), wanted_in(key)))
        };
        return elements.iter().enumerate().filter_map(at).collect();
    }
    vec![format!("{key}: {} is not {}", shown(value), wanted(key, schema))]
}

/// Tells whether settings take the value of a key. Every setting has a default, so that a key can be tried alone.
fn is_usable(key: &str, value: &Value) -> bool {
    let alone = Map::from_iter([(key.to_owned(), value.clone())]);
    Settings::deserialize(Value::Object(alone)).is_ok()
}

/// Describes what belongs to a key, to complete "is not ...".
fn wanted(key: &str, schema: &Value) -> String {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => SCHEMA.pointer(reference.trim_start_matches('#')).unwrap_or(schema),
        None => schema,
    };
    let choices: Vec<&str> =
        schema["oneOf"].as_array().into_iter().flatten().filter_map(|c| c["const"].as_str()).collect();
    let names: Vec<&str> = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let choices = [choices, names].concat();
    if !choices.is_empty() {
        return format!(
            "a known value: use one of {}",
            choices.iter().map(|c| format!("{c:?}")).collect::<Vec<_>>().join(", ")
        );
    }
    let types = schema["type"].to_string();
    match (types.trim_matches('"'), schema["maximum"].as_u64()) {
        ("boolean", _) => "a switch: use true or false".to_owned(),
        ("integer", Some(most)) => format!("a whole number from 0 to {most}"),
        ("integer", None) if schema["format"] == "uint32" => format!("a whole number from 0 to {}", u32::MAX),
        ("integer", None) => "a whole number of 0 or more".to_owned(),
        ("array", _) => format!("a list in brackets of {}", wanted_in(key)),
        _ => "a text in quotes".to_owned(),
    }
}

/// Describes an element of the list of a key.
fn wanted_in(key: &str) -> String {
    match key {
        "listen" | "admin-listen" | "tracker-listen" | "tracker-udp" => ADDRESS_FORMS.to_owned(),
        "trusted-proxy" | "proxy-protocol" => "a prefix in quotes, such as \"192.0.2.0/24\"".to_owned(),
        _ => "a text in quotes".to_owned(),
    }
}

/// Shows a value, shortened.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => {
            let text = other.to_string();
            if text.chars().count() > QUOTED { text.chars().take(QUOTED).collect::<String>() + "..." } else { text }
        }
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Settings {
    /// The settings with paths that mean the same in whatever folder the file is.
    pub(crate) fn with_absolute_paths(&self) -> Self {
        let mut settings = self.clone();
        for path in settings.paths() {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
        settings
    }

    /// Paths of files and folders that are set.
    fn paths(&mut self) -> Vec<&mut PathBuf> {
        [
            &mut self.topology,
            &mut self.state,
            &mut self.tls_certificate,
            &mut self.tls_key,
            &mut self.digest_users,
            &mut self.admin_token_file,
            &mut self.store_password_file,
            &mut self.store_ca_file,
            &mut self.admin_socket,
            &mut self.tracker_torrents,
            &mut self.tracker_blocked_torrents,
            &mut self.tracker_passkeys,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
