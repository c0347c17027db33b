//! Costs by source and destination: a column for each type.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alto_types::CostType;

use super::query::{CostQuery, CostTest};

/// Costs of one type by source and destination.
#[derive(Clone, Debug, PartialEq)]
pub struct CostColumn<K: Ord> {
    /// Type of the costs, as the server describes it.
    pub cost_type: CostType,
    /// Costs by source and destination. An absent cost is undefined: neither 0 nor infinite, and on the diagonal no
    /// different (RFC 7285 §11.2.3.6).
    pub costs: BTreeMap<K, BTreeMap<K, f64>>,
}

/// Costs of one type or several by source and destination.
#[derive(Clone, Debug, PartialEq)]
pub struct CostTable<K: Ord> {
    /// One column for each type of the query, in its order.
    pub columns: Vec<Arc<CostColumn<K>>>,
    /// Number of queries to resources that the costs took: 1 if one resource answered for all types at once.
    pub queries: usize,
}

/// Costs of several types by source and destination; `None` where a cost is undefined.
pub type CostRows<'a, K> = BTreeMap<&'a K, BTreeMap<&'a K, Vec<Option<f64>>>>;

impl<K: Ord> CostColumn<K> {
    /// Column without costs.
    pub(crate) fn new(cost_type: CostType) -> Self {
        Self { cost_type, costs: BTreeMap::new() }
    }

    /// Cost of a pair; `None` where it is undefined.
    pub fn get(&self, source: &K, destination: &K) -> Option<f64> {
        self.costs.get(source)?.get(destination).copied()
    }

    /// All defined costs.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &K, f64)> {
        self.costs.iter().flat_map(|(source, row)| row.iter().map(move |(to, cost)| (source, to, *cost)))
    }

    /// Drops the pairs that were not asked for; an empty list stands for all.
    pub(crate) fn retain(&mut self, sources: &[K], destinations: &[K]) {
        let (sources, destinations): (BTreeSet<&K>, BTreeSet<&K>) =
            (sources.iter().collect(), destinations.iter().collect());
        let asked = |list: &BTreeSet<&K>, key: &K| list.is_empty() || list.contains(key);
        self.costs.retain(|source, _| asked(&sources, source));
        for row in self.costs.values_mut() {
            row.retain(|destination, _| asked(&destinations, destination));
        }
    }

    /// Adds the costs of another part of the same query.
    fn extend(&mut self, more: Self) {
        for (source, row) in more.costs {
            self.costs.entry(source).or_default().extend(row);
        }
    }
}

impl<K: Ord + Clone> CostTable<K> {
    /// Table without columns.
    pub(crate) fn new() -> Self {
        Self { columns: Vec::new(), queries: 0 }
    }

    /// Types of the columns, as the server describes them.
    pub fn cost_types(&self) -> impl Iterator<Item = &CostType> {
        self.columns.iter().map(|column| &column.cost_type)
    }

    /// Costs of the first type, which is the only one of a query for one.
    pub fn first(&self) -> Option<&CostColumn<K>> {
        self.columns.first().map(Arc::as_ref)
    }

    /// Costs of a pair, one for each type; `None` if all of them are undefined.
    pub fn get(&self, source: &K, destination: &K) -> Option<Vec<Option<f64>>> {
        let costs: Vec<Option<f64>> = self.columns.iter().map(|column| column.get(source, destination)).collect();
        costs.iter().any(Option::is_some).then_some(costs)
    }

