//! The loop of `alto-feed run`.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use command_line::note;

use super::config::Config;
use super::feed::{Feed, Settings};
use super::observation::{Listeners, observe};
use super::prometheus::{Prometheus, changes};
use super::server::Server;
use super::status::{Report, StatusFolder};

/// Keeps a server up to date until `end` says otherwise. Returns the final report.
pub fn run(config: &Config, listeners: &Listeners, folder: &StatusFolder, end: &Receiver<()>) -> Report {
    let server = Server::new(&config.server, config.token.as_deref());
    let settings = Settings {
        source: config.source.clone(),
        max_drop: config.max_drop,
        stale_after: config.stale_after,
        when_stale: config.when_stale,
    };
    let mut feed = Feed::new(settings, folder.known(), Instant::now());
    let mut kept = None;
    let mut prometheus = config.prometheus.clone().map(|(settings, interfaces)| Prometheus::new(settings, interfaces));
    loop {
        let started = Instant::now();
        let before = feed.report.clone();
        if let Some(listener) = &listeners.bmp {
            listener.rib().expire(config.stale_after, Instant::now());
        }
        feed.observe(observe(config, listeners).map_err(|error| error.to_string()), Instant::now());
        if feed.update(&server, folder.confirmed().as_deref()) {
            folder.use_up();
        }
        if let Some(prometheus) = &mut prometheus {
            if feed.report.replacements > before.replacements {
                // A new topology starts without measurements.
                prometheus.forget();
            }
            measure(prometheus, &mut feed, &server);
        }
        log(&before, &feed.report);
        match folder.write(&feed.report).and_then(|()| folder.write_known(feed.known(), kept)) {
            Ok(sequence) => kept = sequence,
            Err(error) => note!("alto-feed: the report cannot be written: {error}"),
        }
        match end.recv_timeout(config.interval.saturating_sub(started.elapsed())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return feed.report,
        }
    }
}

/// Sends measurements, if there is a network that they belong to.
fn measure(prometheus: &mut Prometheus, feed: &mut Feed, server: &Server) {
    if feed.known().is_none() {
        return;
    }
    let now = Instant::now();
    match prometheus.measure(now) {
        Ok(measured) => {
            feed.report.unusable_samples += (measured.unusable + measured.unknown) as u64;
            if feed.measured(server, changes(&measured.values)) {
                prometheus.reported(&measured.values, now);
            }
        }
        Err(error) => feed.report.error = Some(error),
    }
}

/// Logs what happened in a round, if anything did.
fn log(before: &Report, after: &Report) {
    if after.replacements > before.replacements {
        note!("alto-feed: the server got the whole topology");
    }
    if after.prefix_sets > before.prefix_sets {
        note!("alto-feed: the server got all prefixes");
    } else if after.prefix_changes > before.prefix_changes {
        note!("alto-feed: {} prefixes changed", after.prefix_changes - before.prefix_changes);
    }
    if after.link_changes > before.link_changes {
        note!("alto-feed: {} links changed", after.link_changes - before.link_changes);
    }
    if let Some(error) = after.error.as_ref().filter(|error| before.error.as_ref() != Some(*error)) {
        note!("alto-feed: {error}");
    }
    if let Some(reason) = after.held.as_ref().filter(|reason| before.held.as_ref() != Some(*reason)) {
        note!("alto-feed: a change is held back: {reason}");
    }
    if after.stale && !before.stale {
        note!("alto-feed: the network has not been observed for too long and is stale");
    }
}
