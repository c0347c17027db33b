//! Checks of constraints with indices and of their combination (RFC 8189 §4.1.2).

use std::sync::Arc;

use serde_json::{Value, json};

use super::cost_service::{self, CostService, SingleCosts, list};
use super::multi_cost_query::{MultiCostQuery, ask, grade};
use super::note;
use super::requirements::{
    s4_1_1::{EVERY, ONLY_TESTABLE},
    s4_1_2::{
        ALL_HOLD, DEFAULT_INDEX, EXTENDED, INDEX, NOT_RETURNED, ONE_GROUP, OR, OR_TAKEN, OR_WITH_ONE, SYNTAX, UNKNOWN,
        WRITTEN_OUT,
    },
    s4_1_3::{ONLY, SCALARS},
    s4_2_1::ENDPOINT_CAPABILITIES,
    s4_2_2::ENDPOINT_REQUESTS,
    s4_2_3::ENDPOINT_ANSWERS,
};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::requirement::Requirement;
use crate::rfc7285::cost_query::with;
use crate::sheet::Sheet;
use crate::subject::CostType;
use crate::verdict::{Finding, Grade};
use crate::view::Pair;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "applies constraints on one and two cost types, with and without indices, as conjunctions and alternatives",
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
            ENDPOINT_REQUESTS,
            ENDPOINT_ANSWERS,
        ],
        selections,
    ),
    Check::new(
        "applies a constraint to every testable cost type",
        &[EVERY, ONLY_TESTABLE, ENDPOINT_CAPABILITIES],
        every_type,
    ),
];

/// Reason to skip checks of constraints.
pub(super) const NO_CONSTRAINTS: &str = "no resource announces both `max-cost-types` and constraints";

/// A testable cost type with the values that constraints are derived from.
struct Tested<'a> {
    cost_type: &'a CostType,
    known: &'a SingleCosts,
    lowest: f64,
    middle: f64,
    highest: f64,
}

impl<'a> Tested<'a> {
    fn new(known: &'a SingleCosts, cost_type: &'a CostType) -> Option<Self> {
        let values = known.values(cost_type);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        // The lower median, so that a constraint excludes pairs wherever there are two values.
        let middle = values[(values.len() - 1) / 2];
        Some(Self { cost_type, known, lowest, middle, highest })
    }

    /// Tests whether the cost of a pair is defined and admitted.
    fn passes(&self, pair: &Pair, admits: impl Fn(f64) -> bool) -> bool {
        self.known.costs(self.cost_type).0.get(pair).is_some_and(|cost| admits(*cost))
    }

    fn at_most(&self, pair: &Pair, limit: f64) -> bool {
        self.passes(pair, |cost| cost <= limit)
    }
}

/// Collects multi-cost resources with constraints.
fn with_constraints<'a>(context: &'a Context<'_>) -> Result<Vec<CostService<'a>>, NoAnswer> {
    Ok(cost_service::announced(context)?.into_iter().filter(|service| !service.testable.is_empty()).collect())
}

fn selections(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let services = with_constraints(context)?;
    if services.is_empty() {
        sheet.skip_all(NO_CONSTRAINTS);
    }
    for service in &services {
        let steady = service.steady(context, &service.scope, |known| ask(context, service, queries(service, known)))?;
        let Some((known, answers)) = steady else {
            sheet.skip_all("costs changed during every comparison");
            continue;
        };
        permitted(service, &answers, sheet);
        for (exchange, query) in &answers {
            grade(service, exchange, query, sheet);
        }
        let is_selective = answers.iter().any(|(_, query)| query.is_selective(&known));
        if !is_selective {
            sheet.skip_all("no costs differ, so constraints cannot select pairs");
        }
        sheet.on(UNKNOWN).skip("every pair has all testable costs or none");
        sheet.on(INDEX).skip("there are no two cost types that can be tested together");
    }
    Ok(())
}

