//! Events of a peer, written as lines of JSON for programs or as sentences for people.
//!
//! `docs/swarm.md` lists them. Every part of the peer reports through [`Events::emit`]; the sink and the clock are chosen
//! once, when the program starts.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use alto_types::swarm::{FileId, PeerId};
use indicatif::{HumanBytes, HumanDuration};
use serde::{Deserialize, Serialize};

use crate::policy::Metrics;

mod sink;

pub use sink::{Clock, Events, JsonLines, Sentences, Silence, Sink};

/// Event of a peer. A `source` is the address and port of another peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    /// The peer's server accepts connections.
    Listening {
        /// Address of the server.
        address: IpAddr,
        /// Port of the server.
        port: u16,
    },
    /// The registry has registered this peer.
    Registered {
        /// ID of this peer.
        peer: PeerId,
        /// Seconds for which the registration lasts without a heartbeat.
        lease: u64,
    },
    /// The registry could not connect to this peer, so others cannot either.
    Unreachable {
        /// Port on which this peer serves.
        port: u16,
    },
    /// The registration of this peer has ended.
    Unregistered {
        /// ID that this peer had.
        peer: PeerId,
        /// Seconds for which a heartbeat kept the registration.
        lease: u64,
    },
    /// A whole file is shared.
    Shared {
        /// ID of the file.
        file: FileId,
        /// Name of the file.
        name: String,
        /// Size of the file in bytes.
        size: u64,
        /// Number of pieces of the file.
        pieces: usize,
    },
    /// A download begins.
    Joined {
        /// ID of the file.
        file: FileId,
        /// Name of the file.
        name: String,
        /// Size of the file in bytes.
        size: u64,
        /// Number of pieces of the file.
        pieces: usize,
        /// Size of the pieces in bytes.
        piece_size: u32,
        /// Number of pieces from an earlier attempt.
        have: usize,
        /// Policy by which holders are chosen.
        policy: String,
    },
    /// The costs that holders are chosen by, if those are not just `routingcost`; again when they change.
    Metrics {
        /// ID of the file.
        file: FileId,
        /// Metrics asked for.
        wanted: Metrics,
        /// Metrics by which holders are compared.
        used: Metrics,
        /// Reason why other metrics are used than those asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The way in which costs of holders are kept current has changed; at first they are asked for.
    Costs {
        /// ID of the file.
        file: FileId,
        /// Way from now on.
        by: CostSource,
    },
    /// The holders as the policy saw them when it chose.
    Candidates {
        /// ID of the file.
        file: FileId,
        /// Holders that the policy chose among.
        holders: Vec<Candidate>,
    },
    /// A piece has arrived and its hash is right.
    Piece {
        /// ID of the file.
        file: FileId,
        /// Index of the piece.
        piece: usize,
        /// Size of the piece in bytes.
        bytes: u64,
        /// Seconds from the request to the last byte.
        seconds: f64,
        /// Holder that sent the piece, or completed it.
        source: SocketAddr,
        /// Number of its bytes that each other holder sent.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        others: BTreeMap<SocketAddr, u64>,
        /// Number of pieces present now.
        have: usize,
    },
    /// The state of a holder has changed.
    Source {
        /// ID of the file.
        file: FileId,
        /// Address and port of the holder.
        source: SocketAddr,
        /// State of the holder from now on.
        state: SourceState,
        /// Reason for the change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The ALTO server does not answer, so holders are chosen by another policy.
    Fallback {
        /// ID of the file.
        file: FileId,
        /// Policy asked for.
        from: String,
        /// Policy that replaces it.
        to: String,
        /// Failure of the query.
        reason: String,
    },
    /// Progress of a download, at most once a second.
    Progress {
        /// ID of the file.
        file: FileId,
        /// Number of bytes that are there.
        bytes: u64,
        /// Recent rate in bytes per second.
        rate: f64,
        /// Number of holders in use.
        sources: usize,
    },
    /// Nothing can be fetched for the moment; somebody else has to share what is missing.
    Waiting {
        /// ID of the file, if it was found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<FileId>,
        /// Reason why nothing can be fetched.
        reason: String,
        /// Seconds after which the download gives up; absent if it waits until it is cancelled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
    },
    /// The file is complete and its hash is right.
    Done {
        /// ID of the file.
        file: FileId,
        /// Seconds since the download began.
        seconds: f64,
        /// Number of bytes that arrived.
        bytes: u64,
        /// Path of the file.
        path: PathBuf,
        /// Contribution of each holder, by `ADDRESS:PORT`.
        sources: BTreeMap<SocketAddr, Contribution>,
        /// Bytes that were fetched twice or were wrong.
        wasted: u64,
    },
    /// The download has failed.
    Failed {
        /// ID of the file, if it was found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<FileId>,
        /// Reason for the failure.
        reason: String,
    },
}

/// Way in which the costs of holders are kept current.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CostSource {
    /// Requests at an interval.
    #[default]
    Polling,
    /// Update stream (RFC 8895).
    Stream,
    /// TIPS (RFC 9569).
    Tips,
}

/// Holder as a policy sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Address and port of the holder.
    pub source: SocketAddr,
    /// Name of the holder.
    pub name: String,
    /// Cost of the route from the holder to this peer, by the first metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Costs by metric, if there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, f64>,
    /// Rating that several costs are combined into; less is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// PID of the holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
    /// Measured round-trip time in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<f64>,
    /// True if the policy chose it.
    pub chosen: bool,
}

