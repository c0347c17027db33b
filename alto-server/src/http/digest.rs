//! HTTP Digest access authentication (RFC 7616), which RFC 7285 §8.3.5 requires.
//!
//! The `digest_auth` crate does the hashing and the header grammar but for names of users ([`super::digest_user`]);
//! [`super::nonce`] has the nonces of a server.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use digest_auth::{AlgorithmType, AuthContext, AuthorizationHeader, HttpMethod, Qop};

use super::digest_user;
use super::nonce::{Nonces, same};
use crate::regular_file;

/// Longest file of users, in bytes.
const MAX_USERS_BYTES: u64 = 16 * 1024 * 1024;

/// Users and nonces.
pub(crate) struct Authenticator {
    realm: String,
    /// Passwords by user name.
    users: HashMap<String, String>,
    nonces: Arc<Nonces>,
    algorithms: Algorithms,
    /// Whether all names and passwords are ASCII, so that clients need not know a charset.
    is_ascii: bool,
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

impl Denied {
    /// Whether the credentials were right, and only the nonce was old.
    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }
}

/// Reason why a file of users cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsersError {
    #[error("digest-users: {}: cannot read the file: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("digest-users: {}: {}", path.display(), problems.join("; "))]
    Malformed { path: PathBuf, problems: Vec<String> },
    #[error("digest-users: {}: the file has no user; write one NAME:PASSWORD per line", .0.display())]
    Empty(PathBuf),
}

impl Authenticator {
    /// Reads the users from a file with one `NAME:PASSWORD` per line.
    pub(crate) fn from_file(
        path: &Path,
        realm: &str,
        algorithms: Algorithms,
        nonces: Arc<Nonces>,
    ) -> Result<Self, UsersError> {
        let text = regular_file::read_text(path, MAX_USERS_BYTES)
            .map_err(|source| UsersError::Unreadable { path: path.to_owned(), source })?;
        let users = read_users(&text).map_err(|problems| UsersError::Malformed { path: path.to_owned(), problems })?;
        if users.is_empty() {
            return Err(UsersError::Empty(path.to_owned()));
        }
        let is_ascii = users.iter().all(|(name, password)| name.is_ascii() && password.is_ascii());
        Ok(Self { realm: realm.to_owned(), users, nonces, algorithms, is_ascii })
    }

    /// Returns the values of `WWW-Authenticate` for a refused request, the stronger algorithm first (RFC 7616 §3.7).
    pub(crate) fn challenges(&self, denied: &Denied, now: SystemTime) -> Vec<String> {
        let nonce = self.nonces.issue(now);
        let stale = if denied.stale { ", stale=true" } else { "" };
        let challenge = |algorithm| {
            let realm = &self.realm;
            let charset = if self.is_ascii { "" } else { ", charset=UTF-8" };
            format!("Digest realm=\"{realm}\", qop=\"auth\", algorithm={algorithm}, nonce=\"{nonce}\"{stale}{charset}")
        };
        match self.algorithms {
            Algorithms::Sha256 => vec![challenge("SHA-256")],
            Algorithms::Sha256AndMd5 => vec![challenge("SHA-256"), challenge("MD5")],
        }
    }

    /// Verifies the `Authorization` field of a request, and returns the name of the user.
    pub(crate) fn check(
        &self,
        authorization: Option<&[u8]>,
        method: &str,
        target: &str,
        now: SystemTime,
    ) -> Result<String, Denied> {
        let denied = Err(Denied { stale: false });
        let Some(named) = authorization.filter(|field| is_digest(field)).and_then(|f| digest_user::take(&f[7..]))
        else {
            return denied;
        };
        let Ok(header) = named.field.parse::<AuthorizationHeader>() else { return denied };
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
        let known = named.names.iter().find_map(|name| Some((name, self.users.get(name)?)));
        let (name, password) = known.map_or(("", ""), |(name, password)| (name.as_str(), password.as_str()));
        let context = AuthContext::new_with_method(name, password, target, None::<&[u8]>, HttpMethod(method.into()));
        let mut expected = header.clone();
        expected.digest(&context);
        if !same(&expected.response, &header.response) || known.is_none() {
            return denied;
        }
        // The credentials are right; if the nonce is not, the client can retry with a new one.
        let Some(nonce) = self.nonces.read(&header.nonce, now) else { return denied };
        if !self.nonces.first_use(nonce, header.nc) {
            return Err(Denied { stale: true });
        }
        Ok(name.to_owned())
    }
}

