//! The history of one document: a ring of versions.

pub(crate) mod item;
mod steps;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::item::{Form, Item, Text};
use crate::content::Content;
use crate::difference::Difference;

/// Sequence number of a version (RFC 9569 §3.1); the first one is 1.
pub type Sequence = u64;

/// Number of tags by which a version is known: its own, and those that content without any change got later.
const TAGS: usize = 8;

/// Number of versions after which another one is kept as a whole.
const SNAPSHOT_INTERVAL: usize = 32;

/// Lengths of the edges that skip versions. Each begins at a multiple of its length (RFC 9569 §8.4).
const SHORTCUTS: [Sequence; 2] = [64, 8];

/// Bounds on one history. The newest version is kept in any case, as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory for the texts of all versions, in bytes.
    pub bytes: usize,
    /// Number of versions.
    pub versions: usize,
    /// Time for which a version is kept once there is a newer one.
    pub age: Duration,
}

/// Patches that a resource announces (RFC 8895 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patches {
    /// Merge patches (RFC 7396).
    pub merge: bool,
    /// JSON patches (RFC 6902).
    pub json: bool,
}

/// Reason why there is no edge between two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// One of the versions is older than the oldest one.
    #[error("a version before the oldest one")]
    Past,
    /// The later version does not exist yet; `distance` is how far it is beyond the newest one.
    #[error("a version that does not exist yet")]
    Future {
        /// Number of versions after the newest one.
        distance: u64,
    },
    /// Both versions exist, or are no versions, and no edge leads from one to the other.
    #[error("no edge between these versions")]
    NoEdge,
}

/// Versions of one document, the newest of which is kept as typed maps.
#[derive(Debug)]
pub struct History {
    patches: Patches,
    limits: Limits,
    /// Sequence number of the oldest version.
    start: Sequence,
    versions: VecDeque<Version>,
    newest: Arc<Content>,
    /// Edges to the newest version that skip others, by where they begin.
    to_newest: HashMap<Sequence, Item>,
    /// Edges that skip versions, by where they begin and end.
    shortcuts: HashMap<(Sequence, Sequence), Item>,
    /// Bytes of all texts, about.
    bytes: usize,
}

/// A version that may follow another one, with what differs. It is made without the history, which others read meanwhile.
#[derive(Debug)]
pub struct Successor {
    previous: Arc<Content>,
    content: Arc<Content>,
    difference: Difference,
    /// Way to the version; absent if only its tag differs.
    item: Option<Item>,
}

/// A version of the document.
#[derive(Debug)]
struct Version {
    /// Tags by which it is known, its own first.
    tags: VecDeque<Box<str>>,
    /// Time at which it came.
    at: Duration,
    /// Way from the previous version; absent for the oldest one.
    step: Option<Step>,
    /// The whole document, if it is kept.
    snapshot: Option<Arc<Text>>,
}

/// Way from a version to the next.
#[derive(Debug)]
struct Step {
    /// What differs; absent if only the whole document says it.
    difference: Option<Difference>,
    item: Item,
}

impl Successor {
    /// Compares `content` with the version before it, and writes what differs in the shortest form of those announced.
    pub fn new(previous: Arc<Content>, content: Content, patches: Patches) -> Self {
        let (difference, content) = (previous.difference(&content), Arc::new(content));
        let item = (!difference.is_empty()).then(|| match patches.write(&difference) {
            // The least length is found faster than the whole document is rendered.
            Some(patch) if patch.text.body().len() <= content.least_len() => patch,
            Some(patch) if patch.text.body().len() <= content.whole().body().len() => patch,
            _ => Item { form: Form::Whole, text: Arc::clone(content.whole()) },
        });
        Self { previous, content, difference, item }
    }
}

impl Patches {
    /// Writes a difference as the shorter patch of these; none if none of them can express it.
    fn write(self, difference: &Difference) -> Option<Item> {
        let item = |form, text: Vec<u8>| Item { form, text: Arc::new(Text::new(text.into())) };
        let merge = self.merge.then(|| difference.merge_patch()).flatten();
        let json = self.json.then(|| difference.json_patch());
        match (merge, json) {
            (Some(merge), Some(json)) if json.len() < merge.len() => Some(item(Form::JsonPatch, json)),
            (Some(merge), _) => Some(item(Form::MergePatch, merge)),
            (None, json) => json.map(|json| item(Form::JsonPatch, json)),
        }
    }
}

impl History {
    /// Begins with a version, which has the given tag, at the time `now` of any clock.
    pub fn new(content: Content, tag: &str, patches: Patches, limits: Limits, now: Duration) -> Self {
        let first = Version { tags: [tag.into()].into(), at: now, step: None, snapshot: None };
        Self {
            patches,
            limits,
            start: 1,
            versions: [first].into(),
            newest: Arc::new(content),
            to_newest: HashMap::new(),
            shortcuts: HashMap::new(),
            bytes: 0,
        }
    }

