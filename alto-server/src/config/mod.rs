//! The configuration: settings checked and converted once, for the parts that use them.

mod check;
mod error;
pub(crate) mod file;
mod files;
pub(crate) mod listeners;
mod log_filter;
pub(crate) mod log_format;
pub(crate) mod settings;
mod tracker;

use std::path::PathBuf;
use std::time::Duration;

use alto_registry::Limits;
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use crate::http::accept::ConnectionLimits;
use crate::http::admission::{AdmissionLimits, Pace};
use crate::http::cors::Origins;
use crate::http::digest::Algorithms;
use crate::http::metering::AccessLog;
use crate::http::stack::StackSettings;
use crate::resource::limits::WorkLimits;
use crate::state::network::feeds::FeedLimits;
use crate::state::source::TopologySource;
use crate::tracker::access::Access;
use crate::tracker::service::TrackerSettings;
use crate::update::hub::UpdateLimits;
pub(crate) use error::ConfigError;
use files::SecretFiles;
use listeners::Listener;
use log_format::LogFormat;
use settings::Settings;

/// Number of versions of a resource that are kept for clients that follow it.
const VERSIONS: usize = 1000;
/// Time for which a version is kept once there is a newer one, and anything that is followed once nobody follows it.
const VERSION_AGE: Duration = Duration::from_mins(5);
/// Longest time without a line on an update stream (RFC 8895 §6.8).
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where the store is that several servers share, and the files for it.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "this program has no Redis"))]
pub(crate) struct StoreSettings {
    pub(crate) address: String,
    pub(crate) password: Option<PathBuf>,
    pub(crate) authorities: Option<PathBuf>,
}

/// Checked configuration. The files that it names are not open yet.
pub(crate) struct Config {
    topology: Option<TopologySource>,
    /// Limits of the prefixes that other programs give to PIDs.
    pub(crate) feeds: FeedLimits,
    /// Every listener, of whatever purpose.
    listeners: Vec<Listener>,
    /// Folder for everything that must survive a restart.
    pub(crate) state: Option<PathBuf>,
    /// Store that several servers share, in place of the folder.
    pub(crate) store: Option<StoreSettings>,
    pub(crate) admin_socket: Option<PathBuf>,
    pub(crate) files: SecretFiles,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) tcp_proxies: Vec<IpNet>,
    pub(crate) connections: ConnectionLimits,
    pub(crate) admission: AdmissionLimits,
    pub(crate) stack: StackSettings,
    /// URI of the server, which ends with a slash; absent if the directory has relative URIs.
    pub(crate) base_uri: Option<String>,
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
    pub(crate) tracker: Option<TrackerSettings>,
    /// Limits on updates.
    pub(crate) updates: UpdateLimits,
    pub(crate) log_format: LogFormat,
    pub(crate) log_filter: EnvFilter,
}

impl Config {
    /// Checks and converts settings.
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let (config, problems) = Self::inspect(settings);
        ConfigError::of_all(problems).map_or(Ok(config), Err)
    }

    /// Converts settings, and lists what is wrong with them. Only where nothing is, they can be used.
    pub(crate) fn inspect(settings: &Settings) -> (Self, Vec<ConfigError>) {
        (Self::convert(settings), check::problems(settings))
    }

    fn convert(settings: &Settings) -> Self {
        let s = settings.clone();
        let tracker = tracker::convert(&s);
        let tls = s.tls_certificate.zip(s.tls_key);
        let log_filter = log_filter::parse(&s.log_level).unwrap_or_default();
        let proxies = |texts: &[String]| texts.iter().filter_map(|text| check::prefix(text)).collect();
        let feeds = FeedLimits {
            map_interval: Duration::from_secs(s.map_interval),
            prefixes: s.max_prefixes,
            pids: s.max_pids,
        };
        // Without a file, the network comes through /admin, if that exists.
        let is_administered =
            s.admin_token_file.is_some() || s.admin_socket.is_some() || files::has_admin_token_variable();
        let (has_topology, host) = (s.topology.is_some() || is_administered, s.host);
        Self {
            topology: has_topology.then(|| TopologySource::new(s.topology, host, feeds.pids)),
            feeds,
            listeners: settings.listeners(),
            state: s.state,
            store: s.store.map(|address| StoreSettings {
                address,
                password: s.store_password_file,
                authorities: s.store_ca_file,
            }),
            admin_socket: s.admin_socket,
            files: SecretFiles {
                tls,
                digest_users: s.digest_users,
                digest_realm: s.digest_realm,
                digest_algorithms: if s.no_digest_md5 { Algorithms::Sha256 } else { Algorithms::Sha256AndMd5 },
                admin_token: s.admin_token_file,
            },
            trusted_proxies: proxies(&s.trusted_proxy),
            tcp_proxies: proxies(&s.proxy_protocol),
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
            stack: StackSettings {
                request: Duration::from_secs(s.request_timeout),
                access_log: s.access_log.then_some(AccessLog {
                    is_anonymous: s.access_log_anonymous,
                    has_fields: s.log_format == LogFormat::Json,
                }),
                origins: Origins::new(&s.cors_origin),
            },
            base_uri: s.base_uri.as_deref().and_then(check::base_uri),
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
            log_format: s.log_format,
            log_filter,
        }
    }

    /// Listeners of all settings.
    pub(crate) fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Listeners of one setting.
    pub(crate) fn listeners_of(&self, key: &str) -> impl Iterator<Item = Listener> {
        self.listeners.iter().copied().filter(move |listener| listener.key == key)
    }

    /// Reads the lists of the tracker, if there is one.
    pub(crate) fn tracker_lists(&self) -> Result<Option<Access>, ConfigError> {
        Ok(self.tracker.as_ref().map(|tracker| Access::read(&tracker.files)).transpose()?)
    }

    /// Topology file, which every command but `--print-config` needs.
    pub(crate) fn topology(&self) -> Result<&TopologySource, ConfigError> {
        self.topology.as_ref().ok_or(ConfigError::NoTopology)
    }
}
