//! One observation of the network: a topology file made of everything the sources tell.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use topo::Topology;
use topo::file::TopologyFile;

use super::bgp_ls;
use super::bmp::listener::Listener;
use super::config::{Bgp, Config, Igp, Source, Table as TableSource};
use crate::import::{isis, mrt, ospf};
use crate::input::InputError;
use crate::link_state::topology::topology;
use crate::pids::extend::Routers;
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
pub fn observe(config: &Config, listeners: &Listeners) -> Result<TopologyFile, InputError> {
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
    match &config.bgp {
        Some(Bgp { rules, table: TableSource::Mrt(source) }) => {
            file = mrt::import(&source.name(), source.bytes()?, rules, Some(file))?.topology;
        }
        Some(bgp @ Bgp { table: TableSource::Bmp { .. }, .. }) => add_routes(&mut file, bgp, listeners.bmp.as_ref())?,
        None => {}
    }
    // What the server would refuse is an error of the sources.
    Topology::from_file(file.clone(), "the observed network")?;
    Ok(file)
}

/// Adds the prefixes that routers tell over BMP.
fn add_routes(file: &mut TopologyFile, bgp: &Bgp, listener: Option<&Listener>) -> Result<(), InputError> {
    let failed = |message: String| InputError { file: "bmp".to_owned(), place: None, message };
    let TableSource::Bmp { settle, .. } = &bgp.table else { return Ok(()) };
    let routes = match listener.map(Listener::rib) {
        Some(rib) if rib.is_settled(*settle, Instant::now()) => rib.best(),
        _ => return Err(failed("no router has told its routes yet".to_owned())),
    };
    let places = Routers::of(file);
    let place = |address: IpAddr| places.pid(address);
    let mut table = Table::new(&bgp.rules, &place);
    for (prefix, route) in &routes {
        table.add_best(prefix, route);
    }
    table.finish(&places, file, &mut Assumptions::default()).map_err(|error| failed(error.to_string()))
}
