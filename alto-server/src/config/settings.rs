//! The settings of the operator. One type has the keys of `server.json` and the options of the command line, so that the
//! two always agree.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::LazyLock;

use alto_selection::PolicyName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use structopt::StructOpt;

use super::listeners::{self, Listener, Protocol};
use super::log_format::LogFormat;

/// All settings, each with its default if the operator did not set it.
#[expect(clippy::doc_markdown, reason = "the comments are the help text, where backticks are noise")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the operator")]
#[derive(Clone, Debug, PartialEq, StructOpt, Serialize, Deserialize, JsonSchema)]
// The last text about a program counts, and the parser takes over these options last.
#[structopt(about = "Serves a network topology as an ALTO (RFC 7285) service.")]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schemars(title = "server.json: settings of alto-server")]
pub struct Settings {
    /// Path or URI of the JSON Schema of this file, for editors; it has no other effect
    #[structopt(skip)]
    #[serde(rename = "$schema", skip_serializing)]
    pub schema: Option<String>,
    /// Comment for people: text, or a list of lines
    #[structopt(skip)]
    #[serde(rename = "//", skip_serializing)]
    pub comment: Option<Value>,

    /// Topology file to serve
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<PathBuf>,

    /// Address and port to listen on, [::]:8080 for all of IPv6 and 0.0.0.0:8080 for all of IPv4; may be repeated; port 0 picks a free port, which the log names
    #[structopt(long, default_value = default_of("listen"), value_name = "ADDR:PORT", number_of_values = 1,
        parse(try_from_str = listeners::parse))]
    pub listen: Vec<SocketAddr>,

    /// Address and port of a listener of its own for /admin, /metrics, /healthz and /readyz, which other listeners then do not have; may be repeated
    #[structopt(long, value_name = "ADDR:PORT", number_of_values = 1, parse(try_from_str = listeners::parse))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub admin_listen: Vec<SocketAddr>,

    /// Lets web pages of this origin, such as https://app.example, read answers; * for all; may be repeated
    #[structopt(long, value_name = "ORIGIN", number_of_values = 1)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cors_origin: Vec<String>,

    /// Host of the topology on which this server runs; for emulations
    #[structopt(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,

    /// Folder where changes to the network and the peer registry are saved; without it they end with the process
    #[structopt(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,

    /// Redis in which several servers share network and registry, in place of --state: redis://HOST:PORT, rediss:// with TLS, redis+unix:///PATH, or redis://HOST:PORT,HOST:PORT/?sentinel=NAME&copies=1
    #[structopt(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,

    /// File with the password of --store, or with user and password
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_password_file: Option<PathBuf>,

    /// PEM file with the certificates that may vouch for --store [default: those of the system]
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_ca_file: Option<PathBuf>,

    /// PEM file with the certificate chain for HTTPS, the certificate of the server first
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_certificate: Option<PathBuf>,

    /// PEM file with the private key of the certificate
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,

    /// Requires HTTP Digest authentication as a user in this file, which has one NAME:PASSWORD per line
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_users: Option<PathBuf>,

    /// Realm for HTTP Digest authentication
    #[structopt(long, default_value = default_of("digest-realm"), value_name = "NAME")]
    pub digest_realm: String,

    /// Refuses HTTP Digest authentication by MD5, which is broken but the only algorithm of some clients
    #[structopt(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_digest_md5: bool,

    /// Serves /admin to clients with the bearer token on the first line of this file, or in ALTO_ADMIN_TOKEN
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_token_file: Option<PathBuf>,

    /// Serves /admin on this Unix socket, which only the user of this process can open
    #[structopt(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_socket: Option<PathBuf>,

    /// Trusts X-Forwarded-For from proxies in this prefix; may be repeated
    #[structopt(long, value_name = "PREFIX", number_of_values = 1)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxy: Vec<String>,

    /// Takes the client's address from the PROXY header (version 2) that TCP proxies in this prefix must send; may be repeated
    #[structopt(long, value_name = "PREFIX", number_of_values = 1)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proxy_protocol: Vec<String>,

    /// Minimum time between two network maps that differ by prefixes given through /admin/prefixes
    #[structopt(long, default_value = default_of("map-interval"), value_name = "SECONDS")]
    pub map_interval: u64,

    /// Maximum number of prefixes given through /admin/prefixes
    #[structopt(long, default_value = default_of("max-prefixes"), value_name = "N")]
    pub max_prefixes: usize,

    /// Maximum number of PIDs; cost maps have the square of it
    #[structopt(long, default_value = default_of("max-pids"), value_name = "N")]
    pub max_pids: usize,

    /// Maximum number of open connections; for one more, the longest idle one of the client with the most is closed
    #[structopt(long, default_value = default_of("max-connections"), value_name = "N")]
    pub max_connections: usize,

    /// Maximum number of requests on a connection, which then closes
    #[structopt(long, default_value = default_of("max-requests-per-connection"), value_name = "N")]
    pub max_requests_per_connection: u64,

    /// Maximum number of requests in progress, until the answer has left; more are answered 503 with Retry-After
    #[structopt(long, default_value = default_of("max-concurrent-requests"), value_name = "N")]
    pub max_concurrent_requests: usize,

    /// Maximum number of request bodies that are arriving; more are answered 503 with Retry-After
    #[structopt(long, default_value = default_of("max-arriving-bodies"), value_name = "N")]
    pub max_arriving_bodies: usize,

    /// Maximum memory for requests and answers that wait; more are answered 503 with Retry-After
    #[structopt(long, default_value = default_of("max-waiting-bytes"), value_name = "BYTES")]
    pub max_waiting_bytes: usize,

    /// Maximum memory for the answers that wait on one connection, unless there is only one
    #[structopt(long, default_value = default_of("max-waiting-bytes-per-connection"), value_name = "BYTES")]
    pub max_waiting_bytes_per_connection: usize,

    /// Maximum part of max-concurrent-requests, max-arriving-bodies and max-waiting-bytes for a client (an IPv4 address or an IPv6 /64)
    #[structopt(long, default_value = default_of("max-client-share"), value_name = "PERCENT")]
    pub max_client_share: u8,

    /// Maximum length of a request body
    #[structopt(long, default_value = default_of("max-body-bytes"), value_name = "BYTES")]
    pub max_body_bytes: u64,

    /// Maximum length of a list (PIDs, addresses, constraints) in a request
    #[structopt(long, default_value = default_of("max-list-entries"), value_name = "N")]
    pub max_list_entries: usize,

    /// Maximum number of source-destination pairs in a request, times its number of cost types
    #[structopt(long, default_value = default_of("max-pairs"), value_name = "N")]
    pub max_pairs: usize,

    /// Maximum time for a TLS handshake, and then for the first bytes of a connection
    #[structopt(long, default_value = default_of("handshake-timeout"), value_name = "SECONDS")]
    pub handshake_timeout: u64,

    /// Maximum time for the head of a request, and idle time between requests
    #[structopt(long, default_value = default_of("header-timeout"), value_name = "SECONDS")]
    pub header_timeout: u64,

    /// Maximum pause within a request body
    #[structopt(long, default_value = default_of("body-timeout"), value_name = "SECONDS")]
    pub body_timeout: u64,

    /// Minimum rate of a request body on average, after the first body-timeout seconds
    #[structopt(long, default_value = default_of("min-body-rate"), value_name = "BYTES-PER-SECOND")]
    pub min_body_rate: u64,

    /// Maximum time from the head of a request to the head of its answer
    #[structopt(long, default_value = default_of("request-timeout"), value_name = "SECONDS")]
    pub request_timeout: u64,

    /// Maximum time that a client may leave sent data unacknowledged, or take for 64 KiB of an answer
    #[structopt(long, default_value = default_of("write-timeout"), value_name = "SECONDS")]
    pub write_timeout: u64,

    /// Maximum time for open requests to finish at shutdown
    #[structopt(long, default_value = default_of("drain-timeout"), value_name = "SECONDS")]
    pub drain_timeout: u64,

    /// Time for which caches may use a document without revalidating it
    #[structopt(long, default_value = default_of("max-age"), value_name = "SECONDS")]
    pub max_age: u64,

    /// Minimum time between two updates of a resource that clients are told of
    #[structopt(long, default_value = default_of("update-interval"), value_name = "MILLISECONDS")]
    pub update_interval: u64,

    /// Maximum number of update streams and of requests that wait for an update; more are answered 503 or 429
    #[structopt(long, default_value = default_of("max-streams"), value_name = "N")]
    pub max_streams: usize,

    /// Maximum number of distinct requests whose answers clients follow; more are answered 503 or 429
    #[structopt(long, default_value = default_of("max-followed"), value_name = "N")]
    pub max_followed: usize,

    /// Maximum memory for the versions of each resource that clients follow
    #[structopt(long, default_value = default_of("max-history-bytes"), value_name = "BYTES")]
    pub max_history_bytes: usize,

    /// URI at which clients reach this server, such as https://alto.example/; directory and TIPS views then have absolute URIs
    #[structopt(long, value_name = "URI")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_uri: Option<String>,

    /// Does not serve /ui/, the page for browsers
    #[structopt(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_ui: bool,

    /// Does not serve /swarm, the peer registry
    #[structopt(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_swarm: bool,

    /// Time for which a peer stays registered without a heartbeat
    #[structopt(long, default_value = default_of("swarm-lease"), value_name = "SECONDS")]
    pub swarm_lease: u64,

    /// Maximum number of registered peers; more are answered 429
    #[structopt(long, default_value = default_of("swarm-max-peers"), value_name = "N")]
    pub swarm_max_peers: u32,

    /// Maximum number of peers per IPv4 address or IPv6 /64
    #[structopt(long, default_value = default_of("swarm-max-peers-per-address"), value_name = "N")]
    pub swarm_max_peers_per_address: u32,

    /// Maximum number of distinct files of all peers
    #[structopt(long, default_value = default_of("swarm-max-files"), value_name = "N")]
    pub swarm_max_files: u32,

    /// Maximum number of files per peer; more are answered 413
    #[structopt(long, default_value = default_of("swarm-max-files-per-peer"), value_name = "N")]
    pub swarm_max_files_per_peer: u32,

    /// Maximum number of files per address, counted once per peer
    #[structopt(long, default_value = default_of("swarm-max-files-per-address"), value_name = "N")]
    pub swarm_max_files_per_address: u32,

    /// Maximum number of files of all peers, counted once per peer
    #[structopt(long, default_value = default_of("swarm-max-holdings"), value_name = "N")]
    pub swarm_max_holdings: u32,

    /// Serves a BitTorrent tracker at /tracker/announce, whose answers name peers that are near in the network
    #[structopt(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tracker: bool,

    /// Address and port of a listener for the tracker only, at /announce over HTTP; may be repeated
    #[structopt(long, value_name = "ADDR:PORT", number_of_values = 1, parse(try_from_str = listeners::parse))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracker_listen: Vec<SocketAddr>,

    /// Address and port of the tracker over UDP; may be repeated
    #[structopt(long, value_name = "ADDR:PORT", number_of_values = 1, parse(try_from_str = listeners::parse))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracker_udp: Vec<SocketAddr>,

    /// Way in which the tracker chooses peers: alto, nearest, best or random
    #[structopt(long, default_value = default_of("tracker-policy"), value_name = "POLICY")]
    pub tracker_policy: PolicyName,

    /// Maximum number of peers in an answer from outside the PID of the client and near ones; give half of what is wanted
    #[structopt(long, default_value = default_of("tracker-outsiders"), value_name = "N")]
    pub tracker_outsiders: usize,

    /// Maximum number of peers in an answer of the tracker
    #[structopt(long, default_value = default_of("tracker-answer-peers"), value_name = "N")]
    pub tracker_answer_peers: u32,

    /// Time after which BitTorrent peers are asked to announce again; they are forgotten half of that later
    #[structopt(long, default_value = default_of("tracker-interval"), value_name = "SECONDS")]
    pub tracker_interval: u32,

    /// Time within which BitTorrent peers are asked not to announce again
    #[structopt(long, default_value = default_of("tracker-min-interval"), value_name = "SECONDS")]
    pub tracker_min_interval: u32,

    /// Maximum number of peers of all torrents, counted once per torrent
    #[structopt(long, default_value = default_of("tracker-max-peers"), value_name = "N")]
    pub tracker_max_peers: u32,

    /// Maximum number of peers per IPv4 address or IPv6 /64, counted once per torrent
    #[structopt(long, default_value = default_of("tracker-max-peers-per-address"), value_name = "N")]
    pub tracker_max_peers_per_address: u32,

    /// Maximum number of torrents with peers
    #[structopt(long, default_value = default_of("tracker-max-torrents"), value_name = "N")]
    pub tracker_max_torrents: u32,

    /// Maximum number of connects, and of other requests, that are answered per second over UDP and address
    #[structopt(long, default_value = default_of("tracker-max-udp-rate"), value_name = "PER-SECOND")]
    pub tracker_max_udp_rate: u32,

    /// Serves only the torrents in this file, one INFOHASH per line, optionally followed by a policy for it
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracker_torrents: Option<PathBuf>,

    /// Does not serve the torrents in this file, one INFOHASH per line
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracker_blocked_torrents: Option<PathBuf>,

    /// Requires one of the passkeys in this file in the path, as in /tracker/PASSKEY/announce; one per line
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracker_passkeys: Option<PathBuf>,

    /// Saves the peers of the tracker in the folder of --state, so that they survive a restart
    #[structopt(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tracker_save: bool,

    /// Format of the log on standard error
    #[structopt(long, default_value = default_of("log-format"), value_name = "FORMAT", possible_values = &["text", "json"])]
    pub log_format: LogFormat,

    /// Log level (error, warn, info, debug, trace) or filter such as info,alto_server=debug
    #[structopt(long, default_value = default_of("log-level"), value_name = "FILTER")]
    pub log_level: String,

    /// Writes a log line for every request, in the combined form of web servers or, in JSON, as fields
    #[structopt(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub access_log: bool,

    /// Leaves address, user, agent and referrer of clients out of the access log
    #[structopt(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub access_log_anonymous: bool,
}

