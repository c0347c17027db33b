//! Several costs between endpoints at once (RFC 8189 §4.2), or one after the other where a server cannot do that.

use alto_types::{
    CostMode, CostTypes, EndpointCost as Message, EndpointCostRequest, EndpointFilter, MediaType,
    MultiEndpointCostMeta, NoCostType, TypedEndpointAddr,
};

use super::by_endpoint::ByEndpoint;
use super::directory::Kind;
use super::document::Entry;
use super::endpoint_cost::{Basis, EndpointCostQuery, EndpointCosts, set};
use super::endpoint_queries::portions;
use super::error::Error;
use super::exchange::Answer;
use super::several::{CostTable, SeveralCosts, Step, cells, columns};
use super::{Client, CostType, decode};

/// Which costs between endpoints are wanted. The default is `routingcost` in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeveralEndpointCostsQuery {
    /// The types of the costs, and tests that pairs pass.
    pub costs: SeveralCosts,
    /// Where traffic starts; empty for this client, as the server sees it.
    pub sources: Vec<TypedEndpointAddr>,
    /// Where it goes; empty for this client. Not both may be empty.
    pub destinations: Vec<TypedEndpointAddr>,
}

/// Costs of several types by source and destination endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct SeveralEndpointCosts {
    /// The costs.
    pub table: CostTable<TypedEndpointAddr>,
    /// Where they come from: the maps, if those of any type do.
    pub basis: Basis,
}

impl Client {
    /// Several costs between endpoints: of one request where the server's endpoint cost service answers for all of
    /// them at once, else joined. That a type cannot be had is an error.
    pub fn several_endpoint_costs(&self, query: &SeveralEndpointCostsQuery) -> Result<SeveralEndpointCosts, Error> {
        if query.sources.is_empty() && query.destinations.is_empty() {
            // RFC 7285 §11.5.1.3.
            return Err(Error::Question("endpoint costs need a source or a destination"));
        }
        query.check()?;
        self.by_directory(|directory| {
            let plan = query.costs.plan(&directory.of_kind(Kind::EndpointCost));
            let mut answer = SeveralEndpointCosts::none(&query.costs);
            for step in &plan.steps {
                match step {
                    Step::Several(service, types) => {
                        self.ask_for_several(service, types, query, plan.tested_there, &mut answer.table)?;
                    }
                    Step::One(cost_type) => {
                        answer.join(&self.endpoint_costs_of_one_type(directory, &query.of_one(cost_type))?);
                    }
                }
                answer.table.questions += 1;
            }
            answer.table.select(&query.costs, plan.tested_there);
            Ok(answer)
        })
    }

    /// The same from the network map and the cost maps alone: no address is told to the server. Sources and
    /// destinations have to be given.
    pub fn several_endpoint_costs_by_maps(
        &self,
        query: &SeveralEndpointCostsQuery,
    ) -> Result<SeveralEndpointCosts, Error> {
        query.check()?;
        let mut answer = SeveralEndpointCosts::none(&query.costs);
        for cost_type in query.costs.with_tested() {
            let costs = EndpointCostQuery { constraints: Vec::new(), ..query.of_one(&cost_type) };
            answer.join(&self.endpoint_costs_by_maps(&costs)?);
            answer.table.questions += 1;
        }
        answer.table.select(&query.costs, false);
        Ok(answer)
    }

    fn ask_for_several(
        &self,
        service: &Entry,
        types: &[CostType],
        query: &SeveralEndpointCostsQuery,
        tested_there: bool,
        table: &mut CostTable<TypedEndpointAddr>,
    ) -> Result<(), Error> {
        let numbers = |one: &CostType| one.cost_mode.as_str() == CostMode::NUMERICAL;
        let selection = query.costs.selection(types, tested_there);
        let divisible = types.iter().all(numbers);
        for (srcs, dsts) in portions(&query.sources, &query.destinations, types.len(), divisible) {
            let request = EndpointCostRequest { costs: selection.clone(), endpoints: EndpointFilter { srcs, dsts } };
            self.post(service, MediaType::ENDPOINT_COST, &request, |answer| match &selection.types {
                CostTypes::One(cost_type) => {
                    let costs = EndpointCosts::read(answer, &query.of_one(cost_type))?;
                    table.add(&costs.cost_type.clone(), costs.iter());
                    Ok(())
                }
                CostTypes::Several(_) => read(answer, types, query, table),
            })?;
        }
        Ok(())
    }
}

/// Takes an answer whose costs are arrays, leaving out pairs that nobody asked for.
fn read(
    answer: &Answer,
    types: &[CostType],
    query: &SeveralEndpointCostsQuery,
    table: &mut CostTable<TypedEndpointAddr>,
) -> Result<(), Error> {
    let message: Message<ByEndpoint<ByEndpoint<Vec<Option<f64>>>>, MultiEndpointCostMeta> = decode::message(answer)?;
    let got = message.meta.multi_cost_types;
    let columns = columns(answer, &got, types)?;
    let (sources, destinations) = (set(&query.sources), set(&query.destinations));
    let mut pairs = Vec::new();
    for (source, row) in message.endpoint_cost_map.0 {
        for (destination, costs) in row.0 {
            cells(answer, &costs, &got)?;
            let asked = (sources.is_empty() || sources.contains(&source))
                && (destinations.is_empty() || destinations.contains(&destination));
            if asked {
                pairs.push((source, destination, costs));
            }
        }
    }
    for column in columns {
        let of_one =
            pairs.iter().filter_map(|(source, destination, costs)| Some((*source, *destination, costs[column]?)));
        table.add(&got[column], of_one);
    }
    Ok(())
}

impl SeveralEndpointCostsQuery {
    fn check(&self) -> Result<(), Error> {
        if self.costs.types.is_empty() { Err(Error::Question("costs need a cost type")) } else { Ok(()) }
    }

    fn of_one(&self, cost_type: &CostType) -> EndpointCostQuery {
        EndpointCostQuery {
            cost_type: cost_type.clone(),
            sources: self.sources.clone(),
            destinations: self.destinations.clone(),
            constraints: self.costs.constraints(),
        }
    }
}

impl SeveralEndpointCosts {
    fn none(wanted: &SeveralCosts) -> Self {
        Self { table: CostTable::none(&wanted.with_tested()), basis: Basis::Service }
    }

    fn join(&mut self, costs: &EndpointCosts) {
        if costs.basis == Basis::Maps {
            self.basis = Basis::Maps;
        }
        self.table.add(&costs.cost_type, costs.iter());
    }

    /// The costs as a message of RFC 8189.
    pub fn to_message(&self) -> impl serde::Serialize + use<> {
        let meta = MultiEndpointCostMeta {
            cost_type: NoCostType,
            multi_cost_types: self.table.cost_types.clone(),
            vtag: None,
        };
        Message { meta, endpoint_cost_map: self.table.costs.clone() }
    }
}
