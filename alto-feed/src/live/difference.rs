//! The difference between the network that the server has and the one that was observed.
//!
//! What only concerns links (costs, bandwidths, delays, links that went down or came back) is sent as changes. A node,
//! link or prefix that the server does not know, or no longer should, needs the whole topology.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use topo::file::{LinkFile, PidFile, TopologyFile};
use topo::{LinkChange, Override};

/// Difference between two states of a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// Equal states: nothing is sent.
    None,
    /// Changes of links that the server knows.
    Links {
        /// Changes to send.
        changes: Vec<LinkChange>,
        /// The network after them.
        result: TopologyFile,
    },
    /// The whole network.
    Replace {
        /// The network to send.
        result: TopologyFile,
    },
}

/// Numbers of links and prefixes that a difference drops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Number of links that were up and no longer are, and of all that were up.
    pub links: (usize, usize),
    /// Number of prefixes whose addresses are no longer in the same PID, and of all prefixes.
    pub prefixes: (usize, usize),
}

/// A link's ends, and its number among those with the same ends.
type Key = (String, String, usize);

/// Compares what the server has with what was observed.
pub fn difference(known: &TopologyFile, observed: &TopologyFile) -> Difference {
    if known == observed {
        return Difference::None;
    }
    let (old, new) = (by_key(known), by_key(observed));
    let names = |file: &TopologyFile| file.switches.iter().map(|switch| switch.name.clone()).collect::<BTreeSet<_>>();
    let is_new = new.keys().any(|key| !old.contains_key(key)) || !names(observed).is_subset(&names(known));
    let is_same =
        known.hosts == observed.hosts && known.cost == observed.cost && known.properties == observed.properties;
    let has_same_pids = observed.pids == kept_pids(known, observed);
    if is_new || !is_same || !has_same_pids || known.name != observed.name {
        return Difference::Replace { result: observed.clone() };
    }
    let mut result = known.clone();
    let mut changes = Vec::new();
    let keys: Vec<Key> = keys(known);
    for (link, key) in result.links.iter_mut().zip(keys) {
        let gone = LinkFile { up: false, ..link.clone() };
        let now = new.get(&key).copied().unwrap_or(&gone);
        if let Some(change) = change(link, now, &key) {
            *link = now.clone();
            changes.push(change);
        }
    }
    if changes.is_empty() { Difference::None } else { Difference::Links { changes, result } }
}

/// Returns the known PIDs without those whose routers are gone: nobody reaches their prefixes, but they stay in the map
/// until the network is replaced as a whole.
fn kept_pids(known: &TopologyFile, observed: &TopologyFile) -> Option<BTreeMap<String, PidFile>> {
    let present: BTreeSet<&String> = observed.switches.iter().map(|switch| &switch.name).collect();
    let mut pids = known.pids.clone();
    if let (Some(pids), Some(now)) = (&mut pids, &observed.pids) {
        let is_gone =
            |pid: &PidFile| !pid.switches.is_empty() && pid.switches.iter().all(|switch| !present.contains(switch));
        pids.retain(|name, pid| now.contains_key(name) || !is_gone(pid));
    }
    pids
}

/// Counts what the step from one network to another drops.
pub fn losses(known: &TopologyFile, next: &TopologyFile) -> Losses {
    let up = |file: &TopologyFile| {
        let up = keys(file).into_iter().zip(&file.links).filter(|(_, link)| link.up);
        up.map(|(key, _)| key).collect::<BTreeSet<_>>()
    };
    let (before, after) = (up(known), up(next));
    let (old, new) = (by_prefix(known), by_prefix(next));
    let moved = old.iter().filter(|(prefix, pid)| longest_match(&new, **prefix) != Some(**pid)).count();
    Losses { links: (before.difference(&after).count(), before.len()), prefixes: (moved, old.len()) }
}

/// Returns the PID of each prefix of a file.
fn by_prefix(file: &TopologyFile) -> BTreeMap<IpNet, &str> {
    let pids = file.pids.iter().flatten();
    let texts = pids.flat_map(|(name, pid)| pid.ipv4.iter().chain(&pid.ipv6).map(move |text| (text, name.as_str())));
    texts.filter_map(|(text, name)| Some((text.parse::<IpNet>().ok()?.trunc(), name))).collect()
}

/// Returns the PID of the longest prefix that covers a whole prefix. Merging may have replaced a prefix by a shorter one.
fn longest_match<'a>(prefixes: &BTreeMap<IpNet, &'a str>, mut prefix: IpNet) -> Option<&'a str> {
    loop {
        if let Some(pid) = prefixes.get(&prefix) {
            return Some(pid);
        }
        prefix = prefix.supernet()?;
    }
}

