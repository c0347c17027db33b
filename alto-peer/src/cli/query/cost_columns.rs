//! Rendering of costs for people: titles with units, and rows with a column for each metric.

use std::fmt::Write;

use alto_types::{CostMode, CostType};

use super::table::Table;
use alto_client::metric::{Better, Metric, source};
use alto_client::printable;

/// First line of a table of one type of cost, with its unit.
pub(super) fn title(cost_type: &CostType) -> String {
    let CostType { cost_metric, cost_mode, .. } = cost_type;
    let unit = Metric::of(cost_metric).unit().filter(|_| cost_mode.as_str() == CostMode::NUMERICAL);
    unit.map_or_else(
        || format!("{cost_mode} {cost_metric}"),
        |unit| format!("{cost_mode} {cost_metric} in {}", unit.name),
    )
}

/// Table with a column for each type of cost, and a legend.
pub(super) struct Columns {
    table: Table,
    cost_types: Vec<CostType>,
}

impl Columns {
    pub(super) fn new<'a>(cost_types: impl Iterator<Item = &'a CostType>) -> Self {
        let cost_types: Vec<CostType> = cost_types.cloned().collect();
        let head = |cost_type: &CostType| {
            let metric = cost_type.cost_metric.to_string().to_uppercase();
            let unit = Metric::of(&cost_type.cost_metric).unit().map(|unit| unit.symbol);
            let unit = if cost_type.cost_mode.as_str() == CostMode::NUMERICAL { unit } else { Some("rank") };
            unit.map_or_else(|| metric.clone(), |unit| format!("{metric} [{unit}]"))
        };
        let heads = ["FROM".to_owned(), "TO".to_owned()].into_iter().chain(cost_types.iter().map(head)).collect();
        let table = Table::with_heads(heads).right(2..2 + cost_types.len());
        Self { table, cost_types }
    }

    pub(super) fn row(&mut self, from: String, to: String, costs: &[Option<f64>]) {
        let cell = |column| costs.get(column).copied().flatten().map_or("-".to_owned(), |cost: f64| cost.to_string());
        self.table.row([from, to].into_iter().chain((0..self.cost_types.len()).map(cell)));
    }

    /// Compares rows by the first cost, best first; rows without it come last.
    pub(super) fn compare(&self, a: &[Option<f64>], b: &[Option<f64>]) -> std::cmp::Ordering {
        let better = self.cost_types.first().map_or(Better::Less, Better::of);
        match (a.first().copied().flatten(), b.first().copied().flatten()) {
            (Some(a), Some(b)) => better.compare(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }

    /// Renders a line for each type of cost, and then the rows.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        for cost_type in &self.cost_types {
            let metric = Metric::of(&cost_type.cost_metric);
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{}", title(cost_type));
            if let Some(statistic) = metric.statistic() {
                let (base, source) = (metric.base, printable(source(cost_type)));
                let more = metric.better() == Some(Better::More) && Better::of(cost_type) == Better::More;
                let better = if more { ", more is better" } else { "" };
                let _ = write!(text, " ({statistic} of {base}, {source}{better})");
            }
            text.push('\n');
        }
        text.push('\n');
        text + &self.table.render()
    }
}
