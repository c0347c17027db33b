//! `alto-peer query pid`, `query costs` and `query property`.

use alto_types::{EndpointProperties, EndpointPropertyMeta, PropertyType, ResourceId, TypedEndpointAddr};
use command_line::note;
use structopt::StructOpt;

use super::cost_columns::{Columns, title};
use super::cost_options::CostOptions;
use super::lists::shortened;
use super::table::Table;
use super::{CommonOptions, QueryError, parse_address};
use alto_client::metric::Better;
use alto_client::{Basis, CostColumn, EndpointCostQuery, EndpointCosts, Kind, NetworkMap, printable};

/// Number of characters of addresses that a note names.
const MISSING_WIDTH: usize = 200;

/// Options of `query pid`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query pid http://alto.example/directory 192.0.2.7 198.51.100.1 2001:db8::1\n    \
    alto-peer query pid http://alto.example/directory --ask-server 192.0.2.7")]
pub(crate) struct PidOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// Addresses, IPv4 or IPv6
    #[structopt(value_name = "ADDRESS", required = true, parse(try_from_str = parse_address))]
    addresses: Vec<TypedEndpointAddr>,

    /// Resource ID of the network map [default: the default network map of the directory]
    #[structopt(long, value_name = "ID")]
    map: Option<ResourceId>,

    /// Lets the server look the addresses up, instead of fetching the network map
    #[structopt(long)]
    ask_server: bool,
}

/// Options of `query costs`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query costs http://alto.example/directory --to 192.0.2.7,198.51.100.1\n    \
    alto-peer query costs http://alto.example/directory --from 10.0.0.1 --to 10.0.0.2,10.0.0.3 \\\n        \
        --metric routingcost --mode ordinal --constraint 'le 5'\n    \
    alto-peer query costs http://alto.example/directory --from 10.0.0.1 --to 10.0.0.2 --by-maps\n    \
    alto-peer query costs http://alto.example/directory --to 10.0.0.2,10.0.0.3 \\\n        \
        --metric delay-ow,bw-available --constraint 'lossrate le 0.1' --constraint 'bw-available ge 1250000'\n    \
    alto-peer query costs http://alto.example/directory --to 10.0.0.2,10.0.0.3 \\\n        \
        --or-constraint 'hopcount le 3' --or-constraint 'hopcount le 6, delay-ow lt 5000'\n\n\
METRICS:\n    \
    Delays are in microseconds, lossrate in percent, bandwidths in bytes per second (RFC 9439); routingcost has no\n    \
    unit. Rows are sorted by the first metric, best first. Several metrics are one request if the server can do that\n    \
    (RFC 8189), else one for each; --json then has an array of costs for each pair, null where one is undefined.\n    \
    `alto-peer query directory` lists the metrics that the server has.")]
pub(crate) struct CostsOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// Addresses that traffic comes from [default: this computer, as the server sees it]
    #[structopt(long, value_name = "ADDRESS,...", require_delimiter = true, parse(try_from_str = parse_address))]
    from: Vec<TypedEndpointAddr>,

    /// Addresses that traffic goes to [default: this computer, as the server sees it]
    #[structopt(long, value_name = "ADDRESS,...", require_delimiter = true, parse(try_from_str = parse_address))]
    to: Vec<TypedEndpointAddr>,

    #[structopt(flatten)]
    costs: CostOptions,

    /// Fetches maps and looks the costs up in them, so that the server learns no address
    #[structopt(long, requires_all = &["from", "to"])]
    by_maps: bool,
}

/// Options of `query property`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query property http://alto.example/directory 192.0.2.7 198.51.100.1\n    \
    alto-peer query property http://alto.example/directory --property network-map.pid 192.0.2.7")]
pub(crate) struct PropertyOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// Addresses, IPv4 or IPv6
    #[structopt(value_name = "ADDRESS", required = true, parse(try_from_str = parse_address))]
    addresses: Vec<TypedEndpointAddr>,

    /// Property to show; repeat for several [default: all that the directory offers]
    #[structopt(long, value_name = "NAME", number_of_values = 1)]
    property: Vec<PropertyType>,
}

pub(crate) fn pid(options: &PidOptions) -> Result<(), QueryError> {
    let client = options.common.client()?;
    let id = options.map.as_ref().map(ResourceId::as_str);
    if options.ask_server {
        let (map, answer) = client.pids(id, &options.addresses)?;
        return options.common.print(&answer.to_message(), || {
            let mut table = Table::new(["ADDRESS", "PID"]);
            for address in &options.addresses {
                let pid = answer.pid_of(*address, &map).map_or("-".to_owned(), printable);
                table.row([address.0.to_string(), pid]);
            }
            table.render()
        });
    }
    let map = client.network_map(id)?;
    options.common.print(&as_properties(&map, &options.addresses), || {
        let mut table = Table::new(["ADDRESS", "PID", "PREFIX"]);
        for address in &options.addresses {
            let found = map.longest_match(address.0);
            let (prefix, pid) = found.map_or(("-".to_owned(), "-".to_owned()), |(p, n)| (p.to_string(), n.to_string()));
            table.row([address.0.to_string(), pid, prefix]);
        }
        table.render()
    })
}

/// PIDs that were looked up in the map, as the message in which a server would have sent them.
fn as_properties(map: &NetworkMap, addresses: &[TypedEndpointAddr]) -> EndpointProperties {
    let property = PropertyType::pid_of(&map.vtag().resource_id);
    let values = addresses.iter().map(|address| {
        let pid = map.pid_of(address.0).map(|pid| (property.clone(), pid.to_string()));
        (*address, pid.into_iter().collect())
    });
    let meta = EndpointPropertyMeta { dependent_vtags: vec![map.vtag().clone()] };
    EndpointProperties { meta, endpoint_properties: values.collect() }
}

