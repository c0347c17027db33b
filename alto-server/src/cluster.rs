//! Several servers as one: the store that they share, for the network and for the registry.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alto_registry::redis::Clock;
use alto_registry::shared::{Connector, Login, StoreAddress, StoreError};
use alto_registry::{Limits, Observer, RedisRegistry};

use crate::config::{ConfigError, StoreSettings};
use crate::regular_file;
use crate::state::network::{ChangeRefused, Network};
use crate::state::replication::Replication;
use crate::state::shared::SharedStore;

/// Longest file with a password or with certificates, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Time in which a server that starts has to have all registrations.
const START: Duration = Duration::from_mins(1);

/// Store that other servers use as well.
pub(crate) struct Cluster(Arc<Connector>);

/// What the files of the settings have.
pub(crate) struct Files {
    login: Option<Login>,
    /// Certificates that may vouch for the store.
    authorities: Option<Vec<u8>>,
}

/// Reason why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("store: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Network(#[from] ChangeRefused),
}

impl Cluster {
    /// Reads the files of the settings.
    pub(crate) fn new(settings: &StoreSettings) -> Result<Self, ClusterError> {
        let address: StoreAddress = settings.address.parse().map_err(|error| ConfigError::Store(format!("{error}")))?;
        let Files { login, authorities } = Files::read(settings)?;
        if address.copies() == 0 {
            tracing::warn!("store: without copies=N, a change is acknowledged that only one machine has");
        }
        Ok(Self(Arc::new(Connector::new(address, login, authorities))))
    }

    /// Brings the network to the state of the store, which all changes go through from then on.
    pub(crate) fn share(&self, network: &Arc<Network>) -> Result<(), ClusterError> {
        let store: Arc<dyn Replication> = Arc::new(SharedStore::open(Arc::clone(&self.0), network)?);
        Ok(network.share(&store)?)
    }

    /// Opens the registry.
    pub(crate) fn registry(&self, limits: Limits, observer: Arc<dyn Observer>) -> Result<RedisRegistry, ClusterError> {
        Ok(RedisRegistry::open(Arc::clone(&self.0), limits, observer, Clock::Store, START)?)
    }
}

impl Files {
    /// Reads the password, and the certificates.
    pub(crate) fn read(settings: &StoreSettings) -> Result<Self, ConfigError> {
        let text = |path: &PathBuf| {
            let unreadable = |error| ConfigError::Store(format!("{}: cannot be read: {error}", path.display()));
            regular_file::read_text(path, MAX_FILE_BYTES).map_err(unreadable)
        };
        let login = |path: &PathBuf| {
            let unusable = |problem| ConfigError::Store(format!("{}: {problem}", path.display()));
            Login::parse(&text(path)?).map_err(unusable)
        };
        let login = settings.password.as_ref().map(login).transpose()?;
        let authorities = settings.authorities.as_ref().map(text).transpose()?.map(String::into_bytes);
        Ok(Self { login, authorities })
    }
}
