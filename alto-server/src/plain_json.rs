//! JSON that people and programs wrote, read with errors in plain words: the path of the value, what stands there, and
//! what belongs there.

use std::fmt;

use serde::de::DeserializeOwned;
use topo::file::plain::plain;
use topo::file::syntax;

/// Fault in a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonFault {
    /// Path of the value, such as `files[0].id`; empty for the text as a whole.
    pub(crate) path: String,
    /// What is wrong, and what belongs there.
    pub(crate) problem: String,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, problem } = self;
        if path.is_empty() { f.write_str(problem) } else { write!(f, "{path}: {problem}") }
    }
}

/// Parses a text. `least` is the shortest text that could be meant, for the error about an empty one.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], least: &str) -> Result<T, JsonFault> {
    let whole = |problem| JsonFault { path: String::new(), problem };
    let text = syntax::text(bytes).map_err(whole)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            return whole(syntax::describe(text, &error, least));
        }
        // The path of the text as a whole, and of a value that was never reached.
        let path = if matches!(path.as_str(), "." | "?") { String::new() } else { path };
        JsonFault { path, problem: plain(&error.to_string()) }
    })?;
    json.end().map_err(|error| whole(syntax::describe(text, &error, least)))?;
    Ok(value)
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
            (r#"{"name": "a", "prot": 1}"#, "\"prot\" is not a key that is known here: did you mean \"port\"?"),
            (r#"{"name": "a", "name": "b"}"#, "\"name\" appears twice in one object: remove one of them"),
            ("[]", "give an object in braces"),
            ("7", "7 is not an object in braces: {...}"),
            ("", "is empty: there has to be at least {}"),
            ("{\"name\": \"a\", // who", "\"// who\" is a comment, and JSON has none: remove it"),
            ("<a/>", "is not JSON but XML or HTML: it begins with \"<a/>\""),
            (r#"{"name": "a", "port": 1} x"#, "is not JSON at \"x\": the file goes on after its end"),
        ] {
            let found = parse::<Message>(text.as_bytes(), "{}").unwrap_err().to_string();
            assert!(found.contains(expected), "{text}: {found}");
            for word in ["invalid", "expected", "u16", "f64", "struct", "at line"] {
                assert!(!found.contains(word), "{text}: {found}");
            }
        }
        assert!(parse::<Message>(b"\xef\xbb\xbf{\"name\": \"a\", \"port\": 1}", "{}").is_ok(), "a byte order mark");
    }
}
