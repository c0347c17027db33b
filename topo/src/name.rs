//! Validated names of nodes, PIDs (RFC 7285 §10.1) and operator-defined properties (RFC 9240 §5.2.1).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Largest length of a node or PID name.
const MAX_LENGTH: usize = 64;
/// Largest length of the name of a network map, so that every resource ID with it has at most 64 characters.
const MAX_MAP_LENGTH: usize = 32;
/// Prefix of operator-defined property names; all other names are registered (RFC 9240 §5.2.1).
const PRIVATE: &str = "priv:";
/// Largest length of a property name (RFC 9240 §5.2.1).
const MAX_PROPERTY_LENGTH: usize = 32;
/// Number of characters of an invalid name that its error message quotes.
const QUOTED: usize = 80;

/// The name of a host or switch: 1 to 64 ASCII letters, digits, `-`, `:`, `@`, `_`, `.`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

/// The name of a PID: 1 to 64 ASCII letters, digits, `-`, `:`, `@`, `_`. The `.` is reserved (RFC 7285 §10.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PidName(Arc<str>);

/// The name of a network map beside the default one: 1 to 32 ASCII letters, digits, `-`, `_`. Resource IDs end with it
/// (RFC 7285 §10.2), and paths have it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapName(Arc<str>);

/// The name of an operator-defined property: `priv:` and 1 to 27 ASCII letters, digits, `-`, `_`, `:`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PropertyName(Arc<str>);

/// A text that is not a valid node or PID name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid name: use 1 to {MAX_LENGTH} ASCII letters, digits, or any of {punctuation}")]
pub struct InvalidName {
    text: String,
    punctuation: &'static str,
}

/// A text that is not a valid name of a network map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a valid name of a network map: use 1 to {MAX_MAP_LENGTH} ASCII letters, digits, \"-\" or \"_\""
)]
pub struct InvalidMapName {
    text: String,
}

/// A text that is not a valid property name.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is not a valid property name: use {PRIVATE} followed by letters, digits, \"-\", \"_\" or \":\", at most \
     {MAX_PROPERTY_LENGTH} characters in all, as in priv:alto-access"
)]
pub(crate) struct InvalidPropertyName {
    text: String,
}

fn checked(text: &str, punctuation: &'static str) -> Result<Arc<str>, InvalidName> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || (byte != b' ' && punctuation.as_bytes().contains(&byte));
    if text.is_empty() || text.len() > MAX_LENGTH || !text.bytes().all(legal) {
        return Err(InvalidName { text: text.chars().take(QUOTED).collect(), punctuation });
    }
    Ok(text.into())
}

macro_rules! name {
    ($visibility:vis $name:ident) => {
        impl $name {
            /// Returns the name as a string slice.
            $visibility fn as_str(&self) -> &str {
                &self.0
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

name!(pub NodeName);
name!(pub PidName);
name!(pub MapName);
name!(pub(crate) PropertyName);

impl FromStr for NodeName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        checked(text, "- : @ _ .").map(Self)
    }
}

impl FromStr for PidName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        checked(text, "- : @ _").map(Self)
    }
}

impl FromStr for MapName {
    type Err = InvalidMapName;

    fn from_str(text: &str) -> Result<Self, InvalidMapName> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if text.is_empty() || text.len() > MAX_MAP_LENGTH || !text.bytes().all(legal) {
            return Err(InvalidMapName { text: text.chars().take(QUOTED).collect() });
        }
        Ok(Self(text.into()))
    }
}

impl FromStr for PropertyName {
    type Err = InvalidPropertyName;

    fn from_str(text: &str) -> Result<Self, InvalidPropertyName> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
        let rest = text.strip_prefix(PRIVATE).unwrap_or_default();
        if rest.is_empty() || text.len() > MAX_PROPERTY_LENGTH || !rest.bytes().all(legal) {
            return Err(InvalidPropertyName { text: text.chars().take(QUOTED).collect() });
        }
        Ok(Self(text.into()))
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
        assert!("fine-2_x".parse::<MapName>().is_ok());
        for bad in ["", "a:b", "a.b", "a/b", &"x".repeat(33)] {
            assert!(bad.parse::<MapName>().is_err(), "{bad:?}");
        }
        for bad in ["", " ", "a b", "ä", "a/b", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<NodeName>().is_err(), "{bad:?}");
        }
    }
}
