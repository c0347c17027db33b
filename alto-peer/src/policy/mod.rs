//! Whom to fetch from: one small type for each policy, behind one trait.
//!
//! A policy is asked two things. [`Policy::choose`]: which of all known holders become neighbours, whose pieces we
//! follow. [`Policy::order`]: which of the neighbours that have a piece we want is asked first. It sees what is known
//! about each holder ([`Candidate`]), and takes its chances from a generator it is given, so that a run can be repeated.
//!
//! Policies go by one number of cost. Where [`Metrics`] names several costs, [`ratings`] makes one number of them.

mod alto;
mod best;
mod compromise;
mod draw;
mod metrics;
mod nearest;
mod random;

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use alto_types::PidName;
use rand::Rng;
use serde::{Deserialize, Serialize};

pub use alto::{Alto, Shares};
pub use best::Best;
pub use compromise::{is_compromise, ratings};
pub use metrics::{Metrics, MetricsError, Weighted};
pub use nearest::Nearest;
pub use random::Random;

/// What is known about a holder.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Where it serves.
    pub source: SocketAddr,
    /// The cost from it to us, the way the content goes, or what several of them come to ([`ratings`]); absent where it
    /// is undefined or not known.
    pub cost: Option<f64>,
    /// Its PID.
    pub pid: Option<PidName>,
    /// The shortest round trip measured.
    pub round_trip: Option<Duration>,
}

/// All a policy sees.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// Our own PID.
    pub own_pid: Option<&'a PidName>,
    /// The holders that can be asked.
    pub all: &'a [Candidate],
}

/// How to choose among holders. Indices are those of [`Candidates::all`].
pub trait Policy: fmt::Debug + Send {
    /// Which one it is.
    fn name(&self) -> PolicyName;

    /// Chooses up to `limit` neighbours, without repetition. Those in `keep` are neighbours now: they stay unless the
    /// policy has a better use for their place.
    fn choose(&self, candidates: Candidates<'_>, keep: &[usize], limit: usize, rng: &mut dyn Rng) -> Vec<usize>;

    /// The neighbours among `holders`, all of which have a piece that is wanted, in the order in which they are asked:
    /// the first that is not busy gets the request. Who is left out waits for the others, even where all are busy.
    fn order(&self, candidates: Candidates<'_>, holders: &[usize], rng: &mut dyn Rng) -> Vec<usize>;
}

/// The name of a policy, as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// [`Alto`]
    Alto,
    /// [`Best`]
    Best,
    /// [`Random`]
    Random,
    /// [`Nearest`]
    Nearest,
}

/// A string that names no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a policy: alto, best, random or nearest")]
pub struct UnknownPolicy(String);

impl PolicyName {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Alto, Self::Best, Self::Random, Self::Nearest];

    /// As people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alto => "alto",
            Self::Best => "best",
            Self::Random => "random",
            Self::Nearest => "nearest",
        }
    }

    /// Whether it means something only with costs from an ALTO server.
    pub const fn needs_costs(self) -> bool {
        matches!(self, Self::Alto | Self::Best)
    }

    /// Whether it means something only with measured round trips.
    pub const fn needs_round_trips(self) -> bool {
        matches!(self, Self::Nearest)
    }

    /// The policy of this name; the shares are those of [`Alto`].
    pub fn build(self, shares: Shares) -> Box<dyn Policy> {
        match self {
            Self::Alto => Box::new(Alto::new(shares)),
            Self::Best => Box::new(Best),
            Self::Random => Box::new(Random),
            Self::Nearest => Box::new(Nearest),
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PolicyName {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let named = Self::ALL.into_iter().find(|name| name.as_str() == text);
        named.ok_or_else(|| UnknownPolicy(text.chars().take(100).collect()))
    }
}

/// The indices in `keep` that exist, once each.
fn kept(keep: &[usize], len: usize, limit: usize) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(limit.min(len));
    for &index in keep {
        if index < len && chosen.len() < limit && !chosen.contains(&index) {
            chosen.push(index);
        }
    }
    chosen
}

#[cfg(test)]
mod tests;
