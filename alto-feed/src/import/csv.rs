//! A list of links from a spreadsheet, and optionally a list of prefixes.
//!
//! The first line names the columns, in any order. Links: `source`, `destination`, and optionally `bandwidth` (Mbit/s),
//! `delay` (ms), `cost`, `loss` (percent), `directed` (`true` or `false`). Prefixes: `pid`, `prefix`, and optionally
//! `switch`, where the PID's traffic enters. Fields are separated by commas, semicolons or tabs, whichever the first line
//! uses; a field in double quotes may contain the separator, and `""` for a quote.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use ipnet::IpNet;
use topo::file::{LinkFile, PidFile};

use super::Imported;
use crate::input::{InputError, Text};
use crate::topology_file::assumptions::Assumptions;
use crate::topology_file::parts;

/// Imports links and prefixes.
pub fn import(network: &str, links: &Text, prefixes: Option<&Text>) -> Result<Imported, InputError> {
    let mut assumptions = Assumptions::default();
    let mut file = parts::empty(network);
    let table = Table::read(links, &["source", "destination"], &["bandwidth", "delay", "cost", "loss", "directed"])?;
    for row in &table.rows {
        file.links.push(link(row, &mut assumptions)?);
    }
    let names: BTreeSet<String> =
        file.links.iter().flat_map(|link| [link.source.clone(), link.destination.clone()]).collect();
    let mut pids = BTreeMap::new();
    if let Some(prefixes) = prefixes {
        let table = Table::read(prefixes, &["pid", "prefix"], &["switch"])?;
        let mut given = BTreeMap::new();
        for row in &table.rows {
            pid(row, &names, &mut pids, &mut given, &mut assumptions)?;
        }
        file.pids = Some(pids);
    } else {
        // One PID for each switch with hosts would be none.
        assumptions.assumed(
            "without-prefixes",
            names.len(),
            "switches have a PID without prefixes; give a list of prefixes",
        );
        let legal = names.iter().filter(|name| name.parse::<topo::PidName>().is_ok());
        file.pids = Some(legal.map(|name| (name.clone(), parts::pid(name))).collect());
    }
    file.switches.extend(names.iter().map(|name| parts::switch(name)));
    assumptions.found("nodes", file.switches.len());
    assumptions.found("links", file.links.len());
    Ok(Imported { topology: file, assumptions })
}

fn link(row: &Row<'_>, assumptions: &mut Assumptions) -> Result<LinkFile, InputError> {
    let name = |key: &str| row.required::<topo::NodeName>(key, "a name of letters, digits and - : @ _ .");
    let number = |key: &str| row.optional::<f64>(key, "a number");
    let mut or_default = |key: &'static str, default: f64, unit: &str| {
        number(key).map(|value| {
            value.unwrap_or_else(|| {
                assumptions.assumed(key, 1, format!("links have no {key}, {default} {unit} is taken"));
                default
            })
        })
    };
    let (bandwidth, delay) = (
        or_default("bandwidth", parts::DEFAULT_BANDWIDTH, "Mbit/s")?,
        or_default("delay", parts::DEFAULT_DELAY, "ms")?,
    );
    let mut link = parts::link(name("source")?.as_str(), name("destination")?.as_str(), bandwidth, delay);
    // The range of values is checked with the topology as a whole, so nothing is clamped silently here.
    (link.bandwidth, link.delay.0) = (bandwidth, delay);
    link.cost = number("cost")?;
    link.loss = number("loss")?;
    link.directed = row.optional::<bool>("directed", "\"true\" or \"false\"")?.unwrap_or(false);
    Ok(link)
}

fn pid(
    row: &Row<'_>,
    switches: &BTreeSet<String>,
    pids: &mut BTreeMap<String, PidFile>,
    given: &mut BTreeMap<IpNet, usize>,
    assumptions: &mut Assumptions,
) -> Result<(), InputError> {
    let name = row.required::<topo::PidName>("pid", "a name of letters, digits and - : @ _")?;
    let prefix = row.required::<IpNet>("prefix", "a prefix such as 192.0.2.0/24")?;
    let switch = row.optional::<String>("switch", "a switch")?;
    if let Some(switch) = switch.as_ref().filter(|switch| !switches.contains(*switch)) {
        return Err(row.error("switch", format!("{switch:?} is not an end of any link")));
    }
    if let Some(line) = given.insert(prefix.trunc(), row.line) {
        return Err(row.error("prefix", format!("{prefix} is already in line {line}; a prefix belongs to one PID")));
    }
    assumptions.found("prefixes", 1);
    let entry = pids.entry(name.to_string());
    let pid = entry.or_insert_with(|| PidFile { switches: Vec::new(), ipv4: Vec::new(), ipv6: Vec::new() });
    // The switch of the PID's own name is its entry unless another is given.
    let switch = switch.or_else(|| switches.get(name.as_str()).cloned());
    pid.switches.extend(switch.filter(|switch| !pid.switches.contains(switch)));
    match prefix.trunc() {
        IpNet::V4(net) => pid.ipv4.push(net.to_string()),
        IpNet::V6(net) => pid.ipv6.push(net.to_string()),
    }
    Ok(())
}

