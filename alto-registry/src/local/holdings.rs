//! Holders of files and files of holders, kept in step.
//!
//! Peers and files are small numbers here, so that a holding takes 28 bytes, both directions together.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use slab::Slab;

use super::holding_leases::{HoldingLeases, Pair};
use super::tally::Tally;
use crate::holding::{Holding, ManifestDigest};
use crate::id::{ContentId, ContentKind};
use crate::name::FileName;
use crate::query::{Completeness, FileList, FileQuery, FileSummary};
use crate::time::Timestamp;

/// Relation between peers and files.
#[derive(Default)]
pub(super) struct Holdings {
    files: Slab<File>,
    by_id: BTreeMap<ContentId, u32>,
    /// Each file by each of the names that its holders give it.
    by_name: BTreeMap<NameKey, u32>,
    /// Files of each peer, indexed by its number and sorted by the number of the file.
    of_peers: Vec<Vec<Held>>,
    count: usize,
    leases: HoldingLeases,
}

/// Place of a file among those that holders give one name, of one kind: the ones with most such holders first.
type NameKey = (FileName, ContentKind, Reverse<u32>, ContentId);

/// A file that at least one peer holds.
pub(super) struct File {
    id: ContentId,
    names: Tally<FileName>,
    sizes: Tally<u64>,
    /// Latest description by a holder, shared by the holders that give the same.
    latest: Arc<Description>,
    complete: Vec<u32>,
    partial: Vec<u32>,
}

/// Name, size and manifest that a holder gives to a file.
#[derive(PartialEq, Eq)]
struct Description {
    name: Option<FileName>,
    size: Option<u64>,
    manifest: Option<ManifestDigest>,
}

/// One file of one peer.
struct Held {
    file: u32,
    /// Index of the peer in [`File::complete`] or [`File::partial`].
    place: u32,
    complete: bool,
    /// Whether the holding has a lease in [`HoldingLeases`].
    leased: bool,
    description: Arc<Description>,
}

/// Details of one holding.
pub(super) struct HeldAs {
    pub(super) manifest: Option<ManifestDigest>,
    pub(super) complete: bool,
    /// Index of the peer among the holders that are as complete as it is.
    place: usize,
}

/// Narrows a number of things of which the limits, being 32 bits long, admit fewer than 2^32.
pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).expect("the limits admit fewer than 2^32")
}

