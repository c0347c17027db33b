//! What carries transit: the switches and the arcs between them, in compressed rows both ways.
//!
//! Hosts never carry the traffic of others, so searches run over switches alone; [`Access`] says how hosts are joined
//! to them. Both are made from the [`Graph`] of a topology, in which one arc already stands for parallel links.

use crate::graph::{Graph, NodeId};
use crate::routes::Attributes;
use crate::topology::Frame;
use crate::value::Value;

/// A switch, by the place of its name among the switches.
pub(crate) type SwitchId = u32;

/// The switches, and the arcs between them.
#[derive(Debug)]
pub(crate) struct Fabric {
    /// Arcs that lead to switch `n` are `arcs[starts[n]..starts[n + 1]]`, by where they come from.
    starts: Vec<u32>,
    arcs: Vec<Step>,
    attributes: Vec<Attributes>,
    /// The same arcs by where they come from: `out[out_starts[n]..out_starts[n + 1]]`.
    out_starts: Vec<u32>,
    out: Vec<Leaving>,
}

/// What a search needs of an arc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) from: SwitchId,
    pub(crate) cost: Value,
}

/// An arc, seen from where it begins.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    to: SwitchId,
    arc: u32,
}

/// Names an arc within its fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ArcId(u32);

/// An arc that differs between two fabrics of the same switches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangedArc {
    pub(crate) from: SwitchId,
    pub(crate) to: SwitchId,
    /// What it is now; nothing where it is gone.
    pub(crate) now: Option<(Value, ArcId)>,
}

/// How the hosts are joined to the switches, and to each other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// For each host, the ways out of it, by the node they lead to.
    out: Vec<Vec<Out>>,
    /// For each host, the ways in from switches.
    into: Vec<Vec<Entry>>,
}

/// A way out of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Out {
    pub(crate) to: Neighbour,
    /// Place of the neighbour's name among all nodes, which breaks ties.
    pub(crate) node: NodeId,
    pub(crate) way: Attributes,
}

/// What a host is joined to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Neighbour {
    Switch(SwitchId),
    /// By the place of its name among the hosts.
    Host(u32),
}

/// A way from a switch into a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) switch: SwitchId,
    pub(crate) way: Attributes,
}

/// What every node of a topology is.
fn kinds(frame: &Frame) -> Vec<Neighbour> {
    let mut kinds = vec![Neighbour::Host(u32::MAX); frame.nodes.len()];
    for (id, switch) in (0..).zip(&frame.switches) {
        kinds[switch.node as usize] = Neighbour::Switch(id);
    }
    for (id, host) in (0..).zip(&frame.hosts) {
        kinds[host.node as usize] = Neighbour::Host(id);
    }
    kinds
}

/// Takes a graph apart into what carries transit and what ends it.
pub(crate) fn split(graph: &Graph, frame: &Frame) -> (Fabric, Access) {
    let kinds = kinds(frame);
    let mut fabric =
        Fabric { starts: vec![0], arcs: Vec::new(), attributes: Vec::new(), out_starts: Vec::new(), out: Vec::new() };
    let mut access = Access { out: vec![Vec::new(); frame.hosts.len()], into: vec![Vec::new(); frame.hosts.len()] };
    // Switches in the order of their names, as are all nodes: rows come out sorted.
    for switch in &frame.switches {
        for arc in graph.arcs_to(switch.node) {
            let way = Attributes::of(arc);
            match (kinds[arc.from as usize], kinds[switch.node as usize]) {
                (Neighbour::Switch(from), _) => {
                    fabric.arcs.push(Step { from, cost: arc.cost });
                    fabric.attributes.push(way);
                }
                (Neighbour::Host(host), to) => {
                    access.out[host as usize].push(Out { to, node: switch.node, way });
                }
            }
        }
        fabric.starts.push(index(fabric.arcs.len()));
    }
    for (to, host) in (0..).zip(&frame.hosts) {
        for arc in graph.arcs_to(host.node) {
            let way = Attributes::of(arc);
            match kinds[arc.from as usize] {
                Neighbour::Switch(switch) => access.into[to as usize].push(Entry { switch, way }),
                Neighbour::Host(from) => {
                    access.out[from as usize].push(Out { to: Neighbour::Host(to), node: host.node, way });
                }
            }
        }
    }
    for out in &mut access.out {
        out.sort_unstable_by_key(|out| out.node);
    }
    fabric.index_leaving();
    (fabric, access)
}

