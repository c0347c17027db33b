//! The heat map: costs between PIDs as shades of one colour, the worse the stronger.

mod png;

use topo::{Metric, PidId, Value, View};

use crate::http::offload::{Abandoned, Cancel};

/// Largest number of PIDs of a heat map.
const MOST_PIDS: usize = 256;
/// Number of shades. Each has about as many costs as any other, so that outliers do not hide the rest.
pub(super) const SHADES: u8 = 9;

/// Costs between PIDs, row by row.
pub(super) struct Heat {
    /// PIDs of rows and columns.
    pub(super) pids: Vec<PidId>,
    /// Number of PIDs that are left out because they have no costs at all.
    pub(super) without_costs: usize,
    pub(super) costs: Vec<Option<Value>>,
    /// Shade of each cost, from 1; 0 where it is undefined.
    pub(super) shades: Vec<u8>,
}

impl Heat {
    /// Looks up the costs in a metric.
    pub(super) fn of(view: &View, metric: Metric, cancel: &Cancel) -> Result<Self, Abandoned> {
        let pids: Vec<PidId> = view.network_map().pids().map(|(pid, _)| pid).take(MOST_PIDS).collect();
        let mut costs = Vec::with_capacity(pids.len() * pids.len());
        for source in &pids {
            cancel.check()?;
            costs.extend(pids.iter().map(|destination| view.pid_cost(metric, *source, *destination)));
        }
        let side = pids.len();
        let has_costs = |place: &usize| {
            let mut cells = (0..side).flat_map(|other| [place * side + other, other * side + place]);
            cells.any(|cell| costs[cell].is_some())
        };
        let kept: Vec<usize> = (0..side).filter(has_costs).collect();
        let cells = kept.iter().flat_map(|row| kept.iter().map(move |column| row * side + column));
        let costs: Vec<_> = cells.map(|cell| costs[cell]).collect();
        let shades = shades(&costs, metric.larger_is_better());
        let without_costs = side - kept.len();
        Ok(Self { pids: kept.into_iter().map(|place| pids[place]).collect(), without_costs, costs, shades })
    }

    /// Number of rows, and of columns.
    pub(super) fn side(&self) -> usize {
        self.pids.len()
    }

    /// Draws the heat map, one pixel for each cost.
    pub(super) fn to_png(&self) -> Vec<u8> {
        png::encode(self.side(), &self.shades, SHADES)
    }

    /// Best and worst cost; none if no cost is defined.
    pub(super) fn range(&self, larger_is_better: bool) -> Option<(Value, Value)> {
        let defined = || self.costs.iter().flatten().copied();
        let (least, most) = (defined().min()?, defined().max()?);
        Some(if larger_is_better { (most, least) } else { (least, most) })
    }
}

/// Chooses the shade of every cost by its rank among the different ones.
fn shades(costs: &[Option<Value>], larger_is_better: bool) -> Vec<u8> {
    let mut ranked: Vec<Value> = costs.iter().flatten().copied().collect();
    ranked.sort_unstable();
    ranked.dedup();
    let last = ranked.len().saturating_sub(1);
    let shade = |cost: &Value| {
        let rank = ranked.partition_point(|known| known < cost);
        let rank = if larger_is_better { last - rank } else { rank };
        let darker = (rank * usize::from(SHADES - 1)).checked_div(last).unwrap_or_default();
        u8::try_from(darker + 1).unwrap_or(SHADES)
    };
    costs.iter().map(|cost| cost.as_ref().map_or(0, shade)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_a_cost_the_darker_its_shade() {
        let costs = [Some(10), None, Some(20), Some(30), Some(10)].map(|cost| cost.map(Value::from_integer));
        assert_eq!(shades(&costs, false), [1, 0, 5, 9, 1]);
        assert_eq!(shades(&costs, true), [9, 0, 5, 1, 9]);
        assert_eq!(shades(&[Some(Value::ZERO), None], false), [1, 0]);
        assert_eq!(shades(&[None], false), [0]);
    }
}
