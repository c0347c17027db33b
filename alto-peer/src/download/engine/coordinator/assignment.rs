//! Requests for whatever can be asked for: of whom, in which order, and how many.

use std::time::{Duration, Instant};

use super::{Coordinator, DRY};
use crate::content::Bitfield;
use crate::download::engine::holder::Holder;
use crate::download::engine::jobs::{Jobs, Offer};
use crate::download::engine::protocol::Action;
use crate::policy::Candidates;

/// Approximate duration of a request for several pieces, so that nobody waits long for a holder's next turn.
const BATCH: Duration = Duration::from_millis(250);
/// Maximum number of bytes per request.
const MAX_BATCH_BYTES: u32 = 4 * 1024 * 1024;
/// Memory that the requests counted by `parallel` may take together; there is
/// always room for one.
const MAX_MEMORY: usize = 24 * 1024 * 1024;
/// Number of running requests for each of those, with the ones that do not count: each takes memory for a piece.
const MOST: usize = 2;
/// Largest number of pieces of a file of which a holder chooses some, so that the request stays short.
const MAX_CHOICE: usize = 16 * 1024;

impl Coordinator {
    /// Makes as many requests as can be made now.
    pub(in crate::download::engine) fn assign(&mut self, now: Instant) {
        let parallel = self.options.parallel.min(MAX_MEMORY / (self.target.piece_size as usize).max(1)).max(1);
        if self.jobs.missing() > 0 {
            self.leave_choice(now);
        }
        let may_ask = |jobs: &Jobs| jobs.chosen(now) < parallel && jobs.running() < MOST * parallel;
        while self.jobs.missing() > 0 && may_ask(&self.jobs) && self.assign_one(now) {}
    }

    /// Has the only holder of the whole file choose one of the pieces that no neighbour has, so that it sends each once
    /// before it sends any twice; or of all, while nothing arrives from others.
    fn leave_choice(&mut self, now: Instant) {
        let Some(holder) = self.source_that_chooses() else { return };
        let (source, is_near) = (holder.source, self.holders.is_near(holder));
        if !holder.is_neighbour() || holder.is_backing_off(now) || self.jobs.running_at(source) > 0 {
            return;
        }
        let dry = now >= self.last_piece + DRY && !self.jobs.is_any_begun();
        let rarity = self.holders.rarity();
        let pieces = self.jobs.not_begun(|piece| dry || rarity.get(piece).is_none_or(|count| *count == 0));
        if pieces.count() > 0 {
            self.actions.push_back(Action::Request(self.jobs.assign_any(source, is_near, pieces, now)));
        }
    }

    /// The only holder of the whole file, if it can choose what it sends.
    fn source_that_chooses(&self) -> Option<&Holder> {
        self.holders.only_source().filter(|holder| holder.chooses && self.target.pieces <= MAX_CHOICE)
    }

    fn assign_one(&mut self, now: Instant) -> bool {
        let spared = self.source_that_chooses().map(|holder| holder.source);
        let can_be_asked = |holder: &&Holder| !holder.is_backing_off(now) && Some(holder.source) != spared;
        let neighbours: Vec<&Holder> = self.holders.neighbours().filter(can_be_asked).collect();
        let candidates = Candidates { own_pid: self.holders.own_pid(), all: &neighbours };
        let piece_size = self.target.piece_size;
        // In order where nobody else is downloading the file, so that the hash of the whole can keep up.
        let in_order = self.holders.are_all_complete();
        let nearby = self.jobs.are_lines_full().then(|| self.nearby(&neighbours));
        // What was asked of others already comes second.
        for again in [false, true] {
            let can_use = |have: &Bitfield| if again { self.jobs.misses(have) } else { self.jobs.wants(have) };
            let useful = |index: &usize| neighbours[*index].have.as_ref().is_some_and(can_use);
            let useful: Vec<usize> = (0..neighbours.len()).filter(useful).collect();
            for index in self.policy.policy().order(candidates, &useful, &mut self.rng) {
                let holder = neighbours[index];
                let Some(have) = &holder.have else { continue };
                let is_near = self.holders.is_near(holder);
                let elsewhere = nearby.as_ref().filter(|_| !is_near && !again).map(|nearby| have.without(nearby));
                let offer = Offer {
                    source: holder.source,
                    is_near,
                    have: elsewhere.as_ref().unwrap_or(have),
                    parallel: self.options.parallel_per_neighbour,
                    batch: holder.pieces_in(BATCH, piece_size, MAX_BATCH_BYTES / piece_size),
                    in_order,
                    is_proven: holder.contribution.pieces > 0,
                };
                let job = if again {
                    self.jobs.assign_again(offer, holder.expected_wait(now), now, &mut self.rng)
                } else {
                    self.jobs.assign(offer, self.holders.rarity(), now, &mut self.rng)
                };
                if let Some(job) = job {
                    self.actions.push_back(Action::Request(job));
                    return true;
                }
            }
        }
        false
    }

    /// The pieces that those of these neighbours have who are in the own PID. Those that have sent none may only claim to have
    /// what they say, which must not keep anybody from asking elsewhere.
    fn nearby(&self, neighbours: &[&Holder]) -> Bitfield {
        let has_sent = |holder: &&&Holder| self.holders.is_near(holder) && holder.contribution.pieces > 0;
        let near = neighbours.iter().filter(has_sent);
        let mut pieces = Bitfield::new(self.target.pieces);
        for piece in near.filter_map(|holder| holder.have.as_ref()).flat_map(Bitfield::iter) {
            pieces.set(piece);
        }
        pieces
    }
}