/// Reads lines `NAME:PASSWORD`, and lists everything that is wrong with them.
fn read_users(text: &str) -> Result<HashMap<String, String>, Vec<String>> {
    let (mut users, mut lines, mut problems) = (HashMap::new(), HashMap::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut refuse = |problem: String| problems.push(format!("line {number}: {problem}"));
        let Some((name, password)) = line.split_once(':') else {
            refuse("has no colon: write NAME:PASSWORD".to_owned());
            continue;
        };
        if name.is_empty() || password.is_empty() {
            let empty = if name.is_empty() { "name" } else { "password" };
            refuse(format!("the {empty} is empty: write NAME:PASSWORD"));
        } else if let Some(control) = line.chars().find(|character| character.is_control()) {
            refuse(format!("has the control character U+{:04X}: remove it", u32::from(control)));
        } else if let Some(first) = lines.insert(name, number) {
            refuse(format!("{name:?} is the user of line {first}, too: remove one of them"));
        } else {
            users.insert(name.to_owned(), password.to_owned());
        }
    }
    if problems.is_empty() { Ok(users) } else { Err(problems) }
}

fn is_digest(field: &[u8]) -> bool {
    field.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"digest "))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use digest_auth::WwwAuthenticateHeader;

    use super::super::nonce::LIFETIME;
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn nonces() -> Arc<Nonces> {
        Arc::new(Nonces::new([7; 32]))
    }

    fn authenticator() -> Authenticator {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "# readers\nMufasa:Circle of Life\n").unwrap();
        Authenticator::from_file(file.path(), "alto", Algorithms::Sha256AndMd5, nonces()).unwrap()
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
            assert_eq!(
                authenticator.check(Some(right.as_bytes()), "GET", "/networkmap", NOW),
                Err(Denied { stale: false })
            );
            assert_eq!(
                authenticator.check(Some(right.as_bytes()), "POST", "/directory", NOW),
                Err(Denied { stale: false })
            );
            let wrong = answer(&challenge, "Circle of Lice", 1);
            assert_eq!(
                authenticator.check(Some(wrong.as_bytes()), "GET", "/directory", NOW),
                Err(Denied { stale: false })
            );
            let fresh = &authenticator.challenges(&Denied { stale: false }, NOW)[0];
            assert_eq!(
                authenticator.check(Some(answer(fresh, "Circle of Life", 1).as_bytes()), "GET", "/directory", NOW),
                Ok("Mufasa".to_owned())
            );
        }
        assert!(authenticator.check(None, "GET", "/directory", NOW).is_err());
        assert!(authenticator.check(Some(b"Basic TXVmYXNhOng="), "GET", "/directory", NOW).is_err());
        assert!(authenticator.check(Some("Digest é".as_bytes()), "GET", "/directory", NOW).is_err());
    }

    #[test]
    fn a_recorded_request_cannot_be_replayed() {
        let authenticator = authenticator();
        let challenge = &authenticator.challenges(&Denied { stale: false }, NOW)[0];
        let check = |count| {
            authenticator.check(Some(answer(challenge, "Circle of Life", count).as_bytes()), "GET", "/directory", NOW)
        };
        assert_eq!(check(1), Ok("Mufasa".to_owned()));
        assert_eq!(check(1), Err(Denied { stale: true }));
        assert_eq!(check(5), Ok("Mufasa".to_owned()));
        assert_eq!(check(3), Ok("Mufasa".to_owned()), "requests may overtake each other");
        assert_eq!(check(3), Err(Denied { stale: true }));
        assert_eq!(check(200), Ok("Mufasa".to_owned()));
        assert_eq!(check(4), Err(Denied { stale: true }), "too old to tell");
    }

    #[test]
    fn nonces_expire_and_cannot_be_forged() {
        let authenticator = authenticator();
        let challenge = &authenticator.challenges(&Denied { stale: false }, NOW)[0];
        let right = answer(challenge, "Circle of Life", 1);
        let later = NOW + LIFETIME + Duration::from_secs(1);
        assert_eq!(
            authenticator.check(Some(right.as_bytes()), "GET", "/directory", later),
            Err(Denied { stale: true })
        );
        let invented = challenge.replace("nonce=\"0", "nonce=\"1");
        let invented = answer(&invented, "Circle of Life", 1);
        assert_eq!(
            authenticator.check(Some(invented.as_bytes()), "GET", "/directory", NOW),
            Err(Denied { stale: false })
        );
    }

    #[test]
    fn md5_is_neither_offered_nor_accepted_where_it_is_off() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "Mufasa:Circle of Life\n").unwrap();
        let authenticator = Authenticator::from_file(file.path(), "alto", Algorithms::Sha256, nonces()).unwrap();
        let [strong] = authenticator.challenges(&Denied { stale: false }, NOW).try_into().unwrap();
        let weak = strong.replace("SHA-256", "MD5");
        let check = |challenge: &str| {
            let answer = answer(challenge, "Circle of Life", 1);
            authenticator.check(Some(answer.as_bytes()), "GET", "/directory", NOW)
        };
        assert_eq!(check(&weak), Err(Denied { stale: false }));
        assert_eq!(check(&strong), Ok("Mufasa".to_owned()));
    }

    #[test]
    fn errors_in_the_file_name_the_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, says) in [
            ("a:b\nnobody\n", "line 2: has no colon"),
            ("# none\n", "has no user"),
            (":x\n", "line 1: the name is empty"),
            ("x:\n", "line 1: the password is empty"),
            ("a:b\nc:d\na:e\n", "line 3: \"a\" is the user of line 1, too"),
            ("a\u{1}:b\nnobody\n", "U+0001: remove it; line 2: has no colon"),
        ] {
            fs::write(file.path(), text).unwrap();
            let error =
                Authenticator::from_file(file.path(), "alto", Algorithms::Sha256, nonces()).err().unwrap().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn names_may_have_any_characters() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "\u{feff}DOMAIN\\mufasa:secret\nJäsøn Doe:geheim§\nso \"called\":secret\n").unwrap();
        let authenticator = Authenticator::from_file(file.path(), "alto", Algorithms::Sha256, nonces()).unwrap();
        let challenge = authenticator.challenges(&Denied { stale: false }, NOW).remove(0);
        assert!(challenge.ends_with(", charset=UTF-8"), "{challenge}");
        let check = |name: &str, password: &str, sent: &str| {
            let mut prompt: WwwAuthenticateHeader =
                authenticator.challenges(&Denied { stale: false }, NOW)[0].parse().unwrap();
            let answer = prompt.respond(&AuthContext::new(name, password, "/directory")).unwrap();
            let parameters = AuthorizationHeader { username: "NAME".to_owned(), ..answer }.to_string();
            let field = parameters.replace("username=\"NAME\"", sent);
            assert!(field.contains(sent), "{field}");
            authenticator.check(Some(field.as_bytes()), "GET", "/directory", NOW)
        };
        for (name, password, sent) in [
            ("DOMAIN\\mufasa", "secret", r#"username="DOMAIN\\mufasa""#),
            ("DOMAIN\\mufasa", "secret", r#"username="DOMAIN\mufasa""#),
            ("Jäsøn Doe", "geheim§", r#"username="Jäsøn Doe""#),
            ("Jäsøn Doe", "geheim§", "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe"),
            ("so \"called\"", "secret", r#"username="so \"called\"""#),
        ] {
            assert_eq!(check(name, password, sent), Ok(name.to_owned()), "{sent}");
            assert_eq!(check(name, "wrong", sent), Err(Denied { stale: false }), "{sent}");
        }
        assert!(check("Jäsøn Doe", "geheim§", "username*=ISO-8859-1''J%E4s%F8n%20Doe").is_err());
    }
}