/// State of a holder in a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    /// Answers requests.
    Connected,
    /// Sends nothing, or too little.
    Stalled,
    /// Sent wrong bytes, and is not asked again.
    Lied,
    /// Does not answer any more.
    Left,
    /// Refused a request because it is busy.
    Refused,
}

/// Contribution of one holder to a download.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Bytes of pieces with the right hash.
    pub bytes: u64,
    /// Number of pieces.
    pub pieces: usize,
    /// Name of the holder.
    pub name: String,
    /// Cost of the route from the holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// Event with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Time in seconds since 1970.
    pub time: f64,
    /// Event that happened at this time.
    #[serde(flatten)]
    pub event: Event,
}

impl Event {
    /// ID of the file that the event is about, if any.
    pub fn file(&self) -> Option<FileId> {
        match self {
            Self::Listening { .. } | Self::Registered { .. } | Self::Unreachable { .. } | Self::Unregistered { .. } => {
                None
            }
            Self::Shared { file, .. }
            | Self::Joined { file, .. }
            | Self::Metrics { file, .. }
            | Self::Costs { file, .. }
            | Self::Candidates { file, .. }
            | Self::Piece { file, .. }
            | Self::Source { file, .. }
            | Self::Fallback { file, .. }
            | Self::Progress { file, .. }
            | Self::Done { file, .. } => Some(*file),
            Self::Waiting { file, .. } | Self::Failed { file, .. } => *file,
        }
    }

    /// Sentence for people; `None` for events that are too frequent.
    pub fn sentence(&self) -> Option<String> {
        Some(match self {
            Self::Listening { address, port } => format!("listening on {}", SocketAddr::new(*address, *port)),
            Self::Registered { peer, lease } => format!("registered as {peer}, for {lease} s at a time"),
            Self::Unreachable { port } => format!(
                "nobody can reach this peer: the server could not connect to its port {port}. Let TCP port {port} through the \
                 firewall, or forward it from the router"
            ),
            Self::Unregistered { peer, .. } => format!("unregistered {peer}"),
            Self::Shared { file, name, size, pieces } => {
                format!("sharing {name}: {} in {pieces} pieces, {file}", HumanBytes(*size))
            }
            Self::Joined { name, size, pieces, have, policy, .. } => {
                let earlier = if *have > 0 { format!(", {have} of them from an earlier try") } else { String::new() };
                format!("fetching {name}: {} in {pieces} pieces{earlier}; policy {policy}", HumanBytes(*size))
            }
            Self::Metrics { wanted, used, reason: Some(reason), .. } => {
                format!("costs are {used}, not {wanted}: {reason}")
            }
            Self::Metrics { used, .. } => format!("costs are {used}"),
            Self::Costs { by, .. } => format!("costs are kept current by {}", by.name()),
            Self::Candidates { holders, .. } => {
                let chosen: Vec<String> = holders.iter().filter(|holder| holder.chosen).map(Candidate::brief).collect();
                format!("{} of {} holders chosen: {}", chosen.len(), holders.len(), chosen.join(", "))
            }
            Self::Source { source, state, reason, .. } if *state != SourceState::Connected => {
                let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
                format!("{source} {}{reason}", state.verb())
            }
            Self::Fallback { from, to, reason, .. } => format!("choosing by {to}, not by {from}: {reason}"),
            Self::Done { bytes: 0, path, sources, .. } if sources.is_empty() => {
                format!("{}: already here, verified", path.display())
            }
            Self::Done { seconds, bytes, path, sources, .. } => {
                let rate = human_rate(*bytes, *seconds);
                format!("{}: {} in {seconds:.1} s{rate}, from {}", path.display(), HumanBytes(*bytes), named(sources))
            }
            Self::Waiting { reason, seconds, .. } => {
                let until = seconds.map_or_else(|| "until somebody does, or ^C".to_owned(), human_time);
                format!("waiting {until}: {reason}")
            }
            Self::Failed { reason, .. } => format!("failed: {reason}"),
            Self::Piece { .. } | Self::Source { .. } | Self::Progress { .. } => return None,
        })
    }
}

/// Rate of this many bytes in this many seconds, in brackets; nothing where the time is too short to tell.
fn human_rate(bytes: u64, seconds: f64) -> String {
    if seconds < 0.1 {
        return String::new();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "shown to people"
    )]
    let rate = (bytes as f64 / seconds) as u64;
    format!(" ({}/s)", HumanBytes(rate))
}

/// Time until something ends, in words.
fn human_time(seconds: f64) -> String {
    let time = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    format!("for {}", HumanDuration(time))
}

/// Names of up to three sources, the largest first, or their number.
fn named(sources: &BTreeMap<SocketAddr, Contribution>) -> String {
    let mut largest: Vec<(&SocketAddr, &Contribution)> = sources.iter().collect();
    largest.sort_by_key(|(_, contribution)| Reverse(contribution.bytes));
    let names: Vec<String> = largest
        .iter()
        .take(3)
        .map(|(source, of)| if of.name.is_empty() { source.to_string() } else { of.name.clone() })
        .collect();
    match sources.len().checked_sub(names.len()) {
        Some(more) if more > 0 => format!("{} and {more} more", names.join(", ")),
        _ => names.join(", "),
    }
}

impl CostSource {
    fn name(self) -> &'static str {
        match self {
            Self::Polling => "asking",
            Self::Stream => "the server's update stream",
            Self::Tips => "the server's TIPS",
        }
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
            Self::Lied => "sent wrong data, and is not asked again",
            Self::Left => "left",
            Self::Refused => "is busy",
        }
    }
}
