//! The folder of the setting `state`: whether it can be used, without a trace of the question.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::RngExt as _;

/// Files that a running server keeps in the folder.
const FILES: [&str; 4] = ["network.redb", "prefixes.redb", "swarm.redb", "tracker.swarms"];

/// Reason why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("state: {} is a file, and has to be a folder: name another path, or move the file away", .0.display())]
    File(PathBuf),
    #[error("state: {}: cannot be made, because {} {problem}", path.display(), parent.display())]
    Parent { path: PathBuf, parent: PathBuf, problem: String },
    #[error("state: {}: nothing can be written there: {source}; give the user of this process the folder", path.display())]
    ReadOnly { path: PathBuf, source: io::Error },
    #[error("state: {}: is not a regular file: move it away", .0.display())]
    Occupied(PathBuf),
}

/// Refuses a folder that a start could not use. One that does not exist yet needs a parent in which it can be made.
pub(crate) fn check(path: &Path) -> Result<(), FolderError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => return Err(FolderError::File(path.to_owned())),
        Ok(_) => {
            try_writing(path).map_err(|source| FolderError::ReadOnly { path: path.to_owned(), source })?;
        }
        Err(_) => return check_parent(path),
    }
    for name in FILES {
        let file = path.join(name);
        if fs::metadata(&file).is_ok_and(|found| !found.is_file()) {
            return Err(FolderError::Occupied(file));
        }
    }
    Ok(())
}

fn check_parent(path: &Path) -> Result<(), FolderError> {
    let refused = |parent: &Path, problem: String| {
        Err(FolderError::Parent { path: path.to_owned(), parent: parent.to_owned(), problem })
    };
    for parent in path.ancestors().skip(1) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match fs::metadata(parent) {
            Ok(found) if !found.is_dir() => return refused(parent, "is not a folder".to_owned()),
            Ok(_) => {
                return try_writing(parent).or_else(|error| refused(parent, format!("cannot be written: {error}")));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return refused(parent, format!("cannot be entered: {error}")),
        }
    }
    refused(path, "has no parent".to_owned())
}

/// Makes and removes a folder, which shows that files can be made.
fn try_writing(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".alto-check-{:08x}", rand::rng().random::<u32>()));
    fs::create_dir(&probe)?;
    fs::remove_dir(&probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.txt");
        fs::write(&file, "").unwrap();
        assert!(matches!(check(&file), Err(FolderError::File(_))));
        assert!(matches!(check(&file.join("below")), Err(FolderError::Parent { .. })));
        let state = folder.path().join("a/b/state");
        check(&state).unwrap();
        assert!(!folder.path().join("a").exists(), "a check leaves nothing behind");
        fs::create_dir_all(state.join("swarm.redb")).unwrap();
        assert!(matches!(check(&state), Err(FolderError::Occupied(_))));
        fs::remove_dir(state.join("swarm.redb")).unwrap();
        check(&state).unwrap();
        assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
    }
}
