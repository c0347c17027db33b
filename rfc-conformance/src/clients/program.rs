//! `rfc-conformance client`: the command line of client mode.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use structopt::StructOpt;

use super::driver::{CommandDriver, CommandTemplate};
use super::scenario::Scenario;
use super::scenarios;
use super::session::{Session, SessionSettings};
use crate::exit::Exit;
use crate::report::Format;
use crate::requirement::Requirement;

/// Names of tasks.
const TASKS: &[&str] = &["directory", "network-map", "pid", "cost-map", "costs", "property"];

/// Grades ALTO clients: plays a server that is valid but unusual, and watches what they make of it
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    rfc-conformance client --listen 127.0.0.1:8080\n    \
    rfc-conformance client -- my-client {task} {uri}\n    \
    rfc-conformance client --task 'pid=my-client pid {uri} {addresses}' --task 'costs=my-client costs {uri} {from} {to}'\n\n\
    Without a command, the scenarios are listed with their URIs, and the report comes on Ctrl-C, or after --wait.\n\
    With commands, each is run for each task of each scenario, with values for {uri}, {task}, {scenario}, {map},\n\
    {addresses}, {metric}, {mode}, {from}, {to}, {most}, {property}, {user}, {password} and {ca}. It prints its answer\n\
    as JSON and exits with 0, or with another code where it has none. See docs/conformance.md.\n\n\
    EXIT CODES:\n    \
    0 all required passed   1 failures   2 could not run   3 wrong usage")]
pub(crate) struct Flags {
    /// Address and port to listen on; port 0 picks a free one
    #[structopt(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Host name or address that clients reach it by [default: the address it listens on]
    #[structopt(long, value_name = "HOST")]
    host: Option<String>,

    /// Plays only this scenario; repeat for several [default: all]
    #[structopt(long, value_name = "NAME", number_of_values = 1)]
    scenario: Vec<String>,

    /// Only requirements with this ID or prefix, such as rfc7285/11.2; repeat for several
    #[structopt(long, value_name = "ID", number_of_values = 1)]
    only: Vec<String>,

    /// Counts what is only recommended (SHOULD, and every warning) as required
    #[structopt(long)]
    strict: bool,

    /// Lists the scenarios and what is graded, and exits
    #[structopt(long)]
    list: bool,

    /// Form of the report: text, json, junit, tap or html, with =FILE to write it there; repeat for several [default:
    /// text]
    #[structopt(long, value_name = "FORM[=FILE]", number_of_values = 1)]
    format: Vec<Format>,

    /// Also shows what passed or was skipped
    #[structopt(long, short)]
    verbose: bool,

    /// Plays HTTPS, too, and writes the certificate of the authority to trust to this file
    #[structopt(long, value_name = "FILE")]
    write_ca: Option<PathBuf>,

    /// Command for a task: directory, network-map, pid, cost-map, costs or property; repeat for several
    #[structopt(long, value_name = "TASK=COMMAND", number_of_values = 1)]
    task: Vec<String>,

    /// Time for one run of a command
    #[structopt(long, value_name = "SECONDS", default_value = "20")]
    timeout: u64,

    /// Without a command: ends when no request has come for so long
    #[structopt(long, value_name = "SECONDS")]
    wait: Option<u64>,

    /// Command for tasks that have none of their own
    #[structopt(value_name = "COMMAND", last = true)]
    command: Vec<String>,
}

/// Runs a session from the command line.
pub(crate) fn run(flags: Flags) -> Exit {
    if flags.list {
        print!("{}", list(&flags.only));
        return Exit::Passed;
    }
    let programs = match programs(&flags) {
        Ok(programs) => programs,
        Err(problem) => {
            eprintln!("rfc-conformance: {problem}");
            return Exit::Usage;
        }
    };
    let (formats, verbose) = (flags.format.clone(), flags.verbose);
    let formats = if formats.is_empty() { vec![Format::default()] } else { formats };
    let started = Instant::now();
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // A second one ends the program at once.
        let registered = signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stopped))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stopped)));
        if let Err(error) = registered {
            eprintln!("rfc-conformance: signals cannot be caught: {error}");
            return Exit::CouldNotRun;
        }
    }
    let wait = flags.wait.map(Duration::from_secs);
    let mut session = match Session::open(settings(flags)) {
        Ok(session) => session,
        Err(error) => {
            eprintln!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    };
    if let Some((mut programs, subject)) = programs {
        session.drive(&mut programs, &subject, |scenario| eprintln!("playing {scenario}"));
    } else {
        announce(&session);
        while !stopped.load(Ordering::SeqCst) && wait.is_none_or(|wait| session.idle() < wait) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let report = session.report(started.elapsed());
    for format in &formats {
        if let Err(error) = format.write(&report, verbose) {
            eprintln!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    }
    report.exit()
}

fn settings(flags: Flags) -> SessionSettings {
    SessionSettings {
        listen: flags.listen,
        host: flags.host,
        scenarios: flags.scenario,
        write_ca: flags.write_ca,
        strict: flags.strict,
        only: flags.only,
    }
}

/// What to run, and a name for it all.
fn programs(flags: &Flags) -> Result<Option<(CommandDriver, String)>, String> {
    if flags.timeout == 0 {
        return Err("--timeout 0: expected a number of seconds greater than 0".into());
    }
    let mut by_task = BTreeMap::new();
    for text in &flags.task {
        let expected = || format!("--task {text:?}: expected TASK=COMMAND with TASK one of {}", TASKS.join(", "));
        let (task, command) = text.split_once('=').ok_or_else(expected)?;
        if !TASKS.contains(&task) {
            return Err(expected());
        }
        let template: CommandTemplate = command.parse().map_err(|error| format!("--task {task}: {error}"))?;
        by_task.insert(task.to_owned(), template);
    }
    let otherwise = match &flags.command[..] {
        [] => None,
        words => Some(CommandTemplate::new(words.to_vec()).map_err(|error| format!("-- COMMAND: {error}"))?),
    };
    let named = flags.command.first().cloned();
    let named = named.or_else(|| by_task.values().next().map(|template| template.program().to_owned()));
    let programs = CommandDriver { by_task, otherwise, timeout: Duration::from_secs(flags.timeout) };
    Ok(named.map(|program| (programs, format!("the client {program}"))))
}

/// Tells a person what to do.
fn announce(session: &Session) {
    eprintln!("Make the client do these tasks; Ctrl-C ends the session and prints the report.\n");
    for (name, uri, about, tasks) in session.programme() {
        eprintln!("{name}: {about}.\n    {uri}\n    {}", tasks.join(", "));
    }
}

/// Scenarios and requirements, one a line.
fn list(only: &[String]) -> String {
    let line = |scenario: Scenario| format!("{:<18} {}\n", scenario.name, scenario.about);
    let mut lines: Vec<_> = scenarios::all().into_iter().map(line).collect();
    lines.push("\n".into());
    let chosen = |requirement: &Requirement| only.is_empty() || only.iter().any(|prefix| requirement.is_within(prefix));
    let mut requirements: Vec<_> = super::requirements().filter(chosen).collect();
    requirements.sort_by_key(Requirement::order);
    lines.extend(
        requirements
            .iter()
            .map(|requirement| format!("{:<24} {:<6} {}\n", requirement.id, requirement.level, requirement.text)),
    );
    lines.concat()
}
