//! Reading of answers that have costs: a number for each pair (RFC 7285), or an array of them (RFC 8189 §4.1.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use alto_types::{
    CostMap as CostMapMessage, CostMapMeta, CostType, EndpointCost as EndpointCostMessage, EndpointCostMeta,
    MultiCostMapMeta, MultiEndpointCostMeta, PidName, ResourceId, TypedEndpointAddr, VersionTag,
};

use super::endpoint_key::ByEndpoint;
use super::metric::label;
use super::table::CostColumn;
use crate::decode;
use crate::error::Error;
use crate::exchange::Answer;

/// Costs between PIDs in one answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CostMapPart {
    pub(crate) columns: Vec<Arc<CostColumn<PidName>>>,
    /// Version of the network map whose PIDs these are.
    pub(crate) depends_on: VersionTag,
    /// Version of the costs, if the server states one.
    pub(crate) vtag: Option<VersionTag>,
}

/// Costs between endpoints in one answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EndpointCostPart {
    pub(crate) columns: Vec<CostColumn<TypedEndpointAddr>>,
    /// Version of the costs, if the server states one.
    pub(crate) vtag: Option<VersionTag>,
}

impl CostMapPart {
    /// Reads an answer to a request for these types between the PIDs of this network map.
    pub(crate) fn read(answer: &Answer, types: &[CostType], network_map: &ResourceId) -> Result<Self, Error> {
        type Single = CostMapMessage<BTreeMap<PidName, BTreeMap<PidName, f64>>, CostMapMeta>;
        type Multi = CostMapMessage<BTreeMap<PidName, BTreeMap<PidName, Vec<Option<f64>>>>, MultiCostMapMeta>;
        let (columns, tags, vtag) = if let [one] = types {
            let Single { meta, cost_map } = decode::message(answer)?;
            check_cost_type(answer, &meta.cost_type, one)?;
            (vec![CostColumn { cost_type: meta.cost_type, costs: cost_map }], meta.dependent_vtags, meta.vtag)
        } else {
            let Multi { meta, cost_map } = decode::message(answer)?;
            (columns(answer, meta.multi_cost_types, types, cost_map)?, meta.dependent_vtags, meta.vtag)
        };
        let depends_on = decode::depends_on(answer, tags, network_map)?;
        Ok(Self { columns: columns.into_iter().map(Arc::new).collect(), depends_on, vtag })
    }
}

impl EndpointCostPart {
    /// Reads an answer to a request for these types.
    pub(crate) fn read(answer: &Answer, types: &[CostType]) -> Result<Self, Error> {
        type Single = EndpointCostMessage<ByEndpoint<ByEndpoint<f64>>, EndpointCostMeta>;
        type Multi = EndpointCostMessage<ByEndpoint<ByEndpoint<Vec<Option<f64>>>>, MultiEndpointCostMeta>;
        if let [one] = types {
            let Single { meta, endpoint_cost_map } = decode::message(answer)?;
            check_cost_type(answer, &meta.cost_type, one)?;
            let costs = endpoint_cost_map.0.into_iter().map(|(source, row)| (source, row.0)).collect();
            return Ok(Self { columns: vec![CostColumn { cost_type: meta.cost_type, costs }], vtag: meta.vtag });
        }
        let Multi { meta, endpoint_cost_map } = decode::message(answer)?;
        let rows = endpoint_cost_map.0.into_iter().map(|(source, row)| (source, row.0));
        Ok(Self { columns: columns(answer, meta.multi_cost_types, types, rows)?, vtag: meta.vtag })
    }
}

/// Checks that costs are of the type asked for; descriptions do not count (RFC 7285 §11.3.2.3).
fn check_cost_type(answer: &Answer, got: &CostType, wanted: &CostType) -> Result<(), Error> {
    if got.is(wanted) {
        return Ok(());
    }
    let (got, wanted) = (label(got), label(wanted));
    Err(decode::malformed(answer, &format!("meta.cost-type is {got}, {wanted} was asked for")))
}

/// Turns arrays into one column for each type that the answer says it has, which must be those asked for.
fn columns<K: Ord + Clone>(
    answer: &Answer,
    got: Vec<CostType>,
    wanted: &[CostType],
    rows: impl IntoIterator<Item = (K, BTreeMap<K, Vec<Option<f64>>>)>,
) -> Result<Vec<CostColumn<K>>, Error> {
    if got.len() != wanted.len() || !wanted.iter().all(|one| got.iter().any(|got| got.is(one))) {
        let names = |types: &[CostType]| types.iter().map(label).collect::<Vec<_>>().join(", ");
        let (got, wanted) = (names(&got), names(wanted));
        return Err(decode::malformed(answer, &format!("meta.multi-cost-types is {got}; {wanted} was asked for")));
    }
    let mut columns: Vec<CostColumn<K>> = got.into_iter().map(CostColumn::new).collect();
    for (source, row) in rows {
        for (destination, costs) in row {
            if costs.len() != columns.len() {
                let (got, wanted) = (costs.len(), columns.len());
                let reason = format!("an array has {got} costs; there are {wanted} cost types");
                return Err(decode::malformed(answer, &reason));
            }
            for (column, cost) in columns.iter_mut().zip(costs) {
                if let Some(cost) = cost {
                    column.costs.entry(source.clone()).or_default().insert(destination.clone(), cost);
                }
            }
        }
    }
    Ok(columns)
}
