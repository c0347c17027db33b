//! The state machine of a feed: what to send to the server after each observation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use topo::LinkChange;
use topo::file::{PropertyValue, TopologyFile};

use super::config::WhenStale;
use super::difference::{Difference, difference, lost_links};
use super::network::{Known, Network, Observation};
use super::prefixes::{PrefixChanges, change_lines};
use super::safety::{Losses, Verdict, judge};
use super::server::{PrefixRequest, Server, ServerError};
use super::status::Report;

/// Property of PIDs whose network has not been observed for too long.
const STALE: &str = "priv:alto-stale";

/// Feed from the sources to one server.
#[derive(Debug)]
pub struct Feed {
    settings: Settings,
    /// State that the server has; `None` until it has one.
    known: Option<Known>,
    /// What the server has if it got the last request, to which there was no answer.
    unanswered: Option<Known>,
    /// The newest observation, which the server gets as soon as it can.
    newest: Option<Network>,
    /// True if the server is sure to have the known topology: it got it from this run, and has answered all changes since.
    sure: bool,
    observed_at: Instant,
    /// Counts and state, for operators.
    pub report: Report,
}

/// Settings of a feed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name under which the server keeps the prefixes.
    pub source: String,
    /// Largest share of links or prefixes that one step may drop unconfirmed.
    pub max_drop: f64,
    /// Time without an observation after which the network counts as stale.
    pub stale_after: Duration,
    /// Treatment of a stale network.
    pub when_stale: WhenStale,
}

/// A decision about what the server gets.
struct Step {
    topology: Difference,
    prefixes: PrefixChanges,
    /// The network afterwards.
    next: Network,
    /// True if the step uses up a confirmation.
    confirmed: bool,
}

/// What the server says that it has.
struct Present {
    /// True if it has the known topology.
    topology: bool,
    /// True if it has the known prefixes.
    prefixes: bool,
    /// Sequence number of the prefixes it has, 0 before the first ones.
    sequence: u64,
}

impl Feed {
    /// Creates a feed that has observed nothing yet; `known` is what the server got before, from an earlier run.
    pub fn new(settings: Settings, known: Option<Known>, now: Instant) -> Self {
        let report = Report::default();
        Self { settings, known, unanswered: None, newest: None, sure: false, observed_at: now, report }
    }

    /// Returns what the server has.
    pub fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// Returns the topology that the server has.
    fn topology(&self) -> Option<&TopologyFile> {
        self.known.as_ref().map(|known| &known.network.topology)
    }

