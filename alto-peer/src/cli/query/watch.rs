//! `alto-peer query watch`: prints what changes in resources, as it changes.

use std::io::{self, Write, stdout};
use std::time::Duration;

use alto_client::follow::{Difference, Followed, Update, Way};
use alto_types::ResourceId;
use command_line::note;
use serde_json::{Value, json};
use structopt::StructOpt;

use super::{CommonOptions, QueryError};

/// Options of `query watch`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "EXAMPLES:\n    \
    alto-peer query watch http://alto.example/directory\n    \
    alto-peer query watch http://alto.example/directory network-map cost-map-hopcount --json\n    \
    alto-peer query watch http://alto.example/directory filtered-cost-map --input request.json\n    \
    alto-peer query watch http://alto.example/directory --by tips --updates 3\n\n\
Prints the version that each resource has at first, and then a line for everything that changes in it, until it is \
interrupted. After errors that may pass it goes on by itself, after pauses of up to a minute; others end it.")]
pub(crate) struct WatchOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// IDs of the resources, as listed by `query directory` [default: the default network map and its first cost map]
    #[structopt(value_name = "ID")]
    resources: Vec<ResourceId>,

    /// File with the request of the resource, which then has to be the only one, in JSON
    #[structopt(long, value_name = "FILE")]
    input: Option<std::path::PathBuf>,

    /// Way to be told of changes: stream (RFC 8895), tips (RFC 9569) or polling [default: the first that the server has]
    #[structopt(long, value_name = "WAY", possible_values = &["stream", "tips", "polling"])]
    by: Option<String>,

    /// Seconds between two requests where the server does not tell of changes
    #[structopt(long, value_name = "SECONDS", default_value = "60")]
    interval: u64,

    /// Ends after this number of updates, the first version of each resource included
    #[structopt(long, value_name = "N")]
    updates: Option<u64>,

    /// Ends when a resource has the version with this tag
    #[structopt(long, value_name = "TAG")]
    until_tag: Option<String>,

    /// Prints only the document that was updated last, at the end, whole and in JSON
    #[structopt(long)]
    last: bool,
}

/// Longest request that is read from a file, in bytes.
const MAX_INPUT: u64 = 1024 * 1024;

pub(crate) fn watch(options: &WatchOptions) -> Result<(), QueryError> {
    let input = options.input.as_deref().map(read_input).transpose()?;
    let client = options.common.client()?;
    let resources = match options.resources.as_slice() {
        [] => defaults(&client)?,
        some => some.to_vec(),
    };
    if input.is_some() && resources.len() != 1 {
        return Err(QueryError::Usage("--input belongs to one resource: name it, and no other"));
    }
    let list = resources.into_iter().map(|resource_id| Followed { resource_id, input: input.clone() }).collect();
    let mut follower = client.follow(list).interval(Duration::from_secs(options.interval.max(1)));
    follower = follower.on_loss(|error| note!("alto-peer: {error}; trying again"));
    if let Some(way) = &options.by {
        follower = follower.by(&[match way.as_str() {
            "stream" => Way::Stream,
            "tips" => Way::Views,
            _ => Way::Polling,
        }]);
    }
    let (mut left, mut newest) = (options.updates, None);
    while left != Some(0) {
        let update = follower.update()?;
        left = left.map(|left| left - 1);
        let id = follower.followed()[update.place].resource_id.clone();
        let tag = follower
            .document(update.place)
            .and_then(alto_client::follow::Document::vtag)
            .map(|vtag| vtag.tag.to_string());
        let ends = options.until_tag.is_some() && tag == options.until_tag;
        if options.last {
            newest = Some(update.place);
            if ends {
                break;
            }
            continue;
        }
        let text = if options.common.json {
            format!("{}\n", in_json(&id, tag.as_deref(), &update))
        } else {
            in_text(&id, tag.as_deref(), &update)
        };
        let mut out = stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // A reader that has read enough, such as `head`, ends the command.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
        if ends {
            break;
        }
    }
    if let Some(document) = newest.and_then(|place| follower.document(place)) {
        writeln!(stdout(), "{}", document.to_message().map_err(|error| QueryError::Output(error.into()))?)?;
    }
    Ok(())
}

/// Reads a request from a file.
fn read_input(path: &std::path::Path) -> Result<Value, QueryError> {
    use std::io::Read as _;

    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_INPUT + 1).read_to_end(&mut text))
        .map_err(|source| QueryError::Unreadable { path: path.to_owned(), source })?;
    let unusable = |reason| QueryError::NoRequest { path: path.to_owned(), reason };
    if text.len() as u64 > MAX_INPUT {
        return Err(unusable(format!("longer than {MAX_INPUT} bytes, the limit of a request")));
    }
    plain_words::parse(&text, "{}").map_err(|faults| unusable(faults.to_string()))
}

/// The default network map, and the first cost map that depends on it.
fn defaults(client: &alto_client::Client) -> Result<Vec<ResourceId>, QueryError> {
    let directory = client.directory()?;
    let map = directory.default_network_map().cloned();
    let is_of_map = |entry: &&alto_client::Entry| map.as_ref().is_some_and(|map| entry.uses().contains(map));
    let costs = directory.of_kind(alto_client::Kind::CostMap).find(is_of_map).map(|entry| entry.id().clone());
    let both: Vec<ResourceId> = map.clone().into_iter().chain(costs).collect();
    if both.is_empty() {
        Err(QueryError::Usage("the directory names no default network map: name resources"))
    } else {
        Ok(both)
    }
}

fn in_json(id: &ResourceId, tag: Option<&str>, update: &Update) -> Value {
    let differences = update.differences.iter().map(
        |Difference { row, cell, before, after }| json!({"row": row, "cell": cell, "before": before, "after": after}),
    );
    json!({
        "resource-id": id,
        "tag": tag,
        "first": update.is_first,
        "by": by(update.way),
        "changes": differences.collect::<Vec<_>>(),
    })
}

fn in_text(id: &ResourceId, tag: Option<&str>, update: &Update) -> String {
    use std::fmt::Write as _;

    let short: String = tag.unwrap_or("no tag").chars().take(12).collect();
    let what = if update.is_first { "is version" } else { "changes to version" };
    let mut text = format!("{id} {what} {short} ({})\n", by(update.way));
    let shown = |value: &Option<alto_client::follow::Leaf>| {
        value.as_ref().map_or_else(|| "-".to_owned(), |value| alto_client::printable(&value.to_string()))
    };
    for Difference { row, cell, before, after } in &update.differences {
        let (row, cell) = (alto_client::printable(row), cell.as_deref().map(alto_client::printable));
        let place = cell.map_or_else(|| row.clone(), |cell| format!("{row} {cell}"));
        // Writing to a string never fails.
        let _ = writeln!(text, "  {place}: {} -> {}", shown(before), shown(after));
    }
    text
}

fn by(way: Way) -> &'static str {
    match way {
        Way::Stream => "stream",
        Way::Views => "tips",
        Way::Polling => "polling",
    }
}
