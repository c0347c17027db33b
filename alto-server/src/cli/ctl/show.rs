//! Answers of `/admin` as text for people.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

/// Formats an answer as it is.
pub(super) fn json(answer: &Value) -> String {
    format!("{answer:#}")
}

/// Formats the status, a line for each value.
pub(super) fn status(answer: &Value) -> String {
    let rows: Vec<Vec<String>> =
        members(answer).map(|(key, value)| vec![key.replace('-', " "), plain(value)]).collect();
    table(&rows)
}

/// Formats what a change led to.
pub(super) fn report(answer: &Value) -> String {
    let mut text = format!("done; the view is {}", plain(&answer["view-tag"]));
    if answer["durable"] == false {
        text.push_str("\nthe change ends with the process of the server, which has no folder for its state");
    }
    for dropped in answer["dropped"].as_array().into_iter().flatten() {
        let _ = write!(text, "\nleft out, as it no longer fits: {}", plain(dropped));
    }
    let restart: Vec<String> = answer["restart"].as_array().into_iter().flatten().map(plain).collect();
    if !restart.is_empty() {
        let _ = write!(text, "\nthese settings take effect with a restart only: {}", restart.join(", "));
    }
    text
}

/// Formats all links.
pub(super) fn links(answer: &Value) -> String {
    link_table(answer, |_| true)
}

/// Formats the links that are changed or measured.
pub(super) fn changed_links(answer: &Value) -> String {
    link_table(answer, |link| link.get("overriding").is_some() || link.get("measured").is_some())
}

fn link_table(answer: &Value, is_wanted: impl Fn(&Value) -> bool) -> String {
    let head = ["FROM", "TO", "STATE", "MBIT/S", "MS", "USED", "COST", "OVERRIDING", "MEASURED"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for link in answer["links"].as_array().into_iter().flatten().filter(|link| is_wanted(link)) {
        let value = |key: &str| link.get(key).map_or_else(|| "-".to_owned(), plain);
        let pairs = |key: &str| {
            let pairs = members(&link[key]).map(|(key, value)| format!("{key}={}", plain(value)));
            Some(pairs.collect::<Vec<_>>().join(",")).filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned())
        };
        let state = if link["up"] == false { "down" } else { "up" };
        rows.push(vec![
            value("source"),
            value("destination"),
            state.to_owned(),
            value("bandwidth"),
            value("delay"),
            value("utilisation"),
            value("link-cost"),
            pairs("overriding"),
            pairs("measured"),
        ]);
    }
    match rows.len() {
        1 => "no link is changed or measured".to_owned(),
        _ => table(&rows),
    }
}

/// Formats routes, one per line.
pub(super) fn routes(answer: &Value) -> String {
    let line = |route: &Value| {
        let path: Vec<String> = route["path"].as_array().into_iter().flatten().map(plain).collect();
        format!("{} cost {} delay {} us", path.join(" "), plain(&route["routingcost"]), plain(&route["delay-ow"]))
    };
    answer.as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}

/// Formats the audit trail, a line for each entry.
pub(super) fn audit(answer: &Value) -> String {
    let mut rows = vec![["WHEN", "WHO", "FROM", "WHAT", "OF", "TIMES", "HOW"].map(str::to_owned).to_vec()];
    for entry in answer["entries"].as_array().into_iter().flatten() {
        let time =
            entry["time"].as_f64().filter(|time| *time >= 0.0).and_then(|time| Duration::try_from_secs_f64(time).ok());
        let time = time.and_then(|time| SystemTime::UNIX_EPOCH.checked_add(time));
        rows.push(vec![
            time.map_or_else(|| "-".to_owned(), httpdate::fmt_http_date),
            plain(&entry["who"]),
            entry.get("from").map_or_else(|| "-".to_owned(), plain),
            plain(&entry["action"]),
            plain(&entry["subject"]),
            plain(&entry["count"]),
            plain(&entry["detail"]),
        ]);
    }
    if rows.len() == 1 { "nothing was changed yet".to_owned() } else { table(&rows) }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// Shows a value without quotes. Control characters would reach the terminal.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// Aligns columns.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row: &Vec<String>| Some(row.get(column)?.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
