//! Changes reported for links while the network runs, and the topology that results from them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::limits::{self, Limit};
use super::parts::Link;
use super::samples::Samples;
use super::topology::Topology;
use crate::error::ChangeError;
use crate::file::{Delay, quantity};

/// A change to one link; absent fields stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkChange {
    /// Name of the node at one end; the ends of an undirected link may be given in either order.
    pub source: String,
    /// Name of the node at the other end.
    pub destination: String,
    /// Index among several links between the two nodes, from 0 in the order of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Measured share of the bandwidth that is in use, 0 to 0.99; the latest of several samples counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilisation: Option<Samples>,
    /// Bandwidth in Mbit/s; a text has a unit, such as "100G".
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "quantity::bandwidth_if_any")]
    #[schemars(schema_with = "quantity::bandwidth_schema")]
    pub bandwidth: Option<f64>,
    /// Configured one-way delay in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// Measured one-way delay in milliseconds, which takes precedence over the configured delay; the median of several
    /// samples counts. Link costs, and so routes, still follow the configured delay.
    #[serde(
        default,
        rename = "measured-delay",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "measured_or_null"
    )]
    pub measured_delay: Option<Measured>,
    /// Configured one-way packet loss in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Measured one-way packet loss in percent, which takes precedence over the configured one; the median of several
    /// samples counts.
    #[serde(
        default,
        rename = "measured-loss",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "measured_or_null"
    )]
    pub measured_loss: Option<Measured>,
    /// Whether the link carries traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// Cost that replaces the computed one; `null` restores the computed one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "cost_or_null")]
    pub cost: Option<Override>,
    /// Surcharge on the routing cost of routes over the link, ignored by route selection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
}

/// A new setting of a link's cost override.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Override {
    /// Sets the cost of the link.
    Set(f64),
    /// Restores the computed cost.
    Clear,
}

/// A new measured value of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number, a list of numbers, or null to return to the configured value")]
pub enum Measured {
    /// Samples measured since the last report.
    Samples(Samples),
    /// Discards the measured value, so that the configured one applies again.
    Forget,
}

/// Deserialises a measured value that is present: `null` means [`Measured::Forget`] rather than absence.
fn measured_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Measured>, D::Error> {
    Measured::deserialize(deserializer).map(Some)
}

/// Deserialises a cost that is present: `null` means [`Override::Clear`] rather than absence.
fn cost_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Override>, D::Error> {
    let cost = Option::<f64>::deserialize(deserializer)?;
    Ok(Some(cost.map_or(Override::Clear, Override::Set)))
}

impl Serialize for Override {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(cost) => serializer.serialize_f64(*cost),
            Self::Clear => serializer.serialize_none(),
        }
    }
}

impl JsonSchema for Override {
    fn schema_name() -> Cow<'static, str> {
        "Override".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A cost, or null for the computed one.",
            "anyOf": [{"type": "number", "minimum": 0, "maximum": 1_000_000_000}, {"type": "null"}]
        })
    }
}

impl LinkChange {
    /// Creates a change that leaves everything about the link between two nodes as it is.
    pub fn of(source: impl Into<String>, destination: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            destination: destination.into(),
            index: None,
            utilisation: None,
            bandwidth: None,
            delay: None,
            measured_delay: None,
            loss: None,
            measured_loss: None,
            up: None,
            cost: None,
            price: None,
        }
    }

    /// Returns whether the change only reports measurements, and sets nothing that the operator configures.
    pub fn is_measurement(&self) -> bool {
        let Self { bandwidth, delay, loss, up, cost, price, .. } = self;
        bandwidth.is_none() && delay.is_none() && loss.is_none() && up.is_none() && cost.is_none() && price.is_none()
    }

    /// Combines this change with an older one of the same link; this one wins where both set a field.
    pub(crate) fn over(self, older: Self) -> Self {
        Self {
            source: older.source,
            destination: older.destination,
            index: older.index,
            utilisation: self.utilisation.or(older.utilisation),
            bandwidth: self.bandwidth.or(older.bandwidth),
            delay: self.delay.or(older.delay),
            measured_delay: self.measured_delay.or(older.measured_delay),
            loss: self.loss.or(older.loss),
            measured_loss: self.measured_loss.or(older.measured_loss),
            up: self.up.or(older.up),
            cost: self.cost.or(older.cost),
            price: self.price.or(older.price),
        }
    }

    /// Replaces every list of samples by the value it amounts to, for storage.
    #[must_use]
    pub fn condensed(mut self) -> Self {
        self.utilisation = self.utilisation.map(|samples| samples.latest().map_or(samples, Samples::One));
        for measured in [&mut self.measured_delay, &mut self.measured_loss].into_iter().flatten() {
            if let Measured::Samples(samples) = measured
                && let Some(median) = samples.median()
            {
                *samples = Samples::One(median);
            }
        }
        self
    }
}

