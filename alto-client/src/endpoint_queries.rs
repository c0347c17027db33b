//! Asking about endpoints: costs and properties, in as few requests as servers take (RFC 7285 §11.4, §11.5).

use std::collections::BTreeMap;

use alto_types::{
    CostMode, CostSelection, CostType, EndpointCostRequest, EndpointFilter, EndpointPropertyRequest, MediaType,
    PropertyType, ResourceId, TypedEndpointAddr,
};

use super::Client;
use super::cost_map::CostMapQuery;
use super::directory::{Directory, Kind};
use super::document::Entry;
use super::endpoint_cost::{Basis, EndpointCostQuery, EndpointCosts};
use super::endpoint_property::EndpointProperties;
use super::error::Error;
use super::map_queries::undescribed;
use super::metric::{Better, Metric};

/// Endpoints in one list of one request; servers bound the size of bodies.
const MAX_LIST: usize = 10_000;
/// Pairs of endpoints in one request.
const MAX_PAIRS: usize = 100_000;

impl Client {
    /// Costs between endpoints, from the server's endpoint cost service.
    ///
    /// Where there is none for this cost type, the costs are made of the server's maps (then the sources and
    /// destinations have to be given); where only numbers are offered and ranks are wanted, they are ranked here.
    pub fn endpoint_costs(&self, query: &EndpointCostQuery) -> Result<EndpointCosts, Error> {
        if query.sources.is_empty() && query.destinations.is_empty() {
            // RFC 7285 §11.5.1.3.
            return Err(Error::Question("endpoint costs need a source or a destination"));
        }
        self.by_directory(|directory| self.endpoint_costs_of_one_type(directory, query))
    }

    pub(super) fn endpoint_costs_of_one_type(
        &self,
        directory: &Directory,
        query: &EndpointCostQuery,
    ) -> Result<EndpointCosts, Error> {
        let services = || directory.of_kind(Kind::EndpointCost);
        let constrained = !query.constraints.is_empty();
        let find = |cost_type| Directory::with_cost_type(services(), cost_type, constrained);
        if let Some(service) = find(&query.cost_type) {
            return self.ask_for_costs(service, query);
        }
        if let Some(numbers) = to_rank(&query.cost_type)
            && let Some(service) = find(&numbers)
        {
            let unranked = EndpointCostQuery { cost_type: numbers, constraints: Vec::new(), ..query.clone() };
            let mut costs = self.ask_for_costs(service, &unranked)?;
            rank(&mut costs, &query.cost_type);
            costs.constrain(&query.constraints);
            return Ok(costs);
        }
        if query.sources.is_empty() || query.destinations.is_empty() {
            return Err(Directory::no_costs(services().cloned(), "endpoint costs", &query.cost_type));
        }
        self.endpoint_costs_by_maps(query)
    }

    /// Costs between endpoints, from the network map and the cost map alone: no address is told to the server
    /// (RFC 7285 §15.4.2). Sources and destinations have to be given.
    pub fn endpoint_costs_by_maps(&self, query: &EndpointCostQuery) -> Result<EndpointCosts, Error> {
        if query.sources.is_empty() || query.destinations.is_empty() {
            return Err(Error::Question("costs by maps need sources and destinations: maps do not know who asks"));
        }
        let by =
            |cost_type: &CostType| self.maps(&CostMapQuery { cost_type: cost_type.clone(), ..CostMapQuery::default() });
        let maps = match to_rank(&query.cost_type).map(|numbers| by(&numbers)) {
            None | Some(Err(Error::Unsupported { .. })) => by(&query.cost_type)?,
            Some(result) => result?,
        };
        let mut costs = EndpointCosts::none(maps.costs.cost_type.clone(), Basis::Maps);
        costs.vtag.clone_from(&maps.costs.vtag);
        for source in distinct(&query.sources) {
            let to = |destination: &TypedEndpointAddr| Some((*destination, maps.cost(source.0, destination.0)?));
            costs.costs.insert(source, query.destinations.iter().filter_map(to).collect());
        }
        if query.cost_type.cost_mode.as_str() == CostMode::ORDINAL {
            // Ranks are relative to what was asked for (RFC 7285 §6.2), so those of a whole map need ranking, too.
            rank(&mut costs, &query.cost_type);
        }
        costs.constrain(&query.constraints);
        Ok(costs)
    }

