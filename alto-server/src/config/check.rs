//! Settings that make no sense, alone or together: all of them at once.

use ipnet::{IpNet, Ipv4Net};

use super::ConfigError;
use super::listeners;
use super::log_filter;
use super::settings::Settings;
use crate::http::cors::Origins;

/// Number of bits in front of the IPv4 address in an IPv4-mapped one (RFC 4291 §2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// Lists everything that is wrong.
pub(super) fn problems(s: &Settings) -> Vec<ConfigError> {
    let mut problems: Vec<_> = zeros(s).into_iter().map(|key| ConfigError::Zero { key }).collect();
    if s.max_client_share > 100 {
        problems.push(ConfigError::ClientShare(s.max_client_share));
    }
    if s.listen.is_empty() {
        problems.push(ConfigError::NoAddress);
    }
    let conflicts = listeners::conflicts(&s.listeners()).into_iter();
    problems.extend(conflicts.map(|(first, second)| ConfigError::ListenersConflict { first, second }));
    if s.digest_realm.chars().any(|c| c.is_control() || "\"\\".contains(c)) {
        problems.push(ConfigError::Realm(s.digest_realm.clone()));
    }
    match (&s.tls_certificate, &s.tls_key) {
        (Some(_), None) => {
            problems.push(ConfigError::HalfTls { given: "tls-certificate", missing: "tls-key" });
        }
        (None, Some(_)) => {
            problems.push(ConfigError::HalfTls { given: "tls-key", missing: "tls-certificate" });
        }
        _ => {}
    }
    problems.extend(s.base_uri.iter().filter(|uri| base_uri(uri).is_none()).cloned().map(ConfigError::BaseUri));
    let origins = s.cors_origin.iter().filter(|origin| !Origins::is_origin(origin));
    problems.extend(origins.cloned().map(ConfigError::Origin));
    if s.access_log_anonymous && !s.access_log {
        problems.push(ConfigError::NoAccessLog);
    }
    problems.extend(log_filter::parse(&s.log_level).err().map(ConfigError::LogLevel));
    for (key, texts) in [("trusted-proxy", &s.trusted_proxy), ("proxy-protocol", &s.proxy_protocol)] {
        let unusable = texts.iter().filter(|text| prefix(text).is_none());
        problems.extend(unusable.map(|text| ConfigError::Proxy { key, text: text.clone() }));
    }
    problems.extend(tracker(s));
    problems.extend(store(s));
    problems
}

/// Address of a store that cannot be one, or what belongs to a store without one.
fn store(s: &Settings) -> Vec<ConfigError> {
    if let Some(address) = &s.store {
        return address_of_store(address).err().into_iter().collect();
    }
    let given = [("store-password-file", &s.store_password_file), ("store-ca-file", &s.store_ca_file)];
    let without = given.into_iter().filter(|(_, given)| given.is_some());
    without.map(|(key, _)| ConfigError::NoStore { key }).collect()
}

#[cfg(feature = "redis")]
fn address_of_store(text: &str) -> Result<(), ConfigError> {
    let parsed: Result<alto_registry::shared::StoreAddress, _> = text.parse();
    parsed.map(drop).map_err(|error| ConfigError::Store(error.to_string()))
}

#[cfg(not(feature = "redis"))]
fn address_of_store(_text: &str) -> Result<(), ConfigError> {
    Err(ConfigError::NoRedis)
}

/// Reads a prefix, or an address as the prefix of it alone. An IPv4-mapped one is the IPv4 prefix.
pub(super) fn prefix(text: &str) -> Option<IpNet> {
    let net: IpNet = text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()))?;
    let mapped = |net: &ipnet::Ipv6Net| {
        Ipv4Net::new(net.addr().to_ipv4_mapped()?, net.prefix_len().checked_sub(MAPPED_BITS)?).ok()
    };
    match &net {
        IpNet::V6(ipv6) => Some(mapped(ipv6).map_or(net, IpNet::V4)),
        IpNet::V4(_) => Some(net),
    }
}

/// Reads the URI of a server, which ends with a slash then.
pub(super) fn base_uri(text: &str) -> Option<String> {
    let uri: http::Uri = text.parse().ok()?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some();
    let is_plain = uri.query().is_none() && text.is_ascii() && !text.contains(['#', '@']);
    (is_web && is_plain).then(|| if text.ends_with('/') { text.to_owned() } else { format!("{text}/") })
}

