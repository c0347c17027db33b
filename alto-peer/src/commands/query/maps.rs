//! `alto-peer query network-map` and `query cost-map`.

use alto_types::{
    AddressType, Constraint, EndpointAddrGroup, NetworkMap, NetworkMapMeta, PidName, ResourceId, VersionTag,
};
use structopt::StructOpt;

use super::table::Table;
use super::{CommonOptions, CostTypeOptions, QueryError, parse_constraint};
use crate::client::{CostMap, CostMapQuery};

/// The widest matrix that is printed as one; wider ones become lists.
const MAX_WIDTH: usize = 120;

/// Options of `query network-map`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query network-map http://alto.example/directory\n    \
    alto-peer query network-map http://alto.example/directory --pids isp-a,isp-b --types ipv6\n    \
    alto-peer query network-map http://alto.example/directory --json > map.json")]
pub(crate) struct NetworkMapOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// Resource ID of the network map [default: the default network map of the directory]
    #[structopt(long, value_name = "ID")]
    map: Option<ResourceId>,

    /// Only these PIDs
    #[structopt(long, value_name = "PID,...", require_delimiter = true)]
    pids: Vec<PidName>,

    /// Only prefixes of these types: ipv4, ipv6
    #[structopt(long, value_name = "TYPE,...", require_delimiter = true, possible_values = &["ipv4", "ipv6"])]
    types: Vec<String>,
}

/// Options of `query cost-map`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query cost-map http://alto.example/directory\n    \
    alto-peer query cost-map http://alto.example/directory --metric hopcount --from isp-a\n    \
    alto-peer query cost-map http://alto.example/directory --constraint 'ge 2' --constraint 'lt 10'")]
pub(crate) struct CostMapOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// Resource ID of the network map [default: the default network map of the directory]
    #[structopt(long, value_name = "ID")]
    map: Option<ResourceId>,

    /// Only costs from these PIDs
    #[structopt(long, value_name = "PID,...", require_delimiter = true)]
    from: Vec<PidName>,

    /// Only costs to these PIDs
    #[structopt(long, value_name = "PID,...", require_delimiter = true)]
    to: Vec<PidName>,

    #[structopt(flatten)]
    cost_type: CostTypeOptions,

    /// Only costs that pass: gt, lt, ge, le or eq, and a number; repeat for several
    #[structopt(long, value_name = "TEST", number_of_values = 1, parse(try_from_str = parse_constraint))]
    constraint: Vec<Constraint>,
}

pub(crate) fn network_map(options: &NetworkMapOptions) -> Result<(), QueryError> {
    let client = options.common.client()?;
    let types: Vec<AddressType> = options.types.iter().filter_map(|name| AddressType::from_identifier(name)).collect();
    let map = options.map.as_ref().map(ResourceId::as_str);
    let part = client.partial_network_map(map, &options.pids, &types)?;
    for pid in options.pids.iter().filter(|pid| !part.pids.contains_key(*pid)) {
        eprintln!("alto-peer: warning: the network map has no PID {pid}");
    }
    let message = NetworkMap { meta: NetworkMapMeta { vtag: part.vtag }, network_map: part.pids };
    options.common.print(&message, || {
        let mut table = Table::new(["PID", "TYPE", "PREFIX"]);
        for (pid, EndpointAddrGroup { ipv4, ipv6 }) in &message.network_map {
            let mut row = |kind: &str, prefix: String| table.row([pid.to_string(), kind.to_owned(), prefix]);
            for prefix in ipv4 {
                row("ipv4", prefix.to_string());
            }
            for prefix in ipv6 {
                row("ipv6", prefix.to_string());
            }
            if ipv4.is_empty() && ipv6.is_empty() {
                row("-", "-".to_owned());
            }
        }
        format!("network map {}\n\n{}", version(&message.meta.vtag), table.render())
    })
}

pub(crate) fn cost_map(options: &CostMapOptions) -> Result<(), QueryError> {
    let query = CostMapQuery {
        network_map: options.map.clone(),
        cost_type: options.cost_type.cost_type(),
        sources: options.from.clone(),
        destinations: options.to.clone(),
        constraints: options.constraint.clone(),
    };
    let maps = options.common.client()?.maps(&query)?;
    for pid in options.from.iter().chain(&options.to).filter(|pid| !maps.network.pids().contains_key(*pid)) {
        eprintln!("alto-peer: warning: the network map has no PID {pid}");
    }
    options.common.print(&maps.costs.to_message(), || {
        let costs = &maps.costs;
        let cost_type = format!("{} {}", costs.cost_type.cost_mode, costs.cost_type.cost_metric);
        format!("{cost_type} of network map {}\n\n{}", version(&costs.depends_on), table(costs).render())
    })
}

/// A matrix where that can be read, else a list.
fn table(costs: &CostMap) -> Table {
    let mut columns: Vec<&PidName> = costs.iter().map(|(_, destination, _)| destination).collect();
    columns.sort();
    columns.dedup();
    let heads = std::iter::once("FROM \\ TO".to_owned()).chain(columns.iter().map(ToString::to_string));
    let mut matrix = Table::with_heads(heads.collect()).right(1..=columns.len());
    if matrix.width() > MAX_WIDTH {
        return list(costs);
    }
    for source in costs.costs.keys() {
        let cost = |destination: &&PidName| costs.get(source.as_str(), destination.as_str());
        let cells = columns.iter().map(|destination| cost(destination).map_or("-".to_owned(), |cost| cost.to_string()));
        matrix.row(std::iter::once(source.to_string()).chain(cells));
    }
    if matrix.width() > MAX_WIDTH { list(costs) } else { matrix }
}

fn list(costs: &CostMap) -> Table {
    let mut list = Table::new(["FROM", "TO", "COST"]).right([2]);
    for (source, destination, cost) in costs.iter() {
        list.row([source.to_string(), destination.to_string(), cost.to_string()]);
    }
    list
}

fn version(vtag: &VersionTag) -> String {
    format!("{}, version {}", vtag.resource_id, vtag.tag)
}
