//! Requests for cost maps: whole ones by GET, parts and several types at once by POST (RFC 7285 §11.2.3, §11.3.2;
//! RFC 8189 §4.1).

use std::sync::Arc;

use alto_types::{FilteredCostMapRequest, MediaType, PidFilter, PidName, ResourceId, VersionTag};

use super::Client;
use crate::cost::{CostColumn, CostMap, CostMapPart, CostMapQuery, CostTable, Maps, Plan, Step};
use crate::directory::{Directory, Entry, Kind};
use crate::error::Error;
use crate::exchange::{Question, Reuse};

/// Number of times that both maps are read to find them of one version.
const MAX_ROUNDS: u32 = 3;

impl Client {
    /// Costs between PIDs as the server has them at this moment. [`Client::maps`] gives costs that fit a network map.
    pub fn cost_map(&self, query: &CostMapQuery) -> Result<CostMap, Error> {
        query.costs.check()?;
        self.by_directory(|directory| {
            let network_map = directory.network_map(query.network_map.as_ref().map(ResourceId::as_str))?;
            self.joined_cost_map(directory, network_map.id(), query, None, Reuse::WhileFresh)
        })
    }

    /// A network map and costs between its PIDs, both of one version. If they are not, they are read again
    /// (RFC 7285 §11.3.2.6).
    ///
    /// Costs of several types take one request if the server's cost map filter gives all of them at once. A type that
    /// the server does not offer is an error.
    pub fn maps(&self, query: &CostMapQuery) -> Result<Maps, Error> {
        query.costs.check()?;
        self.by_directory(|directory| {
            let entry = directory.network_map(query.network_map.as_ref().map(ResourceId::as_str))?;
            let mut reuse = Reuse::WhileFresh;
            let mut round = 1;
            loop {
                let network = self.whole_network_map(entry, reuse)?;
                match self.joined_cost_map(directory, entry.id(), query, Some(network.vtag()), reuse) {
                    // One of them was cached, or the network changed between the answers.
                    Err(Error::Inconsistent { .. }) if round < MAX_ROUNDS => reuse = Reuse::Never,
                    result => return Ok(Maps { network, costs: result? }),
                }
                round += 1;
            }
        })
    }

    /// Makes every request that a query takes, and joins the answers, which must be for one version of the network map:
    /// the expected one, or that of the first answer.
    fn joined_cost_map(
        &self,
        directory: &Directory,
        network_map: &ResourceId,
        query: &CostMapQuery,
        expected: Option<&VersionTag>,
        reuse: Reuse,
    ) -> Result<CostMap, Error> {
        let filters: Vec<&Entry> = directory.based_on(Kind::FilteredCostMap, network_map).collect();
        let plan = Plan::new(&query.costs, &filters.iter().copied());
        let mut table = CostTable::new();
        let (mut version, mut vtag) = (expected.cloned(), None);
        for step in &plan.steps {
            let part = self.cost_map_part(directory, network_map, query, step, plan.send_tests, reuse)?;
            match &version {
                Some(network_map) if *network_map != part.depends_on => {
                    return Err(Error::Inconsistent {
                        depends_on: part.depends_on.clone(),
                        network_map: network_map.clone(),
                    });
                }
                Some(_) => {}
                None => version = Some(part.depends_on.clone()),
            }
            table.queries += 1;
            part.columns.iter().for_each(|column| table.add(Arc::clone(column)));
            vtag.clone_from(&part.vtag);
        }
        table.select(&query.costs, plan.send_tests);
        if table.columns.len() > 1 {
            vtag = None;
        }
        let depends_on = version.ok_or_else(|| unsupported(directory, network_map, query))?;
        Ok(CostMap { table, depends_on, vtag })
    }

    /// Makes the request of one step: by GET if a whole map is wanted or there is no filter, else by POST.
    fn cost_map_part(
        &self,
        directory: &Directory,
        network_map: &ResourceId,
        query: &CostMapQuery,
        step: &Step<'_>,
        send_tests: bool,
        reuse: Reuse,
    ) -> Result<Arc<CostMapPart>, Error> {
        let whole = match step.types.as_slice() {
            [one] => directory.based_on(Kind::CostMap, network_map).find(|entry| entry.offers(one)),
            _ => None,
        };
        let tests_narrow = query.costs.is_tested() && (send_tests || query.costs.is_plain());
        let everything = query.sources.is_empty() && query.destinations.is_empty() && !tests_narrow;
        let mut part = match (whole, step.resource) {
            (Some(entry), filter) if everything || filter.is_none() => {
                let question = Question::get(&entry.uri, MediaType::COST_MAP);
                let read = |answer: &_| CostMapPart::read(answer, &step.types, network_map);
                self.inner.cost_maps.get(&self.inner.exchange, question, reuse, read)?.value
            }
            (_, Some(filter)) => {
                let names = |pids: &[PidName]| pids.iter().map(ToString::to_string).collect();
                let all = query.sources.is_empty() && query.destinations.is_empty();
                let request = FilteredCostMapRequest {
                    costs: query.costs.selection(&step.types, send_tests),
                    pids: (!all).then(|| PidFilter { srcs: names(&query.sources), dsts: names(&query.destinations) }),
                };
                let read = |answer: &_| CostMapPart::read(answer, &step.types, network_map);
                Arc::new(self.post(filter, MediaType::COST_MAP, &request, read)?)
            }
            (_, None) => return Err(unsupported(directory, network_map, query)),
        };
        if !query.sources.is_empty() || !query.destinations.is_empty() {
            for column in &mut Arc::make_mut(&mut part).columns {
                CostColumn::retain(Arc::make_mut(column), &query.sources, &query.destinations);
            }
        }
        Ok(part)
    }
}

/// Error for a query that has a type which no resource offers between the PIDs of this network map.
fn unsupported(directory: &Directory, network_map: &ResourceId, query: &CostMapQuery) -> Error {
    let maps = [Kind::CostMap, Kind::FilteredCostMap];
    let entries = || maps.iter().flat_map(|kind| directory.based_on(*kind, network_map));
    let types = query.costs.with_tested();
    let missing = types.iter().find(|one| !entries().any(|entry| entry.offers(one)));
    Directory::no_costs(entries(), &format!("cost map of {network_map}"), missing.unwrap_or(&types[0]))
}
