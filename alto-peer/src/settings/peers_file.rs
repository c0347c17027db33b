//! File `peers.json`: the peers of a scenario, or the one peer of a machine.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::peer::{Fault, PeerSettings};
use alto_client::Client;

/// Size above which the file is not read on, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Peers of an ALTO network and their settings.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "peers.json: peers of an ALTO network, see docs/swarm.md")]
pub struct PeersFile {
    /// URI of the ALTO server's directory
    pub server: String,
    /// Settings of every peer that does not state its own; all keys but name
    #[serde(default)]
    pub defaults: PeerSettings,
    /// Settings of each peer
    pub peers: Vec<PeerSettings>,
}

/// Reason why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PeersError {
    /// File that cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Cause, from the system.
        source: io::Error,
    },
    /// Text that is not JSON of the right form.
    #[error("{}: {at}: {source}; docs/swarm.md lists all keys", path.display())]
    Malformed {
        /// Path of the file.
        path: PathBuf,
        /// Path of the value in the file.
        at: String,
        /// Defect, from the JSON parser.
        source: serde_json::Error,
    },
    /// Value that cannot be used.
    #[error("{}: {at}: {problem}", path.display())]
    Value {
        /// Path of the file.
        path: PathBuf,
        /// Path of the value in the file.
        at: String,
        /// Values that are allowed.
        problem: String,
    },
    /// Peer that the file does not have.
    #[error("{}: no peer is called {name:?}: there {}", path.display(), listed(known))]
    NoSuchPeer {
        /// Path of the file.
        path: PathBuf,
        /// Name that was asked for.
        name: String,
        /// Names of the peers in the file.
        known: Vec<String>,
    },
}

fn listed(known: &[String]) -> String {
    const SHOWN: usize = 20;
    let names = known.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => "is none".to_owned(),
        1 => format!("is only {names}"),
        2..=SHOWN => format!("are {names}"),
        more => format!("are {more}: {names} ..."),
    }
}

impl PeersFile {
    /// Reads and checks a file. Afterwards every peer includes the file's defaults, and its paths are relative to the
    /// working directory.
    pub fn read(path: &Path) -> Result<Self, PeersError> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
            .map_err(|source| PeersError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&bytes, path)
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self, PeersError> {
        let malformed = |at: String, source| PeersError::Malformed { path: path.to_owned(), at, source };
        let value = |at: String, problem| PeersError::Value { path: path.to_owned(), at, problem };
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let mut file: Self = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| malformed(error.path().to_string(), error.into_inner()))?;
        json.end().map_err(|error| malformed("after the end".to_owned(), error))?;
        Client::builder(&file.server).build().map_err(|error| value("server".to_owned(), error.to_string()))?;
        file.defaults.check().map_err(|Fault { key, problem }| value(format!("defaults.{key}"), problem))?;
        if file.defaults.name.is_some() {
            return Err(value("defaults.name".to_owned(), "must be absent: each peer has its own name".to_owned()));
        }
        // Parsed again without types: a null overrides a default, which an absent key does not.
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| malformed("peers".to_owned(), error))?;
        let mut names = BTreeSet::new();
        for (index, (peer, raw_peer)) in file.peers.iter_mut().zip(raw.peers).enumerate() {
            let at = |key: &str| format!("peers[{index}].{key}");
            let mut merged = raw.defaults.clone();
            merged.extend(raw_peer);
            *peer = serde_json::from_value(Value::Object(merged)).map_err(|error| malformed(at("*"), error))?;
            peer.check().map_err(|Fault { key, problem }| value(at(key), problem))?;
            let name = peer
                .name
                .as_ref()
                .ok_or_else(|| value(at("name"), "is missing: every peer needs a name".to_owned()))?;
            if !names.insert(name.clone()) {
                return Err(value(at("name"), format!("{name:?} is the name of another peer, too: choose another")));
            }
            peer.relative_to(path.parent().unwrap_or(Path::new("")));
        }
        Ok(file)
    }

    /// Settings of the peer with this name.
    pub fn peer(&self, name: &str, path: &Path) -> Result<&PeerSettings, PeersError> {
        let known = || self.peers.iter().filter_map(|peer| peer.name.clone());
        self.peers.iter().find(|peer| peer.name.as_deref() == Some(name)).ok_or_else(|| PeersError::NoSuchPeer {
            path: path.to_owned(),
            name: name.to_owned(),
            known: known().collect(),
        })
    }
}

/// File without types, to tell null from an absent key.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    defaults: Map<String, Value>,
    peers: Vec<Map<String, Value>>,
}

