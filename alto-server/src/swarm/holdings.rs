//! Who holds what: from a file to its holders and from a holder to its files, both kept in step.
//!
//! Peers and files are small numbers here, so that one holding of one file takes 28 bytes on both sides together.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use alto_types::swarm::{FileEntry, FileId, FileList, FileSummary};
use slab::Slab;

/// The relation.
#[derive(Default)]
pub(super) struct Holdings {
    files: Slab<File>,
    by_id: BTreeMap<FileId, u32>,
    by_name: BTreeMap<(Arc<str>, FileId), u32>,
    /// By number of the peer, and there by number of the file.
    of_peers: Vec<Vec<Held>>,
    count: usize,
}

/// A file that somebody holds.
pub(super) struct File {
    id: FileId,
    /// As its first holder called it.
    name: Arc<str>,
    /// What most holders agree on: what its first holder said, as long as anybody says the same.
    version: Version,
    /// How many say the same.
    agreeing: u32,
    complete: Vec<u32>,
    partial: Vec<u32>,
}

/// What holders of the same content might disagree on; then some of them lie.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    manifest: FileId,
    size: u64,
}

/// One file of one peer.
struct Held {
    file: u32,
    /// Where the peer stands in the file's list.
    place: u32,
    complete: bool,
    /// What this holder says, where it is not the file's version.
    deviates: Option<Box<Version>>,
}

/// A file as one peer holds it.
pub(super) struct Holding {
    pub(super) manifest: FileId,
    pub(super) complete: bool,
    /// Its place among the holders, as [`File::holder`] counts them.
    pub(super) index: usize,
}

/// A number for something whose count the limits, which are 32 bits long, bound.
pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 of them are let in")
}

