//! The log: structured events on standard error, as text or JSON.

use std::io::stderr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{Config, ConfigError};

/// Starts logging as configured. A second start in one process is ignored.
pub(crate) fn start(config: &Config) -> Result<(), ConfigError> {
    let settings = config.settings();
    let level = settings.log_level.as_deref().unwrap_or("info");
    let filter = EnvFilter::try_new(level).map_err(|error| ConfigError::LogLevel(error.to_string()))?;
    let log = fmt().with_env_filter(filter).with_writer(stderr);
    let _already_started = match settings.log_format.as_deref() {
        Some("json") => log.json().flatten_event(true).try_init(),
        _ => log.with_ansi(false).try_init(),
    };
    Ok(())
}
