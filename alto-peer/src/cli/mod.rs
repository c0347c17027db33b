//! Command line: one module for each subcommand.

mod access;
mod downloads;
mod files;
mod get;
mod link;
mod output;
mod prompt;
mod query;
mod run;
mod sections;
mod share;
mod signals;
mod start;
mod torrent;
mod values;

use std::ffi::OsString;

use command_line::Exit;
use structopt::StructOpt;
use structopt::clap::AppSettings;

/// Name of the program in its messages.
const PROGRAM: &str = "alto-peer";

/// Subcommands, with their options.
#[derive(Clone, Debug, StructOpt)]
#[structopt(
    name = "alto-peer",
    about = "Shares and fetches files, choosing whom to fetch from by what the network says (ALTO, RFC 7285).",
    global_settings = &[AppSettings::ColorNever, AppSettings::UnifiedHelpMessage]
)]
enum Flags {
    /// Fetches a file from those that have it, the least costly first
    Get(Box<get::Get>),
    /// Lists the files that peers share
    Files(files::FilesOptions),
    /// Asks an ALTO server what there is, where addresses are, and what it costs to get there
    Query(query::Query),
    /// Shares files until told to end
    Share(share::ShareOptions),
    /// Runs a peer of peers.json, with a prompt
    Run(run::RunOptions),
    /// Makes torrents, and asks BitTorrent trackers as a client would
    Torrent(torrent::Torrent),
}

/// Runs the program with these arguments, the program's own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match command_line::parse(sections::SECTIONS, arguments) {
        Ok((flags, _)) => match flags {
            Flags::Get(get) => get::run(&get),
            Flags::Files(options) => files::run(&options),
            Flags::Query(query) => query::run(&query),
            Flags::Share(options) => share::run(&options),
            Flags::Run(options) => self::run::run(&options),
            Flags::Torrent(options) => torrent::run(&options),
        },
        Err(ending) => ending.report(PROGRAM),
    }
}

fn print(text: &str) -> Exit {
    command_line::print(PROGRAM, text)
}
