//! Bandwidths and delays, as numbers in the unit of the file or as texts with a unit of their own.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::Delay;

/// Forms of a bandwidth that are accepted, to complete "use ...".
pub(super) const BANDWIDTH_FORMS: &str = "a number of Mbit/s, or a text with a unit such as \"100G\" or \"2.5Mbit\"";
/// Forms of a delay that are accepted, to complete "use ...".
pub(super) const DELAY_FORMS: &str = "a number of milliseconds, or a text with a unit such as \"2ms\" or \"350us\"";

/// Parses a bandwidth with a unit, such as `100G`, `2.5Mbit` or `155.52 Mbit/s`, and returns Mbit/s.
///
/// Prefixes are decimal. A unit is required, because other programs take plain numbers as bit/s or kbit/s.
pub(super) fn parse_bandwidth(text: &str) -> Result<f64, String> {
    let (number, unit) = split(text);
    let (prefix, rest) = match unit.as_bytes().first() {
        Some(b'k' | b'K') => (1e-3, &unit[1..]),
        Some(b'M' | b'm') => (1.0, &unit[1..]),
        Some(b'G' | b'g') => (1e3, &unit[1..]),
        Some(b'T' | b't') => (1e6, &unit[1..]),
        _ => (1e-6, unit),
    };
    match (number, rest) {
        (Some(number), "") if !unit.is_empty() => Ok(scaled(number, prefix)),
        (Some(number), "bit" | "bit/s" | "bits" | "bits/s" | "b/s" | "bps") => Ok(scaled(number, prefix)),
        (Some(_), "B" | "B/s" | "Byte" | "Bytes" | "byte" | "bytes") => {
            Err(format!("{text:?} is in bytes: use bits, as {BANDWIDTH_FORMS}"))
        }
        (Some(_), "") => Err(format!("{text:?} has no unit: use {BANDWIDTH_FORMS}")),
        _ => Err(format!("{text:?} is not a bandwidth: use {BANDWIDTH_FORMS}")),
    }
}

/// Parses a delay with a unit, such as `2ms`, `350us` or `0.1 s`, and returns milliseconds.
pub(super) fn parse_delay(text: &str) -> Result<f64, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "s" => 1e3,
        "ms" => 1.0,
        "us" | "µs" | "μs" => 1e-3,
        "ns" => 1e-6,
        "" if number.is_some() => return Err(format!("{text:?} has no unit: use {DELAY_FORMS}")),
        _ => return Err(format!("{text:?} is not a delay: use {DELAY_FORMS}")),
    };
    match number {
        Some(number) => Ok(scaled(number, factor)),
        None => Err(format!("{text:?} is not a delay: use {DELAY_FORMS}")),
    }
}

/// Splits a text into a decimal number without sign or exponent and the unit after it.
fn split(text: &str) -> (Option<f64>, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number.parse().ok(), unit.trim_start())
}

/// Multiplies by a power of ten; a negative power divides, which keeps decimal numbers exact.
fn scaled(number: f64, factor: f64) -> f64 {
    if factor < 1.0 { number / (1.0 / factor).round() } else { number * factor }
}

/// A number, or a text that a function converts to one.
struct NumberOrText {
    parse: fn(&str) -> Result<f64, String>,
    forms: &'static str,
}

impl Visitor<'_> for NumberOrText {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.forms)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers beyond 2^53 are out of range anyway")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "negative numbers are out of range anyway")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

/// Deserialises a bandwidth in Mbit/s.
pub(super) fn bandwidth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    deserializer.deserialize_any(NumberOrText { parse: parse_bandwidth, forms: BANDWIDTH_FORMS })
}

/// Deserialises a bandwidth in Mbit/s that is present.
pub(crate) fn bandwidth_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    bandwidth(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrText { parse: parse_delay, forms: DELAY_FORMS }).map(Self)
    }
}

/// Describes a bandwidth to editors.
pub(crate) fn bandwidth_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "string", "pattern": "^ *[0-9.]+ *([kKmMgGtT]|[kKmMgGtT]?(bits?(/s)?|b/s|bps)) *$"}
        ]
    })
}

impl JsonSchema for Delay {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Delay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Milliseconds as a number, or a text with a unit such as \"2ms\" or \"350us\".",
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "^ *[0-9.]+ *(s|ms|us|µs|μs|ns) *$"}]
        })
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "decimal scaling is exact")]
mod tests {
    use super::*;

    #[test]
    fn bandwidths_are_read_with_their_unit() {
        for (text, mbits) in [
            ("100G", 100_000.0),
            ("2.5Mbit", 2.5),
            ("155.52 Mbit/s", 155.52),
            ("10Gbps", 10_000.0),
            ("64kbit", 0.064),
            ("1.2Tb/s", 1_200_000.0),
            ("9600bit/s", 0.0096),
            (" 5 m ", 5.0),
        ] {
            assert_eq!(parse_bandwidth(text), Ok(mbits), "{text}");
        }
        for (text, words) in [
            ("100", "has no unit"),
            ("12MB/s", "is in bytes"),
            ("fast", "is not a bandwidth"),
            ("-1G", "is not a bandwidth"),
            ("1.2.3G", "is not a bandwidth"),
            ("", "is not a bandwidth"),
            ("10 Gbit/h", "is not a bandwidth"),
        ] {
            let error = parse_bandwidth(text).unwrap_err();
            assert!(error.contains(words) && error.contains("Mbit/s"), "{text}: {error}");
        }
    }

    #[test]
    fn delays_are_read_with_their_unit() {
        for (text, ms) in
            [("2ms", 2.0), ("350us", 0.35), ("0.25 ms", 0.25), ("70µs", 0.07), ("1s", 1000.0), ("500ns", 0.0005)]
        {
            assert_eq!(parse_delay(text), Ok(ms), "{text}");
        }
        for (text, words) in [("2", "has no unit"), ("2h", "is not a delay"), ("ms", "is not a delay"), ("", "is not")]
        {
            let error = parse_delay(text).unwrap_err();
            assert!(error.contains(words) && error.contains("2ms"), "{text}: {error}");
        }
    }
}
