//! The topology file that the operator named.

use std::path::PathBuf;

use topo::Topology;

/// Topology file, which is read at the start and at every reload.
#[derive(Clone, Debug)]
pub(crate) struct TopologySource {
    path: PathBuf,
    /// Host of the topology on which this server runs, if the operator named one.
    host: Option<String>,
}

/// Reason why the topology file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Topology(#[from] topo::TopologyError),
    #[error("host: the topology {} has no host named {host:?}; correct the name or add the host", path.display())]
    UnknownHost { host: String, path: PathBuf },
}

impl TopologySource {
    /// Names a file, and the host that must be in it.
    pub(crate) fn new(path: PathBuf, host: Option<String>) -> Self {
        Self { path, host }
    }

    /// Reads and checks the file.
    pub(crate) fn load(&self) -> Result<Topology, SourceError> {
        let topology = Topology::from_path(&self.path)?;
        match &self.host {
            Some(host) if !topology.hosts().any(|known| known.name().as_str() == host) => {
                Err(SourceError::UnknownHost { host: host.clone(), path: self.path.clone() })
            }
            _ => Ok(topology),
        }
    }
}
