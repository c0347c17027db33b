//! The Internet Topology Zoo: each node becomes a switch, a PID with addresses of its own and, if wanted, hosts.

pub mod graphml;
pub mod speed;

use std::collections::BTreeMap;

use topo::file::{LinkFile, PropertyValue, SwitchFile, TopologyFile};

use super::Imported;
use crate::input::{InputError, Text};
use crate::topology_file::assumptions::Assumptions;
use crate::topology_file::places::{self, DELAY_FLOOR, MAX_PLACES};
use crate::topology_file::{name, parts};
use graphml::{Edge, Graph, Node};

/// Bandwidth of a link without speed where the file describes fibres, in Mbit/s.
const FIBRE_BANDWIDTH: f64 = 10_000.0;
/// Settings of the import.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Number of hosts to generate at each switch, at most 250.
    pub hosts: u8,
    /// True to give nodes of peers and customers PIDs of their own, false to leave them out.
    pub external: bool,
    /// True to keep only the largest connected part.
    pub largest: bool,
    /// Length of links as a multiple of the great circle between their ends.
    pub detour: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { hosts: 1, external: false, largest: false, detour: 1.0 }
    }
}

/// Imports a GraphML file of the Zoo.
pub fn import(text: &Text, options: &Options) -> Result<Imported, InputError> {
    let graph = graphml::read(text)?;
    if graph.nodes.len() > MAX_PLACES {
        return Err(text.error(format!("has {} nodes; the limit is {MAX_PLACES}", graph.nodes.len())));
    }
    let mut import = Import { graph: &graph, options, assumptions: Assumptions::default() };
    let topology = import.topology();
    Ok(Imported { topology, assumptions: import.assumptions })
}

struct Import<'a> {
    graph: &'a Graph,
    options: &'a Options,
    assumptions: Assumptions,
}

