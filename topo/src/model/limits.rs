//! The permitted ranges of numeric fields, the same for files and for changes.

use std::fmt;

/// The permitted range of a numeric field. Its text form completes "use ...".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    smallest: f64,
    largest: f64,
    /// Whether users are told that the value must be greater than 0, rather than the exact smallest value.
    positive: bool,
    /// The unit with a leading space, or an empty text.
    unit: &'static str,
}

/// The cost of one link, a price, or a weight of the cost model.
pub(crate) const COST: Limit = Limit { smallest: 0.0, largest: 1e9, positive: false, unit: "" };
/// A reference value of the cost model.
pub(crate) const REFERENCE: Limit = Limit { smallest: f64::MIN_POSITIVE, largest: 1e9, positive: true, unit: "" };
/// A bandwidth. Below a millionth of a Mbit/s nothing would be left after rounding.
pub(crate) const BANDWIDTH: Limit = Limit { smallest: 1e-6, largest: 1e7, positive: false, unit: " Mbit/s" };
/// A one-way delay.
pub(crate) const DELAY: Limit = Limit { smallest: 0.0, largest: 1e5, positive: false, unit: " ms" };
/// A packet loss.
pub(crate) const LOSS: Limit = Limit { smallest: 0.0, largest: 100.0, positive: false, unit: " percent" };
/// The share of a link's bandwidth that is in use; at 1 no bandwidth would be left.
pub(crate) const UTILISATION: Limit = Limit { smallest: 0.0, largest: 0.99, positive: false, unit: "" };

impl Limit {
    /// Returns whether a value is in range; NaN is not.
    pub(crate) fn admits(&self, value: f64) -> bool {
        (self.smallest..=self.largest).contains(&value)
    }

    /// Describes the value and the permitted range if the value is out of range.
    pub(crate) fn check(&self, value: f64) -> Result<(), String> {
        if self.admits(value) { Ok(()) } else { Err(format!("{value} is out of range: use {self}")) }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { smallest, largest, positive, unit } = self;
        if *positive {
            write!(f, "more than 0{unit}, at most {largest}")
        } else {
            write!(f, "{smallest} to {largest}{unit}")
        }
    }
}
