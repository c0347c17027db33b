//! Polling of the registry for the holders of a file.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alto_types::swarm::{FileId, Holder as Listing};

use super::{Reporter, spawn};
use crate::download::interval::Interval;
use crate::download::rendezvous::{Rendezvous, RendezvousError};

/// An answer of the registry: the holders of the file.
pub(in crate::download) type HolderReport = Result<Vec<Listing>, RendezvousError>;

/// Polls for up to `limit` holders of the file until the interval is stopped.
pub(in crate::download) fn start(
    rendezvous: Arc<dyn Rendezvous>,
    file: FileId,
    limit: usize,
    interval: Interval,
    reporter: Reporter<HolderReport>,
) -> io::Result<()> {
    let poll = move || {
        loop {
            let asked = Instant::now();
            let holders = rendezvous.holders(file, limit).map(|holders| holders.holders);
            let busy = match &holders {
                Err(RendezvousError::Busy(time)) => *time,
                Ok(_) | Err(_) => Duration::ZERO,
            };
            if !reporter.report(holders) || !interval.wait_since(asked) {
                return;
            }
            // In steps of one interval, so that the thread does not outlive its download for long.
            while asked.elapsed() < busy && interval.wait_since(Instant::now()) {}
        }
    };
    spawn("registry", poll)
}
