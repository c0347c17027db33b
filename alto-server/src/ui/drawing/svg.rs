//! The picture of the map, with the present values of links.

use std::collections::HashSet;
use std::fmt::Write as _;

use maud::{Markup, html};
use topo::{Link, PidId};

use super::graph::Role;
use super::plan::{Plan, WIDTH};
use crate::state::published::Published;
use crate::ui::format::{counted, percent, value};

/// Shares of the bandwidth at which a line gets thicker, in percent. Reports of experiments have the same.
const LEVELS: [f64; 4] = [10.0, 30.0, 60.0, 85.0];
/// Largest number of lines that each tell their values; of more, lines of a kind are one path.
const MOST_TOLD: usize = 150;
/// Largest number of changed lines that are marked.
const MOST_MARKED: usize = 300;

/// Present state of a line.
#[derive(Clone, Default)]
struct Line {
    /// Largest share in use of the links that are up.
    utilisation: f64,
    up: usize,
    down: usize,
    is_changed: bool,
    told: String,
}

/// Draws the map. `asked` is the PID in question, which is marked.
pub(in crate::ui) fn map(plan: &Plan, published: &Published, asked: Option<PidId>) -> Markup {
    let lines = lines(plan, published);
    let view = format!("0 0 {WIDTH} {}", plan.height);
    html! {
        svg #drawing viewBox=(view) role="img" aria-labelledby="map-title" aria-describedby="map-text" {
            g.marks {
                @for (ends, line) in plan.graph.edges.iter().zip(&lines).filter(|(_, line)| line.is_changed).take(MOST_MARKED) {
                    path d=(segment(plan, *ends)) data-ends=(between(plan, *ends)) { title { (line.told) } }
                }
            }
            g.lines {
                @if lines.len() <= MOST_TOLD {
                    @for (ends, line) in plan.graph.edges.iter().zip(&lines) {
                        path.(line.class()) d=(segment(plan, *ends)) { title { (line.told) } }
                    }
                } @else {
                    @for (class, path) in by_class(plan, &lines) { path.(class) d=(path) {} }
                }
            }
            @for (class, role) in [("hosts", Role::Host), ("switches", Role::Switch), ("switches", Role::Pid)] {
                @let dots = dots(plan, role);
                @if !dots.is_empty() { path.(class) d=(dots) {} }
            }
            @if let Some(asked) = asked {
                g.here { @for (x, y) in plan.entries(asked).take(MOST_MARKED) { circle cx=(x) cy=(y) r="11" {} } }
            }
            g.names {
                @for name in &plan.names {
                    text x=(name.at.0) y=(name.at.1) {
                        @for (index, line) in name.lines.iter().enumerate() {
                            @if index == 0 { (line) } @else { tspan x=(name.at.0) dy="14" { (line) } }
                        }
                    }
                }
            }
        }
    }
}

/// Describes the map in a sentence.
pub(in crate::ui) fn text(plan: &Plan, published: &Published) -> String {
    let topology = published.snapshot().view().topology();
    let pids = plan.count(Role::Pid);
    let mut text = if pids > 0 {
        let nodes = topology.switches().len() + topology.hosts().len();
        let mut text = format!(
            "{}, each with the nodes nearest to it: all {nodes} nodes would not be readable.",
            counted(pids, "PID")
        );
        if plan.graph.left_out.0 > 0 {
            let _ = write!(text, " {} are left out.", counted(plan.graph.left_out.0, "PID"));
        }
        if plan.graph.left_out.1 > 0 {
            let _ = write!(text, " {} are left out.", counted(plan.graph.left_out.1, "connection"));
        }
        text
    } else {
        format!("{} and {}.", counted(plan.count(Role::Switch), "switch"), counted(plan.count(Role::Host), "host"))
    };
    let down = topology.links().filter(|link| !link.is_up()).count();
    let busiest =
        topology.links().filter(|link| link.is_up()).max_by(|a, b| a.utilisation().total_cmp(&b.utilisation()));
    if down > 0 {
        let _ = write!(text, " {} down (dashed).", counted(down, "link"));
    }
    if !published.overrides().is_empty() {
        let _ = write!(text, " {} changed (marked).", counted(published.overrides().len(), "link"));
    }
    if let Some(link) = busiest.filter(|link| link.utilisation() > 0.0) {
        let _ = write!(
            text,
            " The busiest link is {} – {}, {} in use.",
            link.source(),
            link.destination(),
            percent(link.utilisation())
        );
    }
    text
}

