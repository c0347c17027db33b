//! The difference between the topology that the server has and the one that was observed.
//!
//! What only concerns links (costs, bandwidths, delays, links that went down or came back) is sent as changes. A node,
//! link or PID that the server does not know, or no longer should, needs the whole topology.

use std::collections::{BTreeMap, BTreeSet};

use topo::file::{LinkFile, PidFile, TopologyFile};
use topo::{LinkChange, Override};

/// Difference between two states of a topology.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// Equal states: nothing is sent.
    None,
    /// Changes of links that the server knows.
    Links {
        /// Changes to send.
        changes: Vec<LinkChange>,
        /// The topology after them.
        result: TopologyFile,
    },
    /// The whole topology.
    Replace {
        /// The topology to send.
        result: TopologyFile,
    },
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

/// Returns the known PIDs without those whose routers are gone: they have no prefixes any more, but stay in the map until
/// the topology is replaced as a whole.
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

/// Counts the links that are up in one topology and not in the next, and all that were up.
pub fn lost_links(known: &TopologyFile, next: &TopologyFile) -> (usize, usize) {
    let up = |file: &TopologyFile| {
        let up = keys(file).into_iter().zip(&file.links).filter(|(_, link)| link.up);
        up.map(|(key, _)| key).collect::<BTreeSet<_>>()
    };
    let (before, after) = (up(known), up(next));
    (before.difference(&after).count(), before.len())
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
        file.pids = Some(names.iter().map(|name| ((*name).to_owned(), parts::pid(name))).collect());
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
        assert_eq!(lost_links(&before, &result), (2, 5));
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
        moved.pids.as_mut().unwrap().get_mut("a").unwrap().switches = vec!["b".to_owned()];
        assert_eq!(difference(&before, &moved), Difference::Replace { result: moved.clone() });
        assert_eq!(lost_links(&before, &moved), (0, 2));
    }
}
