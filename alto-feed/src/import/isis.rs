//! IS-IS as routers print it: the text of `show isis database detail` and `show isis hostname` (FRR).
//!
//! The JSON of FRR 8.4 keeps only the last LSP, so the text is what is read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::Imported;
use crate::input::{InputError, Text};
use crate::link_state::topology::{Names, topology};
use crate::link_state::{Adjacency, LinkState, Reachable};
use crate::topology_file::assumptions::Assumptions;

/// Metric of adjacencies that routes must not use (RFC 5305 §3).
const MAX_METRIC: u32 = 0x00ff_ffff;
/// Mbit/s in a byte per second.
const MBITS: f64 = 8e-6;

/// Imports a database. Hostnames are needed where the router prints them instead of system identifiers, as FRR does.
pub fn import(network: &str, database: &Text, hostnames: Option<&Text>, names: &Names) -> Result<Imported, InputError> {
    let mut assumptions = Assumptions::default();
    let state = read(database, hostnames, &mut assumptions)?;
    let topology = topology(network, state, names, &mut assumptions);
    Ok(Imported { topology, assumptions })
}

/// Reads a database.
pub fn read(database: &Text, hostnames: Option<&Text>, assumptions: &mut Assumptions) -> Result<LinkState, InputError> {
    let hostnames = hostnames.map(read_hostnames).unwrap_or_default();
    let mut reader = Reader {
        file: database,
        hostnames,
        current: None,
        levels: BTreeSet::new(),
        dead: 0,
        unused: 0,
        state: LinkState::default(),
    };
    for (number, text) in (1..).zip(database.content.lines()) {
        reader.line(number, text)?;
    }
    if reader.state.nodes.is_empty() {
        return Err(database.error("has no LSP: save the output of `show isis database detail`"));
    }
    assumptions.assumed("dead-lsps", reader.dead, "LSPs have no lifetime left and were left out");
    assumptions.assumed(
        "unused-adjacencies",
        reader.unused,
        "adjacencies have the largest metric, which routes must not use",
    );
    if reader.levels.len() > 1 {
        let warning = "levels are joined to one graph, in which routes may differ from those between levels";
        assumptions.assumed("levels", reader.levels.len(), warning);
    }
    Ok(reader.state)
}

/// Reads hostnames: lines of level, system identifier and hostname, or `*`, system identifier and hostname.
fn read_hostnames(file: &Text) -> BTreeMap<String, String> {
    let pair = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [_, id, name] if is_system_id(id) => Some((name.to_owned(), id.to_owned())),
            _ => None,
        }
    };
    file.content.lines().filter_map(pair).collect()
}

