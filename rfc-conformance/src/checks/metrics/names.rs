//! Metric strings (RFC 9439 §1, §3.2, §8): announced, well-formed, and refused where they are not.

use super::super::costs::with;
use super::super::expect::Refusal;
use super::super::multi_cost::scene::{self, Scene};
use super::{NO_METRIC, announced, offered, performance_types};
use crate::check::{Check, Requirement};
use crate::context::Context;
use crate::http::NoAnswer;
use crate::metric::{Metric, Wrong};
use crate::name::{self, Fault};
use crate::target::CostType;
use crate::verdict::{Finding, Sheet};

const ANNOUNCED: Requirement = Requirement::def("rfc9439/1/1", "A metric that is answered is announced");
const ROUTINGCOST: Requirement =
    Requirement::def("rfc9439/1/2", "Metrics are offered beside `routingcost`, not in its place");
const FORM: Requirement =
    Requirement::def("rfc9439/3.2/1", "A metric string is a metric, or a metric, a colon and one operator");
const LENGTH: Requirement = Requirement::must("rfc9439/3.2/2", "A metric string has at most 32 characters");
const OPERATOR: Requirement = Requirement::must(
    "rfc9439/3.2/3",
    "An operator is cur, min, max, median, mean, stddev, stdvar or a percentile; others are refused",
);
const PERCENTILE: Requirement = Requirement::must(
    "rfc9439/3.2/4",
    "A percentile is `p` and a number from 0 to 100, digits perhaps with a fraction; others are refused",
);
const PLAIN_NAMES: Requirement =
    Requirement::should("rfc9439/3.2/5", "`min`, `median` and `max` are used instead of p0, p50 and p100");
const REGISTERED: Requirement =
    Requirement::def("rfc9439/8/1", "Metrics are registered, or their names begin with `priv:`");

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(&[FORM, LENGTH, OPERATOR, PERCENTILE, PLAIN_NAMES, REGISTERED], strings),
    Check::new(&[ROUTINGCOST], routingcost),
    Check::new(&[ANNOUNCED, OPERATOR, PERCENTILE], requests),
];

/// Resources of a kind that are asked for what they do not have.
const MOST_ASKED: usize = 4;

fn strings(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    if !offered(context, sheet) {
        return Ok(());
    }
    sheet.on(OPERATOR).nothing("no metric has an operator");
    sheet.on(PERCENTILE).nothing("no metric has a percentile");
    sheet.on(PLAIN_NAMES).nothing("no metric has a percentile");
    for its in &announced(context) {
        let exchange = &its.directory.exchange;
        let name = &its.cost_type.metric;
        let at = format!("{}/cost-metric", its.place);
        let finding = |expected: &str| Finding::new(expected, format!("{name:?}")).at(&at).from(exchange);
        let entry = sheet.on(REGISTERED);
        entry.saw(exchange, 1, "metric");
        if name::METRIC.faults(name).contains(&Fault::Unregistered) {
            // Registries grow.
            entry.warn(finding("a registered name, or one with `priv:`"));
        }
        let metric = its.metric();
        if !metric.is_performance() {
            continue;
        }
        let entry = sheet.on(LENGTH);
        entry.saw(exchange, 1, "metric");
        if name.chars().count() > 32 {
            entry.broken(finding("at most 32 characters"));
        }
        sheet.on(FORM).saw(exchange, 1, "metric");
        let Some(written) = metric.written() else { continue };
        match written {
            Err(Wrong::Form) => drop(sheet.on(FORM).broken(finding("a metric, a colon and one operator"))),
            Err(Wrong::Unknown) => {
                sheet.on(OPERATOR).saw(exchange, 1, "operator").broken(finding("an operator of the list"));
            }
            Err(Wrong::Percentile) => {
                sheet.on(PERCENTILE).saw(exchange, 1, "percentile").broken(finding("p with a number from 0 to 100"));
            }
            Ok(operator) => {
                sheet.on(OPERATOR).saw(exchange, 1, "operator");
                if metric.suffix.is_some_and(|suffix| suffix.starts_with('p')) {
                    sheet.on(PERCENTILE).saw(exchange, 1, "percentile");
                    let entry = sheet.on(PLAIN_NAMES);
                    entry.saw(exchange, 1, "percentile");
                    if let Some(better) = operator.better_name() {
                        entry.broken(finding(better));
                    }
                }
            }
        }
    }
    Ok(())
}

fn routingcost(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(ROUTINGCOST);
    entry.nothing(NO_METRIC);
    let all = announced(context);
    let Some(first) = all.iter().find(|its| its.metric().is_performance()) else { return Ok(()) };
    let exchange = &first.directory.exchange;
    entry.saw(exchange, all.len(), "cost type");
    if !all.iter().any(|its| its.cost_type.metric == "routingcost") {
        entry.broken(Finding::new("`routingcost`", "only other metrics").at("/meta/cost-types").from(exchange));
    }
    Ok(())
}

/// Cost types that must not be answered, as they are not announced.
fn foreign(known: &[CostType]) -> Vec<(Requirement, String)> {
    let numerical = |name: &str| known.iter().any(|its| its.metric == name && its.is_numerical());
    let names = ["delay-ow", "delay-rt", "lossrate", "hopcount", "tput", "bw-residual", "bw-available"];
    let mut foreign: Vec<_> = names
        .into_iter()
        .chain(["delay-ow:p95", "hopcount:mean"])
        .filter(|name| !numerical(name))
        .take(3)
        .map(|name| (ANNOUNCED, name.to_owned()))
        .collect();
    if let Some(cost_type) = known.iter().find(|its| Metric::read(&its.metric).is_performance()) {
        let base = Metric::read(&cost_type.metric).base;
        foreign.extend(["avg", "Median", "95"].map(|suffix| (OPERATOR, format!("{base}:{suffix}"))));
        foreign.extend(["p101", "p-1", "p", "p99."].map(|suffix| (PERCENTILE, format!("{base}:{suffix}"))));
    }
    foreign.retain(|(_, name)| !numerical(name));
    foreign
}

fn requests(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all("no resource that takes requests announces a metric of RFC 9439");
    let mut scenes: Vec<Scene<'_>> = scene::all(context)?;
    scenes.retain(|scene| !performance_types(context, scene.resource).is_empty());
    for scene in scenes.iter().take(MOST_ASKED) {
        for (requirement, metric) in foreign(&context.target.cost_types_of(scene.resource)) {
            let cost_type = CostType { metric, mode: "numerical".to_owned() };
            let answer = context.post(scene.resource, &with(&scene.scope, "cost-type", cost_type.to_json()));
            let fields = ["cost-type", "cost-type/cost-metric"];
            let refusal = Refusal { codes: &["E_INVALID_FIELD_VALUE"], fields: &fields, ..Refusal::default() };
            sheet.on(requirement).refused(&answer, "metric that is not announced", &refusal);
        }
    }
    Ok(())
}
