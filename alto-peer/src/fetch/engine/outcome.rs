//! What follows from how a request ended.

use std::net::SocketAddr;
use std::time::Instant;

use super::Engine;
use crate::content::Bitfield;
use crate::events::SourceState;
use crate::fetch::FetchError;
use crate::fetch::request::Outcome;

/// A holder that does not have what it said, so often, is treated as one that left.
const MOST_MISSES: u32 = 3;
/// How much worse a stall is than a broken connection: it takes longer to notice.
const STALL_WEIGHT: u32 = 10;

impl Engine<'_> {
    /// A request for pieces is over.
    pub(super) fn over(&mut self, job: u64, outcome: Outcome, wasted: u64, now: Instant) -> Result<(), FetchError> {
        let Some(running) = self.jobs.remove(&job) else { return Ok(()) };
        self.tally.wasted += wasted;
        running.pieces.clone().for_each(|piece| self.picker.give_back(piece));
        if let Some(holder) = self.holders.get_mut(&running.source) {
            holder.jobs = holder.jobs.saturating_sub(1);
        }
        match outcome {
            Outcome::Missing => self.missing(running.source, running.pieces.start, now),
            outcome => self.ended(running.source, outcome, now)?,
        }
        Ok(())
    }

    /// A neighbour cannot be followed any more.
    pub(super) fn unfollowed(&mut self, source: SocketAddr, outcome: Outcome, now: Instant) -> Result<(), FetchError> {
        let Some(holder) = self.holders.get_mut(&source) else { return Ok(()) };
        // The thread has ended by itself; a later one may be meant by now.
        if holder.following.as_ref().is_none_or(|(cancel, _)| cancel.is_cancelled()) {
            return Ok(());
        }
        holder.unfollow();
        match outcome {
            Outcome::Missing => {
                self.failed(
                    source,
                    SourceState::Left,
                    "does not share the file any more".to_owned(),
                    now,
                    STALL_WEIGHT,
                );
                Ok(())
            }
            outcome => self.ended(source, outcome, now),
        }
    }

    fn ended(&mut self, source: SocketAddr, outcome: Outcome, now: Instant) -> Result<(), FetchError> {
        match outcome {
            Outcome::Served | Outcome::Cancelled | Outcome::Missing => {}
            Outcome::Refused(time, reason) => self.refused(source, now + time, reason, now),
            Outcome::Left(reason) => self.failed(source, SourceState::Left, reason, now, 1),
            Outcome::Stalled(reason) => self.failed(source, SourceState::Stalled, reason, now, STALL_WEIGHT),
            Outcome::Lied(reason) => self.banned(source, reason),
            Outcome::Local(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// It has no time for us; it stays a neighbour.
    fn refused(&mut self, source: SocketAddr, until: Instant, reason: String, now: Instant) {
        let Some(holder) = self.holders.get_mut(&source).filter(|holder| !holder.rests(now)) else { return };
        holder.rests_until = Some(until);
        self.complain(source, &reason);
        self.tell(source, SourceState::Refused, Some(reason));
        // Following it, if that is what was refused, starts again with the neighbours.
        self.choose_again.get_or_insert(false);
    }

    /// It is left alone for a while, and others get its place.
    fn failed(&mut self, source: SocketAddr, state: SourceState, reason: String, now: Instant, weight: u32) {
        let Some(holder) = self.holders.get_mut(&source) else { return };
        // Two requests that end with one connection are one failure.
        if holder.rests(now) || holder.banned {
            return;
        }
        holder.failed(now, weight);
        holder.connected = false;
        self.complain(source, &reason);
        self.tell(source, state, Some(reason));
        self.no_neighbour(source);
        self.choose_again.get_or_insert(false);
    }

    /// It is not asked again in this download.
    fn banned(&mut self, source: SocketAddr, reason: String) {
        let Some(holder) = self.holders.get_mut(&source).filter(|holder| !holder.banned) else { return };
        holder.banned = true;
        for job in self.jobs.values().filter(|job| job.source == source) {
            job.cancel.cancel();
        }
        self.complain(source, &reason);
        self.tell(source, SourceState::Lied, Some(reason));
        self.no_neighbour(source);
        self.choose_again.get_or_insert(false);
    }

    /// It does not have a piece that it was believed to have.
    fn missing(&mut self, source: SocketAddr, piece: usize, now: Instant) {
        let Some(holder) = self.holders.get_mut(&source) else { return };
        holder.misses += 1;
        if holder.misses >= MOST_MISSES {
            let reason = "does not have what it said it had".to_owned();
            return self.failed(source, SourceState::Left, reason, now, STALL_WEIGHT);
        }
        let Some(have) = holder.have.clone() else { return };
        let mut less = Bitfield::new(have.len());
        if !have.is_complete() {
            for n in have.iter().filter(|n| *n != piece) {
                less.set(n);
            }
        }
        self.learned(source, less);
        // One that was believed to be complete has to be followed from now on.
        self.choose_again.get_or_insert(false);
    }

    fn complain(&mut self, source: SocketAddr, reason: &str) {
        self.complaint = Some(format!("last of all {source} {reason}"));
    }
}
