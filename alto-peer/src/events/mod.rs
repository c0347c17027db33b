//! What a peer tells about its doings: one event after the other, as lines of JSON for programs or text for people.
//!
//! `docs/swarm.md` lists them. Whoever has something to tell calls [`Events::emit`]; where it goes and what time it is
//! is decided once, when the program starts.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use alto_types::swarm::{FileId, PeerId};
use serde::{Deserialize, Serialize};

use crate::policy::Metrics;

mod sink;

pub use sink::{Clock, Events, JsonLines, Sentences, Silence, Sink};

/// Something that happened. `source` is always the address and port of another peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    /// Other peers can connect.
    Listening {
        /// Where.
        address: IpAddr,
        /// Where.
        port: u16,
    },
    /// The registry knows this peer.
    Registered {
        /// As this one.
        peer: PeerId,
        /// For so many seconds.
        lease: u64,
    },
    /// The registry has forgotten this peer.
    Unregistered {
        /// As which it was known.
        peer: PeerId,
        /// The lease it had.
        lease: u64,
    },
    /// A whole file is shared.
    Shared {
        /// Its ID.
        file: FileId,
        /// Its name.
        name: String,
        /// Its length.
        size: u64,
        /// How many pieces it has.
        pieces: usize,
    },
    /// A download begins.
    Joined {
        /// Of this file.
        file: FileId,
        /// Its name.
        name: String,
        /// Its length.
        size: u64,
        /// How many pieces it has.
        pieces: usize,
        /// Their length.
        piece_size: u32,
        /// Pieces from an earlier try.
        have: usize,
        /// How holders are chosen.
        policy: String,
    },
    /// Which costs holders are chosen by, where that is not just `routingcost`; again when that changes.
    Metrics {
        /// For this file.
        file: FileId,
        /// As asked for.
        wanted: Metrics,
        /// Those that are used.
        used: Metrics,
        /// Why these are others, if they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// How the policy saw the holders when it chose.
    Candidates {
        /// Of this file.
        file: FileId,
        /// All that were considered.
        holders: Vec<Candidate>,
    },
    /// A piece arrived and is right.
    Piece {
        /// Of this file.
        file: FileId,
        /// Its number.
        piece: usize,
        /// Its length.
        bytes: u64,
        /// Time from request to end.
        seconds: f64,
        /// Whom it came from.
        source: SocketAddr,
        /// Pieces there are now.
        have: usize,
    },
    /// Something changed with a holder.
    Source {
        /// Of this file.
        file: FileId,
        /// Who.
        source: SocketAddr,
        /// To what.
        state: SourceState,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// No answer from the ALTO server: holders are chosen another way.
    Fallback {
        /// For this file.
        file: FileId,
        /// The policy that was asked for.
        from: String,
        /// The policy that is used.
        to: String,
        /// What was wrong.
        reason: String,
    },
    /// How far a download is; once a second at most.
    Progress {
        /// Of this file.
        file: FileId,
        /// Bytes that are there.
        bytes: u64,
        /// Bytes per second of late.
        rate: f64,
        /// Holders in use.
        sources: usize,
    },
    /// The file is there, and right.
    Done {
        /// Its ID.
        file: FileId,
        /// Since it joined.
        seconds: f64,
        /// Bytes that were fetched.
        bytes: u64,
        /// Where it is.
        path: PathBuf,
        /// What came from whom, by `ADDRESS:PORT`.
        sources: BTreeMap<SocketAddr, Contribution>,
        /// Bytes that were fetched twice, or were wrong.
        wasted: u64,
    },
    /// It will not be there.
    Failed {
        /// The file, if it was found out which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<FileId>,
        /// Why.
        reason: String,
    },
}

/// A holder as a policy sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Where.
    pub source: SocketAddr,
    /// Who.
    pub name: String,
    /// Cost of the way from there to here, as the ALTO server says; by the first of several metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// By each of several metrics.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, f64>,
    /// What the policy made of its costs, where that is not the cost itself: less is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// Its PID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
    /// Measured time of a round trip in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<f64>,
    /// Whether it is fetched from.
    pub chosen: bool,
}

