//! The topology file that the operator named.

use std::path::PathBuf;

use topo::Topology;

use super::network::feeds::check_pids;

/// Topology file, which is read at the start and at every reload; or none, and an empty network in place of its.
#[derive(Clone, Debug)]
pub(crate) struct TopologySource {
    path: Option<PathBuf>,
    /// Host of the topology on which this server runs, if the operator named one.
    host: Option<String>,
    /// Largest number of PIDs.
    max_pids: usize,
}

/// Name of the empty network.
const WAITING: &str = "waiting";

/// Reason why the topology file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Topology(#[from] topo::TopologyError),
    #[error("the topology {0}")]
    TooManyPids(String),
    #[error("host: the topology {} has no host named {host:?}; correct the name or add the host", path.display())]
    UnknownHost { host: String, path: PathBuf },
}

impl TopologySource {
    /// Names a file, the host that must be in it, and the largest number of PIDs.
    pub(crate) fn new(path: Option<PathBuf>, host: Option<String>, max_pids: usize) -> Self {
        Self { path, host, max_pids }
    }

    /// Tells whether there is no file, so that the topology has to come through `/admin`.
    pub(crate) fn is_waiting(&self) -> bool {
        self.path.is_none()
    }

    /// Reads and checks the file.
    pub(crate) fn load(&self) -> Result<Topology, SourceError> {
        let Some(path) = &self.path else {
            return Ok(Topology::from_json(format!("{{\"name\": \"{WAITING}\"}}").as_bytes(), WAITING)?);
        };
        let topology = Topology::from_path(path)?;
        check_pids(&topology, self.max_pids)
            .map_err(|error| SourceError::TooManyPids(format!("{} {error}", path.display())))?;
        match &self.host {
            Some(host) if !topology.hosts().any(|known| known.name().as_str() == host) => {
                Err(SourceError::UnknownHost { host: host.clone(), path: path.clone() })
            }
            _ => Ok(topology),
        }
    }
}
