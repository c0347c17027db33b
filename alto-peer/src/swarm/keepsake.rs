//! What a peer keeps of its registration, so that the next process at the same place can take it over.
//!
//! Without it, a peer that was killed would have to wait until the lease of its former life ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use alto_types::swarm::{Credentials, PeerId, Secret};
use serde::{Deserialize, Serialize};

/// Longest file that is read.
const MAX_BYTES: u64 = 16 * 1024;

/// A file with the registration of the peer that lives at one place.
#[derive(Clone, Debug)]
pub struct Keepsake {
    path: PathBuf,
    place: Place,
}

/// Which peer it is of: another name or port, or another server, is another life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    server: String,
    name: String,
    port: u16,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    place: Place,
    peer: PeerId,
    secret: Secret,
}

impl Keepsake {
    /// In this folder, for a peer of this name that serves at this port and registers with this server.
    pub fn new(folder: &Path, server: &str, name: &str, port: u16) -> Self {
        // A name may have any character, a file name may not.
        let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(64).collect();
        let place = Place { server: server.to_owned(), name: name.to_owned(), port };
        Self { path: folder.join(format!(".alto-peer-{safe}-{port}.json")), place }
    }

    /// What an earlier process kept. What cannot be read is as good as nothing.
    pub(super) fn load(&self) -> Option<Credentials> {
        let mut bytes = Vec::new();
        File::open(&self.path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
        let kept: Kept = serde_json::from_slice(&bytes).ok()?;
        (kept.place == self.place).then_some(Credentials { peer: kept.peer, secret: kept.secret })
    }

    /// Keeps it, for nobody else to read.
    pub(super) fn save(&self, credentials: &Credentials) -> io::Result<()> {
        let Credentials { peer, secret } = credentials.clone();
        let text = serde_json::to_vec(&Kept { place: self.place.clone(), peer, secret })?;
        let new = self.path.with_extension("new");
        let _left_over = std::fs::remove_file(&new);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?.write_all(&text)?;
        std::fs::rename(&new, &self.path)
    }

    /// There is nothing to take over any more.
    pub(super) fn forget(&self) {
        let _was_none = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn is_of_one_place_and_for_one_reader() {
        let folder = tempfile::tempdir().unwrap();
        let keepsake = Keepsake::new(folder.path(), "http://a/directory", "p/1", 6881);
        let credentials = Credentials { peer: PeerId("x".to_owned()), secret: Secret("y".to_owned()) };
        assert!(keepsake.load().is_none());
        keepsake.save(&credentials).unwrap();
        keepsake.save(&credentials).unwrap();
        assert_eq!(keepsake.load(), Some(credentials));
        let path = folder.path().join(".alto-peer-p_1-6881.json");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Keepsake::new(folder.path(), "http://b/directory", "p/1", 6881).load().is_none());
        assert!(Keepsake::new(folder.path(), "http://a/directory", "p_1", 6881).load().is_none());
        std::fs::write(&path, "{").unwrap();
        assert!(keepsake.load().is_none());
        keepsake.forget();
        assert!(!path.exists());
    }
}
