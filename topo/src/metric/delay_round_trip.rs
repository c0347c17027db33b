//! The metric `delay-rt` (RFC 9439 §4.2).

use super::{Context, Definition, Metric};
use crate::model::parts::Link;
use crate::route::measures::Measures;
use crate::value::Value;

/// Sum of the one-way delays in both directions, each along its own route, in microseconds.
pub(super) enum DelayRoundTrip {}

impl Definition for DelayRoundTrip {
    const NAME: &'static str = "delay-rt";
    const DESCRIPTION: &'static str =
        "delay of the least-cost routes there and back in microseconds, as configured or reported";
    const LARGER_IS_BETTER: bool = false;
    const CONTEXT: Option<Context> =
        Some(Context { always_estimated: false, parameters: &[("links", "median"), ("path", "sum of both ways")] });
    const ROUND_TRIP_OF: Option<Metric> = Some(Metric::DelayOneWay);

    fn value(_route: &Measures) -> Option<Value> {
        None
    }

    fn is_measured(link: &Link) -> bool {
        Metric::DelayOneWay.is_measured(link)
    }
}
