//! Tests on costs (RFC 8189 §4.1.2): what an index points to, and how tests are put together.

use std::sync::Arc;

use serde_json::{Value, json};

use super::note;
use super::requirements::{
    s4_1_1::{EVERY, ONLY_TESTABLE},
    s4_1_2::{
        ALL_HOLD, DEFAULT_INDEX, EXTENDED, INDEX, NOT_RETURNED, ONE_GROUP, OR, OR_TAKEN, OR_WITH_ONE, SYNTAX, UNKNOWN,
        WRITTEN_OUT,
    },
    s4_1_3::{ONLY, SCALARS},
    s4_2_1::OF_ENDPOINTS,
    s4_2_2::ASKED_OF_ENDPOINTS,
    s4_2_3::SAID_OF_ENDPOINTS,
};
use super::rows::{Pair, Question, ask, judge};
use super::scene::{self, Known, Scene, list};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::requirement::Requirement;
use crate::rfc7285::cost_query::with;
use crate::sheet::Sheet;
use crate::subject::CostType;
use crate::verdict::{Finding, Grade};

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        &[
            WRITTEN_OUT,
            EXTENDED,
            ALL_HOLD,
            SYNTAX,
            DEFAULT_INDEX,
            INDEX,
            ONE_GROUP,
            OR,
            OR_TAKEN,
            OR_WITH_ONE,
            NOT_RETURNED,
            UNKNOWN,
            ONLY,
            SCALARS,
            ASKED_OF_ENDPOINTS,
            SAID_OF_ENDPOINTS,
        ],
        selections,
    ),
    Check::new(&[EVERY, ONLY_TESTABLE, OF_ENDPOINTS], every_type),
];

pub(super) const NO_TESTS: &str = "no resource announces both `max-cost-types` and constraints";

/// A cost type with the values that tests are made of.
struct Tested<'a> {
    cost_type: &'a CostType,
    known: &'a Known,
    lowest: f64,
    middle: f64,
    highest: f64,
}

impl<'a> Tested<'a> {
    fn new(known: &'a Known, cost_type: &'a CostType) -> Option<Self> {
        let values = known.values(cost_type);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        // Below the middle, so that something is left out wherever there are two values.
        let middle = values[(values.len() - 1) / 2];
        Some(Self { cost_type, known, lowest, middle, highest })
    }

    /// Whether a pair has a cost that passes. What is not known does not.
    fn passes(&self, pair: &Pair, admits: impl Fn(f64) -> bool) -> bool {
        self.known.costs(self.cost_type).0.get(pair).is_some_and(|cost| admits(*cost))
    }

    fn at_most(&self, pair: &Pair, limit: f64) -> bool {
        self.passes(pair, |cost| cost <= limit)
    }
}

/// Resources with several costs and with tests.
fn with_tests<'a>(context: &'a Context<'_>) -> Result<Vec<Scene<'a>>, NoAnswer> {
    Ok(scene::announced(context)?.into_iter().filter(|scene| !scene.testable.is_empty()).collect())
}

fn selections(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let scenes = with_tests(context)?;
    if scenes.is_empty() {
        sheet.skip_all(NO_TESTS);
    }
    for scene in &scenes {
        let steady = scene.steady(context, &scene.scope, |known| ask(context, scene, questions(scene, known)))?;
        let Some((known, answers)) = steady else {
            sheet.skip_all("costs changed during every comparison");
            continue;
        };
        permitted(scene, &answers, sheet);
        for (exchange, question) in &answers {
            judge(scene, exchange, question, sheet);
        }
        let telling = answers.iter().any(|(_, question)| question.tells(&known));
        if !telling {
            sheet.skip_all("no costs differ, so that no test selects anything");
        }
        sheet.on(UNKNOWN).skip("every pair has every cost that can be tested, or none");
        sheet.on(INDEX).skip("there are no two cost types that can be tested at once");
    }
    Ok(())
}

