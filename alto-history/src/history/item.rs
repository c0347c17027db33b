//! What clients are sent: a text, and how it applies to what they have.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// Longest part of a text that is sent in one line, in bytes, unless a single token is longer. With the name of its field,
/// the line has less than 64 KiB.
const LINE: usize = 63 * 1024;

/// Update to a version, from nothing or from another version.
#[derive(Clone, Debug)]
pub struct Item {
    /// How the text applies.
    pub form: Form,
    /// JSON of the document or patch.
    pub text: Arc<Text>,
}

/// How a text applies to the document that a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// The whole document, which replaces any other version.
    Whole,
    /// Merge patch (RFC 7396).
    MergePatch,
    /// JSON patch (RFC 6902).
    JsonPatch,
}

/// JSON without line breaks, which all its readers share.
#[derive(Debug)]
pub struct Text {
    body: Bytes,
    /// Ends of the lines in which a long body is sent.
    breaks: OnceLock<Vec<usize>>,
}

impl Text {
    /// Creates a text from compact JSON.
    pub fn new(body: Bytes) -> Self {
        Self { body, breaks: OnceLock::new() }
    }

    /// All of the JSON.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Number of lines.
    pub fn line_count(&self) -> usize {
        self.breaks().len()
    }

    /// Line by its place: a part of the JSON that ends where a line break changes nothing, which is between tokens.
    pub fn line(&self, place: usize) -> Bytes {
        let start = place.checked_sub(1).map_or(0, |before| self.breaks()[before]);
        self.body.slice(start..self.breaks()[place])
    }

    fn breaks(&self) -> &[usize] {
        self.breaks.get_or_init(|| breaks(&self.body, LINE))
    }
}

/// Finds the ends of lines of at most `line` bytes, each after a comma between tokens if there is one.
fn breaks(body: &[u8], line: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    if body.len() > line {
        let (mut start, mut candidate) = (0, 0);
        let (mut in_string, mut is_escaped) = (false, false);
        for (place, byte) in body.iter().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_string => is_escaped = true,
                b'"' => in_string = !in_string,
                b',' if !in_string => {
                    let end = place + 1;
                    if end - start > line && candidate > start {
                        ends.push(candidate);
                        start = candidate;
                    }
                    candidate = end;
                }
                _ => {}
            }
        }
        if body.len() - start > line && candidate > start {
            ends.push(candidate);
        }
    }
    ends.push(body.len());
    ends
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<u32>().prop_map(Value::from), "[,\"\\\\a{}]{0,9}".prop_map(Value::from)];
        leaf.prop_recursive(3, 60, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map("[,\"\\\\a]{0,4}", inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn lines_join_to_the_document_and_are_short(document in document(), line in 1..80_usize) {
            let body = document.to_string();
            let ends = breaks(body.as_bytes(), line);
            let mut lines = Vec::new();
            let mut start = 0;
            for end in ends {
                prop_assert!(end > start || body.is_empty());
                lines.push(&body[start..end]);
                start = end;
            }
            prop_assert_eq!(start, body.len());
            prop_assert_eq!(serde_json::from_str::<Value>(&lines.join("\n")).unwrap(), document);
            for text in lines {
                // A longer line could not have been broken earlier.
                let is_short = text.len() <= line;
                let inner = &text[..text.len() - 1];
                prop_assert!(is_short || breaks(inner.as_bytes(), 0).len() <= 1, "{}", text);
            }
        }
    }
}
