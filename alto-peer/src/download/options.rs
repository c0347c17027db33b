//! Settings of a download.

use std::time::Duration;

use super::follow::Follow;
use crate::content::partial::DEFAULT_BLOCK_SIZE;
use crate::policy::{Metrics, PolicyName, Shares};

/// The settings of one download; each has a default.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Policy by which holders are chosen.
    pub policy: PolicyName,
    /// Metrics that the policies `alto` and `best` compare holders by.
    pub metrics: Metrics,
    /// Bounds on the neighbours that the policy `alto` takes from near PIDs.
    pub shares: Shares,
    /// Maximum number of neighbours: holders that are asked for pieces.
    pub neighbours: usize,
    /// Maximum number of requests at a time.
    pub parallel: usize,
    /// Maximum number of requests to one neighbour at a time.
    pub parallel_per_neighbour: usize,
    /// Seed of all random choices, so that a run can be repeated; itself random if absent.
    pub seed: Option<u64>,
    /// Number of bytes written to disk at a time.
    pub block_size: usize,
    /// Pause within a body after which the request is given up. The wait for the first byte may be longer, as uploads are
    /// queued.
    pub stall: Duration,
    /// Interval at which holders are polled, and costs where they are not followed.
    pub refresh: Duration,
    /// Ways in which changes of costs are followed.
    pub follow: Follow,
    /// Time without a new piece after which the download gives up.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: PolicyName::Alto,
            metrics: Metrics::default(),
            shares: Shares::default(),
            neighbours: 20,
            parallel: 12,
            parallel_per_neighbour: 2,
            seed: None,
            block_size: DEFAULT_BLOCK_SIZE,
            stall: Duration::from_secs(15),
            refresh: Duration::from_secs(10),
            follow: Follow::Auto,
            patience: Duration::from_mins(10),
        }
    }
}
