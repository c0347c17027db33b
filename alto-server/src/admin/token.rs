//! The bearer token that opens `/admin` over TCP.

use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::regular_file;

/// Longest file with a token, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Shortest token that is hard to guess, in characters.
const MIN_LENGTH: usize = 16;

/// Bearer token, kept only as a hash so that neither a log nor a memory dump shows it.
pub(crate) struct Token {
    hash: [u8; 32],
}

/// Reason why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("admin-token-file: {}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{0}: the admin token must have at least {MIN_LENGTH} visible ASCII characters; try: openssl rand -hex 32")]
    Weak(String),
}

impl Token {
    /// Reads the first line of a file.
    pub(crate) fn from_file(path: &Path) -> Result<Self, TokenError> {
        let text = regular_file::read_text(path, MAX_FILE_BYTES)
            .map_err(|source| TokenError::Unreadable { path: path.to_owned(), source })?;
        Self::new(text.lines().next().unwrap_or_default().trim(), &path.display().to_string())
    }

    /// Takes a token from text. The error for a weak token names `origin`.
    pub(crate) fn new(text: &str, origin: &str) -> Result<Self, TokenError> {
        if text.len() < MIN_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Weak(origin.to_owned()));
        }
        Ok(Self { hash: Sha256::digest(text).into() })
    }

    /// Tells whether an `Authorization` field carries this token (RFC 6750 §2.1).
    pub(crate) fn opens(&self, authorization: Option<&str>) -> bool {
        let Some((scheme, token)) = authorization.and_then(|field| field.split_once(' ')) else { return false };
        // Comparing hashes reveals nothing about the token by the time it takes.
        let hash: [u8; 32] = Sha256::digest(token.trim()).into();
        scheme.eq_ignore_ascii_case("bearer") && hash == self.hash
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_is_accepted() {
        let token = Token::new("0123456789abcdef", "test").unwrap();
        assert!(token.opens(Some("Bearer 0123456789abcdef")));
        assert!(token.opens(Some("bearer 0123456789abcdef ")));
        for wrong in [None, Some(""), Some("Bearer"), Some("Bearer 0123456789abcdeg"), Some("Basic 0123456789abcdef")] {
            assert!(!token.opens(wrong), "{wrong:?}");
        }
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn weak_tokens_are_refused() {
        for weak in ["", "short", "with spaces in it, long"] {
            assert!(Token::new(weak, "test").is_err());
        }
    }
}
