//! `--check`: tries everything that the settings name, and reports all problems at once.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::SystemTime;

use topo::View;

use crate::admin::socket;
use crate::config::listeners::{Listener, Protocol};
use crate::config::settings::Settings;
use crate::config::{Config, ConfigError};
use crate::http::nonce::Nonces;
use crate::listening;
use crate::state::folder;
use crate::state::source::Loaded;

/// Tries everything, and summarizes the topology, with warnings in front.
pub(super) fn run(settings: &Settings) -> Result<String, ConfigError> {
    let (config, mut problems) = Config::inspect(settings);
    let mut warnings = Vec::new();
    let mut note = |result: Result<(), ConfigError>| problems.extend(result.err());
    let topology = config.topology().and_then(|source| Ok(source.load()?));
    let topology = topology.map_err(|error| note(Err(error))).ok();
    note(config.files.tls().map(|tls| warnings.extend(tls.iter().flat_map(|tls| tls.warnings(SystemTime::now())))));
    note(config.files.authenticator(&Arc::new(Nonces::new([0; 32]))).map(drop));
    note(config.files.admin_tokens().map(drop));
    note(config.admin_socket.as_deref().map_or(Ok(()), socket::check).map_err(ConfigError::from));
    note(config.state.as_deref().map_or(Ok(()), folder::check).map_err(ConfigError::from));
    note(config.tracker_lists().map(drop));
    #[cfg(feature = "redis")]
    note(config.store.as_ref().map_or(Ok(()), |store| crate::cluster::Files::read(store).map(drop)));
    for listener in config.listeners() {
        match listen(*listener) {
            // A check may be made beside the running server, which has its addresses.
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                warnings.push(ConfigError::listener(*listener, &error).to_string());
            }
            result => note(result.map_err(|error| ConfigError::listener(*listener, &error))),
        }
    }
    if let Some(error) = ConfigError::of_all(problems) {
        return Err(error);
    }
    Ok(topology.map(|loaded| summary(&loaded, warnings)).unwrap_or_default())
}

fn listen(listener: Listener) -> std::io::Result<()> {
    match listener.protocol {
        Protocol::Tcp => listening::tcp(listener.address).map(drop),
        Protocol::Udp => listening::udp(listener.address).map(drop),
    }
}

fn summary(loaded: &Loaded, mut warnings: Vec<String>) -> String {
    let topology = &loaded.topology;
    warnings.extend(topology.warnings().iter().map(ToString::to_string));
    let view = View::compute(Arc::clone(topology));
    warnings.extend(view.warnings().iter().map(ToString::to_string));
    for (name, view) in view.maps() {
        warnings.extend(view.warnings().iter().map(|warning| format!("in the network map {name}: {warning}")));
    }
    let mut summary = String::new();
    for warning in warnings {
        let _ = writeln!(summary, "warning: {warning}");
    }
    let map = view.network_map();
    let _ = write!(
        summary,
        "{}: {} hosts, {} switches, {} links, {} PIDs, {} prefixes",
        topology.name(),
        topology.hosts().count(),
        topology.switches().count(),
        topology.links().count(),
        map.len(),
        map.prefix_count()
    );
    for (name, view) in view.maps() {
        let map = view.network_map();
        let _ = write!(summary, "; network map {name}: {} PIDs, {} prefixes", map.len(), map.prefix_count());
    }
    summary.push_str("; all files can be used");
    summary
}
