//! What is reported of links while the network runs, and the topology that results.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::check::{is_bandwidth, is_cost, is_delay};
use crate::error::ChangeError;
use crate::file::Delay;
use crate::topology::{Link, MAX_BANDWIDTH, MAX_COST, MAX_DELAY, MAX_UTILISATION, Topology};

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
    /// Part of the bandwidth that is in use, 0 to 0.99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilisation: Option<f64>,
    /// Mbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<f64>,
    /// Milliseconds, one way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
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

    /// Which link a change is about.
    fn find(&self, change: &LinkChange) -> Result<usize, String> {
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

impl Link {
    fn apply(&mut self, change: &LinkChange) -> Result<(), String> {
        let out_of_range =
            |key: &str, value: f64, right: String| format!("{key}: {value} is out of range: use {right}");
        if let Some(utilisation) = change.utilisation {
            if !(0.0..=MAX_UTILISATION).contains(&utilisation) {
                return Err(out_of_range("utilisation", utilisation, format!("0 to {MAX_UTILISATION}")));
            }
            self.utilisation = utilisation;
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