/// The one place of all defaults, which help text, JSON schema and file share.
impl Default for Settings {
    fn default() -> Self {
        Self {
            schema: None,
            comment: None,
            topology: None,
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
            admin_listen: Vec::new(),
            cors_origin: Vec::new(),
            host: None,
            state: None,
            store: None,
            store_password_file: None,
            store_ca_file: None,
            tls_certificate: None,
            tls_key: None,
            digest_users: None,
            digest_realm: "alto".to_owned(),
            no_digest_md5: false,
            admin_token_file: None,
            admin_socket: None,
            trusted_proxy: Vec::new(),
            proxy_protocol: Vec::new(),
            map_interval: 30,
            max_prefixes: 4_000_000,
            max_pids: 4000,
            max_connections: 10_000,
            max_requests_per_connection: 1_000_000,
            max_concurrent_requests: 4096,
            max_arriving_bodies: 4096,
            max_waiting_bytes: 256 * 1024 * 1024,
            max_waiting_bytes_per_connection: 32 * 1024 * 1024,
            max_client_share: 75,
            max_body_bytes: 1024 * 1024,
            max_list_entries: 20_000,
            max_pairs: 1_000_000,
            handshake_timeout: 5,
            header_timeout: 30,
            body_timeout: 10,
            min_body_rate: 1024,
            request_timeout: 30,
            write_timeout: 30,
            drain_timeout: 10,
            max_age: 0,
            update_interval: 200,
            max_streams: 10_000,
            max_followed: 1000,
            max_history_bytes: 64 * 1024 * 1024,
            base_uri: None,
            no_ui: false,
            no_swarm: false,
            swarm_lease: 60,
            swarm_max_peers: 1_000_000,
            swarm_max_peers_per_address: 256,
            swarm_max_files: 200_000,
            swarm_max_files_per_peer: 1000,
            swarm_max_files_per_address: 10_000,
            swarm_max_holdings: 4_000_000,
            tracker: false,
            tracker_listen: Vec::new(),
            tracker_udp: Vec::new(),
            tracker_policy: PolicyName::Alto,
            tracker_outsiders: 1,
            tracker_answer_peers: 50,
            tracker_interval: 1800,
            tracker_min_interval: 60,
            tracker_max_peers: 2_000_000,
            tracker_max_peers_per_address: 1000,
            tracker_max_torrents: 200_000,
            tracker_max_udp_rate: 1000,
            tracker_torrents: None,
            tracker_blocked_torrents: None,
            tracker_passkeys: None,
            tracker_save: false,
            log_format: LogFormat::Text,
            log_level: "info".to_owned(),
            access_log: false,
            access_log_anonymous: false,
        }
    }
}

