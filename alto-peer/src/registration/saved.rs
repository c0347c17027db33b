//! Registration saved in a file, so that the next process of the same peer can take it over.
//!
//! Without it a peer that was killed would have to wait until its lease ends.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use alto_types::swarm::{Credentials, PeerId, Secret};
use serde::{Deserialize, Serialize};

use crate::content::regular_file;

/// Size above which the file is not read on, in bytes.
const MAX_BYTES: u64 = 16 * 1024;

/// File with the registration of one peer at one server.
#[derive(Clone, Debug)]
pub struct SavedRegistration {
    path: PathBuf,
    identity: Identity,
}

/// Identity that a saved registration is valid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    server: String,
    name: String,
    port: u16,
}

#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(flatten)]
    identity: Identity,
    peer: PeerId,
    secret: Secret,
}

impl SavedRegistration {
    /// File in a folder for a peer of this name that serves at this port and registers at this server.
    pub fn new(folder: &Path, server: &str, name: &str, port: u16) -> Self {
        // Not every character of a peer's name may be in a file name.
        let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(64).collect();
        let identity = Identity { server: server.to_owned(), name: name.to_owned(), port };
        Self { path: folder.join(format!(".alto-peer-{safe}-{port}.json")), identity }
    }

    /// Loads the registration of an earlier process; `None` if there is none that can be read.
    pub(super) fn load(&self) -> Option<Credentials> {
        let mut bytes = Vec::new();
        let file = regular_file::open(OpenOptions::new().read(true), &self.path).ok()?;
        file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
        let content: Content = serde_json::from_slice(&bytes).ok()?;
        (content.identity == self.identity).then_some(Credentials { peer: content.peer, secret: content.secret })
    }

    /// Saves a registration, readable by its owner only.
    pub(super) fn save(&self, credentials: &Credentials) -> io::Result<()> {
        let Credentials { peer, secret } = credentials.clone();
        let text = serde_json::to_vec(&Content { identity: self.identity.clone(), peer, secret })?;
        let new = self.path.with_extension("new");
        let _left_over = std::fs::remove_file(&new);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?.write_all(&text)?;
        std::fs::rename(&new, &self.path)
    }

    /// Deletes the file after the registration has ended.
    pub(super) fn forget(&self) {
        let _was_none = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_saved_registration_is_private_and_valid_for_one_peer() {
        let folder = tempfile::tempdir().unwrap();
        let saved = SavedRegistration::new(folder.path(), "http://a/directory", "p/1", 6881);
        let credentials = Credentials { peer: PeerId("x".to_owned()), secret: Secret("y".to_owned()) };
        assert!(saved.load().is_none());
        saved.save(&credentials).unwrap();
        saved.save(&credentials).unwrap();
        assert_eq!(saved.load(), Some(credentials));
        let path = folder.path().join(".alto-peer-p_1-6881.json");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(SavedRegistration::new(folder.path(), "http://b/directory", "p/1", 6881).load().is_none());
        assert!(SavedRegistration::new(folder.path(), "http://a/directory", "p_1", 6881).load().is_none());
        std::fs::write(&path, "{").unwrap();
        assert!(saved.load().is_none());
        saved.forget();
        assert!(!path.exists());
    }
}
