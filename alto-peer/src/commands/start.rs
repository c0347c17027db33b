//! Why a peer does not start, and how the program ends then.

use std::io;

use super::Exit;
use super::access::AccessError;
use crate::node::NodeError;
use crate::settings::PeersError;

/// The reasons.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Peers(#[from] PeersError),
    #[error("{}: {source}", path.display())]
    Path { path: std::path::PathBuf, source: io::Error },
    #[error("the operating system refused: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Access(error) => error.exit(),
            Self::Peers(_) | Self::Path { .. } => Exit::Config,
            Self::Node(_) | Self::System(_) => Exit::Failure,
        }
    }
}
