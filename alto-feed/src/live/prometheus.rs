//! Measurements of links from Prometheus: utilisation, delay and loss, by instant queries of its HTTP API.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde::Deserialize;
use topo::{LinkChange, Measured, Samples};

use super::damping::Damper;
use super::prometheus_answer::{self, Sample};
use crate::input::{InputError, Text};

/// Time for one query.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer in bytes, enough for 50,000 interfaces. What it is read into takes up to 15 times as much.
const MAX_ANSWER: u64 = 16 * 1024 * 1024;
/// Largest utilisation that the server accepts: at 1 no bandwidth would be left.
const MAX_UTILISATION: f64 = 0.99;

/// Settings of the measurements.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Origin of Prometheus, such as `http://127.0.0.1:9090`.
    pub url: String,
    /// Table of interfaces: a column for each label, and `source`, `destination`, `index`.
    pub interfaces: std::path::PathBuf,
    /// Queries, each for one kind of measurement.
    pub queries: Vec<Query>,
    /// Smallest change of a utilisation that is reported, of 1.
    #[serde(default = "points")]
    pub points: f64,
    /// Smallest change of a delay in milliseconds, or of a loss in percent, that is reported.
    #[serde(default = "amount")]
    pub amount: f64,
    /// Shortest time in seconds between two reports about one link.
    #[serde(default = "minute")]
    pub interval: f64,
    /// Time in seconds after which a measurement that is not repeated no longer holds.
    #[serde(default = "expire")]
    pub expire: f64,
}

/// Query for one kind of measurement.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Query {
    /// Expression in `PromQL` whose result is a vector.
    pub query: String,
    /// Kind of the measurement.
    pub measures: Kind,
    /// Factor from the result to a share of 1, milliseconds or percent.
    #[serde(default = "one")]
    pub factor: f64,
}

/// Kind of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Share of the bandwidth that is in use.
    Utilisation,
    /// One-way delay in milliseconds.
    Delay,
    /// Packet loss in percent.
    Loss,
}

/// One direction of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkName {
    /// Name of the node that traffic leaves.
    pub source: String,
    /// Name of the node that traffic reaches.
    pub destination: String,
    /// Index among several links between the two.
    pub index: usize,
}

/// A source of measurements.
#[derive(Debug)]
pub struct Prometheus {
    settings: Settings,
    interfaces: Interfaces,
    agent: ureq::Agent,
    dampers: BTreeMap<Kind, Damper<LinkName>>,
    /// Time at which each measurement was last seen.
    seen: HashMap<(Kind, LinkName), Instant>,
}

/// Links by the values of the labels of their interfaces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interfaces {
    labels: Vec<String>,
    links: HashMap<Vec<String>, LinkName>,
}

/// Result of one round of queries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements {
    /// Values worth a report, or `None` for those that no longer hold.
    pub values: Vec<(Kind, LinkName, Option<f64>)>,
    /// Samples that are no finite number.
    pub unusable: usize,
    /// Samples of interfaces that the table lacks.
    pub unknown: usize,
}

fn points() -> f64 {
    0.05
}

fn amount() -> f64 {
    1.0
}

fn minute() -> f64 {
    60.0
}

fn expire() -> f64 {
    90.0
}

fn one() -> f64 {
    1.0
}

impl Interfaces {
    /// Reads the table: the first line names the columns, of which those that are not about the link are labels.
    pub fn read(text: &Text) -> Result<Self, InputError> {
        let mut lines =
            (1..).zip(text.content.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let (number, head) = lines.next().ok_or_else(|| text.error("is empty; the first line names the columns"))?;
        let split = |line: &str| line.split(',').map(|field| field.trim().to_owned()).collect::<Vec<_>>();
        let columns = split(head);
        let place = |name: &str| columns.iter().position(|column| column == name);
        let (Some(source), Some(destination)) = (place("source"), place("destination")) else {
            return Err(text.error_at(number, 1, "there is no column \"source\" or \"destination\""));
        };
        let index = place("index");
        let label_places: Vec<usize> = (0..columns.len())
            .filter(|place| *place != source && *place != destination && Some(*place) != index)
            .collect();
        let labels: Vec<String> = label_places.iter().filter_map(|place| columns.get(*place).cloned()).collect();
        let mut known = HashMap::new();
        for (number, line) in lines {
            let fields = split(line);
            let field = |place: usize| fields.get(place).cloned().unwrap_or_default();
            let index = match index.map(field).as_deref() {
                None | Some("") => 0,
                Some(text_of_index) => text_of_index
                    .parse()
                    .map_err(|_| text.error_at(number, 1, format!("the index {text_of_index:?} is not a number")))?,
            };
            let key: Vec<String> = label_places.iter().map(|place| field(*place)).collect();
            let link = LinkName { source: field(source), destination: field(destination), index };
            if link.source.is_empty() || link.destination.is_empty() || key.iter().any(String::is_empty) {
                return Err(text.error_at(
                    number,
                    1,
                    format!("has fewer than the {} columns of the first line", columns.len()),
                ));
            }
            known.insert(key, link);
        }
        Ok(Self { labels, links: known })
    }

    fn link(&self, metric: &HashMap<String, String>) -> Option<&LinkName> {
        let key: Option<Vec<String>> = self.labels.iter().map(|label| metric.get(label).cloned()).collect();
        self.links.get(&key?)
    }
}

impl Prometheus {
    /// Creates a source that has measured nothing yet.
    pub fn new(settings: Settings, interfaces: Interfaces) -> Self {
        let interval = Duration::try_from_secs_f64(settings.interval).unwrap_or_default();
        let threshold = |kind| if kind == Kind::Utilisation { settings.points } else { settings.amount };
        let kinds = [Kind::Utilisation, Kind::Delay, Kind::Loss];
        let dampers = kinds.into_iter().map(|kind| (kind, Damper::new(threshold(kind), interval))).collect();
        // Nobody but the operator decides which host is asked.
        let config =
            ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).max_redirects(0);
        Self { settings, interfaces, agent: config.build().into(), dampers, seen: HashMap::new() }
    }

