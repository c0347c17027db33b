//! The backend over Redis: its storage for the battery, and what only several servers can show.

mod connections;
mod leases;
mod replicas;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use alto_registry::redis::Clock;
use alto_registry::shared::{Connector, Waits};
use alto_registry::{Limits, Observer, RedisRegistry, Registry, Silent, Timestamp};
use test_support::redis_server::RedisServer;

use crate::battery::Backend;

/// One database of a Redis that all tests at a time share.
pub struct Redis {
    server: Arc<RedisServer>,
    database: u32,
}

/// Time to wait for a registry to open, which a busy machine does not reach.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same for all that a registry waits for.
const WAITS: Waits = Waits { connect: PATIENCE, named: PATIENCE, answer: PATIENCE, follow: PATIENCE };

impl Redis {
    /// A server that no other test uses, for tests that cut connections.
    fn of_its_own() -> Self {
        Self { server: Arc::new(RedisServer::on_socket(&[])), database: 0 }
    }

    fn connector(&self) -> Arc<Connector> {
        Arc::new(Connector::waiting(self.server.url(self.database).parse().unwrap(), None, None, WAITS))
    }

    /// Opens one of several registries above the same data.
    fn replica(&self, limits: Limits, observer: Arc<dyn Observer>, clock: Clock) -> RedisRegistry {
        RedisRegistry::open(self.connector(), limits, observer, clock, PATIENCE).unwrap()
    }

    fn call(&self, words: &[&str]) -> String {
        let database = self.database.to_string();
        self.server.call(&[&["-n", &database], words].concat())
    }
}

impl Backend for Redis {
    const SURVIVES_RESTART: bool = true;
    const RENEWS_LEASES: bool = false;
    const SEQUENCES: u32 = 24;

    fn new() -> Self {
        static SERVER: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
        static DATABASE: AtomicU32 = AtomicU32::new(0);
        let mut shared = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        let server = shared.upgrade().unwrap_or_else(|| Arc::new(RedisServer::on_socket(&[])));
        *shared = Arc::downgrade(&server);
        Self { server, database: DATABASE.fetch_add(1, Ordering::Relaxed) }
    }

    fn open(&self, limits: Limits, _now: Timestamp) -> Box<dyn Registry> {
        Box::new(self.replica(limits, Arc::new(Silent), Clock::Caller))
    }
}
