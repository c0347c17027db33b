//! Options of access to an ALTO server, shared by all commands that have a client.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use structopt::StructOpt;

use alto_client::{BuildError, Client, ClientBuilder};
use command_line::Exit;

/// Environment variable with the password that `--user NAME` leaves out.
const PASSWORD: &str = "ALTO_PASSWORD";

/// Options for trust, credentials and timeouts.
#[expect(clippy::doc_markdown, reason = "the comments are the help text, where backticks are noise")]
#[derive(Clone, StructOpt)]
pub(crate) struct AccessOptions {
    /// Trusts the certificates in this PEM file for https, and no others; repeat for several
    #[structopt(long, value_name = "FILE", number_of_values = 1)]
    ca: Vec<PathBuf>,

    /// Authenticates by HTTP Digest; without PASSWORD the environment variable ALTO_PASSWORD is used
    #[structopt(long, value_name = "NAME[:PASSWORD]", conflicts_with = "user-file")]
    user: Option<String>,

    /// Authenticates by HTTP Digest with the first line of this file, NAME:PASSWORD
    #[structopt(long, value_name = "FILE")]
    user_file: Option<PathBuf>,

    /// Time allowed for each answer of the server, with redirects and waits
    #[structopt(long, value_name = "SECONDS", default_value = "30")]
    timeout: u64,

    /// Time allowed for a connection to the server
    #[structopt(long, value_name = "SECONDS", default_value = "5")]
    connect_timeout: u64,

    /// Size of the largest answer accepted from the server
    #[structopt(long, value_name = "BYTES", default_value = "67108864")]
    max_answer: u64,
}

impl fmt::Debug for AccessOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The user may include a password.
        f.debug_struct("AccessOptions").field("ca", &self.ca).finish_non_exhaustive()
    }
}

/// Reason why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: the first line is not NAME:PASSWORD", path.display())]
    NoUser { path: PathBuf },
    #[error("--user {name:?} has no password: write NAME:PASSWORD, set ALTO_PASSWORD, or use --user-file")]
    NoPassword { name: String },
    #[error("{}: {source}", path.display())]
    Certificates { path: PathBuf, source: BuildError },
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl AccessError {
    /// Exit code of the program: unusable files are told from unusable command lines.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Unreadable { .. } | Self::NoUser { .. } | Self::Certificates { .. } => Exit::Config,
            Self::NoPassword { .. } | Self::Build(_) => Exit::Usage,
        }
    }
}

impl AccessOptions {
    /// Starts building a client of the directory at this URI.
    pub(crate) fn client(&self, directory: &str) -> Result<ClientBuilder, AccessError> {
        let mut builder = Client::builder(directory)
            .timeout(Duration::from_secs(self.timeout))
            .connect_timeout(Duration::from_secs(self.connect_timeout))
            .max_answer(self.max_answer)
            .user_agent(concat!("alto-peer/", env!("CARGO_PKG_VERSION")));
        // An unusable URI is reported before any file.
        builder.clone().build()?;
        for path in &self.ca {
            let pem = read(path)?;
            builder = builder.trust(pem);
            let checked = builder.clone().build();
            checked.map_err(|source| AccessError::Certificates { path: path.clone(), source })?;
        }
        match self.credentials()? {
            Some((user, password)) => Ok(builder.digest(user, password)),
            None => Ok(builder),
        }
    }

    fn credentials(&self) -> Result<Option<(String, String)>, AccessError> {
        if let Some(path) = &self.user_file {
            let text = String::from_utf8(read(path)?).unwrap_or_default();
            let user = text.lines().next().and_then(|line| line.split_once(':')).filter(|(name, _)| !name.is_empty());
            let (name, password) = user.ok_or_else(|| AccessError::NoUser { path: path.clone() })?;
            return Ok(Some((name.to_owned(), password.to_owned())));
        }
        let Some(user) = &self.user else { return Ok(None) };
        if let Some((name, password)) = user.split_once(':') {
            return Ok(Some((name.to_owned(), password.to_owned())));
        }
        let password = std::env::var(PASSWORD).map_err(|_| AccessError::NoPassword { name: user.clone() })?;
        Ok(Some((user.clone(), password)))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AccessError> {
    fs::read(path).map_err(|source| AccessError::Unreadable { path: path.to_owned(), source })
}