    /// Asks all queries. Their values are to be noted with [`Prometheus::reported`] once the server has them.
    pub fn measure(&mut self, now: Instant) -> Result<Measurements, String> {
        let mut measurements = Measurements::default();
        for query in self.settings.queries.clone() {
            let samples = self.ask(&query.query)?;
            self.take(&query, samples, now, &mut measurements);
        }
        let patience = Duration::try_from_secs_f64(self.settings.expire).unwrap_or(Duration::MAX);
        let expired: Vec<(Kind, LinkName)> = self
            .seen
            .iter()
            .filter(|(_, seen)| now.saturating_duration_since(**seen) >= patience)
            .map(|(key, _)| key.clone())
            .collect();
        measurements.values.extend(expired.into_iter().map(|(kind, link)| (kind, link, None)));
        measurements.values.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        Ok(measurements)
    }

    fn take(&mut self, query: &Query, samples: Vec<Sample>, now: Instant, measurements: &mut Measurements) {
        for sample in samples {
            let Some(link) = self.interfaces.link(&sample.metric) else {
                measurements.unknown += 1;
                continue;
            };
            let Some(value) = sample.number(query.factor) else {
                measurements.unusable += 1;
                continue;
            };
            let value = match query.measures {
                Kind::Utilisation => value.min(MAX_UTILISATION),
                Kind::Delay => value.min(1e5),
                Kind::Loss => value.min(100.0),
            };
            self.seen.insert((query.measures, link.clone()), now);
            let damper = self.dampers.get(&query.measures);
            if damper.is_none_or(|damper| damper.admits(link, value, now)) {
                measurements.values.push((query.measures, link.clone(), Some(value)));
            }
        }
    }

    fn ask(&self, query: &str) -> Result<Vec<Sample>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {query}: {error}", self.settings.url);
        let uri = format!("{}/api/v1/query", self.settings.url.trim_end_matches('/'));
        let mut response = self.agent.get(&uri).query("query", query).call().map_err(|error| failed(&error))?;
        let text =
            response.body_mut().with_config().limit(MAX_ANSWER).read_to_string().map_err(|error| failed(&error))?;
        prometheus_answer::samples(&text).map_err(|error| failed(&error))
    }

    /// Notes that the server has these values.
    pub fn reported(&mut self, values: &[(Kind, LinkName, Option<f64>)], now: Instant) {
        for (kind, link, value) in values {
            match (value, self.dampers.get_mut(kind)) {
                (Some(value), Some(damper)) => damper.reported(link.clone(), *value, now),
                (Some(_), None) => {}
                (None, _) => drop(self.seen.remove(&(*kind, link.clone()))),
            }
        }
    }

    /// Forgets what was reported, because the server has lost it.
    pub fn forget(&mut self) {
        self.dampers.values_mut().for_each(Damper::clear);
    }
}

/// Returns the changes of links that report measurements, one for each link.
pub fn changes(values: &[(Kind, LinkName, Option<f64>)]) -> Vec<LinkChange> {
    let mut changes: BTreeMap<&LinkName, LinkChange> = BTreeMap::new();
    for (kind, link, value) in values {
        let change = changes.entry(link).or_insert_with(|| LinkChange {
            index: Some(link.index),
            ..LinkChange::of(&*link.source, &*link.destination)
        });
        let measured = value.map_or(Measured::Forget, |value| Measured::Samples(Samples::One(value)));
        match kind {
            // Without a measurement, a link counts as idle.
            Kind::Utilisation => change.utilisation = Some(Samples::One(value.unwrap_or(0.0))),
            Kind::Delay => change.measured_delay = Some(measured),
            Kind::Loss => change.measured_loss = Some(measured),
        }
    }
    changes.into_values().collect()
}