/// What clients may use must be answered, whatever the level of the permission.
fn permitted(scene: &Scene<'_>, answers: &[(Arc<Exchange>, Question)], sheet: &mut Sheet) {
    for (exchange, question) in answers {
        let tests = question.body.get("constraints").map(Value::to_string).unwrap_or_default();
        let alternatives = question.body.get("or-constraints").is_some();
        let single = question.body.get("cost-type").is_some();
        let uses = [(EXTENDED, tests.contains("\"[")), (OR_TAKEN, alternatives), (OR_WITH_ONE, alternatives && single)];
        for (requirement, _) in uses.into_iter().filter(|(_, used)| *used) {
            let entry = sheet.on(requirement);
            entry.saw(exchange, 1, "answer");
            let data = crate::assertion::promised(scene.resource, exchange);
            let array = |value: &Value| {
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .any(|(_, row)| row.as_object().into_iter().flatten().any(|(_, cost)| cost.is_array()))
            };
            match data {
                Err(finding) => drop(entry.note(Grade::Fail, finding)),
                Ok(data) if requirement == OR_WITH_ONE && array(data) => {
                    entry.note(Grade::Fail, Finding::new("single values", "arrays").from(exchange));
                }
                Ok(_) => {}
            }
        }
    }
}

/// All questions with tests that can be made of what is known.
fn questions(scene: &Scene<'_>, known: &Known) -> Vec<Question> {
    let numerical = scene.testable.iter().filter(|cost_type| cost_type.is_numerical());
    let mut tested: Vec<_> = numerical.filter_map(|cost_type| Tested::new(known, cost_type)).collect();
    // Those with several values tell most.
    tested.sort_by_key(|tested| tested.lowest >= tested.highest);
    let Some((first, others)) = tested.split_first() else {
        return Vec::new();
    };
    let mut questions = of_one(scene, first);
    if let Some(second) = others.first() {
        questions.extend(of_two(scene, first, second));
    }
    questions.extend(not_known(scene, &tested));
    questions
}

/// Questions about one cost, that is tested and returned.
fn of_one(scene: &Scene<'_>, first: &Tested<'_>) -> Vec<Question> {
    let body = scene.one(first.cost_type);
    let (lowest, middle, highest) = (first.lowest, first.middle, first.highest);
    let plain = |texts: &[&str], grades: &[Requirement], limit: f64| {
        let body = with(&body, "constraints", json!(texts));
        Question::new(first.known, body, grades, |pair| first.at_most(pair, limit))
    };
    let (bare, indexed) = (format!("le {middle}"), format!("[0] le {middle}"));
    let (low, high) = (format!("[0] le {lowest}"), format!("ge {highest}"));
    let least = format!("ge {lowest}");
    let fraction = middle + 0.25;
    let group = |lists: Value| with(&body, "or-constraints", lists);
    let ends = |pair: &Pair| first.passes(pair, |cost| cost <= lowest || cost >= highest);
    let below = |pair: &Pair| first.at_most(pair, middle);
    let beneath = middle.min(0.0) - 1.0;
    let mut questions = vec![
        plain(&[&bare], &[DEFAULT_INDEX, SYNTAX], middle),
        plain(&[&indexed], &[DEFAULT_INDEX, SYNTAX, ONLY], middle),
        plain(&[&format!("[0] le {fraction}")], &[SYNTAX], fraction),
        plain(&[&format!("ge {beneath}"), &indexed], &[SYNTAX, ALL_HOLD], middle),
        plain(&[&least, &indexed], &[ALL_HOLD, ONE_GROUP], middle),
        Question::new(first.known, group(json!([[least, indexed]])), &[ONE_GROUP, OR], below),
        Question::new(first.known, group(json!([[low], [high]])), &[OR], ends),
        Question::new(first.known, group(json!([[low], [low], [indexed, low]])), &[OR], |pair| {
            first.at_most(pair, lowest)
        }),
    ];
    // The field that stands for what is left out, written out.
    let explicit = with(&body, "testable-cost-types", list(std::slice::from_ref(first.cost_type)));
    for body in [&body, &explicit] {
        let body = with(body, "constraints", json!([indexed]));
        questions.push(Question::new(first.known, body, &[WRITTEN_OUT], below));
    }
    questions
}

