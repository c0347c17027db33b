//! Command line for grading a server.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use command_line::note;
use structopt::StructOpt;

use super::{print, requirement_list};
use crate::catalogue::{self, explain};
use crate::change::Change;
use crate::exit::Exit;
use crate::expect::Expectations;
use crate::report::Format;
use crate::run::Options;

// A doc comment here would replace the description of the program in its help.
#[expect(clippy::doc_markdown, reason = "the comments are the help text, where backticks are noise")]
#[expect(clippy::struct_excessive_bools, reason = "flags are on or off")]
#[derive(Clone, Debug, StructOpt)]
pub(super) struct ServerArguments {
    /// URI of the server's root directory
    #[structopt(value_name = "URI")]
    directory: Option<String>,

    /// Counts warnings (violated SHOULDs and the like) as failures
    #[structopt(long)]
    strict: bool,

    /// Grades only requirements with this ID or prefix, such as rfc7285/11.2; repeatable
    #[structopt(long, value_name = "ID", number_of_values = 1)]
    only: Vec<String>,

    /// Lists the requirements that are checked, and exits
    #[structopt(long)]
    list: bool,

    /// Explains a requirement, where it stands and how it is tested, and exits
    #[structopt(long, value_name = "ID")]
    explain: Option<String>,

    /// Folder for long request bodies, so that the commands in the report that repeat requests work as they are
    #[structopt(long, value_name = "FOLDER")]
    bodies: Option<PathBuf>,

    /// Format of the report: text, json, junit, tap or html, with =FILE to write it to a file; repeatable [default: text]
    #[structopt(long, value_name = "FORMAT[=FILE]", number_of_values = 1)]
    format: Vec<Format>,

    /// File of known failures, one ID per line; the run succeeds if exactly these fail
    #[structopt(long, value_name = "FILE")]
    expect: Option<PathBuf>,

    /// Credentials for HTTP Digest; the default password is the value of the environment variable ALTO_PASSWORD
    #[structopt(long, value_name = "NAME[:PASSWORD]")]
    user: Option<String>,

    /// PEM file of certificate authorities to trust instead of the built-in ones
    #[structopt(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Accepts any server certificate
    #[structopt(long)]
    insecure: bool,

    /// Time limit of one request
    #[structopt(long, value_name = "SECONDS", default_value = "10")]
    timeout: f64,

    /// Time limit of the whole run
    #[structopt(long, value_name = "SECONDS", default_value = "900")]
    deadline: f64,

    /// Shell command that makes the server's data change, for what RFC 8895 and RFC 9569 say about changes; it is run several
    /// times, with 1, 2, 3 and so on in the environment variable CHANGE
    #[structopt(long, value_name = "COMMAND")]
    change: Option<String>,

    /// Watches an update stream without changes for this long; RFC 8895 §6.8 takes 17
    #[structopt(long, value_name = "SECONDS", default_value = "0")]
    idle: f64,

    /// Number of checks that run in parallel
    #[structopt(long, value_name = "N", default_value = "4")]
    jobs: usize,

    /// Also shows requirements that passed or were skipped
    #[structopt(long, short)]
    verbose: bool,
}

/// Grades a server and writes the reports.
pub(super) fn run(flags: ServerArguments) -> Exit {
    if let Some(prefix) = flags.only.iter().find(|prefix| !is_checked(prefix)) {
        note!("rfc-conformance: --only {prefix}: no requirement has this ID or prefix; --list shows them all");
        return Exit::Usage;
    }
    if flags.list {
        return print(&requirement_list(catalogue::requirements(), &flags.only));
    }
    if let Some(id) = &flags.explain {
        if let Some(text) = explain(id) {
            return print(&text);
        }
        note!("rfc-conformance: --explain {id}: no requirement has this ID; --list shows them all");
        return Exit::Usage;
    }
    let formats = if flags.format.is_empty() { vec![Format::default()] } else { flags.format.clone() };
    let verbose = flags.verbose;
    let expected = match flags.expect.as_deref().map(Expectations::from_file).transpose() {
        Ok(expected) => expected,
        Err(error) => {
            note!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    };
    let options = match Options::try_from(flags) {
        Ok(options) => options,
        Err(problem) => {
            note!("rfc-conformance: {problem}");
            return Exit::Usage;
        }
    };
    if let Some(folder) = &options.bodies
        && let Err(error) = std::fs::create_dir_all(folder)
    {
        note!("rfc-conformance: --bodies {}: cannot be created: {error}", folder.display());
        return Exit::CouldNotRun;
    }
    let report = crate::run::run(&options);
    for format in &formats {
        if let Err(error) = format.write(&report, verbose) {
            note!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    }
    if !formats.iter().any(Format::is_shown) {
        // Whoever has the reports written to files still wants to see the result.
        let shown = print(&report.to_summary());
        if shown != Exit::Passed {
            return shown;
        }
    }
    let Some(expected) = expected else {
        return report.exit();
    };
    let surprises = expected.surprises(&report);
    if report.could_not_run.is_none() {
        note!("{}", surprises.to_string().trim_end());
    }
    surprises.exit(&report)
}

/// Returns whether a prefix selects any requirement.
fn is_checked(prefix: &str) -> bool {
    catalogue::requirements().iter().any(|requirement| requirement.is_within(prefix))
}

impl TryFrom<ServerArguments> for Options {
    type Error = String;

    fn try_from(flags: ServerArguments) -> Result<Self, String> {
        let directory = flags.directory.ok_or("the URI of the server's root directory is missing; see --help")?;
        if crate::http::origin_of(&directory).is_none() || !directory.starts_with("http") {
            return Err(format!("{directory}: not an absolute http or https URI"));
        }
        let seconds = |name: &str, value: f64| {
            let valid = Duration::try_from_secs_f64(value).ok().filter(|duration| !duration.is_zero());
            valid.ok_or_else(|| format!("--{name} {value}: expected a number of seconds greater than 0"))
        };
        let user = flags.user.map(|user| match user.split_once(':') {
            Some((name, password)) => Ok((name.to_owned(), password.to_owned())),
            None => std::env::var("ALTO_PASSWORD").map(|password| (user.clone(), password)).map_err(|_| {
                format!("--user {user}: the password is missing; append it after a colon, or set ALTO_PASSWORD")
            }),
        });
        let timeout = seconds("timeout", flags.timeout)?;
        let idle = Duration::try_from_secs_f64(flags.idle);
        Ok(Self {
            directory,
            strict: flags.strict,
            only: flags.only,
            user: user.transpose()?,
            ca: flags.ca,
            insecure: flags.insecure,
            bodies: flags.bodies,
            timeout,
            deadline: seconds("deadline", flags.deadline)?,
            jobs: flags.jobs,
            change: flags.change.map(|command| Change::by_command(&command, timeout)),
            idle: idle.map_err(|_| format!("--idle {}: expected a number of seconds", flags.idle))?,
            progress: std::io::stderr().is_terminal(),
        })
    }
}
