//! Settings of the HTTP client.

use std::path::PathBuf;
use std::time::Duration;

/// Settings for reaching the subject.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name and password for HTTP Digest.
    pub user: Option<(String, String)>,
    /// PEM file of certificate authorities to trust instead of the built-in ones.
    pub ca: Option<PathBuf>,
    /// Accept any server certificate.
    pub insecure: bool,
    /// Folder that long request bodies are written to, so that commands can refer to them.
    pub bodies: Option<PathBuf>,
    /// Time limit of one request.
    pub timeout: Duration,
    /// Time limit of all requests together.
    pub deadline: Duration,
}

/// Error in the settings that prevents creation of a client.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file of certificate authorities cannot be used.
    #[error("--ca {}: {reason}", path.display())]
    Ca {
        /// Path of the file.
        path: PathBuf,
        /// Description of the problem.
        reason: String,
    },
    /// The TLS library cannot be initialised.
    #[error("TLS cannot be initialised: {0}")]
    Tls(String),
}
