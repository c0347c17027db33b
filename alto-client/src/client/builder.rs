//! Settings of a client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, parse_pem};

use super::Client;
use crate::exchange::{Credentials, Digest, Exchange, HttpUri, Limits, Reach, TransportSettings, UriError};

/// Settings of a [`Client`]. All have a default but the URI of the directory.
///
/// Proxies named in the environment are not used: the server must see the address of the client itself.
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    directory: String,
    trusted: Vec<Vec<u8>>,
    credentials: Vec<(String, Credentials)>,
    transport: TransportSettings,
    limits: Limits,
    directory_lifetime: Duration,
}

/// Reason why a client cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Unusable URI, of the directory or of credentials.
    #[error("{uri:?} {reason}")]
    Uri {
        /// URI as given.
        uri: String,
        /// Defect of the URI.
        reason: UriError,
    },
    /// Text without usable certificates.
    #[error("the certificates to trust cannot be read: {0}; give them in PEM, as BEGIN CERTIFICATE blocks")]
    Certificates(String),
}

impl ClientBuilder {
    pub(super) fn new(directory: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            trusted: Vec::new(),
            credentials: Vec::new(),
            transport: TransportSettings {
                connect_timeout: Duration::from_secs(5),
                user_agent: concat!("alto-client/", env!("CARGO_PKG_VERSION")).to_owned(),
                ..TransportSettings::default()
            },
            limits: Limits {
                timeout: Duration::from_secs(30),
                max_answer: 64 * 1024 * 1024,
                max_redirects: 5,
                retries: 2,
                max_retry_after: Duration::from_secs(10),
            },
            directory_lifetime: Duration::from_mins(1),
        }
    }

    /// Trusts these certificates (PEM, one or more) for `https`, and no others. By default the public roots are trusted.
    #[must_use]
    pub fn trust(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trusted.push(pem.into());
        self
    }

    /// Sets user name and password for HTTP Digest (RFC 7616) at the origin (scheme, host and port) of the directory.
    /// They are used nowhere else, wherever the directory redirects or delegates to.
    #[must_use]
    pub fn digest(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        let directory = self.directory.clone();
        self.digest_at(directory, user, password)
    }

    /// Sets user name and password for HTTP Digest at the origin of another URI that the directory delegates to.
    #[must_use]
    pub fn digest_at(mut self, uri: impl Into<String>, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials.push((uri.into(), Credentials { user: user.into(), password: password.into() }));
        self
    }

    /// Sets the local address of connections, which is the one the server sees. Default: chosen by the system.
    #[must_use]
    pub fn source(mut self, address: IpAddr) -> Self {
        self.transport.source = Some(address);
        self
    }

    /// Sets the time for a connection, with TLS. Default: 5 s.
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.transport.connect_timeout = time;
        self
    }

    /// Sets the time for one answer, with all redirects and waits on the way to it. Default: 30 s. A directory that
    /// delegates may take twice that, and a query that takes several requests as long for each.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.limits.timeout = time;
        self
    }

    /// Sets the size of the largest answer accepted, in bytes after decompression. Default: 64 MiB; for directories it
    /// is at most 4 MiB.
    #[must_use]
    pub fn max_answer(mut self, bytes: u64) -> Self {
        self.limits.max_answer = bytes;
        self
    }

    /// Sets the number of redirects followed on the way to one answer. Default: 5.
    #[must_use]
    pub fn max_redirects(mut self, count: u32) -> Self {
        self.limits.max_redirects = count;
        self
    }

    /// Sets the number of times that a busy server (503, 429) is asked again. Default: 2.
    #[must_use]
    pub fn retries(mut self, count: u32) -> Self {
        self.limits.retries = count;
        self
    }

    /// Sets the longest `Retry-After` that is waited for; a longer one is an error at once. Default: 10 s.
    #[must_use]
    pub fn max_retry_after(mut self, time: Duration) -> Self {
        self.limits.max_retry_after = time;
        self
    }

    /// Sets the time after which the directory is read again, unless it turns out sooner to be out of date.
    /// Default: 60 s. (Maps are always cached as the server's header fields say.)
    #[must_use]
    pub fn directory_lifetime(mut self, time: Duration) -> Self {
        self.directory_lifetime = time;
        self
    }

    /// Sets the `User-Agent`. Default: `alto-client/VERSION`.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.transport.user_agent = name.into();
        self
    }

    /// Builds the client. Nothing is sent yet.
    pub fn build(self) -> Result<Client, BuildError> {
        let directory = usable(&self.directory)?;
        let mut transport = self.transport;
        for pem in &self.trusted {
            transport.trusted.extend(certificates(pem)?);
        }
        let mut credentials = HashMap::new();
        for (uri, of_origin) in self.credentials {
            credentials.insert(usable(&uri)?.origin(), of_origin);
        }
        let exchange = Exchange::new(&transport, Reach::of(&directory), Digest::new(credentials), self.limits);
        Ok(Client::new(directory, exchange, self.directory_lifetime))
    }
}

fn usable(uri: &str) -> Result<HttpUri, BuildError> {
    HttpUri::parse(uri).map_err(|reason| BuildError::Uri {
        // A password in a URI is not to be shown.
        uri: if reason == UriError::UserInfo { "the URI".to_owned() } else { uri.chars().take(200).collect() },
        reason,
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, BuildError> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        match item.map_err(|error| BuildError::Certificates(error.to_string()))? {
            PemItem::Certificate(certificate) => found.push(certificate),
            _ => return Err(BuildError::Certificates("it has PEM blocks other than certificates".to_owned())),
        }
    }
    if found.is_empty() {
        return Err(BuildError::Certificates("it has no PEM certificate".to_owned()));
    }
    Ok(found)
}
