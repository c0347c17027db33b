//! Which neighbour is asked for which piece now.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::holder::Holder;
use super::{Engine, Running};
use crate::content::Bitfield;
use crate::fetch::FetchError;
use crate::fetch::request::Job;
use crate::fetch::transport::Cancel;
use crate::policy::Candidates;

/// A request for several pieces takes about so long, so that nobody waits long for a holder's next turn.
const BATCH: Duration = Duration::from_millis(250);
/// A request asks for no more than this.
const MOST_BYTES: u32 = 4 * 1024 * 1024;
/// What all requests together may keep in memory; there is always room for one.
const MOST_MEMORY: usize = 24 * 1024 * 1024;
/// At the end another holder is asked for a piece, too, when that takes longer than pieces usually do; within these.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Engine<'_> {
    /// Makes as many requests as can be made now.
    pub(super) fn assign(&mut self, now: Instant) -> Result<(), FetchError> {
        let piece_size = self.task.partial.manifest().piece_size as usize;
        let parallel = self.task.options.parallel.min(MOST_MEMORY / piece_size.max(1)).max(1);
        while self.jobs.len() < parallel && self.assign_one(now)? {}
        Ok(())
    }

    fn assign_one(&mut self, now: Instant) -> Result<bool, FetchError> {
        if self.picker.missing() == 0 {
            return Ok(false);
        }
        let again = self.picker.is_endgame();
        let neighbours: Vec<SocketAddr> =
            self.holders.values().filter(|holder| holder.neighbour && !holder.rests(now)).map(|h| h.source).collect();
        let candidates: Vec<&Holder> = neighbours.iter().filter_map(|source| self.holders.get(source)).collect();
        let useful: Vec<usize> = (0..neighbours.len()).filter(|i| self.is_useful(neighbours[*i], again)).collect();
        let view = Candidates { own_pid: self.own_pid.as_ref(), all: &candidates };
        let order = self.chooser.policy().order(view, &useful, &mut self.rng);
        for i in order {
            if self.ask(neighbours[i], again, now)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the neighbour has anything to ask it for, busy or not.
    fn is_useful(&self, source: SocketAddr, again: bool) -> bool {
        let Some(have) = self.holders.get(&source).and_then(|holder| holder.have.as_ref()) else { return false };
        if again { self.picker.misses_from(have) } else { self.picker.wants_from(have) }
    }

    /// Asks the neighbour for something, unless it is busy with us or there is nothing left.
    fn ask(&mut self, source: SocketAddr, again: bool, now: Instant) -> Result<bool, FetchError> {
        let piece_size = self.task.partial.manifest().piece_size;
        let in_order = self.holders.values().filter(|holder| holder.listed && !holder.banned).all(Holder::is_complete);
        let Some(holder) = self.holders.get_mut(&source) else { return Ok(false) };
        if holder.jobs >= self.task.options.parallel_per_neighbour {
            return Ok(false);
        }
        let Some(have) = holder.have.as_ref() else { return Ok(false) };
        let complete = have.is_complete();
        let pieces = if again {
            // Asking two for what one will send in a moment helps nobody.
            let usual = Duration::from_secs_f64(self.usual).clamp(SHORTEST_WAIT, LONGEST_WAIT);
            let in_good_hands = |job: &Running| job.source == source || now < job.since + usual;
            let not = |piece| self.jobs.values().any(|job| job.pieces.contains(&piece) && in_good_hands(job));
            self.picker.pick_again(have, not, &mut self.rng).map(|piece| piece..piece + 1)
        } else {
            let most = if complete { holder.pieces_in(BATCH, piece_size, MOST_BYTES / piece_size) } else { 1 };
            // Towards the end less, so that all requests end at about the same time.
            let most = most.min(self.picker.wanted() / (2 * self.task.options.parallel_per_neighbour) + 1);
            // In order where nobody else fetches the file, so that the hash of the whole keeps up; only on fast lines,
            // where others that come later have lost nothing by it.
            self.picker.pick(have, most, in_order && most > 1, &mut self.rng)
        };
        let Some(pieces) = pieces else { return Ok(false) };
        holder.jobs += 1;
        self.next_job += 1;
        let cancel = Cancel::default();
        let job = Job {
            id: self.next_job,
            source,
            of_whole: pieces.len() > 1,
            pieces: pieces.clone(),
            cancel: cancel.clone(),
        };
        let running = self.jobs.len();
        self.jobs.insert(job.id, Running { source, pieces, cancel, since: now });
        self.workers.start(job, running).map_err(FetchError::System)?;
        Ok(true)
    }

    /// Whether a neighbour has something that nobody was asked for yet.
    pub(super) fn has_something(&self, have: Option<&Bitfield>) -> bool {
        have.is_some_and(|have| {
            self.picker.wants_from(have) || (self.picker.is_endgame() && self.picker.misses_from(have))
        })
    }
}
