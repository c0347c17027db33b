//! HTTP Digest authentication as a client (RFC 7616).

use std::sync::Mutex;

use digest_auth::{AlgorithmType, AuthContext, HttpMethod, WwwAuthenticateHeader};

use super::message::{Answer, Request};
use super::uri::request_target;

/// User name and password with the latest challenge.
pub(super) struct Credentials {
    user: String,
    password: String,
    challenge: Mutex<Option<WwwAuthenticateHeader>>,
}

impl Credentials {
    pub(super) fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned(), challenge: Mutex::new(None) }
    }

    /// Returns the `Authorization` field for a request, if there was a challenge.
    pub(super) fn authorization(&self, request: &Request) -> Option<String> {
        let mut challenge = self.challenge.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        answer(challenge.as_mut()?, &self.user, &self.password, request)
    }

    /// Stores the challenge of an answer; false if there is none.
    pub(super) fn challenged(&self, answer: &Answer) -> bool {
        let Some(challenge) = best_challenge(answer) else {
            return false;
        };
        *self.challenge.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(challenge);
        true
    }
}

/// Returns the Digest challenge with the strongest hash.
pub(crate) fn best_challenge(answer: &Answer) -> Option<WwwAuthenticateHeader> {
    let digests = answer
        .headers("www-authenticate")
        .filter(|value| value.trim_start().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest ")));
    let challenges = digests.filter_map(|value| WwwAuthenticateHeader::parse(&value.trim_start()[6..]).ok());
    challenges.max_by_key(|challenge| match challenge.algorithm.algo {
        AlgorithmType::MD5 => 0,
        AlgorithmType::SHA2_512_256 => 1,
        AlgorithmType::SHA2_256 => 2,
    })
}

/// Returns the `Authorization` field that answers a challenge.
pub(crate) fn answer(
    challenge: &mut WwwAuthenticateHeader,
    user: &str,
    password: &str,
    request: &Request,
) -> Option<String> {
    let method = HttpMethod(request.method.clone().into());
    let target = request_target(&request.uri)?;
    let context = AuthContext::new_with_method(user, password, target, request.body.as_deref(), method);
    Some(challenge.respond(&context).ok()?.to_header_string())
}
