//! Command line: one module for each subcommand.

mod export;
mod import;
mod run;
mod signals;

use std::ffi::OsString;
use std::io::Write;

use structopt::StructOpt;
use structopt::clap::{AppSettings, ErrorKind};

use crate::exit::Exit;

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
    match Flags::from_iter_safe(arguments) {
        Ok(Flags::Import(import)) => import::run(&import),
        Ok(Flags::Export(export)) => export::run(&export),
        Ok(Flags::Run(options)) => run::run(&options),
        Ok(Flags::Confirm(options)) => run::confirm(&options),
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
    match writeln!(output, "{}", text.trim_end_matches('\n')).and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(Exit::Failure, format!("cannot write to standard output: {error}"))
        }
        _ => Exit::Success,
    }
}

/// Reports an error, and returns the exit code for it.
fn fail(exit: Exit, error: impl std::fmt::Display) -> Exit {
    eprintln!("alto-feed: {error}");
    exit
}
