//! Headings of the help text, with the options below them.

use command_line::Section;

/// Options that no section has stand first.
pub(super) const SECTIONS: &[Section] = &[
    Section { title: "DOCUMENTS", options: &["map-interval", "max-age", "max-pids", "max-prefixes"] },
    Section { title: "HTTPS AND AUTHENTICATION", options: &["tls-*", "digest-*", "no-digest-md5"] },
    Section { title: "ADMINISTRATION", options: &["admin-*"] },
    Section { title: "PROXIES AND BROWSERS", options: &["trusted-proxy", "proxy-protocol", "base-uri", "cors*"] },
    Section { title: "LOG", options: &["log-*", "access-log*"] },
    Section { title: "REGISTRY OF PEERS", options: &["swarm-*", "no-swarm"] },
    Section { title: "BITTORRENT TRACKER", options: &["tracker", "tracker-*"] },
    Section { title: "TIME LIMITS", options: &["*-timeout", "min-body-rate"] },
    Section { title: "LIMITS", options: &["max-*"] },
];
