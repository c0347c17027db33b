//! Checks of relations between statistics of a metric (RFC 9439 §3.2, §4.2.3, §5.2.3, §5.3.3).

use super::performance_types;
use super::requirements::{
    s3_2::{MEDIAN, ORDERED},
    s4_2_3::BOTH_WAYS,
    s5_2_3::RESIDUAL,
    s5_3_3::AVAILABLE,
};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::pointer;
use crate::metric::{Metric, Operator};
use crate::requirement::Requirement;
use crate::rfc8189::cost_service::{self, CostService, SingleCosts};
use crate::sheet::Sheet;
use crate::subject::CostType;
use crate::verdict::{Finding, Grade};
use crate::view::{Costs, Pair};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "compares the statistics of one metric, and both directions of a round trip",
    &[MEDIAN, ORDERED, BOTH_WAYS, RESIDUAL, AVAILABLE],
    statistics,
)];

/// Relative difference that rounding and averaging may cause.
const TOLERANCE: f64 = 0.01;

/// Costs of all metrics of a resource at one time.
struct Snapshot<'a> {
    service: &'a CostService<'a>,
    known: SingleCosts,
    /// Answer that findings refer to.
    exchange: &'a Exchange,
}

fn statistics(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let mut services = cost_service::all(context)?;
    for service in &mut services {
        service.types = performance_types(context, service.resource);
        service.types.retain(CostType::is_numerical);
    }
    if services.iter().all(|service| service.types.is_empty()) {
        sheet.skip_all("no resource that takes requests announces a numerical metric of RFC 9439");
    }
    for service in services {
        let Some(last) = service.types.last() else { continue };
        let body = service.one(last);
        let Some((known, exchange)) =
            service.steady(context, &service.scope, |_| context.post(service.resource, &body))?
        else {
            sheet.skip_all("costs changed during every comparison");
            continue;
        };
        let snapshot = Snapshot { service: &service, known, exchange: &exchange };
        snapshot.same_as_default(sheet);
        snapshot.in_order(sheet);
        snapshot.both_ways(sheet);
    }
    sheet.on(MEDIAN).skip("no resource has a metric both without an operator and as median");
    sheet.on(ORDERED).skip("no resource has two statistics of one metric");
    sheet.on(BOTH_WAYS).skip("no resource has numerical `delay-rt`");
    for requirement in [RESIDUAL, AVAILABLE] {
        sheet.on(requirement).skip("no resource has the metric both without an operator and as `cur`");
    }
    Ok(())
}

