//! Settings made whole: file and flags merged, defaults filled in, values checked.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alto_registry::Limits;
use ipnet::IpNet;
use rand::RngExt as _;
use serde_json::Value;
use topo::{Topology, View};

use crate::admin::token::Token;
use crate::app::RequestLimits;
use crate::http::digest::{Authenticator, UsersError};
use crate::http::serve::ConnectionLimits;
use crate::http::stack::StackLimits;
use crate::http::tls::{Tls, TlsError};
use crate::service::WorkLimits;
use crate::settings::{Flags, Settings};

/// Environment variable with the admin token, for those who do not want it in a file.
const TOKEN_VARIABLE: &str = "ALTO_ADMIN_TOKEN";

/// All settings, checked as far as that is possible without opening files.
#[derive(Clone)]
pub(crate) struct Config {
    /// With every default filled in.
    settings: Settings,
    trusted_proxies: Vec<IpNet>,
}

/// Why the program cannot start with what it was given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}; alto-server --help lists all keys", path.display())]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error("no topology: give --topology FILE, or \"topology\" in the file given with --config")]
    NoTopology,
    #[error("trusted-proxy: {0:?} is neither an address nor a prefix such as 192.0.2.0/24")]
    TrustedProxy(String),
    #[error("{key}: 0 would let nothing through; give 1 or more")]
    Zero { key: &'static str },
    #[error("digest-realm: {0:?} has a quote, a backslash or a control character; leave it out")]
    Realm(String),
    #[error("tls-certificate and tls-key go together: give both or none")]
    HalfTls,
    #[error("host: {host:?} is not a host of the topology {}", topology.display())]
    UnknownHost { host: String, topology: PathBuf },
    #[error("log-level: {0}")]
    LogLevel(String),
    #[error(transparent)]
    Topology(#[from] topo::TopologyError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Token(#[from] crate::admin::token::TokenError),
}

impl Config {
    /// Merges the flags over the file they name, and both over the defaults.
    pub(crate) fn resolve(flags: Flags) -> Result<Self, ConfigError> {
        let file = match &flags.config {
            None => Settings::default(),
            Some(path) => read(path)?,
        };
        let settings = overlay(&defaults(), overlay(&file, flags.settings));
        let trusted_proxies = settings
            .trusted_proxy
            .iter()
            .map(|text| parse_prefix(text).ok_or_else(|| ConfigError::TrustedProxy(text.clone())))
            .collect::<Result<_, _>>()?;
        let config = Self { settings, trusted_proxies };
        config.check_values()?;
        Ok(config)
    }

    fn check_values(&self) -> Result<(), ConfigError> {
        let s = &self.settings;
        let counts = [
            ("max-connections", s.max_connections.map(|n| n as u64)),
            ("max-concurrent-requests", s.max_concurrent_requests.map(|n| n as u64)),
            ("max-body-bytes", s.max_body_bytes),
            ("max-list-entries", s.max_list_entries.map(|n| n as u64)),
            ("max-pairs", s.max_pairs.map(|n| n as u64)),
            ("swarm-lease", s.swarm_lease),
            ("swarm-max-peers", s.swarm_max_peers.map(u64::from)),
            ("swarm-max-peers-per-address", s.swarm_max_peers_per_address.map(u64::from)),
            ("swarm-max-files", s.swarm_max_files.map(u64::from)),
            ("swarm-max-files-per-peer", s.swarm_max_files_per_peer.map(u64::from)),
            ("swarm-max-files-per-address", s.swarm_max_files_per_address.map(u64::from)),
            ("swarm-max-holdings", s.swarm_max_holdings.map(u64::from)),
            ("handshake-timeout", s.handshake_timeout),
            ("header-timeout", s.header_timeout),
            ("body-timeout", s.body_timeout),
            ("request-timeout", s.request_timeout),
            ("write-timeout", s.write_timeout),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, value)| *value == Some(0)) {
            return Err(ConfigError::Zero { key });
        }
        if s.tls_certificate.is_some() != s.tls_key.is_some() {
            return Err(ConfigError::HalfTls);
        }
        let realm = s.digest_realm.as_deref().unwrap_or_default();
        if realm.chars().any(|c| c.is_control() || "\"\\".contains(c)) {
            return Err(ConfigError::Realm(realm.to_owned()));
        }
        Ok(())
    }

    /// Opens every file that is named, and tells what is in them.
    pub(crate) fn check(&self) -> Result<String, ConfigError> {
        let topology = Arc::new(self.load_topology()?);
        let mut summary = String::new();
        for warning in topology.warnings() {
            let _ = writeln!(summary, "warning: {warning}");
        }
        let view = View::compute(Arc::clone(&topology));
        self.tls()?;
        self.authenticator()?;
        self.admin_token()?;
        let map = view.network_map();
        let _ = write!(
            summary,
            "{}: {} hosts, {} switches, {} links, {} PIDs, {} prefixes; all files are in order",
            topology.name(),
            topology.hosts().count(),
            topology.switches().count(),
            topology.links().count(),
            map.len(),
            map.prefix_count()
        );
        Ok(summary)
    }

    /// Reads the topology file, and checks that this server's host is in it.
    pub(crate) fn load_topology(&self) -> Result<Topology, ConfigError> {
        let path = self.topology_path()?;
        let topology = Topology::from_path(path)?;
        match &self.settings.host {
            Some(host) if !topology.hosts().any(|h| h.name().as_str() == host) => {
                Err(ConfigError::UnknownHost { host: host.clone(), topology: path.to_owned() })
            }
            _ => Ok(topology),
        }
    }

    pub(crate) fn topology_path(&self) -> Result<&Path, ConfigError> {
        self.settings.topology.as_deref().ok_or(ConfigError::NoTopology)
    }

    pub(crate) fn tls(&self) -> Result<Option<Tls>, ConfigError> {
        match (&self.settings.tls_certificate, &self.settings.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some(Tls::load(certificate, key)?)),
            _ => Ok(None),
        }
    }

    pub(crate) fn authenticator(&self) -> Result<Option<Authenticator>, ConfigError> {
        let Some(users) = &self.settings.digest_users else { return Ok(None) };
        let realm = self.settings.digest_realm.as_deref().unwrap_or_default();
        Ok(Some(Authenticator::from_file(users, realm, rand::rng().random())?))
    }

    /// The token that opens `/admin` over TCP, if there is one.
    pub(crate) fn admin_token(&self) -> Result<Option<Token>, ConfigError> {
        match (&self.settings.admin_token_file, std::env::var(TOKEN_VARIABLE)) {
            (Some(path), _) => Ok(Some(Token::from_file(path)?)),
            (None, Ok(token)) => Ok(Some(Token::new(&token, TOKEN_VARIABLE)?)),
            (None, Err(_)) => Ok(None),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn trusted_proxies(&self) -> Vec<IpNet> {
        self.trusted_proxies.clone()
    }

    pub(crate) fn request_limits(&self) -> RequestLimits {
        let s = &self.settings;
        RequestLimits {
            body_bytes: s.max_body_bytes.unwrap_or_default(),
            work: WorkLimits {
                list_entries: s.max_list_entries.unwrap_or_default(),
                pairs: s.max_pairs.unwrap_or_default(),
            },
            max_age: seconds(s.max_age),
            drain: seconds(s.drain_timeout),
        }
    }

    /// The limits of the registry of peers; nothing where there is none.
    pub(crate) fn swarm_limits(&self) -> Option<Limits> {
        let s = &self.settings;
        (!s.no_swarm).then(|| Limits {
            lease: seconds(s.swarm_lease),
            peers: s.swarm_max_peers.unwrap_or_default(),
            peers_per_address: s.swarm_max_peers_per_address.unwrap_or_default(),
            files: s.swarm_max_files.unwrap_or_default(),
            files_per_peer: s.swarm_max_files_per_peer.unwrap_or_default(),
            files_per_address: s.swarm_max_files_per_address.unwrap_or_default(),
            holdings: s.swarm_max_holdings.unwrap_or_default(),
        })
    }

    pub(crate) fn stack_limits(&self) -> StackLimits {
        let s = &self.settings;
        StackLimits {
            concurrent_requests: s.max_concurrent_requests.unwrap_or_default(),
            request: seconds(s.request_timeout),
            body: seconds(s.body_timeout),
            access_log: s.access_log,
        }
    }

    pub(crate) fn connection_limits(&self) -> ConnectionLimits {
        let s = &self.settings;
        ConnectionLimits {
            connections: s.max_connections.unwrap_or_default(),
            handshake: seconds(s.handshake_timeout),
            header: seconds(s.header_timeout),
            write: seconds(s.write_timeout),
            drain: seconds(s.drain_timeout),
        }
    }

    /// The settings in force, as a file for `--config`.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.settings).expect("settings are plain data")
    }
}

