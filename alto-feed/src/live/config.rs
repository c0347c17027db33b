//! `feeds.json`: where the network is read, which server is kept up to date, and how carefully.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::prometheus::{self, Interfaces};
use crate::input::{InputError, Text, read_text};
use crate::pids::rules::Rules;

/// Shortest interval between two rounds.
const MIN_INTERVAL: f64 = 0.1;
/// Largest length of the name of a source.
const MAX_SOURCE: usize = 64;
/// Longest of all durations in the settings, in seconds.
const MAX_DURATION: f64 = 1e7;

/// The grammar of `feeds.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FeedsFile {
    /// Origin of the server, such as `http://127.0.0.1:8080`.
    server: String,
    /// File whose first line is the server's admin token.
    token_file: Option<PathBuf>,
    /// Folder where the feed reports, and operators confirm.
    state: PathBuf,
    /// Name of the network.
    #[serde(default = "network")]
    name: String,
    /// Name under which the server keeps the prefixes.
    #[serde(default = "source")]
    source: String,
    /// Seconds between two rounds.
    #[serde(default = "interval")]
    interval: f64,
    igp: Igp,
    #[serde(default)]
    names: BTreeMap<String, String>,
    bgp: Option<BgpFile>,
    prometheus: Option<prometheus::Settings>,
    #[serde(default)]
    safety: SafetyFile,
    #[serde(default)]
    stale: StaleFile,
}

/// The interior routing protocol, and the outputs to read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Igp {
    /// OSPFv2, as in `alto-feed import ospf`.
    Ospf {
        /// Outputs with router and network LSAs.
        database: Vec<Source>,
        /// Traffic engineering database.
        te: Option<Source>,
    },
    /// IS-IS, as in `alto-feed import isis`.
    Isis {
        /// Database in detail.
        database: Source,
        /// Hostnames.
        hostnames: Option<Source>,
    },
    /// A topology file.
    Topology(Source),
    /// BGP-LS, from a router that connects.
    BgpLs(BgpLs),
}

/// The passive session that receives BGP-LS.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BgpLs {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Routers that may connect.
    pub sources: Vec<IpNet>,
    /// AS number of this speaker.
    pub asn: u32,
    /// BGP identifier of this speaker.
    pub identifier: Ipv4Addr,
    /// Seconds without an update after which the database counts as complete.
    #[serde(default = "settle")]
    pub settle: f64,
}

