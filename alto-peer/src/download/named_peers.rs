//! Peers that the user names, which are asked for their files themselves, without a registry.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alto_client::printable;
use alto_types::swarm::{FileEntry, FileId, FileSummary, Holder, Holders, PeerId};
use serde::Deserialize;
use ureq::Agent;

use super::cancel::Cancel;
use super::documents::fetch_small;
use super::outcome::Outcome;
use super::pace::Pace;
use super::rendezvous::{Rendezvous, RendezvousError};
use super::transport;
use super::wanted::IdPrefix;

/// Largest list of files that is read, in bytes.
const MAX_LIST: u64 = 64 * 1024 * 1024;
/// Time without a byte of a list after which its peer is left out.
const PATIENCE: Duration = Duration::from_secs(10);

/// Directory of the files of some peers, at their word.
pub struct NamedPeers {
    peers: Vec<SocketAddr>,
    agent: Agent,
}

/// Answer to `GET /files`.
#[derive(Deserialize)]
struct List {
    files: Vec<FileEntry>,
}

impl NamedPeers {
    /// Directory of these peers, which are asked from this local address.
    pub fn new(peers: Vec<SocketAddr>, source: Option<IpAddr>) -> Self {
        let pace = Arc::new(Pace::new(Instant::now(), None));
        let agent = transport::agent(source, peers.len(), pace);
        Self { peers, agent }
    }

    /// Files of all peers that answer. Fails if none does.
    fn files(&self) -> Result<Vec<(SocketAddr, FileEntry)>, RendezvousError> {
        let (mut found, mut answered, mut problems) = (Vec::new(), false, Vec::new());
        for peer in &self.peers {
            match self.list(*peer) {
                Ok(files) => {
                    answered = true;
                    found.extend(files.into_iter().map(|file| (*peer, file)));
                }
                Err(problem) => problems.push(format!("{peer} {problem}")),
            }
        }
        if answered { Ok(found) } else { Err(RendezvousError::Failed(problems.join("; "))) }
    }

    fn list(&self, peer: SocketAddr) -> Result<Vec<FileEntry>, String> {
        let url = format!("http://{peer}/files");
        let answer = fetch_small(&self.agent, &url, MAX_LIST, &Cancel::default(), PATIENCE);
        let bytes = answer.map_err(|outcome| match outcome {
            Outcome::Left(why) | Outcome::Stalled(why) | Outcome::Lied(why) | Outcome::Refused(_, why) => why,
            _ => "has no list of files: is it an alto-peer?".to_owned(),
        })?;
        let list: List = serde_json::from_slice(&bytes).map_err(|_| "sent no list of files: is it an alto-peer?")?;
        Ok(list.files)
    }

    fn summaries(&self, wanted: impl Fn(&FileEntry) -> bool) -> Result<Vec<FileSummary>, RendezvousError> {
        let mut summaries: BTreeMap<FileId, FileSummary> = BTreeMap::new();
        for (_, file) in self.files()?.into_iter().filter(|(_, file)| wanted(file)) {
            let summary = summaries.entry(file.id).or_insert_with(|| FileSummary {
                id: file.id,
                name: file.name,
                size: file.size,
                complete: 0,
                partial: 0,
            });
            *(if file.complete { &mut summary.complete } else { &mut summary.partial }) += 1;
        }
        Ok(summaries.into_values().collect())
    }
}

impl Rendezvous for NamedPeers {
    fn named(&self, name: &str) -> Result<Vec<FileSummary>, RendezvousError> {
        self.summaries(|file| file.name == name)
    }

    fn beginning(&self, prefix: &IdPrefix) -> Result<Vec<FileSummary>, RendezvousError> {
        self.summaries(|file| prefix.begins(file.id))
    }

    fn holders(&self, file: FileId, limit: usize) -> Result<Holders, RendezvousError> {
        let mut holders = Vec::new();
        let mut summary = None;
        for (peer, entry) in self.files()?.into_iter().filter(|(_, entry)| entry.id == file) {
            let all = summary.get_or_insert_with(|| FileSummary {
                id: file,
                name: entry.name.clone(),
                size: entry.size,
                complete: 0,
                partial: 0,
            });
            *(if entry.complete { &mut all.complete } else { &mut all.partial }) += 1;
            holders.push(Holder {
                peer: PeerId(peer.to_string()),
                name: printable(&peer.to_string()),
                address: peer.ip(),
                port: peer.port(),
                manifest: entry.manifest,
                complete: entry.complete,
            });
        }
        holders.truncate(limit);
        summary.map(|file| Holders { file, holders }).ok_or(RendezvousError::NotFound)
    }
}
