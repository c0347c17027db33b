//! What an operator can say. The keys of `server.json` and the flags of the command line are this one type, so they
//! mirror each other by construction.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use structopt::StructOpt;
use structopt::clap::AppSettings;

/// The command line.
#[derive(Clone, Debug, StructOpt)]
#[structopt(
    name = "alto-server",
    about = "Serves a network topology as an ALTO (RFC 7285) service.",
    after_help = "EXAMPLES:\n    \
        alto-server --topology topo/data/two-isps.json --listen 127.0.0.1:8080\n    \
        alto-server --config server.json --check\n    \
        alto-server --topology topo.json routes --json\n\n\
        Clients start at http://ADDRESS:PORT/directory. Every long option is also a key of the file given with\n\
        --config; an option on the command line wins. SIGHUP reads all files again, SIGTERM ends gracefully.\n\n\
        EXIT CODES:\n    \
        0 success   1 failed while running   64 wrong usage   78 a file cannot be used",
    global_settings = &[AppSettings::ColorNever, AppSettings::UnifiedHelpMessage]
)]
pub(crate) struct Flags {
    /// Reads settings from this JSON file (see server.schema.json)
    #[structopt(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Checks all files, says what they hold, and exits
    #[structopt(long)]
    pub(crate) check: bool,

    /// Prints all settings in force, as a file for --config, and exits
    #[structopt(long)]
    pub(crate) print_config: bool,

    #[structopt(flatten)]
    pub(crate) settings: Settings,

    #[structopt(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Clone, Debug, StructOpt)]
pub(crate) enum Command {
    /// Prints the least-cost route between every two hosts, as the server computes it
    Routes(RoutesOptions),
}

/// How routes are printed.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct RoutesOptions {
    /// Prints JSON, one object per ordered pair of hosts
    #[structopt(long)]
    pub(crate) json: bool,

    /// Only routes from this host
    #[structopt(long, value_name = "HOST")]
    pub(crate) from: Option<String>,

    /// Only routes to this host
    #[structopt(long, value_name = "HOST")]
    pub(crate) to: Option<String>,

    /// Also shows up to N routes in all for each pair, best first
    #[structopt(long, value_name = "N", default_value = "1", hide_default_value = true)]
    pub(crate) alternatives: usize,
}

/// Everything that can be set, by file or flag. Whatever is absent has a default.
#[expect(clippy::doc_markdown, reason = "the comments are the help text, where backticks are noise")]
#[derive(Clone, Debug, Default, PartialEq, StructOpt, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schemars(title = "server.json: settings of alto-server")]
pub struct Settings {
    /// The topology to serve
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<PathBuf>,

    /// Address and port to listen on; repeat for several, port 0 picks a free one [default: 127.0.0.1:8080]
    #[structopt(long, value_name = "ADDR:PORT", number_of_values = 1)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<SocketAddr>,

    /// Name of the host in the topology on which this server runs; used by emulations
    #[structopt(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,

    /// Folder for what must survive a restart; without it changes are kept in memory only
    #[structopt(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,

    /// Serves HTTPS with this PEM certificate chain
    #[structopt(long, value_name = "FILE", requires = "tls-key")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_certificate: Option<PathBuf>,

    /// PEM private key of the certificate
    #[structopt(long, value_name = "FILE", requires = "tls-certificate")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,

    /// Clients must authenticate by HTTP Digest as one of the users in this file (NAME:PASSWORD a line)
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_users: Option<PathBuf>,

    /// Realm of HTTP Digest [default: alto]
    #[structopt(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_realm: Option<String>,

    /// Opens /admin to whoever has the bearer token in this file (or in the variable ALTO_ADMIN_TOKEN)
    #[structopt(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_token_file: Option<PathBuf>,

    /// Opens /admin on this Unix socket, to whoever may open the socket
    #[structopt(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_socket: Option<PathBuf>,

    /// Believes X-Forwarded-For of proxies at these addresses; repeat for several
    #[structopt(long, value_name = "PREFIX", number_of_values = 1)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxy: Vec<String>,

    /// Connections open at a time [default: 10000]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,

    /// Requests in work at a time; more get 503 with Retry-After [default: 1024]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent_requests: Option<usize>,

    /// Longest request body of clients [default: 1048576]
    #[structopt(long, value_name = "BYTES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,

    /// Longest list (PIDs, addresses, constraints) in a request [default: 20000]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_list_entries: Option<usize>,

    /// Most pairs of sources and destinations in a request, counted for each of several costs [default: 1000000]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pairs: Option<usize>,

    /// Time for a TLS handshake, and for the first bytes of a connection [default: 5]
    #[structopt(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake_timeout: Option<u64>,

    /// Time for the head of a request, and idle time between requests [default: 30]
    #[structopt(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_timeout: Option<u64>,

    /// Longest pause within a request body [default: 10]
    #[structopt(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_timeout: Option<u64>,

    /// Time for a whole request [default: 30]
    #[structopt(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<u64>,

    /// Time for a client to take what is sent to it [default: 30]
    #[structopt(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_timeout: Option<u64>,

    /// Time for connections to finish at shutdown [default: 10]
    #[structopt(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_timeout: Option<u64>,

    /// How long caches may use a map without asking again [default: 0]
    #[structopt(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,

    /// Leaves out /swarm, the registry of peers
    #[structopt(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_swarm: bool,

    /// How long a peer stays registered without a heartbeat [default: 60]
    #[structopt(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm_lease: Option<u64>,

    /// Peers registered at a time; more get 429 [default: 1000000]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm_max_peers: Option<u32>,

    /// Peers registered at one IPv4 address, or in one IPv6 /64 [default: 256]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm_max_peers_per_address: Option<u32>,

    /// Different files of all peers [default: 200000]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm_max_files: Option<u32>,

    /// Files of one peer; more get 413 [default: 1000]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm_max_files_per_peer: Option<u32>,

    /// Files of the peers at one address, counted for each of them [default: 10000]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm_max_files_per_address: Option<u32>,

    /// Files of all peers, counted for each of them [default: 4000000]
    #[structopt(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm_max_holdings: Option<u32>,

    /// Form of the log on standard error: text or json [default: text]
    #[structopt(long, value_name = "FORM", possible_values = &["text", "json"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<String>,

    /// What is logged: error, warn, info, debug, trace, or a filter such as info,alto_server=debug [default: info]
    #[structopt(long, value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,

    /// Logs every request
    #[structopt(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub access_log: bool,
}
