//! `alto-peer query pid`, `query costs` and `query property`.

use alto_types::{EndpointProperties, EndpointPropertyMeta, PropertyType, ResourceId, TypedEndpointAddr};
use structopt::StructOpt;

use super::several::{Columns, CostOptions, title};
use super::table::Table;
use super::{CommonOptions, QueryError, parse_address};
use alto_client::metric::Better;
use alto_client::{
    Basis, EndpointCostQuery, EndpointCosts, Kind, NetworkMap, SeveralEndpointCosts, SeveralEndpointCostsQuery,
    printable,
};

/// Options of `query pid`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query pid http://alto.example/directory 192.0.2.7 198.51.100.1 2001:db8::1\n    \
    alto-peer query pid http://alto.example/directory --ask-server 192.0.2.7")]
pub(crate) struct PidOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// The addresses, IPv4 or IPv6
    #[structopt(value_name = "ADDRESS", required = true, parse(try_from_str = parse_address))]
    addresses: Vec<TypedEndpointAddr>,

    /// Resource ID of the network map [default: the default network map of the directory]
    #[structopt(long, value_name = "ID")]
    map: Option<ResourceId>,

    /// Has the server look the addresses up, instead of fetching the network map
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

    /// Where traffic starts [default: this computer, as the server sees it]
    #[structopt(long, value_name = "ADDRESS,...", require_delimiter = true, parse(try_from_str = parse_address))]
    from: Vec<TypedEndpointAddr>,

    /// Where it goes [default: this computer, as the server sees it]
    #[structopt(long, value_name = "ADDRESS,...", require_delimiter = true, parse(try_from_str = parse_address))]
    to: Vec<TypedEndpointAddr>,

    #[structopt(flatten)]
    costs: CostOptions,

    /// Fetches maps and looks the costs up here, so that no address is told to the server
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

    /// The addresses, IPv4 or IPv6
    #[structopt(value_name = "ADDRESS", required = true, parse(try_from_str = parse_address))]
    addresses: Vec<TypedEndpointAddr>,

    /// Only this property; repeat for several [default: all that the directory offers]
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

/// What was looked up here, in the words in which a server would have said it.
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
        return Err(QueryError::Usage("say between which addresses: --from, --to, or both"));
    }
    let client = options.common.client()?;
    let (sources, destinations) = (options.from.clone(), options.to.clone());
    let Some((cost_type, constraints)) = options.costs.only() else {
        let query = SeveralEndpointCostsQuery { costs: options.costs.wanted(), sources, destinations };
        let costs = if options.by_maps {
            client.several_endpoint_costs_by_maps(&query)
        } else {
            client.several_endpoint_costs(&query)
        }?;
        tell_basis(options, costs.basis);
        options.common.tell_questions(costs.table.questions);
        return options.common.print(&costs.to_message(), || several_table(options, &costs));
    };
    let query = EndpointCostQuery { cost_type, sources, destinations, constraints };
    let costs = if options.by_maps { client.endpoint_costs_by_maps(&query) } else { client.endpoint_costs(&query) }?;
    tell_basis(options, costs.basis);
    options.common.print(&costs.to_message(), || cost_table(options, &costs))
}

fn tell_basis(options: &CostsOptions, basis: Basis) {
    if basis == Basis::Maps && !options.by_maps {
        eprintln!("alto-peer: note: the server has no endpoint costs of this type; these are made of its maps");
    }
}

/// For each source the destinations, best first; those without a cost at the end.
fn cost_table(options: &CostsOptions, costs: &EndpointCosts) -> String {
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
        for destination in options.to.iter().filter(|destination| costs.get(source, **destination).is_none()) {
            table.row([source.0.to_string(), destination.0.to_string(), "-".to_owned()]);
        }
    }
    format!("{}\n\n{}", title(&costs.cost_type), table.render())
}

/// The same with a column for each metric.
fn several_table(options: &CostsOptions, costs: &SeveralEndpointCosts) -> String {
    let table = &costs.table;
    let mut columns = Columns::new(&table.cost_types);
    for source in sources(options, table.costs.keys()) {
        let mut known: Vec<_> = table.costs.get(&source).into_iter().flatten().collect();
        known.sort_by(|(_, a), (_, b)| columns.compare(a, b));
        for (destination, costs) in known {
            columns.row(source.0.to_string(), destination.0.to_string(), costs);
        }
        for destination in options.to.iter().filter(|destination| table.get(&source, destination).is_none()) {
            columns.row(source.0.to_string(), destination.0.to_string(), &[]);
        }
    }
    columns.render()
}

/// Those that were asked for, or the one that the server saw.
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