impl Holdings {
    /// Number of files.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    /// Number of pairs of a file and one of its holders.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Number of a file, if any peer holds it.
    pub(super) fn find(&self, id: &ContentId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// File with a number that [`Holdings::find`] returned.
    pub(super) fn file(&self, number: u32) -> &File {
        &self.files[number as usize]
    }

    /// Number of files that a peer holds.
    pub(super) fn count_of(&self, peer: u32) -> usize {
        self.of_peers.get(peer as usize).map_or(0, Vec::len)
    }

    /// IDs of the files that a peer holds.
    pub(super) fn of(&self, peer: u32) -> impl Iterator<Item = ContentId> {
        let held = self.of_peers.get(peer as usize).into_iter().flatten();
        held.map(|held| self.files[held.file as usize].id)
    }

    /// Latest end among the leases of a peer's holdings.
    pub(super) fn last_end(&self, peer: u32) -> Option<Timestamp> {
        let held = self.of_peers.get(peer as usize).into_iter().flatten();
        held.filter_map(|held| self.leases.end((peer, held.file))).max()
    }

    /// Holding whose lease ended first, if any has ended.
    pub(super) fn ended(&self, now: Timestamp) -> Option<Pair> {
        self.leases.ended(now)
    }

    /// Looks up how a peer holds a file.
    pub(super) fn get(&self, peer: u32, file: u32) -> Option<HeldAs> {
        let held = self.of_peers.get(peer as usize)?;
        let held = &held[held.binary_search_by_key(&file, |held| held.file).ok()?];
        Some(HeldAs { manifest: held.description.manifest, complete: held.complete, place: held.place as usize })
    }

    /// Records that a peer holds a file, in place of what it said of it before, until `end` if that is given.
    pub(super) fn put(&mut self, peer: u32, holding: &Holding, end: Option<Timestamp>) {
        let file_number = self.find_or_add(holding);
        // The new statement counts before the old one is taken back, so that repeating it changes nothing.
        let description = self.files[file_number as usize].describe(holding);
        self.count_description(file_number, &description);
        if let Some(before) = self.take(peer, file_number) {
            self.uncount_description(file_number, &before.description);
        }
        let file = &mut self.files[file_number as usize];
        let list = file.list(holding.complete);
        let place = number(list.len());
        list.push(peer);
        if self.of_peers.len() <= peer as usize {
            self.of_peers.resize_with(peer as usize + 1, Vec::new);
        }
        let held = &mut self.of_peers[peer as usize];
        let index = held.partition_point(|held| held.file < file_number);
        let (complete, leased) = (holding.complete, end.is_some());
        // Most peers have one file or a few, for which a vector would take room for four at once.
        if held.len() == held.capacity() && held.len() < 4 {
            held.reserve_exact(1);
        }
        held.insert(index, Held { file: file_number, place, complete, leased, description });
        self.count += 1;
        if let Some(end) = end {
            self.leases.grant((peer, file_number), end);
        }
    }

    /// Removes a file from a peer, if it holds it.
    pub(super) fn remove(&mut self, peer: u32, id: &ContentId) {
        let Some(&file) = self.by_id.get(id) else { return };
        if let Some(held) = self.take(peer, file) {
            self.forget(&held);
        }
    }

    /// Removes all files from a peer.
    pub(super) fn clear(&mut self, peer: u32) {
        let held = self.of_peers.get_mut(peer as usize).map(std::mem::take);
        for held in held.into_iter().flatten() {
            self.unlink(peer, &held);
            self.forget(&held);
        }
    }

    /// Lists files as [`Registry::files`](crate::Registry::files) does.
    pub(super) fn list(&self, query: &FileQuery<'_>) -> FileList {
        let first = query.kind.first();
        let name = match query.name.map(FileName::new) {
            None => None,
            Some(Ok(name)) => Some(name),
            // No file has an invalid name.
            Some(Err(_)) => return FileList { files: Vec::new(), next: None },
        };
        let numbers: Box<dyn Iterator<Item = (ContentId, u32)>> = match &name {
            None => {
                let start = query.after.filter(|after| *after >= first).map_or(Bound::Included(first), Bound::Excluded);
                Box::new(self.by_id.range((start, Bound::Unbounded)).map(|(id, file)| (*id, *file)))
            }
            Some(name) => {
                let start = match query.after.filter(|after| *after >= first) {
                    None => Bound::Included((name.clone(), query.kind, Reverse(u32::MAX), first)),
                    Some(after) => {
                        let listed = self.find(&after).and_then(|file| self.file(file).name_key(name));
                        // A file that is gone has no place after which the list could continue.
                        let Some(listed) = listed else { return FileList { files: Vec::new(), next: None } };
                        Bound::Excluded(listed)
                    }
                };
                let named = self.by_name.range((start, Bound::Unbounded));
                let same = named.take_while(move |((other, ..), _)| other == name);
                Box::new(same.map(|((.., id), file)| (*id, *file)))
            }
        };
        let numbers = numbers.take_while(|(id, _)| id.kind() == query.kind).map(|(_, file)| file);
        let mut numbers = numbers.peekable();
        let summaries = numbers.by_ref().take(query.limit).map(|file| self.files[file as usize].summary());
        let files: Vec<_> = match &name {
            None => summaries.collect(),
            Some(name) => summaries.map(|file| FileSummary { name: Some(name.clone()), ..file }).collect(),
        };
        let next = files.last().map(|last| last.id).filter(|_| numbers.peek().is_some());
        FileList { files, next }
    }

    fn find_or_add(&mut self, holding: &Holding) -> u32 {
        if let Some(file) = self.by_id.get(&holding.file) {
            return *file;
        }
        let file = number(self.files.insert(File {
            id: holding.file,
            names: Tally::new(),
            sizes: Tally::new(),
            latest: Arc::new(Description::of(holding)),
            complete: Vec::new(),
            partial: Vec::new(),
        }));
        self.by_id.insert(holding.file, file);
        file
    }

    /// Takes a file away from a peer, if it holds it. What the peer said of the file still counts.
    fn take(&mut self, peer: u32, file: u32) -> Option<Held> {
        let held = self.of_peers.get_mut(peer as usize)?;
        let held = held.remove(held.binary_search_by_key(&file, |held| held.file).ok()?);
        self.unlink(peer, &held);
        Some(held)
    }

    /// Takes a holder, from whose files the file is removed already, out of the lists of the file.
    fn unlink(&mut self, peer: u32, held: &Held) {
        self.count -= 1;
        if held.leased {
            self.leases.remove((peer, held.file));
        }
        let list = self.files[held.file as usize].list(held.complete);
        list.swap_remove(held.place as usize);
        // The last holder of the list has moved to the free place.
        if let Some(&moved) = list.get(held.place as usize)
            && let Some(moved) = find(&mut self.of_peers[moved as usize], held.file)
        {
            moved.place = held.place;
        }
    }

    /// Takes back what a former holder said of a file, and removes a file without holders.
    fn forget(&mut self, held: &Held) {
        self.uncount_description(held.file, &held.description);
        let file = &self.files[held.file as usize];
        if file.complete.is_empty() && file.partial.is_empty() {
            self.by_id.remove(&file.id);
            self.files.remove(held.file as usize);
        }
    }

    /// Counts what a holder says of a file.
    fn count_description(&mut self, number: u32, Description { name, size, .. }: &Description) {
        if let Some(size) = size {
            self.files[number as usize].sizes.add(size);
        }
        self.change_name(number, name.as_ref(), Tally::add);
    }

    /// Takes back what a holder said of a file.
    fn uncount_description(&mut self, number: u32, Description { name, size, .. }: &Description) {
        if let Some(size) = size {
            self.files[number as usize].sizes.remove(size);
        }
        self.change_name(number, name.as_ref(), Tally::remove);
    }

    /// Changes the votes for a name of a file, and moves the file to its place among those of that name.
    fn change_name(&mut self, number: u32, name: Option<&FileName>, change: fn(&mut Tally<FileName>, &FileName)) {
        let Some(name) = name else { return };
        let file = &mut self.files[number as usize];
        if let Some(before) = file.name_key(name) {
            self.by_name.remove(&before);
        }
        change(&mut file.names, name);
        if let Some(now) = file.name_key(name) {
            self.by_name.insert(now, number);
        }
    }
}

fn find(held: &mut [Held], file: u32) -> Option<&mut Held> {
    let index = held.binary_search_by_key(&file, |held| held.file).ok()?;
    Some(&mut held[index])
}

impl Description {
    fn of(holding: &Holding) -> Self {
        Self { name: holding.name.clone(), size: holding.size, manifest: holding.manifest }
    }
}

impl File {
    /// Describes the file.
    pub(super) fn summary(&self) -> FileSummary {
        FileSummary {
            id: self.id,
            name: self.names.leader().cloned(),
            size: self.sizes.leader().copied(),
            complete: self.complete.len(),
            partial: self.partial.len(),
        }
    }

