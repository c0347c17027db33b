//! Requests for costs between endpoints (RFC 7285 §11.5, RFC 8189 §4.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use alto_types::{CostMode, CostType, EndpointCostRequest, EndpointFilter, MediaType, TypedEndpointAddr};

use super::Client;
use super::endpoint_lists::{distinct, portions};
use crate::cost::{
    Basis, CostColumn, CostMapQuery, EndpointCostPart, EndpointCostQuery, EndpointCosts, Plan, numbers_for, rank,
};
use crate::directory::{Directory, Entry, Kind};
use crate::error::Error;

impl Client {
    /// Costs between endpoints, from the server's endpoint cost service.
    ///
    /// Costs of several types take one request if the service gives all of them at once. If it offers a type in numbers
    /// only and ranks are wanted, this client ranks the numbers. If it does not offer a type at all, the costs are
    /// taken from the server's maps, which requires sources and destinations.
    pub fn endpoint_costs(&self, query: &EndpointCostQuery) -> Result<EndpointCosts, Error> {
        if query.sources.is_empty() && query.destinations.is_empty() {
            // RFC 7285 §11.5.1.3.
            return Err(Error::Query("endpoint costs need a source or a destination: both lists are empty"));
        }
        query.costs.check()?;
        self.by_directory(|directory| {
            let plan = Plan::new(&query.costs, &directory.of_kind(Kind::EndpointCost));
            let mut answer = EndpointCosts::new(Basis::Service);
            for step in &plan.steps {
                match step.resource {
                    Some(service) => {
                        let selection = query.costs.selection(&step.types, plan.send_tests);
                        self.add_from_service(service, &step.types, &selection, query, &mut answer)?;
                    }
                    None => {
                        for cost_type in &step.types {
                            self.add_without_service(directory, cost_type, query, &mut answer)?;
                        }
                    }
                }
                answer.table.queries += 1;
            }
            Ok(finished(answer, query, plan.send_tests))
        })
    }

    /// Costs between endpoints, from the network map and cost maps alone, so that the server learns no address
    /// (RFC 7285 §15.4.2). Sources and destinations are required.
    pub fn endpoint_costs_by_maps(&self, query: &EndpointCostQuery) -> Result<EndpointCosts, Error> {
        query.costs.check()?;
        if query.sources.is_empty() || query.destinations.is_empty() {
            return Err(Error::Query(
                "costs by maps need sources and destinations: maps do not know the address of this client",
            ));
        }
        let mut answer = EndpointCosts::new(Basis::Maps);
        for cost_type in query.costs.with_tested() {
            self.add_from_maps(&cost_type, query, &mut answer)?;
            answer.table.queries += 1;
        }
        Ok(finished(answer, query, false))
    }

    /// Adds costs from one service, in several requests if one would be too large.
    fn add_from_service(
        &self,
        service: &Entry,
        types: &[CostType],
        selection: &alto_types::CostSelection,
        query: &EndpointCostQuery,
        answer: &mut EndpointCosts,
    ) -> Result<(), Error> {
        // Ranks are relative to one request (RFC 7285 §6.2), so only numbers can be asked for in parts.
        let divisible = types.iter().all(|one| one.cost_mode.as_str() == CostMode::NUMERICAL);
        for (srcs, dsts) in portions(&query.sources, &query.destinations, types.len(), divisible) {
            let request = EndpointCostRequest { costs: selection.clone(), endpoints: EndpointFilter { srcs, dsts } };
            let part =
                self.post(service, MediaType::ENDPOINT_COST, &request, |reply| EndpointCostPart::read(reply, types))?;
            for mut column in part.columns {
                column.retain(&request.endpoints.srcs, &request.endpoints.dsts);
                answer.table.add(Arc::new(column));
            }
            answer.vtag = part.vtag;
        }
        Ok(())
    }

    /// Adds costs of a type that no service offers: ranks of numbers that one does offer, or costs from the maps.
    fn add_without_service(
        &self,
        directory: &Directory,
        cost_type: &CostType,
        query: &EndpointCostQuery,
        answer: &mut EndpointCosts,
    ) -> Result<(), Error> {
        let services = || directory.of_kind(Kind::EndpointCost);
        if let Some(numbers) = numbers_for(cost_type)
            && let Some(service) = services().find(|service| service.offers(&numbers))
        {
            let types = [numbers];
            let mut unranked = EndpointCosts::new(Basis::Service);
            let selection = query.costs.selection(&types, false);
            self.add_from_service(service, &types, &selection, query, &mut unranked)?;
            unranked.table.columns.iter().for_each(|column| answer.table.add(Arc::new(rank(column, cost_type))));
            answer.vtag = unranked.vtag;
            return Ok(());
        }
        if query.sources.is_empty() || query.destinations.is_empty() {
            return Err(Directory::no_costs(services(), "endpoint costs", cost_type));
        }
        answer.basis = Basis::Maps;
        self.add_from_maps(cost_type, query, answer)
    }

    /// Adds costs of one type from the default network map and its cost map.
    fn add_from_maps(
        &self,
        cost_type: &CostType,
        query: &EndpointCostQuery,
        answer: &mut EndpointCosts,
    ) -> Result<(), Error> {
        let fetch = |one: &CostType| self.maps(&CostMapQuery { costs: one.clone().into(), ..CostMapQuery::default() });
        let maps = match numbers_for(cost_type).map(|numbers| fetch(&numbers)) {
            None | Some(Err(Error::Unsupported { .. })) => fetch(cost_type)?,
            Some(result) => result?,
        };
        let described = maps.costs.table.cost_types().next().unwrap_or(cost_type).clone();
        let mut column = CostColumn { cost_type: described, costs: BTreeMap::new() };
        for source in distinct(&query.sources) {
            let to = |destination: &TypedEndpointAddr| Some((*destination, maps.cost(source.0, destination.0)?));
            column.costs.insert(source, query.destinations.iter().filter_map(to).collect());
        }
        if cost_type.cost_mode.as_str() == CostMode::ORDINAL {
            // Ranks are relative to what was asked for (RFC 7285 §6.2), so those of a whole map need ranking, too.
            column = rank(&column, cost_type);
        }
        answer.table.add(Arc::new(column));
        answer.vtag = maps.costs.vtag;
        Ok(())
    }
}

/// Selects what the query asks for from everything that was fetched for it.
fn finished(mut answer: EndpointCosts, query: &EndpointCostQuery, tested: bool) -> EndpointCosts {
    answer.table.select(&query.costs, tested);
    if answer.table.columns.len() > 1 {
        answer.vtag = None;
    }
    answer
}
