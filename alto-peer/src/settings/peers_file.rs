//! File `peers.json`: the peers of a scenario, or the one peer of a machine.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use plain_words::{Fault, Faults};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::peer::{PeerSettings, Unusable};
use alto_client::Client;

/// Size above which the file is not read on, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Shortest file.
const LEAST: &str = "{\"server\": \"http://HOST:PORT/directory\", \"peers\": []}";
/// Largest number of faults that an error lists.
const MAX_LISTED: usize = 20;

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
    /// Faults of the text, of its form or of its values, at least one.
    #[error("{}", lines(path, faults))]
    Faulty {
        /// Path of the file.
        path: PathBuf,
        /// Faults, each with the path of its value in the file.
        faults: Vec<Fault>,
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

/// Lists faults, one a line.
fn lines(path: &Path, faults: &[Fault]) -> String {
    let mut lines: Vec<String> =
        faults.iter().take(MAX_LISTED).map(|fault| format!("{}: {fault}", path.display())).collect();
    match faults.len().saturating_sub(MAX_LISTED) {
        0 => lines.push("docs/swarm.md lists all keys and their values".to_owned()),
        more => lines.push(format!("{}: and {more} more", path.display())),
    }
    lines.join("\n")
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
        let refusal = |faults: Vec<Fault>| PeersError::Faulty { path: path.to_owned(), faults };
        let malformed = |faults: Faults| refusal(faults.into_iter().collect());
        let mut file: Self = plain_words::parse(bytes, LEAST).map_err(malformed)?;
        // Parsed again without types: a null overrides a default, which an absent key does not.
        let raw: Raw = plain_words::parse(bytes, LEAST).map_err(malformed)?;
        let mut faults = Vec::new();
        let mut fault = |path: String, problem: String| faults.push(Fault { path, problem });
        if let Err(error) = Client::builder(&file.server).build() {
            fault("server".to_owned(), error.to_string());
        }
        for Unusable { key, problem } in file.defaults.check() {
            fault(format!("defaults.{key}"), problem);
        }
        if file.defaults.name.is_some() {
            fault("defaults.name".to_owned(), "must be absent: each peer has its own name".to_owned());
        }
        let mut names = BTreeSet::new();
        for (index, (peer, raw_peer)) in file.peers.iter_mut().zip(raw.peers).enumerate() {
            let at = |key: &str| format!("peers[{index}].{key}");
            let stated: Vec<String> = raw_peer.keys().cloned().collect();
            let mut merged = raw.defaults.clone();
            merged.extend(raw_peer);
            // Every value was one of this type, here or among the defaults.
            match plain_words::convert::<PeerSettings>(Value::Object(merged)) {
                Ok(merged) => *peer = merged,
                Err(faults) => faults.into_iter().for_each(|found| fault(at(&found.path), found.problem)),
            }
            for Unusable { key, problem } in peer.check() {
                // A default that cannot be used was named once already.
                if stated.iter().any(|stated| stated == key) || key == "leave" {
                    fault(at(key), problem);
                }
            }
            match &peer.name {
                None => fault(at("name"), "is missing: every peer needs a name".to_owned()),
                Some(name) if !names.insert(name.clone()) => {
                    fault(at("name"), format!("{name:?} is the name of another peer, too: choose another"));
                }
                Some(_) => {}
            }
            peer.relative_to(path.parent().unwrap_or(Path::new("")));
        }
        if faults.is_empty() { Ok(file) } else { Err(refusal(faults)) }
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
            (r#"{"name": "a", "prot": 1}"#, "peers[0].prot: is not a key that is known here: did you mean \"port\"?"),
            (r#"{"name": "a", "port": 65536}"#, "peers[0].port"),
            (r#"{"name": "a", "address": "p1"}"#, "peers[0].address: \"p1\" is not an address"),
            (r#"{"name": "a", "upload-rate": "8Mb"}"#, "write B for bytes"),
            (r#"{"name": "a", "upload-rate": 0}"#, "less than one byte"),
            (r#"{"name": "a", "upload-rate": -5}"#, "peers[0].upload-rate"),
            (r#"{"name": "a", "policy": "cheapest"}"#, "peers[0].policy"),
            (r#"{"name": "a", "piece-size": "100KiB"}"#, "peers[0].piece-size: piece size 102400"),
            (r#"{"name": "a", "uploads": 0}"#, "peers[0].uploads: 0 must be from 1"),
            (r#"{"name": "a", "own-pid-share": 1.5}"#, "peers[0].own-pid-share: 1.5 must be from 0 to 1"),
            (r#"{"name": "a", "join": -1}"#, "peers[0].join"),
            (r#"{"name": "a", "stall": 1e99}"#, "peers[0].stall"),
            (r#"{"name": "a", "join": 5, "leave": 5}"#, "peers[0].leave: 5 must be later"),
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
            ("", "is empty: there has to be at least {\"server\""),
            ("{}", "\"server\" is missing: add it\nfolder/peers.json: \"peers\" is missing: add it"),
            (r#"{"server": "ftp://a/", "peers": []}"#, "server: "),
            (r#"{"server": "http://a/", "peers": [], "defaults": {"name": "a"}}"#, "defaults.name"),
            (r#"{"server": "http://a/", "peers": [], "defaults": {"uploads": 0}}"#, "defaults.uploads"),
            (r#"{"server": "http://a/", "peers": []} x"#, "goes on after its end"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn all_faults_are_listed_at_once() {
        let shape = with_peer(r#"{"name": 7, "port": "x", "prot": 1}, {"name": "b", "policy": "bets"}"#).unwrap_err();
        for words in ["peers[0].name: 7 is not", "peers[0].port: \"x\" is not", "peers[0].prot: ", "peers[1].policy: "]
        {
            assert!(shape.contains(words), "{words} is not in {shape}");
        }
        let meaning = parse(
            r#"{"server": "ftp://a/", "defaults": {"uploads": 0}, "peers": [{"name": "a", "join": 9, "leave": 1},
                {"name": "a", "neighbours": 0, "parallel": 0}, {}]}"#,
        )
        .unwrap_err();
        let places: Vec<&str> =
            meaning.lines().filter_map(|line| line.strip_prefix("folder/peers.json: ")?.split(": ").next()).collect();
        let expected = [
            "server",
            "defaults.uploads",
            "peers[0].leave",
            "peers[1].neighbours",
            "peers[1].parallel",
            "peers[1].name",
            "peers[2].name",
        ];
        assert_eq!(places, expected, "{meaning}");
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert!(parse("\u{feff}{\"server\": \"http://a/\", \"peers\": []}").is_ok());
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(peer in "[\\{\\}\\[\\]\":,a-z0-9. -]{0,60}") {
            let _either = with_peer(&peer);
        }
    }
}
