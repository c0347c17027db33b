//! The configuration: settings checked and converted once, for the parts that use them.

mod files;
pub(crate) mod settings;
pub(crate) mod tracker;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use alto_registry::Limits;
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use crate::admin::socket::SocketError;
use crate::admin::token::TokenError;
use crate::http::accept::ConnectionLimits;
use crate::http::admission::{AdmissionLimits, Pace};
use crate::http::digest::{Algorithms, UsersError};
use crate::http::stack::StackLimits;
use crate::http::tls::TlsError;
use crate::resource::limits::WorkLimits;
use crate::state::network::feeds::FeedLimits;
use crate::state::source::{SourceError, TopologySource};
use crate::tracker::access::{Access, AccessError};
use crate::update::hub::UpdateLimits;
use files::SecretFiles;
use settings::{LogFormat, Settings};
use tracker::TrackerConfig;

/// Number of versions of a resource that are kept for clients that follow it.
const VERSIONS: usize = 1000;
/// Time for which a version is kept once there is a newer one, and anything that is followed once nobody follows it.
const VERSION_AGE: Duration = Duration::from_mins(5);
/// Longest time without a line on an update stream (RFC 8895 §6.8).
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Checked configuration. The files that it names are not open yet.
pub(crate) struct Config {
    topology: Option<TopologySource>,
    /// Limits of the prefixes that other programs give to PIDs.
    pub(crate) feeds: FeedLimits,
    pub(crate) listen: Vec<SocketAddr>,
    /// Folder for everything that must survive a restart.
    pub(crate) state: Option<PathBuf>,
    pub(crate) admin_socket: Option<PathBuf>,
    pub(crate) files: SecretFiles,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) tcp_proxies: Vec<IpNet>,
    pub(crate) connections: ConnectionLimits,
    pub(crate) admission: AdmissionLimits,
    pub(crate) stack: StackLimits,
    pub(crate) work: WorkLimits,
    /// Longest request body of clients, in bytes.
    pub(crate) body_bytes: u64,
    /// Time for which caches may use a document without revalidating it.
    pub(crate) max_age: Duration,
    /// Whether the page for browsers is served.
    pub(crate) page: bool,
    /// Limits of the peer registry; absent if it is not served.
    pub(crate) swarm: Option<Limits>,
    /// BitTorrent tracker; absent if it is not served.
    pub(crate) tracker: Option<TrackerConfig>,
    /// Limits on updates.
    pub(crate) updates: UpdateLimits,
    /// Absolute URI of the root, without a slash at its end.
    pub(crate) base_uri: Option<String>,
    pub(crate) log_format: LogFormat,
    pub(crate) log_filter: EnvFilter,
}