fn seconds(value: Option<u64>) -> Duration {
    Duration::from_secs(value.unwrap_or_default())
}

/// The defaults, each stated once more in the help text of its flag; a test holds the two together.
fn defaults() -> Settings {
    Settings {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
        digest_realm: Some("alto".to_owned()),
        max_connections: Some(10_000),
        max_concurrent_requests: Some(1024),
        max_body_bytes: Some(1024 * 1024),
        max_list_entries: Some(20_000),
        max_pairs: Some(1_000_000),
        handshake_timeout: Some(5),
        header_timeout: Some(30),
        body_timeout: Some(10),
        request_timeout: Some(30),
        write_timeout: Some(30),
        drain_timeout: Some(10),
        max_age: Some(0),
        swarm_lease: Some(60),
        swarm_max_peers: Some(1_000_000),
        swarm_max_peers_per_address: Some(256),
        swarm_max_files: Some(200_000),
        swarm_max_files_per_peer: Some(1000),
        swarm_max_files_per_address: Some(10_000),
        swarm_max_holdings: Some(4_000_000),
        log_format: Some("text".to_owned()),
        log_level: Some("info".to_owned()),
        ..Settings::default()
    }
}

/// `over` wins, key by key, where it says anything.
fn overlay(under: &Settings, over: Settings) -> Settings {
    let object = |settings: &Settings| match serde_json::to_value(settings) {
        Ok(Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    let mut merged = object(under);
    merged.extend(object(&over));
    serde_json::from_value(Value::Object(merged)).unwrap_or(over)
}

fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let mut settings: Settings =
        serde_json::from_slice(&text).map_err(|source| ConfigError::Malformed { path: path.to_owned(), source })?;
    // Paths in a file are relative to the file, so that a folder with all of them can be moved.
    let folder = path.parent().unwrap_or(Path::new(""));
    for named in [
        &mut settings.topology,
        &mut settings.state,
        &mut settings.tls_certificate,
        &mut settings.tls_key,
        &mut settings.digest_users,
        &mut settings.admin_token_file,
        &mut settings.admin_socket,
    ]
    .into_iter()
    .flatten()
    {
        *named = folder.join(&*named);
    }
    Ok(settings)
}

fn parse_prefix(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()))
}
