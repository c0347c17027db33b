//! `alto-peer query directory`: the resources of a server.

use std::collections::BTreeMap;

use alto_types::{Capabilities, CostType, MediaType, ResourceId};
use command_line::note;
use serde::Serialize;
use structopt::StructOpt;

use super::lists::{shortened, wrapped};
use super::table::Table;
use super::{CommonOptions, QueryError};
use alto_client::{Directory, Entry, Kind, printable};

/// Largest width of the column of resources that another one uses, without the number of those left out.
const USES_WIDTH: usize = 24;
/// Largest width of the column of resources that offer something.
const OFFERS_WIDTH: usize = 90;

/// Options of `query directory`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query directory http://alto.example/directory\n    \
    alto-peer query directory https://alto.example/directory --ca ca.pem --user-file ~/.alto-user\n    \
    alto-peer query directory http://alto.example/directory --json | jq -r '.resources[].uri'")]
pub(crate) struct DirectoryOptions {
    #[structopt(flatten)]
    common: CommonOptions,
}

/// Closure as JSON: one flat list with absolute URIs and resolved cost types.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown<'a> {
    uri: &'a str,
    default_alto_network_map: Option<&'a ResourceId>,
    resources: Vec<ShownEntry<'a>>,
    problems: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShownEntry<'a> {
    id: &'a ResourceId,
    uri: &'a str,
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepts: Option<&'a str>,
    #[serde(skip_serializing_if = "Capabilities::is_empty")]
    capabilities: &'a Capabilities,
    #[serde(skip_serializing_if = "<[CostType]>::is_empty")]
    cost_types: &'a [CostType],
    #[serde(skip_serializing_if = "<[ResourceId]>::is_empty")]
    uses: &'a [ResourceId],
}

pub(crate) fn run(options: &DirectoryOptions) -> Result<(), QueryError> {
    let directory = options.common.client()?.directory()?;
    let shown = Shown {
        uri: directory.uri(),
        default_alto_network_map: directory.default_network_map(),
        resources: directory.entries().map(ShownEntry::new).collect(),
        problems: directory.problems(),
    };
    options.common.print(&shown, || text(&directory))?;
    if !options.common.json {
        for problem in directory.problems() {
            note!("alto-peer: warning: {problem}");
        }
    }
    Ok(())
}

impl<'a> ShownEntry<'a> {
    fn new(entry: &'a Entry) -> Self {
        Self {
            id: entry.id(),
            uri: entry.uri(),
            media_type: entry.media_type(),
            accepts: entry.accepts(),
            capabilities: entry.capabilities(),
            cost_types: entry.cost_types(),
            uses: entry.uses(),
        }
    }
}

fn text(directory: &Directory) -> String {
    let mut resources = Table::new(["RESOURCE", "KIND", "METHOD", "USES", "URI"]);
    let mut costs: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut properties: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in directory.entries() {
        let id = entry.id().to_string();
        let method = if entry.accepts().is_some() { "POST" } else { "GET" };
        let uses: Vec<&str> = entry.uses().iter().map(ResourceId::as_str).collect();
        let uses = if uses.is_empty() { "-".to_owned() } else { shortened(&uses, USES_WIDTH) };
        resources.row([id.clone(), kind(entry), method.to_owned(), uses, printable(entry.uri())]);
        for cost_type in entry.cost_types() {
            let name = (cost_type.cost_metric.to_string(), cost_type.cost_mode.to_string());
            let testable = entry.capabilities().cost_constraints || entry.can_test(cost_type);
            let with = if testable { format!("{id} (constraints)") } else { id.clone() };
            costs.entry(name).or_default().push(with);
        }
        for property in &entry.capabilities().prop_types {
            properties.entry(printable(property)).or_default().push(id.clone());
        }
    }
    let default = directory.default_network_map().map_or("none", ResourceId::as_str);
    let head = format!("directory            {}\ndefault network map  {default}\n", directory.uri());
    let mut parts = vec![head, resources.render()];
    if !costs.is_empty() {
        let mut table = Table::new(["METRIC", "MODE", "OFFERED BY"]);
        for ((metric, mode), offers) in costs {
            let mut cells = [metric, mode];
            for line in wrapped(&offers, OFFERS_WIDTH) {
                let [metric, mode] = std::mem::take(&mut cells);
                table.row([metric, mode, line]);
            }
        }
        parts.push(table.render());
    }
    if !properties.is_empty() {
        let mut table = Table::new(["PROPERTY", "OFFERED BY"]);
        for (mut property, offers) in properties {
            for line in wrapped(&offers, OFFERS_WIDTH) {
                table.row([std::mem::take(&mut property), line]);
            }
        }
        parts.push(table.render());
    }
    parts.join("\n")
}

fn kind(entry: &Entry) -> String {
    match entry.kind() {
        Kind::Directory => "directory",
        Kind::NetworkMap => "network map",
        Kind::FilteredNetworkMap => "network map filter",
        Kind::CostMap => "cost map",
        Kind::FilteredCostMap => "cost map filter",
        Kind::EndpointProperty => "endpoint properties",
        Kind::EndpointCost => "endpoint costs",
        Kind::PropertyMap => "property map",
        Kind::FilteredPropertyMap => "property map filter",
        _ if MediaType::TIPS.names(entry.media_type()) => "tips",
        _ if MediaType::EVENT_STREAM.names(entry.media_type()) => "update stream",
        _ => return printable(entry.media_type()),
    }
    .to_owned()
}
