//! The trait that front ends call and backends implement.

use std::time::Duration;

use rand::Rng;

use crate::credentials::Credentials;
use crate::holding::Holding;
use crate::id::ContentId;
use crate::limits::Limits;
use crate::observer::Stats;
use crate::peer::{Announcer, Peer, Registration};
use crate::pending::Pending;
use crate::query::{FileList, FileQuery, FileSummary, Holder, HolderQuery, Holders};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A registry of peers and of the files they hold.
///
/// `now` is the caller's time. A lease that ends at `now` has ended, and no call sees what it covered. A `now` earlier
/// than one of a previous call counts as that one. `rng` chooses IDs, secrets and samples; it must be
/// cryptographically secure outside tests.
///
/// A change is in force when its method returns; [`Pending`] tells when it is also as durable as the backend makes it.
/// [`Pending::wait`] blocks until then; [`Pending::saved`] waits without a thread. The methods that change
/// something block where [`Registry::may_block`] is true, for a round trip to a database; a caller on an event loop then
/// moves them to another thread. Questions are answered from memory and never block.
///
/// A refused call changes nothing. Every method may answer [`Refusal::Unavailable`] where the backend is remote.
pub trait Registry: Send + Sync {
    /// Bounds that are in force.
    fn limits(&self) -> &Limits;

    /// Whether changes wait for a disk or a network, rather than take microseconds under a lock.
    fn may_block(&self) -> bool {
        false
    }

    /// Makes a registration, with a new ID and secret.
    ///
    /// Refused while the address has a registration, which only its owner can replace, by [`Registry::renew`]. A
    /// registration that cannot be saved is taken back.
    fn register(&self, peer: &Peer, now: Timestamp, rng: &mut dyn Rng) -> Result<Pending<Registration>, Refusal>;

    /// Replaces what a registration says by what is given here, and renews its lease. The address may be another one.
    ///
    /// ID and secret stay, so that a peer that missed the answer can repeat the call.
    fn renew(&self, caller: &Credentials, peer: &Peer, now: Timestamp) -> Result<Pending<Registration>, Refusal>;

    /// Adds and removes files of a peer, all or none, and renews its lease.
    ///
    /// What is already held is replaced. A file in both lists is added; the removal of a file that is not held is
    /// ignored. What is removed makes room for what is added. Returns the time within which to announce again.
    fn announce(
        &self,
        announcer: &Announcer,
        add: &[Holding],
        remove: &[ContentId],
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Pending<Duration>, Refusal>;

    /// Renews the lease of a registration, but not those of single holdings. Returns its length.
    ///
    /// A heartbeat is not saved: after a restart every lease begins anew.
    fn heartbeat(&self, caller: &Credentials, now: Timestamp) -> Result<Duration, Refusal>;

    /// Decides about a heartbeat where what is in memory is enough for it, without blocking. Otherwise nothing is decided,
    /// and [`Registry::heartbeat`] is to be called.
    fn heartbeat_at_once(&self, caller: &Credentials, now: Timestamp) -> Option<Result<Duration, Refusal>> {
        (!self.may_block()).then(|| self.heartbeat(caller, now))
    }

    /// Ends a registration and all its holdings.
    fn leave(&self, caller: &Credentials, now: Timestamp) -> Result<Pending<()>, Refusal>;

    /// Lists files page by page.
    fn files(&self, query: &FileQuery<'_>, now: Timestamp) -> Result<FileList, Refusal>;

    /// Looks one file up.
    fn file(&self, file: ContentId, now: Timestamp) -> Result<FileSummary, Refusal>;

    /// Looks one file up, with holders for a peer to choose from.
    fn holders(&self, query: &HolderQuery, now: Timestamp, rng: &mut dyn Rng) -> Result<Holders, Refusal>;

    /// Draws holders of a file for the caller to rank. The cost depends on [`HolderQuery::limit`], not on the number of
    /// holders, where the backend can do so.
    fn candidates(&self, query: &HolderQuery, now: Timestamp, rng: &mut dyn Rng) -> Result<Vec<Holder>, Refusal>;

    /// Ends what has expired by now. Every other method does so first; this is for times without calls.
    fn sweep(&self, now: Timestamp);

    /// Counts registrations, files and holdings.
    fn stats(&self, now: Timestamp) -> Result<Stats, Refusal>;
}
