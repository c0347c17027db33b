//! Settings of the BitTorrent tracker, checked and converted.

use std::net::SocketAddr;
use std::time::Duration;

use alto_registry::swarms::SwarmLimits;

use super::ConfigError;
use super::settings::Settings;
use crate::tracker::access::AccessFiles;
use crate::tracker::service::TrackerSettings;

/// Name of the file below `state` that has the swarms.
const SAVED: &str = "tracker.swarms";
/// Shortest time for which a peer is kept. Some clients announce no more often than every five minutes, whatever they are
/// asked for.
const MIN_LEASE: Duration = Duration::from_mins(10);

/// Tracker and its listeners.
pub(crate) struct TrackerConfig {
    /// Listeners for the tracker only, over HTTP.
    pub(crate) listen: Vec<SocketAddr>,
    /// Listeners over UDP.
    pub(crate) udp: Vec<SocketAddr>,
    pub(crate) settings: TrackerSettings,
}

impl TrackerConfig {
    /// Checks and converts settings; `None` if no tracker is served.
    pub(super) fn new(s: &Settings) -> Result<Option<Self>, ConfigError> {
        let given = [
            ("tracker-listen", !s.tracker_listen.is_empty()),
            ("tracker-udp", !s.tracker_udp.is_empty()),
            ("tracker-torrents", s.tracker_torrents.is_some()),
            ("tracker-blocked-torrents", s.tracker_blocked_torrents.is_some()),
            ("tracker-passkeys", s.tracker_passkeys.is_some()),
            ("tracker-save", s.tracker_save),
        ];
        if !s.tracker {
            // Whoever sets one of these believes that there is a tracker.
            return match given.into_iter().find(|(_, given)| *given) {
                Some((key, _)) => Err(ConfigError::NoTracker { key }),
                None => Ok(None),
            };
        }
        let limits = [
            ("tracker-answer-peers", s.tracker_answer_peers == 0),
            ("tracker-interval", s.tracker_interval == 0),
            ("tracker-max-peers", s.tracker_max_peers == 0),
            ("tracker-max-peers-per-address", s.tracker_max_peers_per_address == 0),
            ("tracker-max-torrents", s.tracker_max_torrents == 0),
            ("tracker-max-udp-rate", s.tracker_max_udp_rate == 0),
        ];
        if let Some((key, _)) = limits.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(ConfigError::Zero { key });
        }
        let saved = match (&s.state, s.tracker_save) {
            (Some(folder), true) => Some(folder.join(SAVED)),
            (None, true) => return Err(ConfigError::NoStateForTracker),
            (_, false) => None,
        };
        let interval = Duration::from_secs(s.tracker_interval.into());
        let settings = TrackerSettings {
            policy: s.tracker_policy,
            outsiders: s.tracker_outsiders,
            answer_peers: s.tracker_answer_peers,
            interval,
            min_interval: Duration::from_secs(s.tracker_min_interval.into()),
            limits: SwarmLimits {
                lease: (interval * 3 / 2).max(MIN_LEASE),
                peers: s.tracker_max_peers,
                peers_per_address: s.tracker_max_peers_per_address,
                swarms: s.tracker_max_torrents,
            },
            udp_rate: s.tracker_max_udp_rate,
            files: AccessFiles {
                torrents: s.tracker_torrents.clone(),
                blocked: s.tracker_blocked_torrents.clone(),
                passkeys: s.tracker_passkeys.clone(),
            },
            saved,
        };
        Ok(Some(Self { listen: s.tracker_listen.clone(), udp: s.tracker_udp.clone(), settings }))
    }
}
