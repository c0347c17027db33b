//! Settings of one peer as `peers.json` and command lines state them: each may be absent.

use std::net::IpAddr;
use std::path::PathBuf;

use alto_client::is_printable;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{Rate, Size};
use crate::content::manifest;
use crate::download::Follow;
use crate::policy::{Metrics, PolicyName};

/// Length of the longest name that the registry accepts, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Largest number of uploads, requests or neighbours at a time.
pub(crate) const MAX_AT_A_TIME: usize = 200;
/// Smallest number of bytes written at a time, below which system calls take all the time.
const MIN_BLOCK_SIZE: u64 = 512;
/// Smallest limit of downloads, in bytes per second.
const MIN_DOWNLOAD_RATE: u64 = 64 * 1024;
/// Longest time that can be set, a year, in seconds.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Settings of a peer. Those that are absent have defaults
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PeerSettings {
    /// Name of the peer, unique in the file; not allowed among the defaults
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,

    /// Host of the topology that the peer runs on; used by emulations
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,

    /// Address that the peer listens on and sends its requests from [default: any, of both families]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,

    /// Port that the peer listens on; 0 picks a free one [default: 6881]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,

    /// Files or folders that the peer shares at the start; relative to this file
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Vec<PathBuf>>,

    /// IDs or names of files that the peer fetches when it joins, in this order, waiting for each to be shared
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<Vec<String>>,

    /// Folder for the files that the peer fetches; relative to this file [default: .]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,

    /// Seconds from the start of the scenario until the peer joins; used by emulations [default: 0]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<f64>,

    /// Seconds from the start of the scenario until the peer leaves; null if it stays; used by emulations
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave: Option<f64>,

    /// Policy by which the peer chooses holders [default: alto]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,

    /// Cost metric of the policies alto and best, or several with weights [default: routingcost]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metrics>,

    /// Largest share of neighbours in the peer's own PID, from 0 to 1 (policy alto) [default: 0.7]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_pid_share: Option<f64>,

    /// Largest share of neighbours in the peer's own PID and near ones, from 0 to 1 (policy alto) [default: 0.8]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_neighbourhood_share: Option<f64>,

    /// Seed of random choices, which makes a run repeatable
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,

    /// Largest number of neighbours, the holders whose pieces the peer follows [default: 20]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<usize>,

    /// Largest number of requests at a time for one file [default: 12]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<usize>,

    /// Largest number of requests at a time to one neighbour [default: 2]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_per_neighbour: Option<usize>,

    /// Amount written to disk at a time [default: 64KiB]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_size: Option<Size>,

    /// Seconds without data after which a transfer is given up [default: 15]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<f64>,

    /// Seconds between queries for holders, and for costs that are not followed [default: 10]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<f64>,

    /// How changes of costs are followed: auto (by the server's update stream, or else by TIPS, or else by asking every so
    /// often), stream, tips, or never (by asking) [default: auto]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow: Option<Follow>,

    /// Seconds without a new piece after which a download fails [default: 600]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<f64>,

    /// Limit of all downloads together, in bytes per second or with a unit; unlimited if absent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_rate: Option<Rate>,

    /// Limit of all uploads together, in bytes per second or with a unit; unlimited if absent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_rate: Option<Rate>,

    /// Largest number of uploads at a time; more wait in a queue [default: 8]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploads: Option<usize>,

    /// Size of the pieces of shared files, a power of two from 16KiB to 16MiB [default: 256KiB]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub piece_size: Option<Size>,
}

/// Setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    /// Key of the setting.
    pub(super) key: &'static str,
    /// Values that are allowed.
    pub(super) problem: String,
}

impl PeerSettings {
    /// Lists the settings that cannot be used.
    pub(super) fn check(&self) -> Vec<Unusable> {
        let mut unusable = Vec::new();
        let mut fault = |key, problem: String| unusable.push(Unusable { key, problem });
        if let Some(Err(problem)) = self.name.as_deref().map(check_name) {
            fault("name", problem);
        }
        let counts = [
            ("uploads", self.uploads),
            ("neighbours", self.neighbours),
            ("parallel", self.parallel),
            ("parallel-per-neighbour", self.parallel_per_neighbour),
        ];
        for (key, count) in counts {
            if let Some(count) = count.filter(|count| !(1..=MAX_AT_A_TIME).contains(count)) {
                fault(key, format!("{count} must be from 1 to {MAX_AT_A_TIME}"));
            }
        }
        let shares = [("own-pid-share", self.own_pid_share), ("own-neighbourhood-share", self.own_neighbourhood_share)];
        for (key, share) in shares {
            if let Some(share) = share.filter(|share| !(0.0..=1.0).contains(share)) {
                fault(key, format!("{share} must be from 0 to 1"));
            }
        }
        let times = [("join", self.join, 0.0), ("leave", self.leave, 0.0), ("stall", self.stall, 0.1)];
        let more = [("refresh", self.refresh, 0.1), ("patience", self.patience, 0.1)];
        for (key, seconds, least) in times.into_iter().chain(more) {
            if let Some(seconds) = seconds.filter(|seconds| !(least..=MAX_SECONDS).contains(seconds)) {
                fault(key, format!("{seconds} must be from {least} to {MAX_SECONDS} seconds"));
            }
        }
        // What is wrong with one of the two was said already.
        if let (join, Some(leave)) = (self.join.unwrap_or_default(), self.leave)
            && leave <= join
            && leave >= 0.0
        {
            fault("leave", format!("{leave} must be later than join, which is {join}"));
        }
        if let Some(Err(problem)) = self.piece_size.map(check_piece_size) {
            fault("piece-size", problem);
        }
        let blocks = MIN_BLOCK_SIZE..=u64::from(manifest::MAX_PIECE_SIZE);
        if let Some(size) = self.block_size.map(Size::bytes).filter(|size| !blocks.contains(size)) {
            fault("block-size", format!("{size} must be from {} to {} bytes", blocks.start(), blocks.end()));
        }
        if let Some(Err(problem)) = self.download_rate.map(check_download_rate) {
            fault("download-rate", problem);
        }
        if let Some(wanted) = self.get.iter().flatten().find(|wanted| wanted.is_empty()) {
            fault("get", format!("{wanted:?} is neither an ID nor a name"));
        }
        unusable
    }
}

/// Checks the name of a peer.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(is_printable) {
        return Err(format!("must have 1 to {MAX_NAME_BYTES} bytes, without control and invisible characters"));
    }
    Ok(())
}

/// Checks the limit of downloads. With less, requests at a time would be slower than holders allow (4 KiB/s each).
pub(crate) fn check_download_rate(rate: Rate) -> Result<Rate, String> {
    if rate.bytes() < MIN_DOWNLOAD_RATE { Err("must be at least 64KiB per second".to_owned()) } else { Ok(rate) }
}

/// Checks the size of pieces.
pub(crate) fn check_piece_size(size: Size) -> Result<u32, String> {
    let size = u32::try_from(size.bytes()).unwrap_or(u32::MAX);
    manifest::check_piece_size(size).map(|()| size).map_err(|error| error.to_string())
}