    /// ID of the file.
    pub(super) fn id(&self) -> ContentId {
        self.id
    }

    /// Holders with a share of the file, in two slices one after the other.
    pub(super) fn holders(&self, having: Completeness) -> [&[u32]; 2] {
        match having {
            Completeness::Complete => [&self.complete, &[]],
            Completeness::Partial => [&[], &self.partial],
            Completeness::Any => [&self.complete, &self.partial],
        }
    }

    /// Index of a holder in the slices of [`File::holders`] taken together, if it is in them.
    pub(super) fn index(&self, having: Completeness, held: &HeldAs) -> Option<usize> {
        match (having, held.complete) {
            (Completeness::Complete | Completeness::Any, true) | (Completeness::Partial, false) => Some(held.place),
            (Completeness::Any, false) => Some(self.complete.len() + held.place),
            (Completeness::Complete, false) | (Completeness::Partial, true) => None,
        }
    }

    /// Describes the file as a holder does, in memory that holders who agree share.
    fn describe(&mut self, holding: &Holding) -> Arc<Description> {
        let description = Description::of(holding);
        if *self.latest != description {
            self.latest = Arc::new(description);
        }
        Arc::clone(&self.latest)
    }

    /// Place of the file among those of a name, if a holder gives it that one.
    fn name_key(&self, name: &FileName) -> Option<NameKey> {
        let votes = self.names.votes(name);
        (votes > 0).then(|| (name.clone(), self.id.kind(), Reverse(votes), self.id))
    }

    fn list(&mut self, complete: bool) -> &mut Vec<u32> {
        if complete { &mut self.complete } else { &mut self.partial }
    }
}
