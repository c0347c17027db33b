//! The audit trail: who changed the network, when, and what, as a bounded list.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest number of entries; older ones are dropped.
pub(crate) const MAX_ENTRIES: usize = 1000;
/// Number of newest entries among which one is looked for that a repeated change is counted in.
const REPEATED: usize = 16;
/// Largest length of the description of a change, in characters.
const MAX_DETAIL: usize = 300;

/// Whoever makes a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    /// Name of the token, `socket`, or `signal`.
    pub(crate) who: String,
    /// Address that the request came from, if it came from one.
    pub(crate) from: Option<IpAddr>,
}

/// Kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Changes to links, with more than measurements.
    ChangeLinks,
    /// Measurements of links.
    MeasureLinks,
    /// The change of one link was undone.
    UndoLink,
    /// The changes of all links were undone.
    ResetLinks,
    /// Another topology took the place of the file.
    ReplaceTopology,
    /// The topology file is in force again.
    RestoreTopology,
    /// The topology before is in force again.
    PreviousTopology,
    /// Settings and files were read again.
    Reload,
    /// Prefixes of a source.
    ChangePrefixes,
    /// A source was deleted.
    DeletePrefixes,
}

impl fmt::Display for Action {
    /// Writes the word that stands for it in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One change, or several of the same kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct AuditEntry {
    /// Number of the entry, which grows.
    pub(crate) number: u64,
    /// Time of the change, the last one of several, in seconds since 1970-01-01.
    pub(crate) time: f64,
    /// Name of the token, `socket`, or `signal`.
    pub(crate) who: String,
    /// Address that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<IpAddr>,
    pub(crate) action: Action,
    /// What was changed: a link, a source, a topology.
    pub(crate) subject: String,
    /// How, shortened.
    pub(crate) detail: String,
    /// Number of changes of this kind that the entry stands for, since `first`.
    pub(crate) count: u64,
    /// Time of the first of them, in seconds since 1970-01-01.
    pub(crate) first: f64,
}

/// The trail, oldest entry first.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    entries: VecDeque<AuditEntry>,
}

/// Consequence of a change for the stored trail.
#[derive(Debug, PartialEq)]
pub(crate) struct Noted {
    pub(crate) entry: AuditEntry,
    /// Whether the entry is new, and not an older one that counts one more.
    pub(crate) is_new: bool,
}

impl Noted {
    /// Gives the entry the time that the change has in the log of several servers.
    pub(crate) fn date(&mut self, time: SystemTime) {
        self.entry.time = seconds(time);
        if self.entry.count == 1 {
            self.entry.first = self.entry.time;
        }
    }
}

/// Seconds since 1970-01-01.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

impl Action {
    /// Whether programs make such changes all the time, which would push everything else out of the trail.
    fn is_frequent(self) -> bool {
        matches!(self, Self::MeasureLinks | Self::ChangePrefixes)
    }
}

impl Trail {
    /// Continues the trail of an earlier run.
    pub(crate) fn new(saved: Vec<AuditEntry>) -> Self {
        let mut entries = VecDeque::from(saved);
        entries.drain(..entries.len().saturating_sub(MAX_ENTRIES));
        Self { entries }
    }

    /// Returns the entry that a change would add or count in, without adding it.
    pub(crate) fn prepare(
        &self,
        by: &Actor,
        action: Action,
        (subject, detail): (&str, &str),
        now: SystemTime,
    ) -> Noted {
        let time = seconds(now);
        let detail: String = detail.chars().take(MAX_DETAIL).collect();
        let subject: String = subject.chars().take(MAX_DETAIL).collect();
        let is_same = |entry: &&AuditEntry| {
            entry.action == action && entry.who == by.who && entry.from == by.from && entry.subject == subject
        };
        let known = self.entries.iter().rev().take(REPEATED).find(is_same).filter(|_| action.is_frequent());
        let entry = match known {
            Some(known) => AuditEntry { time, detail, count: known.count + 1, ..known.clone() },
            None => AuditEntry {
                number: self.entries.back().map_or(1, |last| last.number + 1),
                time,
                who: by.who.clone(),
                from: by.from,
                action,
                subject,
                detail,
                count: 1,
                first: time,
            },
        };
        Noted { entry, is_new: known.is_none() }
    }

    /// Adds an entry, or replaces the one with its number, and logs a new one.
    pub(crate) fn add(&mut self, noted: Noted) {
        let Noted { entry, is_new } = noted;
        if is_new {
            let AuditEntry { who, from, action, subject, detail, .. } = &entry;
            let from = from.map(|from| from.to_string()).unwrap_or_default();
            tracing::info!(target: "audit", who, from, %action, subject, detail, "the network was changed");
        }
        match self.entries.iter_mut().find(|known| known.number == entry.number) {
            Some(known) => *known = entry,
            None => self.entries.push_back(entry),
        }
        self.entries.drain(..self.entries.len().saturating_sub(MAX_ENTRIES));
    }

    /// Entries, the newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &AuditEntry> {
        self.entries.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_trail_is_bounded_and_counts_repeated_measurements() {
        let (feeder, operator) = (actor("feeder"), actor("ada"));
        let mut trail = Trail::default();
        let mut add = |by: &Actor, action, subject: &str, second| {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let noted = trail.prepare(by, action, (subject, "detail"), now);
            trail.add(noted);
            trail.newest().count()
        };
        assert_eq!(add(&feeder, Action::MeasureLinks, "", 1), 1);
        assert_eq!(add(&operator, Action::ChangeLinks, "a b", 2), 2);
        assert_eq!(add(&feeder, Action::MeasureLinks, "", 3), 2, "counted in the entry of the same kind");
        assert_eq!(add(&operator, Action::ChangeLinks, "a b", 4), 3, "what an operator does is never merged");
        for second in 5..3000 {
            assert!(add(&operator, Action::ChangeLinks, "a b", second) <= MAX_ENTRIES);
        }
        let newest = trail.newest().next().unwrap().clone();
        assert_eq!((newest.time, newest.number), (2999.0, 2998));
        // Whatever was saved, a trail that continues has the newest entries.
        let again = Trail::new(trail.newest().cloned().collect::<Vec<_>>().into_iter().rev().collect());
        assert_eq!(again.newest().next(), Some(&newest));
    }

    fn actor(who: &str) -> Actor {
        Actor { who: who.to_owned(), from: Some([192, 0, 2, 1].into()) }
    }

    #[test]
    fn the_log_has_the_words_of_the_trail() {
        assert_eq!(Action::PreviousTopology.to_string(), "previous-topology");
    }

    #[test]
    fn entries_are_short_whatever_the_request() {
        let detail = "ä".repeat(100_000);
        let noted =
            Trail::default().prepare(&actor("a"), Action::ReplaceTopology, (&detail, &detail), SystemTime::now());
        assert!(serde_json::to_string(&noted.entry).unwrap().len() < 2000);
    }
}
