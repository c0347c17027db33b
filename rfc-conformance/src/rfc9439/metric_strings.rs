//! Checks of metric strings in directories and requests (RFC 9439 §1, §3.2, §8).

use super::requirements::{
    s1::{ANNOUNCED, ROUTINGCOST},
    s3_2::{FORM, LENGTH, OPERATOR, PERCENTILE, PLAIN_NAMES},
    s8::REGISTERED,
};
use super::{NO_METRIC, announced, is_offered, performance_types};
use crate::assertion::Refusal;
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::metric::{Metric, OperatorError};
use crate::name::{self, NameFault};
use crate::requirement::Requirement;
use crate::rfc7285::cost_query::with;
use crate::rfc8189::cost_service::{self, CostService};
use crate::sheet::Sheet;
use crate::subject::CostType;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "parses every metric name in the directories",
        &[FORM, LENGTH, OPERATOR, PERCENTILE, PLAIN_NAMES, REGISTERED],
        strings,
    ),
    Check::new("looks for `routingcost` among the cost types", &[ROUTINGCOST], routingcost),
    Check::new(
        "asks for metrics with invalid statistics and percentiles",
        &[ANNOUNCED, OPERATOR, PERCENTILE],
        requests,
    ),
];

/// Maximum number of resources that get requests for metrics they do not announce.
const MOST_ASKED: usize = 4;

fn strings(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    if !is_offered(context, sheet) {
        return Ok(());
    }
    sheet.on(OPERATOR).skip("no metric has an operator");
    sheet.on(PERCENTILE).skip("no metric has a percentile");
    sheet.on(PLAIN_NAMES).skip("no metric has a percentile");
    for its in &announced(context) {
        let exchange = &its.directory.exchange;
        let name = &its.cost_type.metric;
        let at = format!("{}/cost-metric", its.place);
        let finding = |expected: &str| Finding::new(expected, format!("{name:?}")).at(&at).from(exchange);
        let entry = sheet.on(REGISTERED);
        entry.saw(exchange, 1, "metric");
        if name::METRIC.faults(name).contains(&NameFault::Unregistered) {
            // Registries grow: a well-formed name may have been registered since.
            entry.warn(finding("a registered name or one with the prefix `priv:`"));
        }
        let metric = its.metric();
        if !metric.is_performance() {
            continue;
        }
        let entry = sheet.on(LENGTH);
        entry.saw(exchange, 1, "metric");
        if name.chars().count() > 32 {
            entry.fail(finding("at most 32 characters"));
        }
        sheet.on(FORM).saw(exchange, 1, "metric");
        let Some(written) = metric.explicit() else { continue };
        match written {
            Err(OperatorError::Form) => drop(sheet.on(FORM).fail(finding("a metric, a colon and one operator"))),
            Err(OperatorError::Unknown) => {
                sheet.on(OPERATOR).saw(exchange, 1, "operator").fail(finding("an operator of RFC 9439 §3.2"));
            }
            Err(OperatorError::Percentile) => {
                sheet.on(PERCENTILE).saw(exchange, 1, "percentile").fail(finding("`p` and a number from 0 to 100"));
            }
            Ok(operator) => {
                sheet.on(OPERATOR).saw(exchange, 1, "operator");
                if metric.suffix.is_some_and(|suffix| suffix.starts_with('p')) {
                    sheet.on(PERCENTILE).saw(exchange, 1, "percentile");
                    let entry = sheet.on(PLAIN_NAMES);
                    entry.saw(exchange, 1, "percentile");
                    if let Some(preferred) = operator.preferred_name() {
                        entry.fail(finding(preferred));
                    }
                }
            }
        }
    }
    Ok(())
}

fn routingcost(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(ROUTINGCOST);
    entry.skip(NO_METRIC);
    let all = announced(context);
    let Some(first) = all.iter().find(|its| its.metric().is_performance()) else { return Ok(()) };
    let exchange = &first.directory.exchange;
    entry.saw(exchange, all.len(), "cost type");
    if !all.iter().any(|its| its.cost_type.metric == "routingcost") {
        entry.fail(Finding::new("`routingcost`", "only other metrics").at("/meta/cost-types").from(exchange));
    }
    Ok(())
}

/// Lists metrics that are not announced and must be rejected, with the requirement that each grades.
fn unannounced_metrics(known: &[CostType]) -> Vec<(Requirement, String)> {
    let numerical = |name: &str| known.iter().any(|its| its.metric == name && its.is_numerical());
    let names = ["delay-ow", "delay-rt", "lossrate", "hopcount", "tput", "bw-residual", "bw-available"];
    let mut foreign: Vec<_> = names
        .into_iter()
        .chain(["delay-ow:p95", "hopcount:mean"])
        .filter(|name| !numerical(name))
        .take(3)
        .map(|name| (ANNOUNCED, name.to_owned()))
        .collect();
    let mut bases: Vec<&str> = Vec::new();
    for base in known.iter().map(|its| Metric::read(&its.metric)).filter(|its| its.is_performance()).map(|its| its.base)
    {
        if !bases.contains(&base) {
            bases.push(base);
        }
    }
    for base in &bases {
        foreign.extend([(OPERATOR, format!("{base}:avg")), (PERCENTILE, format!("{base}:p101"))]);
    }
    if let Some(base) = bases.first() {
        foreign.extend(["Median", "95"].map(|suffix| (OPERATOR, format!("{base}:{suffix}"))));
        foreign.extend(["p-1", "p", "p99."].map(|suffix| (PERCENTILE, format!("{base}:{suffix}"))));
    }
    foreign.retain(|(_, name)| !numerical(name));
    foreign
}

fn requests(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no resource that takes requests announces a metric of RFC 9439");
    let mut services: Vec<CostService<'_>> = cost_service::all(context)?;
    services.retain(|service| !performance_types(context, service.resource).is_empty());
    for service in services.iter().take(MOST_ASKED) {
        for (requirement, metric) in unannounced_metrics(&context.subject.cost_types_of(service.resource)) {
            let cost_type = CostType { metric, mode: "numerical".to_owned() };
            let answer = context.post(service.resource, &with(&service.scope, "cost-type", cost_type.to_json()));
            let fields = ["cost-type", "cost-type/cost-metric"];
            let refusal = Refusal { codes: &["E_INVALID_FIELD_VALUE"], fields: &fields, ..Refusal::default() };
            sheet.on(requirement).refused(&answer, "metric that is not announced", &refusal);
        }
    }
    Ok(())
}
