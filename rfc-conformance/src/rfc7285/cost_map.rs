//! Checks of full cost maps and of cost values (RFC 7285 §6, §11.2.3).

use std::sync::Arc;

use serde_json::Value;

use super::requirements::{
    s6_1_1_1::LOWER,
    s6_1_2_1::NUMERICAL,
    s6_1_2_2::{ORDINAL, RANKING},
    s6_3::SAME_TAG,
    s11_2_3_1::MEDIA_TYPE,
    s11_2_3_6::{COST_TYPE, DEPENDENT, KEYS, OMITTED, SHAPE},
};
use crate::check::Check;
use crate::context::{Context, MOST_OF_A_KIND};
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, pointer};
use crate::metric::more_is_better;
use crate::sheet::{Entry, Sheet};
use crate::subject::{CostType, Kind, Resource};
use crate::verdict::Finding;
use crate::view::{CostMap, Costs, NetworkMap, Pair, Vtag};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "reads every full cost map and examines media type, cost type, shape and each value",
        &[MEDIA_TYPE, COST_TYPE, SHAPE, NUMERICAL, ORDINAL],
        message,
    ),
    Check::new(
        "compares every full cost map with the network map that it uses, while that map does not change",
        &[DEPENDENT, SAME_TAG, KEYS, OMITTED],
        consistency_with_network_map,
    ),
    Check::new(
        "compares ordinal with numerical cost maps of one metric: no pair may be in the opposite order",
        &[RANKING, LOWER],
        ranks,
    ),
];

fn message(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no full cost map is listed");
    sheet.on(ORDINAL).skip("no ordinal cost map is listed");
    for map in context.of(Kind::CostMap) {
        let exchange = context.latest(map)?;
        let Some(data) = sheet.on(MEDIA_TYPE).promised(map, &exchange, "cost map") else {
            continue;
        };
        let entry = sheet.on(COST_TYPE);
        entry.saw(&exchange, 1, "cost map");
        let seen = exchange.value().and_then(|value| value.pointer("/meta/cost-type"));
        let types = context.subject.cost_types_of(map);
        if let Some(expected) = types.first()
            && seen.and_then(CostType::read).as_ref() != Some(expected)
        {
            let seen = seen.map_or_else(|| "none".to_owned(), brief);
            entry.fail(Finding::new(brief(&expected.to_json()), seen).at("/meta/cost-type").from(&exchange));
        }
        let entry = sheet.on(SHAPE);
        entry.saw(&exchange, 1, "cost map");
        for (src, row) in data.as_object().into_iter().flatten() {
            if !row.is_object() {
                let finding = Finding::new("an object of costs by destination", brief(row));
                entry.fail(finding.at(pointer("/cost-map", src)).from(&exchange));
            }
        }
        if let Some(cost_type) = types.first() {
            values(sheet, &exchange, "/cost-map", data, cost_type);
        }
    }
    Ok(())
}

/// Grades the values of a cost map or of endpoint costs by their mode.
pub(super) fn values(sheet: &mut Sheet, exchange: &Exchange, base: &str, data: &Value, cost_type: &CostType) {
    let requirement = match (cost_type.is_numerical(), cost_type.is_ordinal()) {
        (true, _) => NUMERICAL,
        (_, true) => ORDINAL,
        _ => return,
    };
    let entry = sheet.on(requirement);
    let mut count = 0;
    for (src, row) in data.as_object().into_iter().flatten() {
        for (dst, cost) in row.as_object().into_iter().flatten() {
            count += 1;
            let place = || pointer(&pointer(base, src), dst);
            if requirement == NUMERICAL {
                if !cost.is_number() {
                    entry.fail(Finding::new("a number", brief(cost)).at(place()).from(exchange));
                }
            } else if !is_rank(cost) {
                entry.fail(Finding::new("a non-negative integer", brief(cost)).at(place()).from(exchange));
            } else if cost.is_f64() {
                entry.warn(
                    Finding::new("an integer without fraction or exponent", brief(cost)).at(place()).from(exchange),
                );
            }
        }
    }
    entry.saw(exchange, count, "cost");
}

/// Tests whether a cost is a non-negative integer in any JSON form: `3`, `3.0`, `3e0`.
fn is_rank(cost: &Value) -> bool {
    cost.as_f64().is_some_and(|cost| cost >= 0.0 && cost.fract() == 0.0)
}

