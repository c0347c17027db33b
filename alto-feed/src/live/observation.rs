//! One observation of the network: a topology and prefixes, made of everything the sources tell.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use topo::Topology;
use topo::file::TopologyFile;

use super::bgp_ls;
use super::bmp::listener::Listener;
use super::bmp::rib::Unsettled;
use super::config::{Bgp, Config, Igp, Source, Table as TableSource};
use super::network::{Network, Observation};
use super::prefixes::Prefixes;
use crate::import::{isis, mrt, ospf};
use crate::input::InputError;
use crate::link_state::topology::topology;
use crate::pids::extend::{Grouped, Routers};
use crate::pids::table::Table;
use crate::topology_file::assumptions::Assumptions;

/// The sources that routers connect to.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Routes over BMP.
    pub bmp: Option<Listener>,
    /// Link-state database over BGP-LS.
    pub bgp_ls: Option<bgp_ls::Listener>,
}

/// Reads all sources.
pub fn observe(config: &Config, listeners: &Listeners) -> Result<Observation, InputError> {
    let mut assumptions = Assumptions::default();
    let mut file = match &config.igp {
        Igp::Ospf { database, te } => {
            let texts = database.iter().map(Source::text).collect::<Result<Vec<_>, _>>()?;
            let te = te.as_ref().map(Source::text).transpose()?;
            topology(&config.name, ospf::read(&texts, te.as_ref(), &mut assumptions)?, &config.names, &mut assumptions)
        }
        Igp::Isis { database, hostnames } => {
            let hostnames = hostnames.as_ref().map(Source::text).transpose()?;
            let state = isis::read(&database.text()?, hostnames.as_ref(), &mut assumptions)?;
            topology(&config.name, state, &config.names, &mut assumptions)
        }
        Igp::Topology(source) => {
            let text = source.text()?;
            TopologyFile::from_json(text.content.as_bytes(), &text.file)?
        }
        Igp::BgpLs(session) => {
            let quiet = Duration::try_from_secs_f64(session.settle).unwrap_or_default();
            let database = listeners.bgp_ls.as_ref().and_then(|listener| listener.database(quiet, Instant::now()));
            let missing = || "no router has told its database yet".to_owned();
            let database =
                database.ok_or_else(|| InputError { file: "bgp-ls".to_owned(), place: None, message: missing() })?;
            topology(&config.name, database.link_state(), &config.names, &mut assumptions)
        }
    };
    // What the server would refuse is an error of the sources.
    let check = |file: &TopologyFile| Topology::from_file(file.clone(), "the observed network");
    check(&file)?;
    let grouped = match &config.bgp {
        Some(Bgp { rules, table: TableSource::Mrt(source) }) => {
            Some(mrt::read(&source.name(), source.bytes()?, rules, &file, &mut assumptions)?)
        }
        Some(bgp @ Bgp { table: TableSource::Bmp { .. }, .. }) => Some(routes(&file, bgp, listeners.bmp.as_ref())?),
        None => None,
    };
    let missing = listeners.bmp.as_ref().and_then(|listener| listener.rib().missing());
    let missing = missing.map(|router| format!("bmp: {router} is not connected; its last routes count"));
    let Some(grouped) = grouped else { return Ok(Observation { network: Network::of(file), missing }) };
    grouped.set_pids(&mut file, &mut assumptions);
    check(&file)?;
    Ok(Observation { network: Network { topology: file, prefixes: Prefixes::of(grouped.prefixes) }, missing })
}

/// Groups the prefixes that routers tell over BMP.
fn routes(topology: &TopologyFile, bgp: &Bgp, listener: Option<&Listener>) -> Result<Grouped, InputError> {
    let failed = |message: String| InputError { file: "bmp".to_owned(), place: None, message };
    let settle = match &bgp.table {
        TableSource::Bmp { settle, .. } => *settle,
        TableSource::Mrt(_) => Duration::ZERO,
    };
    let mut rib = listener.ok_or(Unsettled::Nothing).map(Listener::rib).map_err(|error| failed(error.to_string()))?;
    rib.settle(settle, Instant::now()).map_err(|error| failed(error.to_string()))?;
    let routes = rib.best();
    drop(rib);
    let places = Routers::of(topology);
    let place = |address: IpAddr| places.pid(address);
    let mut table = Table::new(&bgp.rules, &place);
    for (prefix, route) in &routes {
        table.add_best(prefix, route);
    }
    table.finish(&places, &mut Assumptions::default()).map_err(|error| failed(error.to_string()))
}
