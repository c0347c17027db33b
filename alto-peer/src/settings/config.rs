//! Configuration of a peer: its settings with every default filled in.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::peer::PeerSettings;
use super::quantity::Rate;
use crate::content::manifest::DEFAULT_PIECE_SIZE;
use crate::download::Options;
use crate::serving::DEFAULT_UPLOADS;

/// Port that a peer listens on by default.
const DEFAULT_PORT: u16 = 6881;

/// Configuration of a peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerConfig {
    /// Name, for people; absent if a command line gives none.
    pub name: Option<String>,
    /// Address and port that the peer listens on.
    pub listen: SocketAddr,
    /// Files or folders that the peer shares at the start.
    pub share: Vec<PathBuf>,
    /// IDs or names of files that the peer fetches at the start.
    pub get: Vec<String>,
    /// Folder for the files that the peer fetches.
    pub folder: PathBuf,
    /// Options of downloads.
    pub fetching: Options,
    /// Limit of all downloads together, in bytes per second; unlimited if absent.
    pub download_rate: Option<u64>,
    /// Limit of all uploads together, in bytes per second; unlimited if absent.
    pub upload_rate: Option<u64>,
    /// Largest number of uploads at a time.
    pub uploads: usize,
    /// Size of the pieces of shared files, in bytes.
    pub piece_size: u32,
}

impl PeerConfig {
    /// Local address of the peer's own requests; chosen by the system if the peer listens on any address.
    pub fn source(&self) -> Option<IpAddr> {
        Some(self.listen.ip()).filter(|address| !address.is_unspecified())
    }
}

impl PeerSettings {
    /// Fills in the defaults. The settings must have been checked: a size beyond this machine's memory is the largest.
    pub fn resolve(self) -> PeerConfig {
        // Every field is named, so that no setting can be forgotten here.
        let Self {
            name,
            host: _for_emulations,
            address,
            port,
            share,
            get,
            folder,
            join: _for_whoever_starts_the_peer,
            leave: _for_whoever_ends_the_peer,
            policy,
            metric,
            own_pid_share,
            own_neighbourhood_share,
            seed,
            neighbours,
            parallel,
            parallel_per_neighbour,
            block_size,
            stall,
            refresh,
            follow,
            patience,
            download_rate,
            upload_rate,
            uploads,
            piece_size,
        } = self;
        let mut fetching = Options { seed, ..Options::default() };
        set(&mut fetching.policy, policy);
        set(&mut fetching.metrics, metric);
        set(&mut fetching.shares.own_pid, own_pid_share);
        set(&mut fetching.shares.own_neighbourhood, own_neighbourhood_share);
        set(&mut fetching.neighbours, neighbours);
        set(&mut fetching.parallel, parallel);
        set(&mut fetching.parallel_per_neighbour, parallel_per_neighbour);
        set(&mut fetching.block_size, block_size.map(|size| usize::try_from(size.bytes()).unwrap_or(usize::MAX)));
        set(&mut fetching.stall, stall.map(Duration::from_secs_f64));
        set(&mut fetching.refresh, refresh.map(Duration::from_secs_f64));
        set(&mut fetching.follow, follow);
        set(&mut fetching.patience, patience.map(Duration::from_secs_f64));
        PeerConfig {
            name,
            listen: SocketAddr::new(address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()), port.unwrap_or(DEFAULT_PORT)),
            share: share.unwrap_or_default(),
            get: get.unwrap_or_default(),
            folder: folder.unwrap_or_else(|| PathBuf::from(".")),
            fetching,
            download_rate: download_rate.map(Rate::bytes),
            upload_rate: upload_rate.map(Rate::bytes),
            uploads: uploads.unwrap_or(DEFAULT_UPLOADS),
            piece_size: piece_size.map_or(DEFAULT_PIECE_SIZE, |size| u32::try_from(size.bytes()).unwrap_or(u32::MAX)),
        }
    }
}

/// Replaces a default by a setting, if there is one.
fn set<T>(target: &mut T, setting: Option<T>) {
    if let Some(setting) = setting {
        *target = setting;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::download::Follow;
    use crate::policy::PolicyName;

    /// Descriptions and help texts state these defaults in words.
    #[test]
    fn defaults_are_as_described() {
        let config = PeerSettings::default().resolve();
        let options = &config.fetching;
        assert_eq!(*options, Options::default());
        assert_eq!(config.listen.to_string(), "[::]:6881");
        assert_eq!(options.metrics.to_string(), "routingcost");
        assert_eq!((options.policy, options.neighbours, options.parallel), (PolicyName::Alto, 20, 12));
        assert_eq!((options.parallel_per_neighbour, options.block_size), (2, 64 * 1024));
        assert_eq!(options.follow, Follow::Auto);
        let seconds = [options.stall, options.refresh, options.patience].map(|time| time.as_secs());
        assert_eq!((seconds, config.uploads, config.piece_size), ([15, 10, 600], 8, 256 * 1024));
        assert!((options.shares.own_pid - 0.7).abs() + (options.shares.own_neighbourhood - 0.8).abs() < 1e-9);
    }

    #[test]
    fn no_setting_is_dropped() {
        let default = PeerSettings::default().resolve();
        let all = json!({
            "name": "p1", "address": "127.1.1.1", "port": 1, "share": ["a"], "get": ["b"], "folder": "c",
            "policy": "best", "metric": "hopcount", "own-pid-share": 0.1, "own-neighbourhood-share": 0.2, "seed": 3,
            "neighbours": 4, "parallel": 5, "parallel-per-neighbour": 6, "block-size": "1KiB", "stall": 7, "refresh": 8,
            "follow": "tips", "patience": 9, "download-rate": "64KiB", "upload-rate": "10kB", "uploads": 11, "piece-size": "16KiB",
        });
        for (key, value) in all.as_object().unwrap() {
            let one: PeerSettings = serde_json::from_value(json!({key.as_str(): value})).unwrap();
            assert_eq!(one.check(), [], "{key}");
            assert_ne!(one.resolve(), default, "{key} has no effect");
        }
        // Used by whoever starts and ends the peers, not by the peer itself.
        let mut known: Vec<&str> = ["host", "join", "leave"].to_vec();
        known.extend(all.as_object().unwrap().keys().map(String::as_str));
        let schema: Value = schemars::schema_for!(PeerSettings).into();
        for key in schema["properties"].as_object().unwrap().keys() {
            assert!(known.contains(&key.as_str()), "{key} is not tested here");
        }
    }
}
