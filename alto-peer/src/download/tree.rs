//! Downloads of collections: the files of a folder, fetched one by one into the places they had there.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::{Cancel, Done, FetchError, Fetcher, Order, Wanted};
use crate::content::FileName;
use crate::content::collection::{Collection, CollectionError, MAX_BYTES, SUFFIX};

/// A folder that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Path of the folder.
    pub path: PathBuf,
    /// Number of files in it.
    pub files: usize,
    /// Number of bytes of all files.
    pub bytes: u64,
}

/// Why a folder is not complete.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The description cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// Path of the description.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file does not describe a collection that can be fetched.
    #[error("{}: {source}", path.display())]
    Collection {
        /// Path of the description.
        path: PathBuf,
        /// What is wrong with it.
        source: CollectionError,
    },
    /// A folder cannot be made, or is a link that leads elsewhere.
    #[error("{}: the folder cannot be made: {source}", path.display())]
    Folder {
        /// Path of the folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Some files are missing.
    #[error("{}: {missing} of {files} files are missing; the first is {}: {source}", path.display(), first.display())]
    Incomplete {
        /// Path of the folder.
        path: PathBuf,
        /// Number of missing files.
        missing: usize,
        /// Number of all files.
        files: usize,
        /// Path of the first missing file below the folder.
        first: PathBuf,
        /// Why it is missing.
        source: Box<FetchError>,
    },
    /// The download was cancelled.
    #[error("cancelled; the files that arrived are kept, and the next download continues from there")]
    Cancelled,
}

impl Fetcher {
    /// Fetches the folder that a file describes which was fetched by this order, into a folder beside it. `None` if the file
    /// is not called like a description of a folder.
    pub fn fetch_tree(&self, order: &Order, done: &Done, cancel: &Cancel) -> Result<Option<Tree>, TreeError> {
        if !done.path.to_string_lossy().ends_with(SUFFIX) {
            return Ok(None);
        }
        let collection = read(&done.path)?;
        let path = order.folder.join(collection.name.as_str());
        let root = beneath(&order.folder, Path::new(collection.name.as_str()))
            .map_err(|source| TreeError::Folder { path: path.clone(), source })?;
        let (files, bytes) = (collection.members.len(), collection.bytes());
        let (mut missing, mut first) = (0, None);
        for member in collection.members {
            if let Err(error) = self.fetch_member(order, &root, &path, &member.path, Wanted::Id(member.id), cancel) {
                if cancel.is_cancelled() {
                    return Err(TreeError::Cancelled);
                }
                missing += 1;
                first.get_or_insert((member.path, error));
            }
        }
        match first {
            None => Ok(Some(Tree { path, files, bytes })),
            Some((first, error)) => Err(TreeError::Incomplete { path, missing, files, first, source: Box::new(error) }),
        }
    }

    fn fetch_member(
        &self,
        order: &Order,
        root: &Dir,
        path: &Path,
        member: &Path,
        wanted: Wanted,
        cancel: &Cancel,
    ) -> Result<(), FetchError> {
        let parent = member.parent().unwrap_or(Path::new(""));
        let folder = path.join(parent);
        if parent != Path::new("") {
            // Resolved beneath the folder, where a link that leads out of it is an error.
            let made = root.create_dir_all(parent).and_then(|()| root.open_dir(parent)).map(drop);
            made.map_err(|source| FetchError::Place { path: folder.clone(), source })?;
        }
        let name = Some(FileName::of_path(member)?);
        let order = Order { wanted, folder, name, ..order.clone() };
        self.fetch(&order, cancel).map(drop)
    }
}

fn read(path: &Path) -> Result<Collection, TreeError> {
    let mut bytes = Vec::new();
    // One byte more than allowed, which no longer is JSON or makes it too long.
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| TreeError::Unreadable { path: path.to_owned(), source })?;
    Collection::from_json(&bytes).map_err(|source| TreeError::Collection { path: path.to_owned(), source })
}

/// Makes a folder in another one and opens it, unless it is a link that leads out.
fn beneath(folder: &Path, name: &Path) -> io::Result<Dir> {
    let outer = Dir::open_ambient_dir(folder, ambient_authority())?;
    outer.create_dir_all(name)?;
    outer.open_dir(name)
}