impl Import<'_> {
    fn topology(&mut self) -> TopologyFile {
        let graph = self.graph;
        let kept = self.kept();
        let names = name::distinct(kept.iter().map(|&place| (&*graph.nodes[place].label, &*graph.nodes[place].id)));
        let names: BTreeMap<usize, String> = kept.iter().copied().zip(names).collect();
        let mut file = parts::empty(graph.label.as_deref().unwrap_or("zoo"));
        let numbers: Option<Vec<u64>> =
            kept.iter().map(|&place| graph.nodes[place].id.parse::<u32>().ok().map(|id| u64::from(id) + 1)).collect();
        for (rank, &place) in kept.iter().enumerate() {
            let (node, name) = (&graph.nodes[place], &names[&place]);
            let number = numbers.as_ref().map_or(rank as u64 + 1, |numbers| numbers[rank]);
            let switch = if node.junction { parts::junction(name) } else { parts::switch(name) };
            file.switches.push(SwitchFile { dpid: Some(format!("{number:016x}")), ..switch });
            if node.junction {
                continue;
            }
            places::add_pid(&mut file, name, rank, self.options.hosts);
            let properties = properties(node);
            if !properties.is_empty() {
                file.properties.pids.insert(name.clone(), properties);
            }
        }
        let links = graph.edges.iter().filter_map(|edge| self.link(edge, &names)).collect::<Vec<_>>();
        file.links.extend(links);
        file
    }

    /// Returns the places of the nodes to keep, by number where all identifiers are numbers.
    fn kept(&mut self) -> Vec<usize> {
        let nodes = &self.graph.nodes;
        let external = nodes.iter().filter(|node| !node.internal).count();
        self.assumptions.found("nodes", nodes.len());
        self.assumptions.found("edges", self.graph.edges.len());
        self.assumptions.found("external", external);
        self.assumptions.found("junctions", nodes.iter().filter(|node| node.junction).count());
        let raw = self.graph.edges.iter().filter(|edge| edge.raw_speed.is_some()).count();
        let speeds = self.graph.edges.iter().filter(|edge| edge.raw_speed.is_none() && edge.speed.is_some()).count();
        self.assumptions.found("raw-speeds", raw);
        self.assumptions.found("speeds", speeds);
        let mut kept: Vec<usize> =
            (0..nodes.len()).filter(|&place| self.options.external || nodes[place].internal).collect();
        self.assumptions.assumed(
            "dropped-nodes",
            nodes.len() - kept.len(),
            "nodes of peers and customers were left out",
        );
        if nodes.iter().all(|node| node.id.parse::<u32>().is_ok()) {
            kept.sort_by_key(|&place| nodes[place].id.parse::<u32>().unwrap_or_default());
        }
        let part = self.parts_of(&kept);
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        for &place in &kept {
            *sizes.entry(part[place]).or_default() += 1;
        }
        let largest = sizes.iter().max_by_key(|(root, size)| (**size, std::cmp::Reverse(**root)));
        if let (true, Some((&root, &size))) = (self.options.largest, largest) {
            let warning = "nodes outside the largest connected part were left out";
            self.assumptions.assumed("dropped-parts", kept.len() - size, warning);
            kept.retain(|&place| part[place] == root);
        } else if sizes.len() > 1 {
            let warning = "parts are not connected with each other, so that costs between them do not exist";
            self.assumptions.assumed("parts", sizes.len(), warning);
        }
        let unplaced = kept.iter().filter(|&&place| nodes[place].position.is_none()).count();
        self.assumptions.found("unplaced", unplaced);
        kept
    }

    /// Returns for each node the representative of its connected part among the kept nodes.
    fn parts_of(&self, kept: &[usize]) -> Vec<usize> {
        let mut is_kept = vec![false; self.graph.nodes.len()];
        for &place in kept {
            is_kept[place] = true;
        }
        let mut parent: Vec<usize> = (0..is_kept.len()).collect();
        for edge in self.graph.edges.iter().filter(|edge| is_kept[edge.ends.0] && is_kept[edge.ends.1]) {
            let (a, b) = (root(&mut parent, edge.ends.0), root(&mut parent, edge.ends.1));
            parent[a.max(b)] = a.min(b);
        }
        (0..parent.len()).map(|place| root(&mut parent, place)).collect()
    }

    fn link(&mut self, edge: &Edge, names: &BTreeMap<usize, String>) -> Option<LinkFile> {
        let (source, destination) = (names.get(&edge.ends.0)?, names.get(&edge.ends.1)?);
        if edge.ends.0 == edge.ends.1 {
            self.assumptions.assumed("self-loops", 1, "links from a node to itself were left out");
            return None;
        }
        Some(parts::link(source, destination, self.bandwidth(edge), self.delay(edge)))
    }

    fn bandwidth(&mut self, edge: &Edge) -> f64 {
        if let Some(raw) = edge.raw_speed.filter(|raw| *raw > 0.0) {
            return raw / 1e6;
        }
        let in_units = edge.speed.as_ref().and_then(|(number, unit)| speed::of_label(&format!("{number} {unit}")));
        if let Some(speed) = in_units {
            return speed;
        }
        if let Some(speed) = edge.label.as_deref().and_then(speed::of_label) {
            self.assumptions.assumed("label-speeds", 1, "links have only a label that tells their bandwidth");
            return speed;
        }
        let is_fibre = self.graph.layer.as_deref().is_some_and(|layer| layer.to_ascii_lowercase().contains("fibre"));
        let default = if is_fibre { FIBRE_BANDWIDTH } else { parts::DEFAULT_BANDWIDTH };
        self.assumptions.assumed("default-speeds", 1, format!("links have no speed, {default} Mbit/s is taken"));
        default
    }

    fn delay(&mut self, edge: &Edge) -> f64 {
        let (source, destination) = (&self.graph.nodes[edge.ends.0], &self.graph.nodes[edge.ends.1]);
        if let (Some(from), Some(to)) = (source.position, destination.position) {
            let delay = places::delay(self.options.detour * places::great_circle(from, to));
            if delay < DELAY_FLOOR {
                let warning = format!("links are too short, a delay of {DELAY_FLOOR} ms is taken");
                self.assumptions.assumed("floor-delays", 1, warning);
            }
            return delay.max(DELAY_FLOOR);
        }
        // A junction without a place divides one link into several.
        let default =
            if source.junction || destination.junction { parts::DEFAULT_DELAY / 2.0 } else { parts::DEFAULT_DELAY };
        let warning = format!(
            "links have an end without coordinates, a delay of {} ms is taken ({} ms at junctions)",
            parts::DEFAULT_DELAY,
            parts::DEFAULT_DELAY / 2.0
        );
        self.assumptions.assumed("default-delays", 1, warning);
        default
    }
}

/// Finds the representative of a node's part, halving the path to it (union-find).
fn root(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

/// Properties of a node's PID: its position and country.
fn properties(node: &Node) -> BTreeMap<String, PropertyValue> {
    let position = node.position.map(|(latitude, longitude)| format!("{latitude},{longitude}"));
    let country = node.country.as_ref().map(|country| country.chars().take(255).collect::<String>());
    [("priv:alto-position", position), ("priv:alto-country", country)]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), PropertyValue::Text(value?))))
        .collect()
}
