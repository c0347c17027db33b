//! Start of a peer from its configuration, and the reasons why one does not start.

use std::io;
use std::path::PathBuf;

use super::access::AccessError;
use crate::node::{NodeError, NodeSettings};
use crate::serving::{DEFAULT_CONNECTIONS, Patience, ServingSettings};
use crate::settings::{PeerConfig, PeersError, check_name};
use command_line::Exit;

/// Reason why a peer does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Peers(#[from] PeersError),
    #[error("{}: {source}", path.display())]
    Path { path: PathBuf, source: io::Error },
    #[error("cannot start a thread or catch signals: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// Exit code of the program.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Access(error) => error.exit(),
            Self::Peers(_) | Self::Path { .. } => Exit::Config,
            Self::Node(_) | Self::System(_) => Exit::Failure,
        }
    }
}

/// Settings of a peer with this configuration. `state` is the folder for its registration.
pub(crate) fn node_settings(config: &PeerConfig, state: Option<PathBuf>) -> NodeSettings {
    NodeSettings {
        name: config.name.clone().unwrap_or_else(host_name),
        serving: ServingSettings {
            address: config.listen,
            upload_rate: config.upload_rate,
            uploads: config.uploads,
            connections: DEFAULT_CONNECTIONS,
            patience: Patience::default(),
        },
        piece_size: config.piece_size,
        state,
        seed: config.fetching.seed,
    }
}

/// Name of this machine, or `peer` if that cannot be the name of a peer.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if check_name(&name).is_ok() { name } else { "peer".to_owned() }
}
