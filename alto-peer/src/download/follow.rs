//! The choice of how the costs of holders are kept current.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use alto_client::follow::Way;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

/// Ways in which a peer may be told that costs have changed, instead of asking for them at an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Costs are followed by the server's update stream, or else by TIPS, or else not at all.
    Auto,
    /// Costs are followed by the server's update stream (RFC 8895).
    Stream,
    /// Costs are followed by TIPS (RFC 9569).
    Tips,
    /// Not at all.
    Never,
}

impl Follow {
    /// All choices.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Stream, Self::Tips, Self::Never];

    /// The name as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Stream => "stream",
            Self::Tips => "tips",
            Self::Never => "never",
        }
    }

    /// Ways that are tried, the best one first.
    pub(super) const fn ways(self) -> &'static [Way] {
        match self {
            Self::Auto => &[Way::Stream, Way::Views],
            Self::Stream => &[Way::Stream],
            Self::Tips => &[Way::Views],
            Self::Never => &[],
        }
    }

    fn names() -> [&'static str; 4] {
        Self::ALL.map(Self::as_str)
    }
}

impl fmt::Display for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Follow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is not one of {}", Self::names().join(", ")))
    }
}

impl Serialize for Follow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Follow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Follow {
    fn schema_name() -> Cow<'static, str> {
        "Follow".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "a way to be told of changes", "enum": Self::names() })
    }
}
