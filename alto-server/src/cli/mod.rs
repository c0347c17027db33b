//! The command line: parsing, help, and the choice of what to do.

mod arguments;
mod check;
mod ctl;
mod order;
mod routes;

use std::ffi::OsString;
use std::io::Write;

use structopt::clap::{Error as UsageError, ErrorKind};

use crate::config::{Config, ConfigError};
use crate::exit::Exit;
use crate::serve;
use arguments::{Arguments, Command};

/// Runs the program with the given arguments, of which the first is the name of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match Arguments::parse(arguments) {
        Ok(arguments) => dispatch(arguments).unwrap_or_else(|error| {
            error.to_string().lines().for_each(|problem| eprintln!("alto-server: {problem}"));
            Exit::Config
        }),
        Err(error) => explain(&error),
    }
}

/// Prints a usage error, or the output of `--help` and `--version`, which are errors to the parser.
fn explain(error: &UsageError) -> Exit {
    if matches!(error.kind, ErrorKind::HelpDisplayed | ErrorKind::VersionDisplayed) {
        return print(&error.message);
    }
    if error.kind == ErrorKind::Io {
        // The parser prints the version itself; writing again tells a closed pipe from other errors.
        return print("");
    }
    eprintln!("{}", in_plain_words(&error.message));
    Exit::Usage
}

/// Replaces what the standard library says about numbers.
fn in_plain_words(message: &str) -> String {
    [
        ("invalid digit found in string", "give a whole number of 0 or more"),
        ("cannot parse integer from empty string", "give a whole number of 0 or more"),
        ("number too large to fit in target type", "the number is too large"),
    ]
    .into_iter()
    .fold(message.to_owned(), |message, (library, plain)| message.replace(library, plain))
}

/// Prints text to standard output; a reader that closes the pipe early, such as `head`, is not an error.
fn print(text: &str) -> Exit {
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("alto-server: cannot write to standard output: {error}");
            Exit::Failure
        }
        _ => Exit::Success,
    }
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
