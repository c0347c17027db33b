//! HTTP Digest authentication (RFC 7616, RFC 7285 §8.3.5), for the origins that credentials were given for and no others.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use digest_auth::{Algorithm, AlgorithmType, AuthContext, Charset, HttpMethod, Qop, WwwAuthenticateHeader};
use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use super::uri::Origin;

/// User name and password.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Credentials by origin, and the challenges that later requests answer unasked.
#[derive(Debug, Default)]
pub(crate) struct Digest {
    credentials: HashMap<Origin, Credentials>,
    challenges: Mutex<HashMap<Origin, WwwAuthenticateHeader>>,
}

impl Digest {
    pub(crate) fn new(credentials: HashMap<Origin, Credentials>) -> Self {
        Self { credentials, ..Self::default() }
    }

    /// True if there are credentials for this origin.
    pub(crate) fn knows(&self, origin: &Origin) -> bool {
        self.credentials.contains_key(origin)
    }

    /// `Authorization` of a request, if the origin has sent a challenge. Each use counts the nonce up.
    pub(crate) fn authorization(
        &self,
        origin: &Origin,
        method: &str,
        target: &str,
        body: Option<&[u8]>,
    ) -> Option<HeaderValue> {
        let credentials = self.credentials.get(origin)?;
        let mut challenges = self.challenges.lock().ok()?;
        let challenge = challenges.get_mut(origin)?;
        let method = HttpMethod(method.into());
        let (user, password) = (credentials.user.as_str(), credentials.password.as_str());
        let context = AuthContext::new_with_method(user, password, target, Some(body.unwrap_or_default()), method);
        let answer = challenge.respond(&context).ok()?;
        if challenge.algorithm.sess {
            // A session key is bound to the first client nonce, which the next answer would not have.
            challenges.remove(origin);
        }
        let mut value = HeaderValue::from_bytes(answer.to_header_string().as_bytes()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Remembers the best challenge of a 401.
    pub(crate) fn challenged(&self, origin: &Origin, headers: &HeaderMap) -> Challenged {
        let lines = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
        let best = lines.flat_map(challenges).filter_map(Challenge::into_digest).max_by_key(strength);
        match (best, self.challenges.lock()) {
            (Some(challenge), Ok(mut known)) => {
                let stale = challenge.stale;
                known.insert(origin.clone(), challenge);
                if stale { Challenged::Stale } else { Challenged::Fresh }
            }
            _ => Challenged::Unusable,
        }
    }

    /// Forgets a challenge whose answer was refused.
    pub(crate) fn forget(&self, origin: &Origin) {
        if let Ok(mut known) = self.challenges.lock() {
            known.remove(origin);
        }
    }
}

/// Use of the challenges of a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenged {
    /// Can be answered.
    Fresh,
    /// Can be answered; the request before was refused only because its nonce was too old.
    Stale,
    /// Cannot be answered by this client.
    Unusable,
}

/// One challenge of a `WWW-Authenticate` line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: HashMap<String, String>,
}

impl Challenge {
    fn into_digest(mut self) -> Option<WwwAuthenticateHeader> {
        if !self.scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let algorithm = match self.parameters.get("algorithm") {
            None => Algorithm::default(),
            Some(name) => name.to_ascii_uppercase().replace("-SESS", "-sess").parse().ok()?,
        };
        let is_true = |value: Option<&String>| value.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        // Of the protections that are offered the plain one is enough; a list with neither is not for us.
        let qop = match self.parameters.get("qop") {
            None => None,
            Some(list) => {
                let offers = |name: &str| list.split(',').any(|offer| offer.trim().eq_ignore_ascii_case(name));
                let choice = if offers("auth") { Qop::AUTH } else { Qop::AUTH_INT };
                Some(vec![Some(choice).filter(|_| offers("auth") || offers("auth-int"))?])
            }
        };
        Some(WwwAuthenticateHeader {
            domain: None,
            stale: is_true(self.parameters.get("stale")),
            userhash: is_true(self.parameters.get("userhash")),
            charset: Charset::UTF8,
            realm: self.parameters.remove("realm")?,
            nonce: self.parameters.remove("nonce")?,
            opaque: self.parameters.remove("opaque"),
            algorithm,
            qop,
            nc: 0,
        })
    }
}

/// Order of preference among challenges. `max_by_key` takes the last of equals.
fn strength(challenge: &WwwAuthenticateHeader) -> (u8, bool) {
    let algorithm = match challenge.algorithm.algo {
        AlgorithmType::SHA2_512_256 => 3,
        AlgorithmType::SHA2_256 => 2,
        AlgorithmType::MD5 => 1,
    };
    (algorithm, !challenge.algorithm.sess)
}

