//! How a file is fetched.

use std::time::Duration;

use crate::content::partial::DEFAULT_BLOCK_SIZE;
use crate::policy::{Metrics, PolicyName, Shares};

/// Everything that can be set for one download; each has a default.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How holders are chosen.
    pub policy: PolicyName,
    /// The costs that the policies `alto` and `best` go by.
    pub metrics: Metrics,
    /// Bounds of the policy `alto`.
    pub shares: Shares,
    /// Most holders that are neighbours at a time.
    pub neighbours: usize,
    /// Most requests at a time.
    pub parallel: usize,
    /// Most requests to one neighbour at a time.
    pub parallel_per_neighbour: usize,
    /// Starts the generator of random choices, so that a run can be repeated.
    pub seed: Option<u64>,
    /// Bytes written to disk at a time.
    pub block_size: usize,
    /// A body that pauses for so long is given up. The wait for its first byte is another matter: uploads are queued.
    pub stall: Duration,
    /// How often costs and holders are asked for again.
    pub refresh: Duration,
    /// How long to go on without a single new piece.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: PolicyName::Alto,
            metrics: Metrics::default(),
            shares: Shares::default(),
            neighbours: 20,
            parallel: 8,
            parallel_per_neighbour: 2,
            seed: None,
            block_size: DEFAULT_BLOCK_SIZE,
            stall: Duration::from_secs(15),
            refresh: Duration::from_secs(10),
            patience: Duration::from_mins(10),
        }
    }
}