/// Something to read in every round.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// A command with its arguments, of which the standard output counts.
    Command(Vec<String>),
    /// A file.
    File(PathBuf),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct BgpFile {
    rules: PathBuf,
    mrt: Option<Source>,
    bmp: Option<BmpFile>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct BmpFile {
    listen: SocketAddr,
    /// Routers that may connect.
    sources: Vec<IpNet>,
    #[serde(default = "max_routes")]
    max_routes: usize,
    /// Seconds without a route after which a router's table counts as complete.
    #[serde(default = "settle")]
    settle: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct SafetyFile {
    /// Largest share of links or prefixes that one round may drop unconfirmed.
    max_drop: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct StaleFile {
    /// Seconds without an observation after which the network counts as stale.
    after: f64,
    then: WhenStale,
}

/// Treatment of the server's network when its sources are silent for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenStale {
    /// The last known state stays as it is.
    Keep,
    /// Every PID gets the property `priv:alto-stale`, which clients can query.
    Mark,
}

/// Settings of a feed, checked and with their files read.
#[derive(Clone, Debug)]
pub struct Config {
    /// Origin of the server, without a slash at the end.
    pub server: String,
    /// Token that opens the server's `/admin`.
    pub token: Option<String>,
    /// Folder where the feed reports, and operators confirm.
    pub state: PathBuf,
    /// Name of the network.
    pub name: String,
    /// Name under which the server keeps the prefixes.
    pub source: String,
    /// Time between two rounds.
    pub interval: Duration,
    /// Interior routing protocol.
    pub igp: Igp,
    /// Names of routers by identifier.
    pub names: BTreeMap<String, String>,
    /// Rules and table of BGP.
    pub bgp: Option<Bgp>,
    /// Measurements of links.
    pub prometheus: Option<(prometheus::Settings, Interfaces)>,
    /// Largest share of links or prefixes that one round may drop unconfirmed.
    pub max_drop: f64,
    /// Time without an observation after which the network counts as stale.
    pub stale_after: Duration,
    /// Treatment of a stale network.
    pub when_stale: WhenStale,
}

/// Rules and table of BGP.
#[derive(Clone, Debug)]
pub struct Bgp {
    /// Rules that give each route a PID.
    pub rules: Rules,
    /// Source of its routes.
    pub table: Table,
}

/// Source of the routes of BGP.
#[derive(Clone, Debug)]
pub enum Table {
    /// A table in MRT, read in every round.
    Mrt(Source),
    /// Routers that connect with BMP.
    Bmp {
        /// Address to listen on.
        listen: SocketAddr,
        /// Routers that may connect.
        sources: Vec<IpNet>,
        /// Largest number of routes of one router.
        max_routes: usize,
        /// Time without a route after which a router's table counts as complete.
        settle: Duration,
    },
}

impl Default for SafetyFile {
    fn default() -> Self {
        Self { max_drop: 0.2 }
    }
}

impl Default for StaleFile {
    fn default() -> Self {
        Self { after: 300.0, then: WhenStale::Keep }
    }
}

fn network() -> String {
    "network".to_owned()
}

fn source() -> String {
    "alto-feed".to_owned()
}

fn interval() -> f64 {
    10.0
}

fn max_routes() -> usize {
    3_000_000
}

fn settle() -> f64 {
    5.0
}

impl Config {
    /// Reads `feeds.json` and the files it names. Relative paths start at the folder of `feeds.json`.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let text = read_text(path)?;
        let file: FeedsFile = text.json()?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let token = file.token_file.as_ref().map(|token| read_token(&folder.join(token))).transpose()?;
        let bgp = file.bgp.as_ref().map(|bgp| {
            let rules = Rules::read(&read_text(&folder.join(&bgp.rules))?)?;
            let table = match (&bgp.mrt, &bgp.bmp) {
                (Some(mrt), None) => Table::Mrt(mrt.within(folder)),
                (None, Some(bmp)) => Table::Bmp {
                    listen: bmp.listen,
                    sources: bmp.sources.clone(),
                    max_routes: bmp.max_routes,
                    settle: seconds(&text, "bgp.bmp.settle", bmp.settle, 0.0)?,
                },
                _ => return Err(text.error("bgp: give either \"mrt\" or \"bmp\"")),
            };
            Ok::<_, InputError>(Bgp { rules, table })
        });
        let prometheus = file.prometheus.map(|settings| {
            let interfaces = Interfaces::read(&read_text(&folder.join(&settings.interfaces))?)?;
            Ok::<_, InputError>((settings, interfaces))
        });
        if !file.server.starts_with("http://") && !file.server.starts_with("https://") {
            return Err(text.error(format!("server: {:?} is not an origin such as http://127.0.0.1:8080", file.server)));
        }
        if !is_source(&file.source) {
            return Err(text.error(format!(
                "source: {:?} is not 1 to {MAX_SOURCE} letters, digits, \"-\", \"_\" or \".\", the first a letter or digit",
                file.source
            )));
        }
        if let Igp::BgpLs(session) = &file.igp {
            seconds(&text, "igp.bgp-ls.settle", session.settle, 0.0)?;
        }
        if !(0.0..=1.0).contains(&file.safety.max_drop) {
            return Err(text.error(format!("safety.max-drop: {} is not a share from 0 to 1", file.safety.max_drop)));
        }
        Ok(Self {
            server: file.server.trim_end_matches('/').to_owned(),
            token,
            state: folder.join(&file.state),
            name: file.name.clone(),
            source: file.source.clone(),
            interval: seconds(&text, "interval", file.interval, MIN_INTERVAL)?,
            igp: file.igp.within(folder),
            names: file.names.clone(),
            bgp: bgp.transpose()?,
            prometheus: prometheus.transpose()?,
            max_drop: file.safety.max_drop,
            stale_after: seconds(&text, "stale.after", file.stale.after, MIN_INTERVAL)?,
            when_stale: file.stale.then,
        })
    }
}

/// Returns whether a text can name a source in a path of the server.
fn is_source(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= MAX_SOURCE && name.bytes().all(legal) && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn seconds(text: &Text, key: &str, value: f64, least: f64) -> Result<Duration, InputError> {
    if !(least..=MAX_DURATION).contains(&value) {
        return Err(text.error(format!("{key}: {value} is out of range: use {least} to {MAX_DURATION} seconds")));
    }
    Ok(Duration::from_secs_f64(value))
}

fn read_token(path: &Path) -> Result<String, InputError> {
    let text = read_text(path)?;
    match text.content.lines().next().map(str::trim) {
        Some(token) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(token.to_owned()),
        _ => Err(text.error("the first line is not a token of visible ASCII characters")),
    }
}

impl Source {
    fn within(&self, folder: &Path) -> Self {
        match self {
            Self::Command(_) => self.clone(),
            Self::File(file) => Self::File(folder.join(file)),
        }
    }
}

impl Igp {
    fn within(&self, folder: &Path) -> Self {
        let place = |source: &Option<Source>| source.as_ref().map(|source| source.within(folder));
        match self {
            Self::Ospf { database, te } => {
                Self::Ospf { database: database.iter().map(|source| source.within(folder)).collect(), te: place(te) }
            }
            Self::Isis { database, hostnames } => {
                Self::Isis { database: database.within(folder), hostnames: place(hostnames) }
            }
            Self::Topology(source) => Self::Topology(source.within(folder)),
            Self::BgpLs(session) => Self::BgpLs(session.clone()),
        }
    }
}
