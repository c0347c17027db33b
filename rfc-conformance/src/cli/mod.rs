//! Command line of the program: arguments, dispatch to the commands, and exit codes.

mod client;
mod matrix;
mod sections;
mod server;
mod validate;

use std::ffi::OsString;

use command_line::{Ending, note};
use structopt::StructOpt;
use structopt::clap::AppSettings;

use crate::exit::Exit;
use crate::report::write;
use crate::requirement::Requirement;

// Doc comments on these types would replace the help text in `about`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(
    name = "rfc-conformance",
    about = "Grades an ALTO server by its answers, requirement by requirement.",
    after_help = "EXAMPLES:\n    \
        rfc-conformance http://127.0.0.1:8080/directory\n    \
        rfc-conformance --strict --format text --format html=report.html https://alto.example/directory\n    \
        rfc-conformance --only rfc7285/11.3 --list\n    \
        rfc-conformance --change './change.sh' http://127.0.0.1:8080/directory\n    \
        rfc-conformance --explain rfc7285/11.2.2/2\n    \
        rfc-conformance validate answer.json\n    \
        rfc-conformance matrix --format html=matrix.html one.json two.json\n\n\
        The requirements are those of RFC 7285, 8189, 8895, 9240, 9274, 9439 and 9569, with RFC 6902, 8259, 9110 and 9112 below.\n\n\
        EXIT CODES:\n    \
        0 conforms: no failure, and with --strict no warning\n    \
        1 failures: at least one requirement is violated; with --expect: not exactly the expected ones\n    \
        2 could not run: no answer from the URI, or a file that cannot be read or written\n    \
        3 wrong usage\n    \
        4 incomplete: no failure, but --deadline was over before everything was examined, or --change failed",
    global_settings = &[AppSettings::ColorNever, AppSettings::UnifiedHelpMessage]
)]
struct Arguments {
    #[structopt(flatten)]
    server: server::ServerArguments,

    #[structopt(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, StructOpt)]
enum Command {
    Client(client::ClientArguments),
    Validate(validate::ValidateArguments),
    Matrix(matrix::MatrixArguments),
}

/// Runs the program with its arguments, the first of which is its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match command_line::parse::<Arguments>(sections::SECTIONS, arguments) {
        Ok((arguments, _)) => match arguments.command {
            None => server::run(arguments.server),
            Some(Command::Client(arguments)) => client::run(arguments),
            Some(Command::Validate(arguments)) => validate::run(&arguments),
            Some(Command::Matrix(arguments)) => matrix::run(&arguments),
        },
        // These exit codes are verdicts, so they differ from those of other programs.
        Err(Ending::Answered(text)) => print(&format!("{}\n", text.trim_end_matches('\n'))),
        Err(Ending::Misused(reason)) => {
            note!("{reason}");
            Exit::Usage
        }
    }
}

/// Prints text to standard output; a reader that closes the pipe early, such as `head`, is not an error.
fn print(text: &str) -> Exit {
    match write(None, text) {
        Ok(()) => Exit::Passed,
        Err(error) => {
            note!("rfc-conformance: {error}");
            Exit::CouldNotRun
        }
    }
}

/// Lists requirements with one of the given prefixes, or all without prefixes, one per line.
fn requirement_list(requirements: impl IntoIterator<Item = Requirement>, only: &[String]) -> String {
    let selected =
        |requirement: &Requirement| only.is_empty() || only.iter().any(|prefix| requirement.is_within(prefix));
    let line =
        |requirement: Requirement| format!("{:<24} {:<6} {}\n", requirement.id, requirement.level, requirement.text);
    requirements.into_iter().filter(selected).map(line).collect()
}
