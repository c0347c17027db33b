//! What differs between two versions of a document.

mod composition;
mod json_patch;
mod merge_patch;

use crate::content::keys::Key;

/// Everything that leads from one version of a document to another.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Name of the data member.
    member: &'static str,
    /// Tags of both versions, if they have any.
    pub(crate) tags: Option<(Key, Key)>,
    /// Changes to members of `meta`.
    pub(crate) meta: Vec<Change>,
    /// Changes to objects of the data member, each once.
    pub(crate) rows: Vec<(Key, RowChange)>,
    /// JSON of all values.
    text: Vec<u8>,
}

/// Change to an object of the data member.
#[derive(Clone, Debug)]
pub(crate) enum RowChange {
    /// New object with its members.
    Added(Vec<(Key, Span)>),
    /// Object that is gone, with the keys of the members it had.
    Removed(Vec<Key>),
    /// Object with other members, each once.
    Changed(Vec<Change>),
}

/// Change to a member.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: Key,
    /// Whether the member existed before.
    pub(crate) had: bool,
    /// Value afterwards; absent if the member is gone.
    pub(crate) value: Option<Span>,
    /// Steps from the list before to the one afterwards, if both are lists.
    #[expect(clippy::box_collection, reason = "rare, and changed costs are many")]
    pub(crate) steps: Option<Box<Vec<Step>>>,
}

/// Change to a list: elements removed by index from the back, then others inserted by index from the front.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) removed: Vec<u32>,
    pub(crate) added: Vec<(u32, Span)>,
}

/// Place of a value in the text of its difference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Difference {
    pub(crate) fn new(member: &'static str) -> Self {
        Self { member, tags: None, meta: Vec::new(), rows: Vec::new(), text: Vec::new() }
    }

    /// Tells whether nothing differs but, at most, the tag.
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty() && self.rows.is_empty()
    }

    /// Bytes that the difference takes in memory, about.
    pub fn bytes(&self) -> usize {
        let row = |(_, change): &(Key, RowChange)| match change {
            RowChange::Added(members) => size_of_val(&**members),
            RowChange::Removed(keys) => size_of_val(&**keys),
            RowChange::Changed(changes) => size_of_val(&**changes),
        };
        self.text.len() + size_of_val(&*self.rows) + self.rows.iter().map(row).sum::<usize>()
    }

    /// Appends a value to the text.
    pub(crate) fn value(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.end();
        write(&mut self.text);
        Span { start, end: self.end() }
    }

    /// JSON of a value.
    fn json(&self, span: Span) -> &[u8] {
        &self.text[span.start as usize..span.end as usize]
    }

    fn end(&self) -> u32 {
        // Differences of four gigabytes exceed every limit of a history.
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }
}
