//! The PID of every prefix.

use std::collections::{BTreeMap, HashMap};

use ipnet::IpNet;

use super::merge;
use super::rules::{Names, PidNumber, Rules};

/// PIDs by prefix, with the peer whose route decided.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    pids: HashMap<IpNet, (PidNumber, u16)>,
}

/// More PIDs or prefixes than the rules allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// More PIDs than `max-pids`.
    #[error(
        "the rules lead to {0} PIDs and allow {1}: a cost map has a cell for every pair of PIDs; let rules name fewer, or \
         raise max-pids"
    )]
    Pids(usize, usize),
    /// More prefixes than `max-prefixes`.
    #[error("there are more than {0} prefixes: narrow ipv4-lengths and ipv6-lengths, or raise max-prefixes")]
    Prefixes(usize),
}

impl Assignment {
    /// Sets the PID of a prefix, replacing an earlier one.
    pub fn set(&mut self, prefix: IpNet, pid: PidNumber, peer: u16) {
        self.pids.insert(prefix, (pid, peer));
    }

    /// Sets the PID of a prefix that has none yet.
    pub fn set_first(&mut self, prefix: IpNet, pid: PidNumber, peer: u16) {
        self.pids.entry(prefix).or_insert((pid, peer));
    }

    /// Removes a prefix, if the peer's route decided about it.
    pub fn remove(&mut self, prefix: &IpNet, peer: u16) {
        if self.pids.get(prefix).is_some_and(|(_, decided)| *decided == peer) {
            self.pids.remove(prefix);
        }
    }

    /// Returns the number of prefixes.
    pub fn len(&self) -> usize {
        self.pids.len()
    }

    /// Returns whether there are no prefixes.
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty()
    }

    /// Checks the limits of the rules.
    pub fn check(&self, rules: &Rules, names: &Names) -> Result<(), TooMany> {
        if self.pids.len() > rules.max_prefixes {
            return Err(TooMany::Prefixes(rules.max_prefixes));
        }
        if names.len() > rules.max_pids {
            return Err(TooMany::Pids(names.len(), rules.max_pids));
        }
        Ok(())
    }

    /// Returns the merged prefixes of each PID by name, sorted.
    pub fn merged(self, names: &Names) -> BTreeMap<String, Vec<IpNet>> {
        let mut sets: BTreeMap<String, Vec<IpNet>> = BTreeMap::new();
        for (prefix, pid) in merge::merge(self.pids.into_iter().map(|(prefix, (pid, _))| (prefix, pid))) {
            match sets.get_mut(names.name(pid)) {
                Some(set) => set.push(prefix),
                None => drop(sets.insert(names.name(pid).to_owned(), vec![prefix])),
            }
        }
        sets
    }
}
