//! Settings of the BitTorrent tracker, converted.

use std::time::Duration;

use alto_registry::swarms::SwarmLimits;

use super::settings::Settings;
use crate::tracker::access::AccessFiles;
use crate::tracker::service::TrackerSettings;

/// Name of the file below `state` that has the swarms.
const SAVED: &str = "tracker.swarms";
/// Shortest time for which a peer is kept. Some clients announce no more often than every five minutes, whatever they are
/// asked for.
const MIN_LEASE: Duration = Duration::from_mins(10);

/// Converts settings that are in order; `None` if no tracker is served.
pub(super) fn convert(s: &Settings) -> Option<TrackerSettings> {
    if !s.tracker {
        return None;
    }
    let saved = s.state.as_ref().filter(|_| s.tracker_save).map(|folder| folder.join(SAVED));
    let interval = Duration::from_secs(s.tracker_interval.into());
    Some(TrackerSettings {
        policy: s.tracker_policy,
        outsiders: s.tracker_outsiders,
        answer_peers: s.tracker_answer_peers,
        udp_rate: s.tracker_max_udp_rate,
        interval,
        min_interval: Duration::from_secs(s.tracker_min_interval.into()),
        limits: SwarmLimits {
            lease: (interval * 3 / 2).max(MIN_LEASE),
            peers: s.tracker_max_peers,
            peers_per_address: s.tracker_max_peers_per_address,
            swarms: s.tracker_max_torrents,
        },
        files: AccessFiles {
            torrents: s.tracker_torrents.clone(),
            blocked: s.tracker_blocked_torrents.clone(),
            passkeys: s.tracker_passkeys.clone(),
        },
        saved,
    })
}
