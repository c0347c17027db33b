//! OSPFv2 as routers print it: the router and network LSAs of `show ip ospf database`, and the traffic engineering database.

mod json;
mod te;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Imported;
use crate::input::{InputError, Text};
use crate::link_state::topology::{Names, topology};
use crate::link_state::{Adjacency, LinkState, Node, Reachable};
use crate::topology_file::assumptions::Assumptions;

/// Age in seconds at which an LSA is dead (RFC 2328 appendix B, `MaxAge`).
const MAX_AGE: u32 = 3600;
/// Largest number of links in all LSAs together.
const MAX_LINKS: usize = 4_000_000;

/// LSAs of one database, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Database {
    pub(crate) areas: BTreeSet<String>,
    pub(crate) routers: Vec<RouterLsa>,
    pub(crate) networks: Vec<NetworkLsa>,
}

/// A router LSA (RFC 2328 §A.4.2).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RouterLsa {
    pub(crate) age: u32,
    pub(crate) router: Ipv4Addr,
    pub(crate) links: Vec<RouterLink>,
}

/// A link of a router LSA.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RouterLink {
    /// Point-to-point or virtual link to another router.
    Router { neighbour: Ipv4Addr, interface: Option<Ipv4Addr>, metric: u32 },
    /// LAN, identified by the address of its designated router.
    Transit { designated: Ipv4Addr, interface: Option<Ipv4Addr>, metric: u32 },
    /// Prefix that is reached through this router only.
    Stub { prefix: Ipv4Net, metric: u32 },
}

/// A network LSA (RFC 2328 §A.4.3).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NetworkLsa {
    pub(crate) age: u32,
    /// Address of the designated router, and the prefix length of the LAN.
    pub(crate) lan: Ipv4Net,
    pub(crate) attached: Vec<Ipv4Addr>,
}

/// Imports router LSAs, network LSAs and, if there is one, a traffic engineering database. Text and JSON are told apart
/// by the first character; one text may hold both kinds of LSA.
pub fn import(network: &str, files: &[Text], attributes: Option<&Text>, names: &Names) -> Result<Imported, InputError> {
    let mut assumptions = Assumptions::default();
    let database = read(files, attributes, &mut assumptions)?;
    let topology = topology(network, database, names, &mut assumptions);
    Ok(Imported { topology, assumptions })
}

/// Reads the files into a link-state database.
pub fn read(files: &[Text], attributes: Option<&Text>, assumptions: &mut Assumptions) -> Result<LinkState, InputError> {
    let mut database = Database::default();
    for file in files {
        refuse_version_3(file)?;
        let lsas = if file.content.trim_start().starts_with('{') { json::read(file) } else { text::read(file) }?;
        database.areas.extend(lsas.areas);
        database.routers.extend(lsas.routers);
        database.networks.extend(lsas.networks);
    }
    if let (true, Some(file)) = (database.routers.is_empty(), files.first()) {
        return Err(file.error("has no router LSA: save the output of `show ip ospf database router json`"));
    }
    let links: usize = database.routers.iter().map(|lsa| lsa.links.len()).sum();
    if let (true, Some(file)) = (links > MAX_LINKS, files.first()) {
        return Err(file.error(format!("has {links} links; the limit is {MAX_LINKS}")));
    }
    let mut state = link_state(&database, assumptions);
    if let Some(file) = attributes {
        let unknown = state.add_attributes(&te::read(file)?);
        assumptions.assumed("unknown-interfaces", unknown, "interfaces of the TE database are in no router LSA");
    }
    Ok(state)
}

fn refuse_version_3(file: &Text) -> Result<(), InputError> {
    // Texts and JSON of FRR; its text names no version.
    let marks = ["OSPFv3", "OSPF6", "Area Scoped Link State Database", "areaScopedLinkStateDb"];
    if marks.iter().any(|mark| file.content.contains(mark)) {
        return Err(file.error(
            "is the database of OSPFv3, which is not supported: import OSPFv2 or IS-IS, whose topology carries IPv6 prefixes, too",
        ));
    }
    Ok(())
}

fn link_state(database: &Database, assumptions: &mut Assumptions) -> LinkState {
    let mut state = LinkState::default();
    let dead = database.routers.iter().filter(|lsa| lsa.age >= MAX_AGE).count()
        + database.networks.iter().filter(|lsa| lsa.age >= MAX_AGE).count();
    assumptions.assumed("dead-lsas", dead, "LSAs have reached their maximum age and were left out");
    if database.areas.len() > 1 {
        let warning = "areas are joined to one graph, in which routes may differ from those between areas";
        assumptions.assumed("areas", database.areas.len(), warning);
    }
    let mut lans: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    for lsa in database.networks.iter().filter(|lsa| lsa.age < MAX_AGE) {
        let lan = format!("lan-{}", lsa.lan.addr());
        lans.insert(lsa.lan.addr(), lan.clone());
        state.nodes.insert(lan.clone(), Node { lan: true, ..Node::default() });
        for router in &lsa.attached {
            state.adjacencies.push(Adjacency { from: lan.clone(), to: router.to_string(), ..Adjacency::default() });
        }
        state.prefixes.push(Reachable { prefix: lsa.lan.trunc().into(), metric: 0, node: lan });
    }
    let mut unknown_lans = 0;
    for lsa in database.routers.iter().filter(|lsa| lsa.age < MAX_AGE) {
        let router = lsa.router.to_string();
        state.nodes.entry(router.clone()).or_default();
        for link in &lsa.links {
            let (to, interface, metric) = match *link {
                RouterLink::Stub { prefix, metric } => {
                    state.prefixes.push(Reachable { prefix: prefix.into(), metric, node: router.clone() });
                    continue;
                }
                RouterLink::Router { neighbour, interface, metric } => (neighbour.to_string(), interface, metric),
                RouterLink::Transit { designated, interface, metric } => {
                    let Some(lan) = lans.get(&designated) else {
                        unknown_lans += 1;
                        continue;
                    };
                    (lan.clone(), interface, metric)
                }
            };
            let local = interface.map(Into::into);
            state.adjacencies.push(Adjacency { from: router.clone(), to, metric, local, ..Adjacency::default() });
        }
    }
    let warning = "links lead to LANs without a network LSA: add the output of `show ip ospf database network json`";
    assumptions.assumed("unknown-lans", unknown_lans, warning);
    state
}