impl PeerSettings {
    /// Resolves paths against the folder of the file, so that a scenario's folder can be moved.
    fn relative_to(&mut self, folder: &Path) {
        for path in self.share.iter_mut().flatten() {
            *path = folder.join(&*path);
        }
        let own = self.folder.take().unwrap_or_default();
        let joined = folder.join(own);
        self.folder = Some(if joined.as_os_str().is_empty() { PathBuf::from(".") } else { joined });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<PeersFile, String> {
        PeersFile::parse(text.as_bytes(), Path::new("folder/peers.json")).map_err(|error| error.to_string())
    }

    fn with_peer(peer: &str) -> Result<PeersFile, String> {
        parse(&format!("{{\"server\": \"http://127.1.0.10:8080/directory\", \"peers\": [{peer}]}}"))
    }

    #[test]
    fn defaults_are_for_what_is_not_said() {
        let file = parse(
            r#"{
                "server": "http://127.1.0.10:8080/directory",
                "defaults": { "port": 1, "policy": "best", "leave": 100, "upload-rate": "0.8Mbit" },
                "peers": [
                    { "name": "seed", "host": "p1", "address": "127.1.1.1", "share": ["movie.bin"], "leave": null },
                    { "name": "p2", "get": ["movie.bin"], "join": 12.5, "port": 2, "folder": "/abs" }
                ]
            }"#,
        )
        .unwrap();
        let path = Path::new("folder/peers.json");
        let (seed, p2) = (file.peer("seed", path).unwrap(), file.peer("p2", path).unwrap());
        assert_eq!((seed.port, seed.leave, seed.policy), (Some(1), None, Some(PolicyName::Best)));
        assert_eq!(seed.share, Some(vec![PathBuf::from("folder/movie.bin")]));
        assert_eq!(seed.folder, Some(PathBuf::from("folder/")));
        assert_eq!((p2.port, p2.leave, p2.join), (Some(2), Some(100.0), Some(12.5)));
        assert_eq!(p2.upload_rate.map(crate::settings::Rate::bytes), Some(100_000));
        assert_eq!(p2.folder, Some(PathBuf::from("/abs")));
        let error = file.peer("p3", path).unwrap_err().to_string();
        assert!(error.contains("\"p3\"") && error.contains("seed, p2"), "{error}");
    }

    use crate::policy::PolicyName;

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (peer, words) in [
            (r#"{"name": "a", "prot": 1}"#, "peers[0].prot: unknown field"),
            (r#"{"name": "a", "port": 65536}"#, "peers[0].port"),
            (r#"{"name": "a", "address": "p1"}"#, "peers[0].address"),
            (r#"{"name": "a", "upload-rate": "8Mb"}"#, "write B for bytes"),
            (r#"{"name": "a", "upload-rate": 0}"#, "less than one byte"),
            (r#"{"name": "a", "upload-rate": -5}"#, "peers[0].upload-rate"),
            (r#"{"name": "a", "policy": "cheapest"}"#, "peers[0].policy"),
            (r#"{"name": "a", "piece-size": "100KiB"}"#, "peers[0].piece-size: piece size 102400"),
            (r#"{"name": "a", "uploads": 0}"#, "peers[0].uploads: must be from 1"),
            (r#"{"name": "a", "own-pid-share": 1.5}"#, "peers[0].own-pid-share: must be from 0 to 1"),
            (r#"{"name": "a", "join": -1}"#, "peers[0].join"),
            (r#"{"name": "a", "stall": 1e99}"#, "peers[0].stall"),
            (r#"{"name": "a", "join": 5, "leave": 5}"#, "peers[0].leave: must be later"),
            (r#"{"name": "a", "get": [""]}"#, "peers[0].get"),
            (r#"{"name": "a\u0007"}"#, "peers[0].name"),
            (r#"{"name": ""}"#, "peers[0].name"),
            ("{}", "peers[0].name: is missing"),
            (r#"{"name": "a"}, {"name": "a"}"#, "peers[1].name: \"a\" is the name of another"),
        ] {
            let error = with_peer(peer).unwrap_err();
            assert!(error.starts_with("folder/peers.json: ") && error.contains(words), "{peer}: {error}");
        }
        for (text, words) in [
            ("", "EOF"),
            ("{}", "missing field `server`"),
            (r#"{"server": "ftp://a/", "peers": []}"#, "server: "),
            (r#"{"server": "http://a/", "peers": [], "defaults": {"name": "a"}}"#, "defaults.name"),
            (r#"{"server": "http://a/", "peers": [], "defaults": {"uploads": 0}}"#, "defaults.uploads"),
            (r#"{"server": "http://a/", "peers": []} x"#, "after the end"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(peer in "[\\{\\}\\[\\]\":,a-z0-9. -]{0,60}") {
            let _either = with_peer(&peer);
        }
    }
}
