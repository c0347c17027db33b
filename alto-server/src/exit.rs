//! From the command line to an exit code, each code with one meaning.

use std::ffi::OsString;
use std::process::ExitCode;

use structopt::StructOpt;
use structopt::clap::{Error as UsageError, ErrorKind};

use crate::config::{Config, ConfigError};
use crate::settings::{Command, Flags};
use crate::{logging, routes_export, server};

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Success,
    /// Something failed while running.
    Failure,
    /// The command line cannot be understood (`EX_USAGE` of sysexits.h).
    Usage,
    /// A file the operator gave cannot be used (`EX_CONFIG`).
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 64,
            Exit::Config => 78,
        })
    }
}

/// Runs the program with these arguments, the program's own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match Flags::from_iter_safe(arguments) {
        Ok(flags) => dispatch(flags),
        Err(error) => usage(&error),
    }
}

/// `--help` and `--version` come as errors, too.
fn usage(error: &UsageError) -> Exit {
    if matches!(error.kind, ErrorKind::HelpDisplayed | ErrorKind::VersionDisplayed) {
        println!("{}", error.message);
        return Exit::Success;
    }
    eprintln!("{}", error.message);
    Exit::Usage
}

fn dispatch(flags: Flags) -> Exit {
    let (command, check, print) = (flags.command.clone(), flags.check, flags.print_config);
    let config = match Config::resolve(flags) {
        Ok(config) => config,
        Err(error) => return refused(&error),
    };
    if print {
        println!("{}", config.to_json());
        return Exit::Success;
    }
    if let Some(Command::Routes(options)) = command {
        return routes_export::print(&config, &options);
    }
    if check {
        return match config.check() {
            Ok(summary) => {
                println!("{summary}");
                Exit::Success
            }
            Err(error) => refused(&error),
        };
    }
    if let Err(error) = logging::start(&config) {
        return refused(&error);
    }
    server::run(&config)
}

fn refused(error: &ConfigError) -> Exit {
    eprintln!("alto-server: {error}");
    Exit::Config
}