/// Splits a line that may hold several challenges, which are separated by the same commas as their parameters
/// (RFC 7235 §4.1).
fn challenges(line: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    for element in elements(line) {
        let (name, value) = match element.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (element.trim(), None),
        };
        // `Scheme name=value` opens a challenge, and so does a lone `Scheme`.
        let parameter = match (name.split_once([' ', '\t']), value) {
            (Some((scheme, name)), _) => {
                found.push(Challenge { scheme: scheme.to_owned(), ..Challenge::default() });
                name.trim()
            }
            (None, None) => {
                found.push(Challenge { scheme: name.to_owned(), ..Challenge::default() });
                continue;
            }
            (None, Some(_)) => name,
        };
        if let (Some(challenge), Some(value)) = (found.last_mut(), value) {
            challenge.parameters.entry(parameter.to_ascii_lowercase()).or_insert_with(|| unquoted(value));
        }
    }
    found
}

/// Splits a line at the commas outside quotes.
fn elements(line: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(move |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => return true,
            _ => {}
        }
        false
    })
    .map(str::trim)
    .filter(|element| !element.is_empty())
    .collect()
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').map(|v| v.strip_suffix('"').unwrap_or(v)) else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        text.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn challenges_share_a_line_with_their_parameters() {
        let line = "Basic realm=\"a, b\", Negotiate, digest  Nonce=n , REALM=\"q\\\"x\\\\\",nonce=second";
        let found = challenges(line);
        let schemes: Vec<&str> = found.iter().map(|challenge| challenge.scheme.as_str()).collect();
        assert_eq!(schemes, ["Basic", "Negotiate", "digest"]);
        assert_eq!(found[0].parameters["realm"], "a, b");
        assert_eq!((found[2].parameters["realm"].as_str(), found[2].parameters["nonce"].as_str()), ("q\"x\\", "n"));
    }

    #[test]
    fn the_strongest_algorithm_is_chosen() {
        let digest = Digest::default();
        let origin = super::super::uri::HttpUri::parse("http://api.example.org/").unwrap().origin();
        let fields = ["SHA-256", "SHA-512-256", "MD5", "SHA-512-256-sess"].map(|algorithm| {
            let value = format!("Digest realm=\"r\", qop=\"auth\", algorithm={algorithm}, nonce=\"{algorithm}\"");
            (WWW_AUTHENTICATE, value.parse().unwrap())
        });
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        assert_eq!(digest.challenged(&origin, &headers), Challenged::Fresh);
        assert_eq!(digest.challenges.lock().unwrap()[&origin].nonce, "SHA-512-256");
        assert!(digest.authorization(&origin, "GET", "/", None).is_none(), "nobody has a name here");
    }

    #[test]
    fn a_session_is_for_one_request() {
        let uri = super::super::uri::HttpUri::parse("http://h/").unwrap();
        let user = Credentials { user: "me".to_owned(), password: "secret".to_owned() };
        assert!(!format!("{user:?}").contains("secret"));
        let digest = Digest::new(HashMap::from([(uri.origin(), user)]));
        let challenge = "Digest realm=\"r\", qop=auth-int, algorithm=md5-SESS, nonce=\"n\"";
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, challenge.parse().unwrap())]);
        digest.challenged(&uri.origin(), &headers);
        let answer = digest.authorization(&uri.origin(), "POST", "/", Some(b"{}")).unwrap();
        assert!(answer.is_sensitive());
        let answer = answer.to_str().unwrap();
        assert!(answer.contains("qop=auth-int") && answer.contains("algorithm=MD5-sess"), "{answer}");
        assert!(digest.authorization(&uri.origin(), "GET", "/", None).is_none());
    }

    proptest! {
        #[test]
        fn any_line_can_be_read(line in "[ -~]{0,80}", odd in "(Digest )?([a-z]{1,5}=?[\",\\\\ ]{0,3}){0,8}") {
            for line in [line, odd] {
                for challenge in challenges(&line) {
                    let _ = challenge.into_digest();
                }
            }
        }

        #[test]
        fn what_was_quoted_is_what_is_read(value in "[ -~]{0,30}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let found = challenges(&format!("Digest a=1, realm=\"{quoted}\", b=2"));
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(&found[0].parameters["realm"], &value);
        }
    }
}
