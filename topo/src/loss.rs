//! Losses along a route: what arrives over all its links is the product of what arrives over each.
//!
//! Packets are taken to be lost by each link independently of the others, which RFC 9439 §4.4 allows for and which is
//! close to a sum where losses are small. The product is one of integers, so that it is the same everywhere: exact for
//! links whose losses have 18 digits together, as two links always have, and else rounded down in the 18th digit, which
//! is ten digits behind the last that is shown. It is always taken from the end of a route to its beginning.

use crate::value::Value;

/// The part of all packets that arrives, in units of 10^-18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Success(u64);

/// Everything arrives.
const ONE: u64 = 1_000_000_000_000_000_000;
/// A millionth of a percent.
const STEP: u64 = ONE / 100_000_000;

impl Success {
    /// Nothing is lost.
    pub(crate) const ALWAYS: Self = Self(ONE);

    /// What is left by a loss in percent; nothing where that is 100 or more.
    pub(crate) fn of_loss(percent: Value) -> Self {
        Self(ONE.saturating_sub(percent.micros().saturating_mul(STEP)))
    }

    /// What arrives over one after the other.
    pub(crate) fn and(self, other: Self) -> Self {
        // Most links lose nothing, and a division of 128 bits takes its time.
        match (self, other) {
            (Self::ALWAYS, one) | (one, Self::ALWAYS) => one,
            (Self(a), Self(b)) => {
                let product = u128::from(a) * u128::from(b) / u128::from(ONE);
                // Neither is above one, so neither is the product.
                Self(u64::try_from(product).unwrap_or(ONE))
            }
        }
    }

    /// What is lost, in percent, to the nearest millionth of one.
    pub(crate) fn loss(self) -> Value {
        Value::from_micros((ONE - self.0 + STEP / 2) / STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(percent: f64) -> Success {
        Success::of_loss(Value::from_f64(percent).unwrap())
    }

    #[test]
    fn what_arrives_is_multiplied() {
        assert_eq!(of(50.0).and(of(50.0)).loss(), Value::from_integer(75));
        assert_eq!(of(10.0).and(of(20.0)).and(of(0.0)).loss(), Value::from_integer(28));
        // 1 - 0.9998 * 0.9997 = 0.00049994
        assert_eq!(of(0.02).and(of(0.03)).loss(), Value::from_f64(0.049_994).unwrap());
        assert_eq!(of(100.0).and(of(1.0)).loss(), Value::from_integer(100));
        assert_eq!(of(100.0).and(of(100.0)).loss(), Value::from_integer(100));
    }

    #[test]
    fn one_link_loses_what_it_loses() {
        for percent in [0.0, 0.000_001, 0.02, 33.333_333, 99.999_999, 100.0] {
            assert_eq!(of(percent).loss(), Value::from_f64(percent).unwrap(), "{percent}");
        }
        assert_eq!(Success::ALWAYS.loss(), Value::ZERO);
        assert_eq!(Success::of_loss(Value::from_micros(u64::MAX)).loss(), Value::from_integer(100));
    }
}
