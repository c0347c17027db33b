//! Costs of sources times destinations, as they are put into an answer: ranked if asked, constrained, and streamed.
//!
//! The PID-based and the endpoint-based services differ only in their keys and in where a cost comes from.

use alto_types::Constraint;
use serde::ser::{Serialize, SerializeMap, Serializer};
use topo::{Value, dense_ranks};

use super::cost_type::{CostKind, Mode};

/// The data member of a cost answer: source key to destination key to cost.
pub(super) struct CostMatrix<K> {
    srcs: Vec<K>,
    dsts: Vec<K>,
    /// Row by row; what is undefined or fails a constraint is absent.
    cells: Vec<Option<Cell>>,
}

/// One cost of an answer.
#[derive(Clone, Copy)]
enum Cell {
    Amount(Value),
    Rank(u32),
}

impl<K> CostMatrix<K> {
    /// Looks every pair up, ranks where the mode wants it, then drops what fails a constraint.
    ///
    /// Ranks are those of all pairs asked for (RFC 7285 §6.1.2.2); constraints then apply to the ranks, so that a
    /// constrained answer is a part of the unconstrained one.
    pub(super) fn new<T>(
        srcs: Vec<(K, T)>,
        dsts: Vec<(K, T)>,
        kind: CostKind,
        constraints: &[Constraint],
        cost: impl Fn(&T, &T) -> Option<Value>,
    ) -> Self {
        let mut values = Vec::with_capacity(srcs.len() * dsts.len());
        for (_, src) in &srcs {
            values.extend(dsts.iter().map(|(_, dst)| cost(src, dst)));
        }
        let mut cells: Vec<Option<Cell>> = match kind.mode {
            Mode::Numerical => values.into_iter().map(|value| value.map(Cell::Amount)).collect(),
            Mode::Ordinal => {
                let defined: Vec<Value> = values.iter().copied().flatten().collect();
                let mut ranks = dense_ranks(kind.metric, &defined).into_iter();
                values.into_iter().map(|value| value.and_then(|_| ranks.next()).map(Cell::Rank)).collect()
            }
        };
        if !constraints.is_empty() {
            for cell in &mut cells {
                *cell = cell.filter(|cell| constraints.iter().all(|constraint| constraint.admits(cell.as_f64())));
            }
        }
        let keys = |list: Vec<(K, T)>| list.into_iter().map(|(key, _)| key).collect();
        Self { srcs: keys(srcs), dsts: keys(dsts), cells }
    }
}

impl Cell {
    fn as_f64(self) -> f64 {
        match self {
            Self::Amount(value) => value.as_f64(),
            Self::Rank(rank) => f64::from(rank),
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Rank(rank) => serializer.serialize_u32(rank),
            // A whole amount without a fraction: `13`, not `13.0`.
            Self::Amount(value) => match value.as_integer() {
                Some(whole) => serializer.serialize_u64(whole),
                None => serializer.serialize_f64(value.as_f64()),
            },
        }
    }
}

impl<K: Serialize> Serialize for CostMatrix<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_map(Some(self.srcs.len()))?;
        for (index, src) in self.srcs.iter().enumerate() {
            let start = index * self.dsts.len();
            rows.serialize_entry(src, &Row { dsts: &self.dsts, cells: &self.cells[start..start + self.dsts.len()] })?;
        }
        rows.end()
    }
}

struct Row<'a, K> {
    dsts: &'a [K],
    cells: &'a [Option<Cell>],
}

impl<K: Serialize> Serialize for Row<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let defined = self.dsts.iter().zip(self.cells).filter_map(|(dst, cell)| cell.as_ref().map(|cell| (dst, cell)));
        serializer.collect_map(defined)
    }
}
