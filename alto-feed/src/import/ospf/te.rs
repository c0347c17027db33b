//! The JSON of `show ip ospf mpls-te database json`: bandwidth and delay of interfaces.
//!
//! The database lacks LANs, where it has one half edge instead of one for each router, so only attributes are taken from it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use crate::input::{InputError, Text};
use crate::link_state::Attributes;

/// Mbit/s in a byte per second.
const MBITS: f64 = 8e-6;

#[derive(Deserialize)]
struct Output {
    ted: Ted,
}

#[derive(Deserialize)]
struct Ted {
    #[serde(default)]
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    #[serde(rename = "edge-attributes", default)]
    attributes: EdgeAttributes,
}

/// Bandwidths are in bytes per second, delays in microseconds.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct EdgeAttributes {
    local_address: Option<IpAddr>,
    max_link_bandwidth: Option<f64>,
    utilized_bandwidth: Option<f64>,
    delay: Option<f64>,
    /// Percent.
    loss: Option<f64>,
}

/// Reads the attributes of interfaces by their addresses.
pub(super) fn read(file: &Text) -> Result<BTreeMap<IpAddr, Attributes>, InputError> {
    let output: Output = file.json()?;
    let attributes = output.ted.edges.into_iter().map(|edge| edge.attributes);
    Ok(attributes.filter_map(|edge| Some((edge.local_address?, edge.convert()))).collect())
}

impl EdgeAttributes {
    fn convert(&self) -> Attributes {
        Attributes {
            bandwidth: self.max_link_bandwidth.filter(|bytes| *bytes > 0.0).map(|bytes| bytes * MBITS),
            used: self.utilized_bandwidth.filter(|bytes| *bytes >= 0.0).map(|bytes| bytes * MBITS),
            delay: self.delay.filter(|microseconds| *microseconds >= 0.0).map(|microseconds| microseconds / 1000.0),
            loss: self.loss,
        }
    }
}
