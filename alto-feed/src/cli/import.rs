//! `alto-feed import`: a topology file from another format.

use std::path::{Path, PathBuf};

use structopt::StructOpt;
use topo::Topology;
use topo::file::TopologyFile;

use super::{fail, print};
use crate::import::{Imported, csv, isis, mrt, ospf, rfc8345, topohub, zoo};
use crate::input::{InputError, read_bytes, read_text};
use crate::link_state::topology::Names;
use crate::output;
use crate::pids::rules::Rules;
use command_line::{Exit, note};

/// Makes a topology file from what routers, archives or spreadsheets have.
///
/// The same input gives the same bytes. What had to be assumed is counted in one line on standard error.
#[derive(Clone, Debug, StructOpt)]
pub(super) enum Import {
    /// Reads a network of the Internet Topology Zoo (GraphML)
    ///
    /// Every node becomes a switch and a PID with the prefixes `10.x.y.0/24` and `fd00:0:0:n::/64`; every edge a link, whose
    /// delay is the great circle between its ends in fibre, and whose bandwidth is what the file tells, or 1000 Mbit/s
    /// (10000 Mbit/s in maps of fibres).
    Zoo(Zoo),
    /// Reads the link-state database of an OSPFv2 router (FRR, Quagga)
    ///
    /// Files hold the output of `show ip ospf database router` and `show ip ospf database network`, with or without
    /// `json`. Routing costs are then the metrics of OSPF. Each router becomes a PID with the prefixes that only it
    /// reaches, and so does each LAN.
    Ospf(Ospf),
    /// Reads the link-state database of an IS-IS router (FRR)
    ///
    /// Files hold the text of `show isis database detail` and of `show isis hostname`.
    Isis(Isis),
    /// Reads a table or updates of BGP (MRT, plain or with gzip), and groups the prefixes by rules
    ///
    /// Rules are a JSON file: `{"rules": [{"community": "65001:*", "pid": "pop-*"}, {"next-hop": "*", "pid": "*"}]}`. The
    /// first match decides; conditions are prefix, community, large-community, next-hop, first-as, origin-as and any.
    /// Prefixes are merged where that changes no longest match.
    Mrt(Mrt),
    /// Reads lists of links and prefixes from a spreadsheet
    ///
    /// The first line names the columns. Links: source, destination, and optionally bandwidth (Mbit/s), delay (ms), cost,
    /// loss (percent), directed (true or false). Prefixes: pid, prefix, and optionally switch.
    Csv(Csv),
    /// Reads a network in YANG-JSON (RFC 8345, metrics of RFC 8346)
    Rfc8345(Rfc8345),
    /// Reads a network of TopoHub (JSON), which has those of SNDlib with their demands
    ///
    /// Every node becomes a switch and a PID with addresses, as with `zoo`. Delays derive from the lengths of links;
    /// bandwidths are 1000 Mbit/s, because the files tell none.
    Topohub(Topohub),
}

/// Options of every importer.
#[derive(Clone, Debug, StructOpt)]
pub(super) struct Common {
    /// Writes the topology to this file, whole or not at all, instead of standard output
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    out: Option<PathBuf>,
    /// Writes the counts of what was found and assumed to this file, as JSON
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    report: Option<PathBuf>,
}

#[derive(Clone, Debug, StructOpt)]
pub(super) struct Zoo {
    /// GraphML file
    #[structopt(value_name = "FILE", parse(from_os_str))]
    file: PathBuf,
    /// Number of hosts to generate at each switch, at most 250
    #[structopt(long, default_value = "1", value_name = "NUMBER", parse(try_from_str = hosts))]
    hosts: u8,
    /// Keeps nodes of peers and customers, as PIDs of their own
    #[structopt(long)]
    external: bool,
    /// Keeps only the largest connected part
    #[structopt(long)]
    largest: bool,
    /// Length of links as a multiple of the great circle; 1.5 is usual for fibre
    #[structopt(long, default_value = "1", value_name = "FACTOR", parse(try_from_str = factor))]
    detour: f64,
    #[structopt(flatten)]
    common: Common,
}

/// Names of networks and routers.
#[derive(Clone, Debug, StructOpt)]
pub(super) struct Naming {
    /// Name of the network
    #[structopt(long, default_value = "network", value_name = "NAME")]
    name: String,
    /// File with a line "ID,NAME" for each router that gets another name than the protocol tells
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    names: Option<PathBuf>,
}