/// Returns the change that makes one state of a link the other.
fn change(before: &LinkFile, now: &LinkFile, key: &Key) -> Option<LinkChange> {
    let mut change = LinkChange::of(&*key.0, &*key.1);
    let untouched = change.clone();
    if before.up != now.up {
        change.up = Some(now.up);
    }
    if before.cost != now.cost {
        change.cost = Some(now.cost.map_or(Override::Clear, Override::Set));
    }
    #[expect(clippy::float_cmp, reason = "any difference counts")]
    if before.bandwidth != now.bandwidth {
        change.bandwidth = Some(now.bandwidth);
    }
    if before.delay != now.delay {
        change.delay = Some(now.delay);
    }
    if before.loss != now.loss {
        change.loss = Some(now.loss.unwrap_or_default());
    }
    (change != untouched).then_some(LinkChange { index: Some(key.2), ..change })
}

/// Returns the key of every link, in the order of the file.
fn keys(file: &TopologyFile) -> Vec<Key> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let key = |link: &'_ LinkFile, count: usize| (link.source.clone(), link.destination.clone(), count);
    let mut keys = Vec::with_capacity(file.links.len());
    for link in &file.links {
        let count = counts.entry((&link.source, &link.destination)).or_default();
        keys.push(key(link, *count));
        *count += 1;
    }
    keys
}

fn by_key(file: &TopologyFile) -> BTreeMap<Key, &LinkFile> {
    keys(file).into_iter().zip(&file.links).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology_file::parts;

    fn network(links: &[(&str, &str, f64)]) -> TopologyFile {
        let mut file = parts::empty("n");
        let mut names = BTreeSet::new();
        for (from, to, cost) in links {
            names.extend([*from, *to]);
            file.links.push(parts::directed(from, to, 1000.0, 1.0, *cost));
        }
        let pid = |name: &&str| {
            let mut pid = parts::pid(name);
            pid.ipv4.push(format!("10.{}.0.0/16", name.as_bytes()[0]));
            ((*name).to_owned(), pid)
        };
        file.pids = Some(names.iter().map(pid).collect());
        file.switches = names.iter().map(|name| parts::switch(name)).collect();
        file
    }

    #[test]
    fn links_that_change_go_down_or_return_are_changes() {
        let before = network(&[("a", "b", 1.0), ("b", "a", 1.0), ("a", "b", 7.0), ("b", "c", 2.0), ("c", "b", 2.0)]);
        assert_eq!(difference(&before, &before), Difference::None);
        // One of the parallel links costs more, and c is gone altogether.
        let now = network(&[("a", "b", 1.0), ("b", "a", 1.0), ("a", "b", 9.0)]);
        let Difference::Links { changes, result } = difference(&before, &now) else { panic!("not only links") };
        let texts: Vec<String> = changes.iter().map(|change| serde_json::to_string(change).unwrap()).collect();
        let expected = [
            r#"{"source":"a","destination":"b","index":1,"cost":9.0}"#,
            r#"{"source":"b","destination":"c","index":0,"up":false}"#,
            r#"{"source":"c","destination":"b","index":0,"up":false}"#,
        ];
        assert_eq!(texts, expected);
        assert_eq!(losses(&before, &result), Losses { links: (2, 5), prefixes: (0, 3) });
        // Everything returns.
        let Difference::Links { changes, result } = difference(&result, &before) else { panic!("not only links") };
        assert_eq!((changes.len(), result), (3, before));
    }

    #[test]
    fn what_the_server_does_not_know_needs_the_whole_network() {
        let before = network(&[("a", "b", 1.0), ("b", "a", 1.0)]);
        let more = network(&[("a", "b", 1.0), ("b", "a", 1.0), ("b", "c", 1.0), ("c", "b", 1.0)]);
        assert_eq!(difference(&before, &more), Difference::Replace { result: more.clone() });
        let mut moved = before.clone();
        let pids = moved.pids.as_mut().unwrap();
        pids.get_mut("a").unwrap().ipv4.clear();
        assert_eq!(difference(&before, &moved), Difference::Replace { result: moved.clone() });
        assert_eq!(losses(&before, &moved), Losses { links: (0, 2), prefixes: (1, 2) });
        // A shorter prefix of the same PID still holds the addresses; one of another PID does not.
        let mut merged = before.clone();
        merged.pids.as_mut().unwrap().get_mut("a").unwrap().ipv4 = vec!["10.96.0.0/15".to_owned()];
        assert_eq!(losses(&before, &merged).prefixes, (0, 2));
        let pids = merged.pids.as_mut().unwrap();
        pids.get_mut("a").unwrap().ipv4.clear();
        pids.get_mut("b").unwrap().ipv4.push("10.96.0.0/15".to_owned());
        assert_eq!(losses(&before, &merged).prefixes, (1, 2));
    }
}