/// Counts of switches and arcs are bounded by the size of a file.
fn index(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Fabric {
    fn index_leaving(&mut self) {
        let mut starts = vec![0; self.len() + 1];
        for step in &self.arcs {
            starts[step.from as usize + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next: Vec<u32> = starts.clone();
        let mut out = vec![Leaving { to: 0, arc: 0 }; self.arcs.len()];
        for to in 0..index(self.len()) {
            for arc in self.row(to) {
                let place = &mut next[self.arcs[arc].from as usize];
                out[*place as usize] = Leaving { to, arc: index(arc) };
                *place += 1;
            }
        }
        self.out_starts = starts;
        self.out = out;
    }

    fn row(&self, to: SwitchId) -> std::ops::Range<usize> {
        self.starts[to as usize] as usize..self.starts[to as usize + 1] as usize
    }

    /// How many switches there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Arcs that lead to a switch, by where they come from.
    pub(crate) fn arcs_to(&self, to: SwitchId) -> impl Iterator<Item = (Step, ArcId)> {
        let row = self.row(to);
        (index(row.start)..).zip(&self.arcs[row]).map(|(arc, step)| (*step, ArcId(arc)))
    }

    /// Arcs that leave a switch, by where they lead.
    pub(crate) fn arcs_from(&self, from: SwitchId) -> impl Iterator<Item = (SwitchId, Value, ArcId)> {
        let row = self.out_starts[from as usize] as usize..self.out_starts[from as usize + 1] as usize;
        self.out[row].iter().map(|leaving| (leaving.to, self.arcs[leaving.arc as usize].cost, ArcId(leaving.arc)))
    }

    /// What passing an arc adds to a route.
    pub(crate) fn attributes(&self, arc: ArcId) -> &Attributes {
        &self.attributes[arc.0 as usize]
    }

    /// The arcs that are not as they were in `before`, a fabric of the same switches.
    pub(crate) fn changed_since(&self, before: &Self) -> Vec<ChangedArc> {
        let mut changed = Vec::new();
        for to in 0..index(self.len()) {
            let (old, new) = (before.row(to), self.row(to));
            if before.arcs[old.clone()] == self.arcs[new.clone()]
                && before.attributes[old.clone()] == self.attributes[new.clone()]
            {
                continue;
            }
            let now = |arc: usize| (self.arcs[arc].cost, ArcId(index(arc)));
            let gone = old.clone().filter(|&old| new.clone().all(|new| self.arcs[new].from != before.arcs[old].from));
            changed.extend(gone.map(|arc| ChangedArc { from: before.arcs[arc].from, to, now: None }));
            for arc in new {
                let same = old.clone().find(|&old| before.arcs[old].from == self.arcs[arc].from);
                let equal = same.is_some_and(|old| {
                    before.arcs[old] == self.arcs[arc] && before.attributes[old] == self.attributes[arc]
                });
                if !equal {
                    changed.push(ChangedArc { from: self.arcs[arc].from, to, now: Some(now(arc)) });
                }
            }
        }
        changed
    }
}

impl Access {
    /// The ways out of a host.
    pub(crate) fn out(&self, host: u32) -> &[Out] {
        &self.out[host as usize]
    }

    /// The ways from switches into a host.
    pub(crate) fn entries(&self, host: u32) -> &[Entry] {
        &self.into[host as usize]
    }
}
