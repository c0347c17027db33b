//! HTTP Digest access authentication (RFC 7616), which RFC 7285 §8.3.5 requires.
//!
//! The `digest_auth` crate does the hashing and the header grammar. This module adds the nonces of a server: they are
//! signed, so that they need no table; they expire; and their uses are counted, so that requests cannot be replayed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use digest_auth::{AlgorithmType, AuthContext, AuthorizationHeader, HttpMethod, Qop};
use sha2::{Digest as _, Sha256};

/// Lifetime of a nonce.
const NONCE_LIFETIME: Duration = Duration::from_mins(5);
/// Largest lag of a use count behind the newest one, because requests of one client may overtake each other.
const WINDOW: u32 = 64;

/// Users and nonces.
pub(crate) struct Authenticator {
    realm: String,
    /// Passwords by user name.
    users: HashMap<String, String>,
    secret: [u8; 32],
    issued: AtomicU64,
    /// Uses by nonce. Only authenticated requests add to it, so that nobody else can fill it.
    uses: Mutex<HashMap<String, Uses>>,
}

/// Use counts of a nonce that have been seen.
#[derive(Default)]
struct Uses {
    newest: u32,
    /// Bit n is set if the count `newest - n` was seen.
    seen: u64,
}

/// Refusal of a request. If it is stale, the credentials were right and only the nonce was old.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    stale: bool,
}

/// Reason why a file of users cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsersError {
    #[error("{}: cannot read the file: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}, line {line}: expected NAME:PASSWORD, both non-empty, no quotes or control characters in the name",
        path.display())]
    Malformed { path: PathBuf, line: usize },
    #[error("{}: the file has no user; write one NAME:PASSWORD per line", .0.display())]
    Empty(PathBuf),
}

impl Authenticator {
    /// Reads the users from a file with one `NAME:PASSWORD` per line. `secret` signs nonces and must be random.
    pub(crate) fn from_file(path: &Path, realm: &str, secret: [u8; 32]) -> Result<Self, UsersError> {
        let text =
            fs::read_to_string(path).map_err(|source| UsersError::Unreadable { path: path.to_owned(), source })?;
        let mut users = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let malformed = || UsersError::Malformed { path: path.to_owned(), line: index + 1 };
            let (name, password) = line.split_once(':').ok_or_else(malformed)?;
            if name.is_empty() || password.is_empty() || name.chars().any(|c| c.is_control() || "\"\\".contains(c)) {
                return Err(malformed());
            }
            users.insert(name.to_owned(), password.to_owned());
        }
        if users.is_empty() {
            return Err(UsersError::Empty(path.to_owned()));
        }
        Ok(Self { realm: realm.to_owned(), users, secret, issued: AtomicU64::new(0), uses: Mutex::new(HashMap::new()) })
    }

    /// Returns the values of `WWW-Authenticate` for a refused request, the stronger algorithm first (RFC 7616 §3.7).
    pub(crate) fn challenges(&self, denied: &Denied, now: SystemTime) -> Vec<String> {
        let nonce = self.nonce(now);
        let stale = if denied.stale { ", stale=true" } else { "" };
        let challenge = |algorithm| {
            let realm = &self.realm;
            format!("Digest realm=\"{realm}\", qop=\"auth\", algorithm={algorithm}, nonce=\"{nonce}\"{stale}")
        };
        vec![challenge("SHA-256"), challenge("MD5")]
    }

    /// Verifies the `Authorization` field of a request.
    pub(crate) fn check(
        &self,
        authorization: Option<&str>,
        method: &str,
        target: &str,
        now: SystemTime,
    ) -> Result<(), Denied> {
        let denied = Err(Denied { stale: false });
        let Some(header) =
            authorization.filter(|field| is_digest(field)).and_then(|f| f[6..].parse::<AuthorizationHeader>().ok())
        else {
            return denied;
        };
        let offered = matches!(header.algorithm.algo, AlgorithmType::SHA2_256 | AlgorithmType::MD5);
        if !offered || header.algorithm.sess || header.userhash || header.qop != Some(Qop::AUTH) {
            return denied;
        }
        if header.realm != self.realm || header.uri != target {
            return denied;
        }
        // An unknown user takes as much time as a wrong password, so that timing reveals no names.
        let password = self.users.get(&header.username);
        let context = AuthContext::new_with_method(
            header.username.as_str(),
            password.map_or("", String::as_str),
            target,
            None::<&[u8]>,
            HttpMethod(method.into()),
        );
        let mut expected = header.clone();
        expected.digest(&context);
        if !same(&expected.response, &header.response) || password.is_none() {
            return denied;
        }
        // The credentials are right; if the nonce is not, the client can retry with a new one.
        let Some(age) = self.age(&header.nonce, now) else { return denied };
        if age > NONCE_LIFETIME || !self.first_use(&header.nonce, header.nc, now) {
            return Err(Denied { stale: true });
        }
        Ok(())
    }

    /// Creates a nonce: time, number, signature.
    fn nonce(&self, now: SystemTime) -> String {
        let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let stamp = format!("{time:016x}{:016x}", self.issued.fetch_add(1, Ordering::Relaxed));
        let signature = self.signature(&stamp);
        stamp + &signature
    }

    fn signature(&self, stamp: &str) -> String {
        let digest = Sha256::new().chain_update(self.secret).chain_update(stamp).chain_update(self.secret).finalize();
        digest[..16].iter().fold(String::with_capacity(32), |hex, byte| hex + &format!("{byte:02x}"))
    }

    /// Returns the age of a nonce; none if this server did not sign it.
    fn age(&self, nonce: &str, now: SystemTime) -> Option<Duration> {
        let (stamp, signature) = nonce.split_at_checked(32)?;
        if !same(&self.signature(stamp), signature) {
            return None;
        }
        let seconds = u64::from_str_radix(stamp.get(..16)?, 16).ok()?;
        Some(now.duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap_or_default())
    }

    /// Records a use of a nonce; returns false if the count was used before or is too old to tell.
    fn first_use(&self, nonce: &str, count: u32, now: SystemTime) -> bool {
        let Ok(mut uses) = self.uses.lock() else { return false };
        if !uses.contains_key(nonce) {
            uses.retain(|nonce, _| self.age(nonce, now).is_some_and(|age| age <= NONCE_LIFETIME));
        }
        uses.entry(nonce.to_owned()).or_default().record(count)
    }
}

