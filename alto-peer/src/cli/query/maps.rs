//! `alto-peer query network-map` and `query cost-map`.

use alto_types::{AddressType, EndpointAddrGroup, NetworkMap, NetworkMapMeta, PidName, ResourceId, VersionTag};
use command_line::note;
use structopt::StructOpt;

use super::cost_columns::{Columns, title};
use super::cost_options::CostOptions;
use super::table::Table;
use super::{CommonOptions, QueryError};
use alto_client::{CostColumn, CostMapQuery, Maps};

/// Width of the widest matrix that is printed, in characters; wider ones become lists.
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

    /// Shows these PIDs only
    #[structopt(long, value_name = "PID,...", require_delimiter = true)]
    pids: Vec<PidName>,

    /// Shows prefixes of these types only: ipv4, ipv6
    #[structopt(long, value_name = "TYPE,...", require_delimiter = true, possible_values = &["ipv4", "ipv6"])]
    types: Vec<String>,
}

/// Options of `query cost-map`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query cost-map http://alto.example/directory\n    \
    alto-peer query cost-map http://alto.example/directory --metric hopcount --from isp-a\n    \
    alto-peer query cost-map http://alto.example/directory --constraint 'ge 2' --constraint 'lt 10'\n    \
    alto-peer query cost-map http://alto.example/directory --metric routingcost,delay-ow,bw-residual\n    \
    alto-peer query cost-map http://alto.example/directory --metric delay-ow --constraint 'lossrate le 0.1' --json\n\n\
METRICS:\n    \
    Delays are in microseconds, lossrate in percent, bandwidths in bytes per second (RFC 9439); routingcost has no\n    \
    unit. Several metrics are one request if the server can do that (RFC 8189), else one for each; --json then has\n    \
    an array of costs for each pair, null where one is undefined. `alto-peer query directory` lists the metrics.")]
pub(crate) struct CostMapOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// Resource ID of the network map [default: the default network map of the directory]
    #[structopt(long, value_name = "ID")]
    map: Option<ResourceId>,

    /// Shows costs from these PIDs only
    #[structopt(long, value_name = "PID,...", require_delimiter = true)]
    from: Vec<PidName>,

    /// Shows costs to these PIDs only
    #[structopt(long, value_name = "PID,...", require_delimiter = true)]
    to: Vec<PidName>,

    #[structopt(flatten)]
    costs: CostOptions,
}

pub(crate) fn network_map(options: &NetworkMapOptions) -> Result<(), QueryError> {
    let client = options.common.client()?;
    let types: Vec<AddressType> = options.types.iter().filter_map(|name| AddressType::from_identifier(name)).collect();
    let map = options.map.as_ref().map(ResourceId::as_str);
    let part = client.partial_network_map(map, &options.pids, &types)?;
    for pid in options.pids.iter().filter(|pid| !part.pids.contains_key(*pid)) {
        note!("alto-peer: warning: the network map has no PID {pid}");
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
    let client = options.common.client()?;
    let maps = client.maps(&CostMapQuery {
        network_map: options.map.clone(),
        costs: options.costs.query(),
        sources: options.from.clone(),
        destinations: options.to.clone(),
    })?;
    warn_of_unknown_pids(options, &maps.network);
    options.common.note_queries(maps.costs.table.queries);
    options.common.print(&maps.costs.to_message(), || match maps.costs.table.columns.as_slice() {
        [one] => {
            let cost_type = title(&one.cost_type);
            format!("{cost_type} of network map {}\n\n{}", version(&maps.costs.depends_on), matrix(one).render())
        }
        _ => multi_cost_table(&maps),
    })
}

fn warn_of_unknown_pids(options: &CostMapOptions, network: &alto_client::NetworkMap) {
    for pid in options.from.iter().chain(&options.to).filter(|pid| !network.pids().contains_key(*pid)) {
        note!("alto-peer: warning: the network map has no PID {pid}");
    }
}

/// Renders a line for each pair, with a column for each metric.
fn multi_cost_table(maps: &Maps) -> String {
    let mut columns = Columns::new(maps.costs.table.cost_types());
    for (source, row) in maps.costs.table.rows() {
        for (destination, costs) in row {
            columns.row(source.to_string(), destination.to_string(), &costs);
        }
    }
    format!("network map {}\n\n{}", version(maps.network.vtag()), columns.render())
}

/// Lays costs out as a matrix if it fits the terminal, else as a list.
fn matrix(costs: &CostColumn<PidName>) -> Table {
    let mut columns: Vec<&PidName> = costs.iter().map(|(_, destination, _)| destination).collect();
    columns.sort();
    columns.dedup();
    let heads = std::iter::once("FROM \\ TO".to_owned()).chain(columns.iter().map(ToString::to_string));
    let mut matrix = Table::with_heads(heads.collect()).right(1..=columns.len());
    if matrix.width() > MAX_WIDTH {
        return list(costs);
    }
    for source in costs.costs.keys() {
        let cost = |destination: &&PidName| costs.get(source, destination);
        let cells = columns.iter().map(|destination| cost(destination).map_or("-".to_owned(), |cost| cost.to_string()));
        matrix.row(std::iter::once(source.to_string()).chain(cells));
    }
    if matrix.width() > MAX_WIDTH { list(costs) } else { matrix }
}

fn list(costs: &CostColumn<PidName>) -> Table {
    let mut list = Table::new(["FROM", "TO", "COST"]).right([2]);
    for (source, destination, cost) in costs.iter() {
        list.row([source.to_string(), destination.to_string(), cost.to_string()]);
    }
    list
}

fn version(vtag: &VersionTag) -> String {
    format!("{}, version {}", vtag.resource_id, vtag.tag)
}
