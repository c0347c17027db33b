//! Multi-cost queries, graded against single-cost answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::cost_service::{CostService, SingleCosts};
use super::note;
use super::requirements::{
    s4_1_2::{ARRAYS, ONE},
    s4_1_3::{EMPTY, LIST, NULL, OMITTED, ONLY, SCALARS, VALUES},
};
use crate::assertion::promised;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, pointer};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{CostType, Resource};
use crate::verdict::Finding;
use crate::view::{Costs, Pair, canonical};

/// A query with its expected answer and the requirements that it grades.
pub(super) struct MultiCostQuery {
    pub(super) body: Value,
    /// Cost types whose values are in the answer.
    types: Vec<CostType>,
    /// The query has `multi-cost-types`, so costs are arrays.
    is_multi: bool,
    expected: BTreeMap<Pair, Vec<Option<f64>>>,
    grades: Vec<Requirement>,
}

impl MultiCostQuery {
    /// Creates a query whose answer must have the pairs for which `keep` is true.
    pub(super) fn new(known: &SingleCosts, body: Value, grades: &[Requirement], keep: impl Fn(&Pair) -> bool) -> Self {
        let (types, is_multi) = match body.get("multi-cost-types").and_then(Value::as_array) {
            Some(types) => (types.iter().filter_map(CostType::read).collect(), true),
            None => (body.get("cost-type").and_then(CostType::read).into_iter().collect::<Vec<_>>(), false),
        };
        let columns: Vec<&Costs> = types.iter().map(|cost_type| known.costs(cost_type)).collect();
        let pairs: BTreeSet<&Pair> =
            columns.iter().flat_map(|costs| costs.0.keys()).filter(|pair| keep(pair)).collect();
        let row = |pair: &Pair| columns.iter().map(|costs| costs.0.get(pair).copied()).collect();
        let expected = pairs.into_iter().map(|pair| (pair.clone(), row(pair))).collect();
        Self { body, types, is_multi, expected, grades: grades.to_vec() }
    }

    /// Tests whether the query grades a requirement.
    pub(super) fn is_for(&self, requirement: Requirement) -> bool {
        self.grades.contains(&requirement)
    }

    /// Replaces the body by an equivalent one.
    pub(super) fn with_body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    /// Tests whether constraints select some pairs but not all, so that the answer shows their effect.
    pub(super) fn is_selective(&self, known: &SingleCosts) -> bool {
        let all = Self::new(known, self.body.clone(), &[], |_| true).expected.len();
        !self.expected.is_empty() && self.expected.len() < all
    }
}

/// Makes queries in order.
pub(super) fn ask(
    context: &Context<'_>,
    service: &CostService<'_>,
    queries: Vec<MultiCostQuery>,
) -> Result<Vec<(Arc<Exchange>, MultiCostQuery)>, NoAnswer> {
    let asked = queries.into_iter().map(|query| Ok((context.post(service.resource, &query.body)?, query)));
    asked.collect()
}

/// Grades the answer to a query.
pub(super) fn grade(service: &CostService<'_>, exchange: &Exchange, query: &MultiCostQuery, sheet: &mut Sheet) {
    let resource = service.resource;
    let data = promised(resource, exchange);
    for requirement in &query.grades {
        note(sheet, resource, *requirement, |entry| {
            entry.saw(exchange, 1, "answer");
            if let Err(finding) = &data {
                entry.fail(with_request(finding.clone(), query));
            }
        });
    }
    let Ok(data) = data else { return };
    grade_meta(resource, exchange, query, sheet);
    let cells = cells(resource, data);
    let form = if query.is_multi { ARRAYS } else { SCALARS };
    note(sheet, resource, form, |entry| {
        entry.saw(exchange, cells.len(), "pair");
    });
    let mut seen = BTreeMap::new();
    for (pair, place, cost) in cells {
        let Some(row) = row(cost, query) else {
            let count = query.types.len();
            let expected = if query.is_multi { format!("an array of {count}") } else { "a number".to_owned() };
            let finding = with_request(Finding::new(expected, brief(cost)).at(place).from(exchange), query);
            let of_form = query.grades.iter().filter(|known| **known == ONE);
            for requirement in of_form.chain([&form]) {
                note_failure(sheet, resource, *requirement, &finding);
            }
            return;
        };
        seen.insert(pair, (place, row));
    }
    compare(resource, exchange, query, &seen, sheet);
}

