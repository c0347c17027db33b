//! Command line: one module for each subcommand.

mod export;
mod import;
mod run;
mod signals;

use std::ffi::OsString;

use command_line::{Exit, note};
use structopt::StructOpt;
use structopt::clap::AppSettings;

/// Name of the program in its messages.
const PROGRAM: &str = "alto-feed";

/// Subcommands, with their options.
#[derive(Clone, Debug, StructOpt)]
#[structopt(
    name = "alto-feed",
    about = "Brings real networks into an ALTO server (RFC 7285), and its maps into other programs.",
    global_settings = &[AppSettings::ColorNever, AppSettings::UnifiedHelpMessage]
)]
enum Flags {
    /// Makes a topology file from what routers, archives or spreadsheets have
    Import(import::Import),
    Export(Box<export::Export>),
    Run(run::Run),
    Confirm(run::Confirm),
}

/// Runs the program with these arguments, the program's own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match command_line::parse(&[], arguments) {
        Ok((flags, _)) => match flags {
            Flags::Import(import) => import::run(&import),
            Flags::Export(export) => export::run(&export),
            Flags::Run(options) => run::run(&options),
            Flags::Confirm(options) => run::confirm(&options),
        },
        Err(ending) => ending.report(PROGRAM),
    }
}

fn print(text: &str) -> Exit {
    command_line::print(PROGRAM, text)
}

/// Reports an error, and returns the exit code for it.
fn fail(exit: Exit, error: impl std::fmt::Display) -> Exit {
    note!("{PROGRAM}: {error}");
    exit
}
