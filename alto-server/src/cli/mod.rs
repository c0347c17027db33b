//! The command line: parsing, help, and the choice of what to do.

mod arguments;
mod check;
mod ctl;
mod order;
mod routes;
mod sections;

use std::ffi::OsString;

use command_line::{Exit, note};

use crate::config::{Config, ConfigError};
use crate::serve;
use arguments::{Arguments, Command};

/// Name of the program in its messages.
const PROGRAM: &str = "alto-server";

/// Runs the program with the given arguments, of which the first is the name of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match Arguments::parse(arguments) {
        Ok(arguments) => dispatch(arguments).unwrap_or_else(|error| {
            error.to_string().lines().for_each(|problem| note!("{PROGRAM}: {problem}"));
            Exit::Config
        }),
        Err(ending) => ending.report(PROGRAM),
    }
}

fn print(text: &str) -> Exit {
    command_line::print(PROGRAM, text)
}

fn dispatch(arguments: Arguments) -> Result<Exit, ConfigError> {
    let settings = arguments.settings()?;
    if arguments.check() && arguments.command().is_none() {
        return Ok(print(&check::run(&settings)?));
    }
    if let Some(Command::Ctl(options)) = arguments.command() {
        return Ok(ctl::run(options, &settings));
    }
    let config = Config::new(&settings)?;
    if arguments.print_config() {
        return Ok(print(&settings.with_absolute_paths().to_json()));
    }
    if let Some(Command::Routes(options)) = arguments.command() {
        return routes::print(&config, options);
    }
    Ok(serve::run(settings, config, Box::new(move || arguments.settings())))
}