#[derive(Clone, Debug, StructOpt)]
pub(super) struct Ospf {
    /// Output of `show ip ospf database router json`, and of `network json` if there are LANs
    #[structopt(value_name = "FILE", required = true, parse(from_os_str))]
    files: Vec<PathBuf>,
    /// Output of `show ip ospf mpls-te database json`, for bandwidth and delay
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    te: Option<PathBuf>,
    #[structopt(flatten)]
    naming: Naming,
    #[structopt(flatten)]
    common: Common,
}

#[derive(Clone, Debug, StructOpt)]
pub(super) struct Isis {
    /// Output of `show isis database detail`
    #[structopt(value_name = "DATABASE", parse(from_os_str))]
    database: PathBuf,
    /// Output of `show isis hostname`
    #[structopt(value_name = "HOSTNAMES", parse(from_os_str))]
    hostnames: Option<PathBuf>,
    #[structopt(flatten)]
    naming: Naming,
    #[structopt(flatten)]
    common: Common,
}

#[derive(Clone, Debug, StructOpt)]
pub(super) struct Mrt {
    /// MRT file
    #[structopt(value_name = "FILE", parse(from_os_str))]
    file: PathBuf,
    /// Rules that give each route a PID
    #[structopt(long, value_name = "RULES", parse(from_os_str))]
    rules: PathBuf,
    /// Topology whose PIDs get the prefixes, and whose prefixes tell which router a next hop is
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    topology: Option<PathBuf>,
    #[structopt(flatten)]
    common: Common,
}

#[derive(Clone, Debug, StructOpt)]
pub(super) struct Csv {
    /// List of links
    #[structopt(value_name = "LINKS", parse(from_os_str))]
    links: PathBuf,
    /// List of prefixes
    #[structopt(value_name = "PREFIXES", parse(from_os_str))]
    prefixes: Option<PathBuf>,
    /// Name of the network
    #[structopt(long, default_value = "network", value_name = "NAME")]
    name: String,
    #[structopt(flatten)]
    common: Common,
}

#[derive(Clone, Debug, StructOpt)]
pub(super) struct Rfc8345 {
    /// JSON file
    #[structopt(value_name = "FILE", parse(from_os_str))]
    file: PathBuf,
    /// Identifier of the network, if the file has several
    #[structopt(long, value_name = "ID")]
    network: Option<String>,
    /// File with a line "ID,NAME" for each node that gets another name
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    names: Option<PathBuf>,
    #[structopt(flatten)]
    common: Common,
}

#[derive(Clone, Debug, StructOpt)]
pub(super) struct Topohub {
    /// JSON file
    #[structopt(value_name = "FILE", parse(from_os_str))]
    file: PathBuf,
    /// Number of hosts to generate at each switch, at most 250
    #[structopt(long, default_value = "1", value_name = "NUMBER", parse(try_from_str = hosts))]
    hosts: u8,
    /// Length of links as a multiple of what the file tells; 1.5 is usual for fibre
    #[structopt(long, default_value = "1", value_name = "FACTOR", parse(try_from_str = factor))]
    detour: f64,
    /// Writes the demands between PIDs to this file, as lines of source, destination and amount
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    demands: Option<PathBuf>,
    #[structopt(flatten)]
    common: Common,
}

fn hosts(text: &str) -> Result<u8, String> {
    text.parse().ok().filter(|number| *number <= 250).ok_or_else(|| "use a number from 0 to 250".to_owned())
}

fn factor(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|factor| (1.0..=100.0).contains(factor))
        .ok_or_else(|| "use a number from 1 to 100".to_owned())
}

pub(super) fn run(import: &Import) -> Exit {
    let (imported, source, common) = match import {
        Import::Zoo(options) => (read_zoo(options), &options.file, &options.common),
        Import::Ospf(options) => (read_ospf(options), &options.files[0], &options.common),
        Import::Isis(options) => (read_isis(options), &options.database, &options.common),
        Import::Mrt(options) => (read_mrt(options), &options.file, &options.common),
        Import::Csv(options) => (read_csv(options), &options.links, &options.common),
        Import::Rfc8345(options) => (read_rfc8345(options), &options.file, &options.common),
        Import::Topohub(options) => return import_topohub(options),
    };
    match imported {
        Ok(imported) => write(&imported, source, common),
        Err(error) => fail(Exit::Config, error),
    }
}

