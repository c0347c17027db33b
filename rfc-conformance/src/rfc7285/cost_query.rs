//! Cost queries to filtered cost maps and endpoint cost services, with the costs expected from each.

use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::{s11_3_2_1, s11_5_1_1};
use crate::assertion::promised;
use crate::http::Exchange;
use crate::json::pointer;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{CostType, Kind, Resource};
use crate::verdict::{Finding, Grade};
use crate::view::{CostMap, Costs};

/// A cost query with its expected answer and the requirements that it grades.
pub(super) struct CostQuery {
    pub(super) body: Value,
    pub(super) expected: Costs,
    pub(super) grades: Vec<Requirement>,
    pub(super) lenience: Lenience,
}

/// Tolerance in grading the answer to a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lenience {
    /// Any deviation is graded.
    None,
    /// Request of unknown names only: RFC 7285 §11.3.2.6 leaves open whether the answer is empty or complete.
    OnlyUnknown,
    /// Unusual white space or number form, which the RFC leaves open: rejection is reported as information.
    Form,
    /// Constraints that are not announced: the server may reject or apply them, but not ignore them.
    Unannounced,
}

/// Requirements on constraints, which have different IDs for cost maps and endpoint costs.
pub(super) struct ConstraintGrades {
    pub(super) syntax: &'static [Requirement],
    pub(super) conjunction: &'static [Requirement],
    pub(super) excluded: &'static [Requirement],
    pub(super) absent: &'static [Requirement],
    pub(super) empty: &'static [Requirement],
    pub(super) precision: &'static [Requirement],
}

impl CostQuery {
    pub(super) fn new(body: Value, expected: Costs, grades: &[Requirement]) -> Self {
        Self { body, expected, grades: grades.to_vec(), lenience: Lenience::None }
    }

    pub(super) fn lenient(mut self, lenience: Lenience) -> Self {
        self.lenience = lenience;
        self
    }
}

/// Returns a request with one more member.
pub(crate) fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

/// Creates queries with constraints on numerical costs: every operator, at existing values and next to them.
pub(super) fn constraint_queries(body: &Value, costs: &Costs, grades: &ConstraintGrades) -> Vec<CostQuery> {
    let mut values: Vec<f64> = costs.0.values().copied().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let Some(middle) = values.get(values.len() / 2).copied() else {
        return Vec::new();
    };
    let (lowest, highest) = (values[0], values[values.len() - 1]);
    let query = |constraints: Vec<String>, grades: &[Requirement], keep: &dyn Fn(f64) -> bool| {
        let expected = costs.filtered(|_, _, cost| keep(cost));
        CostQuery::new(with(body, "constraints", json!(constraints)), expected, grades)
    };
    let one = |text: String| vec![text];
    let (above, below) = (middle.next_up(), middle.next_down());
    let none = |wanted: f64| !values.iter().any(|value| equal(*value, wanted));
    let mut queries = vec![
        query(Vec::new(), grades.absent, &|_| true),
        query(one(format!("gt {middle}")), grades.syntax, &|cost| cost > middle),
        query(one(format!("ge {middle}")), grades.syntax, &|cost| cost >= middle),
        query(one(format!("lt {middle}")), grades.syntax, &|cost| cost < middle),
        query(one(format!("le {middle}")), grades.syntax, &|cost| cost <= middle),
        query(one(format!("eq {middle}")), grades.syntax, &|cost| equal(cost, middle)),
        query(one(format!("ge {}", lowest.min(0.0) - 1.0)), grades.syntax, &|_| true),
        query(one(format!("le {lowest}")), grades.excluded, &|cost| cost <= lowest),
        query(one(format!("ge {highest}")), grades.excluded, &|cost| cost >= highest),
        query(vec![format!("ge {lowest}"), format!("lt {middle}")], grades.conjunction, &|cost| cost < middle),
        query(vec![format!("ge {middle}"), format!("le {middle}")], grades.conjunction, &|cost| equal(cost, middle)),
        query(vec![format!("gt {middle}"), format!("lt {middle}")], grades.empty, &|_| false),
        query(one(format!("gt {highest}")), grades.empty, &|_| false),
    ];
    // No cost equals a number next to it, however close.
    let rounded = values.iter().map(|value| value.round()).find(|value| none(*value));
    let near = [rounded.unwrap_or(middle + 0.4), middle * 1.001];
    for near in near.into_iter().filter(|near| none(*near)) {
        queries.push(query(one(format!("eq {near}")), grades.syntax, &|_| false));
    }
    // Adjacent doubles differ only if the server stores constraints in double precision.
    queries.push(query(one(format!("ge {above}")), grades.precision, &|cost| cost >= above));
    queries.push(query(one(format!("le {below}")), grades.precision, &|cost| cost <= below));
    for form in [format!("ge  {middle}"), format!("ge\t{middle}"), format!("ge {middle:e}"), format!(" ge {middle} ")] {
        queries.push(query(one(form), grades.syntax, &|cost| cost >= middle).lenient(Lenience::Form));
    }
    queries
}

/// Tests whether two doubles are equal.
fn equal(one: f64, other: f64) -> bool {
    one.partial_cmp(&other).is_some_and(std::cmp::Ordering::is_eq)
}