    /// Adds a version. Content that differs in nothing but the tag is none: the newest version is then known by that tag
    /// as well, where no JSON patches are sent. Returns whether there is a new version.
    ///
    /// A successor of another version than the newest one is refused, because its patch would lead elsewhere.
    pub fn extend(&mut self, successor: Successor, tag: &str, now: Duration) -> bool {
        let Successor { previous, content, difference, item } = successor;
        if !Arc::ptr_eq(&previous, &self.newest) {
            return false;
        }
        let Some(item) = item else {
            self.alias(tag);
            return false;
        };
        if self.versions.len() == 1 {
            self.keep_snapshot_of_newest();
        }
        let (difference, snapshot) = match item.form {
            Form::Whole => (None, Some(Arc::clone(&item.text))),
            Form::MergePatch | Form::JsonPatch => (Some(difference), None),
        };
        self.bytes += item.text.body().len() + difference.as_ref().map_or(0, Difference::bytes);
        self.bytes -= self.to_newest.drain().map(|(_, item)| item.text.body().len()).sum::<usize>();
        self.newest = content;
        let step = Some(Step { difference, item });
        self.versions.push_back(Version { tags: [tag.into()].into(), at: now, step, snapshot });
        if self.pays_snapshot() {
            self.keep_snapshot_of_newest();
        }
        self.trim(now);
        true
    }

    /// Drops what is above the limits at a time.
    pub fn trim(&mut self, now: Duration) {
        while self.versions.len() > 1 {
            // A version is as old as the one that replaced it.
            let is_old = self.versions[1].at.saturating_add(self.limits.age) < now;
            let is_large = self.bytes > self.limits.bytes || self.versions.len() > self.limits.versions;
            if !is_old && !is_large {
                break;
            }
            // The oldest version has to be kept as a whole (RFC 9569 §3.2).
            let next = (1..self.versions.len()).find(|place| self.versions[*place].snapshot.is_some());
            let count = next.unwrap_or_else(|| {
                self.keep_snapshot_of_newest();
                self.versions.len() - 1
            });
            self.drop_oldest(count);
        }
    }

    /// Sequence number of the oldest version.
    pub fn start(&self) -> Sequence {
        self.start
    }

    /// Sequence number of the newest version.
    pub fn end(&self) -> Sequence {
        self.start + self.versions.len() as u64 - 1
    }

    /// Tag of a version; none if it does not exist.
    pub fn tag(&self, version: Sequence) -> Option<&str> {
        self.version(version)?.tags.front().map(|tag| &**tag)
    }

    /// Finds the version that is known by a tag, the newest one of several.
    pub fn find(&self, tag: &str) -> Option<Sequence> {
        let known = |version: &Version| version.tags.iter().any(|known| **known == *tag);
        let place = self.versions.iter().rposition(known)?;
        Some(self.start + place as u64)
    }

    /// Patches that lead from version to version.
    pub fn patches(&self) -> Patches {
        self.patches
    }

    /// Content of the newest version.
    pub fn newest(&self) -> &Arc<Content> {
        &self.newest
    }

    /// The whole newest version.
    pub fn whole(&self) -> Item {
        Item { form: Form::Whole, text: Arc::clone(self.newest.whole()) }
    }

    /// Bytes that the texts take in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn version(&self, version: Sequence) -> Option<&Version> {
        self.versions.get(usize::try_from(version.checked_sub(self.start)?).ok()?)
    }

    /// Makes the newest version known by another tag.
    fn alias(&mut self, tag: &str) {
        // A JSON patch tests the tag, so that it fits the version's own one only.
        let Some(newest) = self.versions.back_mut().filter(|_| !self.patches.json) else { return };
        if newest.tags.iter().any(|known| **known == *tag) {
            return;
        }
        if newest.tags.len() == TAGS {
            // Its own tag stays.
            newest.tags.remove(1);
        }
        newest.tags.push_back(tag.into());
    }

    fn keep_snapshot_of_newest(&mut self) {
        let whole = Arc::clone(self.newest.whole());
        let Some(newest) = self.versions.back_mut().filter(|newest| newest.snapshot.is_none()) else { return };
        self.bytes += whole.body().len();
        newest.snapshot = Some(whole);
    }

    /// Tells whether patches since the last version that is kept as a whole are as long as another whole one.
    fn pays_snapshot(&self) -> bool {
        let (mut bytes, mut count) = (0, 0);
        for version in self.versions.iter().rev().take_while(|version| version.snapshot.is_none()) {
            bytes += version.step.as_ref().map_or(0, |step| step.item.text.body().len());
            count += 1;
        }
        count >= SNAPSHOT_INTERVAL || bytes > self.newest.least_len()
    }

    fn drop_oldest(&mut self, count: usize) {
        self.versions.drain(..count);
        self.start += count as u64;
        if let Some(oldest) = self.versions.front_mut() {
            oldest.step = None;
        }
        let start = self.start;
        self.shortcuts.retain(|(from, _), _| *from >= start);
        self.to_newest.retain(|from, _| *from >= start);
        self.bytes = self.counted();
    }

    /// Counts the bytes of all texts; a whole document that is both a step and a snapshot once.
    fn counted(&self) -> usize {
        let step = |step: &Step| match &step.difference {
            Some(difference) => step.item.text.body().len() + difference.bytes(),
            None => 0,
        };
        let version = |version: &Version| {
            version.step.as_ref().map_or(0, step) + version.snapshot.as_ref().map_or(0, |whole| whole.body().len())
        };
        let skipping = self.to_newest.values().chain(self.shortcuts.values());
        self.versions.iter().map(version).sum::<usize>() + skipping.map(|item| item.text.body().len()).sum::<usize>()
    }
}
