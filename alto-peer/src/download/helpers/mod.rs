//! Threads that wait on behalf of a download, and how they report.
//!
//! Each helper has a report type of its own and knows nothing of who receives it:
//!
//! * [`workers`] request pieces, check and write them;
//! * [`availability_poller`] follows which pieces a neighbour has that is itself still downloading;
//! * [`holder_poller`] asks the registry for holders, [`cost_poller`] the ALTO server for their costs, which a
//!   [`cost_follower`] keeps current where the server tells of changes;
//! * [`round_trip_prober`] measures round-trip times;
//! * [`flusher`] writes cached data to the disk.

pub(super) mod availability_poller;
mod cost_follower;
pub(super) mod cost_poller;
pub(super) mod cost_view;
pub(super) mod flusher;
pub(super) mod holder_poller;
pub(super) mod round_trip_prober;
pub(super) mod workers;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::Builder;

/// Delivers the reports of a helper thread.
pub(super) struct Reporter<T>(Arc<dyn Fn(T) -> bool + Send + Sync>);

impl<T> Reporter<T> {
    /// A reporter that wraps each report and sends it over a channel.
    pub(super) fn new<M: Send + 'static>(sender: &Sender<M>, wrap: impl Fn(T) -> M + Send + Sync + 'static) -> Self {
        let sender = sender.clone();
        Self(Arc::new(move |report| sender.send(wrap(report)).is_ok()))
    }

    /// Delivers a report; false once nobody receives reports any more.
    pub(super) fn report(&self, report: T) -> bool {
        (self.0)(report)
    }
}

impl<T> Clone for Reporter<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Starts a detached thread, which ends by itself. Fails if the system has no more threads.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    Builder::new().name(name.to_owned()).spawn(work).map(drop)
}
