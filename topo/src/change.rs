//! What is reported of links while the network runs, and the topology that results.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::check::{is_bandwidth, is_cost, is_delay, is_loss};
use crate::error::ChangeError;
use crate::file::Delay;
use crate::samples::Samples;
use crate::topology::{Link, MAX_BANDWIDTH, MAX_COST, MAX_DELAY, MAX_LOSS, MAX_UTILISATION, Topology};

/// Something new about one link. What is absent stays as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkChange {
    /// One end of the link; an undirected link may be named either way round.
    pub source: String,
    /// The other end.
    pub destination: String,
    /// Which of several links between the two, from 0 in the order of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Part of the bandwidth that is in use, 0 to 0.99, as measured; the latest of several samples counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilisation: Option<Samples>,
    /// Mbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<f64>,
    /// Milliseconds, one way, as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// Milliseconds, one way, as measured, in place of the configured delay; the median of several samples counts.
    /// Costs, and so routes, stay those of the configured delay.
    #[serde(
        default,
        rename = "measured-delay",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present_measured"
    )]
    pub measured_delay: Option<Measured>,
    /// Lost packets, one way, in percent, as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Lost packets, one way, in percent, as measured, in place of what is configured; the median of several counts.
    #[serde(
        default,
        rename = "measured-loss",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present_measured"
    )]
    pub measured_loss: Option<Measured>,
    /// Whether the link carries traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// A cost in place of the computed one; `null` goes back to the computed one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub cost: Option<Override>,
    /// What is added to the routing cost of routes over the link, without moving them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
}

/// What becomes of the cost override of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Override {
    /// The link costs this.
    Set(f64),
    /// The link costs what is computed.
    Clear,
}

/// What becomes of the measured value of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number, a list of numbers, or null to go back to what is configured")]
pub enum Measured {
    /// This was measured.
    Samples(Samples),
    /// What was measured is out of date; what is configured stands again.
    Forget,
}

fn present_measured<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Measured>, D::Error> {
    Measured::deserialize(deserializer).map(Some)
}

/// A member that is there says something, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Override>, D::Error> {
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

impl LinkChange {
    /// Changes nothing of the link between two nodes.
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

    /// The same change with every list of samples replaced by the one that stands for it, for whoever keeps it.
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
    /// The network after some changes: all of them, in order, or none where one cannot be made.
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
                Err("there are several such links; say which with \"index\", from 0 in the order of the file"
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
    /// What is measured from now on; nothing where what was measured is forgotten.
    fn median(&self, key: &str, is_right: impl Fn(f64) -> bool, right: &str) -> Result<Option<f64>, String> {
        match self {
            Self::Forget => Ok(None),
            Self::Samples(samples) => samples.check(key, is_right, right).map(|()| samples.median()),
        }
    }
}

impl Link {
    fn apply(&mut self, change: &LinkChange) -> Result<(), String> {
        let out_of_range =
            |key: &str, value: f64, right: String| format!("{key}: {value} is out of range: use {right}");
        if let Some(samples) = &change.utilisation {
            let right = format!("0 to {MAX_UTILISATION}");
            samples.check("utilisation", |sample| (0.0..=MAX_UTILISATION).contains(&sample), &right)?;
            self.utilisation = samples.latest().unwrap_or_default();
        }
        if let Some(bandwidth) = change.bandwidth {
            if !is_bandwidth(bandwidth) {
                let right = format!("more than 0 Mbit/s, at most {MAX_BANDWIDTH}");
                return Err(out_of_range("bandwidth", bandwidth, right));
            }
            self.bandwidth = bandwidth;
        }
        if let Some(Delay(delay)) = change.delay {
            if !is_delay(delay) {
                return Err(out_of_range("delay", delay, format!("0 to {MAX_DELAY} ms")));
            }
            self.delay = delay;
        }
        if let Some(measured) = &change.measured_delay {
            self.measured_delay = measured.median("measured-delay", is_delay, &format!("0 to {MAX_DELAY} ms"))?;
        }
        if let Some(loss) = change.loss {
            if !is_loss(loss) {
                return Err(out_of_range("loss", loss, format!("0 to {MAX_LOSS} percent")));
            }
            self.loss = loss;
        }
        if let Some(measured) = &change.measured_loss {
            self.measured_loss = measured.median("measured-loss", is_loss, &format!("0 to {MAX_LOSS} percent"))?;
        }
        match change.cost {
            Some(Override::Set(cost)) if !is_cost(cost) => {
                return Err(out_of_range("cost", cost, format!("0 to {MAX_COST}, or null to have it computed")));
            }
            Some(Override::Set(cost)) => self.override_cost = Some(cost),
            Some(Override::Clear) => self.override_cost = None,
            None => {}
        }
        if let Some(price) = change.price {
            if !is_cost(price) {
                return Err(out_of_range("price", price, format!("0 to {MAX_COST}")));
            }
            self.price = price;
        }
        self.up = change.up.unwrap_or(self.up);
        Ok(())
    }
}
