//! PIDs that rules found, in a topology file.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use topo::file::{PidFile, TopologyFile};

use super::rules::Names;
use crate::topology_file::assumptions::Assumptions;

/// The PIDs of a topology by prefix, which tell where next hops are.
#[derive(Clone, Debug, Default)]
pub struct Routers {
    pids: BTreeMap<IpNet, String>,
}

impl Routers {
    /// Takes the prefixes of a topology file.
    pub fn of(file: &TopologyFile) -> Self {
        let pids = file.pids.iter().flatten();
        let prefixes = pids.flat_map(|(name, pid)| pid.ipv4.iter().chain(&pid.ipv6).map(move |text| (text, name)));
        let parsed = prefixes.filter_map(|(text, name)| Some((text.parse::<IpNet>().ok()?.trunc(), name.clone())));
        Self { pids: parsed.collect() }
    }

    /// Returns the PID of the longest prefix that holds an address.
    pub fn pid(&self, address: IpAddr) -> Option<String> {
        let host = IpNet::from(address);
        (0..=host.prefix_len()).rev().find_map(|length| {
            let net = IpNet::new(address, length).ok()?.trunc();
            self.pids.get(&net).cloned()
        })
    }

    /// Iterates over the prefixes and their PIDs.
    pub fn iter(&self) -> impl Iterator<Item = (&IpNet, &String)> {
        self.pids.iter()
    }
}

/// The prefixes of each PID, and where the rules say that PIDs are entered.
#[derive(Clone, Debug)]
pub struct Grouped {
    /// Prefixes by PID, sorted.
    pub prefixes: BTreeMap<String, Vec<IpNet>>,
    pub(super) names: Names,
}

impl Grouped {
    /// Replaces the prefixes of all PIDs of a file. PIDs that the file lacks are added, entered where the rules say.
    pub fn set_prefixes(&self, file: &mut TopologyFile, assumptions: &mut Assumptions) {
        self.set_pids(file, assumptions);
        let pids = file.pids.get_or_insert_default();
        for (name, prefixes) in &self.prefixes {
            let Some(pid) = pids.get_mut(name) else { continue };
            for prefix in prefixes {
                match prefix {
                    IpNet::V4(net) => pid.ipv4.push(net.to_string()),
                    IpNet::V6(net) => pid.ipv6.push(net.to_string()),
                }
            }
        }
    }

    /// Takes the prefixes from all PIDs of a file, and adds the PIDs that it lacks, entered where the rules say.
    pub fn set_pids(&self, file: &mut TopologyFile, assumptions: &mut Assumptions) {
        let pids = file.pids.get_or_insert_default();
        for pid in pids.values_mut() {
            pid.ipv4.clear();
            pid.ipv6.clear();
        }
        for name in self.prefixes.keys() {
            pids.entry(name.clone()).or_insert_with(|| {
                let switches = self.names.switches(name).to_vec();
                PidFile { switches, ipv4: Vec::new(), ipv6: Vec::new() }
            });
        }
        let homeless = pids.iter().filter(|(name, pid)| pid.switches.is_empty() && *name != "default").count();
        assumptions.assumed(
            "pids-without-switches",
            homeless,
            "PIDs are entered at no switch, so that they have no costs",
        );
    }
}
