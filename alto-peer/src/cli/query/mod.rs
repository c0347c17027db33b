//! `alto-peer query`: queries an ALTO server, with tables for people and JSON for programs.

mod cost_columns;
mod cost_options;
mod directory;
mod endpoints;
mod lists;
mod maps;
mod property_map;
mod table;
mod watch;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use alto_types::TypedEndpointAddr;
use serde::Serialize;
use structopt::StructOpt;
use structopt::clap::AppSettings;
use tracing_subscriber::EnvFilter;

use super::access::{AccessError, AccessOptions};
use alto_client::Client;
use command_line::{Exit, note};

/// Subcommands of `query`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(
    after_help = "EXAMPLES:\n    \
        alto-peer query directory http://alto.example/directory\n    \
        alto-peer query pid http://alto.example/directory 192.0.2.7 2001:db8::1\n    \
        alto-peer query costs http://alto.example/directory --to 192.0.2.7,198.51.100.1 --mode ordinal\n    \
        alto-peer query costs http://alto.example/directory --to 192.0.2.7 --metric delay-ow,lossrate,bw-available\n    \
        alto-peer query watch http://alto.example/directory network-map cost-map-routingcost\n    \
        alto-peer query cost-map http://alto.example/directory --metric hopcount --json | jq '.\"cost-map\"'\n\n\
        `alto-peer query WHAT --help` has more of them.\n\n\
        EXIT CODES:\n    \
        0 success   1 no answer, or an error of the server   64 wrong usage   78 a file cannot be used",
    setting = AppSettings::SubcommandRequiredElseHelp
)]
pub(crate) enum Query {
    /// Lists the resources of a server, including those of directories that it delegates to
    Directory(directory::DirectoryOptions),
    /// Shows PIDs and their prefixes
    NetworkMap(maps::NetworkMapOptions),
    /// Shows the costs between PIDs
    CostMap(maps::CostMapOptions),
    /// Shows the PIDs of addresses
    Pid(endpoints::PidOptions),
    /// Shows the costs between addresses
    Costs(endpoints::CostsOptions),
    /// Shows properties of addresses
    Property(endpoints::PropertyOptions),
    /// Shows properties of addresses, prefixes and PIDs (RFC 9240)
    PropertyMap(property_map::PropertyMapOptions),
    /// Prints what changes in resources, as it changes
    Watch(watch::WatchOptions),
}

/// Options of all queries.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct CommonOptions {
    /// URI of the server's directory
    #[structopt(value_name = "URI")]
    uri: String,

    #[structopt(flatten)]
    access: AccessOptions,

    /// Connects from this local address, which the server then sees
    #[structopt(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,

    /// Prints the answer as JSON
    #[structopt(long)]
    json: bool,

    /// Logs every request to standard error
    #[structopt(long, short)]
    verbose: bool,
}

/// Reason why a query has no answer.
#[derive(Debug, thiserror::Error)]
enum QueryError {
    #[error("{0}")]
    Usage(&'static str),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Client(#[from] alto_client::Error),
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: {reason}", path.display())]
    NoRequest { path: PathBuf, reason: String },
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Runs a query and prints its answer. Returns the exit code.
pub(crate) fn run(query: &Query) -> Exit {
    let result = match query {
        Query::Directory(options) => directory::run(options),
        Query::NetworkMap(options) => maps::network_map(options),
        Query::CostMap(options) => maps::cost_map(options),
        Query::Pid(options) => endpoints::pid(options),
        Query::Costs(options) => endpoints::costs(options),
        Query::Property(options) => endpoints::property(options),
        Query::PropertyMap(options) => property_map::run(options),
        Query::Watch(options) => watch::watch(options),
    };
    match result {
        Ok(()) => Exit::Success,
        Err(error) => {
            note!("alto-peer: {error}");
            match error {
                QueryError::Usage(_) => Exit::Usage,
                QueryError::Access(error) => error.exit(),
                QueryError::Unreadable { .. } | QueryError::NoRequest { .. } => Exit::Config,
                QueryError::Client(_) | QueryError::Output(_) => Exit::Failure,
            }
        }
    }
}

impl CommonOptions {
    fn client(&self) -> Result<Client, QueryError> {
        if self.verbose {
            // Only requests; the logs of lower layers are of no use here.
            let requests = EnvFilter::new("alto_client=debug");
            let log = tracing_subscriber::fmt().with_env_filter(requests).with_writer(io::stderr).with_ansi(false);
            let _already_started = log.without_time().with_target(false).try_init();
        }
        let mut builder = self.access.client(&self.uri)?;
        if let Some(source) = self.source {
            builder = builder.source(source);
        }
        Ok(builder.build().map_err(AccessError::from)?)
    }

    /// Notes that several types of cost took several queries, if requests are shown.
    fn note_queries(&self, queries: usize) {
        if queries > 1 && self.verbose {
            note!("alto-peer: note: the server does not answer for all of these at once: {queries} requests");
        }
    }

    /// Prints an answer as JSON or as text.
    fn print(&self, json: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), QueryError> {
        let mut shown = if self.json { serde_json::to_string_pretty(json).map_err(io::Error::from)? } else { text() };
        if !shown.ends_with('\n') {
            shown.push('\n');
        }
        Ok(command_line::write_out(|out| out.write_all(shown.as_bytes()))?)
    }
}

/// Parses an address, with or without its ALTO type.
fn parse_address(text: &str) -> Result<TypedEndpointAddr, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(TypedEndpointAddr(address));
    }
    text.parse().map_err(|_| format!("{text:?} is no IP address: write it as 192.0.2.1, 2001:db8::1 or ipv4:192.0.2.1"))
}
