//! Descriptions of texts that are not JSON, in words that name what stands there instead.

use std::fmt;

/// Number of characters of a text that a message quotes.
const QUOTED: usize = 40;

/// The reason why a text is not JSON. Displayed, it completes "FILE: ...".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// Line and column of the fault, counted from 1; none if it is one of the text as a whole.
    pub place: Option<(usize, usize)>,
    /// Words for the fault. Without a place, they complete "FILE ...".
    pub problem: String,
}

impl Syntax {
    fn whole(problem: impl Into<String>) -> Self {
        Self { place: None, problem: problem.into() }
    }

    /// Describes the fault as a sentence about a subject, such as "the body".
    pub fn about(&self, subject: &str) -> String {
        let Self { place, problem } = self;
        match place {
            Some((line, column)) => format!("line {line}, column {column} of {subject}: {problem}"),
            None => format!("{subject} {problem}"),
        }
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, problem } = self;
        match place {
            Some((line, column)) => write!(f, "line {line}, column {column}: {problem}"),
            None => f.write_str(problem),
        }
    }
}

/// Removes a byte order mark, which some editors put in front of UTF-8, and checks that the rest is UTF-8. An error
/// completes "FILE ...".
pub fn text(bytes: &[u8]) -> Result<&str, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("is in UTF-16: save it as UTF-8".to_owned());
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let place = error.valid_up_to();
        let line = 1 + bytes.iter().take(place).filter(|byte| **byte == b'\n').count();
        let byte = bytes.get(place).copied().unwrap_or_default();
        format!("line {line} has the byte 0x{byte:02x}, which is not UTF-8: save it as UTF-8")
    })
}

/// Describes why a text is not JSON. `least` is the shortest text that could be meant.
pub fn describe(text: &str, error: &serde_json::Error, least: &str) -> Syntax {
    let content = text.trim_start();
    if content.is_empty() {
        return Syntax::whole(format!("is empty: there has to be at least {least}"));
    }
    if content.starts_with('<') {
        return Syntax::whole(format!("is not JSON but XML or HTML: it begins with {:?}", excerpt(content)));
    }
    if error.is_eof() {
        return Syntax::whole("is not complete: it ends in the middle of a value; is the end missing, or a bracket?");
    }
    let at = |problem: String| Syntax { place: Some((error.line(), error.column())), problem };
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let mut place = error.column().saturating_sub(1).min(line.len());
    while !line.is_char_boundary(place) {
        place -= 1;
    }
    let (before, rest) = (&line[..place], line[place..].trim_start());
    if error.is_data() {
        return at(described(error));
    }
    let begins = |words: &[&str]| words.iter().any(|word| rest.starts_with(word));
    if begins(&["//", "/*", "#"]) || rest.starts_with('/') {
        return at(format!("{:?} is a comment, and JSON has none: remove it", excerpt(rest)));
    }
    if begins(&["NaN", "nan", "Inf", "inf", "-Inf", "-inf", "+"]) || before.ends_with('-') {
        return at(format!("{:?} is not a number of JSON: write one in digits", word(rest)));
    }
    if rest.starts_with('\'') {
        return at(format!("texts are in double quotes, not as in {:?}", word(rest)));
    }
    if before.trim_end().ends_with(',') && begins(&["]", "}"]) {
        return at(format!("there is a comma before {:?}: remove it", &rest[..1]));
    }
    let cause = described(error);
    let reason = match cause.as_str() {
        "trailing characters" => "the text goes on after its end: remove what follows",
        "trailing comma" => "there is a comma after the last element: remove it",
        "expected `,` or `}`" | "expected `,` or `]`" => "a comma or a closing bracket is missing before it",
        "expected `:`" => "a colon is missing before it",
        "key must be a string" => "keys are texts in double quotes",
        "recursion limit exceeded" => "its values are nested too deep",
        "number out of range" => "the number is too large",
        cause if cause.starts_with("control character") => "a text goes on over the end of its line: close the quotes",
        cause if cause.contains("escape") => "a backslash in a text has to be doubled",
        _ => "a value of JSON belongs there",
    };
    let shown = if rest.is_empty() { "the end of the line".to_owned() } else { format!("{:?}", excerpt(rest)) };
    at(format!("is not JSON at {shown}: {reason}"))
}

/// Words of an error without its place.
fn described(error: &serde_json::Error) -> String {
    let described = error.to_string();
    described.rsplit_once(" at line ").map_or(described.as_str(), |(cause, _)| cause).to_owned()
}

/// The beginning of a text, for a message.
fn excerpt(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(QUOTED).collect();
    if short.len() < line.len() { short + "..." } else { short }
}

/// The first word of a text, up to what separates values.
fn word(text: &str) -> String {
    excerpt(text.split([',', ']', '}', ':']).next().unwrap_or_default().trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn fault(text: &str) -> Syntax {
        describe(text, &serde_json::from_str::<Value>(text).unwrap_err(), "{}")
    }

    #[test]
    fn what_stands_there_is_shown() {
        for (text, expected) in [
            ("", "is empty: there has to be at least {}"),
            ("{\"a\": NaN, \"b\": 1}", "line 1, column 7: \"NaN\" is not a number of JSON: write one in digits"),
            ("[1, -Infinity]", "line 1, column 6: \"Infinity\" is not a number of JSON"),
            ("// who\n{}", "line 1, column 1: \"// who\" is a comment, and JSON has none: remove it"),
            ("{\n 'a': 1}", "line 2, column 2: texts are in double quotes, not as in \"'a'\""),
            ("[1,]", "line 1, column 4: there is a comma before \"]\": remove it"),
            ("<graph/>", "is not JSON but XML or HTML: it begins with \"<graph/>\""),
            ("{\"a\": [1", "is not complete: it ends in the middle of a value"),
            ("{} {}", "line 1, column 4: is not JSON at \"{}\": the text goes on after its end"),
            ("{\"a\" 1}", "line 1, column 6: is not JSON at \"1}\": a colon is missing before it"),
            ("hello", "line 1, column 1: is not JSON at \"hello\": a value of JSON belongs there"),
        ] {
            let found = fault(text).to_string();
            assert!(found.starts_with(expected), "{text:?}: {found}");
        }
    }

    #[test]
    fn a_subject_makes_a_sentence() {
        assert_eq!(fault(" ").about("the body"), "the body is empty: there has to be at least {}");
        assert!(fault("[x]").about("the body").starts_with("line 1, column 2 of the body: is not JSON at \"x]\""));
    }
}
