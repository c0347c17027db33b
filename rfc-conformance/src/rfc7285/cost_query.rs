//! Questions about costs, to filtered cost maps and endpoint cost services alike: what each must bring, given what the
//! full answer says.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::assertion::promised;
use crate::http::Exchange;
use crate::json::pointer;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{CostType, Resource};
use crate::verdict::{Finding, Grade};
use crate::view::{CostMap, Costs};

/// A question, what it must bring, and what it says something about.
pub(super) struct Question {
    pub(super) body: Value,
    pub(super) expected: Costs,
    pub(super) grades: Vec<Requirement>,
    pub(super) lenience: Lenience,
}

/// What is not held against the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lenience {
    None,
    /// All names are unknown: whether that means nothing or everything is left open (RFC 7285 §11.3.2.6).
    OnlyUnknown,
    /// The standard does not say how much white space, or which forms of numbers: refusal is an information.
    Form,
    /// Constraints are not announced: to refuse them is as good as to apply them, to ignore them is wrong.
    Unannounced,
}

/// The requirements on constraints, which have different numbers for maps and for endpoints.
pub(super) struct ConstraintGrades {
    pub(super) syntax: &'static [Requirement],
    pub(super) conjunction: &'static [Requirement],
    pub(super) excluded: &'static [Requirement],
    pub(super) absent: &'static [Requirement],
    pub(super) nothing: &'static [Requirement],
    pub(super) precision: &'static [Requirement],
}

impl Question {
    pub(super) fn new(body: Value, expected: Costs, grades: &[Requirement]) -> Self {
        Self { body, expected, grades: grades.to_vec(), lenience: Lenience::None }
    }

    pub(super) fn lenient(mut self, lenience: Lenience) -> Self {
        self.lenience = lenience;
        self
    }
}

/// A request with one more member.
pub(crate) fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

/// Constraints with numerical costs: every operator, at values that are there and just beside them.
pub(super) fn constraint_questions(body: &Value, costs: &Costs, grades: &ConstraintGrades) -> Vec<Question> {
    let mut values: Vec<f64> = costs.0.values().copied().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let Some(middle) = values.get(values.len() / 2).copied() else {
        return Vec::new();
    };
    let (lowest, highest) = (values[0], values[values.len() - 1]);
    let question = |constraints: Vec<String>, grades: &[Requirement], keep: &dyn Fn(f64) -> bool| {
        let expected = costs.filtered(|_, _, cost| keep(cost));
        Question::new(with(body, "constraints", json!(constraints)), expected, grades)
    };
    let one = |text: String| vec![text];
    let (above, below) = (middle.next_up(), middle.next_down());
    let mut questions = vec![
        question(Vec::new(), grades.absent, &|_| true),
        question(one(format!("gt {middle}")), grades.syntax, &|cost| cost > middle),
        question(one(format!("ge {middle}")), grades.syntax, &|cost| cost >= middle),
        question(one(format!("lt {middle}")), grades.syntax, &|cost| cost < middle),
        question(one(format!("le {middle}")), grades.syntax, &|cost| cost <= middle),
        question(one(format!("eq {middle}")), grades.syntax, &|cost| equal(cost, middle)),
        question(one(format!("le {lowest}")), grades.excluded, &|cost| cost <= lowest),
        question(one(format!("ge {highest}")), grades.excluded, &|cost| cost >= highest),
        question(vec![format!("ge {lowest}"), format!("lt {middle}")], grades.conjunction, &|cost| cost < middle),
        question(vec![format!("ge {middle}"), format!("le {middle}")], grades.conjunction, &|cost| equal(cost, middle)),
        question(vec![format!("gt {middle}"), format!("lt {middle}")], grades.nothing, &|_| false),
        question(one(format!("gt {highest}")), grades.nothing, &|_| false),
    ];
    // Doubles tell neighbours apart; what is stored in less does not.
    questions.push(question(one(format!("ge {above}")), grades.precision, &|cost| cost >= above));
    questions.push(question(one(format!("le {below}")), grades.precision, &|cost| cost <= below));
    for form in [format!("ge  {middle}"), format!("ge\t{middle}"), format!("ge {middle:e}"), format!(" ge {middle} ")] {
        questions.push(question(one(form), grades.syntax, &|cost| cost >= middle).lenient(Lenience::Form));
    }
    questions
}

