//! Reading of values, with all faults of their form.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Deserializer, Error, Value};

use crate::fault::Faults;
use crate::retry;
use crate::syntax;
use crate::words::plain;

/// Parses a text, without a byte order mark if it has one. `least` is the shortest text that could be meant, for the error
/// about an empty one.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], least: &str) -> Result<T, Faults> {
    parse_str(syntax::text(bytes).map_err(Faults::whole)?, least)
}

/// Parses a text as [`parse`] does.
pub fn parse_str<T: DeserializeOwned>(text: &str, least: &str) -> Result<T, Faults> {
    // Keeping track of paths takes time, which only a failure is worth.
    serde_json::from_str(text).map_err(|error| explain::<T>(text, &error, least))
}

/// Converts a part of a document that was parsed already.
pub fn convert<T: DeserializeOwned>(value: Value) -> Result<T, Faults> {
    match serde_path_to_error::deserialize::<_, T>(&value) {
        Ok(converted) => Ok(converted),
        Err(first) => {
            let length = value.to_string().len();
            Err(Faults(retry::faults::<T>(value, length, &first)))
        }
    }
}

/// Describes why a text is not a value of a type, after the error that parsing it ended with.
pub fn explain<T: DeserializeOwned>(text: &str, error: &Error, least: &str) -> Faults {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Faults::whole(syntax::describe(text, &error, least).to_string());
    }
    let mut json = Deserializer::from_str(text);
    let faults = match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Err(first) => retry::faults::<T>(serde_json::from_str(text).unwrap_or_default(), text.len(), &first),
        Ok(_) => Vec::new(),
    };
    if faults.is_empty() { Faults::whole(plain(&error.to_string())) } else { Faults(faults) }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Message {
        name: String,
        port: u16,
        #[serde(default)]
        files: Vec<File>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct File {
        size: f64,
    }

    #[test]
    fn no_word_of_a_library_is_left() {
        for (text, expected) in [
            (r#"{"name": "a", "port": "x"}"#, "port: \"x\" is not a whole number from 0 to 65535"),
            (r#"{"name": "a", "port": 70000}"#, "port: 70000 is not a whole number from 0 to 65535"),
            (r#"{"name": 7, "port": 1}"#, "name: 7 is not a text in quotes"),
            (r#"{"name": "a", "port": null}"#, "port: null is not a whole number from 0 to 65535"),
            (r#"{"name": "a", "port": 1, "files": {}}"#, "files: an object is not a list in brackets: [...]"),
            (
                r#"{"name": "a", "port": 1, "files": [{"size": 1}, {"size": true}]}"#,
                "files[1].size: true is not a number",
            ),
            (r#"{"name": "a", "port": 1, "files": [{}]}"#, "files[0]: \"size\" is missing: add it"),
            (r#"{"name": "a", "port": 1, "prot": 1}"#, "prot: is not a key that is known here: did you mean \"port\"?"),
            (r#"{"name": "a", "name": "b", "port": 1}"#, "\"name\" appears twice in one object: remove one of them"),
            ("[]", "give an object in braces"),
            ("7", "7 is not an object in braces: {...}"),
            ("", "is empty: there has to be at least {}"),
            ("{\"name\": \"a\", // who", "\"// who\" is a comment, and JSON has none: remove it"),
            ("<a/>", "is not JSON but XML or HTML: it begins with \"<a/>\""),
            (r#"{"name": "a", "port": 1} x"#, "is not JSON at \"x\": the text goes on after its end"),
        ] {
            let found = parse::<Message>(text.as_bytes(), "{}").unwrap_err().to_string();
            assert!(found.contains(expected), "{text}: {found}");
            for word in ["invalid", "expected", "u16", "f64", "struct", "at line", "; "] {
                assert!(!found.contains(word), "{text}: {found}");
            }
        }
        assert!(parse::<Message>(b"\xef\xbb\xbf{\"name\": \"a\", \"port\": 1}", "{}").is_ok(), "a byte order mark");
    }
}
