//! The name of the user in an `Authorization` field of HTTP Digest (RFC 7616 §3.4), which may have any characters: as a
//! quoted text in UTF-8, or encoded in `username*` (RFC 8187).

/// Name that takes the place of the real one, for a parser that knows ASCII only.
const STAND_IN: &str = "username=\"-\"";

/// Field with a stand-in for the name, and the names that the client may mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The field, in ASCII.
    pub(super) field: String,
    /// The name as the grammar has it; then as it stands there, because some clients leave backslashes as they are.
    pub(super) names: Vec<String>,
}

/// Takes the name out of the parameters of a field. `None` if it has none or several, or other text that is not ASCII.
pub(super) fn take(parameters: &[u8]) -> Option<Named> {
    let text = std::str::from_utf8(parameters).ok()?;
    let mut field = String::with_capacity(text.len());
    let mut names = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (parameter, after) = split(rest);
        rest = after;
        let parameter = parameter.trim_matches([' ', '\t', ',']);
        let Some((key, value)) = parameter.split_once('=') else { continue };
        let (key, value) = (key.trim_end(), value.trim_start());
        let found = match key.to_ascii_lowercase().as_str() {
            "username" => quoted(value),
            "username*" => encoded(value)?,
            _ => Vec::new(),
        };
        let is_name = !found.is_empty();
        if is_name && !names.is_empty() {
            return None;
        }
        names.extend(found);
        let parameter = if is_name { STAND_IN } else { parameter };
        if !field.is_empty() {
            field.push_str(", ");
        }
        field.push_str(parameter);
    }
    (!names.is_empty() && field.is_ascii()).then_some(Named { field, names })
}

/// Splits the first parameter off, at a comma outside quotes.
fn split(text: &str) -> (&str, &str) {
    let (mut in_quotes, mut escaped) = (false, false);
    for (place, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_quotes => escaped = true,
            '"' => in_quotes = !in_quotes,
            ',' if !in_quotes => return (&text[..place], &text[place + 1..]),
            _ => {}
        }
    }
    (text, "")
}

/// Reads a quoted text, in both ways that clients write backslashes.
fn quoted(value: &str) -> Vec<String> {
    let Some(raw) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return vec![value.to_owned()];
    };
    let mut name = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        name.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    if name == raw { vec![name] } else { vec![name, raw.to_owned()] }
}

/// Reads `UTF-8'LANGUAGE'TEXT` with percent-encoded octets (RFC 8187 §3.2).
fn encoded(value: &str) -> Option<Vec<String>> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") || text.is_empty() {
        return None;
    }
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let digit = |octet: Option<u8>| char::from(octet?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        octets.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(vec![String::from_utf8(octets).ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parameters: &str) -> Option<Vec<String>> {
        take(parameters.as_bytes()).map(|named| named.names)
    }

    #[test]
    fn names_are_read_in_every_form() {
        for (parameters, expected) in [
            (r#"username="Mufasa", realm="a, b""#, vec!["Mufasa"]),
            (r#"realm="a", username="DOMAIN\\mufasa""#, vec![r"DOMAIN\mufasa", r"DOMAIN\\mufasa"]),
            (r#"username="DOMAIN\mufasa""#, vec!["DOMAINmufasa", r"DOMAIN\mufasa"]),
            (r#"username="J\"s, on", qop=auth"#, vec!["J\"s, on", "J\\\"s, on"]),
            (r#"username="Jäsøn Doe""#, vec!["Jäsøn Doe"]),
            (r"username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, qop=auth", vec!["Jäsøn Doe"]),
            (r"username*=utf-8'en'plain", vec!["plain"]),
            ("username=token", vec!["token"]),
        ] {
            assert_eq!(names(parameters).unwrap(), expected, "{parameters}");
        }
        for parameters in [
            "realm=\"a\"",
            r#"username="a", username="b""#,
            r#"username="a", username*=UTF-8''b"#,
            r"username*=ISO-8859-1''J%E4s",
            r"username*=UTF-8''%C3",
            r"username*=UTF-8''%",
            r#"username="a", realm="ä""#,
        ] {
            assert_eq!(names(parameters), None, "{parameters}");
        }
        assert_eq!(take(b"username=\"J\xe4s\""), None);
    }

    #[test]
    fn a_stand_in_takes_the_place_of_the_name() {
        let named = take(r#"username="Jäsøn, Doe", realm="a, \"b\"", qop=auth"#.as_bytes()).unwrap();
        assert_eq!(named.field, r#"username="-", realm="a, \"b\"", qop=auth"#);
    }
}
