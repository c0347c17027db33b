//! Digests of all routes that costs derive from, stored so that a change rehashes only the routes it affects.
//!
//! A column is the values of the routes to one root from every switch where traffic may enter the network. Its digest is the
//! sum of the hashes of its values, each hashed with its place, so that a value that changed is taken out and put in again
//! without the others. The tag of a view covers the digests of all columns. Values are hashed, not paths. What the costs
//! between hosts have in common is so hashed once, not for every pair of hosts.
//!
//! The hash is fast rather than cryptographic: whoever decides about links has no use for two networks with the same tag.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use crate::costs::Rerouted;
use crate::route::along::{ManyMeasures, Workspace};
use crate::route::measures::Measures;
use crate::route::search::AllMeasures;
use crate::route::switches::SwitchId;
use crate::tag::Hasher;

/// The digests of all columns, in the order of the roots.
#[derive(Clone, Debug)]
pub(crate) struct RouteDigests {
    /// Switches where traffic may enter the network, sorted.
    rows: Arc<Vec<SwitchId>>,
    columns: Vec<Column>,
}

/// The digest of the routes to one root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column(u128);

impl RouteDigests {
    /// Collects the digests of all columns, whose rows are sorted.
    pub(crate) fn new(rows: Vec<SwitchId>, columns: Vec<Column>) -> Self {
        Self { rows: Arc::new(rows), columns }
    }

    /// Returns the digests after a change of the same network, with what [`RouteDigests::column_after`] made of each tree.
    pub(crate) fn with(&self, columns: Vec<Column>) -> Self {
        Self { rows: Arc::clone(&self.rows), columns }
    }

    /// Returns the digest of a tree after a change.
    pub(crate) fn column_after(&self, workspaces: &mut [Workspace; 2], tree: Rerouted<'_>) -> Column {
        let [now, then] = workspaces;
        let Some((place, before)) = tree.before else {
            let mut all = ManyMeasures::of(tree.now, now);
            let rows = self.rows.iter().enumerate();
            return rows.fold(Column::default(), |column, (row, &switch)| column.with(row, all.measures(switch)));
        };
        let mut column = self.columns[place as usize];
        if !tree.changed.is_empty() {
            let (mut now, mut then) = (ManyMeasures::of(tree.now, now), ManyMeasures::of(before, then));
            for &switch in tree.changed {
                let Ok(row) = self.rows.binary_search(&switch) else { continue };
                column = column.without(row, then.measures(switch)).with(row, now.measures(switch));
            }
        }
        column
    }

    /// Returns the place of a switch among those where traffic may enter the network.
    pub(crate) fn row(&self, switch: SwitchId) -> u64 {
        self.rows.binary_search(&switch).map_or(u64::MAX, |row| row as u64)
    }

    /// Adds all digests to the hash of a view.
    pub(crate) fn add_to(&self, hasher: &mut Hasher) {
        hasher.number(self.rows.len() as u64);
        hasher.number(self.columns.len() as u64);
        for column in &self.columns {
            hasher.bytes(&column.0.to_be_bytes());
        }
    }
}

impl Column {
    /// Hashes the values of the routes from `rows`, which are sorted.
    pub(crate) fn of(rows: &[SwitchId], measures: &AllMeasures<'_>) -> Self {
        let row = |column: Self, (row, &switch): (usize, &SwitchId)| column.with(row, measures.of(switch));
        rows.iter().enumerate().fold(Self::default(), row)
    }

    /// Adds the values of a row.
    fn with(self, row: usize, values: Option<&Measures>) -> Self {
        Self(self.0.wrapping_add(hash(row, values)))
    }

    /// Removes the values of a row.
    fn without(self, row: usize, values: Option<&Measures>) -> Self {
        Self(self.0.wrapping_sub(hash(row, values)))
    }
}

/// Hashes the values of a row; nothing is added where there is no route.
fn hash(row: usize, values: Option<&Measures>) -> u128 {
    values.map_or(0, |values| xxh3_128(&values.to_bytes(row as u64)))
}
