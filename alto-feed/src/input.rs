//! Bounded reading of input files, and errors with their places in them.

use std::fmt;
use std::io::Read;
use std::path::Path;

use plain_words::syntax;
use topo::TopologyError;

use crate::excerpt::excerpt;

/// Largest accepted input file, in bytes.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The text of a file, with the name that errors call it by.
#[derive(Clone, Debug)]
pub struct Text {
    /// Name of the file.
    pub file: String,
    /// Content of the file, without a byte order mark.
    pub content: String,
}

/// A place in a text, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the line.
    pub line: usize,
    /// Column in characters.
    pub column: usize,
}

/// An input file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct InputError {
    /// Name of the file.
    pub file: String,
    /// Place of the problem, if it has one.
    pub place: Option<Place>,
    /// Description of the problem and its remedy.
    pub message: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(Place { line, column }) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl From<TopologyError> for InputError {
    fn from(error: TopologyError) -> Self {
        let first = error.problems.first().map(|problem| (problem.path.as_str(), problem.message.as_str()));
        let message = match first {
            Some(("", message)) => message.to_owned(),
            Some((path, message)) => format!("{path}: {message}"),
            None => String::new(),
        };
        Self { file: error.source, place: None, message: excerpt(&message) }
    }
}

/// Reads the bytes of a file, or of standard input for `-`.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, InputError> {
    let file = path.display().to_string();
    let failed = |message: String| InputError { file: file.clone(), place: None, message };
    let unreadable = |error: std::io::Error| failed(format!("cannot be read: {error}"));
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)
    };
    read.map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed(format!("has more than {MAX_BYTES} bytes, which is the limit")));
    }
    Ok(bytes)
}

/// Reads a text file, or standard input for `-`.
pub fn read_text(path: &Path) -> Result<Text, InputError> {
    Text::from_bytes(path.display().to_string(), read_bytes(path)?)
}

impl Text {
    /// Takes text under the name `file`.
    pub fn new(file: impl Into<String>, content: impl Into<String>) -> Self {
        Self { file: file.into(), content: content.into() }
    }

    /// Takes bytes that must be UTF-8 under the name `file`.
    pub fn from_bytes(file: String, bytes: Vec<u8>) -> Result<Self, InputError> {
        match String::from_utf8(bytes) {
            Ok(mut content) => {
                if content.starts_with('\u{feff}') {
                    content.drain(..'\u{feff}'.len_utf8());
                }
                Ok(Self { file, content })
            }
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
                let place = Some(place_after(&before));
                Err(InputError { file, place, message: "is not UTF-8 text; save the file as UTF-8".to_owned() })
            }
        }
    }

    /// Creates an error about the file as a whole.
    pub fn error(&self, message: impl Into<String>) -> InputError {
        InputError { file: self.file.clone(), place: None, message: excerpt(&message.into()) }
    }

    /// Creates an error about a place in the file.
    pub fn error_at(&self, line: usize, column: usize, message: impl Into<String>) -> InputError {
        InputError { file: self.file.clone(), place: Some(Place { line, column }), message: excerpt(&message.into()) }
    }

    /// Parses the file as JSON into a type. Errors name the line and column of the first fault, and the paths of all.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, InputError> {
        serde_json::from_str(&self.content).map_err(|error| {
            let message = if error.is_data() {
                plain_words::explain::<T>(&self.content, &error, "{}").to_string()
            } else {
                // The place is in front of the message already.
                syntax::describe(&self.content, &error, "{}").problem
            };
            self.error_at(error.line().max(1), error.column().max(1), message)
        })
    }
}

/// Returns the place right after a text.
fn place_after(text: &str) -> Place {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let error = Text::from_bytes("f".to_owned(), b"a\nbc\xffd".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "f:2:3: is not UTF-8 text; save the file as UTF-8");
    }

    #[test]
    fn json_errors_name_line_and_column_once() {
        let error = Text::new("f", "{\n \"a\": x}").json::<serde_json::Value>().unwrap_err();
        assert_eq!(error.to_string(), "f:2:7: is not JSON at \"x}\": a value of JSON belongs there");
    }

    #[test]
    fn faults_of_the_form_are_named_with_their_paths() {
        let error = Text::new("f", "{\"a\": 1, \"b\": [\"x\"]}").json::<Numbers>().unwrap_err().to_string();
        assert!(error.starts_with("f:1:"), "{error}");
        assert!(error.ends_with(": a: 1 is not a list in brackets: [...]; b[0]: \"x\" is not a number"), "{error}");
    }

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Numbers {
        a: Vec<f64>,
        b: Vec<f64>,
    }
}
