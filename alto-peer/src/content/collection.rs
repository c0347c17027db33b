//! Collections: folders that are shared as a whole. One more shared file, in JSON, lists the files of a folder by path.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use alto_types::swarm::FileId;
use serde::{Deserialize, Serialize};

use super::name::{FileName, NameError};

/// End of the name of every file that describes a collection.
pub const SUFFIX: &str = ".collection.json";
/// Size of the largest description that is read, in bytes.
pub const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// Largest number of files in a collection.
const MAX_FILES: usize = 100_000;
/// Largest number of names in a path.
const MAX_DEPTH: usize = 33;
/// Length of the longest path, in bytes.
const MAX_PATH_BYTES: usize = 3072;
/// Version of the format.
const VERSION: u8 = 1;

/// The files of a folder, by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Name of the folder.
    pub name: FileName,
    /// Files in the folder and its subfolders, no two with one path.
    pub members: Vec<Member>,
}

/// A file of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Path below the folder, which leads nowhere else.
    pub path: PathBuf,
    /// ID of the content.
    pub id: FileId,
    /// Size in bytes.
    pub size: u64,
}

/// Why a description of a collection cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectionError {
    /// The text is not a description.
    #[error("does not describe a collection: {0}")]
    Syntax(String),
    /// The description is of a later version.
    #[error("describes a collection in version {0}, and this program knows version {VERSION}; use a newer one")]
    Version(u8),
    /// There are too many files.
    #[error("lists {0} files, and a collection has at most {MAX_FILES}")]
    TooMany(usize),
    /// The path leads out of the folder, is empty, or too long.
    #[error("lists {0:?}, which is not a path below a folder")]
    Path(String),
    /// A part of a path cannot be a name.
    #[error("lists {path:?}: {source}")]
    Name {
        /// The path.
        path: String,
        /// The fault in it.
        source: NameError,
    },
    /// Two files would have one path, or a file the path of a folder.
    #[error("lists {0:?} twice, or as a file and as a folder")]
    Conflict(PathBuf),
}

/// The description as it is written. Members are in this order, so that equal folders have equal descriptions.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Wire {
    collection: u8,
    name: String,
    files: Vec<WireMember>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WireMember {
    path: String,
    id: FileId,
    size: u64,
}

impl Collection {
    /// Name of the file that describes the folder; too long names are cut.
    pub fn file_name(&self) -> Result<FileName, NameError> {
        let room = super::name::MAX_NAME_BYTES - SUFFIX.len();
        format!("{}{SUFFIX}", super::name::cut(self.name.as_str(), room)).parse()
    }

    /// Number of bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.members.iter().fold(0, |sum, member| sum.saturating_add(member.size))
    }

    /// The description, the same for all folders with the same name and content. Paths that are not UTF-8 are left out.
    pub fn to_json(&self) -> Vec<u8> {
        let member = |member: &Member| {
            let path = member.path.to_str()?.to_owned();
            Some(WireMember { path, id: member.id, size: member.size })
        };
        let mut files: Vec<WireMember> = self.members.iter().filter_map(member).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let wire = Wire { collection: VERSION, name: self.name.to_string(), files };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Reads what somebody else wrote. Names become visible and harmless, as those of single files do; paths that lead
    /// elsewhere are refused.
    pub fn from_json(bytes: &[u8]) -> Result<Self, CollectionError> {
        let wire: Wire =
            plain_words::parse(bytes, "{}").map_err(|faults| CollectionError::Syntax(faults.to_string()))?;
        if wire.collection != VERSION {
            return Err(CollectionError::Version(wire.collection));
        }
        if wire.files.len() > MAX_FILES {
            return Err(CollectionError::TooMany(wire.files.len()));
        }
        let name = FileName::from_others(&wire.name)
            .map_err(|source| CollectionError::Name { path: shorten(&wire.name), source })?;
        let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
        let mut members = Vec::with_capacity(wire.files.len());
        for WireMember { path, id, size } in wire.files {
            let path = below(&path)?;
            folders.extend(path.ancestors().skip(1).map(Path::to_owned));
            if !files.insert(path.clone()) {
                return Err(CollectionError::Conflict(path));
            }
            members.push(Member { path, id, size });
        }
        match files.intersection(&folders).next() {
            Some(path) => Err(CollectionError::Conflict(path.clone())),
            None => Ok(Self { name, members }),
        }
    }
}