/// Costs and constraints are doubles, and equal if they are the same double.
fn equal(one: f64, other: f64) -> bool {
    one.partial_cmp(&other).is_some_and(std::cmp::Ordering::is_eq)
}

/// Constraints that are none.
pub(super) const BROKEN_CONSTRAINTS: &[&str] = &["ne 5", "GE 5", "ge5", "5 ge", "ge x", "", "ge", "ge 1 2", "ge 0x1"];

/// Judges the answer to a question.
pub(super) fn judge(
    resource: &Resource,
    cost_type: &CostType,
    full: &Arc<Exchange>,
    exchange: &Arc<Exchange>,
    question: &Question,
    sheet: &mut Sheet,
) {
    let what = "answer";
    let status = exchange.answer.status;
    let is_refused = (400..500).contains(&status);
    for requirement in &question.grades {
        let entry = sheet.on(*requirement);
        entry.saw(exchange, 1, what);
        match (promised(resource, exchange), question.lenience) {
            (Err(_), Lenience::Unannounced) if is_refused => {}
            (Err(finding), Lenience::Form) if is_refused => drop(entry.info(finding)),
            (Err(finding), _) => drop(entry.fail(finding)),
            (Ok(_), _) => {}
        }
    }
    let Some(seen) = CostMap::read(exchange) else {
        return;
    };
    let Some(finding) = mismatch(resource, cost_type, &seen.costs, &question.expected) else {
        return;
    };
    let finding = finding.from(full).from(exchange);
    for requirement in &question.grades {
        match question.lenience {
            Lenience::OnlyUnknown => sheet.on(*requirement).note(Grade::Info, finding.clone()),
            _ => sheet.on(*requirement).fail(finding.clone()),
        };
    }
}

/// The first pair that should not be there, or should, or has another cost. Ranks of different answers cannot be
/// compared (RFC 7285 §6.2), so of ordinal costs only the pairs count.
fn mismatch(resource: &Resource, cost_type: &CostType, seen: &Costs, expected: &Costs) -> Option<Finding> {
    let flat = |costs: &Costs| Costs(costs.0.keys().map(|pair| (pair.clone(), 0.0)).collect());
    let difference =
        if cost_type.is_ordinal() { flat(seen).difference(&flat(expected)) } else { seen.difference(expected) };
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

/// Whether `meta.cost-type` is what was asked for.
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
    fn constraints_are_made_of_the_costs_there_are() {
        let grades = ConstraintGrades {
            syntax: &[],
            conjunction: &[],
            excluded: &[],
            absent: &[],
            nothing: &[],
            precision: &[],
        };
        let pairs = [("b", 1.5), ("c", 5.0), ("d", 9.0)];
        let costs = Costs(pairs.iter().map(|(dst, cost)| (("a".to_owned(), (*dst).to_owned()), *cost)).collect());
        let questions = constraint_questions(&json!({}), &costs, &grades);
        let brought = |text: &str| {
            let question = questions.iter().find(|question| question.body["constraints"] == json!([text])).unwrap();
            question.expected.0.len()
        };
        assert_eq!(
            [brought("gt 5"), brought("ge 5"), brought("lt 5"), brought("le 5"), brought("eq 5")],
            [1, 2, 1, 2, 1]
        );
        assert_eq!(brought("ge 5.000000000000001"), 1);
        assert_eq!(brought("ge 5e0"), 2);
        assert!(constraint_questions(&json!({}), &Costs::default(), &grades).is_empty());
    }
}