/// Reason why the program cannot start with its settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{}: cannot read the file: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}; alto-server --help lists all keys", path.display())]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error(
        "no topology: give --topology FILE, or \"topology\" in the file given with --config; or admin-socket or \
         admin-token-file, through which the topology then has to come"
    )]
    NoTopology,
    #[error("listen: the list is empty; give at least one ADDRESS:PORT")]
    NoAddress,
    #[error("{key}: {text:?} is neither an address nor a prefix such as 192.0.2.0/24")]
    Proxy { key: &'static str, text: String },
    #[error("{key}: 0 would refuse everything; give 1 or more")]
    Zero { key: &'static str },
    #[error("max-client-share: {0} percent is more than everything; give 1 to 100")]
    ClientShare(u8),
    #[error("{key}: there is no tracker; give --tracker as well, or remove this")]
    NoTracker { key: &'static str },
    #[error("base-uri: {0:?} is not of the form https://alto.example or http://alto.example:8080/prefix, in ASCII")]
    BaseUri(String),
    #[error("tracker-save: there is no folder to save in; give --state DIR as well")]
    NoStateForTracker,
    #[error("digest-realm: {0:?} contains a quote, a backslash or a control character; remove it")]
    Realm(String),
    #[error("tls-certificate and tls-key belong together: give both or neither")]
    HalfTls,
    #[error("log-level: {level:?} is neither a level nor a filter: {source}; try: info,alto_server=debug")]
    LogLevel { level: String, source: tracing_subscriber::filter::ParseError },
    #[error(transparent)]
    AdminSocket(#[from] SocketError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Tracker(#[from] AccessError),
}

impl Config {
    /// Checks and converts settings.
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let s = settings.clone();
        check_limits(&s)?;
        if s.max_client_share > 100 {
            return Err(ConfigError::ClientShare(s.max_client_share));
        }
        let tracker = TrackerConfig::new(&s)?;
        if s.listen.is_empty() {
            return Err(ConfigError::NoAddress);
        }
        if s.digest_realm.chars().any(|c| c.is_control() || "\"\\".contains(c)) {
            return Err(ConfigError::Realm(s.digest_realm));
        }
        let tls = match (s.tls_certificate, s.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => return Err(ConfigError::HalfTls),
        };
        let proxies = |key, texts: &[String]| -> Result<Vec<IpNet>, ConfigError> {
            let proxy =
                |text: &String| parse_prefix(text).ok_or_else(|| ConfigError::Proxy { key, text: text.clone() });
            texts.iter().map(proxy).collect()
        };
        let log_filter = EnvFilter::try_new(&s.log_level)
            .map_err(|source| ConfigError::LogLevel { level: s.log_level.clone(), source })?;
        let feeds = FeedLimits {
            map_interval: Duration::from_secs(s.map_interval),
            prefixes: s.max_prefixes,
            pids: s.max_pids,
        };
        // Without a file, the network comes through /admin, if that exists.
        let is_administered =
            s.admin_token_file.is_some() || s.admin_socket.is_some() || files::has_admin_token_variable();
        let (has_topology, host) = (s.topology.is_some() || is_administered, s.host);
        Ok(Self {
            topology: has_topology.then(|| TopologySource::new(s.topology, host, feeds.pids)),
            feeds,
            listen: s.listen,
            state: s.state,
            admin_socket: s.admin_socket,
            files: SecretFiles {
                tls,
                digest_users: s.digest_users,
                digest_realm: s.digest_realm,
                digest_algorithms: if s.no_digest_md5 { Algorithms::Sha256 } else { Algorithms::Sha256AndMd5 },
                admin_token: s.admin_token_file,
            },
            trusted_proxies: proxies("trusted-proxy", &s.trusted_proxy)?,
            tcp_proxies: proxies("proxy-protocol", &s.proxy_protocol)?,
            connections: ConnectionLimits {
                connections: s.max_connections,
                requests: s.max_requests_per_connection,
                handshake: Duration::from_secs(s.handshake_timeout),
                header: Duration::from_secs(s.header_timeout),
                write: Duration::from_secs(s.write_timeout),
                drain: Duration::from_secs(s.drain_timeout),
            },
            admission: AdmissionLimits {
                requests: s.max_concurrent_requests,
                arriving: s.max_arriving_bodies,
                waiting: s.max_waiting_bytes,
                waiting_per_connection: s.max_waiting_bytes_per_connection,
                portion: usize::from(s.max_client_share),
                streams: s.max_streams,
                followed: s.max_followed,
                pace: Pace { pause: Duration::from_secs(s.body_timeout), rate: s.min_body_rate },
            },
            stack: StackLimits { request: Duration::from_secs(s.request_timeout), access_log: s.access_log },
            work: WorkLimits { list_entries: s.max_list_entries, pairs: s.max_pairs },
            body_bytes: s.max_body_bytes,
            max_age: Duration::from_secs(s.max_age),
            page: !s.no_ui,
            swarm: (!s.no_swarm).then_some(Limits {
                lease: Duration::from_secs(s.swarm_lease),
                peers: s.swarm_max_peers,
                peers_per_address: s.swarm_max_peers_per_address,
                files: s.swarm_max_files,
                files_per_peer: s.swarm_max_files_per_peer,
                files_per_address: s.swarm_max_files_per_address,
                holdings: s.swarm_max_holdings,
            }),
            tracker,
            updates: UpdateLimits {
                interval: Duration::from_millis(s.update_interval),
                history: alto_history::Limits { bytes: s.max_history_bytes, versions: VERSIONS, age: VERSION_AGE },
                idle: VERSION_AGE,
                keep_alive: KEEP_ALIVE,
            },
            base_uri: s.base_uri.map(base_uri).transpose()?,
            log_format: s.log_format,
            log_filter,
        })
    }

    /// Reads the lists of the tracker, if there is one.
    pub(crate) fn check_tracker_files(&self) -> Result<(), ConfigError> {
        if let Some(tracker) = &self.tracker {
            Access::read(&tracker.settings.files)?;
        }
        Ok(())
    }

    /// Topology file, which every command but `--print-config` needs.
    pub(crate) fn topology(&self) -> Result<&TopologySource, ConfigError> {
        self.topology.as_ref().ok_or(ConfigError::NoTopology)
    }
}

/// Refuses limits of zero, which would refuse every request.
fn check_limits(s: &Settings) -> Result<(), ConfigError> {
    let limits = [
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
    ];
    match limits.into_iter().find(|(_, is_zero)| *is_zero) {
        Some((key, _)) => Err(ConfigError::Zero { key }),
        None => Ok(()),
    }
}

/// Checks an absolute URI without query, and removes the slash at its end (RFC 9569 §6.2).
fn base_uri(text: String) -> Result<String, ConfigError> {
    let parsed = text.parse::<http::Uri>().ok().filter(|_| text.is_ascii() && !text.contains(['?', '#', '@']));
    let is_absolute = parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if is_absolute { Ok(text.trim_end_matches('/').to_owned()) } else { Err(ConfigError::BaseUri(text)) }
}

fn parse_prefix(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()))
}
