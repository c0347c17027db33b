//! TLS with certificate and key from PEM files, which can be replaced at any time (RFC 7285 §8.3.5).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::certificate::Certificate;
use crate::regular_file;

/// Longest PEM file, in bytes.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Certificate chain and key for new connections.
pub(crate) struct Tls {
    pair: ArcSwap<Pair>,
}

/// Certificate chain and key as they were read.
struct Pair {
    /// Path of the certificate.
    path: PathBuf,
    config: Arc<ServerConfig>,
    /// Facts about the certificate of the server; absent if it cannot be understood.
    facts: Option<Certificate>,
}

/// Reason why the PEM files cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{key}: {}: cannot read the file: {source}", path.display())]
    Unreadable { key: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{key}: {}: {problem}", path.display())]
    File { key: &'static str, path: PathBuf, problem: String },
    #[error("tls-certificate and tls-key: {} and {}: {problem}", certificate.display(), key.display())]
    Pair { certificate: PathBuf, key: PathBuf, problem: String },
}

impl Tls {
    /// Reads both files.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self { pair: ArcSwap::from_pointee(read(certificate, key)?) })
    }

    /// Uses the certificate and key of another one from the next connection on.
    pub(crate) fn take_over(&self, other: &Self) {
        self.pair.store(other.pair.load_full());
    }

    /// Returns the acceptor for the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.pair.load().config).into()
    }

    /// Time until which the certificate is valid, if that is known.
    pub(crate) fn expires(&self) -> Option<SystemTime> {
        Some(self.pair.load().facts?.expires())
    }

    /// Describes why clients refuse the certificate, or soon will.
    pub(crate) fn warnings(&self, now: SystemTime) -> Vec<String> {
        let pair = self.pair.load();
        let warnings = pair.facts.iter().flat_map(|facts| facts.warnings(now));
        warnings.map(|warning| format!("tls-certificate: {} {warning}", pair.path.display())).collect()
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Pair, TlsError> {
    let chain = read_chain(certificate)?;
    let private_key = read_key(key)?;
    let facts = chain.first().and_then(|der| Certificate::read(der));
    let unusable = |error: rustls::Error| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        problem: explain(&error),
    };
    // The provider is explicit, so that no other crate in the process can change it. RFC 7285 names TLS 1.2.
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, private_key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Pair { path: certificate.to_owned(), config: Arc::new(config), facts })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let (bytes, labels) = read_pem("tls-certificate", path)?;
    let shown = path.display();
    let refused = |problem: String| TlsError::File { key: "tls-certificate", path: path.to_owned(), problem };
    if !labels.iter().any(|label| label == "CERTIFICATE") {
        return Err(refused(if bytes.starts_with(&[0x30, 0x82]) {
            format!("is in binary (DER), and has to be PEM: openssl x509 -inform DER -in {shown} -out certificate.pem")
        } else if labels.iter().any(|label| label.ends_with("PRIVATE KEY")) {
            "has a private key and no certificate; are tls-certificate and tls-key exchanged?".to_owned()
        } else {
            "has no certificate: it needs BEGIN CERTIFICATE blocks, the one of the server first".to_owned()
        }));
    }
    let damaged = |_| refused("has a BEGIN CERTIFICATE block that is damaged: copy the file again".to_owned());
    CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>().map_err(damaged)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let (bytes, labels) = read_pem("tls-key", path)?;
    let shown = path.display();
    let refused = |problem: String| TlsError::File { key: "tls-key", path: path.to_owned(), problem };
    let has = |wanted: &str| labels.iter().any(|label| label.ends_with(wanted));
    let is_locked = has("ENCRYPTED PRIVATE KEY") || String::from_utf8_lossy(&bytes).contains("Proc-Type: 4,ENCRYPTED");
    if is_locked {
        return Err(refused(format!(
            "the key has a passphrase, and nobody can type it in when a server starts; remove it with: openssl pkey \
             -in {shown} -out key.pem, and let only the user of this process read the result"
        )));
    }
    if !has("PRIVATE KEY") {
        return Err(refused(if has("CERTIFICATE") {
            "has a certificate and no private key; are tls-certificate and tls-key exchanged?".to_owned()
        } else if bytes.starts_with(&[0x30]) {
            format!("is in binary (DER), and has to be PEM: openssl pkey -inform DER -in {shown} -out key.pem")
        } else {
            "has no private key: it needs a BEGIN PRIVATE KEY block".to_owned()
        }));
    }
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| refused("has a BEGIN PRIVATE KEY block that is damaged: copy the file again".to_owned()))
}

/// Reads a file, and the labels of its PEM blocks.
fn read_pem(key: &'static str, path: &Path) -> Result<(Vec<u8>, Vec<String>), TlsError> {
    let bytes = regular_file::read(path, MAX_FILE_BYTES).map_err(|source| TlsError::Unreadable {
        key,
        path: path.to_owned(),
        source,
    })?;
    let label = |line: &str| Some(line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")?.to_owned());
    let labels = String::from_utf8_lossy(&bytes).lines().filter_map(label).collect();
    Ok((bytes, labels))
}

/// Says in plain words why the library refuses a certificate with its key.
fn explain(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            "the key does not belong to the first certificate; openssl x509 -noout -pubkey -in CERTIFICATE and openssl \
             pkey -pubout -in KEY print the same for a pair"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(_) => "the first certificate is damaged: copy the file again".to_owned(),
        rustls::Error::General(_) => {
            "keys of this kind are not supported; use RSA of 2048 bits or more, ECDSA (P-256, P-384) or Ed25519"
                .to_owned()
        }
        other => format!("cannot be used: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_wrong_with_the_files_is_said_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let openssl = |arguments: &[&str]| {
            let output = Command::new("openssl").current_dir(folder.path()).args(arguments).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        };
        let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"];
        openssl(&[&request[..], &["-keyout", "key", "-out", "cert"]].concat());
        openssl(&[&request[..], &["-keyout", "other", "-out", "other-cert"]].concat());
        openssl(&["pkey", "-in", "key", "-aes256", "-passout", "pass:word", "-out", "locked"]);
        openssl(&["rsa", "-in", "key", "-aes256", "-passout", "pass:word", "-traditional", "-out", "locked-old"]);
        openssl(&["x509", "-in", "cert", "-outform", "DER", "-out", "binary"]);
        std::fs::write(path("empty"), "").unwrap();
        std::fs::write(path("cut"), &std::fs::read(path("cert")).unwrap()[..300]).unwrap();
        assert!(Tls::load(&path("cert"), &path("key")).is_ok());
        for (certificate, key, says) in [
            ("cert", "locked", "the key has a passphrase"),
            ("cert", "locked-old", "the key has a passphrase"),
            ("cert", "other", "the key does not belong"),
            ("cert", "cert", "are tls-certificate and tls-key exchanged?"),
            ("key", "key", "are tls-certificate and tls-key exchanged?"),
            ("binary", "key", "openssl x509 -inform DER"),
            ("empty", "key", "has no certificate"),
            ("cert", "empty", "has no private key"),
            ("cut", "key", "damaged"),
            ("none", "key", "tls-certificate"),
        ] {
            let error = Tls::load(&path(certificate), &path(key)).err().unwrap().to_string();
            assert!(error.contains(says), "{certificate} {key}: {error}");
        }
    }
}
