//! Reading everything again while the server runs: settings, and every file that they name.
//!
//! First everything is read and checked; only if all of it can be used, it takes the place of what is in force. A file that
//! cannot be used changes nothing at all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::admin::entrance::TokensInForce;
use crate::admin::service::{Reloaded, Reloading};
use crate::admin::token::Tokens;
use crate::config::settings::Settings;
use crate::config::{Config, ConfigError};
use crate::http::access::Access;
use crate::http::digest::Authenticator;
use crate::http::tls::Tls;
use crate::observe::{self, LogLevel};
use crate::state::audit::Actor;
use crate::state::network::Network;
use crate::state::source::{Loaded, SourceError};
use crate::tracker;
use crate::tracker::service::Tracker;

/// Keys of the settings that a reload puts into force; all others need a restart.
const CHANGEABLE: [&str; 16] = [
    "topology",
    "host",
    "map-interval",
    "max-prefixes",
    "max-pids",
    "tls-certificate",
    "tls-key",
    "digest-users",
    "digest-realm",
    "no-digest-md5",
    "admin-token-file",
    "max-age",
    "tracker-torrents",
    "tracker-blocked-torrents",
    "tracker-passkeys",
    "log-level",
];

/// Reads command line and settings file anew.
pub(crate) type Reread = Box<dyn Fn() -> Result<Settings, ConfigError> + Send + Sync>;

/// Parts of the running server that a reload changes.
pub(crate) struct Targets {
    pub(crate) network: Arc<Network>,
    pub(crate) access: Arc<Access>,
    pub(crate) tokens: TokensInForce,
    /// Present if HTTPS is served.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Present if a tracker is served.
    pub(crate) tracker: Option<Arc<Tracker>>,
    pub(crate) log: LogLevel,
}

/// Reloads of one server.
pub(crate) struct Reloader {
    reread: Reread,
    targets: Targets,
    /// Settings that were read last. Locked during a reload, so that there is one at a time.
    settings: Mutex<Settings>,
    /// Settings of the start, by which what needs a restart is known.
    started_with: Settings,
}

/// Everything that was read, in order and not yet in force.
struct Prepared {
    settings: Settings,
    config: Config,
    topology: Loaded,
    authenticator: Option<Authenticator>,
    tokens: Option<Tokens>,
    tls: Option<Tls>,
    lists: Option<tracker::access::Access>,
}

impl Reloader {
    /// Creates the reloads of a server that was started with some settings.
    pub(crate) fn new(reread: Reread, settings: Settings, targets: Targets) -> Self {
        targets.record_certificate();
        Self { reread, targets, settings: Mutex::new(settings.clone()), started_with: settings }
    }

    /// Reads and checks everything.
    fn prepare(&self) -> Result<Prepared, ConfigError> {
        let settings = (self.reread)()?;
        let (config, mut problems) = Config::inspect(&settings);
        // Each file is read, whatever is wrong with another.
        let topology = config.topology().and_then(|source| {
            let loaded = source.load()?;
            let checked = self.targets.network.check_maps(&loaded.topology);
            checked.map_err(|refused| SourceError::OtherMaps { refused })?;
            Ok(loaded)
        });
        let authenticator = config.files.authenticator(self.targets.access.nonces());
        let tokens = config.files.admin_tokens();
        let tls = config.files.tls();
        let lists = config.tracker_lists();
        match (topology, authenticator, tokens, tls, lists) {
            (Ok(topology), Ok(authenticator), Ok(tokens), Ok(tls), Ok(lists)) if problems.is_empty() => {
                Ok(Prepared { settings, config, topology, authenticator, tokens, tls, lists })
            }
            (topology, authenticator, tokens, tls, lists) => {
                problems.extend(topology.err());
                problems.extend(authenticator.err());
                problems.extend(tokens.err());
                problems.extend(tls.err());
                problems.extend(lists.err());
                Err(ConfigError::Several(problems))
            }
        }
    }

    /// Puts everything into force. Only a store that other servers share can refuse that, before anything has changed.
    fn commit(&self, prepared: Prepared, by: &Actor) -> Result<Reloaded, String> {
        let Prepared { settings, config, topology, authenticator, tokens, tls, lists } = prepared;
        let targets = &self.targets;
        for warning in topology.topology.warnings() {
            tracing::warn!("{warning}");
        }
        let outcome = targets.network.reload(&topology, config.feeds, by).map_err(|error| error.to_string())?;
        targets.access.replace(authenticator, config.max_age);
        targets.tokens.store(tokens.map(Arc::new));
        if let (Some(present), Some(next)) = (&targets.tls, &tls) {
            present.take_over(next);
            present.warnings(SystemTime::now()).iter().for_each(|warning| tracing::warn!("{warning}"));
        }
        targets.record_certificate();
        if let (Some(tracker), Some(lists)) = (&targets.tracker, lists) {
            tracker.replace_lists(lists);
        }
        targets.log.set(config.log_filter);
        let restart = self.needs_restart(&settings, tls.is_some());
        if !restart.is_empty() {
            let settings = restart.join(", ");
            tracing::warn!("these settings changed, and take effect with a restart only: {settings}");
        }
        Ok(Reloaded { outcome, restart })
    }

    /// Keys of settings that differ from those of the start and were not put into force.
    fn needs_restart(&self, settings: &Settings, has_tls: bool) -> Vec<String> {
        let (before, now) = (values(&self.started_with), values(settings));
        let changed = |key: &&String| before.get(*key) != now.get(*key);
        let keys: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let switches_tls = has_tls != self.targets.tls.is_some();
        let is_in_force = |key: &str| CHANGEABLE.contains(&key) && !(key.starts_with("tls-") && switches_tls);
        keys.into_iter().filter(changed).filter(|key| !is_in_force(key)).cloned().collect()
    }
}

impl Reloading for Reloader {
    fn reload(&self, by: &Actor) -> Result<Reloaded, String> {
        // A reload that panicked has changed nothing that the next one does not change again.
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let reloaded = match self.prepare() {
            Ok(prepared) => {
                let read = prepared.settings.clone();
                self.commit(prepared, by).inspect(|_| *settings = read)
            }
            Err(error) => Err(error.to_string()),
        };
        let result = if reloaded.is_ok() { "success" } else { "failure" };
        metrics::counter!("alto_reloads_total", "result" => result).increment(1);
        metrics::gauge!("alto_last_reload_successful").set(if reloaded.is_ok() { 1.0 } else { 0.0 });
        match &reloaded {
            Ok(Reloaded { outcome, .. }) => {
                let now = observe::seconds(SystemTime::now());
                metrics::gauge!("alto_last_reload_success_timestamp_seconds").set(now);
                let view = outcome.published.snapshot().view().tag();
                tracing::info!(view, "settings and files reloaded");
            }
            Err(problems) => {
                problems.lines().for_each(|problem| tracing::error!("the reload changed nothing: {problem}"));
            }
        }
        reloaded
    }

    fn topology_file(&self) -> Result<Loaded, String> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let (config, _) = Config::inspect(&settings);
        config.topology().and_then(|source| Ok(source.load()?)).map_err(|error| error.to_string())
    }
}

impl Targets {
    fn record_certificate(&self) {
        if let Some(expires) = self.tls.as_ref().and_then(|tls| tls.expires()) {
            metrics::gauge!("alto_certificate_expiry_timestamp_seconds").set(observe::seconds(expires));
        }
    }
}

fn values(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