    /// The columns side by side: for each pair one cost of each type.
    pub fn rows(&self) -> CostRows<'_, K> {
        let mut rows = CostRows::new();
        for (index, column) in self.columns.iter().enumerate() {
            for (source, costs) in &column.costs {
                let row = rows.entry(source).or_default();
                for (destination, cost) in costs {
                    row.entry(destination).or_insert_with(|| vec![None; self.columns.len()])[index] = Some(*cost);
                }
            }
        }
        rows
    }

    /// Adds a column, or a further part of one.
    pub(crate) fn add(&mut self, column: Arc<CostColumn<K>>) {
        match self.columns.iter_mut().find(|known| known.cost_type.is(&column.cost_type)) {
            Some(known) => Arc::make_mut(known).extend(Arc::unwrap_or_clone(column)),
            None => self.columns.push(column),
        }
    }

    /// Keeps the columns that a query wants, in its order, and of those the pairs that pass its tests, unless the
    /// server has applied them.
    pub(crate) fn select(&mut self, query: &CostQuery, tested: bool) {
        let find = |cost_type: &CostType| self.columns.iter().find(|column| column.cost_type.is(cost_type));
        let passes = |test: &CostTest, source: &K, destination: &K| {
            let cost = find(&test.cost_type).and_then(|column| column.get(source, destination));
            cost.is_some_and(|cost| test.constraint.admits(cost))
        };
        let admitted = |source: &K, destination: &K| {
            query.tests.iter().any(|group| group.iter().all(|test| passes(test, source, destination)))
        };
        let mut columns: Vec<Arc<CostColumn<K>>> = query.distinct().iter().filter_map(find).cloned().collect();
        if !tested && !query.tests.is_empty() {
            for column in &mut columns {
                for (source, row) in &mut Arc::make_mut(column).costs {
                    row.retain(|destination, _| admitted(source, destination));
                }
            }
        }
        self.columns = columns;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(metric: &str) -> CostType {
        crate::cost_type(metric, "numerical").unwrap()
    }

    fn column(metric: &str, costs: impl IntoIterator<Item = (u8, u8, f64)>) -> Arc<CostColumn<u8>> {
        let mut column = CostColumn::new(kind(metric));
        for (source, destination, cost) in costs {
            column.costs.entry(source).or_default().insert(destination, cost);
        }
        Arc::new(column)
    }

    #[test]
    fn undefined_costs_pass_no_test_and_empty_pairs_are_dropped() {
        let mut table = CostTable::new();
        table.add(column("delay-ow", [(1, 2, 5.0), (1, 3, 6.0)]));
        table.add(column("lossrate", [(1, 2, 0.0), (2, 1, 0.0)]));
        assert_eq!(table.get(&2, &1), Some(vec![None, Some(0.0)]));
        let test = CostTest { cost_type: kind("lossrate"), constraint: "ge 0".parse().unwrap() };
        table.select(&CostQuery { types: vec![kind("delay-ow")], tests: vec![vec![test]] }, false);
        assert_eq!(table.columns, [column("delay-ow", [(1, 2, 5.0)])]);
    }

    #[test]
    fn parts_of_one_query_are_joined() {
        let mut table = CostTable::new();
        table.add(column("delay-ow", [(1, 2, 5.0)]));
        table.add(column("delay-ow", [(1, 3, 6.0), (2, 3, 7.0)]));
        assert_eq!(table.columns, [column("delay-ow", [(1, 2, 5.0), (1, 3, 6.0), (2, 3, 7.0)])]);
    }

    proptest! {
        #[test]
        fn columns_come_in_the_order_asked_for(
            costs in prop::collection::btree_map((0..4u8, 0..4u8), prop::array::uniform3(prop::option::of(0..9u8)), 0..12),
            order in Just(vec![0_usize, 1, 2]).prop_shuffle(),
        ) {
            let metrics = ["delay-ow", "lossrate", "hopcount"];
            let mut table = CostTable::new();
            for (index, metric) in metrics.iter().enumerate() {
                let defined = costs.iter().filter_map(|((from, to), cells)| Some((*from, *to, cells[index]?.into())));
                table.add(column(metric, defined));
            }
            table.select(&CostQuery::of(order.iter().map(|index| kind(metrics[*index]))), false);
            let rows = table.rows();
            for ((from, to), cells) in &costs {
                let expected: Vec<Option<f64>> = order.iter().map(|index| cells[*index].map(f64::from)).collect();
                let expected = expected.iter().any(Option::is_some).then_some(expected);
                prop_assert_eq!(table.get(from, to), expected.clone());
                prop_assert_eq!(rows.get(from).and_then(|row| row.get(to)).cloned(), expected);
            }
        }
    }
}