/// Grades features that clients MAY use: servers must answer them, so a violation is a failure.
fn permitted(service: &CostService<'_>, answers: &[(Arc<Exchange>, MultiCostQuery)], sheet: &mut Sheet) {
    for (exchange, query) in answers {
        let alternatives = query.body.get("or-constraints").is_some();
        let single = query.body.get("cost-type").is_some();
        let extended = query.is_for(EXTENDED);
        let uses = [(EXTENDED, extended), (OR_TAKEN, alternatives), (OR_WITH_ONE, alternatives && single)];
        for (requirement, _) in uses.into_iter().filter(|(_, used)| *used) {
            let entry = sheet.on(requirement);
            entry.saw(exchange, 1, "answer");
            let data = crate::assertion::promised(service.resource, exchange);
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

/// Creates all queries with constraints that known costs permit.
fn queries(service: &CostService<'_>, known: &SingleCosts) -> Vec<MultiCostQuery> {
    let numerical = service.testable.iter().filter(|cost_type| cost_type.is_numerical());
    let mut tested: Vec<_> = numerical.filter_map(|cost_type| Tested::new(known, cost_type)).collect();
    // Cost types with several values come first.
    tested.sort_by_key(|tested| tested.lowest >= tested.highest);
    let Some((first, others)) = tested.split_first() else {
        return Vec::new();
    };
    let mut queries = of_one(service, first);
    if let Some(second) = others.first() {
        queries.extend(of_two(service, first, second));
    }
    queries.extend(undefined_costs(service, &tested));
    queries
}

/// Creates queries for one cost type that is both tested and returned.
fn of_one(service: &CostService<'_>, first: &Tested<'_>) -> Vec<MultiCostQuery> {
    let body = service.one(first.cost_type);
    let (lowest, middle, highest) = (first.lowest, first.middle, first.highest);
    let plain = |texts: &[&str], grades: &[Requirement], limit: f64| {
        let body = with(&body, "constraints", json!(texts));
        MultiCostQuery::new(first.known, body, grades, |pair| first.at_most(pair, limit))
    };
    let (bare, indexed) = (format!("le {middle}"), format!("[0] le {middle}"));
    let (low, high) = (format!("[0] le {lowest}"), format!("ge {highest}"));
    let least = format!("ge {lowest}");
    let fraction = middle + 0.25;
    let group = |lists: Value| with(&body, "or-constraints", lists);
    let ends = |pair: &Pair| first.passes(pair, |cost| cost <= lowest || cost >= highest);
    let below = |pair: &Pair| first.at_most(pair, middle);
    let beneath = lowest.min(0.0) - 1.0;
    // A test whose only peculiarity is its index.
    let everything = format!("[0] ge {}", lowest.min(0.0).floor());
    let mut queries = vec![
        plain(&[&everything], &[EXTENDED], highest),
        plain(&[&bare], &[DEFAULT_INDEX, SYNTAX], middle),
        plain(&[&indexed], &[DEFAULT_INDEX, SYNTAX, ONLY], middle),
        plain(&[&format!("[0] le {fraction}")], &[SYNTAX], fraction),
        plain(&[&format!("ge {beneath}"), &indexed], &[SYNTAX, ALL_HOLD], middle),
        plain(&[&least, &indexed], &[ALL_HOLD, ONE_GROUP], middle),
        MultiCostQuery::new(first.known, group(json!([[least, indexed]])), &[ONE_GROUP, OR], below),
        MultiCostQuery::new(first.known, group(json!([[low], [high]])), &[OR], ends),
        MultiCostQuery::new(first.known, group(json!([[low], [low], [indexed, low]])), &[OR], |pair| {
            first.at_most(pair, lowest)
        }),
    ];
    // The default of `testable-cost-types`, stated explicitly.
    let explicit = with(&body, "testable-cost-types", list(std::slice::from_ref(first.cost_type)));
    for body in [&body, &explicit] {
        let body = with(body, "constraints", json!([indexed]));
        queries.push(MultiCostQuery::new(first.known, body, &[WRITTEN_OUT], below));
    }
    queries
}

/// Creates queries with constraints on two cost types.
fn of_two(service: &CostService<'_>, first: &Tested<'_>, second: &Tested<'_>) -> Vec<MultiCostQuery> {
    let known = first.known;
    let (one, two) = (first.cost_type.clone(), second.cost_type.clone());
    let constrained = |body: &Value, texts: &[String]| with(body, "constraints", json!(texts));
    let of_first = |pair: &Pair| first.at_most(pair, first.middle);
    let of_second = |pair: &Pair| second.at_most(pair, second.middle);
    let test = |index: usize, tested: &Tested<'_>| format!("[{index}] le {}", tested.middle);
    let forwards = list(&[one.clone(), two.clone()]);
    let backwards = list(&[two.clone(), one.clone()]);
    let single = service.one(&one);
    let pointing = with(&single, "testable-cost-types", forwards.clone());
    let reversed = with(&single, "testable-cost-types", backwards.clone());
    let both = |pair: &Pair| of_first(pair) && of_second(pair);
    let either = |pair: &Pair| of_first(pair) || of_second(pair);
    let alternatives = json!([[test(0, first)], [test(1, second)]]);
    let other = service.one(&two);
    let hidden = with(&other, "testable-cost-types", list(std::slice::from_ref(&one)));
    let mut queries = vec![
        MultiCostQuery::new(known, constrained(&pointing, &[test(1, second)]), &[INDEX], of_second),
        MultiCostQuery::new(known, constrained(&reversed, &[test(0, second)]), &[INDEX], of_second),
        MultiCostQuery::new(known, constrained(&reversed, &[test(1, first)]), &[INDEX], of_first),
        MultiCostQuery::new(
            known,
            constrained(&pointing, &[test(0, first), format!("[0] ge {}", first.lowest), test(1, second)]),
            &[ALL_HOLD],
            both,
        ),
        MultiCostQuery::new(known, with(&pointing, "or-constraints", alternatives.clone()), &[OR, OR_WITH_ONE], either),
        MultiCostQuery::new(known, constrained(&hidden, &[test(0, first)]), &[NOT_RETURNED], of_first),
    ];
    if service.most < 2 {
        return queries;
    }
    let several = service.many(&[one, two]);
    let crossed = with(&several, "testable-cost-types", backwards);
    let same = with(&several, "testable-cost-types", forwards);
    let bare = format!("le {}", first.middle);
    queries.extend([
        MultiCostQuery::new(known, constrained(&several, &[bare]), &[DEFAULT_INDEX], of_first),
        MultiCostQuery::new(known, constrained(&several, &[test(0, first)]), &[INDEX, WRITTEN_OUT], of_first),
        MultiCostQuery::new(known, constrained(&several, &[test(1, second)]), &[INDEX, WRITTEN_OUT, ONLY], of_second),
        MultiCostQuery::new(known, constrained(&same, &[test(1, second)]), &[INDEX, WRITTEN_OUT], of_second),
        MultiCostQuery::new(known, constrained(&crossed, &[test(0, second)]), &[INDEX], of_second),
        MultiCostQuery::new(known, constrained(&crossed, &[test(1, first)]), &[INDEX], of_first),
        MultiCostQuery::new(known, with(&several, "or-constraints", alternatives), &[OR, ONLY], either),
        MultiCostQuery::new(
            known,
            with(&several, "or-constraints", json!([[test(0, first), test(1, second)]])),
            &[ONE_GROUP, OR],
            both,
        ),
    ]);
    queries
}

/// Creates queries with a constraint that every defined cost meets, where some costs are undefined.
fn undefined_costs(service: &CostService<'_>, tested: &[Tested<'_>]) -> Vec<MultiCostQuery> {
    let mut queries = Vec::new();
    for tested in tested {
        let everything = format!("[0] ge {}", tested.lowest);
        let others = service.types.iter().filter(|cost_type| *cost_type != tested.cost_type);
        for other in others {
            let body = with(&service.one(other), "testable-cost-types", list(std::slice::from_ref(tested.cost_type)));
            let body = with(&body, "constraints", json!([everything]));
            let query = MultiCostQuery::new(tested.known, body, &[UNKNOWN], |pair| {
                tested.passes(pair, |cost| cost >= tested.lowest)
            });
            if query.is_selective(tested.known) {
                queries.push(query);
                break;
            }
        }
    }
    queries
}

/// Makes a request with a constraint on each testable cost type.
fn every_type(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let services = with_constraints(context)?;
    if services.is_empty() {
        sheet.skip_all(NO_CONSTRAINTS);
    }
    for service in services {
        let resource = service.resource;
        let requirement = if resource.takes_constraints() { EVERY } else { ONLY_TESTABLE };
        for cost_type in &service.testable {
            let alone = with(&service.one(cost_type), "constraints", json!(["ge 0"]));
            let other = service.one(service.types.first().unwrap_or(cost_type));
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
    sheet.on(EVERY).skip("no multi-cost resource announces `cost-constraints` true");
    sheet.on(ONLY_TESTABLE).skip("no resource announces `testable-cost-type-names`");
    Ok(())
}
