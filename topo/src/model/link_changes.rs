//! The changes in force on top of a topology: one accumulated change per link.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::change::{LinkChange, Override};
use super::topology::Topology;
use crate::error::ChangeError;
use crate::file::TopologyFile;

/// The identity of a link, independent of the direction in which a change names it.
///
/// Its text form is `source destination index`; node names contain no spaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkKey {
    source: String,
    destination: String,
    index: usize,
}

/// A text that is not the text form of a [`LinkKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a link key: expected \"SOURCE DESTINATION INDEX\", such as \"s1 s2 0\"")]
pub struct InvalidLinkKey {
    text: String,
}

/// Accumulated link changes by link; the newest value of each field wins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkChanges(BTreeMap<LinkKey, LinkChange>);

/// The result of applying accumulated changes to a topology that may have lost some of the links.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The topology with every applicable change applied.
    pub topology: Arc<Topology>,
    /// The changes that were applied.
    pub kept: LinkChanges,
    /// The reason for each change that was left out.
    pub dropped: Vec<ChangeError>,
}

impl LinkKey {
    /// Returns the key of the link that a change names, if `topology` has that link.
    ///
    /// The key names the link in the direction of the file, so that a-b and b-a are the same undirected link.
    pub fn of(change: &LinkChange, topology: &Topology) -> Option<Self> {
        let place = topology.find(change).ok()?;
        let link = topology.links().nth(place)?;
        let (source, destination) = (link.source().to_string(), link.destination().to_string());
        let mut named = LinkChange { index: Some(0), ..LinkChange::of(source, destination) };
        // Counts the links that the same two names stand for, up to this one.
        while topology.find(&named).ok()? != place {
            named.index = named.index.map(|index| index + 1);
        }
        Some(Self { source: named.source, destination: named.destination, index: named.index? })
    }
}

impl fmt::Display for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.source, self.destination, self.index)
    }
}

impl FromStr for LinkKey {
    type Err = InvalidLinkKey;

    fn from_str(text: &str) -> Result<Self, InvalidLinkKey> {
        let mut parts = text.split(' ');
        let key = (|| {
            let (source, destination) = (parts.next()?.to_owned(), parts.next()?.to_owned());
            let index = parts.next()?.parse().ok()?;
            parts.next().is_none().then_some(Self { source, destination, index })
        })();
        key.ok_or_else(|| InvalidLinkKey { text: text.to_owned() })
    }
}

impl LinkChanges {
    /// Merges new changes into the accumulated ones and returns the entries that result, without storing them.
    ///
    /// Changes of links that `topology` does not have are ignored. Lists of samples are replaced by the value they
    /// amount to.
    #[must_use]
    pub fn merged_with(&self, changes: &[LinkChange], topology: &Topology) -> Self {
        let mut merged = BTreeMap::new();
        for change in changes {
            let Some(key) = LinkKey::of(change, topology) else { continue };
            let change = change.clone().condensed();
            let known = merged.remove(&key).or_else(|| self.0.get(&key).cloned());
            merged.insert(
                key,
                match known {
                    Some(known) => change.over(known),
                    None => change,
                },
            );
        }
        Self(merged)
    }

    /// Replaces the entries of all links that `newer` has an entry for.
    pub fn extend(&mut self, newer: Self) {
        self.0.extend(newer.0);
    }

    /// Returns the entry of a link.
    pub fn get(&self, key: &LinkKey) -> Option<&LinkChange> {
        self.0.get(key)
    }

    /// Returns the changes without the one of a link; `None` if that link is not changed.
    pub fn without(&self, key: &LinkKey) -> Option<Self> {
        let mut rest = self.clone();
        rest.0.remove(key).map(|_| rest)
    }

