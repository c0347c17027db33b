//! Names that were checked: of nodes, and of PIDs (RFC 7285 §10.1).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name of either kind.
pub(crate) const MAX_LENGTH: usize = 64;

/// The name of a host or a switch: 1 to 64 ASCII letters, digits, `-`, `:`, `@`, `_`, `.`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

/// The name of a PID: 1 to 64 ASCII letters, digits, `-`, `:`, `@`, `_`. A `.` is reserved (RFC 7285 §10.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PidName(Arc<str>);

/// A text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no name: use 1 to {MAX_LENGTH} ASCII letters, digits, or any of {punctuation}")]
pub struct InvalidName {
    text: String,
    punctuation: &'static str,
}

fn checked(text: &str, punctuation: &'static str) -> Result<Arc<str>, InvalidName> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || (byte != b' ' && punctuation.as_bytes().contains(&byte));
    if text.is_empty() || text.len() > MAX_LENGTH || !text.bytes().all(legal) {
        // Enough of it to be found again.
        return Err(InvalidName { text: text.chars().take(80).collect(), punctuation });
    }
    Ok(text.into())
}

macro_rules! name {
    ($name:ident, $punctuation:literal) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                checked(text, $punctuation).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(NodeName, "- : @ _ .");
name!(PidName, "- : @ _");

impl PidName {
    /// The text, shared.
    pub(crate) fn text(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        for good in ["a", "pid1@example:80_x-y", &"x".repeat(64)] {
            assert_eq!(good.parse::<PidName>().unwrap().as_str(), good);
        }
        assert!("s1.example".parse::<NodeName>().is_ok());
        assert!("pid.1".parse::<PidName>().is_err(), "the dot is reserved");
        for bad in ["", " ", "a b", "ä", "a/b", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<NodeName>().is_err(), "{bad:?}");
        }
    }
}
