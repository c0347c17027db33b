//! Samples measured on a link since the last report, and the single value they amount to.
//!
//! Only that value is stored. It is the one that a metric without a statistical operator stands for: the median of
//! delays and losses, and the latest utilisation (RFC 9439 §3.2, §5.3.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits::Limit;

/// Largest number of samples of one quantity in one report.
const MAX_SAMPLES: usize = 10_000;

/// Measured samples of one quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number, or a list of numbers with the newest last")]
pub enum Samples {
    /// A single sample.
    One(f64),
    /// One or more samples, the newest last.
    Several(Vec<f64>),
}

impl Samples {
    fn as_slice(&self) -> &[f64] {
        match self {
            Self::One(sample) => std::slice::from_ref(sample),
            Self::Several(samples) => samples,
        }
    }

    /// Rejects an empty list, too many samples, and samples that are out of range.
    pub(crate) fn check(&self, key: &str, limit: &Limit) -> Result<(), String> {
        let samples = self.as_slice();
        if samples.is_empty() || samples.len() > MAX_SAMPLES {
            return Err(format!("{key}: has {} samples: use 1 to {MAX_SAMPLES}", samples.len()));
        }
        samples.iter().try_for_each(|sample| limit.check(*sample)).map_err(|message| format!("{key}: {message}"))
    }

    /// Returns the newest sample.
    pub(crate) fn latest(&self) -> Option<f64> {
        self.as_slice().last().copied()
    }

    /// Returns the median: the middle sample by size, or the midpoint of the two middle ones.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut samples = self.as_slice().to_vec();
        samples.sort_unstable_by(f64::total_cmp);
        let above = *samples.get(samples.len() / 2)?;
        let below = *samples.get((samples.len() - 1) / 2)?;
        Some(f64::midpoint(below, above))
    }
}

impl From<f64> for Samples {
    fn from(sample: f64) -> Self {
        Self::One(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn several(samples: &[f64]) -> Samples {
        Samples::Several(samples.to_vec())
    }

    #[test]
    fn median_is_the_middle_sample_and_latest_the_last() {
        assert_eq!(several(&[9.0, 1.0, 2.0]).median(), Some(2.0));
        assert_eq!(several(&[9.0, 1.0, 2.0, 3.0]).median(), Some(2.5));
        assert_eq!(several(&[9.0, 1.0, 2.0]).latest(), Some(2.0));
        assert_eq!((Samples::One(4.0).median(), Samples::One(4.0).latest()), (Some(4.0), Some(4.0)));
        assert_eq!((several(&[]).median(), several(&[]).latest()), (None, None));
    }

    #[test]
    fn empty_oversized_and_out_of_range_samples_are_rejected() {
        let check = |samples: &Samples| samples.check("x", &crate::model::limits::DELAY);
        assert_eq!(check(&several(&[1.0, 2.0])), Ok(()));
        assert!(check(&several(&[1.0, -2.0, 3.0])).unwrap_err().contains("x: -2 is out of range"));
        assert!(check(&several(&[])).unwrap_err().contains("0 samples"));
        assert!(check(&several(&vec![1.0; MAX_SAMPLES + 1])).is_err());
        assert!(check(&Samples::One(f64::NAN)).is_err());
    }
}
