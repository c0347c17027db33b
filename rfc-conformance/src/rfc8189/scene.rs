//! A resource that announces several costs, what to ask it about, and what it says of each cost alone.

use serde_json::{Value, json};

use crate::address;
use crate::context::{Context, MOST_OF_A_KIND};
use crate::http::NoAnswer;
use crate::rfc7285::cost_query::with;
use crate::subject::{CostType, Kind, Resource};
use crate::view::{CostMap, Costs, spread};

/// PIDs or addresses on either side of a request.
const MOST_ENDS: usize = 12;
/// Cost types that are fetched one by one.
const MOST_TYPES: usize = 8;
/// How often a comparison is tried again because costs changed in between.
const MOST_ATTEMPTS: usize = 4;

/// A resource with costs, and what to ask it about.
pub(crate) struct Scene<'a> {
    pub(crate) resource: &'a Resource,
    /// A request that lacks only the cost types.
    pub(crate) scope: Value,
    /// The cost types that are announced: of very many some, those with numbers first.
    pub(crate) types: Vec<CostType>,
    /// Those of them on which constraints may be put.
    pub(crate) testable: Vec<CostType>,
    /// How many may be asked for at once.
    pub(crate) most: usize,
}

/// What is known of each cost type, from answers with that cost type alone.
pub(crate) struct Known(Vec<(CostType, Costs)>);

/// `max-cost-types` of a resource, as far as it is a number.
pub(crate) fn most(resource: &Resource) -> usize {
    let value = resource.entry.pointer("/capabilities/max-cost-types").and_then(Value::as_u64);
    value.and_then(|most| usize::try_from(most).ok()).unwrap_or(0)
}

/// Resources that answer with costs by POST, with a request that lacks only the cost types.
pub(crate) fn all<'a>(context: &'a Context<'_>) -> Result<Vec<Scene<'a>>, NoAnswer> {
    let mut scenes = Vec::new();
    for kind in [Kind::FilteredCostMap, Kind::EndpointCost] {
        for resource in context.subject.of(kind).take(MOST_OF_A_KIND) {
            let Some(scope) = scope(context, resource)? else { continue };
            let mut types = context.subject.cost_types_of(resource);
            let chosen = resource.entry.pointer("/capabilities/testable-cost-type-names").and_then(Value::as_array);
            let directory = context.subject.directory_of(resource);
            let mut testable: Vec<_> = match chosen {
                Some(names) => names.iter().filter_map(|name| directory.cost_type(name.as_str()?)).collect(),
                None if resource.takes_constraints() => types.clone(),
                None => Vec::new(),
            };
            for list in [&mut types, &mut testable] {
                list.sort_by_key(|cost_type| !cost_type.is_numerical());
            }
            let rest = types.split_off(types.len().min(MOST_TYPES));
            testable.retain(|cost_type| !rest.contains(cost_type));
            scenes.push(Scene { resource, scope, types, testable, most: most(resource) });
        }
    }
    Ok(scenes)
}

/// Those that announce several costs.
pub(crate) fn announced<'a>(context: &'a Context<'_>) -> Result<Vec<Scene<'a>>, NoAnswer> {
    Ok(all(context)?.into_iter().filter(|scene| scene.most > 0 && !scene.types.is_empty()).collect())
}

fn scope(context: &Context<'_>, resource: &Resource) -> Result<Option<Value>, NoAnswer> {
    if resource.kind == Kind::EndpointCost {
        let addresses: Vec<_> = context.addresses(MOST_ENDS)?.into_iter().map(address::to_typed).collect();
        let some = (!addresses.is_empty()).then(|| json!({"endpoints": {"srcs": addresses, "dsts": addresses}}));
        return Ok(some);
    }
    let map = context.map_behind(resource)?;
    let pids = map.as_ref().map_or_else(Vec::new, |map| spread(&map.pids(), MOST_ENDS));
    Ok((!pids.is_empty()).then(|| json!({"pids": {"srcs": pids, "dsts": pids}})))
}

impl Scene<'_> {
    /// A request for one cost type.
    pub(crate) fn one(&self, cost_type: &CostType) -> Value {
        with(&self.scope, "cost-type", cost_type.to_json())
    }

    /// A request for several cost types.
    pub(crate) fn many(&self, types: &[CostType]) -> Value {
        with(&self.scope, "multi-cost-types", list(types))
    }

    /// Cost types that are announced, but on which no constraints may be put.
    pub(crate) fn untestable(&self) -> Option<&CostType> {
        self.types.iter().find(|cost_type| !self.testable.contains(cost_type))
    }

    /// As many cost types as may be asked for at once.
    pub(crate) fn together(&self) -> &[CostType] {
        &self.types[..self.types.len().min(self.most)]
    }

    /// Asks a question about costs that are what they are when asked for alone, before and after; nothing if they never
    /// stayed the same.
    pub(crate) fn steady<T>(
        &self,
        context: &Context<'_>,
        scope: &Value,
        mut question: impl FnMut(&Known) -> Result<T, NoAnswer>,
    ) -> Result<Option<(Known, T)>, NoAnswer> {
        let mut before = self.each_alone(context, scope)?;
        for _ in 0..MOST_ATTEMPTS {
            let found = question(&before)?;
            let after = self.each_alone(context, scope)?;
            if before.0 == after.0 {
                return Ok(Some((before, found)));
            }
            before = after;
        }
        Ok(None)
    }

    fn each_alone(&self, context: &Context<'_>, scope: &Value) -> Result<Known, NoAnswer> {
        let alone = |cost_type: &CostType| {
            let exchange = context.post(self.resource, &with(scope, "cost-type", cost_type.to_json()))?;
            // What is wrong with an answer that has one cost is judged elsewhere.
            let costs = CostMap::read(&exchange).map(|map| map.costs).unwrap_or_default();
            Ok((cost_type.clone(), costs))
        };
        Ok(Known(self.types.iter().map(alone).collect::<Result<_, NoAnswer>>()?))
    }
}

impl Known {
    /// What is known of a cost type.
    pub(crate) fn costs(&self, cost_type: &CostType) -> &Costs {
        static NOTHING: Costs = Costs(std::collections::BTreeMap::new());
        self.0.iter().find(|(known, _)| known == cost_type).map_or(&NOTHING, |(_, costs)| costs)
    }

    /// The values of a cost type, each once, in order.
    pub(crate) fn values(&self, cost_type: &CostType) -> Vec<f64> {
        let mut values: Vec<f64> = self.costs(cost_type).0.values().copied().collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    }
}

/// A list of cost types, as it stands in a request.
pub(crate) fn list(types: &[CostType]) -> Value {
    types.iter().map(CostType::to_json).collect()
}
