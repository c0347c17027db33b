//! The command line: parsing, help, and the choice of what to do.

mod arguments;
mod check;
mod routes;

use std::ffi::OsString;

use structopt::clap::{Error as UsageError, ErrorKind};

use crate::config::{Config, ConfigError};
use crate::exit::Exit;
use crate::serve;
use arguments::{Arguments, Command};

/// Runs the program with the given arguments, of which the first is the name of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match Arguments::parse(arguments) {
        Ok(arguments) => dispatch(&arguments).unwrap_or_else(|error| {
            eprintln!("alto-server: {error}");
            Exit::Config
        }),
        Err(error) => explain(&error),
    }
}

/// Prints a usage error, or the output of `--help` and `--version`, which are errors to the parser.
fn explain(error: &UsageError) -> Exit {
    if matches!(error.kind, ErrorKind::HelpDisplayed | ErrorKind::VersionDisplayed) {
        println!("{}", error.message);
        return Exit::Success;
    }
    eprintln!("{}", error.message);
    Exit::Usage
}

fn dispatch(arguments: &Arguments) -> Result<Exit, ConfigError> {
    let settings = arguments.settings()?;
    let config = Config::new(&settings)?;
    if arguments.print_config() {
        println!("{}", settings.to_json());
        return Ok(Exit::Success);
    }
    if let Some(Command::Routes(options)) = arguments.command() {
        return routes::print(&config, options);
    }
    if arguments.check() {
        println!("{}", check::run(&config)?);
        return Ok(Exit::Success);
    }
    Ok(serve::run(config))
}