fn consistency_with_network_map(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no full cost map with a network map is listed");
    for costs in context.of(Kind::CostMap) {
        let Some(map) = context.network_map_of(costs) else {
            continue;
        };
        let Some(steady) = context.steady(map, |_| context.get(costs))? else {
            sheet.skip_all("the network map changed during every comparison");
            continue;
        };
        let exchange = steady.found;
        let (Some(full), Some(read)) = (NetworkMap::read(&steady.full), CostMap::read(&exchange)) else {
            continue;
        };
        tag_of(sheet.on(DEPENDENT), &exchange, &full, map);
        tag_of(sheet.on(SAME_TAG), &exchange, &full, map);
        let entry = sheet.on(KEYS);
        entry.saw(&exchange, read.costs.0.len() + read.others.len(), "pair");
        for (src, dst) in read.costs.0.keys().chain(&read.others) {
            let unknown = [src, dst].into_iter().find(|pid| !full.groups.contains_key(&***pid));
            if let Some(pid) = unknown {
                let finding = Finding::new(format!("a PID of {}", map.id), format!("{pid:?}"));
                let place = pointer(&pointer("/cost-map", src), dst);
                entry.fail(finding.at(place).from(&steady.full).from(&exchange));
            }
        }
        let entry = sheet.on(OMITTED);
        let pairs = full.groups.len() * full.groups.len();
        entry.saw(&exchange, pairs.saturating_sub(read.costs.0.len()), "pair without a cost");
        entry.skip("every pair has a cost");
        if context.subject.cost_types_of(costs).first().is_some_and(|kind| kind.is_numerical() || kind.is_ordinal()) {
            for (src, dst) in &read.others {
                let place = pointer(&pointer("/cost-map", src), dst);
                let seen = exchange.value().and_then(|value| value.pointer(&place)).map_or_else(String::new, brief);
                let finding = Finding::new("a number or no member", seen).at(place).from(&exchange);
                entry.saw(&exchange, 1, "pair without a cost").note(crate::verdict::Grade::Fail, finding);
            }
        }
    }
    Ok(())
}

/// Grades whether an answer depends on exactly one version tag, the current one of a network map.
pub(crate) fn tag_of(entry: &mut Entry, exchange: &Exchange, full: &NetworkMap, map: &Resource) {
    let Some(expected) = &full.vtag else {
        entry.skip(format!("the network map {} has no version tag to compare with", map.id));
        return;
    };
    entry.saw(exchange, 1, "answer");
    let message = exchange.value().unwrap_or(&Value::Null);
    let list = message.pointer("/meta/dependent-vtags");
    let expected = format!("[{expected}]");
    let Some(elements) = list.and_then(Value::as_array) else {
        let seen = list.map_or_else(|| "none".to_owned(), brief);
        entry.fail(Finding::new(expected, seen).at("/meta/dependent-vtags").from(&full.exchange).from(exchange));
        return;
    };
    let vtags = Vtag::dependent(message);
    if elements.len() != 1 || vtags.first() != full.vtag.as_ref() {
        let texts: Vec<_> = vtags.iter().map(ToString::to_string).collect();
        let place = if elements.len() == 1 { "/meta/dependent-vtags/0" } else { "/meta/dependent-vtags" };
        let finding = Finding::new(expected, format!("[{}]", texts.join(", ")));
        entry.fail(finding.at(place).from(&full.exchange).from(exchange));
    }
}

/// Finds two pairs that ordinal costs put in the opposite order of numerical costs.
pub(super) fn inversion<'a>(ranks: &'a Costs, costs: &'a Costs, more_is_better: bool) -> Option<[&'a Pair; 2]> {
    // Both are sorted by pair, so a merge finds the common pairs.
    let mut known = costs.0.iter().peekable();
    let mut pairs = Vec::with_capacity(ranks.0.len());
    for (pair, rank) in ranks.0.iter() {
        while known.next_if(|(other, _)| *other < pair).is_some() {}
        if let Some((_, cost)) = known.next_if(|(other, _)| *other == pair) {
            pairs.push((*rank, if more_is_better { -cost } else { *cost }, pair));
        }
    }
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    // Worst cost so far among all better ranks.
    let mut worst: Option<(f64, &Pair)> = None;
    let mut start = 0;
    while start < pairs.len() {
        let end = start + pairs[start..].iter().take_while(|pair| pair.0.total_cmp(&pairs[start].0).is_eq()).count();
        let (best, last) = (pairs[start], pairs[end - 1]);
        if let Some((_, pair)) = worst.filter(|(cost, _)| *cost > best.1) {
            return Some([pair, best.2]);
        }
        if worst.is_none_or(|(cost, _)| last.1 > cost) {
            worst = Some((last.1, last.2));
        }
        start = end;
    }
    None
}

