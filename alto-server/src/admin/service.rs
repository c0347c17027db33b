//! What the handlers of `/admin` share: the network, its source, and the answer to a refused change.

use std::sync::Arc;

use crate::http::HttpError;
use crate::http::offload::WorkPool;
use crate::state::network::{ChangeRefused, Network};
use crate::state::source::TopologySource;

/// Everything that the handlers share.
pub(crate) struct Admin {
    /// Threads for changes, apart from those of clients, so that operators never wait behind clients.
    pub(crate) pool: WorkPool,
    pub(crate) network: Arc<Network>,
    pub(crate) source: TopologySource,
    /// Largest number of prefixes of all sources.
    pub(crate) max_prefixes: usize,
}

/// Answers a refused change.
pub(super) fn refused(error: ChangeRefused) -> HttpError {
    match error {
        ChangeRefused::Change(_) | ChangeRefused::Topology(_) | ChangeRefused::TooManyPids { .. } => {
            HttpError::Unprocessable(error.to_string())
        }
        ChangeRefused::Store(error) => {
            tracing::error!(%error, "the change was refused because it could not be saved");
            HttpError::Internal
        }
    }
}
