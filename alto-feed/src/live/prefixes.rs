//! The prefixes that a feed gives to PIDs, which the server keeps as a set of its own above the topology.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use ipnet::IpNet;
use topo::file::TopologyFile;

/// The PID of each prefix. Copies share the set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes(Arc<BTreeMap<IpNet, Arc<str>>>);

/// Changes from one set of prefixes to another: the new PID of each prefix, or its removal. Sorted by prefix.
pub type PrefixChanges = Vec<(IpNet, Option<Arc<str>>)>;

/// A line that is not `PREFIX PID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {0} is not of the form PREFIX PID")]
pub struct FaultyLine(usize);

impl Prefixes {
    /// Takes the prefixes of each PID.
    pub fn of(pids: BTreeMap<String, Vec<IpNet>>) -> Self {
        let pids = pids.into_iter().map(|(name, nets)| (Arc::<str>::from(name), nets));
        let prefixes = pids.flat_map(|(name, nets)| nets.into_iter().map(move |net| (net, Arc::clone(&name))));
        Self(Arc::new(prefixes.collect()))
    }

    /// Takes the prefixes out of a topology file, which keeps its PIDs.
    pub fn take_from(topology: &mut TopologyFile) -> Self {
        let mut prefixes = BTreeMap::new();
        for (name, pid) in topology.pids.iter_mut().flatten() {
            let name = Arc::<str>::from(name.as_str());
            for text in pid.ipv4.drain(..).chain(pid.ipv6.drain(..)) {
                if let Ok(net) = text.parse::<IpNet>() {
                    prefixes.insert(net.trunc(), Arc::clone(&name));
                }
            }
        }
        Self(Arc::new(prefixes))
    }

    /// Reads lines as [`lines`](Self::lines) writes them. Empty lines and those that begin with `#` are skipped.
    pub fn parse(text: &str) -> Result<Self, FaultyLine> {
        let mut prefixes = BTreeMap::new();
        let mut latest: Option<Arc<str>> = None;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let (net, name) = line.split_once(' ').ok_or(FaultyLine(number))?;
            let net: IpNet = net.parse().map_err(|_| FaultyLine(number))?;
            // Neighbouring lines mostly have the same PID.
            let name = latest.filter(|known| **known == *name).unwrap_or_else(|| Arc::from(name));
            prefixes.insert(net, Arc::clone(&name));
            latest = Some(name);
        }
        Ok(Self(Arc::new(prefixes)))
    }

    /// Writes the set as lines `PREFIX PID`, as the server takes them.
    pub fn lines(&self) -> String {
        let mut text = String::with_capacity(self.0.len() * 24);
        for (net, name) in &*self.0 {
            // Writing to a string never fails.
            let _ = writeln!(text, "{net} {name}");
        }
        text
    }

    /// Returns the changes that make this set the other one.
    pub fn changes_to(&self, other: &Self) -> PrefixChanges {
        if Arc::ptr_eq(&self.0, &other.0) {
            return PrefixChanges::new();
        }
        let (mut old, mut new) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut changes = Vec::new();
        loop {
            let nets = [old.peek().map(|(net, _)| **net), new.peek().map(|(net, _)| **net)];
            let Some(net) = nets.into_iter().flatten().min() else { return changes };
            let before = old.next_if(|(known, _)| **known == net).map(|(_, name)| name);
            let after = new.next_if(|(known, _)| **known == net).map(|(_, name)| name);
            if before != after {
                changes.push((net, after.cloned()));
            }
        }
    }

    /// Counts the prefixes whose addresses are no longer in the same PID after changes that lead to `next`. A prefix that
    /// merging replaced by a shorter one of its PID is not lost.
    pub fn lost(&self, changes: &PrefixChanges, next: &Self) -> usize {
        let lost = |net: &IpNet| self.0.get(net).is_some_and(|name| next.longest_match(*net) != Some(name));
        changes.iter().filter(|(net, _)| lost(net)).count()
    }

    /// Returns the PID of the longest prefix that covers a whole prefix.
    fn longest_match(&self, mut net: IpNet) -> Option<&Arc<str>> {
        loop {
            if let Some(name) = self.0.get(&net) {
                return Some(name);
            }
            net = net.supernet()?;
        }
    }

    /// Returns the PID of exactly this prefix.
    pub fn get(&self, net: &IpNet) -> Option<&str> {
        self.0.get(net).map(|name| &**name)
    }

    /// Returns the number of prefixes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no prefixes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes changes as lines `+ PREFIX PID` and `- PREFIX`, as the server takes them.
pub fn change_lines(changes: &PrefixChanges) -> String {
    let mut text = String::with_capacity(changes.len() * 26);
    for (net, name) in changes {
        let _ = match name {
            Some(name) => writeln!(text, "+ {net} {name}"),
            None => writeln!(text, "- {net}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(lines: &str) -> Prefixes {
        Prefixes::parse(lines).unwrap()
    }

    #[test]
    fn changes_lead_from_one_set_to_the_other() {
        let before = prefixes("10.0.0.0/8 a\n10.1.0.0/16 b\n192.0.2.0/24 c\n2001:db8::/32 a\n");
        let after = prefixes("# later\n10.0.0.0/8 a\n10.1.0.0/16 c\n\n198.51.100.0/24 c\n2001:db8::/32 a\n");
        let changes = before.changes_to(&after);
        assert_eq!(change_lines(&changes), "+ 10.1.0.0/16 c\n- 192.0.2.0/24\n+ 198.51.100.0/24 c\n");
        assert_eq!((before.lost(&changes, &after), before.changes_to(&before)), (2, Vec::new()));
        assert_eq!(prefixes(&after.lines()), after);
    }

    #[test]
    fn a_prefix_that_was_merged_into_a_shorter_one_is_not_lost() {
        let before = prefixes("10.0.0.0/9 a\n10.128.0.0/9 b\n");
        let merged = prefixes("10.0.0.0/8 a\n");
        assert_eq!(before.lost(&before.changes_to(&merged), &merged), 1, "only that of b");
    }

    #[test]
    fn faulty_lines_are_named_by_number() {
        for text in ["\n10.0.0.0/8", "# x\n10.0.0.0/33 a"] {
            assert_eq!(Prefixes::parse(text), Err(FaultyLine(2)), "{text}");
        }
    }
}