    /// Writes the configured values that the changes set into the file of `base`; measurements have no place in files.
    pub fn write_into(&self, file: &mut TopologyFile, base: &Topology) {
        for change in self.0.values() {
            let Some(link) = base.find(change).ok().and_then(|place| file.links.get_mut(place)) else { continue };
            link.bandwidth = change.bandwidth.unwrap_or(link.bandwidth);
            link.delay = change.delay.unwrap_or(link.delay);
            link.loss = change.loss.or(link.loss);
            link.up = change.up.unwrap_or(link.up);
            link.price = change.price.unwrap_or(link.price);
            match change.cost {
                Some(Override::Set(cost)) => link.cost = Some(cost),
                Some(Override::Clear) => link.cost = None,
                None => {}
            }
        }
    }

    /// Iterates over all entries, by key.
    pub fn iter(&self) -> btree_map::Iter<'_, LinkKey, LinkChange> {
        self.0.iter()
    }

    /// Returns the number of changed links.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether no link is changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies every change that fits `base` and reports the ones that do not.
    pub fn fit(self, base: &Arc<Topology>) -> Fitted {
        if self.is_empty() {
            return Fitted { topology: Arc::clone(base), kept: self, dropped: Vec::new() };
        }
        let all: Vec<LinkChange> = self.0.values().cloned().collect();
        if let Ok(topology) = base.with_changes(&all) {
            return Fitted { topology: Arc::new(topology), kept: self, dropped: Vec::new() };
        }
        // One by one, to keep as many as possible.
        let mut fitted = Fitted { topology: Arc::clone(base), kept: Self::default(), dropped: Vec::new() };
        for (key, change) in self.0 {
            match fitted.topology.with_changes(std::slice::from_ref(&change)) {
                Ok(topology) => {
                    fitted.topology = Arc::new(topology);
                    fitted.kept.0.insert(key, change);
                }
                Err(error) => fitted.dropped.push(error),
            }
        }
        fitted
    }
}

