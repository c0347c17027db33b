//! The prefixes of a routing table and their PIDs.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::assignment::{Assignment, TooMany};
use super::extend::{Grouped, Routers};
use super::route::Route;
use super::rules::{Classifier, MANY_PIDS, Rules};
use crate::bgp::decode::Change;
use crate::topology_file::assumptions::Assumptions;

/// The prefixes of a routing table so far.
pub struct Table<'a> {
    rules: &'a Rules,
    classifier: Classifier<'a>,
    pids: Assignment,
    peers: HashMap<IpAddr, u16>,
    /// Number of routes to prefixes outside the permitted lengths.
    outside: usize,
}

impl<'a> Table<'a> {
    /// Creates an empty table; `router` tells the PID of the router that has an address.
    pub fn new(rules: &'a Rules, router: &'a dyn Fn(IpAddr) -> Option<String>) -> Self {
        let classifier = Classifier::new(rules, router);
        Self { rules, classifier, pids: Assignment::default(), peers: HashMap::new(), outside: 0 }
    }

    /// Applies a change. Of several paths to a prefix, the first one counts in a table, and the last one in updates.
    pub fn apply(&mut self, change: &Change, first: bool) {
        let next = u16::try_from(self.peers.len()).unwrap_or(u16::MAX);
        let peer = *self.peers.entry(change.peer).or_insert(next);
        match &change.route {
            None => self.pids.remove(&change.prefix, peer),
            Some(route) => self.add(&change.prefix, route, peer, first),
        }
    }

    /// Adds a route that is the best one to its prefix.
    pub fn add_best(&mut self, prefix: &IpNet, route: &Route) {
        self.add(prefix, route, 0, true);
    }

    fn add(&mut self, prefix: &IpNet, route: &Route, peer: u16, first: bool) {
        match self.classifier.pid(prefix, route) {
            None => self.outside += 1,
            Some(pid) if first => self.pids.set_first(*prefix, pid, peer),
            Some(pid) => self.pids.set(*prefix, pid, peer),
        }
    }

    /// Returns whether there are no prefixes.
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty()
    }

    /// Checks the limits of the rules.
    pub fn check(&self) -> Result<(), TooMany> {
        self.pids.check(self.rules, &self.classifier.names)
    }

    /// Returns the merged prefixes of each PID. What the topology itself says of a prefix takes precedence.
    pub fn finish(mut self, routers: &Routers, assumptions: &mut Assumptions) -> Result<Grouped, TooMany> {
        for (prefix, name) in routers.iter() {
            let number = self.classifier.names.number(name);
            self.pids.set(*prefix, number, 0);
        }
        self.check()?;
        let Self { classifier, pids, outside, .. } = self;
        assumptions.found("prefixes", pids.len());
        assumptions.assumed(
            "outside-lengths",
            outside,
            "routes to prefixes outside the permitted lengths were left out",
        );
        assumptions.assumed("unmatched", classifier.unmatched, "routes match no rule and belong to default");
        assumptions.assumed(
            "illegal-names",
            classifier.illegal,
            "routes lead to an illegal PID name and belong to default",
        );
        let names = classifier.names;
        if names.len() > MANY_PIDS {
            assumptions.assumed("pids", names.len(), "PIDs are many: a cost map has a cell for every pair of them");
        } else {
            assumptions.found("pids", names.len());
        }
        let prefixes = pids.merged(&names);
        assumptions.found("merged-prefixes", prefixes.values().map(Vec::len).sum());
        Ok(Grouped { prefixes, names })
    }
}
