//! Sizes and rates, in bytes or with a unit as in `256KiB`, `2MB`, `800kbit` and `0.8Mbit`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Number of bytes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Size(u64);

/// Number of bytes per second, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Rate(u64);

/// Reason why a text is not a size or a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Text that is not a number with an optional unit.
    #[error(
        "{0:?} is not a number of bytes, nor one with a unit: B, kB, MB, GB, KiB, MiB, GiB; rates also bit, kbit, Mbit, Gbit"
    )]
    Syntax(String),
    /// Unit such as `Mb`, which some write for megabits and some for megabytes.
    #[error("{0:?}: the unit is ambiguous; write B for bytes, or bit for bits")]
    Ambiguous(String),
    /// Less than one byte.
    #[error("{0:?} is less than one byte")]
    TooSmall(String),
    /// More bytes than 64 bits can count.
    #[error("{0:?} is more than 16 exbibytes")]
    TooLarge(String),
}

/// Largest number of digits after the decimal point.
const MAX_DECIMALS: usize = 12;

impl Size {
    /// Size of this many bytes; `None` for 0.
    pub fn new(bytes: u64) -> Option<Self> {
        (bytes > 0).then_some(Self(bytes))
    }

    /// Number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl Rate {
    /// Rate of this many bytes per second; `None` for 0.
    pub fn new(bytes: u64) -> Option<Self> {
        (bytes > 0).then_some(Self(bytes))
    }

    /// Number of bytes per second.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text, text, false).map(Self)
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    /// Parses a rate; `/s` may follow the unit.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text.trim_end_matches("/s"), text, true).map(Self)
    }
}

/// Parses `text`; errors quote `whole`, the text as it was written.
fn parse(text: &str, whole: &str, bits: bool) -> Result<u64, QuantityError> {
    let shown = || whole.chars().take(40).collect::<String>();
    let syntax = || QuantityError::Syntax(shown());
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (integer, decimals) = number.split_once('.').unwrap_or((number, ""));
    if integer.is_empty() || decimals.contains('.') || number.ends_with('.') || decimals.len() > MAX_DECIMALS {
        return Err(syntax());
    }
    let digits = format!("{integer}{decimals}");
    let too_large = || QuantityError::TooLarge(shown());
    let mantissa: u128 = digits.parse().map_err(|_| too_large())?;
    let (numerator, denominator) = match unit.trim() {
        "" => (1, 1),
        unit => of_unit(unit, bits).ok_or_else(syntax)?.ok_or_else(|| QuantityError::Ambiguous(shown()))?,
    };
    let decimals = u32::try_from(decimals.len()).map_err(|_| syntax())?;
    let denominator = denominator * 10_u128.pow(decimals);
    // Rounds to the nearest byte.
    let bytes = mantissa.checked_mul(numerator).ok_or_else(too_large)? + denominator / 2;
    match u64::try_from(bytes / denominator).map_err(|_| too_large())? {
        0 => Err(QuantityError::TooSmall(shown())),
        bytes => Ok(bytes),
    }
}

/// Bytes of a unit, as a fraction: `None` for an unknown unit, `Some(None)` for an ambiguous one.
#[expect(clippy::option_option, reason = "unknown, ambiguous, and known are three things")]
fn of_unit(unit: &str, bits: bool) -> Option<Option<(u128, u128)>> {
    let (prefix, eighth) = if let Some(prefix) = unit.strip_suffix("bit") {
        (prefix, 8)
    } else if let Some(prefix) = unit.strip_suffix('B') {
        (prefix, 1)
    } else {
        let ambiguous = unit.strip_suffix('b').is_some_and(|prefix| multiplier(prefix).is_some());
        return ambiguous.then_some(None);
    };
    if eighth == 8 && !bits {
        return None;
    }
    multiplier(prefix).map(|multiplier| Some((multiplier, eighth)))
}

fn multiplier(prefix: &str) -> Option<u128> {
    Some(match prefix {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" | "ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return None,
    })
}

