//! Updates of costs under a constraint (RFC 8895 §9.3).

use serde_json::{Value, json};

use super::requirements::s9_3::{LEAVES, OUTSIDE, SATISFIES};
use crate::context::Context;
use crate::http::NoAnswer;
use crate::sheet::Sheet;
use crate::subject::Kind;
use crate::updates::patch::same;
use crate::updates::stream::Stream;
use crate::updates::target::{Service, Target};
use crate::verdict::Finding;

/// Costs that are followed as far as they are at most a bound.
pub(super) struct Constrained {
    most: f64,
    /// Request for all costs, whatever they are.
    all: Value,
}

impl Constrained {
    /// ID of the substream.
    pub(super) const ID: &'static str = "constrained";

    /// Finds a filtered cost map that takes constraints, with a bound in the middle of its costs.
    pub(super) fn find<'a>(
        context: &Context<'_>,
        service: &Service<'a>,
    ) -> Result<Option<(Target<'a>, Self)>, NoAnswer> {
        let takes =
            |target: &&Target<'a>| target.resource.kind == Kind::FilteredCostMap && target.resource.takes_constraints();
        let Some(target) = service.targets.iter().find(takes) else { return Ok(None) };
        let types = context.subject.cost_types_of(target.resource);
        let Some(cost_type) = types.iter().find(|cost_type| cost_type.is_numerical()) else { return Ok(None) };
        let all = json!({ "cost-type": cost_type.to_json(), "pids": { "srcs": [], "dsts": [] } });
        let exchange = target.post(context, &all)?;
        let mut costs: Vec<_> = exchange.value().map(pairs).unwrap_or_default();
        let mut values: Vec<f64> = costs.drain(..).filter_map(|(_, cost)| cost.as_f64()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let Some(most) = values.get(values.len() / 2).copied() else { return Ok(None) };
        let mut input = all.clone();
        input["constraints"] = json!([format!("le {most}")]);
        Ok(Some((Target { input: Some(input), ..target.clone() }, Self { most, all })))
    }

    /// Returns all costs as they are now.
    pub(super) fn all_costs(&self, context: &Context<'_>, stream: &Stream<'_>) -> Result<Option<Value>, NoAnswer> {
        let Some(substream) = stream.substreams.get(Self::ID) else { return Ok(None) };
        Ok(substream.target.post(context, &self.all)?.value().cloned())
    }

    /// Grades the updates after a change.
    pub(super) fn grade(
        &self,
        context: &Context<'_>,
        stream: &Stream<'_>,
        before: &Value,
        sheet: &mut Sheet,
    ) -> Result<(), NoAnswer> {
        let Some(after) = self.all_costs(context, stream)? else { return Ok(()) };
        let Some(substream) = stream.substreams.get(Self::ID) else { return Ok(()) };
        let Some(held) = substream.document.as_ref() else { return Ok(()) };
        let (old, new, held) = (pairs(before), pairs(&after), pairs(held));
        let find = |all: &[(String, Value)], pair: &String| {
            all.iter().find(|(known, _)| known == pair).map(|(_, cost)| cost.clone())
        };
        let holds = |cost: &Option<Value>| cost.as_ref().and_then(Value::as_f64).is_some_and(|cost| cost <= self.most);
        let exchange = stream.exchange();
        let (mut outside, mut inside) = (false, false);
        for (pair, _) in old.iter().chain(new.iter().filter(|(pair, _)| find(&old, pair).is_none())) {
            let (was, is) = (find(&old, pair), find(&new, pair));
            let unchanged = matches!((&was, &is), (Some(was), Some(is)) if same(was, is));
            if unchanged {
                continue;
            }
            let told = find(&held, pair);
            match (holds(&was), holds(&is)) {
                (_, true) => {
                    inside = true;
                    let entry = sheet.on(SATISFIES);
                    entry.saw(&exchange, 1, "cost that satisfies the constraint");
                    let right = matches!((&told, &is), (Some(told), Some(is)) if same(told, is));
                    if !right {
                        let finding = Finding::new(format!("{is:?} for {pair}"), format!("{told:?}"));
                        entry.fail(finding.from(&exchange));
                    }
                }
                (true, false) => {
                    inside = true;
                    let entry = sheet.on(LEAVES);
                    entry.saw(&exchange, 1, "cost that no longer satisfies the constraint");
                    if let Some(told) = told {
                        let finding = Finding::new(format!("no cost for {pair}"), told.to_string());
                        entry.fail(finding.from(&exchange));
                    }
                }
                (false, false) => outside = true,
            }
        }
        // The network map that the costs belong to may be another one.
        let tags = |message: &Value| message.pointer("/meta/dependent-vtags").cloned();
        if outside && !inside && tags(before) == tags(&after) {
            let idle = substream.updates.last().is_some_and(|update| !update.changed);
            let entry = sheet.on(OUTSIDE);
            entry.saw(&exchange, 1, "change outside of the constraint");
            if idle {
                let finding = Finding::new("no update, as no cost in it changes", "an update without a change");
                entry.fail(finding.from(&exchange));
            }
        }
        Ok(())
    }
}

/// Lists the costs of a cost map by pair.
fn pairs(message: &Value) -> Vec<(String, Value)> {
    let rows = message.get("cost-map").and_then(Value::as_object).into_iter().flatten();
    rows.flat_map(|(source, row)| {
        let row = row.as_object().into_iter().flatten();
        row.map(move |(destination, cost)| (format!("{source} to {destination}"), cost.clone()))
    })
    .collect()
}