impl Holdings {
    /// How many files there are.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    /// How many pairs of a file and its holder there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The number of a file, if anybody holds it.
    pub(super) fn find(&self, id: &FileId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// The file with a number that [`Holdings::find`] gave.
    pub(super) fn file(&self, number: u32) -> &File {
        &self.files[number as usize]
    }

    /// How many files a peer holds.
    pub(super) fn count_of(&self, peer: u32) -> usize {
        self.of_peers.get(peer as usize).map_or(0, Vec::len)
    }

    /// The files that a peer holds.
    pub(super) fn of(&self, peer: u32) -> impl Iterator<Item = FileId> {
        let held = self.of_peers.get(peer as usize).into_iter().flatten();
        held.map(|held| self.files[held.file as usize].id)
    }

    /// How a peer holds a file, if it does.
    pub(super) fn get(&self, peer: u32, file: u32) -> Option<Holding> {
        let held = self.of_peers.get(peer as usize)?;
        let held = &held[held.binary_search_by_key(&file, |held| held.file).ok()?];
        let file = &self.files[file as usize];
        let version = held.deviates.as_deref().unwrap_or(&file.version);
        let before = if held.complete { 0 } else { file.complete.len() };
        Some(Holding { manifest: version.manifest, complete: held.complete, index: before + held.place as usize })
    }

    /// Notes that a peer holds a file, in place of what it said of it before.
    pub(super) fn put(&mut self, peer: u32, entry: &FileEntry) {
        self.remove(peer, &entry.id);
        let version = Version { manifest: entry.manifest, size: entry.size };
        let number_of_file = self.find_or_add(entry, version);
        let file = &mut self.files[number_of_file as usize];
        let deviates = (file.version != version).then(|| Box::new(version));
        file.agreeing += u32::from(deviates.is_none());
        let list = file.list(entry.complete);
        let place = number(list.len());
        list.push(peer);
        if self.of_peers.len() <= peer as usize {
            self.of_peers.resize_with(peer as usize + 1, Vec::new);
        }
        let held = &mut self.of_peers[peer as usize];
        let index = held.partition_point(|held| held.file < number_of_file);
        held.insert(index, Held { file: number_of_file, place, complete: entry.complete, deviates });
        self.count += 1;
    }

    /// Forgets that a peer holds a file; whether it did.
    pub(super) fn remove(&mut self, peer: u32, id: &FileId) -> bool {
        let Some(&file) = self.by_id.get(id) else { return false };
        let Some(held) = self.of_peers.get_mut(peer as usize) else { return false };
        let Ok(index) = held.binary_search_by_key(&file, |held| held.file) else { return false };
        let held = held.remove(index);
        self.leave(&held);
        true
    }

    /// Forgets all that a peer holds.
    pub(super) fn clear(&mut self, peer: u32) {
        let held = self.of_peers.get_mut(peer as usize).map(std::mem::take);
        for held in held.into_iter().flatten() {
            self.leave(&held);
        }
    }

    /// The files after one ID, by ID; of one name only where it is given.
    pub(super) fn list(&self, name: Option<&str>, after: Option<FileId>, rows: usize) -> FileList {
        let numbers: Box<dyn Iterator<Item = u32>> = match name {
            None => {
                let start = after.map_or(Bound::Unbounded, Bound::Excluded);
                Box::new(self.by_id.range((start, Bound::Unbounded)).map(|(_, file)| *file))
            }
            Some(name) => {
                let name: Arc<str> = name.into();
                let start = match after {
                    Some(after) => Bound::Excluded((Arc::clone(&name), after)),
                    None => Bound::Included((Arc::clone(&name), FileId::from_digest([0; 32]))),
                };
                let named = self.by_name.range((start, Bound::Unbounded));
                Box::new(named.take_while(move |((other, _), _)| *other == name).map(|(_, file)| *file))
            }
        };
        let mut numbers = numbers.peekable();
        let files: Vec<_> = numbers.by_ref().take(rows).map(|file| self.files[file as usize].summary()).collect();
        let next = files.last().map(|last| last.id).filter(|_| numbers.peek().is_some());
        FileList { files, next }
    }

    fn find_or_add(&mut self, entry: &FileEntry, version: Version) -> u32 {
        if let Some(file) = self.by_id.get(&entry.id) {
            return *file;
        }
        let name: Arc<str> = entry.name.as_str().into();
        let file = number(self.files.insert(File {
            id: entry.id,
            name: Arc::clone(&name),
            version,
            agreeing: 0,
            complete: Vec::new(),
            partial: Vec::new(),
        }));
        self.by_id.insert(entry.id, file);
        self.by_name.insert((name, entry.id), file);
        file
    }

    /// Takes a holder, whose side is undone already, out of the file's list.
    fn leave(&mut self, held: &Held) {
        self.count -= 1;
        let file = &mut self.files[held.file as usize];
        file.agreeing -= u32::from(held.deviates.is_none());
        let list = file.list(held.complete);
        list.swap_remove(held.place as usize);
        // The last of the list stands where the holder stood.
        if let Some(&moved) = list.get(held.place as usize)
            && let Some(moved) = find(&mut self.of_peers[moved as usize], held.file)
        {
            moved.place = held.place;
        }
        let Some(&next) = file.complete.first().or(file.partial.first()) else {
            let file = self.files.remove(held.file as usize);
            self.by_id.remove(&file.id);
            self.by_name.remove(&(file.name, file.id));
            return;
        };
        if file.agreeing == 0
            && let Some(next) = find(&mut self.of_peers[next as usize], held.file)
            && let Some(version) = next.deviates.take()
        {
            // Others who say the same keep it written out, which is as true.
            file.version = *version;
            file.agreeing = 1;
        }
    }
}

fn find(held: &mut [Held], file: u32) -> Option<&mut Held> {
    let index = held.binary_search_by_key(&file, |held| held.file).ok()?;
    Some(&mut held[index])
}

impl File {
    pub(super) fn summary(&self) -> FileSummary {
        FileSummary {
            id: self.id,
            name: self.name.as_ref().to_owned(),
            size: self.version.size,
            complete: self.complete.len(),
            partial: self.partial.len(),
        }
    }

    /// How many hold it, whole or in part.
    pub(super) fn holders(&self) -> usize {
        self.complete.len() + self.partial.len()
    }

    /// One of its holders, those who have all of it first.
    pub(super) fn holder(&self, index: usize) -> u32 {
        match index.checked_sub(self.complete.len()) {
            None => self.complete[index],
            Some(index) => self.partial[index],
        }
    }

    /// Those who have all of it.
    pub(super) fn complete(&self) -> &[u32] {
        &self.complete
    }

    fn list(&mut self, complete: bool) -> &mut Vec<u32> {
        if complete { &mut self.complete } else { &mut self.partial }
    }
}
