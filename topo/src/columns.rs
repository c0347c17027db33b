//! Hashes of all costs, kept so that a change hashes anew only what it changed.
//!
//! A column is the costs from every place to one, hashed piece by piece; the hash of a column covers its pieces, and the
//! tag of a view its columns. Only costs go in, never routes, so that equal answers have equal tags.

use std::sync::Arc;

use crate::costs::in_parallel;
use crate::metric::Metric;
use crate::routes::Measures;
use crate::tag::Hasher;
use crate::value::Value;

/// Sources in one piece of a column.
const PIECE: usize = 64;

/// The hashes of the columns of one kind of places.
#[derive(Clone, Debug)]
pub(crate) struct Columns(Vec<Arc<Column>>);

/// The hashes of the costs to one place.
#[derive(Debug)]
struct Column {
    pieces: Vec<[u8; 32]>,
    digest: [u8; 32],
}

/// What of a column is not what it was.
#[derive(Clone, Debug)]
pub(crate) enum Stale {
    /// Nothing.
    None,
    /// The costs from these sources.
    Sources(Vec<u32>),
    /// Everything.
    All,
}

impl Columns {
    /// Hashes the costs between `count` places. `cost` is asked for source and destination.
    pub(crate) fn compute(count: usize, cost: impl Fn(u32, u32) -> Option<Measures> + Sync) -> Self {
        let column = |destination: u32| {
            let pieces = (0..count.div_ceil(PIECE)).map(|piece| hash_piece(piece, count, destination, &cost));
            Arc::new(Column::new(pieces.collect()))
        };
        let destinations: Vec<u32> = (0..).take(count).collect();
        Self(in_parallel(&destinations, |part| part.iter().map(|&destination| column(destination)).collect()))
    }

    /// The hashes after a change; `stale` says what it changed of each column.
    pub(crate) fn after(
        &self,
        stale: impl Fn(u32) -> Stale + Sync,
        cost: impl Fn(u32, u32) -> Option<Measures> + Sync,
    ) -> Self {
        let count = self.0.len();
        let column = |destination: u32| {
            let old = &self.0[destination as usize];
            let mut wanted = match stale(destination) {
                Stale::None => return Arc::clone(old),
                Stale::All => (0..old.pieces.len()).collect(),
                Stale::Sources(sources) => sources.iter().map(|source| *source as usize / PIECE).collect::<Vec<_>>(),
            };
            wanted.sort_unstable();
            wanted.dedup();
            if wanted.is_empty() {
                return Arc::clone(old);
            }
            let mut pieces = old.pieces.clone();
            for piece in wanted {
                pieces[piece] = hash_piece(piece, count, destination, &cost);
            }
            Arc::new(Column::new(pieces))
        };
        let destinations: Vec<u32> = (0..).take(count).collect();
        Self(in_parallel(&destinations, |part| part.iter().map(|&destination| column(destination)).collect()))
    }

    /// Adds everything to the hash of a view.
    pub(crate) fn add_to(&self, hasher: &mut Hasher) {
        hasher.number(self.0.len() as u64);
        for column in &self.0 {
            hasher.bytes(&column.digest);
        }
    }
}

impl Column {
    fn new(pieces: Vec<[u8; 32]>) -> Self {
        let mut hasher = Hasher::new("column");
        for piece in &pieces {
            hasher.bytes(piece);
        }
        Self { digest: hasher.digest(), pieces }
    }
}

fn hash_piece(piece: usize, count: usize, destination: u32, cost: &impl Fn(u32, u32) -> Option<Measures>) -> [u8; 32] {
    let sources = piece * PIECE..((piece + 1) * PIECE).min(count);
    let mut bytes = Vec::with_capacity(PIECE * Metric::ALL.len() * size_of::<u64>());
    for source in sources {
        let cost = cost(u32::try_from(source).unwrap_or(u32::MAX), destination);
        // The delay of a round trip is that of two columns.
        for metric in Metric::ALL.into_iter().filter(|metric| *metric != Metric::DelayRoundTrip) {
            let micros = cost.and_then(|cost| cost.value(metric)).map_or(u64::MAX, Value::micros);
            bytes.extend(micros.to_be_bytes());
        }
    }
    let mut hasher = Hasher::new("piece");
    hasher.bytes(&bytes);
    hasher.digest()
}