/// Adds the request to a finding.
fn with_request(finding: Finding, query: &MultiCostQuery) -> Finding {
    let mut body = query.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("pids");
        members.remove("endpoints");
    }
    let seen = format!("{} (requested {})", finding.seen, brief(&body));
    Finding { seen, ..finding }
}

/// Notes a failure on the requirements of a query and on the general one that is violated.
fn fail(sheet: &mut Sheet, resource: &Resource, query: &MultiCostQuery, rule: Requirement, finding: &Finding) {
    let more = query.grades.iter().filter(|known| known.id != rule.id);
    for requirement in more.chain([&rule]) {
        note_failure(sheet, resource, *requirement, finding);
    }
}

fn note_failure(sheet: &mut Sheet, resource: &Resource, requirement: Requirement, finding: &Finding) {
    note(sheet, resource, requirement, |entry| {
        entry.note(crate::verdict::Grade::Fail, finding.clone());
    });
}

/// Lists the costs of an answer with pair and place.
fn cells<'a>(resource: &Resource, data: &'a Value) -> Vec<(Pair, String, &'a Value)> {
    let base = format!("/{}", resource.kind.data_member().unwrap_or_default());
    let rows = data.as_object().into_iter().flatten();
    let cells = rows.flat_map(|(src, row)| {
        let place = pointer(&base, src);
        row.as_object()
            .into_iter()
            .flatten()
            .map(move |(dst, cost)| ((canonical(src), canonical(dst)), pointer(&place, dst), cost))
    });
    cells.collect()
}

/// Returns the values of a pair; `None` if the cost does not have the requested format.
fn row(cost: &Value, query: &MultiCostQuery) -> Option<Vec<Option<f64>>> {
    if !query.is_multi {
        return Some(vec![Some(cost.as_f64()?)]);
    }
    let array = cost.as_array().filter(|array| array.len() == query.types.len())?;
    let plain = |cost_type: &CostType| cost_type.is_numerical() || cost_type.is_ordinal();
    // Values in modes of other standards are not compared.
    let value = |(value, cost_type): (&Value, &CostType)| match value {
        Value::Null => Some(None),
        _ if plain(cost_type) => value.as_f64().map(Some),
        _ => Some(Some(0.0)),
    };
    array.iter().zip(&query.types).map(value).collect()
}

fn grade_meta(resource: &Resource, exchange: &Exchange, query: &MultiCostQuery, sheet: &mut Sheet) {
    let meta = exchange.value().and_then(|value| value.get("meta")).unwrap_or(&Value::Null);
    let member = |name: &str| meta.get(name).map_or_else(|| "none".to_owned(), brief);
    if !query.is_multi {
        let cost_type = meta.get("cost-type").and_then(CostType::read);
        note(sheet, resource, SCALARS, |entry| {
            entry.saw(exchange, 1, "answer");
            if cost_type.as_ref() != query.types.first() {
                let expected = query.types.first().map(|its| brief(&its.to_json())).unwrap_or_default();
                entry.fail(Finding::new(expected, member("cost-type")).at("/meta/cost-type").from(exchange));
            }
            if meta.get("multi-cost-types").is_some() {
                let finding = Finding::new("none", member("multi-cost-types")).at("/meta/multi-cost-types");
                entry.fail(finding.from(exchange));
            }
        });
        return;
    }
    note(sheet, resource, EMPTY, |entry| {
        entry.saw(exchange, 1, "answer");
        if meta.get("cost-type") != Some(&json!({})) {
            let finding = Finding::new("an empty object", member("cost-type")).at("/meta/cost-type");
            entry.fail(finding.from(exchange));
        }
    });
    let seen = meta.get("multi-cost-types").and_then(Value::as_array);
    let seen: Option<Vec<_>> = seen.map(|types| types.iter().map(CostType::read).collect());
    let expected: Vec<_> = query.types.iter().cloned().map(Some).collect();
    note(sheet, resource, LIST, |entry| {
        entry.saw(exchange, 1, "answer");
        if seen.as_ref() != Some(&expected) {
            let expected: Vec<_> = query.types.iter().map(ToString::to_string).collect();
            let finding = Finding::new(expected.join(", "), member("multi-cost-types")).at("/meta/multi-cost-types");
            entry.fail(finding.from(exchange));
        }
    });
}

