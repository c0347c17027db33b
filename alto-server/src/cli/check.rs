//! `--check`: opens every file that the settings name.

use std::fmt::Write as _;
use std::sync::Arc;

use topo::View;

use crate::admin::socket;
use crate::config::{Config, ConfigError};

/// Opens all files, and summarizes the topology.
pub(super) fn run(config: &Config) -> Result<String, ConfigError> {
    let topology = Arc::new(config.topology()?.load()?);
    config.files.tls()?;
    config.files.authenticator()?;
    config.files.admin_token()?;
    config.admin_socket.as_deref().map(socket::check).transpose()?;
    config.check_tracker_files()?;
    let mut summary = String::new();
    for warning in topology.warnings() {
        let _ = writeln!(summary, "warning: {warning}");
    }
    let view = View::compute(Arc::clone(&topology));
    for warning in view.warnings() {
        let _ = writeln!(summary, "warning: {warning}");
    }
    let map = view.network_map();
    let _ = write!(
        summary,
        "{}: {} hosts, {} switches, {} links, {} PIDs, {} prefixes; all files can be used",
        topology.name(),
        topology.hosts().count(),
        topology.switches().count(),
        topology.links().count(),
        map.len(),
        map.prefix_count()
    );
    Ok(summary)
}
