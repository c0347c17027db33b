//! Resources that answer cost queries by POST, with a scope for requests and their single-cost answers.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::address;
use crate::context::{Context, MOST_OF_A_KIND};
use crate::http::NoAnswer;
use crate::rfc7285::cost_query::with;
use crate::subject::{CostType, Kind, Resource};
use crate::view::{CostMap, Costs, spread};

/// Maximum number of sources and of destinations in a request.
const MOST_ENDS: usize = 12;
/// Maximum number of cost types that are fetched one by one.
const MOST_TYPES: usize = 8;
/// Maximum number of attempts at a comparison while costs change.
const MOST_ATTEMPTS: usize = 4;

/// A filtered cost map or endpoint cost service, with the scope of requests to it.
pub(crate) struct CostService<'a> {
    pub(crate) resource: &'a Resource,
    /// Request that lacks only the cost types.
    pub(crate) scope: Value,
    /// Announced cost types up to a bound, numerical ones first.
    pub(crate) types: Vec<CostType>,
    /// Cost types that accept constraints.
    pub(crate) testable: Vec<CostType>,
    /// Number of cost types that may be requested at once.
    pub(crate) most: usize,
}

/// Costs of each cost type, from single-cost answers.
pub(crate) struct SingleCosts(Vec<(CostType, Costs)>);

/// Returns `max-cost-types` of a resource; 0 if it is absent or invalid.
pub(crate) fn most(resource: &Resource) -> usize {
    let value = resource.entry.pointer("/capabilities/max-cost-types").and_then(Value::as_u64);
    value.and_then(|most| usize::try_from(most).ok()).unwrap_or(0)
}

/// Collects resources that answer cost queries by POST.
pub(crate) fn all<'a>(context: &'a Context<'_>) -> Result<Vec<CostService<'a>>, NoAnswer> {
    let mut services = Vec::new();
    for kind in [Kind::FilteredCostMap, Kind::EndpointCost] {
        for resource in context.of(kind).take(MOST_OF_A_KIND) {
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
            services.push(CostService { resource, scope, types, testable, most: most(resource) });
        }
    }
    Ok(services)
}

/// Collects resources that announce `max-cost-types`.
pub(crate) fn announced<'a>(context: &'a Context<'_>) -> Result<Vec<CostService<'a>>, NoAnswer> {
    Ok(all(context)?.into_iter().filter(|service| service.most > 0 && !service.types.is_empty()).collect())
}

fn scope(context: &Context<'_>, resource: &Resource) -> Result<Option<Value>, NoAnswer> {
    if resource.kind == Kind::EndpointCost {
        let addresses: Vec<_> = context.addresses(MOST_ENDS)?.into_iter().map(address::to_typed).collect();
        let some = (!addresses.is_empty()).then(|| json!({"endpoints": {"srcs": addresses, "dsts": addresses}}));
        return Ok(some);
    }
    let map = context.network_map_for(resource)?;
    let pids = map.as_ref().map_or_else(Vec::new, |map| spread(&map.pids(), MOST_ENDS));
    Ok((!pids.is_empty()).then(|| json!({"pids": {"srcs": pids, "dsts": pids}})))
}

impl CostService<'_> {
    /// Creates a single-cost request.
    pub(crate) fn one(&self, cost_type: &CostType) -> Value {
        with(&self.scope, "cost-type", cost_type.to_json())
    }

    /// Creates a multi-cost request.
    pub(crate) fn many(&self, types: &[CostType]) -> Value {
        with(&self.scope, "multi-cost-types", list(types))
    }

    /// Returns a cost type that accepts no constraints.
    pub(crate) fn untestable(&self) -> Option<&CostType> {
        self.types.iter().find(|cost_type| !self.testable.contains(cost_type))
    }

    /// Returns as many cost types as may be requested at once.
    pub(crate) fn together(&self) -> &[CostType] {
        &self.types[..self.types.len().min(self.most)]
    }

    /// Makes requests between two fetches of all single costs, and repeats this until both are equal; `None` if they never
    /// are.
    pub(crate) fn steady<T>(
        &self,
        context: &Context<'_>,
        scope: &Value,
        mut requests: impl FnMut(&SingleCosts) -> Result<T, NoAnswer>,
    ) -> Result<Option<(SingleCosts, T)>, NoAnswer> {
        let mut before = self.each_alone(context, scope)?;
        for _ in 0..MOST_ATTEMPTS {
            let found = requests(&before)?;
            let after = self.each_alone(context, scope)?;
            if before.0 == after.0 {
                return Ok(Some((before, found)));
            }
            before = after;
        }
        Ok(None)
    }

    fn each_alone(&self, context: &Context<'_>, scope: &Value) -> Result<SingleCosts, NoAnswer> {
        let alone = |cost_type: &CostType| {
            let exchange = context.post(self.resource, &with(scope, "cost-type", cost_type.to_json()))?;
            // Invalid single-cost answers are graded elsewhere.
            let costs = CostMap::read(&exchange).map(|map| map.costs).unwrap_or_default();
            Ok((cost_type.clone(), costs))
        };
        Ok(SingleCosts(self.types.iter().map(alone).collect::<Result<_, NoAnswer>>()?))
    }
}

impl SingleCosts {
    /// Returns the costs of a cost type.
    pub(crate) fn costs(&self, cost_type: &CostType) -> &Costs {
        static NONE: LazyLock<Costs> = LazyLock::new(Costs::default);
        self.0.iter().find(|(known, _)| known == cost_type).map_or(&NONE, |(_, costs)| costs)
    }

    /// Returns the distinct values of a cost type in ascending order.
    pub(crate) fn values(&self, cost_type: &CostType) -> Vec<f64> {
        let mut values: Vec<f64> = self.costs(cost_type).0.values().copied().collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    }
}

/// Returns cost types as a JSON array for a request.
pub(crate) fn list(types: &[CostType]) -> Value {
    types.iter().map(CostType::to_json).collect()
}
