//! TopoHub's JSON, which has SNDlib with its demands, the Internet Topology Zoo and generated networks: node-link graphs of
//! NetworkX with positions, lengths of links and demands.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Deserialize;
use topo::file::{PropertyValue, TopologyFile};

use super::Imported;
use crate::input::{InputError, Text};
use crate::topology_file::assumptions::Assumptions;
use crate::topology_file::places::{self, DELAY_FLOOR, MAX_PLACES};
use crate::topology_file::{name, parts};

/// Largest number of links.
const MAX_LINKS: usize = 1_000_000;
/// Largest absolute latitude and longitude in degrees; positions beyond are those of a drawing.
const DEGREES: (f64, f64) = (90.0, 180.0);

/// Settings of the import.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Number of hosts to generate at each switch, at most 250.
    pub hosts: u8,
    /// Length of links as a multiple of what the file tells.
    pub detour: f64,
}

/// Traffic that one PID has for another, in the unit of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// PID that the traffic comes from.
    pub source: String,
    /// PID that the traffic goes to.
    pub destination: String,
    /// Amount of traffic.
    pub amount: f64,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    directed: bool,
    graph: Graph,
    nodes: Vec<Node>,
    /// Older releases call them links.
    #[serde(alias = "links")]
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Graph {
    #[serde(default)]
    name: Option<String>,
    /// Amounts by source and destination, which are keys and so texts.
    #[serde(default)]
    demands: BTreeMap<String, BTreeMap<String, f64>>,
}

/// Identifier of a node: older releases have names, newer ones numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a text or a whole number")]
enum Id {
    Number(u64),
    Text(String),
}

#[derive(Deserialize)]
struct Node {
    id: Id,
    name: Option<String>,
    /// Longitude and latitude in degrees.
    pos: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct Edge {
    source: Id,
    target: Id,
    /// Length in kilometres.
    dist: Option<f64>,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// Imports a file, and returns its demands beside it.
pub fn import(text: &Text, options: &Options) -> Result<(Imported, Vec<Demand>), InputError> {
    let document: Document = text.json()?;
    check(text, &document)?;
    let ids: Vec<String> = document.nodes.iter().map(|node| node.id.to_string()).collect();
    let places: HashMap<&str, usize> = ids.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
    if places.len() < ids.len() {
        return Err(text.error("nodes: two have the same id"));
    }
    let mut assumptions = Assumptions::default();
    let labels = document.nodes.iter().zip(&ids).map(|(node, id)| (node.name.as_deref().unwrap_or(id), id.as_str()));
    let names = name::distinct(labels);
    let mut file = parts::empty(document.graph.name.as_deref().unwrap_or("topohub"));
    for (rank, (node, name)) in document.nodes.iter().zip(&names).enumerate() {
        file.switches.push(parts::switch(name));
        places::add_pid(&mut file, name, rank, options.hosts);
        if let Some((latitude, longitude)) = node.position() {
            let position = PropertyValue::Text(format!("{latitude},{longitude}"));
            file.properties.pids.insert(name.clone(), [("priv:alto-position".to_owned(), position)].into());
        }
    }
    let place = |id: &str, path: &dyn Fn() -> String| {
        let unknown = || text.error(format!("{}: {id:?} is the id of no node", path()));
        places.get(id).copied().ok_or_else(unknown)
    };
    for (number, edge) in document.edges.iter().enumerate() {
        let source = place(&edge.source.to_string(), &|| format!("edges[{number}].source"))?;
        let target = place(&edge.target.to_string(), &|| format!("edges[{number}].target"))?;
        if source == target {
            assumptions.assumed("self-loops", 1, "links from a node to itself were left out");
            continue;
        }
        let length = edge.dist.filter(|length| *length >= 0.0).or_else(|| {
            let ends = (document.nodes[source].position()?, document.nodes[target].position()?);
            Some(places::great_circle(ends.0, ends.1))
        });
        add_link(
            &mut file,
            [&names[source], &names[target]],
            length.map(|length| length * options.detour),
            &mut assumptions,
        );
    }
    assumptions.found("nodes", document.nodes.len());
    assumptions.found("edges", document.edges.len());
    let mut demands = Vec::new();
    for (source, row) in &document.graph.demands {
        for (destination, amount) in row {
            let name = |id: &str| Ok::<_, InputError>(names[place(id, &|| "graph.demands".to_owned())?].clone());
            demands.push(Demand { source: name(source)?, destination: name(destination)?, amount: *amount });
        }
    }
    assumptions.found("demands", demands.len());
    Ok((Imported { topology: file, assumptions }, demands))
}

/// Refuses what would be misread, and what is too large.
fn check(text: &Text, document: &Document) -> Result<(), InputError> {
    if document.directed {
        return Err(text.error("directed: true is not supported, because every network of TopoHub is undirected"));
    }
    let sizes = [("nodes", document.nodes.len(), MAX_PLACES), ("edges", document.edges.len(), MAX_LINKS)];
    match sizes.into_iter().find(|(_, count, most)| count > most) {
        Some((what, count, most)) => Err(text.error(format!("has {count} {what}; the limit is {most}"))),
        None => Ok(()),
    }
}

impl Node {
    /// Returns latitude and longitude, if the position is one on the globe.
    fn position(&self) -> Option<(f64, f64)> {
        let (longitude, latitude) = self.pos?;
        (latitude.abs() <= DEGREES.0 && longitude.abs() <= DEGREES.1).then_some((latitude, longitude))
    }
}

fn add_link(file: &mut TopologyFile, ends: [&str; 2], length: Option<f64>, assumptions: &mut Assumptions) {
    let bandwidth = parts::DEFAULT_BANDWIDTH;
    assumptions.assumed("default-speeds", 1, format!("links have no speed, {bandwidth} Mbit/s is taken"));
    let delay = match length.map(places::delay) {
        None => {
            let warning = format!("links have no length, a delay of {} ms is taken", parts::DEFAULT_DELAY);
            assumptions.assumed("default-delays", 1, warning);
            parts::DEFAULT_DELAY
        }
        Some(delay) if delay < DELAY_FLOOR => {
            let warning = format!("links are too short, a delay of {DELAY_FLOOR} ms is taken");
            assumptions.assumed("floor-delays", 1, warning);
            DELAY_FLOOR
        }
        Some(delay) => delay,
    };
    file.links.push(parts::link(ends[0], ends[1], bandwidth, delay));
}

/// Writes demands as lines of source, destination and amount, below a line that names the columns.
pub fn demand_lines(demands: &[Demand]) -> String {
    let lines =
        demands.iter().map(|Demand { source, destination, amount }| format!("{source},{destination},{amount}\n"));
    std::iter::once("source,destination,demand\n".to_owned()).chain(lines).collect()
}
