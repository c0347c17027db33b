//! The arguments of the program.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use command_line::Ending;
use structopt::StructOpt;
use structopt::clap::{AppSettings, ArgMatches};

use super::ctl::CtlOptions;
use super::order;
use super::sections::SECTIONS;
use crate::config::settings::Settings;
use crate::config::{ConfigError, file};

/// Parsed command line, with the knowledge of which options were given.
pub(super) struct Arguments {
    flags: Flags,
    matches: ArgMatches<'static>,
}

/// Options and commands.
#[derive(Debug, StructOpt)]
#[structopt(
    name = "alto-server",
    after_help = "EXAMPLES:\n    \
        alto-server --topology topo/data/two-isps.json --listen 127.0.0.1:8080\n    \
        alto-server --config server.json --check\n    \
        alto-server routes --topology topo.json --json\n    \
        alto-server ctl status --config server.json\n\n\
        Clients start at http://ADDRESS:PORT/directory. Every setting is an option of the command line and a key of\n\
        the JSON file given with --config; options override the file. --print-config shows the result.\n\
        SIGHUP reads settings and files again; SIGTERM and SIGINT finish pending requests and end.\n\n\
        EXIT CODES:\n    \
        0 success   1 failure while running   64 invalid command line   78 unusable setting or file",
    global_settings = &[AppSettings::ColorNever, AppSettings::UnifiedHelpMessage]
)]
struct Flags {
    /// Reads settings from this JSON file, described by server.schema.json
    #[structopt(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Checks the settings and every file they name, summarizes the topology, and exits
    #[structopt(long)]
    check: bool,

    /// Prints the settings of file and command line with all defaults, as a file for --config, and exits
    #[structopt(long)]
    print_config: bool,

    #[structopt(flatten)]
    settings: Settings,

    #[structopt(subcommand)]
    command: Option<Command>,
}

// Commands that run instead of the server. A doc comment would replace the help text in `about`.
#[derive(Debug, StructOpt)]
pub(super) enum Command {
    /// Prints the least-cost routes of a topology, as the server computes them
    Routes(RoutesOptions),
    /// Asks and changes a running server: status, links, topology, reload, routes, audit
    Ctl(CtlOptions),
}

/// Names of the commands.
const COMMANDS: [&str; 4] = ["routes", "ctl", "completions", "help"];

/// Kind of places that routes lead between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    Hosts,
    Switches,
    Pids,
}

/// Selection and format of the routes to print.
#[derive(Debug, StructOpt)]
pub(super) struct RoutesOptions {
    /// Prints a JSON array with one object per route
    #[structopt(long)]
    pub(super) json: bool,

    /// Prints the routes between hosts, switches or pids [default: hosts, or pids in a network without hosts]
    #[structopt(long, value_name = "KIND", possible_values = &["hosts", "switches", "pids"])]
    pub(super) between: Option<Between>,

    /// Prints only routes from this host, switch or PID
    #[structopt(long, value_name = "NAME")]
    pub(super) from: Option<String>,

    /// Prints only routes to this host, switch or PID
    #[structopt(long, value_name = "NAME")]
    pub(super) to: Option<String>,

    /// Prints up to N routes per pair of hosts or switches, best first
    #[structopt(long, value_name = "N", default_value = "1")]
    pub(super) alternatives: usize,
}

impl Arguments {
    /// Parses arguments, of which the first is the name of the program.
    pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Ending> {
        let arguments = order::sorted(arguments, &options(), &COMMANDS);
        let parsed = command_line::parse(SECTIONS, arguments.iter().cloned());
        let (flags, matches) = parsed.map_err(|ending| with_hint(ending, &arguments))?;
        Ok(Self { flags, matches })
    }

    /// Merges the options over the file given with `--config`.
    pub(super) fn settings(&self) -> Result<Settings, ConfigError> {
        let file = match &self.flags.config {
            Some(path) => file::read(path)?,
            None => Settings::default(),
        };
        // The parser fills in defaults, which must not override the file.
        Ok(file.overridden_by(&self.flags.settings, |key| self.matches.occurrences_of(key) > 0))
    }

    /// Tells whether to check the settings instead of serving.
    pub(super) fn check(&self) -> bool {
        self.flags.check
    }

    /// Tells whether to print the settings instead of serving.
    pub(super) fn print_config(&self) -> bool {
        self.flags.print_config
    }

    /// Command to run instead of serving.
    pub(super) fn command(&self) -> Option<&Command> {
        self.flags.command.as_ref()
    }
}

/// Adds how to give a file to the complaint that it is no command.
fn with_hint(ending: Ending, arguments: &[OsString]) -> Ending {
    let Ending::Misused(reason) = ending else { return ending };
    let words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    let mut files = words.filter(|word| Path::new(word).extension().is_some_and(|extension| extension == "json"));
    match files.find(|file| reason.contains(&format!("no command {file:?}"))) {
        Some(file) => Ending::Misused(format!(
            "{reason}\n\nA topology is given as --topology {file}, and settings as --config {file}"
        )),
        None => Ending::Misused(reason),
    }
}

/// Long options of the program itself, each with whether it takes a value.
fn options() -> HashMap<String, bool> {
    let own = [("config", true), ("check", false), ("print-config", false)];
    let own = own.into_iter().map(|(key, takes_value)| (format!("--{key}"), takes_value));
    let settings = file::keys().map(|(key, is_switch)| (format!("--{key}"), !is_switch));
    own.chain(settings).collect()
}

impl FromStr for Between {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "hosts" => Ok(Self::Hosts),
            "switches" => Ok(Self::Switches),
            "pids" => Ok(Self::Pids),
            other => Err(format!("{other:?} is not one of hosts, switches and pids")),
        }
    }
}