/// A table whose first line names the columns.
struct Table<'a> {
    rows: Vec<Row<'a>>,
}

/// One line of a table.
struct Row<'a> {
    file: &'a Text,
    line: usize,
    /// Fields by the name of their column, with the number of their first character.
    fields: BTreeMap<String, (String, usize)>,
}

impl<'a> Table<'a> {
    fn read(file: &'a Text, required: &[&str], optional: &[&str]) -> Result<Self, InputError> {
        let mut lines =
            (1..).zip(file.content.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let (number, head) = lines.next().ok_or_else(|| file.error("is empty; the first line names the columns"))?;
        let separator = [',', ';', '\t'].into_iter().find(|&separator| head.contains(separator)).unwrap_or(',');
        let columns: Vec<(String, usize)> = fields(file, number, head, separator)?
            .into_iter()
            .map(|(name, column)| (name.to_ascii_lowercase(), column))
            .collect();
        for (name, column) in &columns {
            let known = || required.iter().chain(optional).copied();
            if !known().any(|known| known == name) {
                let all: Vec<&str> = known().collect();
                return Err(file.error_at(
                    number,
                    *column,
                    format!("{name:?} is not a column; use {}", all.join(", ")),
                ));
            }
        }
        if let Some(missing) = required.iter().find(|key| columns.iter().all(|(name, _)| name != *key)) {
            return Err(file.error_at(number, 1, format!("there is no column {missing:?}")));
        }
        let mut rows = Vec::new();
        for (line, text) in lines {
            let fields = fields(file, line, text, separator)?;
            if fields.len() > columns.len() {
                let column = fields.get(columns.len()).map_or(1, |(_, column)| *column);
                let message = format!("there are {} fields, but {} columns", fields.len(), columns.len());
                return Err(file.error_at(line, column, message));
            }
            let fields = columns.iter().map(|(name, _)| name.clone()).zip(fields).collect();
            rows.push(Row { file, line, fields });
        }
        Ok(Self { rows })
    }
}

impl Row<'_> {
    /// Parses a field; `None` if it is empty or there is no such column.
    fn optional<T: FromStr>(&self, key: &str, what: &str) -> Result<Option<T>, InputError> {
        let Some((text, _)) = self.fields.get(key).filter(|(text, _)| !text.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.error(key, format!("{text:?} is not {what}")))
    }

    fn required<T: FromStr>(&self, key: &str, what: &str) -> Result<T, InputError> {
        self.optional(key, what)?.ok_or_else(|| self.error(key, format!("the {key} is missing")))
    }

    fn error(&self, key: &str, message: impl Into<String>) -> InputError {
        let column = self.fields.get(key).map_or(1, |(_, column)| *column);
        self.file.error_at(self.line, column, message)
    }
}

/// Splits a line into its fields, each with the column of its first character.
fn fields(file: &Text, line: usize, text: &str, separator: char) -> Result<Vec<(String, usize)>, InputError> {
    let mut fields = Vec::new();
    let (mut field, mut start, mut quoted) = (String::new(), 1, false);
    let mut characters = text.chars().zip(1..).peekable();
    while let Some((character, column)) = characters.next() {
        match character {
            '"' if quoted && characters.next_if(|(next, _)| *next == '"').is_some() => field.push('"'),
            '"' if quoted => quoted = false,
            '"' if field.trim().is_empty() => quoted = true,
            _ if character == separator && !quoted => {
                fields.push((std::mem::take(&mut field).trim().to_owned(), start));
                start = column + 1;
            }
            _ => field.push(character),
        }
    }
    if quoted {
        return Err(file.error_at(line, start, "the quotes are not closed in this line"));
    }
    fields.push((field.trim().to_owned(), start));
    Ok(fields)
}