/// Questions about two costs that can be tested at once.
fn of_two(scene: &Scene<'_>, first: &Tested<'_>, second: &Tested<'_>) -> Vec<Question> {
    let known = first.known;
    let (one, two) = (first.cost_type.clone(), second.cost_type.clone());
    let constrained = |body: &Value, texts: &[String]| with(body, "constraints", json!(texts));
    let of_first = |pair: &Pair| first.at_most(pair, first.middle);
    let of_second = |pair: &Pair| second.at_most(pair, second.middle);
    let test = |index: usize, tested: &Tested<'_>| format!("[{index}] le {}", tested.middle);
    let forwards = list(&[one.clone(), two.clone()]);
    let backwards = list(&[two.clone(), one.clone()]);
    let single = scene.one(&one);
    let pointing = with(&single, "testable-cost-types", forwards.clone());
    let reversed = with(&single, "testable-cost-types", backwards.clone());
    let both = |pair: &Pair| of_first(pair) && of_second(pair);
    let either = |pair: &Pair| of_first(pair) || of_second(pair);
    let alternatives = json!([[test(0, first)], [test(1, second)]]);
    let other = scene.one(&two);
    let hidden = with(&other, "testable-cost-types", list(std::slice::from_ref(&one)));
    let mut questions = vec![
        Question::new(known, constrained(&pointing, &[test(1, second)]), &[INDEX], of_second),
        Question::new(known, constrained(&reversed, &[test(0, second)]), &[INDEX], of_second),
        Question::new(known, constrained(&reversed, &[test(1, first)]), &[INDEX], of_first),
        Question::new(
            known,
            constrained(&pointing, &[test(0, first), format!("[0] ge {}", first.lowest), test(1, second)]),
            &[ALL_HOLD],
            both,
        ),
        Question::new(known, with(&pointing, "or-constraints", alternatives.clone()), &[OR, OR_WITH_ONE], either),
        Question::new(known, constrained(&hidden, &[test(0, first)]), &[NOT_RETURNED], of_first),
    ];
    if scene.most < 2 {
        return questions;
    }
    let several = scene.many(&[one, two]);
    let crossed = with(&several, "testable-cost-types", backwards);
    let same = with(&several, "testable-cost-types", forwards);
    questions.extend([
        Question::new(known, constrained(&several, &[test(0, first)]), &[INDEX, WRITTEN_OUT], of_first),
        Question::new(known, constrained(&several, &[test(1, second)]), &[INDEX, WRITTEN_OUT, ONLY], of_second),
        Question::new(known, constrained(&same, &[test(1, second)]), &[INDEX, WRITTEN_OUT], of_second),
        Question::new(known, constrained(&crossed, &[test(0, second)]), &[INDEX], of_second),
        Question::new(known, constrained(&crossed, &[test(1, first)]), &[INDEX], of_first),
        Question::new(known, with(&several, "or-constraints", alternatives), &[OR, ONLY], either),
        Question::new(
            known,
            with(&several, "or-constraints", json!([[test(0, first), test(1, second)]])),
            &[ONE_GROUP, OR],
            both,
        ),
    ]);
    questions
}

/// A test that every known cost passes, where some are not known.
fn not_known(scene: &Scene<'_>, tested: &[Tested<'_>]) -> Vec<Question> {
    let mut questions = Vec::new();
    for tested in tested {
        let everything = format!("[0] ge {}", tested.lowest);
        let others = scene.types.iter().filter(|cost_type| *cost_type != tested.cost_type);
        for other in others {
            let body = with(&scene.one(other), "testable-cost-types", list(std::slice::from_ref(tested.cost_type)));
            let body = with(&body, "constraints", json!([everything]));
            let question =
                Question::new(tested.known, body, &[UNKNOWN], |pair| tested.passes(pair, |cost| cost >= tested.lowest));
            if question.tells(tested.known) {
                questions.push(question);
                break;
            }
        }
    }
    questions
}

/// A test on every cost type that may have one.
fn every_type(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let scenes = with_tests(context)?;
    if scenes.is_empty() {
        sheet.skip_all(NO_TESTS);
    }
    for scene in scenes {
        let resource = scene.resource;
        let requirement = if resource.takes_constraints() { EVERY } else { ONLY_TESTABLE };
        for cost_type in &scene.testable {
            let alone = with(&scene.one(cost_type), "constraints", json!(["ge 0"]));
            let other = scene.one(scene.types.first().unwrap_or(cost_type));
            let named = with(&other, "testable-cost-types", list(std::slice::from_ref(cost_type)));
            let named = with(&named, "constraints", json!(["[0] ge 0"]));
            for body in [alone, named] {
                let exchange = context.post(resource, &body)?;
                note(sheet, resource, requirement, |entry| {
                    entry.promised(resource, &exchange, "cost type");
                });
            }
        }
    }
    sheet.on(EVERY).skip("no resource with several costs announces `cost-constraints` true");
    sheet.on(ONLY_TESTABLE).skip("no resource announces `testable-cost-type-names`");
    Ok(())
}
