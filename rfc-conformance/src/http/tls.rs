//! TLS settings of the HTTP client and of raw sockets.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::settings::SettingsError;

/// Trusted authorities, for the HTTP library and for raw sockets.
pub(super) struct Trust {
    pub(super) agent: TlsConfig,
    pub(super) raw: Arc<ClientConfig>,
}

impl Trust {
    /// Creates settings that trust the authorities in a file or the built-in ones, or any certificate if `insecure`.
    pub(super) fn new(ca: Option<&Path>, insecure: bool) -> Result<Self, SettingsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        let mut agent = TlsConfig::builder().disable_verification(insecure);
        if let Some(path) = ca {
            let certificates = read(path)?;
            let unusable = |reason: String| SettingsError::Ca { path: path.to_owned(), reason };
            for certificate in &certificates {
                roots.add(certificate.clone()).map_err(|error| unusable(error.to_string()))?;
            }
            let certificates: Vec<_> = certificates.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
            agent = agent.root_certs(RootCerts::new_with_certs(&certificates));
        } else {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| SettingsError::Tls(error.to_string()))?;
        let raw = if insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
        } else {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| SettingsError::Tls(error.to_string()))?;
            builder.with_webpki_verifier(verifier)
        };
        Ok(Self { agent: agent.build(), raw: Arc::new(raw.with_no_client_auth()) })
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let unusable = |reason: String| SettingsError::Ca { path: path.to_owned(), reason };
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?.collect();
    let certificates = certificates.map_err(|error| unusable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(unusable("the file has no PEM certificate".to_owned()));
    }
    Ok(certificates)
}

/// Verifier for `--insecure` that accepts any certificate but still verifies signatures.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
