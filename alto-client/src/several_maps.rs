//! Several costs between PIDs at once (RFC 8189 §4.1), together with the network map they are keyed on.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use alto_types::{
    CostMap as Message, CostTypes, FilteredCostMapRequest, MediaType, MultiCostMapMeta, NoCostType, PidFilter, PidName,
    ResourceId, VersionTag,
};

use super::cache::Reuse;
use super::cost_map::{CostMap, CostMapQuery};
use super::directory::{Directory, Kind};
use super::document::Entry;
use super::error::Error;
use super::exchange::Answer;
use super::map_queries::ROUNDS;
use super::network_map::NetworkMap;
use super::several::{CostTable, SeveralCosts, Step, cells, columns};
use super::{Client, CostType, decode};

/// Which costs between PIDs are wanted. The default is all of `routingcost` in numbers, by the default network map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeveralMapsQuery {
    /// The network map whose PIDs are meant; nothing for the default one.
    pub network_map: Option<ResourceId>,
    /// The types of the costs, and tests that pairs pass.
    pub costs: SeveralCosts,
    /// Source PIDs; empty for all.
    pub sources: Vec<PidName>,
    /// Destination PIDs; empty for all.
    pub destinations: Vec<PidName>,
}

/// A network map and costs of several types between its PIDs, all of one version.
#[derive(Clone, Debug)]
pub struct SeveralMaps {
    /// Which PID an address is in.
    pub network: Arc<NetworkMap>,
    /// What it costs from PID to PID.
    pub table: CostTable<PidName>,
}

/// What one answer said.
struct Part {
    depends_on: VersionTag,
    cost_types: Vec<CostType>,
    costs: BTreeMap<PidName, BTreeMap<PidName, Vec<Option<f64>>>>,
}

impl Client {
    /// A network map and several costs between its PIDs: of one request for the costs where the server's cost map
    /// filter answers for all of them at once, else joined. That a type cannot be had is an error.
    pub fn several_maps(&self, query: &SeveralMapsQuery) -> Result<SeveralMaps, Error> {
        if query.costs.types.is_empty() {
            return Err(Error::Question("costs need a cost type"));
        }
        self.by_directory(|directory| {
            let entry = directory.network_map(query.network_map.as_ref().map(ResourceId::as_str))?;
            let mut reuse = Reuse::WhileFresh;
            let mut round = 0;
            loop {
                let network = self.whole_network_map(entry, reuse)?;
                let joined = self.join_maps(directory, &network, query, reuse)?;
                round += 1;
                match joined {
                    Ok(table) => return Ok(SeveralMaps { network, table }),
                    Err(depends_on) if round == ROUNDS => {
                        return Err(Error::Inconsistent { depends_on, network_map: network.vtag().clone() });
                    }
                    // One of them was kept somewhere, or the network changed between the answers.
                    Err(_) => reuse = Reuse::Never,
                }
            }
        })
    }

    /// All answers, or the version of the network map that one of them is for instead.
    fn join_maps(
        &self,
        directory: &Directory,
        network: &NetworkMap,
        query: &SeveralMapsQuery,
        reuse: Reuse,
    ) -> Result<Result<CostTable<PidName>, VersionTag>, Error> {
        let map = &network.vtag().resource_id;
        let filters: Vec<&Entry> = directory.based_on(Kind::FilteredCostMap, map).collect();
        let plan = query.costs.plan(&filters.iter().copied());
        let mut table = CostTable::none(&query.costs.with_tested());
        for step in &plan.steps {
            let part = match step {
                Step::Several(filter, types) => {
                    self.several_between_pids(filter, types, query, map, plan.tested_there)?
                }
                Step::One(cost_type) => {
                    let costs = self.costs_between_pids(directory, map, &query.of_one(cost_type), reuse)?;
                    Part::of(&costs)
                }
            };
            if part.depends_on != *network.vtag() {
                return Ok(Err(part.depends_on));
            }
            table.questions += 1;
            for (column, cost_type) in part.cost_types.iter().enumerate() {
                let row = |(source, row): (&PidName, &BTreeMap<PidName, Vec<Option<f64>>>)| {
                    let cells = row.iter().filter_map(|(to, costs)| Some((source.clone(), to.clone(), costs[column]?)));
                    cells.collect::<Vec<_>>()
                };
                table.add(cost_type, part.costs.iter().flat_map(row));
            }
        }
        table.select(&query.costs, plan.tested_there);
        Ok(Ok(table))
    }

