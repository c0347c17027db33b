//! `alto-peer query property-map`.

use alto_types::VersionTag;
use serde_json::Value;
use structopt::StructOpt;

use super::table::Table;
use super::{CommonOptions, QueryError};
use alto_client::printable;

/// Options of `query property-map`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query property-map http://alto.example/directory\n    \
    alto-peer query property-map http://alto.example/directory --entities ipv4:192.0.2.7,pid:isp-a\n    \
    alto-peer query property-map http://alto.example/directory --properties asn,country --json")]
pub(crate) struct PropertyMapOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// Resource ID of the property map [default: the first of the directory]
    #[structopt(long, value_name = "ID")]
    map: Option<String>,

    /// Shows these entities only: addresses and prefixes such as ipv4:192.0.2.0/24, PIDs such as pid:isp-a
    #[structopt(long, value_name = "ENTITY,...", require_delimiter = true)]
    entities: Vec<String>,

    /// Shows these properties only
    #[structopt(long, value_name = "PROPERTY,...", require_delimiter = true)]
    properties: Vec<String>,
}

/// Prints the map, one value a line.
pub(crate) fn run(options: &PropertyMapOptions) -> Result<(), QueryError> {
    let client = options.common.client()?;
    let map = client.property_map(options.map.as_deref(), &options.entities, &options.properties)?;
    options.common.print(&map, || {
        let mut table = Table::new(["ENTITY", "PROPERTY", "VALUE"]);
        for (entity, values) in &map.property_map {
            for (property, value) in values {
                table.row([printable(entity), printable(property), shown(value)]);
            }
        }
        let versions: Vec<String> = map.meta.dependent_vtags.iter().map(version).collect();
        let depends = if versions.is_empty() { String::new() } else { format!(" of {}", versions.join(", ")) };
        format!("property map{depends}\n\n{}", table.render())
    })
}

fn version(vtag: &VersionTag) -> String {
    printable(&format!("{} {}", vtag.resource_id, vtag.tag))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Null => "-".to_owned(),
        other => printable(&other.to_string()),
    }
}