pub(crate) fn costs(options: &CostsOptions) -> Result<(), QueryError> {
    if options.from.is_empty() && options.to.is_empty() {
        return Err(QueryError::Usage("no addresses are given: add --from, --to, or both"));
    }
    let client = options.common.client()?;
    let query = EndpointCostQuery {
        costs: options.costs.query(),
        sources: options.from.clone(),
        destinations: options.to.clone(),
    };
    let costs = if options.by_maps { client.endpoint_costs_by_maps(&query) } else { client.endpoint_costs(&query) }?;
    note_basis(options, costs.basis);
    options.common.note_queries(costs.table.queries);
    options.common.print(&costs.to_message(), || match costs.table.columns.as_slice() {
        [one] => cost_table(options, one),
        _ => multi_cost_table(options, &costs),
    })?;
    if !options.common.json {
        note_missing(options, &costs);
    }
    Ok(())
}

/// Notes the addresses that no cost was found from or to.
fn note_missing(options: &CostsOptions, costs: &EndpointCosts) {
    let rows = costs.table.rows();
    let has_cost = |address: &TypedEndpointAddr| {
        rows.iter().any(|(source, row)| {
            let is_cost = |cells: &[Option<f64>]| cells.iter().any(Option::is_some);
            row.iter().any(|(destination, cells)| (*source == address || *destination == address) && is_cost(cells))
        })
    };
    let mut missing: Vec<String> = Vec::new();
    for address in options.from.iter().chain(&options.to).filter(|address| !has_cost(address)) {
        let address = address.0.to_string();
        if !missing.contains(&address) {
            missing.push(address);
        }
    }
    if !missing.is_empty() {
        let constraints = if options.costs.query().tests.is_empty() { "" } else { ", or none meets the constraints" };
        let missing = shortened(&missing, MISSING_WIDTH);
        note!(
            "alto-peer: note: no cost for {missing}: the server does not know the address, or has no such cost for it\
             {constraints}"
        );
    }
}

fn note_basis(options: &CostsOptions, basis: Basis) {
    if basis == Basis::Maps && !options.by_maps {
        note!("alto-peer: note: the server has no endpoint costs of this type; these are from its maps");
    }
}

/// Renders the destinations of each source, best first; those without a cost are at the end.
fn cost_table(options: &CostsOptions, costs: &CostColumn<TypedEndpointAddr>) -> String {
    let mut table = Table::new(["FROM", "TO", "COST"]).right([2]);
    let better = Better::of(&costs.cost_type);
    for source in sources(options, costs.costs.keys()) {
        let row = costs.costs.get(&source);
        let mut known: Vec<(TypedEndpointAddr, f64)> =
            row.into_iter().flatten().map(|(destination, cost)| (*destination, *cost)).collect();
        known.sort_by(|(_, a), (_, b)| better.compare(*a, *b));
        for (destination, cost) in &known {
            table.row([source.0.to_string(), destination.0.to_string(), cost.to_string()]);
        }
        for destination in options.to.iter().filter(|destination| costs.get(&source, destination).is_none()) {
            table.row([source.0.to_string(), destination.0.to_string(), "-".to_owned()]);
        }
    }
    format!("{}\n\n{}", title(&costs.cost_type), table.render())
}

/// Renders the same with a column for each metric.
fn multi_cost_table(options: &CostsOptions, costs: &EndpointCosts) -> String {
    let mut columns = Columns::new(costs.table.cost_types());
    let rows = costs.table.rows();
    for source in sources(options, rows.keys().copied()) {
        let mut known: Vec<_> = rows.get(&source).into_iter().flatten().collect();
        known.sort_by(|(_, a), (_, b)| columns.compare(a, b));
        for (destination, costs) in known {
            columns.row(source.0.to_string(), destination.0.to_string(), costs);
        }
        for destination in options.to.iter().filter(|destination| costs.table.get(&source, destination).is_none()) {
            columns.row(source.0.to_string(), destination.0.to_string(), &[]);
        }
    }
    columns.render()
}

/// Sources that were asked for, or the one that the server saw.
fn sources<'a>(options: &CostsOptions, seen: impl Iterator<Item = &'a TypedEndpointAddr>) -> Vec<TypedEndpointAddr> {
    if options.from.is_empty() { seen.copied().collect() } else { options.from.clone() }
}

pub(crate) fn property(options: &PropertyOptions) -> Result<(), QueryError> {
    let client = options.common.client()?;
    let mut properties = options.property.clone();
    if properties.is_empty() {
        let directory = client.directory()?;
        let offered = directory.of_kind(Kind::EndpointProperty).flat_map(|entry| &entry.capabilities().prop_types);
        properties = offered.filter_map(|name| name.parse().ok()).collect();
        properties.sort();
        properties.dedup();
    }
    let answer = client.endpoint_properties(&options.addresses, &properties)?;
    options.common.print(&answer.to_message(), || {
        let mut table = Table::new(["ADDRESS", "PROPERTY", "VALUE"]);
        for address in &options.addresses {
            for property in &properties {
                let value = answer.get(*address, property).map_or("-".to_owned(), printable);
                table.row([address.0.to_string(), property.to_string(), value]);
            }
        }
        table.render()
    })
}