    fn several_between_pids(
        &self,
        filter: &Entry,
        types: &[CostType],
        query: &SeveralMapsQuery,
        map: &ResourceId,
        tested_there: bool,
    ) -> Result<Part, Error> {
        let names = |pids: &[PidName]| pids.iter().map(ToString::to_string).collect();
        let all = query.sources.is_empty() && query.destinations.is_empty();
        let request = FilteredCostMapRequest {
            costs: query.costs.selection(types, tested_there),
            pids: (!all).then(|| PidFilter { srcs: names(&query.sources), dsts: names(&query.destinations) }),
        };
        let mut part = self.post(filter, MediaType::COST_MAP, &request, |answer| match &request.costs.types {
            CostTypes::One(cost_type) => CostMap::read(answer, cost_type, map).map(|costs| Part::of(&costs)),
            CostTypes::Several(_) => Part::read(answer, types, map),
        })?;
        part.retain(query);
        Ok(part)
    }
}

impl Part {
    fn of(costs: &CostMap) -> Self {
        let row = |row: &BTreeMap<PidName, f64>| row.iter().map(|(to, cost)| (to.clone(), vec![Some(*cost)])).collect();
        Self {
            depends_on: costs.depends_on.clone(),
            cost_types: vec![costs.cost_type.clone()],
            costs: costs.costs.iter().map(|(source, costs)| (source.clone(), row(costs))).collect(),
        }
    }

    /// Reads an answer whose costs are arrays.
    fn read(answer: &Answer, types: &[CostType], map: &ResourceId) -> Result<Self, Error> {
        type Costs = BTreeMap<PidName, BTreeMap<PidName, Vec<Option<f64>>>>;
        let Message { meta, cost_map } = decode::message::<Message<Costs, MultiCostMapMeta>>(answer)?;
        columns(answer, &meta.multi_cost_types, types)?;
        for costs in cost_map.values().flat_map(BTreeMap::values) {
            cells(answer, costs, &meta.multi_cost_types)?;
        }
        let depends_on = decode::depends_on(answer, meta.dependent_vtags, map)?;
        Ok(Self { depends_on, cost_types: meta.multi_cost_types, costs: cost_map })
    }

    /// Leaves the PIDs that were asked for, whatever the server sent.
    fn retain(&mut self, query: &SeveralMapsQuery) {
        let (sources, destinations): (HashSet<&PidName>, HashSet<&PidName>) =
            (query.sources.iter().collect(), query.destinations.iter().collect());
        self.costs.retain(|source, _| sources.is_empty() || sources.contains(source));
        for row in self.costs.values_mut() {
            row.retain(|destination, _| destinations.is_empty() || destinations.contains(destination));
        }
    }
}

impl SeveralMapsQuery {
    fn of_one(&self, cost_type: &CostType) -> CostMapQuery {
        CostMapQuery {
            network_map: self.network_map.clone(),
            cost_type: cost_type.clone(),
            sources: self.sources.clone(),
            destinations: self.destinations.clone(),
            constraints: self.costs.constraints(),
        }
    }
}

impl SeveralMaps {
    /// The costs from one address to another: those from the PID of the one to the PID of the other.
    pub fn costs(&self, source: IpAddr, destination: IpAddr) -> Option<&[Option<f64>]> {
        self.table.get(self.network.pid_of(source)?, self.network.pid_of(destination)?)
    }

    /// The costs as a message of RFC 8189.
    pub fn to_message(&self) -> impl serde::Serialize + use<> {
        let meta = MultiCostMapMeta {
            dependent_vtags: vec![self.network.vtag().clone()],
            cost_type: NoCostType,
            multi_cost_types: self.table.cost_types.clone(),
            vtag: None,
        };
        Message { meta, cost_map: self.table.costs.clone() }
    }
}
