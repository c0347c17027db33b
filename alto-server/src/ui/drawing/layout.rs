//! Positions of nodes in the plane, such that distances in the drawing follow distances in the graph.
//!
//! Stress majorization, one node at a time (E. R. Gansner, Y. Koren, S. North: Graph Drawing by Stress Majorization,
//! 2004). Nothing is random, so that the same graph always looks the same, and the work has a bound.

use std::collections::VecDeque;

use crate::http::offload::{Abandoned, Cancel};

/// Position in the plane.
pub(super) type Point = [f64; 2];

/// Number of pairs of nodes that a layout looks at, about.
const WORK: usize = 30_000_000;
/// Bounds of the number of times that every node is moved.
const ROUNDS: (usize, usize) = (20, 150);

/// Lays out a graph with `count` nodes. Neighbours are about 1 apart.
pub(super) fn layout(count: usize, edges: &[(u32, u32)], cancel: &Cancel) -> Result<Vec<Point>, Abandoned> {
    if count < 2 {
        return Ok(vec![[0.0; 2]; count]);
    }
    let distances = distances(count, edges, cancel)?;
    let mut points = start(&distances);
    let rounds = (WORK / (count * count)).clamp(ROUNDS.0, ROUNDS.1);
    for _ in 0..rounds {
        cancel.check()?;
        for node in 0..count {
            points[node] = wanted(node, &points, &distances[node]);
        }
    }
    turn(&mut points);
    Ok(points)
}

/// Position of a node that suits its distances to all others best.
fn wanted(node: usize, points: &[Point], distances: &[u16]) -> Point {
    let [x, y] = points[node];
    let (mut sum, mut weights) = ([0.0; 2], 0.0);
    for (point, distance) in points.iter().zip(distances) {
        if *distance == 0 {
            continue;
        }
        let distance = f64::from(*distance);
        let (dx, dy) = (x - point[0], y - point[1]);
        let stretch = distance / (dx * dx + dy * dy).sqrt().max(1e-6);
        // What is far apart may deviate more.
        let weight = 1.0 / (distance * distance);
        sum[0] += weight * (point[0] + dx * stretch);
        sum[1] += weight * (point[1] + dy * stretch);
        weights += weight;
    }
    if weights > 0.0 { sum.map(|sum| sum / weights) } else { [x, y] }
}

/// Numbers of links between all nodes. Parts that nothing joins are a little farther apart than anything that is joined.
fn distances(count: usize, edges: &[(u32, u32)], cancel: &Cancel) -> Result<Vec<Vec<u16>>, Abandoned> {
    let mut neighbours = vec![Vec::new(); count];
    for (one, other) in edges {
        neighbours[*one as usize].push(*other);
        neighbours[*other as usize].push(*one);
    }
    let (mut all, mut longest) = (Vec::with_capacity(count), 0);
    for from in 0..count {
        cancel.check()?;
        let mut distances = vec![u16::MAX; count];
        distances[from] = 0;
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            longest = longest.max(distances[node]);
            for neighbour in &neighbours[node] {
                if distances[*neighbour as usize] == u16::MAX {
                    distances[*neighbour as usize] = distances[node] + 1;
                    queue.push_back(*neighbour as usize);
                }
            }
        }
        all.push(distances);
    }
    for distance in all.iter_mut().flatten().filter(|distance| **distance == u16::MAX) {
        *distance = longest + 2;
    }
    Ok(all)
}

/// Start of the layout: two nodes far apart give one coordinate, a node far from both the other.
fn start(distances: &[Vec<u16>]) -> Vec<Point> {
    let farthest = |from: usize| (0..distances.len()).rev().max_by_key(|node| distances[from][*node]).unwrap_or(from);
    let west = farthest(0);
    let east = farthest(west);
    let between = |node: &usize| distances[west][*node].min(distances[east][*node]);
    let north = (0..distances.len()).rev().max_by_key(between).unwrap_or_default();
    let point = |(node, number): (usize, u32)| {
        let [from_west, from_east, from_north] = [west, east, north].map(|end| f64::from(distances[end][node]));
        // Nodes with equal distances get positions of their own, or nothing would ever drive them apart.
        let apart = |step: f64| (f64::from(number) * step).fract() - 0.5;
        [(from_west - from_east) / 2.0 + apart(0.618_034), from_north + apart(0.754_878)]
    };
    (0..distances.len()).zip(0..).map(point).collect()
}

/// Turns the drawing so that it is wider than high, with the first node on the left and in the upper half.
fn turn(points: &mut [Point]) {
    let count: f64 = points.iter().map(|_| 1.0).sum();
    let mean = [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / count);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for point in points.iter_mut() {
        *point = [point[0] - mean[0], point[1] - mean[1]];
        xx += point[0] * point[0];
        xy += point[0] * point[1];
        yy += point[1] * point[1];
    }
    let (sin, cos) = (0.5 * (2.0 * xy).atan2(xx - yy)).sin_cos();
    for point in points.iter_mut() {
        *point = [point[0] * cos + point[1] * sin, point[1] * cos - point[0] * sin];
    }
    let signs = points[0].map(|coordinate| if coordinate > 0.0 { -1.0 } else { 1.0 });
    for point in points.iter_mut() {
        *point = [point[0] * signs[0], point[1] * signs[1]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(one: Point, other: Point) -> f64 {
        (one[0] - other[0]).hypot(one[1] - other[1])
    }

    #[test]
    fn neighbours_are_near_and_a_ring_is_round() {
        let ring: Vec<(u32, u32)> = (0..30).map(|node| (node, (node + 1) % 30)).collect();
        let points = layout(30, &ring, &Cancel::default()).unwrap();
        let radii: Vec<f64> = points.iter().map(|point| distance(*point, [0.0; 2])).collect();
        let (least, most) = radii.iter().fold((f64::MAX, 0.0), |(least, most), r| (r.min(least), r.max(most)));
        assert!(most / least < 1.1, "{least} {most}");
        for (one, other) in ring {
            let length = distance(points[one as usize], points[other as usize]);
            assert!((0.5..1.5).contains(&length), "{length}");
        }
    }

    #[test]
    fn a_chain_lies_on_its_side() {
        let chain: Vec<(u32, u32)> = (0..9).map(|node| (node, node + 1)).collect();
        let points = layout(10, &chain, &Cancel::default()).unwrap();
        assert!(points.windows(2).all(|pair| pair[0][0] < pair[1][0]), "{points:?}");
        assert!(points.iter().all(|point| point[1].abs() < 1.0), "{points:?}");
    }

    #[test]
    fn every_graph_has_a_layout_without_coincidences_and_always_the_same() {
        let graphs: [(usize, Vec<(u32, u32)>); 5] = [
            (0, vec![]),
            (1, vec![(0, 0)]),
            (7, vec![]),
            (8, (1..8).map(|leaf| (0, leaf)).collect()),
            (12, (0..12).flat_map(|one| (0..one).map(move |other| (one, other))).collect()),
        ];
        for (count, edges) in graphs {
            let points = layout(count, &edges, &Cancel::default()).unwrap();
            assert_eq!(points, layout(count, &edges, &Cancel::default()).unwrap());
            for (place, point) in points.iter().enumerate() {
                assert!(point.iter().all(|coordinate| coordinate.is_finite()), "{points:?}");
                assert!(points[..place].iter().all(|other| distance(*point, *other) > 0.1), "{points:?}");
            }
        }
    }
}