/// Malformed constraints that servers must reject.
pub(super) const MALFORMED_CONSTRAINTS: &[&str] = &[
    "ne 5",
    "GE 5",
    "ge5",
    "5 ge",
    "ge x",
    "",
    "ge",
    "ge 1 2",
    "ge 0x1",
    "ge NaN",
    "lt nan",
    "le Infinity",
    "ge -inf",
];

/// Grades the answer to a query.
pub(super) fn grade(
    resource: &Resource,
    cost_type: &CostType,
    full: &Arc<Exchange>,
    exchange: &Arc<Exchange>,
    query: &CostQuery,
    sheet: &mut Sheet,
) {
    let status = exchange.answer.status;
    let is_refused = (400..500).contains(&status);
    for requirement in &query.grades {
        let entry = sheet.on(*requirement);
        entry.saw(exchange, 1, "answer");
        match (promised(resource, exchange), query.lenience) {
            (Err(_), Lenience::Unannounced) if is_refused => {}
            (Err(finding), Lenience::Form) if is_refused => drop(entry.info(finding)),
            (Err(finding), _) => drop(entry.fail(finding)),
            (Ok(_), _) => {}
        }
    }
    if let Some(finding) = misshapen(resource, exchange) {
        let format = if resource.kind == Kind::EndpointCost { s11_5_1_1::FORMAT } else { s11_3_2_1::FORMAT };
        sheet.on(format).saw(exchange, 1, "answer").fail(finding);
    }
    let Some(seen) = CostMap::read(exchange) else {
        return;
    };
    let Some(finding) = mismatch(resource, cost_type, &seen.costs, &query.expected) else {
        return;
    };
    let finding = finding.from(full).from(exchange);
    for requirement in &query.grades {
        match query.lenience {
            Lenience::OnlyUnknown => sheet.on(*requirement).note(Grade::Info, finding.clone()),
            _ => sheet.on(*requirement).fail(finding.clone()),
        };
    }
}

/// Finds the first source whose costs are not in an object.
fn misshapen(resource: &Resource, exchange: &Exchange) -> Option<Finding> {
    let member = resource.kind.data_member()?;
    let rows = exchange.value().filter(|_| exchange.answer.status == 200)?.get(member)?.as_object()?;
    let (src, row) = rows.iter().find(|(_, row)| !row.is_object())?;
    let place = pointer(&format!("/{member}"), src);
    Some(Finding::new("an object", crate::json::brief(row)).at(place).from(exchange))
}

/// Finds the first pair that is missing, unexpected or different in cost. Of ordinal costs only the pairs are compared,
/// because ranks are relative to their answer (RFC 7285 §6.2).
fn mismatch(resource: &Resource, cost_type: &CostType, seen: &Costs, expected: &Costs) -> Option<Finding> {
    let flat = |costs: &Costs| costs.0.keys().map(|pair| (pair.clone(), 0.0)).collect::<Costs>();
    let difference = match cost_type.is_ordinal() {
        // The usual case, without a copy.
        true if seen.0.keys().eq(expected.0.keys()) => None,
        true => flat(seen).difference(&flat(expected)),
        false => seen.difference(expected),
    };
    let difference = difference?;
    let data = format!("/{}", resource.kind.data_member().unwrap_or_default());
    let place = pointer(&pointer(&data, &difference.src), &difference.dst);
    let text = |cost: Option<f64>| match cost {
        None => "no cost".to_owned(),
        Some(_) if cost_type.is_ordinal() => "a rank".to_owned(),
        Some(cost) => format!("cost {cost}"),
    };
    let what = format!(" from {} to {}", difference.src, difference.dst);
    Some(Finding::new(text(difference.expected) + &what, text(difference.seen)).at(place))
}

/// Grades whether `meta.cost-type` is the requested one.
pub(super) fn cost_type_of(entry: &mut crate::sheet::Entry, exchange: &Exchange, expected: &CostType) {
    let value = exchange.value().and_then(|value| value.pointer("/meta/cost-type"));
    entry.saw(exchange, 1, "answer");
    if value.and_then(CostType::read).as_ref() != Some(expected) {
        let seen = value.map_or_else(|| "none".to_owned(), crate::json::brief);
        let finding = Finding::new(crate::json::brief(&expected.to_json()), seen);
        entry.fail(finding.at("/meta/cost-type").from(exchange));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_derived_from_existing_costs() {
        let grades =
            ConstraintGrades { syntax: &[], conjunction: &[], excluded: &[], absent: &[], empty: &[], precision: &[] };
        let pairs = [("b", 1.5), ("c", 5.0), ("d", 9.0)];
        let costs: Costs = pairs.iter().map(|(dst, cost)| (("a".into(), (*dst).into()), *cost)).collect();
        let queries = constraint_queries(&json!({}), &costs, &grades);
        let brought = |text: &str| {
            let query = queries.iter().find(|query| query.body["constraints"] == json!([text])).unwrap();
            query.expected.0.len()
        };
        assert_eq!(
            [brought("gt 5"), brought("ge 5"), brought("lt 5"), brought("le 5"), brought("eq 5")],
            [1, 2, 1, 2, 1]
        );
        // 1.5 is not the number that it is rounded to.
        assert_eq!((brought("eq 2"), brought("eq 5.004999999999999")), (0, 0));
        assert_eq!(brought("ge 5.000000000000001"), 1);
        assert_eq!(brought("ge 5e0"), 2);
        assert!(constraint_queries(&json!({}), &Costs::default(), &grades).is_empty());
    }
}