impl Uses {
    fn record(&mut self, count: u32) -> bool {
        if count > self.newest {
            let shift = count - self.newest;
            self.seen = if shift >= WINDOW { 0 } else { self.seen << shift };
            self.seen |= 1;
            self.newest = count;
            return true;
        }
        let lag = self.newest - count;
        if count == 0 || lag >= WINDOW || self.seen & (1 << lag) != 0 {
            return false;
        }
        self.seen |= 1 << lag;
        true
    }
}

fn is_digest(field: &str) -> bool {
    field.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest "))
}

/// Compares in constant time.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use digest_auth::WwwAuthenticateHeader;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn authenticator() -> Authenticator {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "# readers\nMufasa:Circle of Life\n").unwrap();
        Authenticator::from_file(file.path(), "alto", [7; 32]).unwrap()
    }

    /// Answer of a client to a challenge, with its use count.
    fn answer(challenge: &str, password: &str, count: u32) -> String {
        let mut prompt: WwwAuthenticateHeader = challenge.parse().unwrap();
        prompt.nc = count - 1;
        prompt.respond(&AuthContext::new("Mufasa", password, "/directory")).unwrap().to_string()
    }

    #[test]
    fn both_algorithms_accept_the_right_password_only() {
        let authenticator = authenticator();
        for challenge in authenticator.challenges(&Denied { stale: false }, NOW) {
            let right = answer(&challenge, "Circle of Life", 1);
            assert_eq!(authenticator.check(Some(&right), "GET", "/networkmap", NOW), Err(Denied { stale: false }));
            assert_eq!(authenticator.check(Some(&right), "POST", "/directory", NOW), Err(Denied { stale: false }));
            let wrong = answer(&challenge, "Circle of Lice", 1);
            assert_eq!(authenticator.check(Some(&wrong), "GET", "/directory", NOW), Err(Denied { stale: false }));
            let fresh = &authenticator.challenges(&Denied { stale: false }, NOW)[0];
            assert_eq!(
                authenticator.check(Some(&answer(fresh, "Circle of Life", 1)), "GET", "/directory", NOW),
                Ok(())
            );
        }
        assert!(authenticator.check(None, "GET", "/directory", NOW).is_err());
        assert!(authenticator.check(Some("Basic TXVmYXNhOng="), "GET", "/directory", NOW).is_err());
        assert!(authenticator.check(Some("Digest é"), "GET", "/directory", NOW).is_err());
    }

    #[test]
    fn a_recorded_request_cannot_be_replayed() {
        let authenticator = authenticator();
        let challenge = &authenticator.challenges(&Denied { stale: false }, NOW)[0];
        let check =
            |count| authenticator.check(Some(&answer(challenge, "Circle of Life", count)), "GET", "/directory", NOW);
        assert_eq!(check(1), Ok(()));
        assert_eq!(check(1), Err(Denied { stale: true }));
        assert_eq!(check(5), Ok(()));
        assert_eq!(check(3), Ok(()), "requests may overtake each other");
        assert_eq!(check(3), Err(Denied { stale: true }));
        assert_eq!(check(200), Ok(()));
        assert_eq!(check(4), Err(Denied { stale: true }), "too old to tell");
    }

    #[test]
    fn nonces_expire_and_cannot_be_forged() {
        let authenticator = authenticator();
        let challenge = &authenticator.challenges(&Denied { stale: false }, NOW)[0];
        let right = answer(challenge, "Circle of Life", 1);
        let later = NOW + NONCE_LIFETIME + Duration::from_secs(1);
        assert_eq!(authenticator.check(Some(&right), "GET", "/directory", later), Err(Denied { stale: true }));
        let invented = challenge.replace("nonce=\"0", "nonce=\"1");
        let invented = answer(&invented, "Circle of Life", 1);
        assert_eq!(authenticator.check(Some(&invented), "GET", "/directory", NOW), Err(Denied { stale: false }));
    }

    #[test]
    fn errors_in_the_file_name_the_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, says) in [("a:b\nnobody\n", "line 2"), ("# none\n", "has no user"), (":x\n", "line 1")] {
            fs::write(file.path(), text).unwrap();
            let error = Authenticator::from_file(file.path(), "alto", [0; 32]).err().unwrap().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
