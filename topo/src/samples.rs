//! What was measured of a link since the last report, and the one number that stands for it.
//!
//! Reports are not kept: the number they come to is. Which number that is, is what a metric without operator promises:
//! the median of delays and losses, the latest of utilisations (RFC 9439 §3.2, §5.3.3).

use serde::{Deserialize, Serialize};

/// Most samples of one quantity in one report.
const MAX_SAMPLES: usize = 10_000;

/// One sample, or several with the newest last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number, or a list of numbers with the newest last")]
pub enum Samples {
    /// One.
    One(f64),
    /// Several; one at least.
    Several(Vec<f64>),
}

impl Samples {
    fn as_slice(&self) -> &[f64] {
        match self {
            Self::One(sample) => std::slice::from_ref(sample),
            Self::Several(samples) => samples,
        }
    }

    /// Refuses none, too many, and one that cannot be right.
    pub(crate) fn check(&self, key: &str, is_right: impl Fn(f64) -> bool, right: &str) -> Result<(), String> {
        let samples = self.as_slice();
        if samples.is_empty() || samples.len() > MAX_SAMPLES {
            return Err(format!("{key}: has {} samples: give 1 to {MAX_SAMPLES}", samples.len()));
        }
        match samples.iter().find(|sample| !is_right(**sample)) {
            Some(wrong) => Err(format!("{key}: {wrong} is out of range: use {right}")),
            None => Ok(()),
        }
    }

    /// The newest.
    pub(crate) fn latest(&self) -> Option<f64> {
        self.as_slice().last().copied()
    }

    /// The middle one in the order of size, or half-way between the two in the middle.
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
    fn the_median_is_in_the_middle_and_the_latest_at_the_end() {
        assert_eq!(several(&[9.0, 1.0, 2.0]).median(), Some(2.0));
        assert_eq!(several(&[9.0, 1.0, 2.0, 3.0]).median(), Some(2.5));
        assert_eq!(several(&[9.0, 1.0, 2.0]).latest(), Some(2.0));
        assert_eq!((Samples::One(4.0).median(), Samples::One(4.0).latest()), (Some(4.0), Some(4.0)));
        assert_eq!((several(&[]).median(), several(&[]).latest()), (None, None));
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        let check = |samples: &Samples| samples.check("x", |sample| sample >= 0.0, "0 or more");
        assert_eq!(check(&several(&[1.0, 2.0])), Ok(()));
        assert!(check(&several(&[1.0, -2.0, 3.0])).unwrap_err().contains("x: -2 is out of range"));
        assert!(check(&several(&[])).unwrap_err().contains("0 samples"));
        assert!(check(&several(&vec![1.0; MAX_SAMPLES + 1])).is_err());
        assert!(check(&Samples::One(f64::NAN)).is_err());
    }
}
