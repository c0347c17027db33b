//! The course of one download: identify the file, find a manifest, download the pieces, check the whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alto_types::swarm::{FileId, FileSummary};
use ureq::Agent;

use super::cancel::Cancel;
use super::engine::{self, End, Tally, Task};
use super::manifest_search::ManifestSearch;
use super::pace::Pace;
use super::pause::{call, pause};
use super::rendezvous::RendezvousError;
use super::transport;
use super::{Done, FetchError, IdPrefix, Order, Setup, Wanted};
use crate::content::manifest::{DEFAULT_PIECE_SIZE, MAX_PIECE_SIZE, piece_count};
use crate::content::partial::PartialError;
use crate::content::{FileName, PartialFile};
use crate::events::Event;

/// Interval at which the registry is asked for a file that nobody shares yet.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Longest pause for a registry that is busy, whatever it asks for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A download in progress.
struct Session<'a> {
    setup: &'a Setup,
    order: &'a Order,
    cancel: &'a Cancel,
    agent: Agent,
    pace: &'a Arc<Pace>,
    file: FileId,
    manifests: ManifestSearch<'a>,
}

/// Carries out the order. Sets `file` as soon as it is clear which one is meant.
pub(super) fn run(
    setup: &Setup,
    pace: &Arc<Pace>,
    order: &Order,
    cancel: &Cancel,
    file: &mut Option<FileId>,
) -> Result<Done, FetchError> {
    let start = Instant::now();
    let summary = find(setup, order, cancel)?;
    *file = Some(summary.id);
    let name = match &order.name {
        Some(name) => name.clone(),
        None => FileName::from_others(&summary.name)?,
    };
    if let Some(path) = already_there(setup, &order.folder.join(name.as_str()), &summary, cancel)? {
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
    let (file, agent) = (summary.id, transport::agent(setup.source, connections, Arc::clone(pace)));
    let manifests = ManifestSearch::new(setup, cancel, agent.clone(), file, order.options.patience);
    let mut session = Session { setup, order, cancel, agent, pace, file, manifests };
    session.fetch(&name, start)
}

/// Identifies the file that is wanted. Unless the order is to wait for it, that takes no longer than its patience.
fn find(setup: &Setup, order: &Order, cancel: &Cancel) -> Result<FileSummary, FetchError> {
    let until = (!order.wait).then(|| Instant::now() + order.options.patience);
    let mut told = false;
    loop {
        let (rendezvous, wanted) = (Arc::clone(&setup.rendezvous), order.wanted.clone());
        let found = call(until, cancel, move || match wanted {
            Wanted::Id(id) => rendezvous.holders(id, 1).map(|holders| vec![holders.file]),
            Wanted::Name(name) => rendezvous.named(&name).and_then(|found| match name.parse::<IdPrefix>() {
                Ok(prefix) if found.is_empty() => rendezvous.beginning(&prefix),
                _ => Ok(found),
            }),
        })?;
        let found = found.unwrap_or_else(|| Err(RendezvousError::Failed("the registry does not answer".to_owned())));
        let time = match found {
            Ok(mut found) if found.len() == 1 => return Ok(found.remove(0)),
            Ok(candidates) if !candidates.is_empty() => {
                return Err(FetchError::Ambiguous { name: order.wanted.to_string(), candidates });
            }
            Ok(_) | Err(RendezvousError::NotFound) if !order.wait => {
                return Err(FetchError::NoSuchFile { wanted: order.wanted.to_string() });
            }
            Err(RendezvousError::Refused(reason)) => return Err(FetchError::Registry(reason)),
            Err(RendezvousError::Failed(reason)) if !order.wait => return Err(FetchError::Registry(reason)),
            Err(busy @ RendezvousError::Busy(_)) if until.is_some_and(|until| Instant::now() >= until) => {
                return Err(FetchError::Registry(busy.to_string()));
            }
            Err(RendezvousError::Busy(time)) => time.min(LONGEST_PAUSE),
            Ok(_) | Err(RendezvousError::NotFound) => {
                if !std::mem::replace(&mut told, true) {
                    let reason = format!("nobody shares a file {} yet", order.wanted);
                    setup.events.emit(Event::Waiting { file: None, reason, seconds: None });
                }
                ASK_AGAIN
            }
            Err(RendezvousError::Failed(reason)) => {
                if !std::mem::replace(&mut told, true) {
                    setup.events.emit(Event::Waiting { file: None, reason, seconds: None });
                }
                ASK_AGAIN
            }
        };
        let left = until.map_or(time, |until| until.saturating_duration_since(Instant::now()));
        pause(time.min(left), cancel)?;
    }
}

/// Path of the file if it is there already, in which case it is shared, too.
fn already_there(
    setup: &Setup,
    path: &Path,
    file: &FileSummary,
    cancel: &Cancel,
) -> Result<Option<PathBuf>, FetchError> {
    let shared = setup.library.as_ref().and_then(|library| library.get(file.id));
    let shared_path = shared.as_ref().and_then(|shared| shared.path());
    if let Some(there) = shared_path.filter(|there| path.canonicalize().is_ok_and(|path| path == **there)) {
        return Ok(Some(there.to_owned()));
    }
    if !path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == file.size) {
        return Ok(None);
    }
    let library = setup.library.clone().unwrap_or_default();
    match library.add_if(path, piece_size_for(file.size), file.id, || !cancel.is_cancelled()) {
        Ok(shared) => Ok(shared.map(|_| path.to_owned())),
        Err(_) if cancel.is_cancelled() => Err(FetchError::Cancelled),
        Err(_) => Ok(None),
    }
}

/// The default piece size, or a larger one for a file that would have too many pieces.
fn piece_size_for(size: u64) -> u32 {
    let mut piece_size = DEFAULT_PIECE_SIZE;
    while piece_count(size, piece_size).is_err() && piece_size < MAX_PIECE_SIZE {
        piece_size *= 2;
    }
    piece_size
}

/// The error of a download whose file cannot be checked or written.
fn stopped_or_failed(error: PartialError) -> FetchError {
    match error {
        PartialError::Stopped(_) => FetchError::Cancelled,
        error => error.into(),
    }
}

impl Session<'_> {
    fn fetch(&mut self, name: &FileName, start: Instant) -> Result<Done, FetchError> {
        let mut tally = Tally::default();
        let (mut arrived, mut progress) = (0, Instant::now());
        loop {
            // A change of manifests without a new piece is no progress.
            if tally.bytes + tally.wasted > arrived {
                (arrived, progress) = (tally.bytes + tally.wasted, Instant::now());
            }
            let found = self.manifests.find(&self.order.folder, progress)?;
            let (folder, block_size) = (&self.order.folder, self.order.options.block_size);
            let stopped = || self.cancel.is_cancelled();
            let partial = PartialFile::open_unless(folder, name, &found.manifest, block_size, stopped);
            let partial = Arc::new(partial.map_err(stopped_or_failed)?);
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
            let stopped = || self.cancel.is_cancelled();
            match fetched.and_then(|_| partial.finish_unless(stopped).map_err(stopped_or_failed)) {
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
                    self.stop_sharing();
                    self.manifests.exclude(found.digest, &reason)?;
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
            pace: Arc::clone(self.pace),
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
