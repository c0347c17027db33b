//! `alto-feed run` and `alto-feed confirm`.

use std::path::PathBuf;
use std::sync::mpsc;

use structopt::StructOpt;

use super::{fail, print, signals};
use crate::live::bgp_ls::{self, Session};
use crate::live::bmp::listener::Listener;
use crate::live::config::{BgpLs, Config, Igp, Table};
use crate::live::observation::Listeners;
use crate::live::run;
use crate::live::status::StatusFolder;
use command_line::{Exit, note};

/// Keeps an ALTO server up to date with a network of routers
///
/// In every round the sources of feeds.json are read, and the server's /admin gets what changed. A change that would drop
/// more than a share of the links or prefixes (safety.max-drop, 0.2) is held back until `alto-feed confirm`. The file
/// status.json in the state folder counts what happened.
#[derive(Clone, Debug, StructOpt)]
pub(super) struct Run {
    /// Settings: server, sources and safety
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    config: PathBuf,
}

/// Lets the change pass that a running feed holds back
#[derive(Clone, Debug, StructOpt)]
pub(super) struct Confirm {
    /// Settings of the feed
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    config: PathBuf,
}

pub(super) fn run(options: &Run) -> Exit {
    let config = match Config::read(&options.config) {
        Ok(config) => config,
        Err(error) => return fail(Exit::Config, error),
    };
    let folder = match StatusFolder::open(&config.state) {
        Ok(folder) => folder,
        Err(error) => return fail(Exit::Config, format!("{}: cannot be opened: {error}", config.state.display())),
    };
    let listeners = match listen_to_routers(&config) {
        Ok(listeners) => listeners,
        Err(error) => return fail(Exit::Failure, error),
    };
    let (sender, end) = mpsc::channel();
    if let Err(error) = signals::listen(sender) {
        return fail(Exit::Failure, format!("signals cannot be received: {error}"));
    }
    note!("alto-feed: keeping {} up to date every {} s", config.server, config.interval.as_secs_f64());
    run::run(&config, &listeners, &folder, &end);
    Exit::Success
}

/// Starts to listen to the routers that the settings say connect.
fn listen_to_routers(config: &Config) -> Result<Listeners, String> {
    let mut listeners = Listeners::default();
    if let Some(Table::Bmp { listen, sources, max_routes, .. }) = config.bgp.as_ref().map(|bgp| &bgp.table) {
        let listener = Listener::start(*listen, sources.clone(), *max_routes);
        let listener = listener.map_err(|error| format!("bgp.bmp.listen: {listen} cannot be used: {error}"))?;
        note!("alto-feed: listening for BMP on {}", listener.address());
        listeners.bmp = Some(listener);
    }
    if let Igp::BgpLs(BgpLs { listen, sources, asn, identifier, .. }) = &config.igp {
        let session = Session { asn: *asn, identifier: *identifier };
        let listener = bgp_ls::Listener::start(*listen, sources.clone(), session);
        let listener = listener.map_err(|error| format!("igp.bgp-ls.listen: {listen} cannot be used: {error}"))?;
        note!("alto-feed: listening for BGP-LS on {}", listener.address());
        listeners.bgp_ls = Some(listener);
    }
    Ok(listeners)
}

pub(super) fn confirm(options: &Confirm) -> Exit {
    let config = match Config::read(&options.config) {
        Ok(config) => config,
        Err(error) => return fail(Exit::Config, error),
    };
    let confirmed = StatusFolder::open(&config.state).and_then(|folder| {
        let held = folder.read()?.held;
        held.map(|reason| folder.confirm(&reason).map(|()| reason)).transpose()
    });
    match confirmed {
        Ok(Some(reason)) => print(&format!("confirmed: {reason}")),
        Ok(None) => print("nothing is held back"),
        Err(error) => fail(Exit::Failure, format!("{}: cannot be used: {error}", config.state.display())),
    }
}