/// Returns whether a text is a system identifier, such as `0102.5500.0001`.
fn is_system_id(text: &str) -> bool {
    let mut groups = text.split('.');
    let is_group = |group: Option<&str>| {
        group.is_some_and(|group| group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    is_group(groups.next()) && is_group(groups.next()) && is_group(groups.next()) && groups.next().is_none()
}

struct Reader<'a> {
    file: &'a Text,
    /// System identifiers by hostname.
    hostnames: BTreeMap<String, String>,
    /// Node whose LSP is being read; `None` within a dead LSP.
    current: Option<String>,
    levels: BTreeSet<String>,
    dead: usize,
    unused: usize,
    state: LinkState,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, text: &str) -> Result<(), InputError> {
        if let Some(level) = text.strip_prefix("IS-IS ").and_then(|rest| rest.split_once(" link-state database")) {
            self.levels.insert(level.0.to_owned());
            return Ok(());
        }
        if !text.starts_with(' ') {
            return self.lsp(number, text);
        }
        let (Some(node), Some((key, value))) = (self.current.clone(), text.split_once(':')) else { return Ok(()) };
        let value = value.trim();
        match key.trim() {
            "Hostname" => self.state.nodes.entry(node).or_default().name = Some(value.to_owned()),
            "Extended Reachability" | "IS Reachability" => self.reachability(number, text, &node, value)?,
            "Extended IP Reachability" | "IP Reachability" | "IPv6 Reachability" => {
                let (prefix, metric) = self.with_metric::<IpNet>(number, text, value)?;
                self.state.prefixes.push(Reachable { prefix, metric, node });
            }
            key => self.attribute(&node, key, value),
        }
        Ok(())
    }

    /// Starts an LSP if the line is the head of one: identifier, length, sequence number, checksum, lifetime and flags.
    fn lsp(&mut self, number: usize, text: &str) -> Result<(), InputError> {
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "*").collect();
        let (Some((id, _fragment)), Some(flags)) = (words.first().and_then(|id| id.rsplit_once('-')), words.get(5))
        else {
            return Ok(());
        };
        if !words.get(2).is_some_and(|number| number.starts_with("0x")) {
            return Ok(());
        }
        if words.get(4).is_some_and(|lifetime| lifetime.trim_matches(['(', ')']) == "0") {
            self.dead += 1;
            self.current = None;
            return Ok(());
        }
        let (system, circuit) = id.rsplit_once('.').unwrap_or((id, "00"));
        let system = if is_system_id(system) {
            system.to_owned()
        } else {
            let known = self.hostnames.get(system).cloned();
            known.ok_or_else(|| {
                let message =
                    format!("the system identifier of {system:?} is unknown: add the output of `show isis hostname`");
                self.file.error_at(number, 1, message)
            })?
        };
        let id = format!("{system}.{circuit}");
        let node = self.state.nodes.entry(id.clone()).or_default();
        node.lan = circuit != "00";
        node.overloaded |= flags.rsplit('/').next() == Some("1");
        self.current = Some(id);
        Ok(())
    }

    fn reachability(&mut self, number: usize, text: &str, node: &str, value: &str) -> Result<(), InputError> {
        let (to, metric) = self.with_metric::<String>(number, text, value)?;
        if metric >= MAX_METRIC {
            self.unused += 1;
            return Ok(());
        }
        self.state.adjacencies.push(Adjacency { from: node.to_owned(), to, metric, ..Adjacency::default() });
        Ok(())
    }

    /// Parses `WHAT (Metric: NUMBER)`.
    fn with_metric<T: FromStr>(&self, number: usize, text: &str, value: &str) -> Result<(T, u32), InputError> {
        let parsed = (|| {
            let (what, rest) = value.split_once(" (Metric: ")?;
            Some((what.trim().parse().ok()?, rest.split(')').next()?.trim().parse().ok()?))
        })();
        parsed.ok_or_else(|| {
            let column = text.find(value).map_or(1, |offset| offset + 1);
            self.file.error_at(number, column, format!("{value:?} is not of the form \"NAME (Metric: NUMBER)\""))
        })
    }

    /// Adds an attribute to the adjacency read last.
    fn attribute(&mut self, node: &str, key: &str, value: &str) {
        let Some(adjacency) = self.state.adjacencies.last_mut().filter(|adjacency| adjacency.from == node) else {
            return;
        };
        let number = || value.split_whitespace().next()?.parse::<f64>().ok().filter(|number| *number >= 0.0);
        match key {
            "Local Interface IP Address(es)" => {
                adjacency.local = value.split([',', ' ']).next().and_then(|address| address.parse::<IpAddr>().ok());
            }
            "Maximum Bandwidth" => {
                adjacency.attributes.bandwidth = number().filter(|bytes| *bytes > 0.0).map(|bytes| bytes * MBITS);
            }
            "Unidir. Utilized Bandwidth" => adjacency.attributes.used = number().map(|bytes| bytes * MBITS),
            "Normal Average Link Delay" => {
                adjacency.attributes.delay = number().map(|microseconds| microseconds / 1000.0);
            }
            "Unidir. Link Loss" | "Normal Link Packet Loss" => adjacency.attributes.loss = number(),
            _ => {}
        }
    }
}
