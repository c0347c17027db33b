//! The command line, and the settings of a run.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use structopt::StructOpt;
use structopt::clap::{AppSettings, Error as UsageError, ErrorKind};

use crate::clients;
use crate::exit::Exit;
use crate::expect::Expectations;
use crate::report::{self, Format};
use crate::run::Options;
use crate::{catalogue, matrix, validate};

#[expect(clippy::doc_markdown, reason = "the comments are the help text, where backticks are noise")]
#[expect(clippy::struct_excessive_bools, reason = "flags are on or off")]
#[derive(Clone, Debug, StructOpt)]
#[structopt(
    name = "rfc-conformance",
    about = "Grades an ALTO server (RFC 7285, 9274, 8189) by what it answers.",
    after_help = "EXAMPLES:\n    \
        rfc-conformance http://127.0.0.1:8080/directory\n    \
        rfc-conformance --strict --format text --format html=report.html https://alto.example/directory\n    \
        rfc-conformance --only rfc7285/11.3 --list\n    \
        rfc-conformance validate --media-type costmap answer.json\n    \
        rfc-conformance matrix --format html=matrix.html one.json two.json\n\n\
        EXIT CODES:\n    \
        0 all required passed   1 failures   2 could not run   3 wrong usage",
    global_settings = &[AppSettings::ColorNever, AppSettings::UnifiedHelpMessage]
)]
struct Flags {
    /// URI of the server's root directory
    #[structopt(value_name = "URI")]
    directory: Option<String>,

    /// Counts what is only recommended (SHOULD, and every warning) as required
    #[structopt(long)]
    strict: bool,

    /// Only requirements with this ID or prefix, such as rfc7285/11.2; repeat for several
    #[structopt(long, value_name = "ID", number_of_values = 1)]
    only: Vec<String>,

    /// Lists what is checked, and exits
    #[structopt(long)]
    list: bool,

    /// Form of the report: text, json, junit, tap or html, with =FILE to write it there; repeat for several [default:
    /// text]
    #[structopt(long, value_name = "FORM[=FILE]", number_of_values = 1)]
    format: Vec<Format>,

    /// Known failures, an ID a line; the run is a success if exactly those fail
    #[structopt(long, value_name = "FILE")]
    expect: Option<PathBuf>,

    /// Authenticates by HTTP Digest; without a password it is taken from the variable ALTO_PASSWORD
    #[structopt(long, value_name = "NAME[:PASSWORD]")]
    user: Option<String>,

    /// Trusts the authorities in this PEM file instead of those of the web
    #[structopt(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Trusts any certificate
    #[structopt(long)]
    insecure: bool,

    /// Time for one request
    #[structopt(long, value_name = "SECONDS", default_value = "10")]
    timeout: f64,

    /// Time for the whole run
    #[structopt(long, value_name = "SECONDS", default_value = "900")]
    deadline: f64,

    /// Checks that run at a time
    #[structopt(long, value_name = "N", default_value = "4")]
    jobs: usize,

    /// Also shows what passed or was skipped
    #[structopt(long, short)]
    verbose: bool,

    #[structopt(subcommand)]
    command: Option<Command>,
}

// What to do instead of grading a server. A documentation comment would take the place of the program's own.
#[derive(Clone, Debug, StructOpt)]
enum Command {
    Client(clients::Flags),
    Validate(validate::Flags),
    Matrix(matrix::Flags),
}

/// Runs the program with these arguments, its own name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match Flags::from_iter_safe(arguments) {
        Ok(flags) => dispatch(flags),
        Err(error) => usage(&error),
    }
}

/// `--help` and `--version` come as errors, too.
fn usage(error: &UsageError) -> Exit {
    if matches!(error.kind, ErrorKind::HelpDisplayed | ErrorKind::VersionDisplayed) {
        println!("{}", error.message);
        return Exit::Passed;
    }
    eprintln!("{}", error.message);
    Exit::Usage
}

fn dispatch(flags: Flags) -> Exit {
    match flags.command {
        Some(Command::Client(flags)) => return clients::run(flags),
        Some(Command::Validate(flags)) => return validate::run(&flags),
        Some(Command::Matrix(flags)) => return matrix::run(&flags),
        None => {}
    }
    if let Some(prefix) = flags.only.iter().find(|prefix| !is_checked(prefix)) {
        eprintln!("rfc-conformance: --only {prefix}: nothing that is checked begins so; --list shows what is");
        return Exit::Usage;
    }
    if flags.list {
        print!("{}", report::list(&flags.only));
        return Exit::Passed;
    }
    let formats = if flags.format.is_empty() { vec![Format::default()] } else { flags.format.clone() };
    let verbose = flags.verbose;
    let expected = match flags.expect.as_deref().map(Expectations::from_file).transpose() {
        Ok(expected) => expected,
        Err(error) => {
            eprintln!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    };
    let options = match Options::try_from(flags) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("rfc-conformance: {problem}");
            return Exit::Usage;
        }
    };
    let report = crate::run::run(&options);
    for format in &formats {
        if let Err(error) = format.write(&report, verbose) {
            eprintln!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    }
    let Some(expected) = expected else {
        return report.exit();
    };
    let surprises = expected.surprises(&report);
    if report.could_not_run.is_none() {
        eprint!("{surprises}");
    }
    surprises.exit(&report)
}

fn is_checked(prefix: &str) -> bool {
    catalogue::requirements().iter().any(|requirement| requirement.is_within(prefix))
}

impl TryFrom<Flags> for Options {
    type Error = String;

    fn try_from(flags: Flags) -> Result<Self, String> {
        let directory = flags.directory.ok_or("say whom to grade: the URI of a directory (or --help)")?;
        if crate::http::origin_of(&directory).is_none() || !directory.starts_with("http") {
            return Err(format!("{directory}: not an absolute http or https URI"));
        }
        let seconds = |name: &str, value: f64| {
            let valid = Duration::try_from_secs_f64(value).ok().filter(|duration| !duration.is_zero());
            valid.ok_or_else(|| format!("--{name} {value}: expected a number of seconds greater than 0"))
        };
        let user = flags.user.map(|user| match user.split_once(':') {
            Some((name, password)) => Ok((name.to_owned(), password.to_owned())),
            None => std::env::var("ALTO_PASSWORD")
                .map(|password| (user.clone(), password))
                .map_err(|_| format!("--user {user}: give a password, here after a colon or in ALTO_PASSWORD")),
        });
        Ok(Self {
            directory,
            strict: flags.strict,
            only: flags.only,
            user: user.transpose()?,
            ca: flags.ca,
            insecure: flags.insecure,
            timeout: seconds("timeout", flags.timeout)?,
            deadline: seconds("deadline", flags.deadline)?,
            jobs: flags.jobs,
            progress: std::io::stderr().is_terminal(),
        })
    }
}
