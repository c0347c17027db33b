//! Downloads: finding the holders of a file, choosing among them, and fetching its pieces.
//!
//! A [`Fetcher`] identifies the file, finds its holders ([`Rendezvous`]) and a manifest ([`manifest_search`]), opens the
//! [`PartialFile`](crate::content::PartialFile) and hands both to the [`engine`]. The [policy](crate::policy) chooses
//! neighbours among the holders, and which of them to ask.

mod cancel;
mod documents;
mod engine;
mod error;
mod follow;
mod helpers;
mod interval;
mod manifest_search;
mod named_peers;
mod options;
mod outcome;
mod pace;
mod parts;
mod pause;
mod rendezvous;
mod request;
mod screened;
mod session;
mod transport;
mod tree;
mod wanted;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;

pub use cancel::Cancel;
pub use error::FetchError;
pub(crate) use error::{MAX_LISTED, most_held_first};
pub use follow::Follow;
pub use named_peers::NamedPeers;
pub use options::Options;
pub use rendezvous::{Rendezvous, RendezvousError};
pub use tree::{Tree, TreeError};
pub use wanted::{IdPrefix, Wanted};

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
    /// A fetcher with this setup, whose registry may lead it only where its server may. All downloads together receive so
    /// many bytes per second, or as many as come.
    pub fn new(setup: Setup, rate: Option<u64>) -> Self {
        let rendezvous = Arc::new(Screened::new(Arc::clone(&setup.rendezvous), setup.client.clone()));
        Self::of_named_peers(Setup { rendezvous, ..setup }, rate)
    }

    /// A fetcher from peers that the user named, wherever they are.
    pub fn of_named_peers(setup: Setup, rate: Option<u64>) -> Self {
        Self { setup, pace: Arc::new(Pace::new(Instant::now(), rate)) }
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
