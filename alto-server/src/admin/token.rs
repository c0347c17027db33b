//! The bearer tokens that open `/admin` over TCP: one for everything, or several with a name and scopes each.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::operator::{Operator, Scope};
use crate::regular_file;

/// Longest file with tokens, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// Shortest token that is hard to guess, in characters.
const MIN_LENGTH: usize = 16;
/// Largest length of a name, in characters.
const MAX_NAME: usize = 64;

/// Tokens with their owners. Of each, only a hash is kept, so that neither a log nor a memory dump shows it.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<[u8; 32], Operator>);

/// Reason why tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("admin-token-file: {}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("admin-token-file: {}: {}", path.display(), problems.join("; "))]
    Malformed { path: PathBuf, problems: Vec<String> },
    #[error("{variable}: {problem}")]
    Variable { variable: &'static str, problem: String },
}

impl Tokens {
    /// Reads a file: the first line is a token for everything, or every line has a name, scopes and a token.
    pub(crate) fn from_file(path: &Path) -> Result<Self, TokenError> {
        let text = regular_file::read_text(path, MAX_FILE_BYTES)
            .map_err(|source| TokenError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|problems| TokenError::Malformed { path: path.to_owned(), problems })
    }

    /// Takes a token for everything from an environment variable.
    pub(crate) fn from_variable(variable: &'static str, token: &str) -> Result<Self, TokenError> {
        check_token(token).map_err(|problem| TokenError::Variable { variable, problem })?;
        Ok(Self(HashMap::from([(hash(token), everything("environment"))])))
    }

    fn parse(text: &str) -> Result<Self, Vec<String>> {
        let (mut tokens, mut problems) = (HashMap::new(), Vec::new());
        let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let read = match words[..] {
                [token] if tokens.is_empty() => check_token(token).map(|()| (hash(token), everything("token"))),
                [name, scopes, token] => read_line(name, scopes, token),
                _ => Err("write NAME SCOPES TOKEN; only the first line may be a TOKEN alone".to_owned()),
            };
            match read {
                Ok((hash, operator)) => {
                    if tokens.values().any(|known: &Operator| known.name == operator.name) {
                        problems
                            .push(format!("line {number}: the name {:?} is that of an earlier line", operator.name));
                    } else if tokens.insert(hash, operator).is_some() {
                        problems.push(format!("line {number}: the token is that of an earlier line, too"));
                    }
                }
                Err(problem) => problems.push(format!("line {number}: {problem}")),
            }
        }
        if tokens.is_empty() && problems.is_empty() {
            problems.push("the file has no admin token; try: openssl rand -hex 32".to_owned());
        }
        if problems.is_empty() { Ok(Self(tokens)) } else { Err(problems) }
    }

    /// Returns the owner of the token that an `Authorization` field carries (RFC 6750 §2.1).
    pub(crate) fn owner(&self, authorization: Option<&str>) -> Option<&Operator> {
        let (scheme, token) = authorization?.split_once(' ')?;
        // Looking up a hash reveals nothing about the token by the time it takes.
        self.0.get(&hash(token.trim())).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
    }
}

fn everything(name: &str) -> Operator {
    Operator { name: name.to_owned(), scopes: vec![Scope::Everything] }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Refuses a token that could be guessed, or cannot be sent. The token itself never appears in a message.
fn check_token(token: &str) -> Result<(), String> {
    if token.len() < MIN_LENGTH || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "the admin token must have at least {MIN_LENGTH} visible ASCII characters; try: openssl rand -hex 32"
        ));
    }
    Ok(())
}

/// Reads a line with a name, scopes and a token.
fn read_line(name: &str, scopes: &str, token: &str) -> Result<([u8; 32], Operator), String> {
    if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!("the name has more than {MAX_NAME} characters, or control characters"));
    }
    let scopes = scopes.split(',').map(read_scope).collect::<Result<Vec<_>, _>>()?;
    check_token(token)?;
    Ok((hash(token), Operator { name: name.to_owned(), scopes }))
}

