//! From an order to a file: which file is meant, what it consists of, and whether it is what it should be in the end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use alto_types::swarm::{FileId, FileSummary, Holder};
use rand::seq::SliceRandom;
use ureq::Agent;

use super::background;
use super::engine::{self, End, Tally, Task};
use super::rendezvous::RendezvousError;
use super::request::{Outcome, small};
use super::transport::{self, Cancel};
use super::{Done, FetchError, Order, Setup, Wanted};
use crate::content::manifest::{DEFAULT_PIECE_SIZE, MAX_MANIFEST_BYTES};
use crate::content::partial::PartialError;
use crate::content::{FileName, Manifest, PartialFile};
use crate::events::{Event, SourceState};

/// How often the registry is asked for a file that nobody has yet.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// For one manifest from one holder.
const MANIFEST: Duration = Duration::from_secs(30);
/// After this another holder is asked for it, too.
const OVERTAKE: Duration = Duration::from_secs(2);
/// Most holders that are asked for it at a time.
const RUNNERS: usize = 4;
/// Most holders that are looked at for a manifest.
const HOLDERS: usize = 200;
/// Naps are no longer than this, so that a cancelled download ends soon.
const NAP: Duration = Duration::from_millis(100);

/// One order on its way.
struct Session<'a> {
    setup: &'a Setup,
    order: &'a Order,
    cancel: &'a Cancel,
    agent: Agent,
    file: FileId,
    /// Digests of manifests that led to something else.
    lies: BTreeSet<FileId>,
    /// Who gave a manifest that was not what it announced.
    liars: BTreeSet<SocketAddr>,
}

/// A manifest with its digest.
struct Found {
    manifest: Manifest,
    digest: FileId,
}

/// Carries out the order. `file` becomes known as soon as it is clear which one is meant.
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
            sources: std::collections::BTreeMap::new(),
            wasted: 0,
        });
    }
    let connections = 2 * order.options.neighbours + order.options.parallel;
    let mut session = Session {
        setup,
        order,
        cancel,
        agent: transport::agent(setup.source, connections),
        file: summary.id,
        lies: BTreeSet::new(),
        liars: BTreeSet::new(),
    };
    session.fetch(&name, start)
}

/// Which file is meant.
fn find(setup: &Setup, order: &Order, cancel: &Cancel) -> Result<FileSummary, FetchError> {
    loop {
        let found = match &order.wanted {
            Wanted::Id(id) => setup.rendezvous.holders(*id, 1).map(|holders| vec![holders.file]),
            Wanted::Name(name) => setup.rendezvous.named(name),
        };
        let pause = match found {
            Ok(mut found) if found.len() == 1 => return Ok(found.remove(0)),
            Ok(candidates) if !candidates.is_empty() => {
                return Err(FetchError::Ambiguous { name: order.wanted.to_string(), candidates });
            }
            Ok(_) | Err(RendezvousError::NotFound) if !order.wait => {
                return Err(FetchError::NoSuchFile { wanted: order.wanted.to_string() });
            }
            Err(RendezvousError::Failed(reason)) if !order.wait => return Err(FetchError::Registry(reason)),
            Err(RendezvousError::Busy(time)) => time,
            Ok(_) | Err(RendezvousError::NotFound | RendezvousError::Failed(_)) => LOOK_AGAIN,
        };
        nap(pause, cancel)?;
    }
}

/// Where the file is already, if it is. Sharing it is part of having it.
fn already_there(setup: &Setup, path: &Path, file: &FileSummary) -> Option<PathBuf> {
    let shared = setup.library.as_ref().and_then(|library| library.get(file.id));
    let shared_there = shared.as_ref().and_then(|shared| shared.path());
    if let Some(there) = shared_there.filter(|there| path.canonicalize().is_ok_and(|path| path == **there)) {
        return Some(there.to_owned());
    }
    let metadata = path.metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() == file.size)?;
    let manifest = Manifest::of_file(path, piece_size_for(metadata.len()), |_| ()).ok()?;
    if manifest.id != file.id {
        return None;
    }
    if let Some(library) = &setup.library {
        // Hashed once more, which a file that is there already can bear.
        let _shared = library.add_file(path, piece_size_for(metadata.len()), |_, _, _| ());
    }
    Some(path.to_owned())
}

