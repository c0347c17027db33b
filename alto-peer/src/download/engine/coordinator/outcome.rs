//! Consequences of how a request or a poll of a neighbour ended.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Coordinator;
use crate::download::FetchError;
use crate::download::engine::holder::Place;
use crate::download::engine::holders::Miss;
use crate::download::engine::reselection::Scope;
use crate::download::outcome::Outcome;
use crate::events::SourceState;

/// Weight of a broken connection when backing off.
const BROKEN: u32 = 1;
/// Weight of a stall, which takes longer to notice, and of pieces that are not there.
const STALLED: u32 = 10;

impl Coordinator {
    /// Takes back what a request did not bring, and draws conclusions about the holder.
    pub(super) fn request_ended(
        &mut self,
        job: u64,
        outcome: Outcome,
        wasted: u64,
        now: Instant,
    ) -> Result<(), FetchError> {
        let Some(ended) = self.jobs.ended(job, now) else { return Ok(()) };
        self.tally.wasted += wasted;
        if matches!(outcome, Outcome::Cancelled) {
            self.jobs.note_overtaken(wasted);
        }
        if let (Outcome::Refused(..), Some(waited)) = (&outcome, ended.waited) {
            self.note_wait(ended.source, waited, now);
        }
        match outcome {
            Outcome::Missing if ended.is_any => {
                if let Some(holder) = self.holders.get_mut(ended.source) {
                    holder.chooses = false;
                }
            }
            Outcome::Missing => self.missed(ended.source, ended.pieces.start, now),
            outcome => self.ended(ended.source, outcome, now)?,
        }
        Ok(())
    }

    /// Draws conclusions about a neighbour that cannot be followed any more.
    pub(super) fn following_ended(
        &mut self,
        source: SocketAddr,
        outcome: Outcome,
        now: Instant,
    ) -> Result<(), FetchError> {
        // A report that comes late may be about an earlier poller, which was stopped.
        let followed = self.holders.get(source).is_some_and(|holder| match &holder.place {
            Place::Neighbour { following: Some(following), .. } => !following.cancel.is_cancelled(),
            Place::Neighbour { .. } | Place::Outside | Place::Parked { .. } => false,
        });
        if !followed {
            return Ok(());
        }
        self.holders.set_following(source, None);
        if matches!(outcome, Outcome::Missing) {
            let reason = "does not share the file any more".to_owned();
            self.failed(source, SourceState::Left, reason, STALLED, now);
            return Ok(());
        }
        self.ended(source, outcome, now)
    }

    fn ended(&mut self, source: SocketAddr, outcome: Outcome, now: Instant) -> Result<(), FetchError> {
        match outcome {
            Outcome::Served | Outcome::Cancelled | Outcome::Missing => {}
            Outcome::Refused(time, reason) => self.refused(source, time, reason, now),
            Outcome::Left(reason) => self.failed(source, SourceState::Left, reason, BROKEN, now),
            Outcome::Stalled(reason) => self.failed(source, SourceState::Stalled, reason, STALLED, now),
            Outcome::Lied(reason) => self.lied(source, reason),
            Outcome::Local(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn refused(&mut self, source: SocketAddr, time: Duration, reason: String, now: Instant) {
        let is_news = self.holders.refused(source, time, now);
        self.holders.make_room(source, now);
        if is_news {
            self.report_problem(source, SourceState::Refused, reason);
        } else {
            self.reselection.need(Scope::FreePlaces);
        }
    }

    fn failed(&mut self, source: SocketAddr, state: SourceState, reason: String, weight: u32, now: Instant) {
        if self.holders.failed(source, weight, now) {
            self.report_problem(source, state, reason);
        }
    }

    fn lied(&mut self, source: SocketAddr, reason: String) {
        if self.holders.ban(source) {
            self.jobs.cancel_at(source);
            self.report_problem(source, SourceState::Lied, reason);
        }
    }

    fn missed(&mut self, source: SocketAddr, piece: usize, now: Instant) {
        match self.holders.missed(source, piece) {
            Miss::Unknown => {}
            // A holder that was believed to be complete has to be followed from now on.
            Miss::Corrected => self.reselection.need(Scope::FreePlaces),
            Miss::TooMany => {
                let reason = "does not have the pieces it announces".to_owned();
                self.failed(source, SourceState::Left, reason, STALLED, now);
            }
        }
    }

    /// Emits a change for the worse. The holder's place may be free, or it has to be followed anew.
    fn report_problem(&mut self, source: SocketAddr, state: SourceState, reason: String) {
        self.last_problem = Some(format!("the last problem was that {source} {reason}"));
        self.tell(source, state, Some(reason));
        self.reselection.need(Scope::FreePlaces);
    }
}
