//! What questions for costs have in common: which metrics, which tests, and a column for each metric.

use std::fmt::Write;
use std::str::FromStr;

use alto_types::{Constraint, CostMetric, CostMode, CostType};
use structopt::StructOpt;

use super::CommonOptions;
use super::table::Table;
use alto_client::metric::{Better, Metric, source};
use alto_client::{CostTest, SeveralCosts, printable};

/// Which costs.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct CostOptions {
    /// What is measured: routingcost, hopcount, delay-ow, ...; a list, or repeated, for several at once
    #[structopt(long, value_name = "METRIC,...", default_value = "routingcost", require_delimiter = true)]
    metric: Vec<CostMetric>,

    /// numerical for amounts, ordinal for ranks
    #[structopt(long, value_name = "MODE", default_value = "numerical")]
    mode: CostMode,

    /// Only pairs that pass: [METRIC] and gt, lt, ge, le or eq, and a number; the first metric where none is named;
    /// repeat for several, all of which are passed
    #[structopt(long, value_name = "TEST", number_of_values = 1)]
    constraint: Vec<Test>,

    /// Only pairs that pass all of these tests, or all of those of another --or-constraint
    #[structopt(long, value_name = "TEST,...", number_of_values = 1, conflicts_with = "constraint")]
    or_constraint: Vec<Tests>,
}

/// A test, of the cost that is named or of the first one.
#[derive(Clone, Debug, PartialEq)]
struct Test {
    metric: Option<CostMetric>,
    constraint: Constraint,
}

/// Tests that are passed together.
#[derive(Clone, Debug, PartialEq)]
struct Tests(Vec<Test>);

impl FromStr for Test {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |text: &str| {
            text.parse().map_err(|error: alto_types::cost::ConstraintError| format!("{:?} {error}", printable(text)))
        };
        let text = text.trim();
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        if matches!(first, "gt" | "lt" | "ge" | "le" | "eq") || rest.trim_start().split(' ').count() < 2 {
            return Ok(Self { metric: None, constraint: read(text)? });
        }
        let metric = first.parse().map_err(|error: alto_types::NameError| error.to_string())?;
        Ok(Self { metric: Some(metric), constraint: read(rest)? })
    }
}

impl FromStr for Tests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl CostOptions {
    fn cost_type(&self, metric: &CostMetric) -> CostType {
        CostType::new(metric.clone(), self.mode.clone())
    }

    /// The one cost that is asked for and tested, and its tests: where it is one, everything is as RFC 7285 has it.
    pub(super) fn only(&self) -> Option<(CostType, Vec<Constraint>)> {
        let wanted = self.wanted();
        let [cost_type] = wanted.types.as_slice() else { return None };
        let tests = wanted.tests.iter().flatten();
        let same = tests.clone().all(|test| test.cost_type.is(cost_type)) && wanted.tests.len() <= 1;
        same.then(|| (cost_type.clone(), tests.map(|test| test.constraint).collect()))
    }

    /// All that is asked for.
    pub(super) fn wanted(&self) -> SeveralCosts {
        let mut types: Vec<CostType> = Vec::new();
        for metric in &self.metric {
            let cost_type = self.cost_type(metric);
            if !types.contains(&cost_type) {
                types.push(cost_type);
            }
        }
        let of = |test: &Test| {
            let cost_type =
                test.metric.as_ref().map(|metric| self.cost_type(metric)).or_else(|| types.first().cloned())?;
            Some(CostTest { cost_type, constraint: test.constraint })
        };
        let mut tests: Vec<Vec<CostTest>> =
            self.or_constraint.iter().map(|group| group.0.iter().filter_map(of).collect()).collect();
        if !self.constraint.is_empty() {
            tests.push(self.constraint.iter().filter_map(of).collect());
        }
        SeveralCosts { types, tests }
    }
}

/// The first line about one cost: what it is, and in which unit.
pub(super) fn title(cost_type: &CostType) -> String {
    let CostType { cost_metric, cost_mode, .. } = cost_type;
    let unit = Metric::of(cost_metric).unit().filter(|_| cost_mode.as_str() == CostMode::NUMERICAL);
    unit.map_or_else(
        || format!("{cost_mode} {cost_metric}"),
        |unit| format!("{cost_mode} {cost_metric} in {}", unit.name),
    )
}

/// Rows with a column for each cost, and what the columns are.
pub(super) struct Columns {
    table: Table,
    cost_types: Vec<CostType>,
}

impl Columns {
    pub(super) fn new(cost_types: &[CostType]) -> Self {
        let head = |cost_type: &CostType| {
            let metric = cost_type.cost_metric.to_string().to_uppercase();
            let unit = Metric::of(&cost_type.cost_metric).unit().map(|unit| unit.symbol);
            let unit = if cost_type.cost_mode.as_str() == CostMode::NUMERICAL { unit } else { Some("rank") };
            unit.map_or_else(|| metric.clone(), |unit| format!("{metric} [{unit}]"))
        };
        let heads = ["FROM".to_owned(), "TO".to_owned()].into_iter().chain(cost_types.iter().map(head)).collect();
        let table = Table::with_heads(heads).right(2..2 + cost_types.len());
        Self { table, cost_types: cost_types.to_vec() }
    }

    pub(super) fn row(&mut self, from: String, to: String, costs: &[Option<f64>]) {
        let cell = |column| costs.get(column).copied().flatten().map_or("-".to_owned(), |cost: f64| cost.to_string());
        self.table.row([from, to].into_iter().chain((0..self.cost_types.len()).map(cell)));
    }

    /// The order of rows: by the first cost, best first, those without it at the end.
    pub(super) fn compare(&self, a: &[Option<f64>], b: &[Option<f64>]) -> std::cmp::Ordering {
        let better = self.cost_types.first().map_or(Better::Less, Better::of);
        match (a.first().copied().flatten(), b.first().copied().flatten()) {
            (Some(a), Some(b)) => better.compare(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }

    /// A line for each cost, and the rows.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        for cost_type in &self.cost_types {
            let metric = Metric::of(&cost_type.cost_metric);
            // Writing to a string cannot fail.
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

impl CommonOptions {
    /// Says so where several costs took several requests.
    pub(super) fn tell_questions(&self, questions: usize) {
        if questions > 1 && self.verbose {
            eprintln!("alto-peer: note: the server does not answer for all of these at once: {questions} requests");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_may_name_its_metric() {
        for (text, metric) in [("le 5", None), (" delay-ow:p95  gt 1e3 ", Some("delay-ow:p95")), ("ge -1", None)] {
            let test: Test = text.parse().unwrap();
            assert_eq!(test.metric.as_ref().map(CostMetric::as_str), metric, "{text}");
        }
        for bad in ["", "5", "below 5", "hopcount", "hopcount le", "a.b le 5", "hopcount le 5 6", "le 5 6", "le"] {
            assert!(bad.parse::<Test>().is_err(), "{bad}");
        }
        assert_eq!("hopcount le 5, gt 1".parse::<Tests>().unwrap().0.len(), 2);
        assert!("hopcount le 5,".parse::<Tests>().is_err());
    }
}
