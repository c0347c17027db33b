//! Fixed-point numbers with six decimal places.
//!
//! Sums of floating-point numbers depend on their order, and so would tags and ties; sums of integers do not.

use std::fmt;

/// The number of millionths in 1.
const MICRO: u64 = 1_000_000;

/// A non-negative value, exact to a millionth of its metric's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u64);

impl Value {
    /// Value of zero.
    pub const ZERO: Self = Self(0);

    /// Creates a value from a number of millionths.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns the number of millionths.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Creates a value from a whole number; saturates at the largest value.
    pub const fn from_integer(number: u64) -> Self {
        Self(number.saturating_mul(MICRO))
    }

    /// Rounds a number to the nearest value; `None` if it is negative, too large or NaN.
    pub(crate) fn from_f64(number: f64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a million is exact")]
        let micros = (number * MICRO as f64).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        (0.0..1.8e19).contains(&micros).then_some(Self(micros as u64))
    }

    /// Returns the nearest double.
    #[expect(clippy::cast_precision_loss, reason = "rounding to the nearest double is intended")]
    pub fn as_f64(self) -> f64 {
        if self.0 < (1 << 53) {
            return self.0 as f64 / MICRO as f64;
        }
        // Beyond 2^53 converting the count would round a first time.
        (self.0 / MICRO) as f64 + (self.0 % MICRO) as f64 / MICRO as f64
    }

    /// Returns the value as an integer if it is whole.
    pub fn as_integer(self) -> Option<u64> {
        self.0.is_multiple_of(MICRO).then_some(self.0 / MICRO)
    }

    /// Adds two values; saturates at the largest value.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Rounds to the nearest whole number, halves upwards.
    pub(crate) fn to_nearest_integer(self) -> Self {
        let whole = self.0.saturating_add(MICRO / 2) / MICRO;
        Self(whole.saturating_mul(MICRO))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_integer() {
            Some(number) => number.fmt(f),
            None => self.as_f64().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact_to_a_millionth() {
        let tenth = Value::from_f64(0.1).unwrap();
        let sum = (0..10).fold(Value::ZERO, |sum, _| sum.plus(tenth));
        assert_eq!((sum, sum.as_integer()), (Value::from_integer(1), Some(1)));
        assert_eq!(Value::from_f64(1.5).unwrap().as_f64().to_string(), "1.5");
        assert_eq!(Value::from_f64(1.5).unwrap().as_integer(), None);
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(Value::from_f64(bad), None, "{bad}");
        }
    }

    #[test]
    fn halves_round_up() {
        let nearest = |micros| Value::from_micros(micros).to_nearest_integer().as_integer();
        assert_eq!([0, 499_999, 500_000, 3_111_111, 3_500_000].map(nearest), [0, 0, 1, 3, 4].map(Some));
    }
}
