//! The interface of all cost metrics, and the list of them.
//!
//! A new metric is a file in this folder, with an implementation of [`Definition`], and a line in the list below. Its
//! values are computed from what a route accumulates ([`Measures`]).

use std::str::FromStr;

use crate::model::parts::Link;
use crate::route::measures::{Measures, Wanted};
use crate::value::Value;

/// The properties of a metric, and the computation of its values.
trait Definition {
    /// Registered name of the metric, or a private one that starts with `priv:` (RFC 7285 §10.6).
    const NAME: &'static str;

    /// Description of the values for people, with their unit.
    const DESCRIPTION: &'static str;

    /// Whether larger values are better.
    const LARGER_IS_BETTER: bool;

    /// Origin of the values as answers state it; `None` if answers do not.
    const CONTEXT: Option<Context>;

    /// Metric whose values in both directions add up to the values of this one.
    ///
    /// The way back is another route, so that such a metric is undefined along a single route.
    const ROUND_TRIP_OF: Option<Metric> = None;

    /// Values of a route that the metric is computed from.
    const WANTED: Wanted = Wanted::Everything;

    /// Returns the value along a route; `None` where it is undefined.
    fn value(route: &Measures) -> Option<Value>;

    /// Returns whether the value of a link was measured rather than configured.
    fn is_measured(_link: &Link) -> bool {
        false
    }
}

/// The origin of a metric's values (RFC 9439 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Whether values are estimates even while nothing was measured.
    pub always_estimated: bool,
    /// Names and values of the parameters: which of several samples represents a link, and how the values of links
    /// combine to that of a route.
    pub parameters: &'static [(&'static str, &'static str)],
}

/// Declares the modules of all metrics, and from them [`Metric`]. A module has a type of the metric's name.
macro_rules! metrics {
    ($($module:ident: $metric:ident,)+) => {
        $(mod $module;)+

        /// A cost metric (RFC 7285 §6.1.1, RFC 9439).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $(
                #[doc = concat!("Metric that the module `", stringify!($module), "` defines.")]
                $metric,
            )+
        }

        impl Metric {
            /// All metrics, in display order.
            pub const ALL: [Self; [$(stringify!($module)),+].len()] = [$(Self::$metric),+];

            /// Registered or private name of the metric.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$metric => <$module::$metric as Definition>::NAME,)+ }
            }

            /// Description of the values for people, with their unit.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$metric => <$module::$metric as Definition>::DESCRIPTION,)+ }
            }

            /// Returns whether larger values are better.
            pub const fn larger_is_better(self) -> bool {
                match self { $(Self::$metric => <$module::$metric as Definition>::LARGER_IS_BETTER,)+ }
            }

            /// Origin of the values as answers state it; `None` if answers do not.
            pub const fn context(self) -> Option<Context> {
                match self { $(Self::$metric => <$module::$metric as Definition>::CONTEXT,)+ }
            }

            /// Metric whose values in both directions add up to the values of this one.
            pub(crate) const fn round_trip_of(self) -> Option<Self> {
                match self { $(Self::$metric => <$module::$metric as Definition>::ROUND_TRIP_OF,)+ }
            }

            /// Values of a route that the metric is computed from.
            pub(crate) const fn wanted(self) -> Wanted {
                match self { $(Self::$metric => <$module::$metric as Definition>::WANTED,)+ }
            }

            /// Returns the value along a route; `None` where it is undefined.
            pub(crate) fn value(self, route: &Measures) -> Option<Value> {
                match self { $(Self::$metric => <$module::$metric as Definition>::value(route),)+ }
            }

            /// Returns whether the value of a link was measured rather than configured.
            pub(crate) fn is_measured(self, link: &Link) -> bool {
                match self { $(Self::$metric => <$module::$metric as Definition>::is_measured(link),)+ }
            }
        }
    };
}

metrics! {
    routing_cost: RoutingCost,
    hop_count: HopCount,
    delay_one_way: DelayOneWay,
    delay_round_trip: DelayRoundTrip,
    loss_rate: LossRate,
    residual_bandwidth: ResidualBandwidth,
    available_bandwidth: AvailableBandwidth,
}

/// A text that is not the name of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no metric of this name")]
pub struct UnknownMetric;

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or(UnknownMetric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_by_name() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(metric));
        }
        assert_eq!("RoutingCost".parse::<Metric>(), Err(UnknownMetric));
    }

    #[test]
    fn round_trips_go_there_and_back_by_a_metric_of_single_routes() {
        for metric in Metric::ALL {
            let Some(one_way) = metric.round_trip_of() else { continue };
            assert_eq!(one_way.round_trip_of(), None, "{metric:?}");
            assert_eq!(one_way.larger_is_better(), metric.larger_is_better(), "{metric:?}");
        }
    }
}
