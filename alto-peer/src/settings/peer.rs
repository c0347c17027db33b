//! One peer of `peers.json`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{Rate, Size};
use crate::content::manifest::{self, DEFAULT_PIECE_SIZE};
use crate::download::Options;
use crate::policy::{Metrics, PolicyName};
use crate::serving::DEFAULT_UPLOADS;

/// Where peers listen unless told otherwise.
pub const DEFAULT_PORT: u16 = 6881;
/// Longest name of a peer, which is the registry's limit.
const MAX_NAME_BYTES: usize = 64;
/// Most uploads, requests or neighbours at a time that anybody may ask for.
const MOST_AT_A_TIME: usize = 200;
/// Less at a time would be all calls and no bytes.
const MIN_BLOCK_SIZE: u64 = 512;
/// No scenario is longer than a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Everything that can be said of a peer. Whatever is absent has a default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PeerSettings {
    /// What it is called; unique. Not among the defaults
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,

    /// The host of the topology it runs on; used by emulations
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,

    /// Where it listens, and where its own requests come from [default: 0.0.0.0, any]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,

    /// Port it listens on; 0 picks a free one [default: 6881]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,

    /// Files or folders it shares at the start; relative to the file
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Vec<PathBuf>>,

    /// IDs or names it fetches when it joins, one after the other, waiting for them to appear
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<Vec<String>>,

    /// Where it keeps what it fetches; relative to the file [default: .]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,

    /// Seconds after the start of the scenario when it joins; used by whoever starts the peers [default: 0]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<f64>,

    /// Seconds after the start of the scenario when it leaves; null, it stays
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave: Option<f64>,

    /// How it chooses whom to fetch from [default: alto]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,

    /// The cost it goes by, or several with weights (policies alto and best) [default: routingcost]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metrics>,

    /// Most of its neighbours, from 0 to 1, that are of its own PID (policy alto) [default: 0.7]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_pid_share: Option<f64>,

    /// Most of its neighbours, from 0 to 1, that are of its own or a near PID (policy alto) [default: 0.8]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_neighbourhood_share: Option<f64>,

    /// Number for its random choices, so that a run can be repeated
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,

    /// Most holders that are its neighbours at a time [default: 20]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<usize>,

    /// Most requests at a time for one file [default: 8]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<usize>,

    /// Most requests to one neighbour at a time [default: 2]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_per_neighbour: Option<usize>,

    /// Written to disk at a time [default: 64KiB]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_size: Option<Size>,

    /// Seconds that a body may pause [default: 15]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<f64>,

    /// Seconds after which costs and holders are asked for again [default: 10]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<f64>,

    /// Seconds to go on without a single new piece [default: 600]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<f64>,

    /// Most that all its uploads take together, in bytes per second or with a unit; no limit if absent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_rate: Option<Rate>,

    /// Uploads at a time [default: 8]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploads: Option<usize>,

    /// Pieces that shared files are cut into: a power of two from 16KiB to 16MiB [default: 256KiB]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub piece_size: Option<Size>,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) key: &'static str,
    pub(super) problem: String,
}

