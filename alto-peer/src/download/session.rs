//! The course of one download: identify the file, find a manifest, download the pieces, check the whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alto_types::swarm::{FileId, FileSummary};
use ureq::Agent;

use super::engine::{self, End, Tally, Task};
use super::manifest_search::ManifestSearch;
use super::pause::pause;
use super::rendezvous::RendezvousError;
use super::transport::{self, Cancel};
use super::{Done, FetchError, Order, Setup, Wanted};
use crate::content::manifest::{DEFAULT_PIECE_SIZE, MAX_PIECE_SIZE, piece_count};
use crate::content::partial::PartialError;
use crate::content::{FileName, Manifest, PartialFile};
use crate::events::Event;

/// Interval at which the registry is asked for a file that nobody shares yet.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// A download in progress.
struct Session<'a> {
    setup: &'a Setup,
    order: &'a Order,
    cancel: &'a Cancel,
    agent: Agent,
    file: FileId,
    manifests: ManifestSearch<'a>,
}

/// Carries out the order. Sets `file` as soon as it is clear which one is meant.
pub(super) fn run(
    setup: &Setup,
    order: &Order,
    cancel: &Cancel,
    file: &mut Option<FileId>,
) -> Result<Done, FetchError> {
    let start = Instant::now();
    let summary = find(setup, order, cancel)?;
    *file = Some(summary.id);
    let name = match &order.name {
        Some(name) => name.clone(),
        None => summary.name.parse()?,
    };
    if let Some(path) = already_there(setup, &order.folder.join(name.as_str()), &summary) {
        return Ok(Done {
            file: summary.id,
            path,
            bytes: 0,
            took: start.elapsed(),
            sources: BTreeMap::new(),
            wasted: 0,
        });
    }
    let connections = 2 * order.options.neighbours + order.options.parallel;
    let (file, agent) = (summary.id, transport::agent(setup.source, connections));
    let manifests = ManifestSearch::new(setup, cancel, agent.clone(), file, order.options.patience);
    let mut session = Session { setup, order, cancel, agent, file, manifests };
    session.fetch(&name, start)
}

/// Identifies the file that is wanted.
fn find(setup: &Setup, order: &Order, cancel: &Cancel) -> Result<FileSummary, FetchError> {
    loop {
        let found = match &order.wanted {
            Wanted::Id(id) => setup.rendezvous.holders(*id, 1).map(|holders| vec![holders.file]),
            Wanted::Name(name) => setup.rendezvous.named(name),
        };
        let time = match found {
            Ok(mut found) if found.len() == 1 => return Ok(found.remove(0)),
            Ok(candidates) if !candidates.is_empty() => {
                return Err(FetchError::Ambiguous { name: order.wanted.to_string(), candidates });
            }
            Ok(_) | Err(RendezvousError::NotFound) if !order.wait => {
                return Err(FetchError::NoSuchFile { wanted: order.wanted.to_string() });
            }
            Err(RendezvousError::Failed(reason)) if !order.wait => return Err(FetchError::Registry(reason)),
            Err(RendezvousError::Busy(time)) => time,
            Ok(_) | Err(RendezvousError::NotFound | RendezvousError::Failed(_)) => ASK_AGAIN,
        };
        pause(time, cancel)?;
    }
}

/// Path of the file if it is there already, in which case it is shared, too.
fn already_there(setup: &Setup, path: &Path, file: &FileSummary) -> Option<PathBuf> {
    let shared = setup.library.as_ref().and_then(|library| library.get(file.id));
    let shared_path = shared.as_ref().and_then(|shared| shared.path());
    if let Some(there) = shared_path.filter(|there| path.canonicalize().is_ok_and(|path| path == **there)) {
        return Some(there.to_owned());
    }
    let metadata = path.metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() == file.size)?;
    let manifest = Manifest::of_file(path, piece_size_for(metadata.len()), |_| ()).ok()?;
    if manifest.id != file.id {
        return None;
    }
    if let Some(library) = &setup.library {
        // Hashes it once more, which takes little time compared to a download.
        let _shared = library.add_file(path, piece_size_for(metadata.len()), |_, _, _| ());
    }
    Some(path.to_owned())
}

/// The default piece size, or a larger one for a file that would have too many pieces.
fn piece_size_for(size: u64) -> u32 {
    let mut piece_size = DEFAULT_PIECE_SIZE;
    while piece_count(size, piece_size).is_err() && piece_size < MAX_PIECE_SIZE {
        piece_size *= 2;
    }
    piece_size
}

impl Session<'_> {
    fn fetch(&mut self, name: &FileName, start: Instant) -> Result<Done, FetchError> {
        let mut tally = Tally::default();
        loop {
            let found = self.manifests.find(&self.order.folder)?;
            let partial = PartialFile::open(&self.order.folder, name, &found.manifest, self.order.options.block_size)?;
            let partial = Arc::new(partial);
            let manifest = partial.manifest();
            self.setup.events.emit(Event::Joined {
                file: self.file,
                name: name.to_string(),
                size: manifest.size,
                pieces: manifest.piece_count(),
                piece_size: manifest.piece_size,
                have: partial.have().count(),
                policy: self.order.options.policy.to_string(),
            });
            if let Some(library) = &self.setup.library {
                library.add_partial(&partial);
            }
            let fetched = self.fetch_pieces(&partial, found.digest, &mut tally);
            if matches!(fetched, Ok(End::Orphaned)) {
                // Pieces that are there stay, and are checked when the file is opened with the other manifest.
                self.stop_sharing();
                partial.release();
                continue;
            }
            match fetched.and_then(|_| Ok(partial.finish()?)) {
                Ok(path) => {
                    if let Some(library) = &self.setup.library
                        && let Err(error) = library.add_finished(&partial)
                    {
                        tracing::warn!("{}: was downloaded, but cannot be shared: {error}", path.display());
                        library.remove_partial(self.file);
                    }
                    return Ok(Done {
                        file: self.file,
                        path,
                        bytes: tally.bytes,
                        took: start.elapsed(),
                        sources: tally.sources,
                        wasted: tally.wasted,
                    });
                }
                Err(FetchError::Partial(PartialError::WrongContent { expected, found: wrong })) => {
                    let reason = format!("announced a manifest that describes {wrong} instead of {expected}");
                    self.manifests.exclude(found.digest, &reason);
                    self.stop_sharing();
                    if let Err(source) = partial.discard() {
                        return Err(FetchError::Place { path: self.order.folder.clone(), source });
                    }
                    tally.wasted += std::mem::take(&mut tally.bytes);
                    tally.sources.clear();
                }
                Err(error) => {
                    self.stop_sharing();
                    partial.release();
                    return Err(error);
                }
            }
        }
    }

    fn fetch_pieces(&self, partial: &Arc<PartialFile>, digest: FileId, tally: &mut Tally) -> Result<End, FetchError> {
        let task = Task {
            setup: self.setup,
            options: &self.order.options,
            agent: self.agent.clone(),
            file: self.file,
            manifest: digest,
            partial: Arc::clone(partial),
            cancel: self.cancel,
        };
        engine::run(task, tally)
    }

    /// Stops sharing what has arrived.
    fn stop_sharing(&self) {
        if let Some(library) = &self.setup.library {
            library.remove_partial(self.file);
        }
    }
}
