//! The topology file that the operator named.

use std::path::PathBuf;
use std::sync::Arc;

use topo::Topology;

use crate::regular_file;

/// Longest topology file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Topology file, which is read at the start and at every reload; or none, and an empty network in place of its.
#[derive(Clone, Debug)]
pub(crate) struct TopologySource {
    path: Option<PathBuf>,
    /// Host of the topology on which this server runs, if the operator named one.
    host: Option<String>,
    /// Largest number of PIDs.
    max_pids: usize,
}

/// Topology with the JSON that it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) topology: Arc<Topology>,
    pub(crate) text: Arc<[u8]>,
}

/// Name of the empty network.
const WAITING: &str = "waiting";

/// Reason why the topology file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("topology: {}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Topology(#[from] topo::TopologyError),
    #[error("the topology {} {refused}", path.display())]
    TooManyPids { path: PathBuf, refused: TooManyPids },
    #[error("the topology {refused}")]
    OtherMaps { refused: OtherMaps },
    #[error("host: the topology {} has no host named {host:?}; correct the name or add the host", path.display())]
    UnknownHost { host: String, path: PathBuf },
}

/// Topology with more PIDs than allowed.
#[derive(Debug, thiserror::Error)]
#[error(
    "has {pids} PIDs; at most {most} are taken, because cost maps have the square of it: group more prefixes into a PID, or raise max-pids"
)]
pub(crate) struct TooManyPids {
    pids: usize,
    most: usize,
}

/// Refuses a topology with more PIDs than allowed.
pub(crate) fn check_pids(topology: &Topology, most: usize) -> Result<(), TooManyPids> {
    let pids = topology.most_pids();
    if pids > most { Err(TooManyPids { pids, most }) } else { Ok(()) }
}

/// Topology whose network maps beside the default one have other names than those that are served.
#[derive(Debug, thiserror::Error)]
#[error(
    "has {given} beside the default network map, and the server was started with {present}: the resources of a server do not \
     change while it runs, so restart it with the topology file that has them"
)]
pub(crate) struct OtherMaps {
    present: String,
    given: String,
}

/// Refuses a topology whose network maps have other names than those of the present one.
pub(crate) fn check_maps(topology: &Topology, present: &Topology) -> Result<(), OtherMaps> {
    if topology.map_names().eq(present.map_names()) {
        return Ok(());
    }
    let listed = |topology: &Topology| {
        let names: Vec<_> = topology.map_names().map(ToString::to_string).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    Err(OtherMaps { present: listed(present), given: listed(topology) })
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
    pub(crate) fn load(&self) -> Result<Loaded, SourceError> {
        let Some(path) = &self.path else {
            return Ok(Loaded::from_json(format!("{{\"name\": \"{WAITING}\"}}").as_bytes(), WAITING)?);
        };
        let text = regular_file::read(path, MAX_FILE_BYTES)
            .map_err(|source| SourceError::Unreadable { path: path.clone(), source })?;
        let loaded = Loaded::from_json(&text, &path.display().to_string())?;
        check_pids(&loaded.topology, self.max_pids)
            .map_err(|refused| SourceError::TooManyPids { path: path.clone(), refused })?;
        match &self.host {
            Some(host) if !loaded.topology.hosts().any(|known| known.name().as_str() == host) => {
                Err(SourceError::UnknownHost { host: host.clone(), path: path.clone() })
            }
            _ => Ok(loaded),
        }
    }
}

impl Loaded {
    /// Checks a topology; `source` names it in errors.
    pub(crate) fn from_json(text: &[u8], source: &str) -> Result<Self, topo::TopologyError> {
        Ok(Self { topology: Arc::new(Topology::from_json(text, source)?), text: Arc::from(text) })
    }
}
