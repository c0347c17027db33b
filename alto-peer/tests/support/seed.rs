//! A peer within the test process that has a whole file.

use std::sync::Arc;
use std::time::SystemTime;

use alto_client::Client;
use alto_peer::content::Library;
use alto_peer::events::Events;
use alto_peer::registration::{RegistryClient, Renewal, RenewalSettings};
use alto_peer::serving::{DEFAULT_CONNECTIONS, Patience, Serving, ServingSettings};
use test_support::patience::wait_until;

use super::Server;
use super::download::{Original, PIECE};

/// Registered peer that has the whole file.
pub(crate) struct Seed {
    registration: Option<Renewal>,
    serving: Option<Serving>,
}

impl Seed {
    /// Shares the original at this address, at this rate in bytes per second.
    pub(crate) fn start(server: &Server, original: &Original, address: &str, rate: Option<u64>) -> Self {
        Self::cut(server, original, address, rate, PIECE)
    }

    /// Shares the original in pieces of another size.
    pub(crate) fn cut(server: &Server, original: &Original, address: &str, rate: Option<u64>, piece_size: u32) -> Self {
        let address = address.parse().unwrap();
        let client = Client::builder(&server.directory()).source(address).build().unwrap();
        let (registry, library) = (Arc::new(RegistryClient::new(client)), Arc::new(Library::new()));
        library.add_file(&original.folder.path().join("movie.bin"), piece_size, |_, _, _| ()).unwrap();
        let settings = ServingSettings {
            address: (address, 0).into(),
            upload_rate: rate,
            uploads: 8,
            connections: DEFAULT_CONNECTIONS,
            patience: Patience::default(),
        };
        let serving = Serving::start(&settings, Arc::clone(&library)).unwrap();
        let port = serving.address().port();
        let settings = RenewalSettings { name: "seed".to_owned(), port, saved: None, seed: None, register: true };
        let events = Events::new(Arc::new(SystemTime::now), alto_peer::events::Silence);
        let registration = Renewal::start(settings, registry, library, events).unwrap();
        wait_until("registration", || registration.status().peer);
        Self { registration: Some(registration), serving: Some(serving) }
    }

    /// Number of bytes sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.serving.as_ref().unwrap().load().sent
    }

    /// Stops serving without telling the registry.
    pub(crate) fn vanish(&mut self) {
        self.serving = None;
        std::mem::forget(self.registration.take());
    }
}