fn ranks(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no metric is offered as full cost maps in both modes over the same network map");
    let subject = context.subject;
    for ordinal in context.of(Kind::CostMap).take(4 * MOST_OF_A_KIND) {
        let Some(cost_type) = subject.cost_types_of(ordinal).into_iter().find(CostType::is_ordinal) else {
            continue;
        };
        let numerical = CostType { mode: "numerical".to_owned(), metric: cost_type.metric.clone() };
        let map = ordinal.uses().first().copied().unwrap_or_default();
        let (Some(numerical), Some(reversed)) =
            (context.cost_map_of(map, &numerical), more_is_better(&cost_type.metric))
        else {
            continue;
        };
        let Some(steady) = context.steady(numerical, |_| context.get(ordinal))? else {
            sheet.skip_all("costs changed during every comparison");
            continue;
        };
        let (Some(costs), Some(ranks)) = (CostMap::read(&steady.full), CostMap::read(&steady.found)) else {
            continue;
        };
        let is_flat = |costs: &Costs| {
            costs.0.values().zip(costs.0.values().skip(1)).all(|(one, next)| one.total_cmp(next).is_eq())
        };
        if is_flat(&ranks.costs) && !is_flat(&costs.costs) {
            // Ranks may be coarser than costs, but a single one says nothing.
            let finding = Finding::new("ranks that tell different costs apart", "the same rank for all pairs");
            sheet.on(RANKING).warn(finding.at("/cost-map").from(&steady.full).from(&steady.found));
        }
        let finding = inversion(&ranks.costs, &costs.costs, reversed)
            .map(|pairs| inverted(pairs, &ranks.costs, &costs.costs, &steady.full, &steady.found));
        for requirement in [RANKING, LOWER] {
            if requirement == LOWER && cost_type.metric != "routingcost" {
                continue;
            }
            let entry = sheet.on(requirement);
            entry.saw(&steady.found, ranks.costs.0.len(), "rank");
            if let Some(finding) = &finding {
                entry.fail(finding.clone());
            }
        }
    }
    Ok(())
}

/// Describes two pairs in the wrong order.
pub(super) fn inverted(
    pairs: [&Pair; 2],
    ranks: &Costs,
    costs: &Costs,
    full: &Arc<Exchange>,
    ranked: &Exchange,
) -> Finding {
    let text = |pair: &Pair| {
        let (rank, cost) = (ranks.0.get(pair).unwrap_or(&0.0), costs.0.get(pair).unwrap_or(&0.0));
        format!("{} to {}: rank {rank}, cost {cost}", pair.0, pair.1)
    };
    let place = pointer(&pointer("/cost-map", &pairs[1].0), &pairs[1].1);
    let finding = Finding::new("ranks in the order of the costs", format!("{}; {}", text(pairs[0]), text(pairs[1])));
    finding.at(place).from(full).from(ranked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(values: &[(&str, f64)]) -> Costs {
        values.iter().map(|(dst, cost)| (("a".into(), (*dst).into()), *cost)).collect()
    }

    #[test]
    fn ranks_that_contradict_costs_are_found() {
        let numerical = costs(&[("b", 1.0), ("c", 2.0), ("d", 2.0), ("e", 9.0)]);
        let fine = [
            costs(&[("b", 1.0), ("c", 2.0), ("d", 2.0), ("e", 3.0)]),
            // Ranks may be coarser than costs, and have gaps.
            costs(&[("b", 0.0), ("c", 0.0), ("d", 7.0), ("e", 7.0)]),
            costs(&[("e", 4.0)]),
        ];
        for ranks in fine {
            assert!(inversion(&ranks, &numerical, false).is_none(), "{ranks:?}");
        }
        let wrong = costs(&[("b", 3.0), ("c", 2.0), ("d", 2.0), ("e", 1.0)]);
        assert!(inversion(&wrong, &numerical, false).is_some());
        assert!(inversion(&wrong, &numerical, true).is_none());
        // The contradiction spans a rank in between.
        let hidden = costs(&[("e", 1.0), ("c", 1.0), ("b", 2.0), ("d", 3.0)]);
        assert!(inversion(&hidden, &numerical, false).is_some());
    }
}