/// Settings of the tracker without a tracker, or without what they need.
fn tracker(s: &Settings) -> Vec<ConfigError> {
    let given = [
        ("tracker-listen", !s.tracker_listen.is_empty()),
        ("tracker-udp", !s.tracker_udp.is_empty()),
        ("tracker-torrents", s.tracker_torrents.is_some()),
        ("tracker-blocked-torrents", s.tracker_blocked_torrents.is_some()),
        ("tracker-passkeys", s.tracker_passkeys.is_some()),
        ("tracker-save", s.tracker_save),
    ];
    if s.tracker {
        return (s.tracker_save && s.state.is_none()).then_some(ConfigError::NoStateForTracker).into_iter().collect();
    }
    // Whoever sets one of these believes that there is a tracker.
    given.into_iter().filter(|(_, given)| *given).map(|(key, _)| ConfigError::NoTracker { key }).collect()
}

/// Limits of zero, which would refuse every request.
fn zeros(s: &Settings) -> Vec<&'static str> {
    [
        ("max-prefixes", s.max_prefixes == 0),
        ("max-pids", s.max_pids == 0),
        ("max-connections", s.max_connections == 0),
        ("max-requests-per-connection", s.max_requests_per_connection == 0),
        ("max-concurrent-requests", s.max_concurrent_requests == 0),
        ("max-arriving-bodies", s.max_arriving_bodies == 0),
        ("max-client-share", s.max_client_share == 0),
        ("max-waiting-bytes", s.max_waiting_bytes == 0),
        ("max-waiting-bytes-per-connection", s.max_waiting_bytes_per_connection == 0),
        ("max-body-bytes", s.max_body_bytes == 0),
        ("max-list-entries", s.max_list_entries == 0),
        ("max-pairs", s.max_pairs == 0),
        ("max-streams", s.max_streams == 0),
        ("max-followed", s.max_followed == 0),
        ("swarm-lease", s.swarm_lease == 0),
        ("swarm-max-peers", s.swarm_max_peers == 0),
        ("swarm-max-peers-per-address", s.swarm_max_peers_per_address == 0),
        ("swarm-max-files", s.swarm_max_files == 0),
        ("swarm-max-files-per-peer", s.swarm_max_files_per_peer == 0),
        ("swarm-max-files-per-address", s.swarm_max_files_per_address == 0),
        ("swarm-max-holdings", s.swarm_max_holdings == 0),
        ("handshake-timeout", s.handshake_timeout == 0),
        ("header-timeout", s.header_timeout == 0),
        ("body-timeout", s.body_timeout == 0),
        ("min-body-rate", s.min_body_rate == 0),
        ("request-timeout", s.request_timeout == 0),
        ("write-timeout", s.write_timeout == 0),
        ("tracker-answer-peers", s.tracker && s.tracker_answer_peers == 0),
        ("tracker-interval", s.tracker && s.tracker_interval == 0),
        ("tracker-max-peers", s.tracker && s.tracker_max_peers == 0),
        ("tracker-max-peers-per-address", s.tracker && s.tracker_max_peers_per_address == 0),
        ("tracker-max-torrents", s.tracker && s.tracker_max_torrents == 0),
        ("tracker-max-udp-rate", s.tracker && s.tracker_max_udp_rate == 0),
    ]
    .into_iter()
    .filter_map(|(key, is_zero)| is_zero.then_some(key))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_named_at_once() {
        let settings = Settings {
            max_pairs: 0,
            max_client_share: 101,
            log_level: "warning".to_owned(),
            trusted_proxy: vec!["nowhere".to_owned()],
            tls_key: Some("key.pem".into()),
            tracker_save: true,
            ..Settings::default()
        };
        let all = ConfigError::of_all(problems(&settings)).unwrap().to_string();
        for key in ["max-pairs", "max-client-share", "log-level", "trusted-proxy", "tls-certificate", "tracker-save"] {
            assert!(all.lines().any(|line| line.contains(key)), "{key} is not in {all}");
        }
        assert_eq!(all.lines().count(), 6, "{all}");
        assert!(problems(&Settings::default()).is_empty());
    }

    #[test]
    fn a_base_uri_is_absolute_and_ends_with_a_slash() {
        for (text, expected) in [
            ("https://alto.example", Some("https://alto.example/")),
            ("http://[2001:db8::1]:8080/alto/", Some("http://[2001:db8::1]:8080/alto/")),
            ("alto.example", None),
            ("/alto/", None),
            ("ftp://alto.example/", None),
            ("https://alto.example/?a", None),
            ("https://alto.example/#a", None),
        ] {
            assert_eq!(base_uri(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_mapped_prefix_is_the_ipv4_prefix() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/95", "::ffff:0.0.0.0/95"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(prefix(text).unwrap().to_string(), expected, "{text}");
        }
    }
}
