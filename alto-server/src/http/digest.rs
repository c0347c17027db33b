//! HTTP Digest access authentication (RFC 7616), which RFC 7285 §8.3.5 requires.
//!
//! The `digest_auth` crate does the hashing and the header grammar; [`super::nonce`] has the nonces of a server.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use digest_auth::{AlgorithmType, AuthContext, AuthorizationHeader, HttpMethod, Qop};

use super::nonce::{Nonces, same};
use crate::regular_file;

/// Longest file of users, in bytes.
const MAX_USERS_BYTES: u64 = 16 * 1024 * 1024;

/// Users and nonces.
pub(crate) struct Authenticator {
    realm: String,
    /// Passwords by user name.
    users: HashMap<String, String>,
    nonces: Nonces,
    algorithms: Algorithms,
}

/// Algorithms that are offered and accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithms {
    /// SHA-256 only.
    Sha256,
    /// SHA-256, and MD5 for clients that know nothing else (RFC 7616 §3.3).
    Sha256AndMd5,
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
    pub(crate) fn from_file(
        path: &Path,
        realm: &str,
        algorithms: Algorithms,
        secret: [u8; 32],
    ) -> Result<Self, UsersError> {
        let text = regular_file::read_text(path, MAX_USERS_BYTES)
            .map_err(|source| UsersError::Unreadable { path: path.to_owned(), source })?;
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
        Ok(Self { realm: realm.to_owned(), users, nonces: Nonces::new(secret), algorithms })
    }

    /// Returns the values of `WWW-Authenticate` for a refused request, the stronger algorithm first (RFC 7616 §3.7).
    pub(crate) fn challenges(&self, denied: &Denied, now: SystemTime) -> Vec<String> {
        let nonce = self.nonces.issue(now);
        let stale = if denied.stale { ", stale=true" } else { "" };
        let challenge = |algorithm| {
            let realm = &self.realm;
            format!("Digest realm=\"{realm}\", qop=\"auth\", algorithm={algorithm}, nonce=\"{nonce}\"{stale}")
        };
        match self.algorithms {
            Algorithms::Sha256 => vec![challenge("SHA-256")],
            Algorithms::Sha256AndMd5 => vec![challenge("SHA-256"), challenge("MD5")],
        }
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
        let offered = match header.algorithm.algo {
            AlgorithmType::SHA2_256 => true,
            AlgorithmType::MD5 => self.algorithms == Algorithms::Sha256AndMd5,
            AlgorithmType::SHA2_512_256 => false,
        };
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
        let Some(nonce) = self.nonces.read(&header.nonce, now) else { return denied };
        if !self.nonces.first_use(nonce, header.nc) {
            return Err(Denied { stale: true });
        }
        Ok(())
    }
}

fn is_digest(field: &str) -> bool {
    field.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest "))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use digest_auth::WwwAuthenticateHeader;

    use super::super::nonce::LIFETIME;
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn authenticator() -> Authenticator {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "# readers\nMufasa:Circle of Life\n").unwrap();
        Authenticator::from_file(file.path(), "alto", Algorithms::Sha256AndMd5, [7; 32]).unwrap()
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
        let later = NOW + LIFETIME + Duration::from_secs(1);
        assert_eq!(authenticator.check(Some(&right), "GET", "/directory", later), Err(Denied { stale: true }));
        let invented = challenge.replace("nonce=\"0", "nonce=\"1");
        let invented = answer(&invented, "Circle of Life", 1);
        assert_eq!(authenticator.check(Some(&invented), "GET", "/directory", NOW), Err(Denied { stale: false }));
    }

    #[test]
    fn md5_is_neither_offered_nor_accepted_where_it_is_off() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "Mufasa:Circle of Life\n").unwrap();
        let authenticator = Authenticator::from_file(file.path(), "alto", Algorithms::Sha256, [7; 32]).unwrap();
        let [strong] = authenticator.challenges(&Denied { stale: false }, NOW).try_into().unwrap();
        let weak = strong.replace("SHA-256", "MD5");
        let check = |challenge: &str| {
            let answer = answer(challenge, "Circle of Life", 1);
            authenticator.check(Some(&answer), "GET", "/directory", NOW)
        };
        assert_eq!(check(&weak), Err(Denied { stale: false }));
        assert_eq!(check(&strong), Ok(()));
    }

    #[test]
    fn errors_in_the_file_name_the_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, says) in [("a:b\nnobody\n", "line 2"), ("# none\n", "has no user"), (":x\n", "line 1")] {
            fs::write(file.path(), text).unwrap();
            let error =
                Authenticator::from_file(file.path(), "alto", Algorithms::Sha256, [0; 32]).err().unwrap().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
