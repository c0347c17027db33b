//! The search for a manifest of the file: which ones are announced, and a holder that provides one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use alto_types::swarm::{FileId, Holder, Holders};
use rand::seq::SliceRandom;
use ureq::Agent;

use super::cancel::Cancel;
use super::documents::fetch_small;
use super::helpers;
use super::outcome::Outcome;
use super::pause::{STEP, call, pause};
use super::{FetchError, Setup};
use crate::content::manifest::MAX_MANIFEST_BYTES;
use crate::content::{Manifest, PartialFile};
use crate::events::{Event, SourceState};

/// Interval at which the registry is asked while no holder provides a manifest.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Longest time for one manifest from one holder.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time after which another holder is asked, too; twice as long for each that is being asked beyond [`EASILY`].
const OVERTAKE: Duration = Duration::from_secs(1);
/// Number of holders that are asked at a time without much hesitation.
const EASILY: u32 = 4;
/// Maximum number of holders that are asked at a time. Each may send a manifest at next to no rate.
const PARALLEL: u32 = 16;
/// Longest manifest that those beyond [`EASILY`] may send, as all of them take memory. Few files have as many pieces.
const SHORT: usize = 4 * 1024 * 1024;
/// Maximum number of holders considered.
const MAX_HOLDERS: usize = 200;

/// The search for a manifest, and the manifests and holders that turned out to be false.
pub(super) struct ManifestSearch<'a> {
    pub(super) setup: &'a Setup,
    pub(super) cancel: &'a Cancel,
    pub(super) agent: Agent,
    pub(super) file: FileId,
    /// Time after which the search fails.
    pub(super) patience: Duration,
    /// Digests of manifests that describe other content.
    false_manifests: BTreeSet<FileId>,
    /// Holders that gave something else than the manifest they announced.
    liars: BTreeSet<SocketAddr>,
}

/// A manifest with its digest.
pub(super) struct Found {
    pub(super) manifest: Manifest,
    pub(super) digest: FileId,
}

impl<'a> ManifestSearch<'a> {
    /// A search for manifests of this file.
    pub(super) fn new(setup: &'a Setup, cancel: &'a Cancel, agent: Agent, file: FileId, patience: Duration) -> Self {
        let (false_manifests, liars) = (BTreeSet::new(), BTreeSet::new());
        Self { setup, cancel, agent, file, patience, false_manifests, liars }
    }

    /// Excludes a manifest that describes other content, and reports its holders.
    pub(super) fn exclude(&mut self, manifest: FileId, reason: &str) -> Result<(), FetchError> {
        self.false_manifests.insert(manifest);
        let Ok(holders) = self.holders(Instant::now() + self.patience)? else { return Ok(()) };
        for holder in holders.holders.iter().filter(|holder| holder.manifest == manifest) {
            self.tell(SocketAddr::new(holder.address, holder.port), SourceState::Lied, reason.to_owned());
        }
        Ok(())
    }

    /// Asks the registry for holders. The inner error is the registry's, or that it took too long.
    fn holders(&self, until: Instant) -> Result<Result<Holders, String>, FetchError> {
        let (rendezvous, file) = (Arc::clone(&self.setup.rendezvous), self.file);
        let answer = call(Some(until), self.cancel, move || rendezvous.holders(file, MAX_HOLDERS))?;
        Ok(match answer {
            Some(answer) => answer.map_err(|error| error.to_string()),
            None => Err("the registry does not answer".to_owned()),
        })
    }

    /// Finds a manifest of the file that its holders announce: that of an earlier download into this folder if there is a
    /// holder with it, otherwise that of most holders. Gives up when `since` is too long ago.
    pub(super) fn find(&mut self, folder: &Path, since: Instant) -> Result<Found, FetchError> {
        let (after, until) = (self.patience, since + self.patience);
        let mut reason = "nobody shares the file".to_owned();
        loop {
            match self.holders(until)? {
                Ok(listed) => {
                    let credible = self.credible(&listed.holders, folder);
                    if credible.is_empty() && !listed.holders.is_empty() && !self.false_manifests.is_empty() {
                        return Err(FetchError::AllFalse { file: self.file });
                    }
                    if let Some(found) = self.ask_for_manifest(credible, listed.file.size, until, &mut reason)? {
                        return Ok(found);
                    }
                }
                Err(error) => reason = error,
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(FetchError::NoManifest { after, reason });
            }
            pause(ASK_AGAIN.min(left), self.cancel)?;
        }
    }

