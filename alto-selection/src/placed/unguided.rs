//! The policies beside `alto`: uniform, and by one number alone.

use rand::Rng;

use super::draw::distinct;
use super::{Group, Pick, Wanted};

/// Chooses `count` of all candidates uniformly.
pub(super) fn random<R: Rng + ?Sized>(groups: &[Group], wanted: &Wanted, count: u32, rng: &mut R) -> Vec<Pick> {
    let mut ends = Vec::with_capacity(groups.len());
    let total = groups.iter().fold(0, |sum: u32, group| {
        let end = sum + group.useful(wanted);
        ends.push(end);
        end
    });
    let pick = |position: u32| {
        let group = ends.partition_point(|end| *end <= position);
        let before = group.checked_sub(1).and_then(|previous| ends.get(previous)).copied().unwrap_or(0);
        Some(groups.get(group)?.pick(group, wanted, position - before))
    };
    distinct(total, count, rng).into_iter().filter_map(pick).collect()
}

/// Chooses the `count` candidates of the lowest measure; a part of a group at random. Unknown measures come last.
pub(super) fn cheapest<R: Rng + ?Sized>(
    groups: &[Group],
    wanted: &Wanted,
    count: u32,
    measure: impl Fn(&Group) -> Option<f64>,
    rng: &mut R,
) -> Vec<Pick> {
    let rank = |group: &Group| measure(group).filter(|value| !value.is_nan()).unwrap_or(f64::INFINITY);
    let mut order: Vec<(f64, usize, &Group)> =
        groups.iter().enumerate().map(|(index, group)| (rank(group), index, group)).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut picks = Vec::with_capacity(count as usize);
    let mut left = count;
    for (_, index, group) in order {
        let drawn = distinct(group.useful(wanted), left, rng);
        left -= u32::try_from(drawn.len()).unwrap_or(left);
        picks.extend(drawn.into_iter().map(|position| group.pick(index, wanted, position)));
        if left == 0 {
            break;
        }
    }
    picks
}
