//! `alto-feed export`: maps as configuration of other programs.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use alto_client::{Client, CostMapQuery, CostQuery, cost_type};
use structopt::StructOpt;

use super::{fail, print, signals};
use crate::export::format;
use crate::export::ranking::{Candidate, Ranking, is_name};
use crate::output;
use command_line::{Exit, note};

/// Largest answer of the server that is read, in bytes.
const MAX_ANSWER: u64 = 1024 * 1024 * 1024;

/// Writes which of several places is best for whom, for another program
///
/// For every PID, the places are ordered by the cost from the PID to theirs. Files are replaced as a whole, and only when
/// their content changed.
#[derive(Clone, Debug, StructOpt)]
pub(super) enum Export {
    /// Writes a map for HAProxy: `map_ip(FILE)` of an address is the name of the best place
    Haproxy(WithDefault),
    /// Writes a file for nginx to include in a geo block
    Nginx(WithDefault),
    /// Writes a "nets" file for gdnsd's plugin geoip, with all places in order
    Gdnsd(Options),
    /// Writes a sortlist statement for BIND, with the addresses of all places in order
    Bind(Options),
    /// Writes a distance table for Rucio (site, storage element, distance from 0 to 1)
    Rucio(Rucio),
}

/// Options of every format.
#[derive(Clone, Debug, StructOpt)]
pub(super) struct Options {
    /// URI of the server's directory
    #[structopt(long, value_name = "URI")]
    server: String,
    /// Place and its address; repeat for each
    #[structopt(long = "candidate", value_name = "NAME=ADDRESS", required = true, number_of_values = 1,
        parse(try_from_str = Candidate::parse))]
    candidates: Vec<Candidate>,
    /// Metric that orders the places; less is better
    #[structopt(long, default_value = "routingcost", value_name = "METRIC")]
    metric: String,
    /// Writes to this file instead of standard output
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    out: Option<PathBuf>,
    /// Asks again after so many seconds, until told to end
    #[structopt(long, value_name = "SECONDS", requires = "out", parse(try_from_str = seconds))]
    watch: Option<Duration>,
}

#[derive(Clone, Debug, StructOpt)]
pub(super) struct WithDefault {
    /// Place for prefixes from which there is no cost to any
    #[structopt(long, value_name = "NAME", parse(try_from_str = name))]
    default: Option<String>,
    #[structopt(flatten)]
    options: Options,
}

#[derive(Clone, Debug, StructOpt)]
pub(super) struct Rucio {
    /// Site and an address in it; repeat for each
    #[structopt(long = "site", value_name = "NAME=ADDRESS", required = true, number_of_values = 1,
        parse(try_from_str = Candidate::parse))]
    sites: Vec<Candidate>,
    #[structopt(flatten)]
    options: Options,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.1..=1e6).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "use a number of seconds from 0.1 to 1000000".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) { Ok(text.to_owned()) } else { Err("use letters, digits, \"-\", \"_\" and \".\"".to_owned()) }
}

pub(super) fn run(export: &Export) -> Exit {
    let options = match export {
        Export::Haproxy(with) | Export::Nginx(with) => &with.options,
        Export::Gdnsd(options) | Export::Bind(options) => options,
        Export::Rucio(rucio) => &rucio.options,
    };
    let metric = match cost_type(&options.metric, "numerical") {
        Ok(metric) => metric,
        Err(error) => return fail(Exit::Usage, format!("--metric: {error}")),
    };
    let client = match Client::builder(&options.server).max_answer(MAX_ANSWER).build() {
        Ok(client) => client,
        Err(error) => return fail(Exit::Usage, format!("--server: {error}")),
    };
    let query = CostMapQuery { costs: CostQuery::of([metric]), ..CostMapQuery::default() };
    let text = || {
        let maps = client.maps(&query).map_err(|error| error.to_string())?;
        let ranking = Ranking::of(&maps, &options.candidates).map_err(|error| error.to_string())?;
        Ok((write_down(export, &ranking), ranking.without_costs()))
    };
    match (&options.out, options.watch) {
        (Some(out), Some(interval)) => watch(out, interval, text),
        (out, _) => match text() {
            Ok((text, without)) => {
                warn(without);
                match out {
                    None => print(&text),
                    Some(out) => replace(out, &text).map_or_else(|error| fail(Exit::Failure, error), |_| Exit::Success),
                }
            }
            Err(error) => fail(Exit::Failure, error),
        },
    }
}

fn write_down(export: &Export, ranking: &Ranking) -> String {
    match export {
        Export::Haproxy(with) => format::haproxy(ranking, with.default.as_deref()),
        Export::Nginx(with) => format::nginx(ranking, with.default.as_deref()),
        Export::Gdnsd(_) => format::gdnsd(ranking),
        Export::Bind(_) => format::bind(ranking),
        Export::Rucio(rucio) => format::rucio(ranking, &rucio.sites),
    }
}

fn warn(without: usize) {
    if without > 0 {
        note!("alto-feed: warning: from {without} PIDs there is no cost to any candidate");
    }
}

fn replace(out: &std::path::Path, text: &str) -> Result<bool, String> {
    output::replace(out, text.as_bytes()).map_err(|error| format!("{}: cannot be written: {error}", out.display()))
}

/// Writes the file whenever its content changed, until a signal. What fails is reported once and tried again.
fn watch(out: &std::path::Path, interval: Duration, text: impl Fn() -> Result<(String, usize), String>) -> Exit {
    let (sender, end) = mpsc::channel();
    if let Err(error) = signals::listen(sender) {
        return fail(Exit::Failure, format!("signals cannot be received: {error}"));
    }
    let mut reported = None;
    loop {
        let written = text().and_then(|(text, without)| Ok((replace(out, &text)?, without)));
        match written {
            Ok((true, without)) => {
                warn(without);
                note!("alto-feed: {} has changed", out.display());
                reported = None;
            }
            Ok((false, _)) => reported = None,
            Err(error) if reported.as_ref() != Some(&error) => {
                note!("alto-feed: {error}");
                reported = Some(error);
            }
            Err(_) => {}
        }
        if !matches!(end.recv_timeout(interval), Err(mpsc::RecvTimeoutError::Timeout)) {
            return Exit::Success;
        }
    }
}
