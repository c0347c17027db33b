//! The geometry of the map, which depends on nodes and links only, not on their values.

use topo::{PidId, View};

use super::graph::{Graph, Role};
use super::layout::{Point, layout};
use crate::http::offload::{Abandoned, Cancel};

/// Width of the drawing, in units of its coordinates.
pub(super) const WIDTH: i32 = 1000;
/// Bounds of the height.
const HEIGHT: (f64, f64) = (220.0, 640.0);
/// Room for names at the edges.
const MARGIN: Point = [70.0, 36.0];
/// Largest number of names in a drawing, and of nodes up to which the PIDs stand below the names of switches.
const MOST_NAMES: usize = 120;
const MOST_DETAILED: usize = 60;
/// Hosts around a switch that are at the same distance.
const PER_RING: usize = 14;
/// Width of a letter, and height of a line.
const LETTER: [i32; 2] = [7, 14];

/// Positions of everything in the map.
#[derive(Debug)]
pub(in crate::ui) struct Plan {
    pub(super) graph: Graph,
    /// Position of each node.
    pub(super) points: Vec<(i32, i32)>,
    pub(super) names: Vec<Name>,
    pub(super) height: i32,
}

/// Name beside a node.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) at: (i32, i32),
    pub(super) lines: Vec<String>,
}

/// Rectangle that is taken: left, top, right, bottom.
type Taken = [i32; 4];

impl Plan {
    /// Plans the map of a network.
    pub(in crate::ui) fn of(view: &View, cancel: &Cancel) -> Result<Self, Abandoned> {
        let graph = Graph::of(view);
        let points = places(&graph, cancel)?;
        let (points, height) = fit(&points);
        let names = names(view, &graph, &points, height);
        Ok(Self { graph, points, names, height })
    }

    /// Positions at which the traffic of a PID enters.
    pub(super) fn entries(&self, pid: PidId) -> impl Iterator<Item = (i32, i32)> {
        let nodes = self.graph.nodes.iter().zip(&self.points);
        nodes.filter(move |(node, _)| node.pids.contains(&pid)).map(|(_, point)| *point)
    }

    /// Number of nodes of a kind.
    pub(super) fn count(&self, role: Role) -> usize {
        self.graph.nodes.iter().filter(|node| node.role == role).count()
    }
}

/// Places switches by the layout, and hosts with one link around their switches.
fn places(graph: &Graph, cancel: &Cancel) -> Result<Vec<Point>, Abandoned> {
    let mut neighbours = vec![Vec::new(); graph.nodes.len()];
    for (one, other) in &graph.edges {
        neighbours[*one as usize].push(*other as usize);
        neighbours[*other as usize].push(*one as usize);
    }
    let switch_of = |node: usize| match neighbours[node][..] {
        [only] if graph.nodes[node].role == Role::Host && graph.nodes[only].role != Role::Host => Some(only),
        _ => None,
    };
    let mut number = vec![None; graph.nodes.len()];
    let mut core = Vec::new();
    for node in (0..graph.nodes.len()).filter(|node| switch_of(*node).is_none()) {
        number[node] = u32::try_from(core.len()).ok();
        core.push(node);
    }
    let edges: Vec<(u32, u32)> = graph
        .edges
        .iter()
        .filter_map(|(one, other)| Some((number[*one as usize]?, number[*other as usize]?)))
        .collect();
    let mut points = vec![[0.0; 2]; graph.nodes.len()];
    for (node, point) in core.iter().zip(layout(core.len(), &edges, cancel)?) {
        points[*node] = point;
    }
    for switch in &core {
        let (around, far): (Vec<usize>, Vec<usize>) =
            neighbours[*switch].iter().partition(|node| switch_of(**node).is_some());
        place_around(*switch, &around, &far, &mut points);
    }
    Ok(points)
}

/// Places hosts around their switch, on the side where it has no other neighbours.
fn place_around(switch: usize, around: &[usize], far: &[usize], points: &mut [Point]) {
    let own = points[switch];
    let [dx, dy] = far.iter().fold([0.0; 2], |sum, other| {
        let [dx, dy] = [own[0] - points[*other][0], own[1] - points[*other][1]];
        let length = dx.hypot(dy).max(1e-6);
        [sum[0] + dx / length, sum[1] + dy / length]
    });
    let middle = if dx.hypot(dy) < 1e-3 { std::f64::consts::FRAC_PI_2 } else { dy.atan2(dx) };
    let on_ring = around.len().min(PER_RING);
    let step = (1.8 * std::f64::consts::PI / count(on_ring)).min(0.55);
    for (index, host) in around.iter().enumerate() {
        let (ring, place) = (index / PER_RING, index % PER_RING);
        let angle = middle + (count(place) - (count(on_ring) - 1.0) / 2.0) * step;
        let radius = 0.42 + 0.14 * count(ring);
        points[*host] = [own[0] + radius * angle.cos(), own[1] + radius * angle.sin()];
    }
}

