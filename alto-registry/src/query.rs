//! Questions that a registry answers, and the answers.

use crate::holding::ManifestDigest;
use crate::id::{ContentId, ContentKind, PeerId};
use crate::name::{FileName, PeerName};
use crate::peer::PeerAddress;

/// Selection of files, for one page of a list.
#[derive(Clone, Copy, Debug)]
pub struct FileQuery<'a> {
    /// Kind of ID; a list has files of one kind.
    pub kind: ContentKind,
    /// Name that at least one holder gives each file in the list; absent for any name.
    pub name: Option<&'a str>,
    /// Last ID of the page before; absent for the first page. A list of files of one name ends after an ID that nobody
    /// holds any more.
    pub after: Option<ContentId>,
    /// Greatest number of files.
    pub limit: usize,
}

/// Page of a list of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileList {
    /// Files, sorted by ID; files of one name by the number of holders that give it, most first, then by ID.
    pub files: Vec<FileSummary>,
    /// Value of [`FileQuery::after`] for the next page; absent on the last one.
    pub next: Option<ContentId>,
}

/// A file that at least one peer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSummary {
    /// ID of the file.
    pub id: ContentId,
    /// Name that most of its holders give, if any gives one; in a list of files of one name, that name.
    pub name: Option<FileName>,
    /// Length in bytes that most of its holders give, if any gives one.
    pub size: Option<u64>,
    /// Number of peers that hold all of it (seeds).
    pub complete: usize,
    /// Number of peers that hold parts of it (leechers).
    pub partial: usize,
}

/// Selection of holders of one file.
#[derive(Clone, Copy, Debug)]
pub struct HolderQuery {
    /// File to look for.
    pub file: ContentId,
    /// Peer to leave out, which is the asking one as a rule.
    pub except: Option<PeerId>,
    /// Share of the file that the holders must have.
    pub having: Completeness,
    /// Greatest number of holders. Of more, a random choice is given.
    pub limit: usize,
}

/// Share of a file that a holder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Completeness {
    /// All of it: seeds.
    Complete,
    /// Parts of it: leechers.
    Partial,
    /// All or parts of it.
    Any,
}

/// A peer that holds a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// ID of its registration.
    pub peer: PeerId,
    /// Display name, if it has one.
    pub name: Option<PeerName>,
    /// Address at which it serves.
    pub address: PeerAddress,
    /// Manifest that it serves, if it has one.
    pub manifest: Option<ManifestDigest>,
    /// Whether it has all of the file.
    pub complete: bool,
}

/// A file with some of its holders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holders {
    /// The file, with the number of all its holders.
    pub file: FileSummary,
    /// Selected holders, in no particular order.
    pub holders: Vec<Holder>,
}