/// The usual size of pieces, or a larger one for files that would have too many.
fn piece_size_for(size: u64) -> u32 {
    let mut piece_size = DEFAULT_PIECE_SIZE;
    while crate::content::manifest::piece_count(size, piece_size).is_err()
        && piece_size < crate::content::manifest::MAX_PIECE_SIZE
    {
        piece_size *= 2;
    }
    piece_size
}

impl Session<'_> {
    fn fetch(&mut self, name: &FileName, start: Instant) -> Result<Done, FetchError> {
        let mut tally = Tally::default();
        loop {
            let found = self.find_manifest()?;
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
                // What is there stays, and is looked through when the file is opened with the other manifest.
                self.forget();
                partial.release();
                continue;
            }
            match fetched.and_then(|_| Ok(partial.finish()?)) {
                Ok(path) => {
                    if let Some(library) = &self.setup.library
                        && let Err(error) = library.add_finished(&partial)
                    {
                        tracing::warn!("fetched, but not shared: {error}");
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
                    let reason = format!("announced a manifest that leads to {wrong}, not to {expected}");
                    self.lied(found.digest, &reason);
                    self.forget();
                    if let Err(source) = partial.discard() {
                        return Err(FetchError::Place { path: self.order.folder.clone(), source });
                    }
                    tally.wasted += std::mem::take(&mut tally.bytes);
                    tally.sources.clear();
                }
                Err(error) => {
                    self.forget();
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

    /// It is shared no more.
    fn forget(&self) {
        if let Some(library) = &self.setup.library {
            library.remove_partial(self.file);
        }
    }

    /// All who announce this manifest announce a lie.
    fn lied(&mut self, manifest: FileId, reason: &str) {
        self.lies.insert(manifest);
        let Ok(holders) = self.setup.rendezvous.holders(self.file, HOLDERS) else { return };
        for holder in holders.holders.iter().filter(|holder| holder.manifest == manifest) {
            self.tell(SocketAddr::new(holder.address, holder.port), SourceState::Lied, reason.to_owned());
        }
    }

    fn tell(&self, source: SocketAddr, state: SourceState, reason: String) {
        self.setup.events.emit(Event::Source { file: self.file, source, state, reason: Some(reason) });
    }

    /// A manifest that its holders announce, and that is of this file: the one of an earlier try if somebody has that,
    /// or else the one that most have.
    fn find_manifest(&mut self) -> Result<Found, FetchError> {
        let start = Instant::now();
        let mut reason = "nobody has the file".to_owned();
        loop {
            match self.setup.rendezvous.holders(self.file, HOLDERS) {
                Ok(listed) => {
                    let believed = self.believed(&listed.holders);
                    if believed.is_empty() && !listed.holders.is_empty() && !self.lies.is_empty() {
                        return Err(FetchError::AllFalse { file: self.file });
                    }
                    if let Some(found) = self.ask_for_manifest(believed, &mut reason)? {
                        return Ok(found);
                    }
                }
                Err(error) => reason = error.to_string(),
            }
            let after = self.order.options.patience;
            if start.elapsed() >= after {
                return Err(FetchError::NoManifest { after, reason });
            }
            nap(LOOK_AGAIN, self.cancel)?;
        }
    }

    /// Holders by the manifest they announce, the best manifest first.
    fn believed(&self, holders: &[Holder]) -> Vec<(FileId, Vec<SocketAddr>)> {
        let earlier = PartialFile::unfinished(&self.order.folder).unwrap_or_default();
        let earlier: BTreeSet<FileId> = earlier
            .iter()
            .filter(|unfinished| unfinished.manifest.id == self.file)
            .map(|unfinished| unfinished.manifest.digest())
            .collect();
        let mut groups: std::collections::BTreeMap<FileId, (usize, Vec<SocketAddr>)> =
            std::collections::BTreeMap::new();
        for holder in holders.iter().filter(|holder| !self.lies.contains(&holder.manifest)) {
            let source = SocketAddr::new(holder.address, holder.port);
            if !self.liars.contains(&source) {
                let group = groups.entry(holder.manifest).or_default();
                group.0 += usize::from(holder.complete);
                group.1.push(source);
            }
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        // Complete holders count first; ties go to the lower digest, so that a swarm does not split.
        groups.sort_by_key(|(digest, (complete, sources))| {
            (!earlier.contains(digest), std::cmp::Reverse((*complete, sources.len())), *digest)
        });
        groups.into_iter().map(|(digest, (_, sources))| (digest, sources)).collect()
    }

    /// Asks the holders of each manifest until one gives it.
    fn ask_for_manifest(
        &mut self,
        groups: Vec<(FileId, Vec<SocketAddr>)>,
        reason: &mut String,
    ) -> Result<Option<Found>, FetchError> {
        for (digest, mut sources) in groups {
            sources.shuffle(&mut rand::rng());
            if let Some(manifest) = self.race(digest, sources, reason)? {
                return Ok(Some(Found { manifest, digest }));
            }
        }
        Ok(None)
    }

    /// One after the other; whoever takes long is overtaken, and the first answer counts.
    fn race(
        &mut self,
        digest: FileId,
        mut sources: Vec<SocketAddr>,
        reason: &mut String,
    ) -> Result<Option<Manifest>, FetchError> {
        let (answers, inbox) = channel();
        let over = Cancel::default();
        let (mut running, mut started) = (0, Instant::now());
        let result = loop {
            let overtake = running == 0 || (started.elapsed() >= OVERTAKE && running < RUNNERS);
            if let Some(source) = sources.pop_if(|_| overtake) {
                running += 1;
                started = Instant::now();
                let url = format!("http://{source}/files/{}/manifest", self.file);
                let (agent, answers, over) = (self.agent.clone(), answers.clone(), over.clone());
                let ask = move || {
                    let answer = small(&agent, &url, MAX_MANIFEST_BYTES as u64, &over, MANIFEST);
                    let _too_late = answers.send((source, answer));
                };
                background::start("manifest", ask).map_err(FetchError::System)?;
            } else if running == 0 {
                break Ok(None);
            }
            if self.cancel.is_cancelled() {
                break Err(FetchError::Cancelled);
            }
            let Ok((source, answer)) = inbox.recv_timeout(NAP) else { continue };
            running -= 1;
            match answer.and_then(|bytes| self.read(&bytes, digest)) {
                Ok(manifest) => break Ok(Some(manifest)),
                Err(outcome) => self.gave_no_manifest(source, outcome, reason),
            }
        };
        over.cancel();
        result
    }

    fn gave_no_manifest(&mut self, source: SocketAddr, outcome: Outcome, reason: &mut String) {
        let (state, why) = match outcome {
            Outcome::Lied(why) => {
                self.liars.insert(source);
                (SourceState::Lied, why)
            }
            Outcome::Stalled(why) => (SourceState::Stalled, why),
            Outcome::Refused(_, why) => (SourceState::Refused, why),
            Outcome::Left(why) => (SourceState::Left, why),
            Outcome::Missing => (SourceState::Left, "does not share the file any more".to_owned()),
            Outcome::Served | Outcome::Cancelled | Outcome::Local(_) => return,
        };
        *reason = format!("{source} {why}");
        self.tell(source, state, why);
    }

    /// Whether what came is what was announced.
    fn read(&self, bytes: &[u8], digest: FileId) -> Result<Manifest, Outcome> {
        let lie = |what: String| Outcome::Lied(format!("gave a manifest that {what}"));
        let manifest = Manifest::from_json(bytes).map_err(|error| lie(format!("is none: {error}")))?;
        if manifest.digest() != digest {
            return Err(lie("is not the one it announced".to_owned()));
        }
        // Its size is not compared with what the registry says, which is what the first holder said.
        if manifest.id != self.file {
            return Err(lie(format!("is of {}", manifest.id)));
        }
        Ok(manifest)
    }
}

/// Waits, unless cancelled.
fn nap(time: Duration, cancel: &Cancel) -> Result<(), FetchError> {
    let until = Instant::now() + time;
    loop {
        if cancel.is_cancelled() {
            return Err(FetchError::Cancelled);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(NAP));
    }
}
