//! Who may use the tracker, and for which torrents: lists that the operator keeps in files.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use alto_registry::swarms::Infohash;
use alto_selection::PolicyName;
use sha2::{Digest, Sha256};

use super::refusal::Refused;
use crate::regular_file;

/// Longest list, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Paths of the lists. A list that is not named admits everything.
#[derive(Clone, Debug)]
pub(crate) struct AccessFiles {
    /// Torrents that are served, and no others.
    pub(crate) torrents: Option<PathBuf>,
    /// Torrents that are not served.
    pub(crate) blocked: Option<PathBuf>,
    /// Passkeys, one of which a request must have.
    pub(crate) passkeys: Option<PathBuf>,
}

/// The lists as they were read.
pub(crate) struct Access {
    torrents: Option<HashMap<Infohash, Option<PolicyName>>>,
    blocked: HashSet<Infohash>,
    passkeys: Option<Passkeys>,
}

/// Passkeys, kept only as hashes so that neither a log nor a memory dump shows them.
struct Passkeys(HashSet<[u8; 32]>);

/// Reason why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    #[error("{key}: {}: cannot be read: {source}", path.display())]
    Unreadable { key: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{key}: {}: line {line}: {problem}", path.display())]
    Line { key: &'static str, path: PathBuf, line: usize, problem: &'static str },
}

impl Access {
    /// Reads the lists.
    pub(crate) fn read(files: &AccessFiles) -> Result<Self, AccessError> {
        let torrents = lines("tracker-torrents", files.torrents.as_deref(), torrent)?;
        let blocked = lines("tracker-blocked-torrents", files.blocked.as_deref(), torrent)?;
        let passkeys = lines("tracker-passkeys", files.passkeys.as_deref(), passkey)?;
        Ok(Self {
            torrents: torrents.map(|torrents| torrents.into_iter().collect()),
            blocked: blocked.into_iter().flatten().map(|(infohash, _)| infohash).collect(),
            passkeys: passkeys.map(|hashes| Passkeys(hashes.into_iter().collect())),
        })
    }

    /// Refuses a request without a known passkey, if passkeys are required.
    pub(super) fn admit(&self, passkey: Option<&str>) -> Result<(), Refused> {
        match (&self.passkeys, passkey) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Refused::NoPasskey),
            // Looking up a hash reveals nothing about the key by the time it takes.
            (Some(Passkeys(known)), Some(key)) if known.contains(&hash(key)) => Ok(()),
            (Some(_), Some(_)) => Err(Refused::WrongPasskey),
        }
    }

    /// Policy that the operator chose for a torrent, if any. A torrent that is not served is refused.
    pub(super) fn policy(&self, infohash: &Infohash) -> Result<Option<PolicyName>, Refused> {
        if self.blocked.contains(infohash) {
            return Err(Refused::Blocked);
        }
        match &self.torrents {
            None => Ok(None),
            Some(torrents) => torrents.get(infohash).copied().ok_or(Refused::UnknownTorrent),
        }
    }
}

impl fmt::Debug for Passkeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passkeys(hidden)")
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Reads the lines of the file of a setting that are neither empty nor comments.
fn lines<T>(
    key: &'static str,
    path: Option<&Path>,
    read: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Option<Vec<T>>, AccessError> {
    let Some(path) = path else { return Ok(None) };
    let text = regular_file::read_text(path, MAX_FILE_BYTES).map_err(|source| AccessError::Unreadable {
        key,
        path: path.to_owned(),
        source,
    })?;
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let read = |(index, line): (usize, &str)| {
        read(line).map_err(|problem| AccessError::Line { key, path: path.to_owned(), line: index + 1, problem })
    };
    lines.map(read).collect::<Result<_, _>>().map(Some)
}

/// Reads a line `INFOHASH` or `INFOHASH POLICY`.
fn torrent(line: &str) -> Result<(Infohash, Option<PolicyName>), &'static str> {
    let mut words = line.split_ascii_whitespace();
    let infohash = words.next().and_then(infohash).ok_or("write the infohash in 40 hexadecimal digits")?;
    let policy = words.next().map(str::parse).transpose();
    let policy = policy.map_err(|_| "after the infohash, write nothing or a policy: alto, best, nearest or random")?;
    if words.next().is_some() { Err("write nothing after the policy") } else { Ok((infohash, policy)) }
}

fn infohash(text: &str) -> Option<Infohash> {
    if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |index: usize| u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..20).map(byte).collect();
    bytes?.try_into().ok()
}

/// Reads a line with a passkey, and returns its hash.
fn passkey(line: &str) -> Result<[u8; 32], &'static str> {
    if line.len() < 16 || line.len() > 64 || !line.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("a passkey has 16 to 64 letters and digits; try: openssl rand -hex 16");
    }
    Ok(hash(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(torrents: &str, blocked: &str, passkeys: &str) -> Result<Access, AccessError> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            (!text.is_empty()).then(|| std::fs::write(&path, text).map(|()| path).unwrap())
        };
        Access::read(&AccessFiles {
            torrents: file("torrents", torrents),
            blocked: file("blocked", blocked),
            passkeys: file("passkeys", passkeys),
        })
    }

    #[test]
    fn lists_admit_what_they_name() {
        let (one, two, three) = ("01".repeat(20), "02".repeat(20), "03".repeat(20));
        let torrents = format!("# ours\n{one}\n\n  {two} random  \n{three}\n");
        let access = read(&torrents, &three, "0123456789abcdef\n").unwrap();
        assert_eq!(access.policy(&[1; 20]).ok(), Some(None));
        assert_eq!(access.policy(&[2; 20]).ok(), Some(Some(PolicyName::Random)));
        assert!(matches!(access.policy(&[3; 20]), Err(Refused::Blocked)));
        assert!(matches!(access.policy(&[4; 20]), Err(Refused::UnknownTorrent)));
        assert!(access.admit(Some("0123456789abcdef")).is_ok());
        assert!(matches!(access.admit(Some("0123456789abcdeg")), Err(Refused::WrongPasskey)));
        assert!(matches!(access.admit(None), Err(Refused::NoPasskey)));
        let open = read("", "", "").unwrap();
        assert!(open.policy(&[4; 20]).is_ok() && open.admit(None).is_ok() && open.admit(Some("any")).is_ok());
    }

    #[test]
    fn faults_are_reported_with_their_lines() {
        let good = "01".repeat(20);
        for (torrents, line) in [
            ("x", 1),
            (&*format!("{good}\n{good} fastest"), 2),
            (&*format!("\n\n{good} alto now"), 3),
            (&*format!("{good}0"), 1),
        ] {
            let error = read(torrents, "", "").err().unwrap().to_string();
            assert!(error.starts_with("tracker-torrents: "), "{error}");
            assert!(error.contains(&format!("torrents: line {line}: ")), "{error}");
        }
        assert!(read("", "", "short").is_err());
    }
}
