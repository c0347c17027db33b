//! The metric `hopcount` (RFC 9439 §4.5).

use super::{Context, Definition};
use crate::route::measures::{Measures, Wanted};
use crate::value::Value;

/// Number of links, of which two that meet in a LAN or a junction are one.
pub(super) enum HopCount {}

impl Definition for HopCount {
    const NAME: &'static str = "hopcount";
    const DESCRIPTION: &'static str = "links on the least-cost route";
    const LARGER_IS_BETTER: bool = false;
    // Routes are computed, so the number of their links is an estimation.
    const CONTEXT: Option<Context> = Some(Context { always_estimated: true, parameters: &[("hop", "link")] });
    const WANTED: Wanted = Wanted::CostAndHops;

    fn value(route: &Measures) -> Option<Value> {
        Some(Value::from_integer(route.hops.into()))
    }
}