/// A path below a folder, of the names in a path that somebody else wrote.
fn below(path: &str) -> Result<PathBuf, CollectionError> {
    let refused = || CollectionError::Path(shorten(path));
    if path.is_empty() || path.len() > MAX_PATH_BYTES || path.split('/').count() > MAX_DEPTH {
        return Err(refused());
    }
    let mut below = PathBuf::new();
    for part in path.split('/') {
        if matches!(part, "" | "." | "..") {
            return Err(refused());
        }
        let name =
            FileName::from_others(part).map_err(|source| CollectionError::Name { path: shorten(path), source })?;
        below.push(name.as_str());
    }
    Ok(below)
}

fn shorten(text: &str) -> String {
    super::name::cut(text, 100).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(paths: &[&str]) -> Result<Collection, CollectionError> {
        let id = FileId::from_digest([1; 32]);
        let files: Vec<_> = paths.iter().map(|path| json!({"path": path, "id": id, "size": 3})).collect();
        Collection::from_json(json!({"collection": 1, "name": "photos", "files": files}).to_string().as_bytes())
    }

    #[test]
    fn a_description_is_read_as_it_was_written_whatever_the_order() {
        let collection = read(&["b.jpg", "a/c.jpg"]).unwrap();
        assert_eq!((collection.bytes(), collection.file_name().unwrap().as_str()), (6, "photos.collection.json"));
        let json = collection.to_json();
        assert_eq!(json, read(&["a/c.jpg", "b.jpg"]).unwrap().to_json());
        assert_eq!(Collection::from_json(&json).unwrap().to_json(), json);
        assert!(json.starts_with(br#"{"collection":1,"name":"photos","files":[{"path":"a/c.jpg","id":"0101"#));
    }

    #[test]
    fn hostile_paths_stay_below_the_folder_or_are_refused() {
        for path in ["../x", "a/../../x", "/etc/passwd", "a//b", "a/", "", ".", "a/./b", "a\\b", &"a/".repeat(40)] {
            assert!(read(&[path]).is_err(), "{path:?}");
        }
        let path = |text: &str| read(&[text]).unwrap().members[0].path.clone();
        assert_eq!(path(".ssh/authorized_keys"), Path::new("_ssh/authorized_keys"));
        assert_eq!(path("a/photo\u{202e}gpj.exe"), Path::new("a/photo_gpj.exe"));
        for conflict in [&["a", "a"][..], &["a", "a/b"], &["a/b/c", "a/b"], &[".a", "_a"]] {
            assert!(matches!(read(conflict), Err(CollectionError::Conflict(_))), "{conflict:?}");
        }
        for text in ["", "[]", "{}", r#"{"collection":1,"name":"../x","files":[]}"#] {
            assert!(Collection::from_json(text.as_bytes()).is_err(), "{text}");
        }
        let later = Collection::from_json(br#"{"collection":2,"name":"x","files":[]}"#);
        assert_eq!(later, Err(CollectionError::Version(2)));
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_folder(path in "[./\\\\a-c\\x00~ ]{0,12}") {
            if let Ok(collection) = read(&[&path]) {
                let parts = collection.members[0].path.components();
                prop_assert!(parts.clone().count() > 0);
                for part in parts {
                    let normal = matches!(part, std::path::Component::Normal(_));
                    prop_assert!(normal, "{:?}", part);
                }
            }
        }
    }
}
