//! The state machine of a feed: what to send to the server after each observation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use topo::LinkChange;
use topo::file::{PropertyValue, TopologyFile};

use super::config::WhenStale;
use super::difference::{Difference, Losses, difference, losses};
use super::safety::{Verdict, judge};
use super::server::{Server, ServerError};
use super::status::Report;

/// Property of PIDs whose network has not been observed for too long.
const STALE: &str = "priv:alto-stale";

/// Feed from the sources to one server.
#[derive(Debug)]
pub struct Feed {
    settings: Settings,
    /// The network that the server has; `None` until it has one, and after it may have lost it.
    known: Option<TopologyFile>,
    /// The newest observation, which the server gets as soon as it can.
    newest: Option<TopologyFile>,
    /// True after the server refused a change that fits the known network.
    lost: bool,
    observed_at: Instant,
    /// Counts and state, for operators.
    pub report: Report,
}

/// Settings of a feed.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Largest share of links or prefixes that one step may drop unconfirmed.
    pub max_drop: f64,
    /// Time without an observation after which the network counts as stale.
    pub stale_after: Duration,
    /// Treatment of a stale network.
    pub when_stale: WhenStale,
}

impl Feed {
    /// Creates a feed that has observed nothing yet; `known` is what the server got before, from an earlier run.
    pub fn new(settings: Settings, known: Option<TopologyFile>, now: Instant) -> Self {
        Self { settings, known, newest: None, lost: false, observed_at: now, report: Report::default() }
    }

    /// Returns the network that the server has.
    pub fn network(&self) -> Option<&TopologyFile> {
        self.known.as_ref()
    }

    /// Sends changes of measurements, of those links that the server has. Returns whether it has them.
    pub fn measured(&mut self, server: &Server, changes: Vec<LinkChange>) -> bool {
        let links: BTreeSet<(&str, &str)> =
            self.known.iter().flat_map(|known| &known.links).map(|link| (&*link.source, &*link.destination)).collect();
        let has = |change: &LinkChange| {
            links.contains(&(&*change.source, &*change.destination))
                || links.contains(&(&*change.destination, &*change.source))
        };
        let all = changes.len();
        let changes: Vec<LinkChange> = changes.into_iter().filter(has).collect();
        self.report.unknown_links += (all - changes.len()) as u64;
        if changes.is_empty() {
            return true;
        }
        match server.change_links(&changes) {
            Ok(()) => {
                self.report.measurements += changes.len() as u64;
                true
            }
            Err(error) => {
                self.report.server_failures += 1;
                self.report.error = Some(error.to_string());
                false
            }
        }
    }

    /// Takes an observation, or the reason why there is none.
    pub fn observe(&mut self, observation: Result<TopologyFile, String>, now: Instant) {
        self.report.rounds += 1;
        self.report.error = None;
        match observation {
            Ok(network) => {
                self.newest = Some(network);
                self.observed_at = now;
            }
            Err(error) => {
                self.report.source_failures += 1;
                self.report.error = Some(error);
            }
        }
        self.report.stale = now.saturating_duration_since(self.observed_at) >= self.settings.stale_after;
    }

    /// Brings the server up to date. Returns whether a confirmation was used up.
    pub fn update(&mut self, server: &Server, confirmed: Option<&str>) -> bool {
        match self.try_update(server, confirmed) {
            Ok(used) => used,
            Err(error) => {
                self.report.server_failures += 1;
                self.report.error = Some(error.to_string());
                // A refusal means that the server has another network than this feed thinks: it gets all of it again.
                self.lost |= matches!(error, ServerError::Refused { .. });
                false
            }
        }
    }

    fn try_update(&mut self, server: &Server, confirmed: Option<&str>) -> Result<bool, ServerError> {
        if self.newest.is_none() {
            return Ok(false);
        }
        let status = server.status()?;
        // A server that was started anew without a store has its file again.
        let has_ours =
            !self.lost && status.replaced && self.known.as_ref().is_some_and(|known| known.name == status.topology);
        let (step, used) = self.decide(has_ours, confirmed);
        match step {
            Difference::None => {}
            Difference::Links { changes, result } => {
                server.change_links(&changes)?;
                self.report.link_changes += changes.len() as u64;
                self.known = Some(result);
            }
            Difference::Replace { result } => {
                server.replace(&result)?;
                self.report.replacements += 1;
                self.lost = false;
                self.known = Some(result);
            }
        }
        Ok(used)
    }

    /// Decides what the server gets, and whether that uses up a confirmation.
    fn decide(&mut self, has_ours: bool, confirmed: Option<&str>) -> (Difference, bool) {
        self.report.held = None;
        let Some(mut next) = self.newest.clone() else { return (Difference::None, false) };
        if self.report.stale && self.settings.when_stale == WhenStale::Mark {
            mark_stale(&mut next);
        }
        let Some(known) = &self.known else { return (Difference::Replace { result: next }, false) };
        let step = difference(known, &next);
        let losses = match &step {
            Difference::None => Losses::default(),
            Difference::Links { result, .. } | Difference::Replace { result } => losses(known, result),
        };
        match judge(losses, self.settings.max_drop) {
            Verdict::Pass => (with_all(step, has_ours, known), false),
            Verdict::Hold(reason) if confirmed == Some(&*reason) => (with_all(step, has_ours, known), true),
            Verdict::Hold(reason) => {
                self.report.held_back += 1;
                self.report.held = Some(reason);
                // The server keeps what it has, and gets it again if it lost it.
                (with_all(Difference::None, has_ours, known), false)
            }
        }
    }
}

/// Returns the difference, or the whole network for a server that lost what it was told.
fn with_all(step: Difference, has_ours: bool, known: &TopologyFile) -> Difference {
    match step {
        step if has_ours => step,
        Difference::None => Difference::Replace { result: known.clone() },
        Difference::Links { result, .. } | Difference::Replace { result } => Difference::Replace { result },
    }
}

fn mark_stale(network: &mut TopologyFile) {
    let names: Vec<String> = network.pids.iter().flatten().map(|(name, _)| name.clone()).collect();
    for name in names {
        let properties: &mut BTreeMap<_, _> = network.properties.pids.entry(name).or_default();
        properties.insert(STALE.to_owned(), PropertyValue::Text("true".to_owned()));
    }
}