impl PeerSettings {
    /// Whether every value can be used.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let fault = |key, problem: String| Err(Fault { key, problem });
        if let Some(name) = &self.name
            && let Err(problem) = check_name(name)
        {
            return fault("name", problem);
        }
        let counts = [
            ("uploads", self.uploads),
            ("neighbours", self.neighbours),
            ("parallel", self.parallel),
            ("parallel-per-neighbour", self.parallel_per_neighbour),
        ];
        for (key, count) in counts {
            if count.is_some_and(|count| !(1..=MOST_AT_A_TIME).contains(&count)) {
                return fault(key, format!("must be from 1 to {MOST_AT_A_TIME}"));
            }
        }
        for (key, share) in
            [("own-pid-share", self.own_pid_share), ("own-neighbourhood-share", self.own_neighbourhood_share)]
        {
            if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                return fault(key, "must be from 0 to 1".to_owned());
            }
        }
        let times = [("join", self.join, 0.0), ("leave", self.leave, 0.0), ("stall", self.stall, 0.1)];
        let more = [("refresh", self.refresh, 0.1), ("patience", self.patience, 0.1)];
        for (key, seconds, least) in times.into_iter().chain(more) {
            if seconds.is_some_and(|seconds| !(least..=MAX_SECONDS).contains(&seconds)) {
                return fault(key, format!("must be from {least} to {MAX_SECONDS} seconds"));
            }
        }
        if let (join, Some(leave)) = (self.join.unwrap_or_default(), self.leave)
            && leave <= join
        {
            return fault("leave", "must be later than join".to_owned());
        }
        if let Some(size) = self.piece_size
            && let Err(error) = check_piece_size(size)
        {
            return fault("piece-size", error);
        }
        let blocks = MIN_BLOCK_SIZE..=u64::from(manifest::MAX_PIECE_SIZE);
        if self.block_size.is_some_and(|size| !blocks.contains(&size.bytes())) {
            return fault("block-size", format!("must be from {} to {} bytes", blocks.start(), blocks.end()));
        }
        if let Some(wanted) = self.get.iter().flatten().find(|wanted| wanted.is_empty()) {
            return fault("get", format!("{wanted:?} is neither an ID nor a name"));
        }
        Ok(())
    }

    /// How it fetches.
    pub fn options(&self) -> Options {
        let mut options = Options { seed: self.seed, ..Options::default() };
        set(&mut options.policy, self.policy);
        set(&mut options.metrics, self.metric.clone());
        set(&mut options.shares.own_pid, self.own_pid_share);
        set(&mut options.shares.own_neighbourhood, self.own_neighbourhood_share);
        set(&mut options.neighbours, self.neighbours);
        set(&mut options.parallel, self.parallel);
        set(&mut options.parallel_per_neighbour, self.parallel_per_neighbour);
        set(&mut options.block_size, self.block_size.and_then(|size| usize::try_from(size.bytes()).ok()));
        set(&mut options.stall, self.stall.map(Duration::from_secs_f64));
        set(&mut options.refresh, self.refresh.map(Duration::from_secs_f64));
        set(&mut options.patience, self.patience.map(Duration::from_secs_f64));
        options
    }

    /// Uploads at a time.
    pub fn uploads(&self) -> usize {
        self.uploads.unwrap_or(DEFAULT_UPLOADS)
    }

    /// Size of the pieces of what it shares.
    pub fn piece_size(&self) -> u32 {
        self.piece_size.and_then(|size| size.bytes().try_into().ok()).unwrap_or(DEFAULT_PIECE_SIZE)
    }
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

/// Whether a peer may have this name.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!("must have 1 to {MAX_NAME_BYTES} bytes, none of them a control character"));
    }
    Ok(())
}

/// Whether pieces may have this size.
pub(crate) fn check_piece_size(size: Size) -> Result<u32, String> {
    let size = u32::try_from(size.bytes()).unwrap_or(u32::MAX);
    manifest::check_piece_size(size).map(|()| size).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The defaults in the descriptions, which are all that people see of them.
    #[test]
    fn defaults_are_as_described() {
        let (options, settings) = (PeerSettings::default().options(), PeerSettings::default());
        assert_eq!(options, Options::default());
        assert_eq!(options.metrics.to_string(), "routingcost");
        assert_eq!((options.policy, options.neighbours, options.parallel), (PolicyName::Alto, 20, 8));
        assert_eq!((options.parallel_per_neighbour, options.block_size), (2, 64 * 1024));
        let seconds = [options.stall, options.refresh, options.patience].map(|time| time.as_secs());
        assert_eq!((seconds, settings.uploads(), settings.piece_size()), ([15, 10, 600], 8, 256 * 1024));
        assert!((options.shares.own_pid - 0.7).abs() + (options.shares.own_neighbourhood - 0.8).abs() < 1e-9);
    }
}
