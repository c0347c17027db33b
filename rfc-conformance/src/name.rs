//! Syntax of names (RFC 7285 §10, RFC 9274 §3.2), and names registered with IANA.

use crate::metric::{Metric, Operator};

/// Registered cost modes (RFC 9274, RFC 9275).
pub(crate) const MODES: &[&str] = &["numerical", "ordinal", "array"];
/// Registered cost metrics (RFC 7285, RFC 9439, RFC 9275).
pub(crate) const METRICS: &[&str] = &[
    "routingcost",
    "delay-ow",
    "delay-rt",
    "delay-variation",
    "lossrate",
    "hopcount",
    "tput",
    "bw-residual",
    "bw-available",
    "ane-path",
];
/// Registered address types.
pub(crate) const ADDRESS_TYPES: &[&str] = &["ipv4", "ipv6"];
/// Registered endpoint property types.
pub(crate) const PROPERTIES: &[&str] = &["pid"];
/// Registered error codes (RFC 7285 §14.5).
pub(crate) const ERROR_CODES: &[&str] =
    &["E_SYNTAX", "E_MISSING_FIELD", "E_INVALID_FIELD_TYPE", "E_INVALID_FIELD_VALUE"];

/// Fault in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameFault {
    /// Too many characters.
    Length,
    /// Characters outside the alphabet.
    Alphabet,
    /// A dot, which is reserved.
    Dot,
    /// Prefix `priv:` without a name.
    BarePrefix,
    /// Name that is neither registered nor private.
    Unregistered,
}

/// Rules for a kind of name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    most: usize,
    at_sign: bool,
    /// Permits operators of RFC 9439 at the end.
    percentiles: bool,
    registered: Option<&'static [&'static str]>,
}

pub(crate) const PID: Rules = Rules { most: 64, at_sign: true, percentiles: false, registered: None };
pub(crate) const METRIC: Rules = Rules { most: 32, at_sign: false, percentiles: true, registered: Some(METRICS) };
pub(crate) const MODE: Rules = Rules { most: 32, at_sign: false, percentiles: false, registered: Some(MODES) };
pub(crate) const PROPERTY: Rules = Rules { most: 32, at_sign: false, percentiles: false, registered: Some(PROPERTIES) };

impl Rules {
    /// Lists the faults of a name.
    pub(crate) fn faults(self, name: &str) -> Vec<NameFault> {
        let mut faults = Vec::new();
        if name.chars().count() > self.most {
            faults.push(NameFault::Length);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-') || (c == '@' && self.at_sign);
        if name.chars().any(|c| !allowed(c) && c != '.') {
            faults.push(NameFault::Alphabet);
        }
        // RFC 9439 §3.2 permits a dot in a percentile: `delay-ow:p99.9`.
        let percentile = |name| matches!(Metric::read(name).explicit(), Some(Ok(Operator::Percentile(_))));
        let dots = if self.percentiles && percentile(name) { Metric::read(name).base } else { name };
        if dots.contains('.') {
            faults.push(NameFault::Dot);
        }
        if let Some(registered) = self.registered {
            match name.strip_prefix("priv:") {
                Some("") => faults.push(NameFault::BarePrefix),
                Some(_) => {}
                // A registered name may have an operator as suffix (RFC 9439 §3.2).
                None if registered.contains(&name.split(':').next().unwrap_or(name)) => {}
                None => faults.push(NameFault::Unregistered),
            }
        }
        faults
    }
}

/// Tests whether an address type is registered.
pub(crate) fn is_registered_address_type(name: &str) -> bool {
    ADDRESS_TYPES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_names_are_found() {
        assert_eq!(PID.faults(&"a".repeat(64)), []);
        assert_eq!(PID.faults(&"a".repeat(65)), [NameFault::Length]);
        assert_eq!(PID.faults("a.b c"), [NameFault::Alphabet, NameFault::Dot]);
        assert_eq!(PID.faults("x@y:z_-"), []);
        assert_eq!(METRIC.faults("routingcost"), []);
        assert_eq!(METRIC.faults("delay-ow:p95"), []);
        assert_eq!(METRIC.faults("delay-ow:p99.9"), []);
        assert_eq!(METRIC.faults("delay-ow:m.n"), [NameFault::Dot]);
        assert_eq!(METRIC.faults("delay.ow:p99.9"), [NameFault::Dot, NameFault::Unregistered]);
        assert_eq!(METRIC.faults("priv:"), [NameFault::BarePrefix]);
        assert_eq!(METRIC.faults("priv:a@b"), [NameFault::Alphabet]);
        assert_eq!(MODE.faults("numeric"), [NameFault::Unregistered]);
    }
}
