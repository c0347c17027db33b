//! One connection to a peer that asks for it when it registers, to find out whether others can reach it.
//!
//! A peer is tried only at the address that its own request came from, so that nobody can point the server at others.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Ports below this one belong to services of the system, and no peer uses them.
const PRIVILEGED: u16 = 1024;
/// Number of connections that are tried at a time; peers beyond are not tried.
const AT_A_TIME: usize = 32;
/// Time for a connection to be made.
const PATIENCE: Duration = Duration::from_secs(3);
/// Number of unreachable peers that are remembered.
const MAX_REMEMBERED: usize = 10_000;

/// Peers that could not be reached.
pub(super) struct Probes {
    permits: Arc<Semaphore>,
    unreachable: Mutex<BTreeSet<String>>,
}

impl Probes {
    pub(super) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_A_TIME)), unreachable: Mutex::default() }
    }

    /// Tries to connect to a peer in the background.
    pub(super) fn start(self: &Arc<Self>, peer: String, address: SocketAddr) {
        self.unreachable().remove(&peer);
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { return };
        if address.port() < PRIVILEGED {
            return;
        }
        let probes = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = permit;
            if is_unreachable(address).await {
                metrics::counter!("alto_swarm_unreachable_total").increment(1);
                probes.remember(peer);
            }
        });
    }

    /// True if the peer could not be reached when it registered.
    pub(super) fn found_unreachable(&self, peer: &str) -> bool {
        self.unreachable().contains(peer)
    }

    /// Forgets a peer that has left.
    pub(super) fn forget(&self, peer: &str) {
        self.unreachable().remove(peer);
    }

    fn remember(&self, peer: String) {
        let mut unreachable = self.unreachable();
        if unreachable.len() >= MAX_REMEMBERED {
            // Most have left without a word by then.
            unreachable.clear();
        }
        unreachable.insert(peer);
    }

    fn unreachable(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True if a connection is refused or not answered. What this machine lacks, such as sockets, says nothing about the peer.
async fn is_unreachable(address: SocketAddr) -> bool {
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => false,
        Ok(Err(error)) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::TimedOut
        ),
        Err(_) => true,
    }
}
