//! The metric `bw-residual` (RFC 9439 §5.2).

use super::{Context, Definition};
use crate::route::measures::{Measures, NO_BOTTLENECK};
use crate::value::Value;

/// Smallest link bandwidth, in bytes per second.
pub(super) enum ResidualBandwidth {}

impl Definition for ResidualBandwidth {
    const NAME: &'static str = "bw-residual";
    const DESCRIPTION: &'static str = "smallest link bandwidth on the least-cost route in bytes per second";
    const LARGER_IS_BETTER: bool = true;
    const CONTEXT: Option<Context> = Some(Context { always_estimated: false, parameters: &[("path", "minimum")] });

    fn value(route: &Measures) -> Option<Value> {
        (route.residual != NO_BOTTLENECK).then_some(route.residual)
    }
}
