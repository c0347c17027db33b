//! Command `client`: grading of ALTO clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use command_line::note;
use signal_hook::consts::{SIGINT, SIGTERM};
use structopt::StructOpt;

use super::{print, requirement_list};
use crate::clients::{self, CommandDriver, CommandTemplate, Session, SessionSettings, TASKS};
use crate::exit::Exit;
use crate::report::Format;
use crate::requirement::Requirement;

/// Grades ALTO clients by how they cope with servers that are valid but unusual
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    rfc-conformance client --listen 127.0.0.1:8080\n    \
    rfc-conformance client -- my-client {task} {uri}\n    \
    rfc-conformance client --task 'pid=my-client pid {uri} {addresses}' --task 'costs=my-client costs {uri} {from} {to}'\n\n\
    Without a command, the URIs of the scenarios are printed; the report follows on Ctrl-C, or after --wait.\n\
    A command is run for every task of every scenario. It is a template with placeholders for {uri}, {task}, {scenario}, {map},\n\
    {addresses}, {metric}, {mode}, {from}, {to}, {most}, {property},\n    {resource}, {by}, {tag}, {user}, {password} and {ca}. It must print its\n\
    answer as JSON and exit with 0, or exit with another code if there is none. See docs/conformance.md.\n\n\
    EXIT CODES:\n    \
    0 conforms   1 failures   2 could not run   3 wrong usage")]
pub(super) struct ClientArguments {
    /// Address and port to listen on; port 0 selects a free one
    #[structopt(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Host name or address by which clients reach the program [default: the listening address]
    #[structopt(long, value_name = "HOST")]
    host: Option<String>,

    /// Runs only this scenario; repeatable [default: all]
    #[structopt(long, value_name = "NAME", number_of_values = 1)]
    scenario: Vec<String>,

    /// Grades only requirements with this ID or prefix, such as rfc7285/11.2; repeatable
    #[structopt(long, value_name = "ID", number_of_values = 1)]
    only: Vec<String>,

    /// Counts warnings (violated SHOULDs and the like) as failures
    #[structopt(long)]
    strict: bool,

    /// Lists the scenarios and the requirements, and exits
    #[structopt(long)]
    list: bool,

    /// Format of the report: text, json, junit, tap or html, with =FILE to write it to a file; repeatable [default: text]
    #[structopt(long, value_name = "FORMAT[=FILE]", number_of_values = 1)]
    format: Vec<Format>,

    /// Also shows requirements that passed or were skipped
    #[structopt(long, short)]
    verbose: bool,

    /// Adds HTTPS scenarios, and writes the certificate of their authority to this file
    #[structopt(long, value_name = "FILE")]
    write_ca: Option<PathBuf>,

    /// Command for one task: directory, network-map, pid, cost-map, costs, property or follow; repeatable
    #[structopt(long, value_name = "TASK=COMMAND", number_of_values = 1)]
    task: Vec<String>,

    /// Time limit of one run of a command
    #[structopt(long, value_name = "SECONDS", default_value = "20")]
    timeout: u64,

    /// Without a command: ends when no request has arrived for this long
    #[structopt(long, value_name = "SECONDS")]
    wait: Option<u64>,

    /// Command for tasks without --task
    #[structopt(value_name = "COMMAND", last = true)]
    command: Vec<String>,
}

/// Runs a session and writes the reports.
pub(super) fn run(flags: ClientArguments) -> Exit {
    if flags.list {
        return print(&list(&flags.only));
    }
    let programs = match programs(&flags) {
        Ok(programs) => programs,
        Err(problem) => {
            note!("rfc-conformance: {problem}");
            return Exit::Usage;
        }
    };
    let (formats, verbose) = (flags.format.clone(), flags.verbose);
    let formats = if formats.is_empty() { vec![Format::default()] } else { formats };
    let started = Instant::now();
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second signal ends the program immediately.
        let registered = signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stopped))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stopped)));
        if let Err(error) = registered {
            note!("rfc-conformance: signal handlers cannot be installed: {error}");
            return Exit::CouldNotRun;
        }
    }
    let wait = flags.wait.map(Duration::from_secs);
    let mut session = match Session::open(settings(flags)) {
        Ok(session) => session,
        Err(error) => {
            note!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    };
    if let Some((mut programs, subject)) = programs {
        session.drive(&mut programs, &subject, |scenario| note!("scenario {scenario}"));
    } else {
        announce(&session);
        while !stopped.load(Ordering::SeqCst) && wait.is_none_or(|wait| session.idle() < wait) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let report = session.report(started.elapsed());
    for format in &formats {
        if let Err(error) = format.write(&report, verbose) {
            note!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    }
    report.exit()
}

fn settings(flags: ClientArguments) -> SessionSettings {
    SessionSettings {
        listen: flags.listen,
        host: flags.host,
        scenarios: flags.scenario,
        write_ca: flags.write_ca,
        strict: flags.strict,
        only: flags.only,
    }
}

/// Parses the command templates; also returns a name for the client.
fn programs(flags: &ClientArguments) -> Result<Option<(CommandDriver, String)>, String> {
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

/// Prints the scenarios with their URIs and tasks.
fn announce(session: &Session) {
    note!("Run the client for these tasks; Ctrl-C ends the session and prints the report.\n");
    for (name, uri, about, tasks) in session.overview() {
        note!("{name}: {about}.\n    {uri}\n    {}", tasks.join(", "));
    }
}

/// Lists scenarios and requirements, one per line.
fn list(only: &[String]) -> String {
    let scenarios: Vec<_> = clients::scenarios().map(|(name, about)| format!("{name:<18} {about}\n")).collect();
    let mut requirements: Vec<_> = clients::requirements().collect();
    requirements.sort_by_key(Requirement::order);
    scenarios.concat() + "\n" + &requirement_list(requirements, only)
}
