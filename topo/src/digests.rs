//! Digests of all costs, stored so that a change rehashes only the costs it affects.
//!
//! A column holds the costs from every source to one destination and is hashed in blocks; the digest of a column covers
//! its blocks, and the tag of a view its columns. Only costs are hashed, not routes, so that equal answers have equal
//! tags.

use std::sync::Arc;

use crate::metric::Metric;
use crate::parallel::map_slices;
use crate::route::measures::Measures;
use crate::tag::Hasher;
use crate::value::Value;

/// The number of sources in one block of a column.
const BLOCK: usize = 64;

/// The digests of a cost matrix, by destination.
#[derive(Clone, Debug)]
pub(crate) struct CostDigests(Vec<Arc<Column>>);

/// The digests of the costs to one destination.
#[derive(Debug)]
struct Column {
    blocks: Vec<[u8; 32]>,
    digest: [u8; 32],
}

/// The part of a column that a change may have affected.
#[derive(Clone, Debug)]
pub(crate) enum Stale {
    /// No cost.
    None,
    /// The costs from these sources.
    Sources(Vec<u32>),
    /// All costs.
    All,
}

impl CostDigests {
    /// Hashes a cost matrix of `count` rows and columns; `cost` takes source and destination.
    pub(crate) fn compute(count: usize, cost: impl Fn(u32, u32) -> Option<Measures> + Sync) -> Self {
        let column = |destination: u32| {
            let blocks = (0..count.div_ceil(BLOCK)).map(|block| hash_block(block, count, destination, &cost));
            Arc::new(Column::new(blocks.collect()))
        };
        let destinations: Vec<u32> = (0..).take(count).collect();
        Self(map_slices(&destinations, |part| part.iter().map(|&destination| column(destination)).collect()))
    }

    /// Returns the digests after a change; `stale` tells which part of each column it may have affected.
    pub(crate) fn after(
        &self,
        stale: impl Fn(u32) -> Stale + Sync,
        cost: impl Fn(u32, u32) -> Option<Measures> + Sync,
    ) -> Self {
        let count = self.0.len();
        let column = |destination: u32| {
            let old = &self.0[destination as usize];
            let mut affected = match stale(destination) {
                Stale::None => return Arc::clone(old),
                Stale::All => (0..old.blocks.len()).collect(),
                Stale::Sources(sources) => sources.iter().map(|source| *source as usize / BLOCK).collect::<Vec<_>>(),
            };
            affected.sort_unstable();
            affected.dedup();
            if affected.is_empty() {
                return Arc::clone(old);
            }
            let mut blocks = old.blocks.clone();
            for block in affected {
                blocks[block] = hash_block(block, count, destination, &cost);
            }
            Arc::new(Column::new(blocks))
        };
        let destinations: Vec<u32> = (0..).take(count).collect();
        Self(map_slices(&destinations, |part| part.iter().map(|&destination| column(destination)).collect()))
    }

    /// Adds all digests to the hash of a view.
    pub(crate) fn add_to(&self, hasher: &mut Hasher) {
        hasher.number(self.0.len() as u64);
        for column in &self.0 {
            hasher.bytes(&column.digest);
        }
    }
}

impl Column {
    fn new(blocks: Vec<[u8; 32]>) -> Self {
        let mut hasher = Hasher::new("column");
        for block in &blocks {
            hasher.bytes(block);
        }
        Self { digest: hasher.digest(), blocks }
    }
}

fn hash_block(block: usize, count: usize, destination: u32, cost: &impl Fn(u32, u32) -> Option<Measures>) -> [u8; 32] {
    let sources = block * BLOCK..((block + 1) * BLOCK).min(count);
    let mut bytes = Vec::with_capacity(BLOCK * Metric::ALL.len() * size_of::<u64>());
    for source in sources {
        let cost = cost(u32::try_from(source).unwrap_or(u32::MAX), destination);
        // Round trips follow from the ways there and back.
        for metric in Metric::ALL.into_iter().filter(|metric| metric.round_trip_of().is_none()) {
            let micros = cost.and_then(|cost| metric.value(&cost)).map_or(u64::MAX, Value::micros);
            bytes.extend(micros.to_be_bytes());
        }
    }
    let mut hasher = Hasher::new("piece");
    hasher.bytes(&bytes);
    hasher.digest()
}
