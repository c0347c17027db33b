//! Headings of the help texts, with the options below them.

use command_line::Section;

/// Options that no section has stand first.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        title: "WHAT IS GRADED",
        options: &["change", "expect", "explain", "idle", "list", "only", "scenario", "strict", "task"],
    },
    Section { title: "REQUESTS", options: &["ca", "deadline", "insecure", "jobs", "timeout", "user"] },
    Section { title: "SERVER FOR CLIENTS", options: &["host", "listen", "wait", "write-ca"] },
    Section { title: "REPORT", options: &["bodies", "format", "verbose"] },
];
