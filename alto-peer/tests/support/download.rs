//! Downloads within the test process, from holders that the test controls.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use alto_client::Client;
use alto_peer::content::Manifest;
use alto_peer::download::{
    Cancel, Done, FetchError, Fetcher, IdPrefix, Options, Order, Rendezvous, RendezvousError, Setup, Wanted,
};
use alto_peer::events::{Event, Events, Line, Sink, SourceState};
use alto_types::swarm::{FileId, FileSummary, Holder, Holders};

use super::content::content;
use super::holder::{Behaviour, FakeHolder};
use test_support::patience::wait_until;

/// Piece size: small, so that small files have many pieces.
pub(crate) const PIECE: u32 = 64 * 1024;

/// A file to download, with its content and manifest.
pub(crate) struct Original {
    pub(crate) content: Vec<u8>,
    pub(crate) manifest: Manifest,
    pub(crate) folder: tempfile::TempDir,
}

/// A registry with a list that the test sets.
#[derive(Default)]
pub(crate) struct Listing {
    holders: Mutex<Vec<Holder>>,
    size: Mutex<u64>,
}

/// All events of a download.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<Line>>>);

/// A download that can be run.
pub(crate) struct Download {
    pub(crate) listing: Arc<Listing>,
    pub(crate) heard: Heard,
    pub(crate) order: Order,
    pub(crate) cancel: Cancel,
    setup: Setup,
}

impl Original {
    /// A file with this number of pieces, all different, the last one shorter.
    pub(crate) fn of(pieces: usize) -> Self {
        let length = pieces * PIECE as usize - 1000;
        let content = content(length);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("movie.bin");
        std::fs::write(&path, &content).unwrap();
        let manifest = Manifest::of_file(&path, PIECE, |_| ()).unwrap();
        Self { content, manifest, folder }
    }

    pub(crate) fn holder(&self, address: &str, behaviour: Behaviour) -> FakeHolder {
        FakeHolder::start(address, &self.content, &self.manifest, behaviour)
    }
}

impl Listing {
    pub(crate) fn set(&self, holders: &[&FakeHolder]) {
        *self.holders.lock().unwrap() = holders.iter().map(|holder| holder.listing()).collect();
    }
}

impl Rendezvous for Listing {
    fn named(&self, name: &str) -> Result<Vec<FileSummary>, RendezvousError> {
        Err(RendezvousError::Failed(format!("not in this test: {name}")))
    }

    fn beginning(&self, _: &IdPrefix) -> Result<Vec<FileSummary>, RendezvousError> {
        Err(RendezvousError::Failed("not in this test".to_owned()))
    }

    fn holders(&self, file: FileId, _: usize) -> Result<Holders, RendezvousError> {
        let holders = self.holders.lock().unwrap().clone();
        if holders.is_empty() {
            return Err(RendezvousError::NotFound);
        }
        let complete = holders.iter().filter(|holder| holder.complete).count();
        let size = *self.size.lock().unwrap();
        let partial = holders.len() - complete;
        let file = FileSummary { id: file, name: "movie.bin".to_owned(), size, complete, partial };
        Ok(Holders { file, holders })
    }
}

impl Sink for Heard {
    fn take(&self, line: &Line) {
        self.0.lock().unwrap().push(line.clone());
    }
}

impl Heard {
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().iter().map(|line| line.event.clone()).collect()
    }

    pub(crate) fn timed(&self) -> Vec<Line> {
        self.0.lock().unwrap().clone()
    }

    /// The states that a holder went through.
    pub(crate) fn states(&self, holder: &FakeHolder) -> Vec<SourceState> {
        let state = |event: Event| match event {
            Event::Source { source, state, .. } if source == holder.address => Some(state),
            _ => None,
        };
        self.all().into_iter().filter_map(state).collect()
    }

    /// Waits for an event.
    pub(crate) fn wait_for(&self, what: &str, is: impl Fn(&Event) -> bool) {
        wait_until(what, || self.all().iter().any(&is).then_some(()));
    }

    pub(crate) fn fallbacks(&self) -> Vec<(String, String)> {
        let fallback = |event: Event| match event {
            Event::Fallback { from, to, .. } => Some((from, to)),
            _ => None,
        };
        self.all().into_iter().filter_map(fallback).collect()
    }
}

impl Download {
    /// A download of this file from these holders into this folder, by policy `random` unless the test changes that. It waits
    /// for longer than this machine stands still.
    pub(crate) fn of(original: &Original, folder: &Path, holders: &[&FakeHolder]) -> Self {
        Self::asking(original, folder, holders, "http://127.0.0.1:1/directory", "127.0.0.1")
    }

    /// The same, with an ALTO server, from this local address.
    pub(crate) fn asking(
        original: &Original,
        folder: &Path,
        holders: &[&FakeHolder],
        directory: &str,
        own: &str,
    ) -> Self {
        let listing = Arc::new(Listing::default());
        *listing.size.lock().unwrap() = original.manifest.size;
        listing.set(holders);
        let heard = Heard::default();
        let own = own.parse().unwrap();
        let setup = Setup {
            client: Client::builder(directory).source(own).build().unwrap(),
            rendezvous: Arc::clone(&listing) as Arc<dyn Rendezvous>,
            source: Some(own),
            library: None,
            events: Events::new(Arc::new(SystemTime::now), heard.clone()),
        };
        let options = Options {
            policy: "random".parse().unwrap(),
            seed: Some(1),
            stall: Duration::from_secs(30),
            refresh: Duration::from_secs(1),
            patience: Duration::from_mins(2),
            ..Options::default()
        };
        let order = Order {
            wanted: Wanted::Id(original.manifest.id),
            folder: folder.to_owned(),
            name: None,
            wait: false,
            options,
        };
        Self { listing, heard, order, cancel: Cancel::default(), setup }
    }

    pub(crate) fn run(&self) -> Result<Done, FetchError> {
        Fetcher::new(self.setup.clone(), None).fetch(&self.order, &self.cancel)
    }

    /// Runs the download, which has to yield the original file.
    pub(crate) fn succeeds(&self, original: &Original) -> Done {
        let done = self.run().unwrap_or_else(|error| panic!("{error}: {:#?}", self.heard.all()));
        assert!(std::fs::read(&done.path).unwrap() == original.content, "the content differs");
        done
    }
}