/// Converts a small number.
fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// Fits points into the drawing, and returns them with its height.
fn fit(points: &[Point]) -> (Vec<(i32, i32)>, i32) {
    let range = |axis: usize| {
        points.iter().fold((f64::MAX, f64::MIN), |(least, most), point| (least.min(point[axis]), most.max(point[axis])))
    };
    let [(left, right), (top, bottom)] = [range(0), range(1)];
    let [wide, high] = [right - left, bottom - top].map(|extent| if extent > 1e-6 { extent } else { 1e-6 });
    let room = [f64::from(WIDTH) - 2.0 * MARGIN[0], HEIGHT.1 - 2.0 * MARGIN[1]];
    // Links of a small network need not fill the page.
    let scale = (room[0] / wide).min(room[1] / high).min(220.0);
    let height = (high * scale + 2.0 * MARGIN[1]).clamp(HEIGHT.0, HEIGHT.1);
    let offset = [(f64::from(WIDTH) - wide * scale) / 2.0, (height - high * scale) / 2.0];
    let place =
        |point: &Point| (whole((point[0] - left) * scale + offset[0]), whole((point[1] - top) * scale + offset[1]));
    (points.iter().map(place).collect(), whole(height))
}

/// Rounds a coordinate, which is between 0 and 1000.
#[expect(clippy::cast_possible_truncation, reason = "coordinates are small, and anything else saturates")]
fn whole(coordinate: f64) -> i32 {
    coordinate.round() as i32
}

/// Finds places for names that cover neither nodes nor each other; names without a place are left out.
fn names(view: &View, graph: &Graph, points: &[(i32, i32)], height: i32) -> Vec<Name> {
    let mut taken: Vec<Taken> = points.iter().map(|(x, y)| [x - 6, y - 6, x + 6, y + 6]).collect();
    let mut names = Vec::new();
    let detailed = graph.nodes.len() <= MOST_DETAILED;
    let wanted = graph.nodes.iter().zip(points).filter(|(node, _)| node.role != Role::Host || detailed);
    for (node, (x, y)) in wanted.take(MOST_NAMES) {
        let mut lines = vec![node.name.clone()];
        if detailed && node.role == Role::Switch {
            let map = view.network_map();
            let pids = node.pids.iter().map(|pid| map.pid(*pid).name().as_str());
            lines.extend(pids.filter(|pid| *pid != node.name).take(2).map(str::to_owned));
        }
        let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
        let size = |count: usize, unit: i32| i32::try_from(count).unwrap_or(WIDTH).saturating_mul(unit);
        let (half, tall) = (size(longest, LETTER[0]) / 2 + 2, size(lines.len(), LETTER[1]));
        let right = (x + 10 + half, y - tall / 2);
        let left = (x - 10 - half, y - tall / 2);
        let free = [(*x, y + 8), (*x, y - 8 - tall), right, left].into_iter().find(|(middle, top)| {
            let own = [middle - half, *top, middle + half, top + tall];
            let inside = own[0] >= 0 && own[1] >= 0 && own[2] <= WIDTH && own[3] <= height;
            inside && taken.iter().all(|other| !overlap(&own, other))
        });
        if let Some((middle, top)) = free {
            taken.push([middle - half, top, middle + half, top + tall]);
            names.push(Name { at: (middle, top + LETTER[1] - 3), lines });
        }
    }
    names
}

fn overlap(one: &Taken, other: &Taken) -> bool {
    one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use topo::Topology;

    use super::*;

    #[test]
    fn names_neither_leave_the_drawing_nor_cover_each_other() {
        for name in ["two-isps.json", "abilene.json", "rfc7971-3.6.json", "conformance-fixture-b.json"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../topo/data").join(name);
            let view = View::compute(Arc::new(Topology::from_path(&path).unwrap()));
            let plan = Plan::of(&view, &Cancel::default()).unwrap();
            assert!(!plan.names.is_empty(), "{name}");
            for (x, y) in plan.points.iter().chain(plan.names.iter().map(|name| &name.at)) {
                assert!((0..=WIDTH).contains(x) && (0..=plan.height).contains(y), "{name}: {x} {y}");
            }
        }
    }
}
