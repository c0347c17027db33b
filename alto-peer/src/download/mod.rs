//! Downloads: finding the holders of a file, choosing among them, and fetching its pieces.
//!
//! A [`Fetcher`] identifies the file, finds its holders ([`Rendezvous`]) and a manifest ([`manifest_search`]), opens the
//! [`PartialFile`](crate::content::PartialFile) and hands both to the [`engine`]. The [policy](crate::policy) chooses
//! neighbours among the holders, and which of them to ask.

mod cancel;
mod engine;
mod error;
mod helpers;
mod interval;
mod manifest_search;
mod options;
mod pace;
mod pause;
mod rendezvous;
mod request;
mod screened;
mod session;
mod transport;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;

pub use cancel::Cancel;
pub use error::FetchError;
pub(crate) use error::{MAX_LISTED, most_held_first};
pub use options::Options;
pub use rendezvous::{Rendezvous, RendezvousError};

use self::pace::Pace;
use self::screened::Screened;

use crate::content::{FileName, Library};
use crate::events::{Contribution, Event, Events};
use alto_client::Client;

/// Parts of a peer that all its downloads share.
#[derive(Clone)]
pub struct Setup {
    /// Client of the ALTO server. Its source address should be `source`, as the server may tell this peer by it.
    pub client: Client,
    /// Directory of files and their holders.
    pub rendezvous: Arc<dyn Rendezvous>,
    /// Local address of connections to other peers; the system chooses one if absent.
    pub source: Option<IpAddr>,
    /// Library that shares pieces as they arrive, and the file when it is complete.
    pub library: Option<Arc<Library>>,
    /// Receiver of all events.
    pub events: Events,
}

/// An order for a file.
#[derive(Clone, Debug)]
pub struct Order {
    /// File to download.
    pub wanted: Wanted,
    /// Folder to download it to.
    pub folder: PathBuf,
    /// File name to give it; its own name if absent.
    pub name: Option<FileName>,
    /// Waits until somebody shares the file, instead of failing, if true.
    pub wait: bool,
    /// Settings of the download.
    pub options: Options,
}

/// A file as users refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// ID: the hash of its content.
    Id(FileId),
    /// Name that a holder gave it; it has to be unique.
    Name(String),
}

/// A completed download.
#[derive(Clone, Debug)]
pub struct Done {
    /// ID of the file.
    pub file: FileId,
    /// Path of the file.
    pub path: PathBuf,
    /// Bytes that arrived, without those of earlier downloads.
    pub bytes: u64,
    /// Duration of the download.
    pub took: Duration,
    /// Contributions of the holders.
    pub sources: BTreeMap<SocketAddr, Contribution>,
    /// Bytes that arrived twice or were wrong.
    pub wasted: u64,
}

/// Downloads files, any number at a time, each in the thread of its caller.
#[derive(Clone)]
pub struct Fetcher {
    setup: Setup,
    pace: Arc<Pace>,
}

impl Fetcher {
    /// A fetcher with this setup.
    pub fn new(setup: Setup) -> Self {
        let rendezvous = Arc::new(Screened::new(Arc::clone(&setup.rendezvous), setup.client.clone()));
        Self { setup: Setup { rendezvous, ..setup }, pace: Arc::new(Pace::new(Instant::now())) }
    }

    /// Downloads a file and waits for it. Emits events for everything that happens, success or failure at the end included.
    pub fn fetch(&self, order: &Order, cancel: &Cancel) -> Result<Done, FetchError> {
        let mut file = None;
        let result = session::run(&self.setup, &self.pace, order, cancel, &mut file);
        self.setup.events.emit(match &result {
            Ok(done) => Event::Done {
                file: done.file,
                seconds: done.took.as_secs_f64(),
                bytes: done.bytes,
                path: done.path.clone(),
                sources: done.sources.clone(),
                wasted: done.wasted,
            },
            Err(error) => Event::Failed { file, reason: error.to_string() },
        });
        result
    }
}

impl FromStr for Wanted {
    type Err = Infallible;

    /// Takes a text with the form of an ID for one, and any other for a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}
