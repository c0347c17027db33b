//! Certificates for the HTTPS scenarios, generated for each session.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Certificate authority with its key.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Error while generating or writing certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A certificate could not be generated.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    /// A certificate was rejected by the TLS library.
    #[error("a certificate cannot be used: {0}")]
    Use(#[from] rustls::Error),
    /// The authority's certificate could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
}

impl Authority {
    pub(super) fn new() -> Result<Self, CertificateError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "rfc-conformance");
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// Writes the authority's certificate to a file that clients can trust.
    pub(super) fn write(&self, path: &Path) -> Result<(), CertificateError> {
        let write = |source| CertificateError::Write { path: path.to_owned(), source };
        std::fs::write(path, self.issuer.pem()).map_err(write)
    }

    /// Returns a TLS configuration with a certificate for a host.
    pub(super) fn certificate(&self, host: &str) -> Result<Arc<ServerConfig>, CertificateError> {
        let key = KeyPair::generate()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let certificate = CertificateParams::new(vec![host.to_owned()])?.signed_by(&key, &self.issuer)?;
        let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)?;
        Ok(Arc::new(config))
    }
}
