//! The JSON of `show ip ospf database router json` and `show ip ospf database network json` (FRR).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::Deserialize;

use super::{Database, NetworkLsa, RouterLink, RouterLsa};
use crate::input::{InputError, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    router_link_states: Option<States<Router>>,
    network_link_states: Option<States<Network>>,
}

#[derive(Deserialize)]
struct States<L> {
    areas: BTreeMap<String, Vec<L>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Router {
    lsa_age: u32,
    #[serde(rename = "advertisingRouter")]
    id: Ipv4Addr,
    /// Links as `link0`, `link1`, ...; absent if there are none.
    #[serde(default, rename = "routerLinks")]
    links: BTreeMap<String, Link>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    #[serde(rename = "linkType")]
    kind: String,
    neighbor_router_id: Option<Ipv4Addr>,
    designated_router_address: Option<Ipv4Addr>,
    router_interface_address: Option<Ipv4Addr>,
    network_address: Option<Ipv4Addr>,
    network_mask: Option<Ipv4Addr>,
    tos0_metric: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Network {
    lsa_age: u32,
    link_state_id: Ipv4Addr,
    #[serde(rename = "networkMask")]
    prefix_length: u8,
    /// Spelled with one `a` by every release of FRR so far.
    #[serde(alias = "attachedRouters", rename = "attchedRouters", default)]
    attached: BTreeMap<Ipv4Addr, serde_json::Value>,
}

/// Reads either output.
pub(super) fn read(file: &Text) -> Result<Database, InputError> {
    let output: Output = file.json()?;
    if output.router_link_states.is_none() && output.network_link_states.is_none() {
        let message = "has neither \"routerLinkStates\" nor \"networkLinkStates\": save the output of `show ip ospf \
                       database router json` and of `show ip ospf database network json`";
        return Err(file.error(message));
    }
    let mut database = Database::default();
    for (area, lsas) in output.router_link_states.into_iter().flat_map(|states| states.areas) {
        for lsa in lsas {
            let links = lsa.links.iter().map(|(key, link)| {
                link.convert().ok_or_else(|| {
                    let router = lsa.id;
                    file.error(format!("{key} of router {router} ({:?}) lacks its addresses", link.kind))
                })
            });
            let links = links.collect::<Result<_, _>>()?;
            database.routers.push(RouterLsa { age: lsa.lsa_age, router: lsa.id, links });
        }
        database.areas.insert(area);
    }
    for (area, lsas) in output.network_link_states.into_iter().flat_map(|states| states.areas) {
        for lsa in lsas {
            let lan = Ipv4Net::new(lsa.link_state_id, lsa.prefix_length).map_err(|_| {
                file.error(format!("networkMask {} of {} is longer than 32 bits", lsa.prefix_length, lsa.link_state_id))
            })?;
            database.networks.push(NetworkLsa { age: lsa.lsa_age, lan, attached: lsa.attached.into_keys().collect() });
        }
        database.areas.insert(area);
    }
    Ok(database)
}

impl Link {
    /// Returns the link by its type, of which releases change the end of the text; `None` if an address is missing.
    fn convert(&self) -> Option<RouterLink> {
        let kind = self.kind.to_ascii_lowercase();
        let (interface, metric) = (self.router_interface_address, self.tos0_metric);
        if kind.starts_with("stub") {
            let prefix = Ipv4Net::with_netmask(self.network_address?, self.network_mask?).ok()?.trunc();
            Some(RouterLink::Stub { prefix, metric })
        } else if kind.contains("transit") {
            Some(RouterLink::Transit { designated: self.designated_router_address?, interface, metric })
        } else {
            Some(RouterLink::Router { neighbour: self.neighbor_router_id?, interface, metric })
        }
    }
}