impl Topology {
    /// Applies changes in order and returns the resulting topology, or fails if any of them cannot be applied.
    pub fn with_changes(&self, changes: &[LinkChange]) -> Result<Self, ChangeError> {
        let mut next = self.clone();
        for (i, change) in changes.iter().enumerate() {
            let failed = |message: String| ChangeError {
                position: i + 1,
                source_name: change.source.clone(),
                destination_name: change.destination.clone(),
                message,
            };
            let place = next.find(change).map_err(failed)?;
            let link = &mut next.links[place];
            link.apply(change).map_err(failed)?;
            link.weigh(&next.frame.cost).map_err(failed)?;
        }
        Ok(next)
    }

    /// Returns the position of the link that a change names, if there is exactly one.
    pub fn position(&self, change: &LinkChange) -> Option<usize> {
        self.find(change).ok()
    }

    /// Returns the position of the link that a change names.
    pub(crate) fn find(&self, change: &LinkChange) -> Result<usize, String> {
        let (a, b) = (change.source.as_str(), change.destination.as_str());
        let between = |link: &Link| {
            let ends = (link.source().as_str(), link.destination().as_str());
            ends == (a, b) || (!link.directed && ends == (b, a))
        };
        let mut found = self.links.iter().enumerate().filter(|(_, link)| between(link)).map(|(place, _)| place);
        match (found.next(), found.next(), change.index) {
            (None, ..) => Err(format!("there is no link from {a:?} to {b:?}")),
            (Some(place), None, None | Some(0)) => Ok(place),
            (Some(_), Some(_), None) => {
                Err("there are several such links; select one with \"index\", from 0 in the order of the file"
                    .to_owned())
            }
            (Some(first), second, Some(index)) => {
                let mut all = std::iter::once(first).chain(second).chain(found);
                all.nth(index)
                    .ok_or_else(|| format!("index: there is no link {index} between the two; they count from 0"))
            }
        }
    }
}

impl Measured {
    /// Checks the samples and returns their median; `None` if the measured value is to be discarded.
    fn median(&self, key: &str, limit: &Limit) -> Result<Option<f64>, String> {
        match self {
            Self::Forget => Ok(None),
            Self::Samples(samples) => samples.check(key, limit).map(|()| samples.median()),
        }
    }
}

impl Link {
    /// Applies a change; an error leaves the link partly changed.
    fn apply(&mut self, change: &LinkChange) -> Result<(), String> {
        let in_range = |key: &str, value: f64, limit: &Limit| match limit.check(value) {
            Ok(()) => Ok(value),
            Err(message) => Err(format!("{key}: {message}")),
        };
        if let Some(samples) = &change.utilisation {
            samples.check("utilisation", &limits::UTILISATION)?;
            self.utilisation = samples.latest().unwrap_or_default();
        }
        if let Some(bandwidth) = change.bandwidth {
            self.bandwidth = in_range("bandwidth", bandwidth, &limits::BANDWIDTH)?;
        }
        if let Some(Delay(delay)) = change.delay {
            self.delay = in_range("delay", delay, &limits::DELAY)?;
        }
        if let Some(measured) = &change.measured_delay {
            self.measured_delay = measured.median("measured-delay", &limits::DELAY)?;
        }
        if let Some(loss) = change.loss {
            self.loss = in_range("loss", loss, &limits::LOSS)?;
        }
        if let Some(measured) = &change.measured_loss {
            self.measured_loss = measured.median("measured-loss", &limits::LOSS)?;
        }
        match change.cost {
            Some(Override::Set(cost)) => {
                let cost = in_range("cost", cost, &limits::COST);
                self.override_cost = Some(cost.map_err(|error| error + ", or null for the computed cost")?);
            }
            Some(Override::Clear) => self.override_cost = None,
            None => {}
        }
        if let Some(price) = change.price {
            self.price = in_range("price", price, &limits::COST)?;
        }
        self.up = change.up.unwrap_or(self.up);
        Ok(())
    }
}
