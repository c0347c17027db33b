//! Answers with several costs, held against what is known of each cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::note;
use super::requirements::{
    s4_1_2::ARRAYS,
    s4_1_3::{EMPTY, LIST, NULL, OMITTED, ONLY, SCALARS, VALUES},
};
use super::scene::{Known, Scene};
use crate::address;
use crate::assertion::promised;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, pointer};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{CostType, Resource};
use crate::verdict::Finding;

/// A pair, by value.
pub(super) type Pair = (String, String);

/// A question, and what its answer must say.
pub(super) struct Question {
    pub(super) body: Value,
    /// The cost types whose values are in the answer.
    types: Vec<CostType>,
    several: bool,
    expected: BTreeMap<Pair, Vec<Option<f64>>>,
    grades: Vec<Requirement>,
}

impl Question {
    /// A question that pairs pass for which `keep` is true.
    pub(super) fn new(known: &Known, body: Value, grades: &[Requirement], keep: impl Fn(&Pair) -> bool) -> Self {
        let (types, several) = match body.get("multi-cost-types").and_then(Value::as_array) {
            Some(types) => (types.iter().filter_map(CostType::read).collect(), true),
            None => (body.get("cost-type").and_then(CostType::read).into_iter().collect::<Vec<_>>(), false),
        };
        let pairs = types.iter().flat_map(|cost_type| known.costs(cost_type).0.keys());
        let row = |pair: &Pair| types.iter().map(|its| known.costs(its).0.get(pair).copied()).collect();
        let expected = pairs.filter(|pair| keep(pair)).map(|pair| (pair.clone(), row(pair))).collect();
        Self { body, types, several, expected, grades: grades.to_vec() }
    }

    /// The same question in other words.
    pub(super) fn worded(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    /// Whether some pairs pass and some do not: only then an answer tells whether the tests were understood.
    pub(super) fn tells(&self, known: &Known) -> bool {
        let all = Self::new(known, self.body.clone(), &[], |_| true).expected.len();
        !self.expected.is_empty() && self.expected.len() < all
    }
}

/// Asks questions.
pub(super) fn ask(
    context: &Context<'_>,
    scene: &Scene<'_>,
    questions: Vec<Question>,
) -> Result<Vec<(Arc<Exchange>, Question)>, NoAnswer> {
    let asked = questions.into_iter().map(|question| Ok((context.post(scene.resource, &question.body)?, question)));
    asked.collect()
}

/// Judges the answer to a question.
pub(super) fn judge(scene: &Scene<'_>, exchange: &Exchange, question: &Question, sheet: &mut Sheet) {
    let resource = scene.resource;
    let data = promised(resource, exchange);
    for requirement in &question.grades {
        note(sheet, resource, *requirement, |entry| {
            entry.saw(exchange, 1, "answer");
            if let Err(finding) = &data {
                entry.fail(asked(finding.clone(), question));
            }
        });
    }
    let Ok(data) = data else { return };
    meta(resource, exchange, question, sheet);
    let cells = cells(resource, data);
    let form = if question.several { ARRAYS } else { SCALARS };
    note(sheet, resource, form, |entry| {
        entry.saw(exchange, cells.len(), "pair");
    });
    let mut seen = BTreeMap::new();
    for (pair, place, cost) in cells {
        let Some(row) = row(cost, question) else {
            let count = question.types.len();
            let expected = if question.several { format!("an array of {count}") } else { "a number".to_owned() };
            let finding = asked(Finding::new(expected, brief(cost)).at(place).from(exchange), question);
            wrong(sheet, resource, question, form, &finding);
            return;
        };
        seen.insert(pair, (place, row));
    }
    compare(resource, exchange, question, &seen, sheet);
}

/// What was asked, for findings.
fn asked(finding: Finding, question: &Question) -> Finding {
    let mut body = question.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("pids");
        members.remove("endpoints");
    }
    let seen = format!("{} (asked {})", finding.seen, brief(&body));
    Finding { seen, ..finding }
}

/// A finding on what the question is about, and on the rule of all answers that it breaks.
fn wrong(sheet: &mut Sheet, resource: &Resource, question: &Question, rule: Requirement, finding: &Finding) {
    let more = question.grades.iter().filter(|known| known.id != rule.id);
    for requirement in more.chain([&rule]) {
        note(sheet, resource, *requirement, |entry| {
            entry.note(crate::verdict::Grade::Fail, finding.clone());
        });
    }
}

/// Every cost of an answer with its pair and its place.
fn cells<'a>(resource: &Resource, data: &'a Value) -> Vec<(Pair, String, &'a Value)> {
    let base = format!("/{}", resource.kind.data_member().unwrap_or_default());
    let key = |text: &str| address::typed(text).map_or_else(|| text.to_owned(), address::to_typed);
    let rows = data.as_object().into_iter().flatten();
    let cells = rows.flat_map(|(src, row)| {
        let place = pointer(&base, src);
        row.as_object().into_iter().flatten().map(move |(dst, cost)| ((key(src), key(dst)), pointer(&place, dst), cost))
    });
    cells.collect()
}

