//! Packet loss along a route, as the product of the delivery rates of its links.
//!
//! Links are assumed to lose packets independently of each other, which RFC 9439 §4.4 allows and which is close to a sum
//! where losses are small. The product is computed in integers, from the end of a route to its beginning, so that every
//! replica gets the same result. It is exact while 18 decimal digits suffice, as they always do for two links, and is
//! otherwise rounded down in the 18th digit, ten digits below the last one that is published.

use crate::value::Value;

/// The share of packets delivered, in units of 10^-18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Success(u64);

/// The units in a share of 1.
const ONE: u64 = 1_000_000_000_000_000_000;
/// The units in a millionth of a percent.
const STEP: u64 = ONE / 100_000_000;

impl Success {
    /// Delivery of all packets.
    pub(crate) const ALWAYS: Self = Self(ONE);

    /// Returns the share delivered at a loss in percent; zero at 100 or more.
    pub(crate) fn of_loss(percent: Value) -> Self {
        Self(ONE.saturating_sub(percent.micros().saturating_mul(STEP)))
    }

    /// Returns the share delivered over two links in sequence.
    pub(crate) fn and(self, other: Self) -> Self {
        // Most links lose nothing, and 128-bit division is slow.
        match (self, other) {
            (Self::ALWAYS, one) | (one, Self::ALWAYS) => one,
            (Self(a), Self(b)) => {
                let product = u128::from(a) * u128::from(b) / u128::from(ONE);
                // Both shares are at most 1, and so is their product.
                Self(u64::try_from(product).unwrap_or(ONE))
            }
        }
    }

    /// Returns the mean of several shares, each with a weight, rounded down; everything is delivered over no links.
    pub(crate) fn mean(shares: impl Iterator<Item = (Self, u128)>) -> Self {
        let (mut sum, mut weights) = (0_u128, 0_u128);
        for (Self(share), weight) in shares {
            sum = sum.saturating_add(u128::from(share).saturating_mul(weight));
            weights += weight;
        }
        sum.checked_div(weights).and_then(|mean| u64::try_from(mean).ok()).map_or(Self::ALWAYS, Self)
    }

    /// Returns the share in units of 10^-18.
    pub(crate) fn units(self) -> u64 {
        self.0
    }

    /// Returns the loss in percent, rounded to the nearest millionth.
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
    fn delivery_rates_multiply() {
        assert_eq!(of(50.0).and(of(50.0)).loss(), Value::from_integer(75));
        assert_eq!(of(10.0).and(of(20.0)).and(of(0.0)).loss(), Value::from_integer(28));
        // 1 - 0.9998 * 0.9997 = 0.00049994
        assert_eq!(of(0.02).and(of(0.03)).loss(), Value::from_f64(0.049_994).unwrap());
        assert_eq!(of(100.0).and(of(1.0)).loss(), Value::from_integer(100));
        assert_eq!(of(100.0).and(of(100.0)).loss(), Value::from_integer(100));
    }

    #[test]
    fn the_loss_of_a_single_link_is_exact() {
        for percent in [0.0, 0.000_001, 0.02, 33.333_333, 99.999_999, 100.0] {
            assert_eq!(of(percent).loss(), Value::from_f64(percent).unwrap(), "{percent}");
        }
        assert_eq!(Success::ALWAYS.loss(), Value::ZERO);
        assert_eq!(Success::of_loss(Value::from_micros(u64::MAX)).loss(), Value::from_integer(100));
    }
}
