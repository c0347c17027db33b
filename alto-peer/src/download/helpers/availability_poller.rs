//! Polling of a neighbour for the pieces it has, while it is still downloading the file itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;
use ureq::Agent;

use super::Reporter;
use crate::content::{Bitfield, Have};
use crate::download::cancel::Cancel;
use crate::download::interval::Interval;
use crate::download::request::{Outcome, fetch_small};

/// Seconds for which the neighbour may hold back its answer until it has a new piece.
const WAIT: u64 = 25;
/// Additional time for the answer to arrive.
const GRACE: Duration = Duration::from_secs(10);

/// A report on the neighbour at this address.
#[derive(Debug)]
pub(in crate::download) struct AvailabilityReport {
    pub(in crate::download) source: SocketAddr,
    pub(in crate::download) news: News,
}

/// News of a neighbour's pieces.
#[derive(Debug)]
pub(in crate::download) enum News {
    /// The neighbour has these pieces.
    Has(Bitfield),
    /// Polling has failed and ended.
    Failed(Outcome),
}

/// Polls one neighbour.
pub(in crate::download) struct AvailabilityPoller {
    pub(in crate::download) agent: Agent,
    pub(in crate::download) file: FileId,
    pub(in crate::download) source: SocketAddr,
    /// Number of pieces of the file.
    pub(in crate::download) pieces: usize,
    pub(in crate::download) interval: Interval,
    pub(in crate::download) cancel: Cancel,
    pub(in crate::download) reporter: Reporter<AvailabilityReport>,
}

impl AvailabilityPoller {
    /// Polls until the neighbour is complete, fails, or polling is cancelled.
    pub(in crate::download) fn run(self) {
        let mut version = None;
        loop {
            let asked = Instant::now();
            let over = match self.poll(version) {
                Ok((have, seen)) => {
                    version = Some(seen);
                    let complete = have.is_complete();
                    !self.report(News::Has(have)) || complete
                }
                Err(Outcome::Cancelled) => return,
                Err(outcome) => {
                    self.report(News::Failed(outcome));
                    return;
                }
            };
            if over || !self.interval.wait_since(asked) || self.cancel.is_cancelled() {
                return;
            }
        }
    }

    fn report(&self, news: News) -> bool {
        self.reporter.report(AvailabilityReport { source: self.source, news })
    }

    fn poll(&self, version: Option<u64>) -> Result<(Bitfield, u64), Outcome> {
        let newer = version.map_or_else(String::new, |version| format!("?version={version}&wait={WAIT}"));
        let url = format!("http://{}/files/{}/have{newer}", self.source, self.file);
        // Two hexadecimal digits for eight pieces, and some room for the rest.
        let limit = self.pieces as u64 / 2 + 1024;
        let text = fetch_small(&self.agent, &url, limit, &self.cancel, Duration::from_secs(WAIT) + GRACE)?;
        let invalid = |what: String| Outcome::Lied(format!("sent an invalid list of its pieces: {what}"));
        let answer: Have = plain_words::parse(&text, "{}").map_err(|faults| invalid(faults.to_string()))?;
        if answer.pieces != self.pieces {
            return Err(invalid(format!("it counts {} pieces, and the file has {}", answer.pieces, self.pieces)));
        }
        let have = Bitfield::from_hex(self.pieces, &answer.have).map_err(|error| invalid(error.to_string()))?;
        if answer.complete && !have.is_complete() {
            return Err(invalid("it claims to be complete, and pieces are missing".to_owned()));
        }
        Ok((have, answer.version))
    }
}