fn read_scope(text: &str) -> Result<Scope, String> {
    match text.split_once(':') {
        None if text == "everything" => Ok(Scope::Everything),
        None if text == "read" => Ok(Scope::Read),
        None if text == "measure" => Ok(Scope::Measure),
        Some(("prefixes", source)) if !source.is_empty() => Ok(Scope::Prefixes(source.to_owned())),
        _ => Err(format!("{text:?} is not a scope: use read, measure, prefixes:SOURCE or everything")),
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_token_is_for_everything() {
        let tokens = Tokens::parse("0123456789abcdef\n").unwrap();
        for right in ["Bearer 0123456789abcdef", "bearer 0123456789abcdef "] {
            assert!(tokens.owner(Some(right)).unwrap().has(&Scope::Everything), "{right}");
        }
        for wrong in [None, Some(""), Some("Bearer"), Some("Bearer 0123456789abcdeg"), Some("Basic 0123456789abcdef")] {
            assert_eq!(tokens.owner(wrong), None, "{wrong:?}");
        }
        assert!(!format!("{tokens:?}").contains("0123"));
    }

    #[test]
    fn a_token_may_do_what_its_scopes_say() {
        let text = "# operators\nada everything aaaaaaaaaaaaaaaa\nprometheus measure bbbbbbbbbbbbbbbb\n\
                    bgp prefixes:bgp,prefixes:lab cccccccccccccccc\nboard read dddddddddddddddd\n";
        let tokens = Tokens::parse(text).unwrap();
        let may = |letter: &str, needed: &Scope| {
            tokens.owner(Some(&format!("Bearer {}", letter.repeat(16)))).unwrap().has(needed)
        };
        let of = |source: &str| Scope::Prefixes(source.to_owned());
        for (letter, measure, bgp, other, everything) in [
            ("a", true, true, true, true),
            ("b", true, false, false, false),
            ("c", false, true, false, false),
            ("d", false, false, false, false),
        ] {
            assert!(may(letter, &Scope::Read), "{letter}");
            assert_eq!(may(letter, &Scope::Measure), measure, "{letter}");
            assert_eq!(may(letter, &of("bgp")), bgp, "{letter}");
            assert_eq!(may(letter, &of("other")), other, "{letter}");
            assert_eq!(may(letter, &Scope::Everything), everything, "{letter}");
        }
    }

    #[test]
    fn faulty_lines_are_all_named_without_their_tokens() {
        let text = "ada everything short\nada write aaaaaaaaaaaaaaaa\nbob read bbbbbbbbbbbbbbbb\nbob read cccccccccccccccc\n\
                    eve read bbbbbbbbbbbbbbbb\nlonely-token-of-old\na b c d\n";
        let problems = Tokens::parse(text).unwrap_err();
        for (position, says) in [
            "line 1: the admin token must have at least 16",
            "line 2: \"write\" is not a scope",
            "line 4: the name \"bob\"",
            "line 5: the token is that of an earlier line",
            "line 6: write NAME SCOPES TOKEN",
            "line 7: write NAME SCOPES TOKEN",
        ]
        .into_iter()
        .enumerate()
        {
            assert!(problems[position].starts_with(says), "{problems:#?}");
        }
        let all = problems.join(" ");
        for secret in ["aaaa", "bbbb", "lonely"] {
            assert!(!all.contains(secret), "{all}");
        }
        for empty in ["", "# nothing\n", "\u{feff}"] {
            assert!(Tokens::parse(empty.trim_start_matches('\u{feff}')).unwrap_err()[0].contains("openssl rand"));
        }
        for weak in ["short", "with spaces in it, long"] {
            assert!(Tokens::from_variable("VARIABLE", weak).unwrap_err().to_string().starts_with("VARIABLE: "));
        }
    }
}
