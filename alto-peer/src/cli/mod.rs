//! Command line: one module for each subcommand.

mod access;
mod downloads;
mod files;
mod get;
mod output;
mod prompt;
mod query;
mod run;
mod share;
mod signals;
mod start;
mod torrent;
mod values;

use std::ffi::OsString;
use std::io::Write;

use structopt::StructOpt;
use structopt::clap::{AppSettings, ErrorKind};

use crate::exit::Exit;

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
    match Flags::from_iter_safe(arguments) {
        Ok(Flags::Get(get)) => get::run(&get),
        Ok(Flags::Files(options)) => files::run(&options),
        Ok(Flags::Query(query)) => query::run(&query),
        Ok(Flags::Share(options)) => share::run(&options),
        Ok(Flags::Run(options)) => self::run::run(&options),
        Ok(Flags::Torrent(options)) => torrent::run(&options),
        // `--help` and `--version` come as errors, too.
        Err(error) if matches!(error.kind, ErrorKind::HelpDisplayed | ErrorKind::VersionDisplayed) => {
            print(&error.message)
        }
        // The parser prints the version itself; writing again tells a closed pipe from other errors.
        Err(error) if error.kind == ErrorKind::Io => print(""),
        Err(error) => {
            eprintln!("{}", error.message);
            Exit::Usage
        }
    }
}

/// Prints text to standard output; a reader that closes the pipe early, such as `head`, is not an error.
fn print(text: &str) -> Exit {
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("alto-peer: cannot write to standard output: {error}");
            Exit::Failure
        }
        _ => Exit::Success,
    }
}
