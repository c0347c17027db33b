//! What the handlers of `/admin` share: the network, reloads, and the answer to a refused change.

use std::sync::Arc;
use std::time::Duration;

use crate::http::HttpError;
use crate::http::offload::WorkPool;
use crate::state::audit::Actor;
use crate::state::network::{ChangeRefused, Network, Outcome};
use crate::state::replication::CommitError;
use crate::state::source::Loaded;

/// Time after which a change may be tried again that the store of several servers did not take.
const STORE_RETRY: Duration = Duration::from_secs(2);

/// Everything that the handlers share.
pub(crate) struct Admin {
    /// Thread for changes, apart from those of clients, so that operators never wait behind clients.
    pub(crate) changes: WorkPool,
    /// Thread for questions of operators, which never wait behind a change.
    pub(crate) questions: WorkPool,
    pub(crate) network: Arc<Network>,
    pub(crate) reloading: Arc<dyn Reloading>,
    /// Largest number of prefixes of all sources.
    pub(crate) max_prefixes: usize,
}

/// Reading of files again while the server runs. An error lists everything that is wrong, and nothing was changed.
pub(crate) trait Reloading: Send + Sync {
    /// Reads settings, and every file that they name.
    fn reload(&self, by: &Actor) -> Result<Reloaded, String>;

    /// Reads the topology file alone.
    fn topology_file(&self) -> Result<Loaded, String>;
}

/// Result of a reload.
pub(crate) struct Reloaded {
    pub(crate) outcome: Outcome,
    /// Settings that changed, and take effect with a restart only.
    pub(crate) restart: Vec<String>,
}

/// Answers a change that the store of several servers did not take.
fn unavailable(error: &CommitError) -> HttpError {
    tracing::warn!(%error, "a change was not acknowledged");
    HttpError::Overloaded(STORE_RETRY)
}

/// Answers a refused change.
pub(super) fn refused(error: ChangeRefused) -> HttpError {
    match error {
        ChangeRefused::Store(error) => {
            tracing::error!(%error, "the change was refused because it could not be saved");
            HttpError::Internal
        }
        ChangeRefused::Replication(error) => unavailable(&error),
        ChangeRefused::NoPrevious | ChangeRefused::Unchanged { .. } => HttpError::NotFound(error.to_string()),
        other => HttpError::Unprocessable(other.to_string()),
    }
}