fn read_zoo(options: &Zoo) -> Result<Imported, InputError> {
    let Zoo { file, hosts, external, largest, detour, .. } = options;
    let options = zoo::Options { hosts: *hosts, external: *external, largest: *largest, detour: *detour };
    zoo::import(&read_text(file)?, &options)
}

fn read_ospf(options: &Ospf) -> Result<Imported, InputError> {
    let files = options.files.iter().map(|file| read_text(file)).collect::<Result<Vec<_>, _>>()?;
    let te = options.te.as_deref().map(read_text).transpose()?;
    ospf::import(&options.naming.name, &files, te.as_ref(), &read_names(options.naming.names.as_deref())?)
}

fn read_isis(options: &Isis) -> Result<Imported, InputError> {
    let hostnames = options.hostnames.as_deref().map(read_text).transpose()?;
    let names = read_names(options.naming.names.as_deref())?;
    isis::import(&options.naming.name, &read_text(&options.database)?, hostnames.as_ref(), &names)
}

fn read_mrt(options: &Mrt) -> Result<Imported, InputError> {
    let rules = Rules::read(&read_text(&options.rules)?)?;
    let topology = match &options.topology {
        Some(path) => {
            let text = read_text(path)?;
            Some(TopologyFile::from_json(text.content.as_bytes(), &text.file)?)
        }
        None => None,
    };
    mrt::import(&options.file.display().to_string(), read_bytes(&options.file)?, &rules, topology)
}

fn read_csv(options: &Csv) -> Result<Imported, InputError> {
    let prefixes = options.prefixes.as_deref().map(read_text).transpose()?;
    csv::import(&options.name, &read_text(&options.links)?, prefixes.as_ref())
}

fn read_rfc8345(options: &Rfc8345) -> Result<Imported, InputError> {
    rfc8345::import(&read_text(&options.file)?, options.network.as_deref(), &read_names(options.names.as_deref())?)
}

/// Imports a network and its demands.
fn import_topohub(options: &Topohub) -> Exit {
    let Topohub { file, hosts, detour, demands: out, common } = options;
    let options = topohub::Options { hosts: *hosts, detour: *detour };
    let (imported, demands) = match read_text(file).and_then(|text| topohub::import(&text, &options)) {
        Ok(imported) => imported,
        Err(error) => return fail(Exit::Config, error),
    };
    if let Some(out) = out
        && let Err(error) = output::replace(out, topohub::demand_lines(&demands).as_bytes())
    {
        return fail(Exit::Failure, format!("{}: cannot be written: {error}", out.display()));
    }
    write(&imported, file, common)
}

/// Reads lines of identifier and name.
fn read_names(file: Option<&Path>) -> Result<Names, InputError> {
    let Some(file) = file else { return Ok(Names::new()) };
    let text = read_text(file)?;
    let lines = (1..).zip(text.content.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| match line.split_once(',') {
            Some((id, name)) => Ok((id.trim().to_owned(), name.trim().to_owned())),
            None => Err(text.error_at(number, 1, "is not of the form \"ID,NAME\"")),
        })
        .collect()
}

/// Writes an imported network, once the server's own check has accepted it.
fn write(imported: &Imported, source: &Path, common: &Common) -> Exit {
    let source = source.display().to_string();
    if let Err(error) = Topology::from_file(imported.topology.clone(), &source) {
        return fail(Exit::Config, error);
    }
    if let Some(warning) = imported.assumptions.warning() {
        note!("alto-feed: warning: {source}: {warning}");
    }
    if let Some(report) = &common.report {
        let json = serde_json::to_string_pretty(&imported.assumptions).unwrap_or_default() + "\n";
        if let Err(error) = output::replace(report, json.as_bytes()) {
            return fail(Exit::Failure, format!("{}: cannot be written: {error}", report.display()));
        }
    }
    let json = imported.topology.to_json();
    let Some(out) = &common.out else { return print(&json) };
    match output::replace(out, json.as_bytes()) {
        Ok(_) => Exit::Success,
        Err(error) => fail(Exit::Failure, format!("{}: cannot be written: {error}", out.display())),
    }
}
