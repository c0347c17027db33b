//! The metric `lossrate` (RFC 9439 §4.4).

use super::{Context, Definition};
use crate::model::parts::Link;
use crate::route::measures::Measures;
use crate::value::Value;

/// Percentage of packets lost along the route.
pub(super) enum LossRate {}

impl Definition for LossRate {
    const NAME: &'static str = "lossrate";
    const DESCRIPTION: &'static str = "packets lost on the least-cost route in percent, as configured or reported";
    const LARGER_IS_BETTER: bool = false;
    const CONTEXT: Option<Context> =
        Some(Context { always_estimated: false, parameters: &[("links", "median"), ("path", "independent losses")] });

    fn value(route: &Measures) -> Option<Value> {
        Some(route.success.loss())
    }

    fn is_measured(link: &Link) -> bool {
        link.measured_loss.is_some()
    }
}
