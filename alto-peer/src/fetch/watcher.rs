//! Follows which pieces a holder has while it still fetches the file itself.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;
use ureq::Agent;

use super::engine::Message;
use super::pace::Pace;
use super::request::{Outcome, small};
use super::transport::Cancel;
use crate::content::{Bitfield, Have};

/// Longest time the holder may keep a request until something is new.
const WAIT: u64 = 25;
/// For an answer beyond that.
const GRACE: Duration = Duration::from_secs(10);

/// One holder to follow.
pub(super) struct Watcher {
    pub(super) agent: Agent,
    pub(super) file: FileId,
    pub(super) source: SocketAddr,
    /// How many pieces the file has.
    pub(super) pieces: usize,
    pub(super) pace: Pace,
    pub(super) cancel: Cancel,
    pub(super) messages: Sender<Message>,
}

impl Watcher {
    /// Asks, and asks again when something can be new, until the holder has everything or fails.
    pub(super) fn run(self) {
        let mut version = None;
        loop {
            let asked = Instant::now();
            let over = match self.ask(version) {
                Ok((have, seen)) => {
                    version = Some(seen);
                    let complete = have.is_complete();
                    self.messages.send(Message::Have { source: self.source, have }).is_err() || complete
                }
                Err(Outcome::Cancelled) => return,
                Err(outcome) => {
                    let _engine_is_gone = self.messages.send(Message::Unfollowed { source: self.source, outcome });
                    return;
                }
            };
            if over || !self.pace.rest(asked) || self.cancel.is_cancelled() {
                return;
            }
        }
    }

    fn ask(&self, version: Option<u64>) -> Result<(Bitfield, u64), Outcome> {
        let newer = version.map_or_else(String::new, |version| format!("?version={version}&wait={WAIT}"));
        let url = format!("http://{}/files/{}/have{newer}", self.source, self.file);
        // Two digits stand for eight pieces, and the rest is short.
        let limit = self.pieces as u64 / 2 + 1024;
        let text = small(&self.agent, &url, limit, &self.cancel, Duration::from_secs(WAIT) + GRACE)?;
        let wrong = |what: String| Outcome::Lied(format!("its list of pieces makes no sense: {what}"));
        let answer: Have = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if answer.pieces != self.pieces {
            return Err(wrong(format!("it counts {} pieces, and there are {}", answer.pieces, self.pieces)));
        }
        let have = Bitfield::from_hex(self.pieces, &answer.have).map_err(|error| wrong(error.to_string()))?;
        if answer.complete && !have.is_complete() {
            return Err(wrong("it is complete with pieces missing".to_owned()));
        }
        Ok((have, answer.version))
    }
}
