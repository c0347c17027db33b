//! Checks of cost values and their units (RFC 9439 §4, §5).

use std::collections::BTreeSet;

use serde_json::Value;

use super::requirements::{
    s4_1_2::{DELAY, MICROSECONDS},
    s4_2_2::ROUND_TRIP,
    s4_3_2::VARIATION,
    s4_4_2::LOSS,
    s4_5_2::HOPS,
    s5_1_2::THROUGHPUT,
    s5_2_2::RESIDUAL,
    s5_3_2::AVAILABLE,
};
use super::{each_answer, is_offered};
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::json::{brief, pointer};
use crate::metric::{Metric, Operator};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Metrics with the requirement on their values.
const REQUIREMENTS: &[(&str, Requirement)] = &[
    ("delay-ow", DELAY),
    ("delay-rt", ROUND_TRIP),
    ("delay-variation", VARIATION),
    ("lossrate", LOSS),
    ("hopcount", HOPS),
    ("tput", THROUGHPUT),
    ("bw-residual", RESIDUAL),
    ("bw-available", AVAILABLE),
];

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "examines every value of every metric",
    &[DELAY, MICROSECONDS, ROUND_TRIP, VARIATION, LOSS, HOPS, THROUGHPUT, RESIDUAL, AVAILABLE],
    units,
)];

/// Delay in microseconds that some pair exceeds in any real network: light travels 10 km in this time.
const SHORTEST: f64 = 50.0;

fn units(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    if !is_offered(context, sheet) {
        return Ok(());
    }
    let mut numerical = BTreeSet::new();
    each_answer(context, |its| {
        if !its.cost_type.is_numerical() {
            return Ok(());
        }
        let metric = Metric::read(&its.cost_type.metric);
        numerical.insert(metric.base.to_owned());
        let Some((_, requirement)) = REQUIREMENTS.iter().find(|(base, _)| *base == metric.base) else { return Ok(()) };
        let member = its.resource.kind.data_member().unwrap_or_default();
        let data = its.exchange.value().and_then(|value| value.get(member)).and_then(Value::as_object);
        let entry = sheet.on(*requirement);
        entry.skip("no costs are answered");
        let (mut count, mut longest) = (0, 0.0_f64);
        for (src, row) in data.into_iter().flatten() {
            for (dst, cost) in row.as_object().into_iter().flatten() {
                count += 1;
                if let Some(expected) = fault(metric, cost) {
                    let place = pointer(&pointer(&format!("/{member}"), src), dst);
                    entry.fail(Finding::new(expected, brief(cost)).at(place).from(&its.exchange));
                }
                if src != dst {
                    longest = longest.max(cost.as_f64().unwrap_or(0.0));
                }
            }
        }
        entry.saw(&its.exchange, count, "cost");
        if requirement.id == DELAY.id && is_delay(metric) && longest > 0.0 {
            let entry = sheet.on(MICROSECONDS);
            entry.saw(&its.exchange, count, "delay");
            if longest < SHORTEST {
                let expected = format!("a delay of at least {SHORTEST} microseconds for some pair");
                let finding = Finding::new(expected, format!("at most {longest}, which may be milliseconds"));
                entry.warn(finding.at(format!("/{member}")).from(&its.exchange));
            }
        }
        Ok(())
    })?;
    for (metric, requirement) in REQUIREMENTS.iter().filter(|(metric, _)| !numerical.contains(*metric)) {
        sheet.on(*requirement).skip(format!("`{metric}` is not announced in numerical mode"));
    }
    sheet.on(MICROSECONDS).skip("`delay-ow` is not announced in numerical mode, or is 0 everywhere");
    Ok(())
}

/// Describes the expected value if a cost is invalid.
fn fault(metric: Metric<'_>, cost: &Value) -> Option<&'static str> {
    let Some(number) = cost.as_f64() else { return Some("a number") };
    // Hop counts are integers unless they are averaged.
    let counted = metric.base == "hopcount"
        && matches!(metric.explicit(), None | Some(Ok(Operator::Cur | Operator::Min | Operator::Max)));
    // A variance has the squared unit.
    let percent = metric.base == "lossrate" && metric.statistic() != Some(Operator::StdVar);
    if number < 0.0 {
        Some("a non-negative number")
    } else if percent && number > 100.0 {
        Some("at most 100 percent")
    } else if counted && number.fract() != 0.0 {
        Some("an integer")
    } else {
        None
    }
}

/// Tests whether a statistic is a delay, not a deviation or variance.
fn is_delay(metric: Metric<'_>) -> bool {
    !matches!(metric.statistic(), Some(Operator::StdDev | Operator::StdVar) | None)
}
