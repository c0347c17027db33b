//! Checks that any answer of Prometheus is refused, or gives samples whose numbers are finite and not negative.
#![no_main]

use alto_fuzz::live::prometheus_answer::samples;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for sample in samples(text).into_iter().flatten() {
        let number = sample.number(100.0);
        assert!(number.is_none_or(|number| number.is_finite() && number >= 0.0));
        alto_fuzz::fault(|| sample.metric.len() > 1 && number.is_none());
    }
});
