//! Access: the links between hosts and switches, summed up over hosts.

use crate::file::CostModel;
use crate::model::parts::{Link, NodeId};
use crate::route::graph::Kind;
use crate::route::loss::Success;
use crate::route::measures::{Attributes, Measures, NO_BOTTLENECK};
use crate::value::Value;

/// The number of millionths in 1.
const MICRO: u128 = 1_000_000;

/// Sums of what adds up along routes, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Costs and prices.
    pub(crate) cost: u128,
    pub(crate) hops: u128,
    pub(crate) delay: u128,
}

/// What does not add up: the values that one part of the way has for all hosts of a PID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Mean share of packets delivered.
    pub(crate) success: Success,
    /// Lower median of the bandwidths.
    pub(crate) residual: Value,
    /// Lower median of the unused bandwidths.
    pub(crate) available: Value,
}

/// The access of hosts in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Typical {
    pub(crate) out: (Sum, Part),
    pub(crate) into: (Sum, Part),
}

impl Sum {
    /// Returns what a route contributes.
    pub(crate) fn of(measures: &Measures) -> Self {
        Self {
            cost: u128::from(measures.cost.plus(measures.price).micros()),
            hops: u128::from(measures.hops) * MICRO,
            delay: u128::from(measures.delay.micros()),
        }
    }

    /// Returns what an access link contributes.
    pub(crate) fn of_access(attributes: &Attributes) -> Self {
        Self::of(&Measures::EMPTY.with(attributes))
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { cost: self.cost + other.cost, hops: self.hops + other.hops, delay: self.delay + other.delay }
    }

    /// Removes a part of the sum.
    pub(crate) fn minus(self, part: Self) -> Self {
        Self {
            cost: self.cost.saturating_sub(part.cost),
            hops: self.hops.saturating_sub(part.hops),
            delay: self.delay.saturating_sub(part.delay),
        }
    }

    pub(crate) fn times(self, count: u128) -> Self {
        Self {
            cost: self.cost.saturating_mul(count),
            hops: self.hops.saturating_mul(count),
            delay: self.delay.saturating_mul(count),
        }
    }

    /// Divides by a count, rounded to the nearest millionth; `None` for a count of zero.
    pub(crate) fn over(self, count: u128) -> Option<Self> {
        let rounded = |sum: u128| sum.saturating_add(count / 2).checked_div(count);
        Some(Self { cost: rounded(self.cost)?, hops: rounded(self.hops)?, delay: rounded(self.delay)? })
    }
}

impl Part {
    /// A part without links.
    pub(crate) const NONE: Self = Self { success: Success::ALWAYS, residual: NO_BOTTLENECK, available: NO_BOTTLENECK };

    /// Returns the values of one way.
    pub(crate) fn of_way(way: &Measures) -> Self {
        Self { success: way.success, residual: way.residual, available: way.available }
    }

    /// Combines the values of several ways, each with a weight.
    pub(crate) fn of(ways: &[(Measures, u128)]) -> Self {
        if let [(way, _)] = ways {
            return Self::of_way(way);
        }
        Self {
            success: Success::mean(ways.iter().map(|(way, weight)| (way.success, *weight))),
            residual: lower_median(ways.iter().map(|(way, weight)| (way.residual, *weight))),
            available: lower_median(ways.iter().map(|(way, weight)| (way.available, *weight))),
        }
    }

    /// Combines the values of access links.
    pub(crate) fn of_access<'a>(links: impl Iterator<Item = &'a Attributes>) -> Self {
        Self::of(&links.map(|link| (Measures::EMPTY.with(link), 1)).collect::<Vec<_>>())
    }
}

/// Returns the value in the middle, the lower one of two; [`NO_BOTTLENECK`] if there is none.
fn lower_median(values: impl Iterator<Item = (Value, u128)>) -> Value {
    let mut values: Vec<(Value, u128)> = values.collect();
    values.sort_unstable();
    let total: u128 = values.iter().map(|(_, weight)| weight).sum();
    let mut passed = 0;
    let middle = values.into_iter().find(|(_, weight)| {
        passed += weight;
        passed * 2 >= total
    });
    middle.map_or(NO_BOTTLENECK, |(value, _)| value)
}

impl Typical {
    /// Access that adds nothing, where a network has no hosts.
    const NONE: Self = Self {
        out: (Sum { cost: 0, hops: 0, delay: 0 }, Part::NONE),
        into: (Sum { cost: 0, hops: 0, delay: 0 }, Part::NONE),
    };

    /// Finds the mean access of all hosts that are linked to a switch, from configured values, so that it stays the same
    /// while links are measured.
    pub(crate) fn of(kinds: &[Kind], links: &[Link], model: &CostModel) -> Self {
        let is_host = |node: NodeId| kinds.get(node as usize) == Some(&Kind::Host);
        // For each host, the best link out and in.
        let mut best: Vec<[Option<(Value, Attributes)>; 2]> = vec![[None; 2]; kinds.len()];
        for link in links.iter().filter(|link| link.up) {
            let Some(cost) = link.configured_cost(model) else { continue };
            for (from, to, there) in [(link.ends.0, link.ends.1, true), (link.ends.1, link.ends.0, false)] {
                if link.directed && !there {
                    continue;
                }
                let (host, direction) = match (is_host(from), is_host(to)) {
                    (true, false) => (from, 0),
                    (false, true) => (to, 1),
                    _ => continue,
                };
                let hop = kinds[from as usize] != Kind::Segment;
                let known = &mut best[host as usize][direction];
                if known.is_none_or(|(known, _)| cost < known) {
                    *known = Some((cost, Attributes::configured(link, cost, hop)));
                }
            }
        }
        let mean = |direction: usize| {
            let links: Vec<Attributes> = best.iter().filter_map(|best| best[direction].map(|(_, link)| link)).collect();
            let sum = links.iter().map(Sum::of_access).fold(Sum::default(), Sum::plus);
            Some((sum.over(links.len() as u128)?, Part::of_access(links.iter())))
        };
        Self { out: mean(0).unwrap_or(Self::NONE.out), into: mean(1).unwrap_or(Self::NONE.into) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_one_of_two_middle_values_is_the_median() {
        let median = |values: &[(u64, u128)]| {
            lower_median(values.iter().map(|(value, weight)| (Value::from_integer(*value), *weight))).as_integer()
        };
        assert_eq!(median(&[(3, 1), (1, 1)]), Some(1));
        assert_eq!(median(&[(3, 1), (1, 1), (2, 1)]), Some(2));
        assert_eq!(median(&[(5, 2), (1, 1), (2, 1)]), Some(2));
        assert_eq!(median(&[(5, 3), (1, 1), (2, 1)]), Some(5));
        assert_eq!(lower_median(std::iter::empty()), NO_BOTTLENECK);
    }
}