impl Snapshot<'_> {
    /// Returns the costs of a metric, if it is announced.
    fn costs(&self, metric: &str) -> Option<&Costs> {
        let cost_type = self.service.types.iter().find(|its| its.metric == metric)?;
        Some(self.known.costs(cost_type))
    }

    /// Returns the base metrics, without operators.
    fn bases(&self) -> Vec<&str> {
        let mut bases: Vec<_> = self.service.types.iter().map(|its| Metric::read(&its.metric).base).collect();
        bases.sort_unstable();
        bases.dedup();
        bases
    }

    /// Compares the costs of two metrics and notes pairs that violate a relation, described by `words`.
    fn compare(
        &self,
        sheet: &mut Sheet,
        requirement: Requirement,
        grade: Grade,
        metrics: [&str; 2],
        fits: impl Fn(f64, f64) -> bool,
        words: &str,
    ) {
        let [Some(one), Some(other)] = metrics.map(|metric| self.costs(metric)) else { return };
        let entry = sheet.on(requirement);
        for (pair, first) in one.0.iter() {
            let Some(second) = other.0.get(pair) else { continue };
            entry.saw(self.exchange, 1, "pair");
            if !fits(*first, *second) {
                let seen = format!("{first} and {second} from {} to {}", pair.0, pair.1);
                let finding = Finding::new(format!("{} {words} {}", metrics[0], metrics[1]), seen);
                entry.note(grade, finding.at(self.place(pair)).from(self.exchange));
            }
        }
    }

    fn place(&self, pair: &Pair) -> String {
        let member = self.service.resource.kind.data_member().unwrap_or_default();
        pointer(&pointer(&format!("/{member}"), &pair.0), &pair.1)
    }

    fn same_as_default(&self, sheet: &mut Sheet) {
        for base in self.bases() {
            let (suffix, requirement) = match base {
                "bw-residual" => ("cur", RESIDUAL),
                "bw-available" => ("cur", AVAILABLE),
                _ => ("median", MEDIAN),
            };
            let written = format!("{base}:{suffix}");
            self.compare(sheet, requirement, Grade::Fail, [base, &written], about, "as much as");
        }
        let less = |one: f64, other: f64| at_most(one, other);
        let words = "at most as much as";
        self.compare(sheet, AVAILABLE, Grade::Warn, ["bw-available", "bw-residual"], less, words);
    }

    /// Compares statistics that have a position in the distribution.
    fn in_order(&self, sheet: &mut Sheet) {
        for base in self.bases() {
            let of_base: Vec<_> =
                self.service.types.iter().map(|its| Metric::read(&its.metric)).filter(|its| its.base == base).collect();
            let text = |metric: &Metric<'_>| {
                metric.suffix.map_or_else(|| base.to_owned(), |suffix| format!("{base}:{suffix}"))
            };
            let mut placed: Vec<(f64, String)> =
                of_base.iter().filter_map(|metric| Some((metric.statistic()?.position()?, text(metric)))).collect();
            placed.sort_by(|one, other| one.0.total_cmp(&other.0));
            for pair in placed.windows(2) {
                self.compare(sheet, ORDERED, Grade::Fail, [&pair[0].1, &pair[1].1], at_most, "at most as much as");
            }
            for metric in of_base {
                let name = text(&metric);
                match metric.statistic() {
                    Some(Operator::Mean) => {
                        let (min, max) = (format!("{base}:min"), format!("{base}:max"));
                        self.compare(sheet, ORDERED, Grade::Fail, [&min, &name], at_most, "at most as much as");
                        self.compare(sheet, ORDERED, Grade::Fail, [&name, &max], at_most, "at most as much as");
                    }
                    Some(Operator::StdDev | Operator::StdVar) => {
                        let positive = |one: f64, _| one >= 0.0;
                        self.compare(sheet, ORDERED, Grade::Fail, [&name, &name], positive, "not negative, like");
                    }
                    _ => {}
                }
            }
        }
    }

    fn both_ways(&self, sheet: &mut Sheet) {
        let names = self.service.types.iter().map(|its| its.metric.as_str());
        for name in names.filter(|name| Metric::read(name).base == "delay-rt") {
            let Some(costs) = self.costs(name) else { continue };
            // Only means are additive.
            let means = (name == "delay-rt:mean").then(|| self.costs("delay-ow:mean")).flatten();
            for (pair, there) in costs.0.iter() {
                let back = (pair.1.clone(), pair.0.clone());
                let entry = sheet.on(BOTH_WAYS);
                entry.saw(self.exchange, 1, "pair");
                let mut wrong = |expected: f64, what: &str| {
                    let seen = format!("{there} from {} to {}", pair.0, pair.1);
                    let finding = Finding::new(format!("{name} of about {expected}, {what}"), seen);
                    entry.warn(finding.at(self.place(pair)).from(self.exchange));
                };
                if let Some(back) = costs.0.get(&back).filter(|back| !about(*there, **back)) {
                    wrong(*back, "as in the other direction");
                }
                let sum = means.and_then(|means| Some(means.0.get(pair)? + means.0.get(&back)?));
                if let Some(sum) = sum.filter(|sum| !about(*there, *sum)) {
                    wrong(sum, "the sum of the means of both directions");
                }
            }
        }
    }
}

/// Tests whether two numbers are equal within the tolerance.
fn about(one: f64, other: f64) -> bool {
    (one - other).abs() <= TOLERANCE * one.abs().max(other.abs())
}

/// Tests whether a number is at most another, within the tolerance.
fn at_most(one: f64, other: f64) -> bool {
    one <= other || about(one, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_tolerated() {
        assert!(about(100.0, 100.9) && !about(100.0, 102.0) && about(0.0, 0.0) && !about(0.0, 1.0));
        assert!(at_most(1.0, 2.0) && at_most(100.4, 100.0) && !at_most(2.0, 1.0));
    }
}