/// Returns the text of a default, which the command line shows and parses.
fn default_of(key: &'static str) -> &'static str {
    static TEXTS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
        let text = |value: Value| match value {
            // Lists have one default element.
            Value::Array(list) => list.into_iter().next().unwrap_or_default(),
            Value::Number(number) => Value::String(number.to_string()),
            other => other,
        };
        object(&Settings::default()).into_iter().map(|(key, value)| (key, text(value))).collect()
    });
    TEXTS[key].as_str().expect("every default that is shown is a text or a number")
}

fn object(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(object)) => object,
        _ => unreachable!("settings are an object of plain data"),
    }
}

impl Settings {
    /// Lists all listeners.
    pub(super) fn listeners(&self) -> Vec<Listener> {
        let of = |key, addresses: &[SocketAddr], protocol| -> Vec<Listener> {
            addresses.iter().map(|address| Listener { key, address: *address, protocol }).collect()
        };
        [
            of("listen", &self.listen, Protocol::Tcp),
            of("admin-listen", &self.admin_listen, Protocol::Tcp),
            of("tracker-listen", &self.tracker_listen, Protocol::Tcp),
            of("tracker-udp", &self.tracker_udp, Protocol::Udp),
        ]
        .concat()
    }

    /// Replaces the values whose keys `is_given` accepts by those of `options`.
    pub(crate) fn overridden_by(&self, options: &Self, is_given: impl Fn(&str) -> bool) -> Self {
        let mut merged = object(self);
        merged.extend(object(options).into_iter().filter(|(key, _)| is_given(key)));
        serde_json::from_value(Value::Object(merged)).expect("every value was one of this type")
    }

    /// Formats the settings as a settings file.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("settings are plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_given_options_override_the_file() {
        let file = Settings { access_log: true, no_swarm: true, max_pairs: 7, ..Settings::default() };
        let options = Settings { max_pairs: 8, log_format: LogFormat::Json, ..Settings::default() };
        let merged = file.overridden_by(&options, |key| key == "log-format");
        assert_eq!(merged, Settings { log_format: LogFormat::Json, ..file });
    }
}