/// Visitor of a number or of a text with a unit.
struct Either<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err = QuantityError>> Visitor<'_> for Either<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes, or a text such as \"256KiB\"")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! quantity {
    ($type:ident, $pattern:literal, $description:literal) => {
        impl fmt::Display for $type {
            /// Writes the number of bytes, which is exact.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Either(std::marker::PhantomData))
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": $description,
                    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": $pattern}],
                })
            }
        }
    };
}

quantity!(Size, "^[0-9]+(\\.[0-9]+)? *(([kKM]|G|[kKMG]i)?B)?$", "bytes, or a text with a unit such as 256KiB or 2MB");
quantity!(
    Rate,
    "^[0-9]+(\\.[0-9]+)? *(([kKM]|G|[kKMG]i)?(B|bit))?(/s)?$",
    "bytes per second, or a text with a unit such as 64KiB, 2MB, 800kbit or 0.8Mbit"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units() {
        for (text, bytes) in [
            ("64KiB", 65_536),
            ("2MB", 2_000_000),
            ("800kbit", 100_000),
            ("0.8Mbit", 100_000),
            ("100000", 100_000),
            ("1Gbit/s", 125_000_000),
            ("1.5 MiB", 1_572_864),
            ("1 B", 1),
            ("12bit", 2),
        ] {
            assert_eq!(text.parse::<Rate>().map(Rate::bytes), Ok(bytes), "{text}");
        }
        for text in ["", "-1", "1e6", ".5MB", "1.MB", "1.2.3", "MB", "1 furlong", "1MBB", "inf", "１MB", "1 MB s"] {
            assert!(matches!(text.parse::<Rate>(), Err(QuantityError::Syntax(_))), "{text}");
        }
        assert!(matches!("8Mb".parse::<Rate>(), Err(QuantityError::Ambiguous(_))));
        assert!(matches!("0".parse::<Rate>(), Err(QuantityError::TooSmall(_))));
        assert!(matches!("1bit".parse::<Rate>(), Err(QuantityError::TooSmall(_))));
        assert!(matches!("99999999999999GB".parse::<Rate>(), Err(QuantityError::TooLarge(_))));
        assert!(matches!("8kbit".parse::<Size>(), Err(QuantityError::Syntax(_))), "files have bytes");
    }

    proptest! {
        #[test]
        fn exact(number in 1..1_000_000_u64, unit in 0..8_usize) {
            let (unit, numerator, denominator) = [
                ("", 1, 1), ("B", 1, 1), ("kB", 1000, 1), ("KiB", 1024, 1), ("MiB", 1 << 20, 1), ("GB", 1_000_000_000, 1),
                ("kbit", 125, 1), ("Mbit", 125_000, 1),
            ][unit];
            let rate: Rate = format!("{number}{unit}").parse().unwrap();
            prop_assert_eq!(rate.bytes(), number * numerator / denominator);
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
            let json = serde_json::to_string(&rate).unwrap();
            prop_assert_eq!(serde_json::from_str::<Rate>(&json).unwrap(), rate);
            prop_assert_eq!(serde_json::from_str::<Rate>(&format!("\"{number}{unit}\"")).unwrap(), rate);
            // With a tenth of the unit more: to the nearest byte.
            let tenth: Rate = format!("{number}.{}{unit}", number % 10).parse().unwrap();
            let ten_times = (10 * number + number % 10) * numerator / denominator;
            prop_assert!((10 * tenth.bytes()).abs_diff(ten_times) <= 5, "{} {}", tenth, ten_times);
        }

        #[test]
        fn anything_is_read_or_refused(text in "[0-9]{0,30}\\.?[0-9]{0,15} ?[kKMGi]{0,2}(b|B|bit|bits)?(/s)?.{0,2}") {
            if let Ok(rate) = text.parse::<Rate>() {
                prop_assert!(rate.bytes() > 0);
            }
            if let Ok(size) = text.parse::<Size>() {
                prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
            }
        }
    }
}
