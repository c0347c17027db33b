//! Fetching a file from those that have it: whom, which piece next, and what to do about holders that fail.
//!
//! A [`Fetcher`] finds out which file is meant and who has it ([`Rendezvous`]), takes a manifest, opens the
//! [`PartialFile`](crate::content::PartialFile) and hands both to the engine. The engine is one thread with all of the
//! state and no locks; everything that waits does so in threads of its own, which send it messages:
//!
//! * workers make requests for pieces, check and write them ([`request`]);
//! * a watcher for each neighbour that has a part of the file follows what it has ([`watcher`]);
//! * others ask the registry for holders, the ALTO server for costs ([`costs`]), and measure round trips ([`prober`]).
//!
//! The [policy](crate::policy) chooses neighbours among the holders, and the neighbour to ask; the [`picker`] chooses
//! the piece.

mod background;
mod costs;
mod engine;
mod error;
mod options;
mod pace;
mod picker;
mod prober;
mod rendezvous;
mod request;
mod session;
mod transport;
mod watcher;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use alto_types::swarm::FileId;

pub use error::FetchError;
pub use options::Options;
pub use rendezvous::{Rendezvous, RendezvousError};
pub use transport::Cancel;

use crate::content::{FileName, Library};
use crate::events::{Contribution, Event, Events};
use alto_client::Client;

/// What all downloads of a peer have in common.
#[derive(Clone)]
pub struct Setup {
    /// Asks for costs. Its source address should be that of `source`, as costs are asked for by it.
    pub client: Client,
    /// Knows who has what.
    pub rendezvous: Arc<dyn Rendezvous>,
    /// Where connections to other peers come from; the system chooses if there is none.
    pub source: Option<IpAddr>,
    /// Shares what arrives, at once and when it is whole.
    pub library: Option<Arc<Library>>,
    /// Is told of everything that happens.
    pub events: Events,
}

/// A file to fetch.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which file.
    pub wanted: Wanted,
    /// Where it goes.
    pub folder: PathBuf,
    /// What it will be called; its own name if this is none.
    pub name: Option<FileName>,
    /// Waits until somebody has such a file, rather than fail.
    pub wait: bool,
    /// How to fetch it.
    pub options: Options,
}

/// How people say which file they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// By its content.
    Id(FileId),
    /// By the name somebody gave it; it has to be the name of one file only.
    Name(String),
}

/// A file that was fetched.
#[derive(Clone, Debug)]
pub struct Done {
    /// Which.
    pub file: FileId,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes that came; not what was there from an earlier try.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// What came from whom.
    pub sources: BTreeMap<SocketAddr, Contribution>,
    /// Bytes that were fetched twice, or were wrong.
    pub wasted: u64,
}

/// Fetches files, any number at a time, each in the thread that asks for it.
#[derive(Clone)]
pub struct Fetcher {
    setup: Setup,
}

impl Fetcher {
    /// For a peer with this setup.
    pub fn new(setup: Setup) -> Self {
        Self { setup }
    }

    /// Fetches a file and waits for it. Everything that happens is told as events, the end, good or bad, included.
    pub fn fetch(&self, order: &Order, cancel: &Cancel) -> Result<Done, FetchError> {
        let mut file = None;
        let result = session::run(&self.setup, order, cancel, &mut file);
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

    /// What looks like an ID is one.
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
