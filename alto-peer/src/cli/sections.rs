//! Headings of the help texts, with the options below them.

use command_line::Section;

/// Options that no section has stand first.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        title: "ACCESS TO THE SERVER",
        options: &["ca", "connect-timeout", "max-answer", "source", "timeout", "user", "user-file"],
    },
    Section { title: "CHOICE OF PEERS", options: &["metric", "neighbours", "own-*", "policy", "refresh", "seed"] },
    Section {
        title: "TRANSFERS",
        options: &["block-size", "download-rate", "parallel*", "patience", "piece-size", "stall", "upload*"],
    },
    Section { title: "THIS PEER", options: &["address", "name", "no-share", "port", "state", "stay"] },
];
