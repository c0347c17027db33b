//! For each PID, the candidates by cost.

use std::collections::BTreeMap;
use std::net::IpAddr;

use alto_client::Maps;
use ipnet::IpNet;

/// One of several places that can serve a client, such as a data centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Name in the other program.
    pub name: String,
    /// Address, which tells the PID.
    pub address: IpAddr,
}

/// A PID with its prefixes, and the candidates that traffic from it has a cost to.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Prefixes of the PID, sorted.
    pub prefixes: Vec<IpNet>,
    /// Candidates, the least costly first; of equal costs, in the order in which they were given.
    pub candidates: Vec<(Candidate, f64)>,
}

/// The candidates by cost, by PID.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Rows by the name of the PID.
    pub rows: BTreeMap<String, Row>,
}

/// A candidate that no PID has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address {1} of {0} is in no PID of the network map")]
pub struct Nowhere(String, IpAddr);

impl Candidate {
    /// Parses `NAME=ADDRESS`. Names are of letters, digits, `-`, `_` and `.`, which no format has to quote.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, address) =
            text.split_once('=').ok_or_else(|| format!("{text:?} is not of the form NAME=ADDRESS"))?;
        if !is_name(name) {
            return Err(format!("{name:?} is not a name: use letters, digits, \"-\", \"_\" and \".\""));
        }
        let address = address.parse().map_err(|_| format!("{address:?} is not an IP address"))?;
        Ok(Self { name: name.to_owned(), address })
    }
}

/// Returns whether a name needs no quotes in any format.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl Ranking {
    /// Ranks candidates by the costs from each PID to theirs.
    pub fn of(maps: &Maps, candidates: &[Candidate]) -> Result<Self, Nowhere> {
        let places = candidates.iter().map(|candidate| {
            let pid = maps.network.pid_of(candidate.address);
            pid.ok_or_else(|| Nowhere(candidate.name.clone(), candidate.address)).map(|pid| (candidate, pid.as_str()))
        });
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let mut rows = BTreeMap::new();
        for (pid, group) in maps.network.pids() {
            let ipv4 = group.ipv4.iter().copied().map(IpNet::V4);
            let mut prefixes: Vec<IpNet> = ipv4.chain(group.ipv6.iter().copied().map(IpNet::V6)).collect();
            prefixes.sort_unstable();
            let costs = places
                .iter()
                .filter_map(|(candidate, place)| Some(((*candidate).clone(), maps.costs.get(pid.as_str(), place)?)));
            let mut candidates: Vec<(Candidate, f64)> = costs.collect();
            candidates.sort_by(|(_, a), (_, b)| a.total_cmp(b));
            rows.insert(pid.as_str().to_owned(), Row { prefixes, candidates });
        }
        Ok(Self { rows })
    }

    /// Returns how many PIDs have a cost to no candidate.
    pub fn without_costs(&self) -> usize {
        self.rows.values().filter(|row| row.candidates.is_empty()).count()
    }
}
