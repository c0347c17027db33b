//! The rendezvous of peers: what a peer tells the registry of an ALTO server under `/swarm`, and what it learns there.
//!
//! This is not ALTO, and none of it is in the directory; it stands here because server and peer speak it through the
//! same types. Bodies are `application/json`, errors `application/problem+json` (RFC 9457). `docs/swarm.md` describes
//! the conversation.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// Names a file: the SHA-256 of its content, as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct FileId([u8; 32]);

/// A string that is not a file ID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a file ID: 64 hexadecimal digits, the SHA-256 of the content")]
pub struct FileIdError(String);

/// Names a registration. Chosen by the registry; no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerId(pub String);

/// Proves that one may change a registration. Never shown in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

/// A file as its holder announces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileEntry {
    /// SHA-256 of the content.
    pub id: FileId,
    /// What people call it; no path, 1 to 255 bytes.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the manifest (see `docs/swarm.md`), so that holders of different manifests are told apart.
    pub manifest: FileId,
    /// Whether the holder has all of it; a partial holder is asked for its bitfield.
    #[serde(default = "yes")]
    pub complete: bool,
}

/// Body of `POST /swarm/register`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Registration {
    /// What people call the peer; 1 to 64 bytes, not unique.
    pub name: String,
    /// Where it serves its files; the address is the one the request comes from.
    pub port: u16,
    /// What it holds.
    #[serde(default)]
    pub files: Vec<FileEntry>,
    /// The registration this one replaces: necessary where the same address and port have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew: Option<Credentials>,
}

/// Answer to `POST /swarm/register`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Registered {
    /// The registration.
    pub peer: PeerId,
    /// What changes and ends it.
    pub secret: Secret,
    /// Seconds until it ends unless a heartbeat comes.
    pub lease: u64,
    /// The address others are given.
    pub address: IpAddr,
}

/// Body of `POST /swarm/heartbeat` and of `POST /swarm/unregister`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Credentials {
    /// The registration.
    pub peer: PeerId,
    /// Its secret.
    pub secret: Secret,
}

/// Body of `POST /swarm/announce`: the files of a registration change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Announcement {
    /// Whose.
    #[serde(flatten)]
    pub credentials: Credentials,
    /// Files it now holds, or holds differently than it said before.
    #[serde(default)]
    pub add: Vec<FileEntry>,
    /// Files it no longer holds.
    #[serde(default)]
    pub remove: Vec<FileId>,
}

/// Answer to a heartbeat or an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lease {
    /// Seconds until the registration ends.
    pub lease: u64,
}

/// Answer to `GET /swarm/files`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileList {
    /// The files, by ID.
    pub files: Vec<FileSummary>,
    /// Where the list goes on: the value of `after` in the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<FileId>,
}

/// One file in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileSummary {
    /// SHA-256 of the content.
    pub id: FileId,
    /// The name its first holder gave it.
    pub name: String,
    /// Length in bytes, as its first holder gave it.
    pub size: u64,
    /// How many hold all of it.
    pub complete: usize,
    /// How many hold some of it.
    pub partial: usize,
}

/// Answer to `GET /swarm/files/{id}/holders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Holders {
    /// The file.
    pub file: FileSummary,
    /// Who has it, whole or in part: all, or a random choice where there are more than were asked for.
    pub holders: Vec<Holder>,
}

/// A peer that has a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Holder {
    /// Its registration.
    pub peer: PeerId,
    /// What people call it.
    pub name: String,
    /// Where its registration came from.
    pub address: IpAddr,
    /// Where it serves.
    pub port: u16,
    /// SHA-256 of the manifest it serves.
    pub manifest: FileId,
    /// Whether it has all of the file.
    pub complete: bool,
}

/// Answer to `GET /swarm/files/{id}/best`: the holders by their cost to the caller, least first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BestPeer {
    /// The caller, as the server sees it.
    pub client: IpAddr,
    /// The holder of least cost; absent where nobody else holds the file whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<RankedHolder>,
    /// Holders by cost; those without a cost come last.
    pub ranking: Vec<RankedHolder>,
}

/// A holder and its cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RankedHolder {
    /// The holder.
    #[serde(flatten)]
    pub holder: Holder,
    /// `routingcost` from the holder to the caller, the way the content goes; absent where it is undefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

fn yes() -> bool {
    true
}

impl FileId {
    /// From the digest of a content.
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digits, in ASCII. A registry writes hundreds of IDs an answer, so this is not left to the formatter.
    fn digits(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (digits, byte) in text.chunks_exact_mut(2).zip(self.0) {
            digits.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        text
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for FileId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileId({self})")
    }
}

impl FromStr for FileId {
    type Err = FileIdError;

    fn from_str(text: &str) -> Result<Self, FileIdError> {
        let refused = || FileIdError(text.chars().take(100).collect());
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let mut digest = [0; 32];
        for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| refused())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| refused())?;
        }
        Ok(Self(digest))
    }
}

impl TryFrom<String> for FileId {
    type Error = FileIdError;

    fn try_from(text: String) -> Result<Self, FileIdError> {
        text.parse()
    }
}

impl From<FileId> for String {
    fn from(id: FileId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_ids_are_read_as_they_are_written() {
        let text = "00ff".repeat(16);
        assert_eq!(text.parse::<FileId>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<FileId>().unwrap().to_string(), text);
        for wrong in ["", "00", &"0g".repeat(32), &"é".repeat(32), &"00".repeat(33), &format!("+{}", "0".repeat(63))] {
            assert!(wrong.parse::<FileId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", Secret("hunter2".to_owned())), "Secret(..)");
    }
}
