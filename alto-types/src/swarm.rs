//! JSON messages of the registry of peers, which an ALTO server has under `/swarm`.
//!
//! They are not part of ALTO and not in the directory; they are here because server and peer share them. Bodies are
//! `application/json`, errors `application/problem+json` (RFC 9457). `docs/swarm.md` describes the protocol.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

/// ID of a file: the SHA-256 of its content, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct FileId([u8; 32]);

/// Text that is not a file ID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a file ID; a file ID is the SHA-256 of the content, in 64 hexadecimal digits")]
pub struct FileIdError(String);

/// ID of a registration, chosen by the registry and public.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PeerId(pub String);

/// Password of a registration. Debug output hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(pub String);

/// File that a peer announces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FileEntry {
    /// SHA-256 of the content.
    pub id: FileId,
    /// Display name: 1 to 255 bytes, no path.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the manifest (see `docs/swarm.md`) that the peer serves; it tells holders of different manifests apart.
    pub manifest: FileId,
    /// Whether the peer has all pieces. Absent: it has. A peer with some of them is asked for its bitfield.
    #[serde(default = "yes")]
    pub complete: bool,
}

/// Body of `POST /swarm/register`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Registration {
    /// Display name: 1 to 64 bytes, not unique.
    pub name: String,
    /// Port on which the peer serves. Its address is the one that the request comes from.
    pub port: u16,
    /// All files that the peer holds.
    #[serde(default)]
    pub files: Vec<FileEntry>,
    /// Registration that this one replaces; required while the same address and port have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew: Option<Credentials>,
    /// Asks the registry to try once whether others can connect to the peer, and to tell it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
}

/// Answer to `POST /swarm/register`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Registered {
    /// ID of the registration.
    pub peer: PeerId,
    /// Secret that is required to change and to end it.
    pub secret: Secret,
    /// Seconds until it ends unless a heartbeat arrives.
    pub lease: u64,
    /// Address that other peers are told.
    pub address: IpAddr,
}

/// Body of `POST /swarm/heartbeat` and of `POST /swarm/unregister`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Credentials {
    /// ID of the registration.
    pub peer: PeerId,
    /// Secret of the registration.
    pub secret: Secret,
}

/// Body of `POST /swarm/announce`, which changes the files of a registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Announcement {
    /// Registration to change.
    #[serde(flatten)]
    pub credentials: Credentials,
    /// Files that the peer has gained, or whose earlier entry this one replaces.
    #[serde(default)]
    pub add: Vec<FileEntry>,
    /// Files that the peer no longer holds.
    #[serde(default)]
    pub remove: Vec<FileId>,
}

/// Answer to a heartbeat or an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Lease {
    /// Seconds until the registration ends.
    pub lease: u64,
    /// False if the registry could not connect to the peer when it registered. Only in answers to heartbeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reachable: Option<bool>,
}

/// Answer to `GET /swarm/files`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FileList {
    /// Files, sorted by ID.
    pub files: Vec<FileSummary>,
    /// Value of `after` in the request for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<FileId>,
}

/// File that at least one peer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FileSummary {
    /// SHA-256 of the content.
    pub id: FileId,
    /// Name that its first holder gave.
    pub name: String,
    /// Length in bytes that its first holder gave.
    pub size: u64,
    /// Number of peers that hold all of it.
    pub complete: usize,
    /// Number of peers that hold some of it.
    pub partial: usize,
}

/// Answer to `GET /swarm/files/{id}/holders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Holders {
    /// File that was asked for.
    pub file: FileSummary,
    /// Peers that have it, whole or in part: all of them, or a random choice where they exceed the limit.
    pub holders: Vec<Holder>,
}

/// Peer that has a file, whole or in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Holder {
    /// ID of its registration.
    pub peer: PeerId,
    /// Display name.
    pub name: String,
    /// Address that it registered from.
    pub address: IpAddr,
    /// Port on which it serves.
    pub port: u16,
    /// SHA-256 of the manifest that it serves.
    pub manifest: FileId,
    /// Whether the peer has all pieces.
    pub complete: bool,
}

/// Answer to `GET /swarm/files/{id}/best`: complete holders, sorted by their cost to the caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct BestPeer {
    /// Address of the caller, as the server sees it.
    pub client: IpAddr,
    /// Holder of least cost; absent where no other peer holds the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<RankedHolder>,
    /// Holders, least cost first; those without a cost come last.
    pub ranking: Vec<RankedHolder>,
}

/// Holder with its cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RankedHolder {
    /// Peer that has the file.
    #[serde(flatten)]
    pub holder: Holder,
    /// `routingcost` from the holder to the caller, which is the way the content takes; absent where it is undefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

fn yes() -> bool {
    true
}

impl FileId {
    /// Builds the ID of a content from its SHA-256.
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// SHA-256 of the content.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hexadecimal digits in ASCII. Written by hand because answers have hundreds of IDs.
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

impl JsonSchema for FileId {
    fn schema_name() -> Cow<'static, str> {
        "FileId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "ID of a file: the SHA-256 of its content, in hexadecimal digits.",
            "type": "string",
            "pattern": "^[0-9A-Fa-f]{64}$"
        })
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
    fn file_ids_parse_as_displayed() {
        let text = "00ff".repeat(16);
        assert_eq!(text.parse::<FileId>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<FileId>().unwrap().to_string(), text);
        for wrong in ["", "00", &"0g".repeat(32), &"é".repeat(32), &"00".repeat(33), &format!("+{}", "0".repeat(63))] {
            assert!(wrong.parse::<FileId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn debug_output_hides_secrets() {
        assert_eq!(format!("{:?}", Secret("hunter2".to_owned())), "Secret(..)");
    }
}
