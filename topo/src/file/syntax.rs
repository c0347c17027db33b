//! Descriptions of texts that are not JSON, in words that name what stands there instead.

/// Number of characters of a file that a message quotes.
const QUOTED: usize = 40;

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

/// Describes why a text is not JSON, to complete "FILE ...". `least` is the shortest text that could be meant.
pub fn describe(text: &str, error: &serde_json::Error, least: &str) -> String {
    let content = text.trim_start();
    if content.is_empty() {
        return format!("is empty: there has to be at least {least}");
    }
    if content.starts_with('<') {
        return format!("is not JSON but XML or HTML: it begins with {:?}", excerpt(content));
    }
    if error.is_eof() {
        return "is not complete: it ends in the middle of a value; is the end missing, or a bracket?".to_owned();
    }
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let mut place = error.column().saturating_sub(1).min(line.len());
    while !line.is_char_boundary(place) {
        place -= 1;
    }
    let rest = line[place..].trim_start();
    let at = format!("line {}, column {}", error.line(), error.column());
    let begins = |words: &[&str]| words.iter().any(|word| rest.starts_with(word));
    if begins(&["//", "/*", "#"]) || rest.starts_with('/') {
        return format!("{at}: {:?} is a comment, and JSON has none: remove it", excerpt(rest));
    }
    if begins(&["NaN", "nan", "Inf", "inf", "-Inf", "-inf", "+"]) || line[..place].ends_with('-') {
        return format!("{at}: {:?} is not a number of JSON: write one in digits", excerpt(rest));
    }
    if rest.starts_with('\'') {
        return format!("{at}: texts are in double quotes, not as in {:?}", excerpt(rest));
    }
    if line[..place].trim_end().ends_with(',') && begins(&["]", "}"]) {
        return format!("{at}: there is a comma before {:?}: remove it", excerpt(rest));
    }
    let described = error.to_string();
    let cause = described.split(" at line ").next().unwrap_or_default();
    let reason = match cause {
        "trailing characters" => "the file goes on after its end: remove what follows",
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
    format!("{at}: is not JSON at {shown}: {reason}")
}

fn excerpt(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(QUOTED).collect();
    if short.len() < line.len() { short + "..." } else { short }
}
