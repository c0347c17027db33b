//! Checks that any answer of Prometheus is refused, or gives samples whose numbers are finite and not negative.

use crate::live::prometheus_answer::samples;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for sample in samples(text).into_iter().flatten() {
        let number = sample.number(100.0);
        assert!(number.is_none_or(|number| number.is_finite() && number >= 0.0));
        crate::fault(|| sample.metric.len() > 1 && number.is_none());
    }
}