    /// Sends changes of measurements, of those links that the server has. Returns whether it has them.
    pub fn measured(&mut self, server: &Server, changes: Vec<LinkChange>) -> bool {
        let links = self.topology().into_iter().flat_map(|topology| &topology.links);
        let links: BTreeSet<(&str, &str)> = links.map(|link| (&*link.source, &*link.destination)).collect();
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
    pub fn observe(&mut self, observation: Result<Observation, String>, now: Instant) {
        self.report.rounds += 1;
        self.report.error = None;
        match observation {
            Ok(Observation { network, missing }) => {
                self.newest = Some(network);
                if missing.is_none() {
                    self.observed_at = now;
                }
                self.report.error = missing;
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
                false
            }
        }
    }

    fn try_update(&mut self, server: &Server, confirmed: Option<&str>) -> Result<bool, ServerError> {
        if self.newest.is_none() {
            return Ok(false);
        }
        let present = self.present(server)?;
        let Some(step) = self.decide(confirmed) else { return Ok(false) };
        let used = step.confirmed;
        self.send(server, &present, step)?;
        Ok(used)
    }

    /// Asks what the server has of the known network.
    fn present(&mut self, server: &Server) -> Result<Present, ServerError> {
        let (status, sequence) = (server.status()?, server.sequence(&self.settings.source)?);
        if let Some(unanswered) = self.unanswered.take_if(|unanswered| Some(unanswered.sequence) == sequence) {
            (self.known, self.sure) = (Some(unanswered), true);
        }
        let known = self.known.as_ref();
        Ok(Present {
            // A server that was started anew without a store has its file again.
            topology: self.sure
                && status.replaced
                && self.topology().is_some_and(|known| known.name == status.topology),
            prefixes: known.is_some_and(|known| Some(known.sequence) == sequence),
            sequence: sequence.unwrap_or(0),
        })
    }

    /// Decides what the server gets; `None` if nothing was observed.
    fn decide(&mut self, confirmed: Option<&str>) -> Option<Step> {
        self.report.held = None;
        let mut next = self.newest.clone()?;
        if self.report.stale && self.settings.when_stale == WhenStale::Mark {
            mark_stale(&mut next.topology);
        }
        let Some(Known { network, .. }) = &self.known else {
            let topology = Difference::Replace { result: next.topology.clone() };
            return Some(Step { topology, prefixes: PrefixChanges::new(), next, confirmed: false });
        };
        let topology = difference(&network.topology, &next.topology);
        if let Difference::Links { result, .. } | Difference::Replace { result } = &topology {
            next.topology.clone_from(result);
        } else {
            next.topology.clone_from(&network.topology);
        }
        let prefixes = network.prefixes.changes_to(&next.prefixes);
        let losses = Losses {
            links: lost_links(&network.topology, &next.topology),
            prefixes: (network.prefixes.lost(&prefixes, &next.prefixes), network.prefixes.len()),
        };
        let confirmed = match judge(losses, self.settings.max_drop) {
            Verdict::Pass => false,
            Verdict::Hold(reason) if confirmed == Some(&*reason) => true,
            Verdict::Hold(reason) => {
                self.report.held_back += 1;
                self.report.held = Some(reason);
                // The server keeps what it has, and gets it again if it lost it.
                let (prefixes, next) = (PrefixChanges::new(), network.clone());
                return Some(Step { topology: Difference::None, prefixes, next, confirmed: false });
            }
        };
        Some(Step { topology, prefixes, next, confirmed })
    }

    /// Sends a step: what changed, or everything to a server that lost what it was told.
    fn send(&mut self, server: &Server, present: &Present, step: Step) -> Result<(), ServerError> {
        let Step { topology, prefixes, next, .. } = step;
        let replaced = !present.topology || matches!(topology, Difference::Replace { .. });
        // Whatever fails from here on may have happened nevertheless.
        self.sure = false;
        if let Difference::Links { changes, result } = topology
            && !replaced
        {
            server.change_links(&changes)?;
            self.report.link_changes += changes.len() as u64;
            if let Some(known) = &mut self.known {
                known.network.topology = result;
            }
        }
        if !replaced && present.prefixes && prefixes.is_empty() {
            self.sure = true;
            return Ok(());
        }
        let sequence = present.sequence + 1;
        let (after, lines) = if present.prefixes {
            (Some(present.sequence), change_lines(&prefixes))
        } else {
            (None, next.prefixes.lines())
        };
        let request = PrefixRequest { after, sequence, topology: replaced.then_some(&next.topology), lines: &lines };
        let answer = server.change_prefixes(&self.settings.source, &request);
        let known = Known { sequence, network: next };
        if let Err(error) = answer {
            self.unanswered = matches!(error, ServerError::Unreachable(..)).then_some(known);
            return Err(error);
        }
        (self.known, self.unanswered, self.sure) = (Some(known), None, true);
        self.report.replacements += u64::from(replaced);
        self.report.prefix_sets += u64::from(after.is_none());
        self.report.prefix_changes += prefixes.len() as u64;
        Ok(())
    }
}

fn mark_stale(topology: &mut TopologyFile) {
    let names: Vec<String> = topology.pids.iter().flatten().map(|(name, _)| name.clone()).collect();
    for name in names {
        let properties: &mut BTreeMap<_, _> = topology.properties.pids.entry(name).or_default();
        properties.insert(STALE.to_owned(), PropertyValue::Text("true".to_owned()));
    }
}