    /// Properties of endpoints, by as many services as it takes. Every property must be one that the directory offers.
    pub fn endpoint_properties(
        &self,
        endpoints: &[TypedEndpointAddr],
        properties: &[PropertyType],
    ) -> Result<EndpointProperties, Error> {
        if endpoints.is_empty() || properties.is_empty() {
            // RFC 7285 §11.4.1.3.
            return Err(Error::Question("endpoint properties need an endpoint and a property"));
        }
        self.by_directory(|directory| {
            let mut answer = EndpointProperties::default();
            for (service, properties) in services_for(directory, properties)? {
                for endpoints in distinct(endpoints).chunks(MAX_LIST) {
                    let request =
                        EndpointPropertyRequest { properties: properties.clone(), endpoints: endpoints.to_vec() };
                    answer.extend(self.post(service, MediaType::ENDPOINT_PROPERTY, &request, |answer| {
                        EndpointProperties::read(answer, &properties, endpoints)
                    })?);
                }
            }
            Ok(answer)
        })
    }

    /// The PIDs of endpoints in a network map, the default one if none is named, as the server sees them. (To look
    /// them up here, see [`Client::network_map`].)
    pub fn pids(
        &self,
        network_map: Option<&str>,
        endpoints: &[TypedEndpointAddr],
    ) -> Result<(ResourceId, EndpointProperties), Error> {
        let id = self.by_directory(|directory| Ok(directory.network_map(network_map)?.id().clone()))?;
        let properties = self.endpoint_properties(endpoints, &[PropertyType::pid_of(&id)])?;
        Ok((id, properties))
    }

    /// Asks one service, in several requests where one would be too large.
    fn ask_for_costs(&self, service: &Entry, query: &EndpointCostQuery) -> Result<EndpointCosts, Error> {
        let divisible = query.cost_type.cost_mode.as_str() == CostMode::NUMERICAL;
        let mut costs: Option<EndpointCosts> = None;
        for (sources, destinations) in portions(&query.sources, &query.destinations, 1, divisible) {
            let more =
                self.ask_for_costs_once(service, &EndpointCostQuery { sources, destinations, ..query.clone() })?;
            match &mut costs {
                None => costs = Some(more),
                Some(costs) => costs.extend(more),
            }
        }
        Ok(costs.unwrap_or_else(|| EndpointCosts::none(query.cost_type.clone(), Basis::Service)))
    }

    fn ask_for_costs_once(&self, service: &Entry, query: &EndpointCostQuery) -> Result<EndpointCosts, Error> {
        let supported = service.capabilities().cost_constraints;
        // Where the server knows no constraints none may be sent (RFC 7285 §11.3.2.3, §11.5.1.3).
        let constraints = if supported { query.constraints.as_slice() } else { &[] };
        let request = EndpointCostRequest {
            costs: CostSelection::one(undescribed(&query.cost_type), constraints.iter().copied()),
            endpoints: EndpointFilter { srcs: query.sources.clone(), dsts: query.destinations.clone() },
        };
        let mut costs =
            self.post(service, MediaType::ENDPOINT_COST, &request, |answer| EndpointCosts::read(answer, query))?;
        if !supported {
            costs.constrain(&query.constraints);
        }
        Ok(costs)
    }
}

/// Which services to ask for which properties: the first that offers each.
fn services_for<'a>(
    directory: &'a Directory,
    properties: &[PropertyType],
) -> Result<Vec<(&'a Entry, Vec<PropertyType>)>, Error> {
    let services = || directory.of_kind(Kind::EndpointProperty);
    let mut plan: Vec<(&Entry, Vec<PropertyType>)> = Vec::new();
    for property in properties {
        let offers = |entry: &&Entry| entry.capabilities().prop_types.iter().any(|offer| offer == property.as_str());
        let service = services().find(offers).ok_or_else(|| {
            let offered = services().flat_map(|entry| entry.capabilities().prop_types.clone()).collect();
            Error::unsupported(format!("endpoint property {property}"), offered)
        })?;
        match plan.iter_mut().find(|(planned, _)| planned.id() == service.id()) {
            Some((_, properties)) if properties.contains(property) => {}
            Some((_, properties)) => properties.push(property.clone()),
            None => plan.push((service, vec![property.clone()])),
        }
    }
    Ok(plan)
}

