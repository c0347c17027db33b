//! Validated names: strings whose RFC 7285 grammar is checked on construction.
//!
//! The grammars differ in small ways that matter: `@` is legal in PIDs and resource IDs but not in metrics, modes or
//! properties, and `.` is reserved in all of them except as the one separator of a resource-specific property.
//! The empty string is rejected everywhere, although the RFC specifies maximum lengths only.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that violates the grammar of a name; the message states the grammar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a legal {kind}: {rule}")]
pub struct NameError {
    kind: &'static str,
    value: String,
    rule: &'static str,
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the name as a string slice.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(value: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(value) {
                    Ok(Self(value.into()))
                } else {
                    Err(NameError { kind: $kind, value: value.chars().take(100).collect(), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(value: String) -> Result<Self, NameError> {
                value.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_name!(
    /// Name of a provider-defined identifier of a group of endpoints, RFC 7285 §10.1.
    PidName,
    "PID name",
    "1 to 64 of the characters 0-9 A-Z a-z : @ _ - (RFC 7285 §10.1)",
    is_pid_name
);

checked_name!(
    /// Name of an information resource, unique in a client's closure, RFC 7285 §10.2.
    ResourceId,
    "resource ID",
    "1 to 64 of the characters 0-9 A-Z a-z : @ _ - (RFC 7285 §10.2)",
    is_pid_name
);

checked_name!(
    /// Opaque part of a version tag, compared byte for byte, RFC 7285 §10.3.
    Tag,
    "tag",
    "1 to 64 visible ASCII characters, no space (RFC 7285 §10.3)",
    |s| (1..=64).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_graphic())
);

checked_name!(
    /// Cost metric, RFC 7285 §10.6: registered, or private with the prefix `priv:`. A dot is legal only in a percentile
    /// such as `delay-ow:p99.9` (RFC 9439 §3.2).
    CostMetric,
    "cost metric",
    "1 to 32 of the characters 0-9 A-Z a-z : _ -, and more than the bare prefix priv: (RFC 7285 §10.6)",
    is_cost_metric
);

checked_name!(
    /// Source of the values of a cost type, RFC 9439 §3.1.
    CostSource,
    "cost source",
    "1 to 32 of the characters 0-9 A-Z a-z (RFC 9439 §3.1)",
    |s| (1..=32).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric())
);

checked_name!(
    /// Cost mode, RFC 7285 §10.5 as extended by RFC 9274 §3.2.
    CostMode,
    "cost mode",
    "1 to 32 of the characters 0-9 A-Z a-z : _ -, and more than the bare prefix priv: (RFC 9274 §3.2)",
    is_registered_style
);

checked_name!(
    /// Type of an endpoint property, RFC 7285 §10.8: global (`priv:access`) or resource-specific (`network-map.pid`).
    PropertyType,
    "endpoint property type",
    "a global name of 1 to 32 of the characters 0-9 A-Z a-z : _ -, or a resource ID, one dot and such a name \
     (RFC 7285 §10.8)",
    |s| match s.split_once('.') {
        None => is_registered_style(s),
        Some((resource, name)) => is_pid_name(resource) && is_registered_style(name),
    }
);

impl CostMode {
    /// Mode of costs that are numbers to calculate with, RFC 7285 §6.1.2.1.
    pub const NUMERICAL: &'static str = "numerical";
    /// Mode of costs that are ranks, RFC 7285 §6.1.2.2.
    pub const ORDINAL: &'static str = "ordinal";
}

impl CostSource {
    /// Source of configured values.
    pub const NOMINAL: &'static str = "nominal";
    /// Source of values promised in a service level agreement.
    pub const SLA: &'static str = "sla";
    /// Source of measured or computed values.
    pub const ESTIMATION: &'static str = "estimation";
}

impl PropertyType {
    /// Returns the property that holds the PID of an endpoint in a network map, RFC 7285 §7.1.1.
    pub fn pid_of(network_map: &ResourceId) -> Self {
        Self(format!("{network_map}.pid").into())
    }

    /// Splits a resource-specific property into resource and name; `None` for a global one (RFC 7285 §10.8.1).
    pub fn resource_specific(&self) -> Option<(&str, &str)> {
        self.0.split_once('.')
    }
}

fn is_pid_name(s: &str) -> bool {
    (1..=64).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || b":@_-".contains(&b))
}

/// Checks the grammar shared by metrics, modes and global properties.
fn is_registered_style(s: &str) -> bool {
    (1..=32).contains(&s.len()) && s != "priv:" && s.bytes().all(|b| b.is_ascii_alphanumeric() || b":_-".contains(&b))
}

/// Checks the grammar of metrics, where a dot is legal only as the decimal point of a percentile.
fn is_cost_metric(s: &str) -> bool {
    let Some((whole, decimals)) = s.split_once('.') else { return is_registered_style(s) };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let percentile = whole.rsplit_once(":p").is_some_and(|(base, number)| {
        let integer = digits(number) && (number == "0" || !number.starts_with('0'));
        let percent = number.parse::<u8>().is_ok_and(|n| n < 100 || (n == 100 && decimals.bytes().all(|b| b == b'0')));
        is_registered_style(base) && integer && percent
    });
    s.len() <= 32 && percentile && digits(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_names_follow_the_grammar() {
        let longest = "p".repeat(64);
        for good in ["a", "PID_1", "isp-a:pop@2", longest.as_str()] {
            assert!(good.parse::<PidName>().is_ok(), "{good}");
        }
        let too_long = "p".repeat(65);
        for bad in ["", "a.b", "a b", "é", too_long.as_str()] {
            assert!(bad.parse::<PidName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_private_prefix_alone_is_not_a_name() {
        assert!("priv:x".parse::<CostMetric>().is_ok());
        assert!("priv:".parse::<CostMetric>().is_err());
        assert!("routing@cost".parse::<CostMetric>().is_err());
        assert!("a.b".parse::<CostMode>().is_err());
    }

    #[test]
    fn metrics_contain_a_dot_only_in_a_percentile() {
        for good in ["delay-ow:p99.9", "lossrate:p0.05", "delay-ow:p100.0", "priv:x:p50.5", "delay-ow:p95"] {
            assert!(good.parse::<CostMetric>().is_ok(), "{good}");
        }
        for bad in [
            "delay-ow.p99",
            "delay-ow:p99.",
            "delay-ow:p.9",
            "delay-ow:p100.1",
            "delay-ow:p099.9",
            "p99.9",
            ":p99.9",
            "delay-ow:p99.9.9",
            "priv:acme-a-very-long-name-x:p99.9",
        ] {
            assert!(bad.parse::<CostMetric>().is_err(), "{bad}");
        }
        assert!("estimation".parse::<CostSource>().is_ok());
        assert!("made-up".parse::<CostSource>().is_err());
    }

    #[test]
    fn properties_have_at_most_one_dot() {
        let property: PropertyType = "network-map.pid".parse().unwrap();
        assert_eq!(property.resource_specific(), Some(("network-map", "pid")));
        assert!("pid".parse::<PropertyType>().unwrap().resource_specific().is_none());
        for bad in ["a.b.c", ".pid", "map.", "priv:"] {
            assert!(bad.parse::<PropertyType>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_are_visible_ascii() {
        assert!("\"\\~!".parse::<Tag>().is_ok());
        for bad in ["", "a b", "a\u{7f}", "ä"] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }
}
