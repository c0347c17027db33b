//! Polling of a neighbour for the pieces it has, while it is still downloading the file itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;
use ureq::Agent;

use super::Reporter;
use crate::content::{Bitfield, Have, HaveMore};
use crate::download::cancel::Cancel;
use crate::download::documents::fetch_lines;
use crate::download::interval::Interval;
use crate::download::outcome::Outcome;

/// Seconds for which the neighbour tells of new pieces in one answer.
const FOLLOW: u64 = 300;
/// Seconds for which a neighbour that cannot do so may hold back its answer until it has a new piece.
const WAIT: u64 = 25;
/// Additional time for the answer to arrive.
const GRACE: Duration = Duration::from_secs(10);
/// Bytes of a line about one new piece.
const LINE: u64 = 64;

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
                Ok(Told { complete, single, wanted }) => {
                    version = single;
                    complete || !wanted
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

    /// Reports the pieces that the neighbour tells of in one answer. `version` is that of the last, if it was not told more
    /// there.
    fn poll(&self, version: Option<u64>) -> Result<Told, Outcome> {
        let newer = version.map_or_else(String::new, |version| format!("version={version}&wait={WAIT}&"));
        let url = format!("http://{}/files/{}/have?{newer}follow={FOLLOW}", self.source, self.file);
        // Two hexadecimal digits for eight pieces, lines for new ones, and some room for the rest.
        let limit = self.pieces as u64 * (LINE + 1) + 1024;
        let mut have: Option<(Bitfield, u64)> = None;
        let mut told = Told { complete: false, single: None, wanted: true };
        let patience = Duration::from_secs(FOLLOW) + GRACE;
        fetch_lines(&self.agent, &url, limit, &self.cancel, patience, |line| {
            let (pieces, version) = match have.take() {
                None => self.first(line)?,
                Some((pieces, _)) => more(pieces, line)?,
            };
            // A neighbour of an earlier version answers with this only.
            told.single = (!line.ends_with(b"\n")).then_some(version);
            told.complete = pieces.is_complete();
            told.wanted = self.report(News::Has(pieces.clone()));
            have = Some((pieces, version));
            Ok(told.wanted && !told.complete)
        })?;
        if have.is_none() {
            return Err(invalid("there is none"));
        }
        Ok(told)
    }

    /// The pieces and their version, by the first line of an answer.
    fn first(&self, line: &[u8]) -> Result<(Bitfield, u64), Outcome> {
        let answer: Have = plain_words::parse(line, "{}").map_err(|faults| invalid(&faults.to_string()))?;
        if answer.pieces != self.pieces {
            return Err(invalid(&format!("it counts {} pieces, and the file has {}", answer.pieces, self.pieces)));
        }
        let have = Bitfield::from_hex(self.pieces, &answer.have).map_err(|error| invalid(&error.to_string()))?;
        if answer.complete && !have.is_complete() {
            return Err(invalid("it claims to be complete, and pieces are missing"));
        }
        Ok((have, answer.version))
    }
}

/// Pieces of a neighbour as one answer to `have` told them.
struct Told {
    complete: bool,
    /// Version of the pieces, if the answer was a single list, as of a neighbour that does not tell of new pieces in it.
    single: Option<u64>,
    /// False once nobody receives reports any more.
    wanted: bool,
}

/// The pieces with those of a further line.
fn more(mut have: Bitfield, line: &[u8]) -> Result<(Bitfield, u64), Outcome> {
    let answer: HaveMore = plain_words::parse(line, "{}").map_err(|faults| invalid(&faults.to_string()))?;
    for piece in answer.new {
        if piece >= have.len() {
            return Err(invalid(&format!("the file has no piece {piece}")));
        }
        have.set(piece);
    }
    Ok((have, answer.version))
}

fn invalid(what: &str) -> Outcome {
    Outcome::Lied(format!("sent an invalid list of its pieces: {what}"))
}
