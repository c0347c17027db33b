//! The files that the settings name, opened on demand.

use std::path::PathBuf;
use std::sync::Arc;

use super::ConfigError;
use crate::admin::token::Tokens;
use crate::http::digest::{Algorithms, Authenticator};
use crate::http::nonce::Nonces;
use crate::http::tls::Tls;

/// Environment variable with the admin token, the alternative to a file.
const TOKEN_VARIABLE: &str = "ALTO_ADMIN_TOKEN";

/// Tells whether the environment has an admin token.
pub(super) fn has_admin_token_variable() -> bool {
    std::env::var_os(TOKEN_VARIABLE).is_some()
}

/// Paths of the files with secrets.
#[derive(Clone, Debug)]
pub(crate) struct SecretFiles {
    /// Certificate chain and private key.
    pub(super) tls: Option<(PathBuf, PathBuf)>,
    pub(super) digest_users: Option<PathBuf>,
    pub(super) digest_realm: String,
    pub(super) digest_algorithms: Algorithms,
    pub(super) admin_token: Option<PathBuf>,
}

impl SecretFiles {
    /// Loads certificate and key, if HTTPS is configured.
    pub(crate) fn tls(&self) -> Result<Option<Tls>, ConfigError> {
        let load = |(certificate, key): &(PathBuf, PathBuf)| Tls::load(certificate, key);
        Ok(self.tls.as_ref().map(load).transpose()?)
    }

    /// Loads the users, if clients must authenticate.
    pub(crate) fn authenticator(&self, nonces: &Arc<Nonces>) -> Result<Option<Authenticator>, ConfigError> {
        let load = |users: &PathBuf| {
            Authenticator::from_file(users, &self.digest_realm, self.digest_algorithms, Arc::clone(nonces))
        };
        Ok(self.digest_users.as_ref().map(load).transpose()?)
    }

    /// Loads the tokens that open `/admin` over TCP, from the file or else from the environment.
    pub(crate) fn admin_tokens(&self) -> Result<Option<Tokens>, ConfigError> {
        match (&self.admin_token, std::env::var(TOKEN_VARIABLE)) {
            (Some(path), _) => Ok(Some(Tokens::from_file(path)?)),
            (None, Ok(token)) => Ok(Some(Tokens::from_variable(TOKEN_VARIABLE, &token)?)),
            (None, Err(_)) => Ok(None),
        }
    }
}