impl FromIterator<(LinkKey, LinkChange)> for LinkChanges {
    fn from_iter<I: IntoIterator<Item = (LinkKey, LinkChange)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a LinkChanges {
    type Item = (&'a LinkKey, &'a LinkChange);
    type IntoIter = btree_map::Iter<'a, LinkKey, LinkChange>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parts::Link;

    fn topology(links: &str) -> Arc<Topology> {
        let json = format!(
            r#"{{"name": "n", "switches": [{{"name": "a", "dpid": "1"}}, {{"name": "b", "dpid": "2"}},
               {{"name": "c", "dpid": "3"}}], "links": [{links}]}}"#
        );
        Arc::new(Topology::from_json(json.as_bytes(), "test").unwrap())
    }

    fn link(source: &str, destination: &str) -> String {
        format!(r#"{{"source": "{source}", "destination": "{destination}", "bandwidth": 10, "delay": 1}}"#)
    }

    #[test]
    fn a_link_key_survives_its_text_form() {
        let key = LinkKey { source: "a".to_owned(), destination: "b".to_owned(), index: 7 };
        assert_eq!(key.to_string(), "a b 7");
        assert_eq!("a b 7".parse(), Ok(key));
        for text in ["", "a", "a b", "a b x", "a b -1", "a b 1 2"] {
            assert!(text.parse::<LinkKey>().unwrap_err().to_string().contains("SOURCE DESTINATION INDEX"), "{text:?}");
        }
    }

    #[test]
    fn both_directions_of_an_undirected_link_have_one_key_and_newer_values_win() {
        let topology = topology(&link("a", "b"));
        let first = LinkChange { price: Some(1.0), up: Some(false), ..LinkChange::of("a", "b") };
        let second = LinkChange { price: Some(2.0), cost: Some(Override::Clear), ..LinkChange::of("b", "a") };
        let mut changes = LinkChanges::default().merged_with(&[first], &topology);
        changes.extend(changes.merged_with(&[second], &topology));
        let entries: Vec<_> = changes.iter().map(|(key, change)| (key.to_string(), change.clone())).collect();
        let merged =
            LinkChange { price: Some(2.0), up: Some(false), cost: Some(Override::Clear), ..LinkChange::of("a", "b") };
        assert_eq!(entries, [("a b 0".to_owned(), merged)]);
    }

    #[test]
    fn parallel_links_have_a_key_each_whatever_their_direction_in_the_file() {
        let directed = link("b", "a").replace('}', r#", "directed": true}"#);
        let topology = topology(&[directed, link("b", "a"), link("a", "b")].join(","));
        let key = |source: &str, destination: &str, index| {
            let change = LinkChange { index: Some(index), ..LinkChange::of(source, destination) };
            LinkKey::of(&change, &topology).map(|key| key.to_string())
        };
        assert_eq!(
            [key("b", "a", 0), key("b", "a", 1), key("b", "a", 2)],
            ["b a 0", "b a 1", "a b 1"].map(|key| Some(key.to_owned()))
        );
        // The directed link cannot be named from its far end.
        assert_eq!(
            [key("a", "b", 0), key("a", "b", 1), key("a", "b", 2)],
            [Some("b a 1".to_owned()), Some("a b 1".to_owned()), None]
        );
    }

    #[test]
    fn changes_of_links_that_are_gone_are_dropped_and_the_others_kept() {
        let before = topology(&[link("a", "b"), link("b", "c")].join(","));
        let changes = [("a", "b"), ("b", "c")].map(|(a, b)| LinkChange { price: Some(1.0), ..LinkChange::of(a, b) });
        let changes = LinkChanges::default().merged_with(&changes, &before);
        let all = changes.clone().fit(&before);
        assert_eq!((all.kept, all.dropped.len()), (changes.clone(), 0));

        let after = topology(&link("b", "c"));
        let fitted = changes.fit(&after);
        assert_eq!(fitted.kept.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>(), ["b c 0"]);
        assert_eq!(fitted.topology.links().map(Link::price).collect::<Vec<_>>(), [1.0]);
        assert_eq!(fitted.dropped.len(), 1);
        assert_eq!((&*fitted.dropped[0].source_name, &*fitted.dropped[0].destination_name), ("a", "b"));
    }

    #[test]
    fn a_file_with_the_changes_written_into_it_is_the_changed_topology() {
        let text = r#"{"name": "n", "switches": [{"name": "a"}, {"name": "b"}], "links": [
            {"source": "a", "destination": "b", "bandwidth": 10, "delay": 1, "cost": 3},
            {"source": "a", "destination": "b", "bandwidth": 10, "delay": 1}]}"#;
        let base = Arc::new(Topology::from_json(text.as_bytes(), "test").unwrap());
        let of = |index| LinkChange { index: Some(index), ..LinkChange::of("b", "a") };
        let changes = [
            LinkChange { bandwidth: Some(5.0), cost: Some(Override::Clear), up: Some(false), ..of(0) },
            LinkChange { delay: Some(crate::file::Delay(7.0)), loss: Some(1.0), price: Some(2.0), ..of(1) },
            LinkChange { utilisation: Some(0.5.into()), ..of(1) },
        ];
        let changes = LinkChanges::default().merged_with(&changes, &base);
        let mut file = TopologyFile::from_json(text.as_bytes(), "test").unwrap();
        changes.write_into(&mut file, &base);
        let written = Topology::from_json(file.to_json().as_bytes(), "test").unwrap();
        let measured = LinkChange { utilisation: Some(0.5.into()), ..of(1) };
        let written = Arc::new(written.with_changes(&[measured]).unwrap());
        let fitted = changes.clone().fit(&base).topology;
        assert_eq!(written.links().collect::<Vec<_>>(), fitted.links().collect::<Vec<_>>());
        let key = LinkKey::of(&of(1), &base).unwrap();
        assert_eq!(changes.without(&key).unwrap().len(), 1);
        assert!(changes.get(&key).is_some() && changes.without(&key).unwrap().without(&key).is_none());
    }
}
