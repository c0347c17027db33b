//! Several servers as one: the store that they share, for the network and for the registry.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alto_registry::redis::Clock;
use alto_registry::shared::{Connector, Login, StoreAddress, StoreError};
use alto_registry::{Limits, Observer, RedisRegistry};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

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
        let login = read("store-password-file", settings.password.as_deref(), |text| {
            Login::parse(&text).map_err(str::to_owned)
        })?;
        let authorities = read("store-ca-file", settings.authorities.as_deref(), certificates)?;
        Ok(Self { login, authorities })
    }
}

/// Reads the file of a setting, if it is given.
fn read<T>(
    key: &'static str,
    path: Option<&Path>,
    parse: impl Fn(String) -> Result<T, String>,
) -> Result<Option<T>, ConfigError> {
    let Some(path) = path else { return Ok(None) };
    let text = regular_file::read_text(path, MAX_FILE_BYTES).map_err(|error| format!("cannot be read: {error}"));
    let parsed = text.and_then(parse);
    parsed.map(Some).map_err(|problem| ConfigError::StoreFile { key, path: path.to_owned(), problem })
}

/// Checks that a text has certificates.
fn certificates(text: String) -> Result<Vec<u8>, String> {
    let mut found = CertificateDer::pem_slice_iter(text.as_bytes()).peekable();
    if found.peek().is_none() {
        return Err("has no certificate; name a file in PEM".to_owned());
    }
    found.try_for_each(|certificate| certificate.map(drop)).map_err(|error| format!("is no PEM file: {error}"))?;
    Ok(text.into_bytes())
}
