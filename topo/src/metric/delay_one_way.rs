//! The metric `delay-ow` (RFC 9439 §4.1).

use super::{Context, Definition};
use crate::model::parts::Link;
use crate::route::measures::Measures;
use crate::value::Value;

/// Sum of link delays, in microseconds.
pub(super) enum DelayOneWay {}

impl Definition for DelayOneWay {
    const NAME: &'static str = "delay-ow";
    const DESCRIPTION: &'static str =
        "one-way delay of the least-cost route in microseconds, as configured or reported";
    const LARGER_IS_BETTER: bool = false;
    const CONTEXT: Option<Context> =
        Some(Context { always_estimated: false, parameters: &[("links", "median"), ("path", "sum")] });

    fn value(route: &Measures) -> Option<Value> {
        Some(route.delay)
    }

    fn is_measured(link: &Link) -> bool {
        link.measured_delay.is_some()
    }
}
