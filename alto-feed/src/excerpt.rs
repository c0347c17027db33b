//! What other programs say, as a part of messages.

use std::fmt::Write as _;

/// Longest part that is quoted, in characters.
const LONGEST: usize = 400;

/// Returns the beginning of a text on one line, without characters that terminals act upon or that cannot be seen.
pub fn excerpt(text: &str) -> String {
    let mut excerpt = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            excerpt.push_str("...");
            break;
        }
        // Writing to a string never fails.
        let _ = match character {
            '"' | '\'' | '\\' => write!(excerpt, "{character}"),
            other => write!(excerpt, "{}", other.escape_debug()),
        };
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_shows_all_that_it_contains() {
        assert_eq!(excerpt("unknown field `\"a\"`, it's é"), "unknown field `\"a\"`, it's é");
        assert_eq!(excerpt("a\nb\u{1b}[31m\u{202e}\u{200b}"), r"a\nb\u{1b}[31m\u{202e}\u{200b}");
        assert_eq!(excerpt(&"x".repeat(LONGEST)).len(), LONGEST);
        assert_eq!(excerpt(&"x".repeat(LONGEST + 1)), "x".repeat(LONGEST) + "...");
    }
}