impl Line {
    fn class(&self) -> &'static str {
        if self.up == 0 {
            return "down";
        }
        let level = LEVELS.iter().filter(|level| self.utilisation * 100.0 >= **level).count();
        ["u0", "u1", "u2", "u3", "u4"][level]
    }

    /// Adds a link that the line stands for.
    fn add(&mut self, link: &Link, with_text: bool) {
        if link.is_up() {
            self.up += 1;
            self.utilisation = self.utilisation.max(link.utilisation());
        } else {
            self.down += 1;
        }
        if !with_text {
            return;
        }
        if !self.told.is_empty() {
            self.told.push_str("; ");
        }
        let _ = write!(self.told, "{} – {}: ", link.source(), link.destination());
        let _ = if link.is_up() {
            let (used, bandwidth) = (percent(link.utilisation()), value(link.bandwidth()));
            write!(self.told, "{used} of {bandwidth} Mbit/s in use, {} ms", value(link.delay()))
        } else {
            write!(self.told, "down")
        };
    }
}

/// Collects the present state of every line.
fn lines(plan: &Plan, published: &Published) -> Vec<Line> {
    let topology = published.snapshot().view().topology();
    let mut lines = vec![Line::default(); plan.graph.edges.len()];
    let tells = lines.len() <= MOST_TOLD;
    let overrides = published.overrides().iter();
    let changed: HashSet<(&str, &str)> =
        overrides.map(|(_, change)| (change.source.as_str(), change.destination.as_str())).collect();
    for (link, edge) in topology.links().zip(&plan.graph.edge_of_link) {
        if let Some(line) = edge.and_then(|edge| lines.get_mut(edge as usize)) {
            line.add(link, tells);
            let (one, other) = (link.source().as_str(), link.destination().as_str());
            line.is_changed |= changed.contains(&(one, other)) || changed.contains(&(other, one));
        }
    }
    lines
}

/// Joins the lines of each class to one path.
fn by_class(plan: &Plan, lines: &[Line]) -> Vec<(&'static str, String)> {
    let mut paths: Vec<(&'static str, String)> = Vec::new();
    for (ends, line) in plan.graph.edges.iter().zip(lines) {
        let class = line.class();
        let at = paths.iter().position(|(known, _)| *known == class).unwrap_or_else(|| {
            paths.push((class, String::new()));
            paths.len() - 1
        });
        paths[at].1.push_str(&segment(plan, *ends));
    }
    paths
}

fn segment(plan: &Plan, (one, other): (u32, u32)) -> String {
    let ((x1, y1), (x2, y2)) = (plan.points[one as usize], plan.points[other as usize]);
    format!("M{x1} {y1}L{x2} {y2}")
}

/// Names of the nodes at the ends of a line, as events name them.
fn between(plan: &Plan, (one, other): (u32, u32)) -> String {
    let mut names = [one, other].map(|node| plan.graph.nodes[node as usize].name.as_str());
    names.sort_unstable();
    names.join(" ")
}

/// Draws all nodes of a kind as one path of lines without length, whose round ends are dots.
fn dots(plan: &Plan, role: Role) -> String {
    let nodes = plan.graph.nodes.iter().zip(&plan.points).filter(|(node, _)| node.role == role);
    nodes.fold(String::new(), |mut path, (_, (x, y))| {
        let _ = write!(path, "M{x} {y}h0");
        path
    })
}
