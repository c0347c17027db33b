//! The values of the routes of one tree, from the links along them.

use super::key::{END, Entry};
use super::loss::Success;
use super::measures::{Attributes, Measures, Wanted};
use super::switches::{SwitchGraph, SwitchId};
use super::tree::{Root, Tree};

/// The routes of a tree in the graph that they were found in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routes<'a> {
    pub(crate) graph: &'a SwitchGraph,
    pub(crate) root: &'a Root,
    pub(crate) tree: &'a Tree,
}

/// Buffers for the values of many routes of one tree, reused between trees.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    known: Vec<Known>,
    epoch: u32,
    /// Switches on the way to one whose values are known, each with the next one.
    waiting: Vec<(SwitchId, SwitchId)>,
}

/// The values of the route from one switch, if they are of the present epoch.
#[derive(Clone, Copy, Debug)]
struct Known {
    epoch: u32,
    measures: Measures,
}

/// The values of many routes of one tree: what routes have in common is added up once.
#[derive(Debug)]
pub(crate) struct ManyMeasures<'a> {
    routes: Routes<'a>,
    workspace: &'a mut Workspace,
}

impl Routes<'_> {
    /// Returns the wanted values of the route from a switch; `None` if there is none.
    pub(crate) fn measures(self, from: SwitchId, wanted: Wanted) -> Option<Measures> {
        let key = self.tree.key(from);
        if !key.is_reached() {
            return None;
        }
        if wanted == Wanted::CostAndHops && self.graph.is_plain() && self.root.is_plain() {
            return Some(Measures { cost: key.cost(), links: key.links(), hops: key.links(), ..Measures::EMPTY });
        }
        Some(self.along(from))
    }

    /// Adds up the links on the route from a switch.
    fn along(self, from: SwitchId) -> Measures {
        let mut sum = Measures::EMPTY;
        // Delivery rates are multiplied from the end of a route to its beginning, because products are rounded.
        let mut lossy: Vec<Success> = Vec::new();
        let mut add = |edge: &Attributes| {
            sum = sum.with(&Attributes { success: Success::ALWAYS, ..*edge });
            if edge.success != Success::ALWAYS {
                lossy.push(edge.success);
            }
        };
        let (mut at, mut next) = (from, self.tree.key(from).next());
        while next != END {
            add(self.graph.attributes(at, next));
            (at, next) = (next, self.tree.key(next).next());
        }
        self.root.exit(at).into_iter().for_each(add);
        Measures { success: lossy.into_iter().rev().fold(Success::ALWAYS, Success::and), ..sum }
    }

    /// Returns the wanted values of the best route from any of several switches: by cost, then links, then name.
    pub(crate) fn best_of(self, starts: &[SwitchId], wanted: Wanted) -> Option<Measures> {
        self.measures(self.nearest(starts)?, wanted)
    }

    /// Returns the switch with the best route among several: by cost, then links, then name.
    pub(crate) fn nearest(self, starts: &[SwitchId]) -> Option<SwitchId> {
        match starts {
            [only] => Some(*only),
            _ => starts.iter().copied().min_by_key(|&start| Entry::new(self.tree.key(start), start)),
        }
    }
}

impl<'a> ManyMeasures<'a> {
    pub(crate) fn of(routes: Routes<'a>, workspace: &'a mut Workspace) -> Self {
        if workspace.known.len() != routes.graph.len() || workspace.epoch == u32::MAX {
            workspace.known = vec![Known { epoch: 0, measures: Measures::EMPTY }; routes.graph.len()];
            workspace.epoch = 0;
        }
        workspace.epoch += 1;
        Self { routes, workspace }
    }

    /// Returns the values of the route from a switch; `None` if there is none.
    pub(crate) fn measures(&mut self, from: SwitchId) -> Option<&Measures> {
        let Self { routes: Routes { graph, root, tree }, workspace: Workspace { known, epoch, waiting } } = self;
        let mut at = from;
        let mut sum = loop {
            let Known { epoch: of, measures } = known[at as usize];
            if of == *epoch {
                break measures;
            }
            let key = tree.key(at);
            if !key.is_reached() {
                return None;
            }
            if key.next() == END {
                let end = root.exit(at).map_or(Measures::EMPTY, |exit| Measures::EMPTY.with(exit));
                known[at as usize] = Known { epoch: *epoch, measures: end };
                break end;
            }
            waiting.push((at, key.next()));
            at = key.next();
        };
        while let Some((at, next)) = waiting.pop() {
            sum = sum.with(graph.attributes(at, next));
            known[at as usize] = Known { epoch: *epoch, measures: sum };
        }
        Some(&known[from as usize].measures)
    }
}