/// What a holder is to a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    /// Answers.
    Connected,
    /// Sends nothing, or too little.
    Stalled,
    /// Sent bytes that are wrong; dropped for good.
    Lied,
    /// Does not answer any more.
    Left,
    /// Has no time.
    Refused,
}

/// What came from one holder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Bytes of right pieces.
    pub bytes: u64,
    /// How many pieces.
    pub pieces: usize,
    /// Who it was.
    pub name: String,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// An event and when it happened, in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub time: f64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

impl Event {
    /// The file it is about.
    pub fn file(&self) -> Option<FileId> {
        match self {
            Self::Listening { .. } | Self::Registered { .. } | Self::Unregistered { .. } => None,
            Self::Shared { file, .. }
            | Self::Joined { file, .. }
            | Self::Metrics { file, .. }
            | Self::Candidates { file, .. }
            | Self::Piece { file, .. }
            | Self::Source { file, .. }
            | Self::Fallback { file, .. }
            | Self::Progress { file, .. }
            | Self::Done { file, .. } => Some(*file),
            Self::Failed { file, .. } => *file,
        }
    }

    /// A sentence for people; nothing where they would be told too often.
    pub fn sentence(&self) -> Option<String> {
        Some(match self {
            Self::Listening { address, port } => format!("listening on {}", SocketAddr::new(*address, *port)),
            Self::Registered { peer, lease } => format!("registered as {peer}, for {lease} s at a time"),
            Self::Unregistered { peer, .. } => format!("unregistered {peer}"),
            Self::Shared { file, name, size, pieces } => {
                format!("sharing {name}: {size} bytes in {pieces} pieces, {file}")
            }
            Self::Joined { name, size, pieces, have, policy, .. } => {
                let earlier = if *have > 0 { format!(", {have} of them from an earlier try") } else { String::new() };
                format!("fetching {name}: {size} bytes in {pieces} pieces{earlier}; policy {policy}")
            }
            Self::Metrics { wanted, used, reason: Some(reason), .. } => {
                format!("costs are {used}, not {wanted}: {reason}")
            }
            Self::Metrics { used, .. } => format!("costs are {used}"),
            Self::Candidates { holders, .. } => {
                let chosen: Vec<String> = holders.iter().filter(|holder| holder.chosen).map(Candidate::brief).collect();
                format!("{} of {} holders chosen: {}", chosen.len(), holders.len(), chosen.join(", "))
            }
            Self::Source { source, state, reason, .. } if *state != SourceState::Connected => {
                let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
                format!("{source} {}{reason}", state.verb())
            }
            Self::Fallback { from, to, reason, .. } => format!("choosing by {to}, not by {from}: {reason}"),
            Self::Done { seconds, bytes, path, sources, .. } => {
                format!("{}: {bytes} bytes in {seconds:.1} s from {} peers", path.display(), sources.len())
            }
            Self::Failed { reason, .. } => format!("failed: {reason}"),
            Self::Piece { .. } | Self::Source { .. } | Self::Progress { .. } => return None,
        })
    }
}

impl Candidate {
    fn brief(&self) -> String {
        let costs: Vec<String> = self.costs.iter().map(|(metric, cost)| format!("{metric} {cost}")).collect();
        match (self.cost, self.rating, self.rtt) {
            (_, Some(rating), _) if !costs.is_empty() => {
                format!("{} (rated {rating:.3}: {})", self.name, costs.join(", "))
            }
            (Some(cost), ..) => format!("{} (cost {cost})", self.name),
            (None, _, Some(rtt)) => format!("{} ({:.1} ms)", self.name, rtt * 1000.0),
            (None, _, None) => self.name.clone(),
        }
    }
}

impl SourceState {
    fn verb(self) -> &'static str {
        match self {
            Self::Connected => "answers",
            Self::Stalled => "stalled",
            Self::Lied => "lied, and is not asked again",
            Self::Left => "left",
            Self::Refused => "has no time",
        }
    }
}