/// The sources and destinations of one request each, where one for all of them would be too large; each pair counts as
/// often as it has costs. Ranks are relative to one request (RFC 7285 §6.2), so only numbers can be asked for in parts.
pub(super) fn portions(
    sources: &[TypedEndpointAddr],
    destinations: &[TypedEndpointAddr],
    costs: usize,
    divisible: bool,
) -> Vec<(Vec<TypedEndpointAddr>, Vec<TypedEndpointAddr>)> {
    let (sources, destinations) = (distinct(sources), distinct(destinations));
    let mut portions = Vec::new();
    for sources in parts(&sources, if divisible { MAX_LIST } else { usize::MAX }) {
        let fitting = (MAX_PAIRS / costs.max(1) / sources.len().max(1)).clamp(1, MAX_LIST);
        for destinations in parts(&destinations, if divisible { fitting } else { usize::MAX }) {
            portions.push((sources.to_vec(), destinations.to_vec()));
        }
    }
    portions
}

/// The parts of a list; an empty list, which has a meaning of its own, is one part.
fn parts<T>(list: &[T], size: usize) -> Vec<&[T]> {
    if list.is_empty() { vec![list] } else { list.chunks(size).collect() }
}

fn distinct(endpoints: &[TypedEndpointAddr]) -> Vec<TypedEndpointAddr> {
    let mut seen = std::collections::HashSet::new();
    endpoints.iter().filter(|endpoint| seen.insert(**endpoint)).copied().collect()
}

/// The numbers that ranks of this type can be made of (RFC 7285 §6.1.2): those of metrics whose better end is known.
fn to_rank(cost_type: &CostType) -> Option<CostType> {
    let ordinal = cost_type.cost_mode.as_str() == CostMode::ORDINAL;
    let known = ordinal && Metric::of(&cost_type.cost_metric).better().is_some();
    known.then(|| super::cost_type(cost_type.cost_metric.as_str(), CostMode::NUMERICAL).ok()).flatten()
}

/// Turns costs into ranks from 1, equal ones into equal ranks.
fn rank(costs: &mut EndpointCosts, cost_type: &CostType) {
    let better = Better::of(&costs.cost_type);
    let mut levels: Vec<f64> = costs.costs.values().flat_map(BTreeMap::values).copied().collect();
    levels.sort_by(|a, b| better.compare(*a, *b));
    levels.dedup();
    for cost in costs.costs.values_mut().flat_map(BTreeMap::values_mut) {
        // Every cost is one of the levels.
        let rank = levels.binary_search_by(|level| better.compare(*level, *cost)).unwrap_or_else(|place| place);
        *cost = u32::try_from(rank + 1).unwrap_or(u32::MAX).into();
    }
    costs.cost_type = cost_type.clone();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_has_rank_one_and_equals_have_equal_ranks() {
        let addresses: Vec<TypedEndpointAddr> =
            (1..=4).map(|n| TypedEndpointAddr(std::net::Ipv4Addr::new(10, 0, 0, n).into())).collect();
        for (metric, ranks) in [("routingcost", [3.0, 1.0, 2.0, 1.0]), ("bw-residual", [1.0, 3.0, 2.0, 3.0])] {
            let numbers = super::super::cost_type(metric, CostMode::NUMERICAL).unwrap();
            let ordinal = super::super::cost_type(metric, CostMode::ORDINAL).unwrap();
            assert_eq!(to_rank(&ordinal), Some(numbers.clone()));
            let mut costs = EndpointCosts::none(numbers, Basis::Service);
            costs.costs.insert(addresses[0], addresses.iter().copied().zip([9.0, -1.0, 0.5, -1.0]).collect());
            rank(&mut costs, &ordinal);
            assert_eq!(costs.iter().map(|(_, _, rank)| rank).collect::<Vec<_>>(), ranks, "{metric}");
        }
        // Whether more of these is better nobody can know.
        assert_eq!(to_rank(&super::super::cost_type("priv:x", CostMode::ORDINAL).unwrap()), None);
    }
}