/// The values of a pair; nothing if they are not what was asked for.
fn row(cost: &Value, question: &Question) -> Option<Vec<Option<f64>>> {
    if !question.several {
        return Some(vec![Some(cost.as_f64()?)]);
    }
    let array = cost.as_array().filter(|array| array.len() == question.types.len())?;
    let plain = |cost_type: &CostType| cost_type.is_numerical() || cost_type.is_ordinal();
    // Values of modes of other standards are not read.
    let value = |(value, cost_type): (&Value, &CostType)| match value {
        Value::Null => Some(None),
        _ if plain(cost_type) => value.as_f64().map(Some),
        _ => Some(Some(0.0)),
    };
    array.iter().zip(&question.types).map(value).collect()
}

fn meta(resource: &Resource, exchange: &Exchange, question: &Question, sheet: &mut Sheet) {
    let meta = exchange.value().and_then(|value| value.get("meta")).unwrap_or(&Value::Null);
    let member = |name: &str| meta.get(name).map_or_else(|| "none".to_owned(), brief);
    if !question.several {
        let cost_type = meta.get("cost-type").and_then(CostType::read);
        note(sheet, resource, SCALARS, |entry| {
            entry.saw(exchange, 1, "answer");
            if cost_type.as_ref() != question.types.first() {
                let expected = question.types.first().map(|its| brief(&its.to_json())).unwrap_or_default();
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
    let expected: Vec<_> = question.types.iter().cloned().map(Some).collect();
    note(sheet, resource, LIST, |entry| {
        entry.saw(exchange, 1, "answer");
        if seen.as_ref() != Some(&expected) {
            let expected: Vec<_> = question.types.iter().map(ToString::to_string).collect();
            let finding = Finding::new(expected.join(", "), member("multi-cost-types")).at("/meta/multi-cost-types");
            entry.fail(finding.from(exchange));
        }
    });
}

fn compare(
    resource: &Resource,
    exchange: &Exchange,
    question: &Question,
    seen: &BTreeMap<Pair, (String, Vec<Option<f64>>)>,
    sheet: &mut Sheet,
) {
    let base = format!("/{}", resource.kind.data_member().unwrap_or_default());
    let finding = |expected: String, seen: String, place: &str| {
        asked(Finding::new(expected, seen).at(place).from(exchange), question)
    };
    note(sheet, resource, ONLY, |entry| {
        entry.saw(exchange, seen.len(), "pair");
    });
    let text = |cost: Option<f64>| cost.map_or_else(|| "null".to_owned(), |cost| cost.to_string());
    for (pair, (place, row)) in seen {
        let Some(expected) = question.expected.get(pair) else {
            if row.iter().all(Option::is_none) {
                note(sheet, resource, OMITTED, |entry| {
                    entry.saw(exchange, 1, "pair without a cost");
                });
            } else {
                let finding = finding("no such pair".to_owned(), format!("{} to {}", pair.0, pair.1), place);
                wrong(sheet, resource, question, ONLY, &finding);
            }
            continue;
        };
        for (index, ((value, known), cost_type)) in row.iter().zip(expected).zip(&question.types).enumerate() {
            let rule = if known.is_none() { NULL } else { VALUES };
            if question.several {
                note(sheet, resource, rule, |entry| {
                    entry.saw(exchange, 1, if known.is_none() { "cost that is not known" } else { "value" });
                });
            }
            let place = if question.several { format!("{place}/{index}") } else { place.clone() };
            if !same(*value, *known, cost_type) {
                wrong(sheet, resource, question, rule, &finding(text(*known), text(*value), &place));
            }
        }
    }
    for (pair, row) in question.expected.iter().filter(|(pair, _)| !seen.contains_key(pair)) {
        let place = pointer(&pointer(&base, &pair.0), &pair.1);
        let row: Vec<_> = row.iter().map(|cost| text(*cost)).collect();
        wrong(sheet, resource, question, VALUES, &finding(row.join(", "), "no such pair".to_owned(), &place));
    }
    if question.several {
        // Pairs of the scope that have no cost at all, and are not there.
        let ends = ends(&question.body);
        let absent = ends.saturating_sub(question.expected.len().max(seen.len()));
        let whole = question.body.get("constraints").is_none() && question.body.get("or-constraints").is_none();
        note(sheet, resource, OMITTED, |entry| {
            entry.skip("every pair has a cost");
            entry.saw(exchange, if whole { absent } else { 0 }, "pair without a cost");
        });
        note(sheet, resource, NULL, |entry| {
            entry.skip("every pair has every cost, or none");
        });
    }
}

/// How many pairs a request asks for, as far as it lists them.
fn ends(body: &Value) -> usize {
    let scope = body.get("pids").or_else(|| body.get("endpoints"));
    let count = |name: &str| scope.and_then(|scope| scope.get(name)?.as_array()).map_or(0, Vec::len);
    count("srcs") * count("dsts")
}

/// Ranks of different answers cannot be compared (RFC 7285 §6.2): there it counts that there is one.
fn same(seen: Option<f64>, known: Option<f64>, cost_type: &CostType) -> bool {
    match (seen, known) {
        (Some(seen), Some(known)) if cost_type.is_numerical() => seen.total_cmp(&known).is_eq(),
        (seen, known) => seen.is_some() == known.is_some(),
    }
}