    /// Groups holders by the manifest they announce, the most credible first.
    fn credible(&self, holders: &[Holder], folder: &Path) -> Vec<(FileId, Vec<SocketAddr>)> {
        let earlier = PartialFile::unfinished(folder).unwrap_or_default();
        let earlier: BTreeSet<FileId> = earlier
            .iter()
            .filter(|unfinished| unfinished.manifest.id == self.file)
            .map(|unfinished| unfinished.manifest.digest())
            .collect();
        let mut groups: BTreeMap<FileId, (usize, Vec<SocketAddr>)> = BTreeMap::new();
        for holder in holders.iter().filter(|holder| !self.false_manifests.contains(&holder.manifest)) {
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
            (!earlier.contains(digest), Reverse((*complete, sources.len())), *digest)
        });
        groups.into_iter().map(|(digest, (_, sources))| (digest, sources)).collect()
    }

    /// Asks the holders of each manifest until one provides it. A manifest of another size than the registry states is
    /// used only if there is no other.
    fn ask_for_manifest(
        &mut self,
        groups: Vec<(FileId, Vec<SocketAddr>)>,
        size: u64,
        until: Instant,
        reason: &mut String,
    ) -> Result<Option<Found>, FetchError> {
        let mut other = None;
        for (digest, mut sources) in groups {
            sources.shuffle(&mut rand::rng());
            match self.race(digest, sources, until, reason)? {
                Some(manifest) if manifest.size == size => return Ok(Some(Found { manifest, digest })),
                Some(manifest) => {
                    other.get_or_insert(Found { manifest, digest });
                }
                None => {}
            }
        }
        Ok(other)
    }

    /// Asks the holders one after the other, without waiting for the slow ones; the first valid answer counts.
    fn race(
        &mut self,
        digest: FileId,
        mut sources: Vec<SocketAddr>,
        until: Instant,
        reason: &mut String,
    ) -> Result<Option<Manifest>, FetchError> {
        let (answers, inbox) = channel();
        let over = Cancel::default();
        let (mut running, mut started) = (0_u32, Instant::now());
        let result = loop {
            if Instant::now() >= until {
                break Ok(None);
            }
            let patience = OVERTAKE * 2_u32.saturating_pow(running.saturating_sub(EASILY));
            let overtake = running == 0 || (started.elapsed() >= patience && running < PARALLEL);
            if let Some(source) = sources.pop_if(|_| overtake) {
                running += 1;
                started = Instant::now();
                let url = format!("http://{source}/files/{}/manifest", self.file);
                let (agent, answers, over) = (self.agent.clone(), answers.clone(), over.clone());
                let limit = if running <= EASILY { MAX_MANIFEST_BYTES } else { SHORT };
                let ask = move || {
                    let answer = fetch_small(&agent, &url, limit as u64, &over, PATIENCE);
                    let answer = answer.map_err(|outcome| match outcome {
                        // It may be right, and the holder is asked again later.
                        Outcome::Lied(why) if limit == SHORT => Outcome::Left(why),
                        outcome => outcome,
                    });
                    let _too_late = answers.send((source, answer));
                };
                helpers::spawn("manifest", ask).map_err(FetchError::System)?;
            } else if running == 0 {
                break Ok(None);
            }
            if self.cancel.is_cancelled() {
                break Err(FetchError::Cancelled);
            }
            let Ok((source, answer)) = inbox.recv_timeout(STEP) else { continue };
            running -= 1;
            match answer.and_then(|bytes| self.parse(&bytes, digest)) {
                Ok(manifest) => break Ok(Some(manifest)),
                Err(outcome) => self.failed(source, outcome, reason),
            }
        };
        over.cancel();
        result
    }

    fn failed(&mut self, source: SocketAddr, outcome: Outcome, reason: &mut String) {
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

    /// Parses a manifest and checks that it is the one announced.
    fn parse(&self, bytes: &[u8], digest: FileId) -> Result<Manifest, Outcome> {
        let lie = |what: String| Outcome::Lied(format!("sent a manifest that {what}"));
        let manifest = Manifest::from_json(bytes).map_err(|error| lie(format!("is invalid: {error}")))?;
        if manifest.digest() != digest {
            return Err(lie("is not the one it announced".to_owned()));
        }
        if manifest.id != self.file {
            return Err(lie(format!("is of {}", manifest.id)));
        }
        Ok(manifest)
    }

    fn tell(&self, source: SocketAddr, state: SourceState, reason: String) {
        self.setup.events.emit(Event::Source { file: self.file, source, state, reason: Some(reason) });
    }
}
