//! Digests of all routes that costs derive from, stored so that a change rehashes only the routes it affects.
//!
//! A column holds the values of the routes to one root from every switch where traffic may enter the network. It is
//! hashed in blocks; the digest of a column covers its blocks, and the tag of a view its columns. Values are hashed, not
//! paths. What the costs between hosts have in common is so hashed once, not for every pair of hosts.

use std::sync::Arc;

use crate::costs::{Costs, Differences};
use crate::parallel::map_slices;
use crate::route::measures::Measures;
use crate::route::switches::SwitchId;
use crate::route::tree::Tree;
use crate::tag::Hasher;

/// The number of switches in one block of a column.
const BLOCK: usize = 64;

/// The digests of all columns, in the order of the roots.
#[derive(Clone, Debug)]
pub(crate) struct RouteDigests {
    /// Switches where traffic may enter the network, sorted.
    rows: Arc<Vec<SwitchId>>,
    columns: Vec<Arc<Column>>,
}

/// The digests of the routes to one root.
#[derive(Debug)]
struct Column {
    blocks: Vec<[u8; 32]>,
    digest: [u8; 32],
}

impl RouteDigests {
    /// Hashes the routes from `rows`, which are sorted.
    pub(crate) fn compute(rows: Vec<SwitchId>, costs: &Costs) -> Self {
        let all =
            map_slices(costs.trees(), |trees| trees.iter().map(|tree| Arc::new(Column::of(tree, &rows))).collect());
        Self { rows: Arc::new(rows), columns: all }
    }

    /// Returns the digests after a change of the same network.
    pub(crate) fn after(&self, costs: &Costs, differences: &Differences) -> Self {
        let rows = &self.rows;
        let places: Vec<usize> = (0..costs.trees().len()).collect();
        let column = |place: usize| {
            let tree = &costs.trees()[place];
            let Some(old) = differences.same_root[place].and_then(|old| self.columns.get(old as usize)) else {
                return Arc::new(Column::of(tree, rows));
            };
            let touched = differences.changed[place].iter().filter_map(|switch| rows.binary_search(switch).ok());
            let mut blocks: Vec<usize> = touched.map(|row| row / BLOCK).collect();
            if blocks.is_empty() {
                return Arc::clone(old);
            }
            blocks.sort_unstable();
            blocks.dedup();
            Arc::new(old.with(&blocks, tree, rows))
        };
        let columns = map_slices(&places, |places| places.iter().map(|&place| column(place)).collect());
        Self { rows: Arc::clone(rows), columns }
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
            hasher.bytes(&column.digest);
        }
    }
}

impl Column {
    fn of(tree: &Tree, rows: &[SwitchId]) -> Self {
        Self::new(rows.chunks(BLOCK).map(|block| hash_block(block, tree)).collect())
    }

    /// Hashes some blocks again.
    fn with(&self, blocks: &[usize], tree: &Tree, rows: &[SwitchId]) -> Self {
        let mut next = self.blocks.clone();
        for &block in blocks {
            next[block] = hash_block(&rows[block * BLOCK..((block + 1) * BLOCK).min(rows.len())], tree);
        }
        Self::new(next)
    }

    fn new(blocks: Vec<[u8; 32]>) -> Self {
        let mut hasher = Hasher::new("column");
        for block in &blocks {
            hasher.bytes(block);
        }
        Self { digest: hasher.digest(), blocks }
    }
}

fn hash_block(block: &[SwitchId], tree: &Tree) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(BLOCK * size_of::<Measures>());
    for &switch in block {
        tree.measures(switch).unwrap_or(&Measures::UNREACHED).append_to(&mut bytes);
    }
    let mut hasher = Hasher::new("block");
    hasher.bytes(&bytes);
    hasher.digest()
}
