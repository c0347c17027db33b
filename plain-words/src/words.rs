//! What deserialisers say about values, in plain words: what stands there, and what belongs there.

use crate::spelling::is_misspelt;

/// Number of characters of a value that a message quotes.
const QUOTED: usize = 60;

/// Translates what a deserialiser says about a value into plain words.
pub fn plain(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let typed = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = typed.and_then(|typed| typed.rsplit_once(", expected ")) {
        return format!("{} is not {}", plain_found(found), plain_expected(expected));
    }
    if let Some((length, expected)) = message.strip_prefix("invalid length ").and_then(|m| m.split_once(", expected "))
    {
        return format!("has {length} elements: give {}", plain_expected(expected));
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return format!("{} is missing: add it", key.replace('`', "\""));
    }
    if let Some(key) = message.strip_prefix("duplicate field ") {
        return format!("{} appears twice in one object: remove one of them", key.replace('`', "\""));
    }
    if let Some((key, known)) = message.strip_prefix("unknown field ").and_then(|m| m.split_once(", ")) {
        return unknown(key, "a key that is known here", known);
    }
    if let Some((value, known)) = message.strip_prefix("unknown variant ").and_then(|m| m.split_once(", ")) {
        return unknown(value, "a known value", known);
    }
    match message {
        "invalid IPv4 address syntax" => "is not an IPv4 address: use one such as 192.0.2.1".to_owned(),
        "invalid IPv6 address syntax" => "is not an IPv6 address: use one such as 2001:db8::1".to_owned(),
        "invalid IP address syntax" => "is not an address: use one such as 192.0.2.1 or 2001:db8::1".to_owned(),
        "invalid socket address syntax" => {
            "is not an address with a port: use one such as 192.0.2.1:8080 or [2001:db8::1]:8080".to_owned()
        }
        "invalid digit found in string" => "is not a whole number".to_owned(),
        other => other.to_owned(),
    }
}

/// Describes an unknown word, with the one that was probably meant, or with all known ones.
fn unknown(word: &str, what: &str, known: &str) -> String {
    let word = word.trim_matches('`');
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let shown: String = word.chars().take(QUOTED).collect();
    match known.iter().find(|known| is_misspelt(word, known)) {
        Some(meant) => format!("{shown:?} is not {what}: did you mean {meant:?}?"),
        None if known.is_empty() => format!("{shown:?} is not {what}: remove it"),
        None => format!("{shown:?} is not {what}: use {}", known.join(", ")),
    }
}

/// Shows the value that was found.
fn plain_found(found: &str) -> String {
    let shown = match found {
        "sequence" => "a list",
        "map" => "an object",
        "null" | "unit" => "null",
        other => {
            let in_ticks = other.split_once('`').and_then(|(_, rest)| rest.rsplit_once('`')).map(|(value, _)| value);
            in_ticks.or_else(|| other.strip_prefix("string ")).unwrap_or(other)
        }
    };
    if shown.chars().count() > QUOTED {
        shown.chars().take(QUOTED).collect::<String>() + "..."
    } else {
        shown.to_owned()
    }
}

/// Describes what belongs there.
fn plain_expected(expected: &str) -> &str {
    match expected {
        "f64" | "f32" => "a number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number of 0 or more",
        "i64" | "i32" => "a whole number",
        "a string" | "a borrowed string" | "str" | "string" | "path string" => "a text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list in brackets: [...]",
        "a map" => "an object in braces: {...}",
        "string or map" => "a text in quotes, or an object in braces: {...}",
        other if other.starts_with("struct ") || other.starts_with("internally tagged") => "an object in braces: {...}",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_deserialisers_are_translated() {
        for (message, expected) in [
            (
                "invalid type: string \"x\", expected u16 at line 1 column 9",
                "\"x\" is not a whole number from 0 to 65535",
            ),
            ("invalid value: integer `-1`, expected usize", "-1 is not a whole number of 0 or more"),
            ("invalid type: map, expected a string", "an object is not a text in quotes"),
            ("missing field `port` at line 3 column 1", "\"port\" is missing: add it"),
            ("duplicate field `port`", "\"port\" appears twice in one object: remove one of them"),
            (
                "unknown field `prot`, expected `port` or `name`",
                "\"prot\" is not a key that is known here: did you mean \"port\"?",
            ),
            ("unknown field `x`, there are no fields", "\"x\" is not a key that is known here: remove it"),
            ("unknown variant `xml`, expected `text` or `json`", "\"xml\" is not a known value: use text, json"),
            ("a key appears twice", "a key appears twice"),
            ("invalid IP address syntax", "is not an address: use one such as 192.0.2.1 or 2001:db8::1"),
        ] {
            assert_eq!(plain(message), expected);
        }
    }
}