fn compare(
    resource: &Resource,
    exchange: &Exchange,
    query: &MultiCostQuery,
    seen: &BTreeMap<Pair, (String, Vec<Option<f64>>)>,
    sheet: &mut Sheet,
) {
    let base = format!("/{}", resource.kind.data_member().unwrap_or_default());
    let finding = |expected: String, seen: String, place: &str| {
        with_request(Finding::new(expected, seen).at(place).from(exchange), query)
    };
    note(sheet, resource, ONLY, |entry| {
        entry.saw(exchange, seen.len(), "pair");
    });
    let text = |cost: Option<f64>| cost.map_or_else(|| "null".to_owned(), |cost| cost.to_string());
    for (pair, (place, row)) in seen {
        let Some(expected) = query.expected.get(pair) else {
            if row.iter().all(Option::is_none) {
                note(sheet, resource, OMITTED, |entry| {
                    entry.saw(exchange, 1, "pair without a cost");
                });
            } else {
                let finding = finding("no cost for this pair".to_owned(), format!("{} to {}", pair.0, pair.1), place);
                fail(sheet, resource, query, ONLY, &finding);
            }
            continue;
        };
        for (index, ((value, known), cost_type)) in row.iter().zip(expected).zip(&query.types).enumerate() {
            let rule = if known.is_none() { NULL } else { VALUES };
            if query.is_multi {
                note(sheet, resource, rule, |entry| {
                    entry.saw(exchange, 1, if known.is_none() { "undefined cost" } else { "value" });
                });
            }
            let place = if query.is_multi { format!("{place}/{index}") } else { place.clone() };
            if !agree(*value, *known, cost_type) {
                // The right pairs are there, so what was asked was understood.
                note_failure(sheet, resource, rule, &finding(text(*known), text(*value), &place));
            }
        }
    }
    for (pair, row) in query.expected.iter().filter(|(pair, _)| !seen.contains_key(pair)) {
        let place = pointer(&pointer(&base, &pair.0), &pair.1);
        let row: Vec<_> = row.iter().map(|cost| text(*cost)).collect();
        fail(sheet, resource, query, VALUES, &finding(row.join(", "), "no cost for this pair".to_owned(), &place));
    }
    if query.is_multi {
        // Requested pairs without any cost that are absent.
        let listed = listed_pairs(&query.body);
        let absent = listed.saturating_sub(query.expected.len().max(seen.len()));
        let whole = query.body.get("constraints").is_none() && query.body.get("or-constraints").is_none();
        note(sheet, resource, OMITTED, |entry| {
            entry.skip("every pair has a cost");
            entry.saw(exchange, if whole { absent } else { 0 }, "pair without a cost");
        });
        note(sheet, resource, NULL, |entry| {
            entry.skip("every pair has all costs or none");
        });
    }
}

/// Counts the pairs that a request lists.
fn listed_pairs(body: &Value) -> usize {
    let scope = body.get("pids").or_else(|| body.get("endpoints"));
    let count = |name: &str| scope.and_then(|scope| scope.get(name)?.as_array()).map_or(0, Vec::len);
    count("srcs") * count("dsts")
}

/// Tests whether two costs agree. Ranks of different answers cannot be compared (RFC 7285 §6.2), only their presence.
fn agree(seen: Option<f64>, known: Option<f64>, cost_type: &CostType) -> bool {
    match (seen, known) {
        (Some(seen), Some(known)) if cost_type.is_numerical() => seen.total_cmp(&known).is_eq(),
        (seen, known) => seen.is_some() == known.is_some(),
    }
}
