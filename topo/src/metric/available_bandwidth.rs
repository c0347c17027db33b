//! The metric `bw-available` (RFC 9439 §5.3).

use super::{Context, Definition};
use crate::model::parts::Link;
use crate::route::measures::{Measures, NO_BOTTLENECK};
use crate::value::Value;

/// Smallest unused link bandwidth, in bytes per second.
pub(super) enum AvailableBandwidth {}

impl Definition for AvailableBandwidth {
    const NAME: &'static str = "bw-available";
    const DESCRIPTION: &'static str =
        "smallest bandwidth left over by reported utilisation on the least-cost route in bytes per second";
    const LARGER_IS_BETTER: bool = true;
    const CONTEXT: Option<Context> =
        Some(Context { always_estimated: false, parameters: &[("links", "latest"), ("path", "minimum")] });

    fn value(route: &Measures) -> Option<Value> {
        (route.available != NO_BOTTLENECK).then_some(route.available)
    }

    fn is_measured(link: &Link) -> bool {
        // An idle link is indistinguishable from one that was never measured.
        link.utilisation > 0.0
    }
}
